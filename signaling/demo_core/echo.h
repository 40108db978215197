/* What comes back from the echo: packets of the caller under our own SSRC, and the RTCP that keeps both sides going.
 * The caller is the source and the receiver of one stream, so what it says as a receiver is told to it as a source.
 * Pure. */
#ifndef GW_DEMO_ECHO_H
#define GW_DEMO_ECHO_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

struct gw_echo {
    uint32_t ssrc;      /* ours; another one whenever the caller's changes */
    uint32_t peer_ssrc; /* of the last RTP packet; 0: none yet */
    uint16_t max_seq;
    uint16_t cycles;
    bool is_event[128];    /* payload types of telephone-event: one for each clock of the audio codecs */
    bool is_event_dropped; /* digits are not echoed but reported */
    uint32_t event_ts;     /* time stamp of the last digit, which is told once */
    bool has_event;
};

void gw_echo_init(struct gw_echo *e, bool is_event_dropped);

/* In place. True: send it back. *digit becomes a digit that has just ended (RFC 4733 s. 2.3), else 0. */
bool gw_echo_rtp(struct gw_echo *e, uint8_t *pkt, size_t len, char *digit);

enum { GW_ECHO_RTCP = 512 };
/* The answer to an RTCP datagram, 0 octets if there is none to give. SR: the same sender information under our SSRC,
 * and a report on the caller's stream. PLI, FIR, NACK about our stream: the same wish about the caller's.
 * *wants_picture tells of a PLI or FIR, for peers that only hear it by SIP INFO. */
size_t gw_echo_rtcp(struct gw_echo *e, struct gw_span datagram, uint8_t out[GW_ECHO_RTCP], bool *wants_picture);

#endif
