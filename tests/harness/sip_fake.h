/* A fake of the SIP stack of signaling/sip/sip.h, to be linked instead of it: no sockets, and time is a number.
 * Messages are the real ones. What is tested talks to `gw_sip_stack_*`, `gw_sip_server_*`, `gw_sip_client_*` and
 * `gw_ctl_*` as ever; the test plays the network with the functions below. All handles live until fake_sip_reset, so
 * that a test can look at what was said after a transaction ended; using one of them after its end from the tested side
 * is a failed check. One stack at a time, one thread. */
#ifndef GW_TEST_SIP_FAKE_H
#define GW_TEST_SIP_FAKE_H

#include "signaling/sip/sip.h"

enum { FAKE_HOST_TEXT = 64 };
#define FAKE_CORE_HOST "10.0.0.5:5060" /* gw_sip_stack_host(s, false) */
/* gw_sip_stack_params: nothing */
#define FAKE_ACCESS_HOST "gw.example" /* gw_sip_stack_host(s, true) */

/* Frees everything of the last test and starts at time 1 s. Returns the stack. */
struct gw_sip_stack *fake_sip_reset(void);
void fake_sip_set_handler(const struct gw_sip_handler *h); /* copied */
/* Moves the clock, firing timers in order of their time. */
void fake_sip_advance(uint32_t ms);
void fake_sip_poll(void);       /* calls who watches a descriptor that is readable; never by itself */
unsigned fake_sip_timers(void); /* started and not yet fired */

/* Above 0 while the tested side runs, called by this fake: for tests that let its allocations fail. */
extern unsigned fake_tested_depth;

/* ---- the access side ---- */
extern const char *fake_flow_token;               /* what every flow was opened with; NULL: nothing */
gw_flow_id fake_flow_open(const char *transport); /* "WSS" ...; the handler hears of it */
void fake_flow_close(gw_flow_id flow);
bool fake_flow_was_closed_by_us(gw_flow_id flow, uint16_t *ws_code);

/* ---- requests that come in ---- */
/* Lines may end in LF alone; Via, Call-ID and CSeq are added where the text has none. NULL
 * (and a failed check) if it cannot be parsed. flow 0: from the core. */
struct gw_sip_server *fake_request(gw_flow_id flow, const char *text);
void fake_cancel(struct gw_sip_server *t);                       /* on_cancel */
void fake_ack(struct gw_sip_server *t, const char *sdp_or_null); /* on_ack, after a 2xx */
void fake_no_ack(struct gw_sip_server *t);
const struct gw_sip_msg *fake_server_request(const struct gw_sip_server *t);
unsigned fake_responses(const struct gw_sip_server *t);
const struct gw_sip_msg *fake_response(const struct gw_sip_server *t, unsigned i); /* NULL past the last */
const struct gw_sip_msg *fake_last_response(const struct gw_sip_server *t);
int fake_status(const struct gw_sip_server *t); /* of the last response; 0: none yet */
bool fake_server_was_dropped(const struct gw_sip_server *t);

/* ---- requests that went out, in order since reset ---- */
unsigned fake_sent(void);
struct gw_sip_client *fake_client(unsigned i); /* NULL past the last */
struct gw_sip_client *fake_last_client(void);
const struct gw_sip_msg *fake_client_request(const struct gw_sip_client *c);
gw_flow_id fake_client_flow(const struct gw_sip_client *c);
const char *fake_client_next_hop(const struct gw_sip_client *c); /* target.uri or NULL */
bool fake_client_was_cancelled(const struct gw_sip_client *c);
bool fake_client_was_dropped(const struct gw_sip_client *c);
/* A response made from the request, with header lines of `headers` ("A: b\n" each, may be NULL) and a body of SDP (may
 * be NULL). A final one is the last: other 2xx of an
 * INVITE are the stack's, or come to on_stray_2xx. */
void fake_answer(struct gw_sip_client *c, int status, const char *to_tag, const char *headers, const char *sdp);
/* The stack's own 408: no final response came in 64*T1. */
void fake_client_end(struct gw_sip_client *c);

/* ACKs sent without a transaction. */
unsigned fake_acks(void);
const struct gw_sip_msg *fake_ack_sent(unsigned i);

/* The next n calls of gw_sip_client_send fail with err. */
void fake_sip_fail_sends(unsigned n, int err);
/* The nth call of gw_sip_client_send from now on fails with err; 0: none. */
void fake_sip_fail_nth_send(unsigned n, int err);

#endif
