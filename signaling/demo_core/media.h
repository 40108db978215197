/* The media of one call of an endpoint: m-lines of several kinds, on the stack's loop. */
#ifndef GW_DEMO_MEDIA_H
#define GW_DEMO_MEDIA_H

#include "signaling/demo_core/paper.h"
#include "signaling/sdp/sdp_attr.h"
#include "signaling/sip/sip.h"

enum { GW_DEMO_LINES = 12 };

struct gw_demo_media;
struct gw_demo_line;
struct gw_floor;

/* A kind of m-line: one const struct in its own file, and its row in media.c. */
struct gw_demo_line_ops {
    const char *word; /* what a user asks for: "call me audio chat" */
    bool (*can_take)(const struct gw_sdp_media *m);
    int (*open)(struct gw_demo_line *l); /* l->state and l->port; close follows only if it went well */
    void (*close)(struct gw_demo_line *l);
    /* What the other side says of the line: an offer, or the answer to ours. Also when it says it again. */
    int (*apply)(struct gw_demo_line *l, const struct gw_sdp *sdp, const struct gw_sdp_media *m, bool is_answer);
    /* The m-line and its attributes; `offer` NULL: an offer of ours. */
    void (*write)(const struct gw_demo_line *l, const struct gw_sdp_media *offer, struct gw_sdp_buf *b);
    bool (*is_expecting)(const struct gw_demo_line *l); /* the other side owes us something to hear */
};

extern const struct gw_demo_line_ops gw_demo_line_audio, gw_demo_line_video, gw_demo_line_chat, gw_demo_line_text,
    gw_demo_line_floor, gw_demo_line_fax;

struct gw_demo_line { /* lines that we refuse have no ops */
    struct gw_demo_media *media;
    const struct gw_demo_line_ops *ops;
    uint16_t port;            /* 0: none */
    void *state;              /* of the kind */
    char type[16], proto[16]; /* of the m-line */
};

/* What the call's fax machine is for. */
struct gw_demo_fax_job {
    struct gw_demo_tray *tray; /* borrowed */
    bool is_caller;            /* of T.30: it sends */
    char send[GW_DEMO_PATH];   /* TIFF; empty: it receives */
};

struct gw_demo_ports {
    uint16_t min, max, *next;
};

struct gw_demo_media {
    struct gw_sip_stack *stack;
    struct gw_floor *floor; /* borrowed: the demo core's one */
    const char *call_id;    /* borrowed, for the log */
    struct gw_addr addr;
    struct gw_demo_ports ports;
    uint64_t heard_us;     /* last packet of the other side */
    uint64_t version, id;  /* of o= */
    bool is_event_dropped; /* digits go to on_digit instead of back */
    void (*on_digit)(void *arg, char digit);
    void (*on_picture)(void *arg); /* the caller wants a picture, and its profile has no feedback */
    void (*on_fax)(void *arg, bool is_good, const char *tiff); /* a fax is over; tiff: what came, perhaps nothing */
    struct gw_demo_fax_job fax;
    void *arg;
    unsigned nlines;
    struct gw_demo_line lines[GW_DEMO_LINES];
    struct gw_demo_line spare; /* what a switch has put another line in place of, until it is answered */
    unsigned spare_at;
};

/* Applies an offer: opens new lines, keeps those there are, closes those that are gone, and writes the answer. What no
 * kind takes is answered with port 0. GW_E_SYNTAX (no SDP), GW_E_LIMIT (too many lines), GW_E_FULL (no port),
 * GW_E_UNSUPPORTED (nothing we can take). */
int gw_demo_media_answer(struct gw_demo_media *m, struct gw_span offer, struct gw_sdp_buf *answer);
/* An offer of the lines there are and of one for each word ("chat text"). GW_E_NOTFOUND: no such word. */
int gw_demo_media_offer(struct gw_demo_media *m, const char *words, struct gw_sdp_buf *offer);
/* Closes the lines of a kind, for the next offer. NOTFOUND: there is none. */
int gw_demo_media_drop(struct gw_demo_media *m, const char *words);
/* The next offer has a line of the kind in place of the audio (T.38 s. D.2.2.4); gw_demo_media_withdraw takes it back.
 * NOTFOUND: there is no audio. STATE: the kind is there already. */
int gw_demo_media_switch(struct gw_demo_media *m, const char *word);
bool gw_demo_media_has(const struct gw_demo_media *m, const char *word);
/* The answer to an offer of ours: lines that were refused are closed. */
int gw_demo_media_on_answer(struct gw_demo_media *m, struct gw_span answer);
void gw_demo_media_withdraw(struct gw_demo_media *m,
                            unsigned from);                   /* the lines from that one on: their offer was refused */
bool gw_demo_media_is_sending(const struct gw_demo_media *m); /* the caller is expected to send something */
void gw_demo_media_fini(struct gw_demo_media *m);

/* line_rtp.c: asks for a picture, by RTCP where a line has feedback. False: no such line, SIP INFO is left. */
bool gw_demo_rtp_ask_picture(struct gw_demo_media *m);

/* ---- for the kinds ---- */

/* A socket of `type` (SOCK_DGRAM, SOCK_STREAM) bound to a port, or two datagram sockets at a port and the next (RTP and
 * RTCP). GW_E_FULL: no port left. */
int gw_demo_open_ports(struct gw_demo_media *m, int type, int fds[], unsigned n, uint16_t *port);
void gw_demo_write_line(const struct gw_demo_line *l, const struct gw_sdp_media *offer, const char *type,
                        const char *proto, const char *fmts, struct gw_sdp_buf *b);

#endif
