/* For the files of this room only: a call, its two legs, and who does what.
 *   calls.c    the table of calls        call.c     life of one call, timers   leg.c          messages of a leg
 *   admit.c    a new INVITE              invite.c   its way to the callee      provisional.c  what the caller is told
 *   offer.c    offers and answers        offer_event.c what sets them going    refresh.c      session timers at work
 *   request.c  requests in the dialog    transfer.c REFER, Replaces, NOTIFY    media.c  Iq    record.c  call record */
#ifndef GW_CALL_PRIV_H
#define GW_CALL_PRIV_H

#include <stdlib.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "signaling/call/call.h"
#include "signaling/call/dialog.h"
#include "signaling/call/reliable.h"
#include "signaling/call/session_timer.h"

enum {
    GW_CALL_EARLY = 12,    /* early dialogs of one INVITE (forking); further ones are ignored and counted */
    GW_CALL_DEFERRED = 24, /* messages that wait for Iq */
    GW_CALL_RELAYS = 8,    /* requests on their way from one leg to the other */
    GW_CALL_REFERS = 8,    /* subscriptions made by REFER whose NOTIFY ids are mapped */
    GW_CALL_BUCKETS = 4096,
    GW_CALL_REASON = 96,
    GW_CALL_COUNTERS = 64, /* streams and channels in a call record */
};

#define GW_CALL_ALLOW "INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, INFO, REFER, NOTIFY, MESSAGE, OPTIONS, SUBSCRIBE"

struct gw_call;
struct gw_call_leg;

enum gw_leg_state {
    GW_LEG_NEW,
    GW_LEG_INVITED,   /* we owe the final response */
    GW_LEG_CALLING,   /* our INVITE has no final response yet */
    GW_LEG_CANCELLED, /* the same, and we cancelled */
    GW_LEG_ACCEPTED,  /* 2xx, no ACK yet */
    GW_LEG_CONFIRMED,
    GW_LEG_CLOSING, /* BYE sent, no response yet */
    GW_LEG_DONE,
};

/* One fork of our INVITE. */
struct gw_call_early {
    struct gw_dialog dlg;
    uint32_t rseq; /* last reliable provisional response seen; 0: none */
    char *sdp;     /* the answer that it gave, or the offer in its place; NULL: none */
    size_t sdp_len;
    bool has_offered; /* its later answers to the INVITE are none */
};

/* A request passed on, whose response is awaited. */
struct gw_call_relay {
    struct gw_call_leg *from; /* NULL: free */
    struct gw_sip_server *server;
    struct gw_sip_msg *req;
    struct gw_sip_client *client;
};

/* A server or client transaction that carries offers: INVITE or UPDATE. At most one of each per leg. */
struct gw_call_uas {
    struct gw_sip_server *txn; /* NULL: none; after a 2xx to INVITE until its ACK */
    struct gw_sip_msg *req;
    bool is_invite, has_2xx;
};

struct gw_call_uac {
    struct gw_sip_client *txn; /* NULL: none, or the stack is done with it */
    uint32_t cseq;
    bool is_invite;
    bool is_open; /* no final response yet */
    bool is_cancelled;
    struct gw_sip_msg *ack; /* to answer a repeated 2xx */
};

struct gw_call_leg {
    struct gw_call *call;
    uint8_t side;   /* enum gw_leg */
    uint8_t state;  /* enum gw_leg_state */
    bool is_caller; /* the leg that the first INVITE came on */
    bool is_browser;
    bool is_flow_lost;
    gw_flow_id flow; /* 0: core */
    char *next_hop;  /* of the first INVITE, or NULL */
    struct gw_dialog dlg;
    struct gw_call_leg *hash_next;

    unsigned nearly;
    struct gw_call_early *early[GW_CALL_EARLY];

    struct gw_call_uas uas;
    struct gw_call_uac uac;
    struct gw_sip_client *refresh, *bye;

    struct gw_session_timer timer;
    uint32_t asked_s; /* Session-Expires of our last request */
    bool peer_has_timer, peer_has_update, peer_wants_100rel;

    struct gw_reliable reliable;
    struct gw_sip_msg *reliable_msg; /* waits for its PRACK */
    struct gw_sip_msg *held[2];      /* responses that wait until then: a provisional, a final */
    bool reliable_has_sdp;           /* the answer went out reliably: the 2xx leaves it out (RFC 6337 s. 2.2) */

    bool sdp_is_shown;   /* the first answer went out in a provisional response */
    bool sdp_was_answer; /* what we sent last was an answer, not an offer */
    uint8_t sdp_seen[8]; /* digest of the SDP last accepted from the peer */
    bool has_sdp_seen;
};

/* An offer/answer exchange between the legs; see offer.c. */
enum gw_ex_state {
    GW_EX_IDLE,
    GW_EX_ASKED,      /* INVITE without SDP sent on; the callee is to offer */
    GW_EX_RESERVING,  /* the offer is with Iq */
    GW_EX_OFFERED,    /* sent on; the answer is awaited */
    GW_EX_COMMITTING, /* the answer is with Iq */
    GW_EX_ANSWERED,   /* only in the first INVITE: answered early, the final response is awaited */
    GW_EX_REPOINTING, /* the same, another fork's answer is with Iq */
    GW_EX_REOFFERED,  /* the same, an offer of the core in an early dialog is with Iq */
    GW_EX_UNDOING,    /* refused; the state before is with Iq */
    GW_EX_STATES,
};

struct gw_exchange {
    uint8_t state;
    bool is_first;    /* of the call */
    bool is_late;     /* the offer came in the 2xx of `to` */
    bool is_declined; /* the 2xx of `to` took nothing of it */
    bool is_own;      /* the gateway offers; from is then the other leg and has no transaction */
    struct gw_call_leg *from, *to;
    struct gw_sip_msg *msg;   /* what Iq is waited for: the message with the answer, or the refusal to pass on */
    struct gw_call_uas early; /* an offer of the core in an early dialog, with Iq */
    bool needs_reoffer;       /* the browser's codecs changed with the fork, or by an early offer */
    uint8_t own_side;         /* enum gw_leg: where the gateway's own offer goes */
    uint8_t own_tries;
    char answer_tag[128]; /* fork whose answer the core termination points at */
};

enum gw_call_timer {
    GW_TIMER_C,       /* RFC 3261 s. 16.6: no final response */
    GW_TIMER_EXPIRES, /* Expires of the INVITE */
    GW_TIMER_FLOW,    /* the browser's connection is gone */
    GW_TIMER_SESSION_ACCESS,
    GW_TIMER_SESSION_CORE,
    GW_TIMER_RELIABLE, /* retransmission of a reliable provisional */
    GW_TIMER_GLARE,    /* our own offer met another: again later (RFC 3261 s. 14.1) */
    GW_TIMER_IQ,       /* a release is tried again */
    GW_TIMER_END,      /* the last words of the peers are not waited for any longer */
    GW_CALL_TIMERS,
};

enum gw_call_state { GW_CALL_SETUP, GW_CALL_UP, GW_CALL_ENDING };

typedef void gw_call_iq_cb(struct gw_call *c, const struct gw_iq_reply *reply);

struct gw_call_deferred {
    struct gw_call_leg *leg;
    struct gw_sip_msg *msg;
};

struct gw_call {
    struct gw_calls *cs;
    struct gw_call *next, **prev, *id_next;
    char id[GW_IQ_CALL_ID + 1];
    uint8_t state;             /* enum gw_call_state */
    struct gw_call_leg leg[2]; /* by enum gw_leg */
    struct gw_ms *ms;
    struct gw_exchange ex;

    gw_call_iq_cb *iq_next; /* who waits for the Iq reply; NULL: nobody */
    unsigned iq_pending;    /* replies not yet come, of any kind */
    uint64_t ctx;           /* 0: none, or released */
    bool is_released;
    uint8_t release_tries;
    unsigned ndeferred;
    struct gw_call_deferred deferred[GW_CALL_DEFERRED];

    struct gw_call_relay relays[GW_CALL_RELAYS];
    struct {
        uint32_t from_cseq, to_cseq;
        uint8_t from_side; /* of the REFER */
    } refers[GW_CALL_REFERS];
    unsigned nrefers;

    struct gw_ctl_timer *timer;
    uint64_t at_us[GW_CALL_TIMERS]; /* GW_NEVER: off */
    uint64_t pfu_at_us;             /* last picture_fast_update sent */
    uint64_t remade_at_us;          /* last core connection asked for anew */

    char *identity, *icid, *access_network_info;

    /* for the record */
    char *caller, *callee;
    uint64_t started_wall_us, answered_wall_us, answered_us, ended_wall_us;
    char why[GW_CALL_REASON];
    int cause;        /* SIP status or Reason cause */
    uint8_t ended_by; /* enum gw_call_by */
    bool has_record;
    uint16_t ncounters;
    struct gw_iq_counters *counters;
};

enum gw_call_by { GW_BY_GATEWAY, GW_BY_ACCESS, GW_BY_CORE };

struct gw_calls {
    const struct gw_conf *conf;
    struct gw_sip_stack *stack;
    struct gw_agw *agw;
    struct gw_call *first;
    unsigned n;
    struct gw_call_leg *hash[GW_CALL_BUCKETS]; /* by our tag */
    struct gw_call *by_id[GW_CALL_BUCKETS];
    uint64_t iq_txn;
    struct gw_ctl_timer *reaper;
    void (*on_idle)(void *arg);
    void *idle_arg;
};

/* ---- calls.c ---- */
struct gw_call_leg *gw_calls_find_leg(struct gw_calls *cs, const char *local_tag);
void gw_calls_index_leg(struct gw_calls *cs, struct gw_call_leg *leg);
void gw_calls_add(struct gw_calls *cs, struct gw_call *c); /* to the list and the table of ids */
void gw_calls_remove(struct gw_calls *cs, struct gw_call *c);
void gw_calls_unindex_leg(struct gw_calls *cs, struct gw_call_leg *leg);
/* The call is over: freed soon, never inside the caller. */
void gw_calls_reap_soon(struct gw_calls *cs);
/* Refuses a request: one response, one counter, one log line. */
void gw_calls_refuse(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req, const char *call,
                     int status, const char *phrase, const char *header, const char *value);

/* ---- call.c ---- */
/* Why a call ends and what each side is told. */
struct gw_call_end {
    uint8_t by;                   /* enum gw_call_by */
    int status;                   /* for a side that is owed a final response */
    const char *phrase;           /* or NULL */
    const char *header, *value;   /* in that response, e.g. Warning; or NULL */
    int cause;                    /* Reason: SIP;cause=..; for BYE and CANCEL; 0: none */
    const char *text;             /* of the Reason and the record */
    const struct gw_sip_msg *msg; /* what ends it: a BYE whose headers, or a response that, is passed on; or NULL */
};
int gw_call_new(struct gw_calls *cs, const struct gw_call_setup *setup, struct gw_call **out);
void gw_call_free(struct gw_call *c);
void gw_call_end(struct gw_call *c, const struct gw_call_end *why);
/* After every change that may have been the last: marks the call for freeing. */
void gw_call_check_over(struct gw_call *c);
bool gw_call_is_over(const struct gw_call *c);
void gw_call_on_flow_lost(struct gw_call *c);
void gw_call_timer_set(struct gw_call *c, enum gw_call_timer t, uint64_t at_us);
uint64_t gw_call_now_us(const struct gw_call *c);
static inline struct gw_call_leg *gw_call_other(const struct gw_call_leg *leg)
{
    return &leg->call->leg[leg->side == GW_LEG_ACCESS ? GW_LEG_CORE : GW_LEG_ACCESS];
}
static inline uint8_t gw_call_by(const struct gw_call_leg *leg)
{
    return leg->side == GW_LEG_ACCESS ? GW_BY_ACCESS : GW_BY_CORE;
}
static inline struct gw_call_leg *gw_call_caller(struct gw_call *c)
{
    return c->leg[0].is_caller ? &c->leg[0] : &c->leg[1];
}

/* ---- leg.c ---- */
void gw_leg_fini(struct gw_call_leg *leg);
/* Gives up every transaction of the leg, answered or not. */
void gw_leg_abandon(struct gw_call_leg *leg);
const char *gw_leg_name(const struct gw_call_leg *leg); /* "access", "core" */
/* Our Contact, from the leg's tag. */
int gw_leg_set_contact(struct gw_call_leg *leg);
/* A request of `dlg` (the leg's, or an early one) towards the peer, with the end-to-end headers of `src` (may be NULL).
 */
struct gw_sip_msg *gw_leg_request(struct gw_call_leg *leg, struct gw_dialog *dlg, const char *method,
                                  const struct gw_sip_msg *src);
/* Sends; takes *m on success. */
int gw_leg_send(struct gw_call_leg *leg, struct gw_sip_msg **m, gw_sip_response_cb *cb, void *arg,
                struct gw_sip_client **out);
/* A response to req, with the end-to-end headers of `src` (may be NULL) and our Contact and tag. */
struct gw_sip_msg *gw_leg_response(struct gw_call_leg *leg, const struct gw_sip_msg *req, int status,
                                   const char *phrase, const struct gw_sip_msg *src);
/* The answer to the transaction leg->uas, with SDP or without. Final non-2xx ends it. */
void gw_leg_respond(struct gw_call_leg *leg, int status, const char *phrase, const struct gw_sip_msg *src,
                    const char *sdp, size_t sdp_len);
void gw_leg_uas_clear(struct gw_call_leg *leg);
/* ACK to the 2xx of leg->uac; kept for repetition. */
void gw_leg_ack(struct gw_call_leg *leg, const char *sdp, size_t sdp_len);
void gw_leg_ack_again(struct gw_call_leg *leg);
/* Ends the leg in whatever state it is. */
void gw_leg_end(struct gw_call_leg *leg, const struct gw_call_end *why);
void gw_leg_closed(struct gw_call_leg *leg); /* by the peer */
gw_sip_response_cb gw_leg_ignore_response;
void gw_leg_bye(struct gw_call_leg *leg, const struct gw_call_end *why);
/* What Allow and Supported of a peer's message say; absent Allow changes nothing. */
void gw_leg_learn(struct gw_call_leg *leg, const struct gw_sip_msg *m);
/* ACK and BYE to a 2xx that belongs to no dialog of ours: another fork, or a call that has ended. */
void gw_leg_refuse_2xx(struct gw_calls *cs, gw_flow_id flow, const struct gw_sip_msg *resp);
void gw_leg_sdp_seen(struct gw_call_leg *leg, struct gw_span sdp);
bool gw_leg_sdp_is_seen(const struct gw_call_leg *leg, struct gw_span sdp);
bool gw_leg_find_sdp(const struct gw_sip_msg *m, struct gw_span *out);

/* ---- admit.c ---- */
/* An option tag of Require that we understand; *is_passed: the other side has to understand it too. */
bool gw_invite_knows_option(const char *tag, bool *is_passed);

/* ---- invite.c ---- */
int gw_invite_send(struct gw_call *c, const char *sdp, size_t len); /* the first INVITE towards the callee */
gw_sip_response_cb gw_invite_on_response;
void gw_invite_handle(struct gw_call_leg *leg, const struct gw_sip_msg *resp); /* also a deferred one */
struct gw_call_early *gw_invite_find_early(struct gw_call_leg *leg, const char *remote_tag);
void gw_invite_drop_early(struct gw_call_leg *leg);
void gw_invite_keep_sdp(struct gw_call_early *e, struct gw_span sdp);

/* ---- provisional.c ---- */
/* A response of the callee, whose SDP is dealt with, goes on to the caller. */
void gw_invite_forward(struct gw_call *c, const struct gw_sip_msg *resp);
void gw_invite_on_prack(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req);
void gw_invite_on_reliable_timer(struct gw_call *c);

/* ---- offer.c ---- */
void gw_offer_begin(struct gw_call_leg *from); /* leg->uas holds a transaction with an offer, or without */
void gw_offer_on_response(struct gw_call_leg *to, const struct gw_sip_msg *resp); /* final, of a re-INVITE or UPDATE */
void gw_offer_on_answer(struct gw_call *c, const struct gw_sip_msg *msg); /* of the first INVITE: SDP in 1xx or 2xx */
void gw_offer_on_reanswer(struct gw_call *c, const struct gw_sip_msg *msg, struct gw_span sdp); /* another fork's */
void gw_offer_on_late_offer(struct gw_call *c, const struct gw_sip_msg *msg);
void gw_offer_on_ack(struct gw_call_leg *from, const struct gw_sip_msg *ack);
void gw_offer_own(struct gw_call_leg *to);       /* the gateway offers anew */
void gw_offer_own_later(struct gw_call_leg *to); /* after a glare */
void gw_offer_own_soon(struct gw_call_leg *to, unsigned ms);
void gw_offer_reset(struct gw_call *c);
/* 0, or the status (491, 500) by which an offer that comes now on that leg is refused. */
int gw_offer_glare(const struct gw_call_leg *from);
extern const struct gw_sip_server_events gw_offer_server_events;
/* ---- offer_early.c ---- */
/* An offer in UPDATE or PRACK before the call is up; takes txn. */
void gw_offer_early(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req,
                    struct gw_span sdp);
void gw_offer_early_drop(struct gw_call *c);

/* ---- refresh.c ---- */
void gw_refresh_schedule(struct gw_call_leg *leg);
void gw_refresh_on_timer(struct gw_call_leg *leg);

/* ---- request.c ---- */
/* A request with a tag of ours. */
void gw_request_on(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req);
void gw_request_end_relays(struct gw_call *c);
void gw_request_relay(struct gw_call_leg *from, struct gw_sip_server *txn, const struct gw_sip_msg *req);
void gw_request_send_pfu(struct gw_call *c);

/* ---- transfer.c ---- */
/* Rewrites Refer-To, Referred-By and Replaces of a request that goes from `from` to the other leg. 0, or NOTFOUND: 481.
 */
int gw_transfer_map_refer(struct gw_call_leg *from, struct gw_sip_msg *out);
int gw_transfer_map_invite(struct gw_calls *cs, struct gw_sip_msg *out);
/* False: it would replace or join a dialog that a browser cannot have, as none is ours (481). */
bool gw_transfer_is_known(struct gw_calls *cs, const struct gw_sip_msg *invite);
void gw_transfer_remember(struct gw_call_leg *from, const struct gw_sip_msg *req, const struct gw_sip_msg *out);
void gw_transfer_map_notify(struct gw_call_leg *from, struct gw_sip_msg *out);

/* ---- media.c ---- */
/* Submits; `next` is called with the reply, or at once with an empty one when req names nothing. False: nothing was
 * sent (next is not called). Takes req. */
bool gw_media_submit(struct gw_call *c, struct gw_iq_req *req, gw_call_iq_cb *next);
void gw_media_release(struct gw_call *c);
void gw_media_tidy(struct gw_call *c); /* after an exchange: data channels that are over */
void gw_media_on_notify(struct gw_call *c, const struct gw_iq_notify *n);
void gw_media_keyframe(struct gw_call *c);
struct gw_iq_req *gw_media_req(struct gw_call *c);

/* ---- record.c ---- */
void gw_record_write(struct gw_call *c);

#endif
