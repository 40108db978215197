/* For the files of this room. */
#ifndef GW_TRACE_PRIV_H
#define GW_TRACE_PRIV_H

#include "gateway/trace/mask.h"
#include "gateway/trace/trace.h"

enum gw_trace_kind { GW_TRACE_SIP, GW_TRACE_STEP, GW_TRACE_NOTE };

struct gw_trace_event {
    uint64_t wall_us;
    uint8_t kind;           /* enum gw_trace_kind */
    bool is_access, is_out; /* SIP */
    bool is_good;           /* STEP; NOTE: no warning */
    bool is_sdp;
    uint16_t status; /* SIP: of a response */
    char peer[GW_ADDR_TEXT];
    const char *transport;   /* SIP: static */
    char *text;              /* heap: message, masked; or "ICE" NUL "up" joined by a blank; or the log line */
    size_t len, start, body; /* SIP: length of the first line, offset of the body */
};

struct gw_trace_call {
    char id[64];          /* of the log; empty: no call was made of it (yet) */
    char call_id[2][256]; /* [0] access, [1] core */
    bool from_access;
    char caller[128], callee[128]; /* addresses in its first INVITE */
    unsigned status;               /* the final answer to the first INVITE of the caller; 0: none yet */
    uint64_t begun_us, ended_us;
    unsigned nevents, left_out;
    size_t octets;
    struct gw_trace_event events[GW_TRACE_EVENTS];
};

/* Runs `f` on a call that does not change meanwhile; false: not known. */
bool gw_trace_with(const char *id, void (*f)(const struct gw_trace_call *c, void *arg), void *arg);

/* ---- verdict.c ---- */

/* "answered with 200, goes on" and the like. */
void gw_trace_verdict(const struct gw_trace_call *c, char *buf, size_t size);
/* What went wrong, one sentence after the other, first to last. */
void gw_trace_troubles(const struct gw_trace_call *c, void (*f)(void *arg, const char *sentence), void *arg);

#endif
