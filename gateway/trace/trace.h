/* What happened to each call: the SIP messages of both legs, the steps of its media and what the log said of it, kept
 * for the operator's console and for `imsgwctl explain`, and sent to a HEP collector. A bounded ring of calls, the
 * oldest leaves first; each call is bounded too. What is secret is masked before anything is kept or sent (mask.h).
 *
 * One history for the process, as there is one log. Any thread may call; a lock stands around the ring, so nothing of
 * this may be called on the packet path. Until gw_trace_start, and with trace_calls = 0 and no hep_address, every call
 * is free. */
#ifndef GW_TRACE_H
#define GW_TRACE_H

#include <stdbool.h>

#include "gateway/base/addr.h"
#include "gateway/base/conf.h"
#include "gateway/base/span.h"

enum {
    GW_TRACE_EVENTS = 300,        /* of a call; what comes later is counted and left out */
    GW_TRACE_OCTETS = 256 * 1024, /* of a call's messages */
    GW_TRACE_MESSAGE = 32 * 1024, /* of one message; the rest is cut off */
    GW_TRACE_LIST = 1000,         /* calls of the list */
};

/* GW_E_IO: no socket for HEP. */
int gw_trace_start(const struct gw_conf *c);
void gw_trace_stop(void);
bool gw_trace_is_on(void);

/* A SIP message as it came or goes. Addresses may be unset. */
struct gw_trace_message {
    bool is_access, is_out;
    const char *transport; /* "WSS", "UDP" ... */
    struct gw_addr peer, local;
    struct gw_span text;
};
void gw_trace_sip(const struct gw_trace_message *m);

/* The dialog with that Call-ID is a leg of the call whose log id is `call`. */
void gw_trace_leg(const char *call, const char *call_id, bool is_access);
/* A step of the call's media and its outcome, e.g. "ICE", "up". `call` is its log id. */
void gw_trace_step(const char *call, const char *step, bool is_good, const char *outcome);

/* For the console; heap texts that the caller frees, NULL without memory. `id` is a call's log id or a Call-ID. */
char *gw_trace_list_json(void);           /* newest first */
char *gw_trace_call_json(const char *id); /* also NULL: not known */
char *gw_trace_explain(const char *id);   /* the same as text: what happened, and what went wrong */

#endif
