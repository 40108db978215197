/* Requests in a dialog: a table of methods. What belongs to the leg (offers, PRACK, BYE, refreshes) is answered here or
 * by the files that know; everything else, known or not, goes to the other leg and its response comes back. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/crypto.h"
#include "signaling/call/call_priv.h"
#include "signaling/pcscf/headers.h"

static void answer(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req, int status,
                   const char *header, const char *value)
{
    if (status >= 300) {
        gw_calls_refuse(leg->call->cs, txn, req, leg->call->id, status, NULL, header, value);
        return;
    }
    struct gw_sip_msg *m = gw_leg_response(leg, req, status, NULL, NULL);
    if (!m || gw_sip_server_respond(txn, &m) != 0)
        gw_sip_server_drop(txn);
    gw_sip_msg_free(m);
}

/* The dialog of a request: the leg's, or an early one of a fork. */
static struct gw_dialog *dialog_of(struct gw_call_leg *leg, const struct gw_sip_msg *req)
{
    const char *from = gw_sip_msg_get(req, "From", 0);
    struct gw_call_early *e;
    char tag[128];

    if (leg->dlg.remote_tag || !from || gw_sip_param(from, "tag", tag, sizeof(tag)) != 0)
        return &leg->dlg;
    e = gw_invite_find_early(leg, tag);
    return e ? &e->dlg : &leg->dlg;
}

/* ---- offers ---- */

static void refuse_glare(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req, int status)
{
    char text[16];

    gw_stats_inc(GW_STAT_CALL_GLARE);
    snprintf(text, sizeof(text), "%u", gw_rand_u32() % 11); /* RFC 3261 s. 14.2: 0 to 10 s */
    answer(leg, txn, req, status, status == 500 ? "Retry-After" : NULL, status == 500 ? text : NULL);
}

/* True: answered 422, 415 or 400. */
static bool refuse_offer(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    struct gw_session_ask ask;
    struct gw_span sdp;

    if (gw_sip_msg_body(req).len && !gw_sip_msg_find_body(req, "application/sdp", &sdp)) {
        answer(leg, txn, req, 415, "Accept", "application/sdp");
        return true;
    }
    gw_session_ask_read(req, &ask);
    if (gw_session_timer_on_request(&leg->timer, &ask, leg->timer.interval_s, leg->is_browser,
                                    gw_call_now_us(leg->call)) != 0) {
        char text[16];
        snprintf(text, sizeof(text), "%u", leg->timer.min_se);
        answer(leg, txn, req, 422, "Min-SE", text);
        return true;
    }
    gw_leg_learn(leg, req);
    gw_dialog_refresh_target(dialog_of(leg, req), req);
    gw_refresh_schedule(leg);
    return false;
}

static void begin_offer(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req,
                        bool is_invite)
{
    int status = gw_offer_glare(leg);

    if (status) {
        refuse_glare(leg, txn, req, status);
        return;
    }
    if (refuse_offer(leg, txn, req))
        return;
    leg->uas = (struct gw_call_uas){ .txn = txn, .req = gw_sip_msg_dup(req), .is_invite = is_invite };
    if (!leg->uas.req) {
        leg->uas.txn = NULL;
        answer(leg, txn, req, 500, NULL, NULL);
        return;
    }
    gw_sip_server_bind(txn, &gw_offer_server_events, leg);
    gw_offer_begin(leg);
}

static void on_invite(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    if (leg->call->state != GW_CALL_UP)
        refuse_glare(leg, txn, req, leg->is_caller ? 500 : 491);
    else
        begin_offer(leg, txn, req, true);
}

static void on_update(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    struct gw_span sdp;
    struct gw_sip_msg *m;

    if (gw_leg_find_sdp(req, &sdp) || gw_sip_msg_body(req).len) {
        if (leg->call->state == GW_CALL_UP)
            begin_offer(leg, txn, req, false);
        else if (!refuse_offer(leg, txn, req))
            gw_offer_early(leg, txn, req, sdp);
        return;
    }
    if (refuse_offer(leg, txn, req))
        return;
    m = gw_leg_response(leg, req, 200, NULL, NULL);
    if (!m || gw_session_timer_write_response(&leg->timer, m, leg->peer_has_timer) != 0 ||
        gw_sip_server_respond(txn, &m) != 0)
        gw_sip_server_drop(txn);
    gw_sip_msg_free(m);
}

/* ---- end ---- */

static void on_bye(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    struct gw_call *c = leg->call;

    answer(leg, txn, req, 200, NULL, NULL);
    if (leg->state == GW_LEG_DONE)
        return;
    if (leg->state == GW_LEG_INVITED ||
        leg->state == GW_LEG_CALLING) { /* in an early dialog: as CANCEL, or a refusal */
        gw_call_end(c, &(struct gw_call_end){
                           .by = gw_call_by(leg), .status = 487, .text = "BYE before the answer", .msg = req });
        return;
    }
    gw_leg_closed(leg);
    gw_call_end(c, &(struct gw_call_end){ .by = gw_call_by(leg), .status = 480, .text = "BYE", .msg = req });
    gw_call_check_over(c);
}

/* ---- passed on ---- */

static void on_relayed(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
    struct gw_call_relay *r = arg;
    struct gw_sip_server *txn = r->server;
    struct gw_span body;
    struct gw_sip_msg *m;

    if (is_last)
        r->client = NULL;
    if (!resp)
        return;
    bool is_final = gw_sip_msg_status(resp) >= 200;
    m = gw_leg_response(r->from, r->req, gw_sip_msg_status(resp), gw_sip_msg_phrase(resp), resp);
    body = gw_sip_msg_body(resp);
    if (m && body.len)
        gw_sip_msg_set_body(m, gw_sip_msg_get(resp, "Content-Type", 0), body);
    if (is_final) {
        if (r->client)
            gw_sip_client_drop(r->client);
        gw_sip_msg_free(r->req);
        *r = (struct gw_call_relay){ .from = NULL };
    }
    if (!m || gw_sip_server_respond(txn, &m) != 0) {
        if (is_final)
            gw_sip_server_drop(txn);
    }
    gw_sip_msg_free(m);
}

static int map(struct gw_call_leg *from, const struct gw_sip_msg *req, struct gw_sip_msg *out)
{
    enum gw_sip_method method = gw_sip_msg_method(req);
    static const char *const names[] = { "Refer-To", "Target-Dialog", "Event", "Subscription-State" };
    int err = 0;

    for (unsigned i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *v = gw_sip_msg_get(req, names[i], 0);
        if (v)
            err = gw_sip_msg_set(out, names[i], v);
    }
    if (!err && method == GW_SIP_REFER) {
        gw_transfer_remember(from, req, out);
        err = gw_transfer_map_refer(from, out);
    }
    if (method == GW_SIP_NOTIFY)
        gw_transfer_map_notify(from, out);
    return err;
}

void gw_request_relay(struct gw_call_leg *from, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    struct gw_call *c = from->call;
    struct gw_call_leg *to = gw_call_other(from);
    struct gw_call_relay *r = NULL;
    struct gw_span body = gw_sip_msg_body(req);
    const char *v, *hops = gw_sip_msg_get(req, "Max-Forwards", 0);

    for (unsigned i = 0; !r && i < GW_CALL_RELAYS; i++)
        r = c->relays[i].from ? NULL : &c->relays[i];
    if (hops && strtol(hops, NULL, 10) <= 0) {
        answer(from, txn, req, 483, NULL, NULL);
        return;
    }
    if (!r || !to->dlg.remote_tag || to->state == GW_LEG_DONE || to->state == GW_LEG_CLOSING) {
        answer(from, txn, req, r ? 480 : 500, r ? NULL : "Retry-After", r ? NULL : "1");
        return;
    }
    struct gw_sip_msg *m = gw_leg_request(to, &to->dlg, gw_sip_msg_method_name(req), req);
    int err = m ? map(from, req, m) : GW_E_NOMEM;
    for (unsigned i = 0; !err && (v = gw_sip_msg_get(req, "Require", i)) != NULL; i++)
        err = gw_sip_msg_add(m, "Require", v);
    if (!err && body.len)
        err = gw_sip_msg_set_body(m, gw_sip_msg_get(req, "Content-Type", 0), body);
    *r = (struct gw_call_relay){ .from = from, .server = txn, .req = gw_sip_msg_dup(req) };
    if (!err && !r->req)
        err = GW_E_NOMEM;
    if (!err)
        err = gw_leg_send(to, &m, on_relayed, r, &r->client);
    gw_sip_msg_free(m);
    if (err) {
        gw_sip_msg_free(r->req);
        *r = (struct gw_call_relay){ .from = NULL };
        answer(from, txn, req, err == GW_E_NOTFOUND ? 481 : 500, NULL, NULL);
    }
}

void gw_request_end_relays(struct gw_call *c)
{
    for (unsigned i = 0; i < GW_CALL_RELAYS; i++) {
        struct gw_call_relay *r = &c->relays[i];
        if (!r->from)
            continue;
        if (r->client)
            gw_sip_client_drop(r->client);
        if (gw_sip_server_reply(r->server, r->req, 487, NULL, NULL, NULL) != 0)
            gw_sip_server_drop(r->server);
        gw_sip_msg_free(r->req);
        *r = (struct gw_call_relay){ .from = NULL };
    }
}

/* ---- INFO: pictures (RFC 5168), candidates (RFC 8840) ---- */

static const char media_control_type[] = "application/media_control+xml";
static const char trickle_type[] = "application/trickle-ice-sdpfrag";

static void on_info(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    struct gw_span xml;

    if (leg->side == GW_LEG_ACCESS && gw_sip_msg_find_body(req, trickle_type, &xml)) {
        answer(leg, txn, req, 200, NULL, NULL); /* ICE ends here, and its lite side learns candidates from checks */
        return;
    }
    if (leg->side == GW_LEG_ACCESS || !gw_sip_msg_find_body(req, media_control_type, &xml)) {
        gw_request_relay(leg, txn, req);
        return;
    }
    answer(leg, txn, req, 200, NULL, NULL);
    if (memmem(xml.ptr, xml.len, "picture_fast_update", strlen("picture_fast_update")))
        gw_media_keyframe(leg->call);
}

/* The browser asks for a picture and the core's profile has no feedback to ask with. */
void gw_request_send_pfu(struct gw_call *c)
{
    static const char xml[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<media_control><vc_primitive><to_encoder>"
                              "<picture_fast_update/></to_encoder></vc_primitive></media_control>\r\n";
    struct gw_call_leg *core = &c->leg[GW_LEG_CORE];
    struct gw_sip_client *t = NULL;
    struct gw_sip_msg *m;

    if (core->state != GW_LEG_CONFIRMED)
        return;
    m = gw_leg_request(core, &core->dlg, "INFO", NULL);
    if (m && gw_sip_msg_set_body(m, media_control_type, gw_span_str(xml)) == 0 &&
        gw_leg_send(core, &m, gw_leg_ignore_response, NULL, &t) == 0)
        gw_stats_inc(GW_STAT_CALL_PFU_SENT);
    gw_sip_msg_free(m);
}

/* ---- the table ---- */

static void not_allowed(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    answer(leg, txn, req, 405, "Allow", GW_CALL_ALLOW);
}

static const struct {
    enum gw_sip_method method;
    void (*on)(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req);
} methods[] = {
    { GW_SIP_INVITE, on_invite },         { GW_SIP_UPDATE, on_update }, { GW_SIP_BYE, on_bye },
    { GW_SIP_PRACK, gw_invite_on_prack }, { GW_SIP_INFO, on_info },     { GW_SIP_REGISTER, not_allowed },
    { GW_SIP_PUBLISH, not_allowed }, /* the rest is relayed: REFER, NOTIFY, MESSAGE, OPTIONS, SUBSCRIBE, unknown ones */
};

void gw_request_on(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    enum gw_sip_method method = gw_sip_msg_method(req);
    int err = gw_dialog_accept(dialog_of(leg, req), req);

    if (err) {
        answer(leg, txn, req, err == GW_E_RANGE ? 500 : 481, NULL, NULL);
        return;
    }
    if (leg->side == GW_LEG_ACCESS && gw_sip_server_flow(txn) != leg->flow) {
        answer(leg, txn, req, 403, NULL, NULL); /* somebody else's connection; a moved one was announced (specs 2.3) */
        return;
    }
    if (leg->side == GW_LEG_CORE && gw_sip_server_flow(txn) != 0) {
        answer(leg, txn, req, 481, NULL, NULL); /* the dialog ids of the core leg are not for the access side */
        return;
    }
    if (leg->call->state == GW_CALL_ENDING) {
        if (method != GW_SIP_BYE) {
            answer(leg, txn, req, 481, NULL, NULL);
            return;
        }
        answer(leg, txn, req, 200, NULL, NULL); /* both sides hung up at once */
        return;
    }
    for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (methods[i].method == method) {
            methods[i].on(leg, txn, req);
            return;
        }
    }
    gw_request_relay(leg, txn, req);
}
