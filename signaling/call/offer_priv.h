/* The machine of offer.c, for offer_event.c. */
#ifndef GW_OFFER_PRIV_H
#define GW_OFFER_PRIV_H

#include "signaling/call/call_priv.h"

enum gw_ex_event {
    GW_EV_OFFER,      /* a transaction of `from` brought one */
    GW_EV_ASK,        /* a transaction of `from` without SDP */
    GW_EV_LATE_OFFER, /* the 2xx of `to` brought one */
    GW_EV_REOFFER,    /* the gateway offers */
    GW_EV_NEW_LINES,  /* the same, and new m-lines need Iq first */
    GW_EV_ANSWER,
    GW_EV_REANSWER,    /* another fork's */
    GW_EV_EARLY_OFFER, /* of the core, before the call is up */
    GW_EV_REFUSED,     /* a non-2xx, or nothing could be sent */
    GW_EV_IQ_OK,
    GW_EV_IQ_FAIL,
};

/* What an event brings: a message, its SDP, or the reply of Iq. */
struct gw_ex_facts {
    const struct gw_sip_msg *msg;
    struct gw_span sdp;
    const struct gw_iq_reply *reply;
};

/* The actions of early offers, and what Iq says. */
void gw_offer_early_take(struct gw_call *c, const struct gw_ex_facts *f);
void gw_offer_early_answer(struct gw_call *c, const struct gw_ex_facts *f);
gw_call_iq_cb gw_offer_on_iq;
void gw_offer_step(struct gw_call *c, enum gw_ex_event ev, const struct gw_ex_facts *f);
/* Ends the call: a side agreed to what cannot be done. */
void gw_offer_broken(struct gw_call *c, int status, const char *text);
/* Responses to a re-INVITE or UPDATE of ours. */
gw_sip_response_cb gw_offer_on_client;

#endif
