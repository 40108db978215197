/* SIP over WebSocket (RFC 7118), over TCP and TLS for IMS phones, and HTTPS for the page, /healthz and /metrics, on one
 * thread of its own (the front thread: libwebsockets on libuv). Talks to the control thread by mailboxes alone. */
#ifndef GW_WS_LISTENER_H
#define GW_WS_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/conf.h"
#include "gateway/base/mbox.h"

struct gw_ws;

enum gw_ws_event_type { GW_WS_OPEN, GW_WS_MESSAGE, GW_WS_CLOSED };

/* Heap; the receiver frees with gw_ws_event_free. */
struct gw_ws_event {
    enum gw_ws_event_type type;
    uint64_t conn; /* never reused, never 0 */
    struct gw_addr peer, local;
    bool is_tls, is_stream; /* stream: SIP over TCP or TLS, no WebSocket */
    char host[256];         /* OPEN: Host header */
    bool is_binary;         /* MESSAGE */
    size_t len;
    char data[]; /* len octets and a NUL; OPEN: bearer token of the upgrade request, or empty; MESSAGE: the message */
};
void gw_ws_event_free(struct gw_ws_event *e);

/* Starts the front thread and its listeners. `events` is the control thread's mailbox, borrowed. `why` explains an
 * error (certificate unreadable, address in use). */
int gw_ws_new(const struct gw_conf *conf, struct gw_mbox *events, struct gw_ws **out, char *why, size_t why_size);
/* Reads tls_cert and tls_key again, for connections from now on. `why` explains an error; the old certificate stays. */
int gw_ws_reload(struct gw_ws *ws, const struct gw_conf *conf, char *why, size_t why_size);
/* Closes every socket with 1001 and joins the thread. */
void gw_ws_free(struct gw_ws *ws);
/* Stops accepting; /healthz says 503 so that balancers go elsewhere; live sockets stay. Any thread. */
void gw_ws_drain(struct gw_ws *ws);

/* Queues one message; takes *data (heap) on success. GW_E_FULL: the mailbox is full. A socket whose own queue exceeds
 * its bound is closed 1013 and counted. Any thread. */
int gw_ws_send(struct gw_ws *ws, uint64_t conn, char **data, size_t len, bool is_binary);
int gw_ws_close(struct gw_ws *ws, uint64_t conn, uint16_t code, const char *reason);

#endif
