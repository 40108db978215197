/* WebSocket frames (RFC 6455 s. 5), pure and of the server's side: octets in, messages and control frames out. */
#ifndef GW_WS_FRAME_H
#define GW_WS_FRAME_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum gw_ws_opcode {
    GW_WS_CONT = 0,
    GW_WS_TEXT = 1,
    GW_WS_BINARY = 2,
    GW_WS_CLOSE = 8,
    GW_WS_PING = 9,
    GW_WS_PONG = 10
};

enum { /* close codes, s. 7.4.1 */
       GW_WS_NORMAL = 1000,
       GW_WS_GOING_AWAY = 1001,
       GW_WS_PROTOCOL = 1002,
       GW_WS_NO_STATUS = 1005, /* never on the wire: a Close without a code */
       GW_WS_NOT_UTF8 = 1007,
       GW_WS_POLICY = 1008,
       GW_WS_TOO_BIG = 1009,
       GW_WS_OVERLOAD = 1013,
};

enum { GW_WS_HEADER_MAX = 10, GW_WS_MESSAGE_MAX = 64 * 1024 };

/* Reassembles fragments; zeroed to begin. */
struct gw_ws_rx {
    uint8_t head[14]; /* of the frame that is coming in */
    unsigned nhead;
    uint64_t left; /* octets of its payload still to come */
    unsigned mask_at;
    bool is_in_payload;
    uint8_t control[125]; /* payload of a control frame, that may stand between fragments */
    unsigned ncontrol;
    uint8_t *message; /* heap, while a message is coming in */
    size_t len, capacity;
    uint8_t opcode; /* of that message; 0: none open */
};

struct gw_ws_rx_event {
    uint8_t opcode;      /* TEXT, BINARY (whole messages), CLOSE, PING, PONG */
    struct gw_span data; /* valid until the next call; of CLOSE: the reason */
    uint16_t code;       /* of CLOSE */
};

/* Takes octets from *in until an event is whole: 0 and *ev. GW_E_AGAIN: *in is used up. Any other error: *code is what
 * to close with, and nothing more is read. */
int gw_ws_rx_next(struct gw_ws_rx *rx, struct gw_span *in, struct gw_ws_rx_event *ev, uint16_t *code);
void gw_ws_rx_fini(struct gw_ws_rx *rx);

/* The head of an unmasked, unfragmented frame into buf (GW_WS_HEADER_MAX octets); its length. */
size_t gw_ws_frame_head(uint8_t *buf, enum gw_ws_opcode opcode, size_t len);

#endif
