/* Offers of the core inside an early dialog, in UPDATE or PRACK (RFC 3311 s. 5, RFC 3262 s. 5, RFC 6337 s. 2.2). A
 * browser takes none before its call is up, so the gateway answers from what the browser has said, points the core
 * termination anew, and offers to the browser what changed once the call is up. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/crypto.h"
#include "signaling/call/offer_priv.h"

void gw_offer_early_drop(struct gw_call *c)
{
    if (c->ex.early.txn)
        gw_sip_server_drop(c->ex.early.txn);
    gw_sip_msg_free(c->ex.early.req);
    c->ex.early = (struct gw_call_uas){ .txn = NULL };
}

static void refuse(struct gw_call *c, int status, const char *header, const char *value)
{
    struct gw_call_uas u = c->ex.early;

    c->ex.early = (struct gw_call_uas){ .txn = NULL };
    gw_stats_inc(GW_STAT_CALL_OFFERS_REFUSED);
    gw_calls_refuse(c->cs, u.txn, u.req, c->id, status, NULL, header, value);
    gw_sip_msg_free(u.req);
}

/* The fork of the callee that offers now has the call's media, and no later answer of its own is one (RFC 6337
 * s. 3.1.2). */
static void note_fork(struct gw_call *c, struct gw_call_leg *leg, struct gw_span sdp)
{
    const char *from = gw_sip_msg_get(c->ex.early.req, "From", 0);
    struct gw_call_early *e;
    char tag[sizeof(c->ex.answer_tag)];

    if (leg->is_caller || !from || gw_sip_param(from, "tag", tag, sizeof(tag)) != 0)
        return;
    e = gw_invite_find_early(leg, tag);
    if (!e)
        return;
    memcpy(c->ex.answer_tag, tag, sizeof(tag));
    gw_invite_keep_sdp(e, sdp);
    e->has_offered = true;
}

void gw_offer_early_take(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_call_leg *leg = &c->leg[GW_LEG_CORE];
    struct gw_iq_req *req = gw_media_req(c);
    struct gw_sdp_refusal why = { .status = 488 };
    char text[200];
    int err = req ? gw_ms_early_offer(c->ms, f->sdp, req, &c->ex.needs_reoffer, &why) : GW_E_NOMEM;

    if (err) {
        free(req);
        c->ex.state = GW_EX_ANSWERED;
        gw_log(GW_LOG_WARNING, "call", c->id, "leg=core early offer refused: %d %s", why.warn, why.text);
        snprintf(text, sizeof(text), "%d %s \"%s\"", why.warn, c->cs->conf->domain, why.text);
        refuse(c, err == GW_E_NOMEM ? 500 : why.status, why.warn ? "Warning" : NULL, why.warn ? text : NULL);
        return;
    }
    note_fork(c, leg, f->sdp);
    gw_leg_sdp_seen(leg, f->sdp);
    if (!gw_media_submit(c, req, gw_offer_on_iq))
        gw_offer_step(c, GW_EV_IQ_FAIL, &(struct gw_ex_facts){ .msg = NULL });
}

void gw_offer_early_answer(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_call_leg *leg = &c->leg[GW_LEG_CORE];
    struct gw_call_uas u = c->ex.early;
    char *sdp = NULL;
    size_t len = 0;
    struct gw_sip_msg *m;
    int err = gw_ms_early_answer(c->ms, f->reply, &sdp, &len);

    c->ex.early = (struct gw_call_uas){ .txn = NULL };
    m = err ? NULL : gw_leg_response(leg, u.req, 200, NULL, NULL);
    if (m)
        err = gw_sip_msg_set_body(m, "application/sdp", (struct gw_span){ sdp, len });
    if (m && !err && gw_sip_msg_method(u.req) == GW_SIP_UPDATE)
        err = gw_session_timer_write_response(&leg->timer, m, leg->peer_has_timer);
    if (!m || err || gw_sip_server_respond(u.txn, &m) != 0)
        gw_sip_server_drop(u.txn);
    leg->sdp_was_answer = true;
    gw_sip_msg_free(m);
    gw_sip_msg_free(u.req);
    free(sdp);
}

void gw_offer_early(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req,
                    struct gw_span sdp)
{
    struct gw_call *c = leg->call;
    char text[16];

    c->ex.early = (struct gw_call_uas){ .txn = txn, .req = gw_sip_msg_dup(req) };
    if (!c->ex.early.req) {
        gw_offer_early_drop(c);
    } else if (leg->side != GW_LEG_CORE || c->ex.is_late) {
        refuse(c, 488, "Warning", "399 imsgw \"No offer before the call is answered\"");
    } else if (c->ex.state == GW_EX_ANSWERED) {
        gw_offer_step(c, GW_EV_EARLY_OFFER, &(struct gw_ex_facts){ .msg = req, .sdp = sdp });
    } else { /* RFC 3311 s. 5.2: ours is open, or its own */
        gw_stats_inc(GW_STAT_CALL_GLARE);
        snprintf(text, sizeof(text), "%u", gw_rand_u32() % 11);
        refuse(c, leg->is_caller ? 500 : 491, leg->is_caller ? "Retry-After" : NULL, leg->is_caller ? text : NULL);
    }
}
