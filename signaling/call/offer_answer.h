/* Offer and answer across two legs, as a table (RFC 3264, RFC 6337): which step may follow which. Pure. */
#ifndef GW_OFFER_ANSWER_H
#define GW_OFFER_ANSWER_H

enum gw_oa_state {
    GW_OA_STABLE,          /* no offer is open */
    GW_OA_OFFER_RECEIVED,  /* media is being reserved for it */
    GW_OA_OFFER_SENT,      /* on the other leg; its answer is awaited */
    GW_OA_ANSWER_RECEIVED, /* media is being configured for it */
};

enum gw_oa_event {
    GW_OA_OFFER,      /* gw_ms_offer */
    GW_OA_OFFER_OUT,  /* gw_ms_offer_out */
    GW_OA_ANSWER,     /* gw_ms_answer */
    GW_OA_ANSWER_OUT, /* gw_ms_answer_out */
    GW_OA_REANSWER,   /* gw_ms_reanswer */
    GW_OA_REOFFER,    /* gw_ms_reoffer */
    GW_OA_ROLLBACK,   /* gw_ms_rollback */
};

/* The next state; a negative enum gw_err (STATE) when the step is not possible. */
int gw_oa_next(enum gw_oa_state state, enum gw_oa_event event);

#endif
