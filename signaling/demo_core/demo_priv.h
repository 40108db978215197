/* For the files of this room only. */
#ifndef GW_DEMO_PRIV_H
#define GW_DEMO_PRIV_H

#include "signaling/demo_core/demo_core.h"
#include "signaling/demo_core/registrar.h"

enum { GW_DEMO_CALLS = 200, GW_DEMO_ROUTES = 8 };

struct gw_demo_call;

enum gw_demo_kind { GW_DEMO_ECHO, GW_DEMO_DTMF, GW_DEMO_EARLY, GW_DEMO_BUSY, GW_DEMO_NOANSWER };

struct gw_demo {
    struct gw_demo_options options;
    struct gw_sip_stack *stack;
    struct gw_registrar registrar;
    struct gw_ctl_timer *sweep; /* every few seconds: calls whose caller vanished */
    struct gw_demo_call *calls;
    unsigned ncalls;
    uint16_t next_port;
};

/* call.c: the endpoints' side of a dialog */
void gw_demo_call_on_invite(struct gw_demo *d, enum gw_demo_kind kind, struct gw_sip_server *t,
                            const struct gw_sip_msg *req);
/* The call that an in-dialog request belongs to, or NULL. */
struct gw_demo_call *gw_demo_call_find(struct gw_demo *d, const struct gw_sip_msg *req);
void gw_demo_call_on_request(struct gw_demo_call *c, struct gw_sip_server *t, const struct gw_sip_msg *req);
void gw_demo_calls_sweep(struct gw_demo *d);
void gw_demo_calls_free(struct gw_demo *d);

/* relay.c: between users, as a stateful proxy that stays in the path */
void gw_demo_relay(struct gw_demo *d, struct gw_sip_server *t, const struct gw_sip_msg *req);
void gw_demo_relay_ack(struct gw_demo *d, const struct gw_sip_msg *ack);

#endif
