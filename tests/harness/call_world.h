/* A gateway with calls and nothing else: fake SIP stack, fake access gateway, fake interworking. The test is the
 * browser, the core and the clock. Bodies are names (see ms_fake.h).
 *
 *   world_open();
 *   struct gw_sip_server *a = browser_invite("v1", NULL);     INVITE with SDP "v1"
 *   media();                                                  the access gateway replies to what waits
 *   struct gw_sip_client *b = fake_client(0);                 our INVITE to the core
 *   fake_answer(b, 200, "bob", CORE_CONTACT, "v2"); media();
 *   EQ(fake_status(a), 200); fake_ack(a, NULL);
 *   ...
 *   world_close();                                            checks that nothing is left */
#ifndef GW_CALL_WORLD_H
#define GW_CALL_WORLD_H

#include "agw_fake.h"
#include "gateway/base/stats.h"
#include "ms_fake.h"
#include "signaling/call/call.h"
#include "sip_fake.h"
#include "test.h"

#define CORE_CONTACT "Contact: <sip:bob@10.0.0.9:5070>\n"
#define CORE_CALLER_CONTACT "Contact: <sip:carol@10.0.0.8:5070>\n"
#define BROWSER_CONTACT "Contact: <sip:u8@k3f9.invalid;transport=ws>\n"

extern struct gw_calls *calls;
extern struct gw_agw *agw;
extern gw_flow_id browser;               /* the connection of the browser */
extern struct gw_call_setup world_setup; /* what the P-CSCF says of the next call; from_access is set by the helpers */

void world_open(void);
void world_open_with(const char *conf); /* lines of a configuration file */
/* Every call ended, every context released, every transaction finished, no timer running. */
void world_close(void);
/* Replies of the access gateway, and what the control loop does next. */
void media(void);
int64_t counted(enum gw_stat stat); /* since world_open */

/* First INVITEs. `headers`: more lines ("A: b\n"), may be NULL; sdp NULL: an offerless one. */
struct gw_sip_server *browser_invite(const char *sdp, const char *headers);
struct gw_sip_server *core_invite(const char *sdp, const char *headers);

/* A request inside the dialog of an INVITE that the peer sent (t), or that we sent (c) and whose To tag is `tag`. */
struct gw_sip_server *from_caller(const struct gw_sip_server *t, const char *method, unsigned cseq, const char *headers,
                                  const char *body);
struct gw_sip_server *from_callee(const struct gw_sip_client *c, const char *tag, const char *method, unsigned cseq,
                                  const char *headers, const char *body);

/* What was said. */
const char *header_of(const struct gw_sip_msg *m, const char *name); /* first value or "" */
const char *body_of(const struct gw_sip_msg *m);                     /* valid until the next call but three */
const char *method_of(const struct gw_sip_client *c);
const char *last_body(const struct gw_sip_server *t);
const char *param_of(const char *value, const char *param); /* likewise */
struct gw_sip_client *last_sent(const char *method);        /* the last request sent; a failed check if another */

/* Whole beginnings: the browser called, the core answered "bob", all is acknowledged. Out: the two transactions. */
void call_up(struct gw_sip_server **a, struct gw_sip_client **b);
void call_up_from_core(struct gw_sip_server **a, struct gw_sip_client **b);
/* BYE of the caller, answered by the callee. */
void hang_up(struct gw_sip_server *a);

#endif
