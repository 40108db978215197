/* The media of one call of an endpoint: a pair of UDP sockets per audio or video line, on the stack's loop. */
#ifndef GW_DEMO_MEDIA_H
#define GW_DEMO_MEDIA_H

#include "signaling/demo_core/echo.h"
#include "signaling/sdp/sdp_attr.h"
#include "signaling/sip/sip.h"

enum { GW_DEMO_LINES = 8 };

struct gw_demo_media;

struct gw_demo_line { /* one m-line; lines that we refuse have no socket */
    struct gw_demo_media *media;
    int fds[2];    /* RTP, RTCP; -1 */
    uint16_t port; /* RTP; RTCP is the next */
    struct gw_addr rtp, rtcp;
    bool has_mux, is_avpf, is_video;
    enum gw_sdp_direction direction; /* ours */
    struct gw_echo echo;
};

struct gw_demo_media {
    struct gw_sip_stack *stack;
    struct gw_addr addr;
    uint64_t heard_us;     /* last RTP packet */
    uint64_t version, id;  /* of o= */
    bool is_event_dropped; /* digits go to on_digit instead of back */
    void (*on_digit)(void *arg, char digit);
    void (*on_picture)(void *arg); /* the caller wants a picture, and its profile has no feedback */
    void *arg;
    unsigned nlines;
    struct gw_demo_line lines[GW_DEMO_LINES];
};

struct gw_demo_ports {
    uint16_t min, max, *next;
};

/* Applies an offer: opens sockets for new lines, keeps those there are, and writes the answer. Audio and video over
 * RTP/AVP and RTP/AVPF are taken with every format; other lines are answered with port 0. GW_E_SYNTAX (no SDP),
 * GW_E_LIMIT (too many lines), GW_E_FULL (no port), GW_E_UNSUPPORTED (nothing we can take). */
int gw_demo_media_answer(struct gw_demo_media *m, const struct gw_demo_ports *ports, struct gw_span offer,
                         struct gw_sdp_buf *answer);
/* Asks the caller for a picture: by RTCP where the line has feedback. False: no such line, SIP INFO is left. */
bool gw_demo_media_ask_picture(struct gw_demo_media *m);
bool gw_demo_media_is_sending(const struct gw_demo_media *m); /* the caller is expected to send something */
void gw_demo_media_fini(struct gw_demo_media *m);

#endif
