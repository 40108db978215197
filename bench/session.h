/* Sessions of real-time text and fax, and what may stand between their ends. bench/session_bench.c runs the targets in
 * turn, each in a process of its own. */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include <sys/types.h>

#include "bench/data_end.h"
#include "gateway/base/addr.h"

enum session_kind {
    SESSION_TEXT,  /* T.140: a browser's data channel, RTP towards the core */
    SESSION_FAX,   /* T.38: a browser's data channel, UDPTL towards the core */
    SESSION_UDPTL, /* T.38: UDPTL of a phone, UDPTL towards the core */
    SESSION_KINDS
};

enum { SESSION_ACCESS, SESSION_CORE }; /* sides */
enum { SESSION_T140_PT = 98, SESSION_RED_PT = 100, SESSION_MAX = 60000 };

struct session {
    unsigned i;
    struct data_end end;  /* the browser; none of UDPTL */
    struct gw_addr to[2]; /* where the ends that are phones send to */
    uint16_t seq, last_seq[2];
    bool has_seq[2];
    uint32_t ts;
};

/* Where the phone of a session is. */
struct gw_addr session_phone(unsigned side, unsigned i);
extern struct gw_dtls_identity *session_identity; /* of browsers, and of the bare loop */

struct session_target {
    const char *name;
    bool has[SESSION_KINDS];
    int (*start)(enum session_kind kind, unsigned n, int core); /* 0 or an error and a message on stderr */
    int (*join)(enum session_kind kind, struct session *s);     /* fills `to`, and the peer of `end` */
    pid_t (*pid)(void);
    void (*stop)(void);
};

extern const struct session_target session_bare, session_imsgw, session_rtpengine;

struct session_figures {
    double us;              /* CPU of a session's second */
    double setup_us;        /* CPU of making one */
    double kb;              /* memory of one */
    double lost;            /* per cent of characters, or of fax packets */
    double core, generator; /* how much of its core the target, and the generator, had */
};

/* N sessions made, run for `seconds` (or left alone, but for their timers) and measured; in a process that has not run
 * usrsctp before. */
int session_run(const struct session_target *t, enum session_kind kind, unsigned n, bool is_idle, double seconds,
                int core, struct session_figures *out);

#endif
