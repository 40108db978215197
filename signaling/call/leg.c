/* The messages of one leg: what goes on the wire, with the headers that each side may see, and how a leg ends. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/crypto.h"
#include "signaling/call/call_priv.h"
#include "signaling/pcscf/headers.h"

const char *gw_leg_name(const struct gw_call_leg *leg)
{
    return leg->side == GW_LEG_ACCESS ? "access" : "core";
}

static void drop_client(struct gw_sip_client **t)
{
    if (*t)
        gw_sip_client_drop(*t);
    *t = NULL;
}

void gw_leg_uas_clear(struct gw_call_leg *leg)
{
    gw_sip_msg_free(leg->uas.req);
    leg->uas = (struct gw_call_uas){ .txn = NULL };
}

static void uac_clear(struct gw_call_leg *leg)
{
    drop_client(&leg->uac.txn);
    gw_sip_msg_free(leg->uac.ack);
    leg->uac = (struct gw_call_uac){ .txn = NULL };
}

static void drop_reliable(struct gw_call_leg *leg)
{
    gw_reliable_stop(&leg->reliable);
    gw_sip_msg_free(leg->reliable_msg);
    gw_sip_msg_free(leg->held[0]);
    gw_sip_msg_free(leg->held[1]);
    leg->reliable_msg = leg->held[0] = leg->held[1] = NULL;
}

void gw_leg_abandon(struct gw_call_leg *leg)
{
    if (leg->uas.txn)
        gw_sip_server_drop(leg->uas.txn);
    gw_leg_uas_clear(leg);
    uac_clear(leg);
    drop_client(&leg->refresh);
    drop_client(&leg->bye);
    drop_reliable(leg);
    leg->state = GW_LEG_DONE;
}

void gw_leg_fini(struct gw_call_leg *leg)
{
    if (leg->dlg.call_id)
        gw_calls_unindex_leg(leg->call->cs, leg);
    gw_leg_abandon(leg);
    gw_invite_drop_early(leg);
    gw_dialog_fini(&leg->dlg);
    free(leg->next_hop);
    leg->next_hop = NULL;
}

int gw_leg_set_contact(struct gw_call_leg *leg)
{
    const char *host = gw_sip_stack_host(leg->call->cs->stack, leg->side == GW_LEG_ACCESS);
    char text[400];

    const char *params = gw_sip_stack_params(leg->call->cs->stack, leg->side == GW_LEG_ACCESS);
    struct gw_flow_info info;

    if (leg->side == GW_LEG_ACCESS && !leg->is_browser &&
        gw_sip_flow_info(leg->call->cs->stack, leg->flow, &info) == 0) {
        char addr[GW_ADDR_TEXT];
        /* a phone sends where this says, if it has no outbound proxy: where it reached us */
        snprintf(text, sizeof(text), "<sip:%s@%s;transport=%s>", leg->dlg.local_tag, gw_addr_text(&info.local, addr),
                 info.transport[0] == 'U'   ? "udp"
                 : info.transport[1] == 'C' ? "tcp"
                                            : "tls");
    } else {
        snprintf(text, sizeof(text), "<sip:%s@%s%s>", leg->dlg.local_tag, host,
                 leg->is_browser ? ";transport=ws" : params);
    }
    free(leg->dlg.contact);
    leg->dlg.contact = strdup(text);
    return leg->dlg.contact ? 0 : GW_E_NOMEM;
}

/* What the P-CSCF does to headers that leave on this leg (specs 2.3). */
static int stamp(const struct gw_call_leg *leg, struct gw_sip_msg *m, bool has_identity)
{
    const struct gw_call *c = leg->call;

    if (leg->side == GW_LEG_ACCESS)
        return gw_pcscf_headers_to_access(m);
    const struct gw_pcscf_stamp s = {
        .identity = has_identity ? c->identity : NULL,
        .icid = c->icid,
        .icid_generated_at = gw_sip_stack_host(c->cs->stack, false),
        .orig_ioi = c->cs->conf->domain,
        .access_network_info = has_identity ? c->access_network_info : NULL,
    };
    return gw_pcscf_headers_to_core(m, &s);
}

static int hops(struct gw_sip_msg *m, const struct gw_sip_msg *src)
{
    const char *v = gw_sip_msg_is_request(src) ? gw_sip_msg_get(src, "Max-Forwards", 0) : NULL;
    char text[24];
    long n = v ? strtol(v, NULL, 10) : 70;

    snprintf(text, sizeof(text), "%ld", n > 0 ? n - 1 : 0);
    return gw_sip_msg_set(m, "Max-Forwards", text);
}

struct gw_sip_msg *gw_leg_request(struct gw_call_leg *leg, struct gw_dialog *dlg, const char *method,
                                  const struct gw_sip_msg *src)
{
    struct gw_sip_msg *m = gw_dialog_request(dlg, method);
    bool is_invite = strcmp(method, "INVITE") == 0;
    int err;

    if (!m)
        return NULL;
    err = src ? gw_pcscf_copy_end_to_end(m, src) : 0;
    if (!err && src)
        err = hops(m, src);
    if (!err)
        err = stamp(leg, m, is_invite && leg->state == GW_LEG_NEW);
    if (!err && (is_invite || strcmp(method, "UPDATE") == 0))
        err = gw_sip_msg_set(m, "Supported", "timer, replaces, norefersub");
    if (!err && (is_invite || strcmp(method, "UPDATE") == 0))
        err = gw_sip_msg_set(m, "Allow", GW_CALL_ALLOW);
    if (err) {
        gw_sip_msg_free(m);
        return NULL;
    }
    return m;
}

int gw_leg_send(struct gw_call_leg *leg, struct gw_sip_msg **m, gw_sip_response_cb *cb, void *arg,
                struct gw_sip_client **out)
{
    /* the next hop is for the first INVITE; in the dialog its route set and target lead (RFC 3261 s. 12.2.1.1) */
    const char *to_value = gw_sip_msg_get(*m, "To", 0);
    char tag[128];
    bool is_first = to_value && gw_sip_param(to_value, "tag", tag, sizeof(tag)) != 0 && !gw_sip_msg_get(*m, "Route", 0);
    const struct gw_sip_target to = { .flow = leg->flow, .uri = leg->flow || !is_first ? NULL : leg->next_hop };

    return gw_sip_client_send(leg->call->cs->stack, m, &to, cb, arg, out);
}

struct gw_sip_msg *gw_leg_response(struct gw_call_leg *leg, const struct gw_sip_msg *req, int status,
                                   const char *phrase, const struct gw_sip_msg *src)
{
    struct gw_sip_msg *m = gw_sip_msg_response(req, status, phrase, leg->dlg.local_tag);
    enum gw_sip_method method = gw_sip_msg_method(req);
    bool is_target = method == GW_SIP_INVITE || method == GW_SIP_UPDATE || method == GW_SIP_REFER ||
                     method == GW_SIP_SUBSCRIBE || method == GW_SIP_NOTIFY;
    int err;

    if (!m)
        return NULL;
    err = src ? gw_pcscf_copy_end_to_end(m, src) : 0;
    if (!err)
        err = stamp(leg, m, method == GW_SIP_INVITE);
    if (!err && is_target && status < 300 && leg->dlg.contact)
        err = gw_sip_msg_set(m, "Contact", leg->dlg.contact);
    if (!err && status >= 300 && status < 400 && src) { /* redirection is passed on, not followed (specs 2.4) */
        const char *v;
        for (unsigned i = 0; !err && (v = gw_sip_msg_get(src, "Contact", i)) != NULL; i++)
            err = gw_sip_msg_add(m, "Contact", v);
    }
    if (!err && status >= 200 && status < 300 && (method == GW_SIP_INVITE || method == GW_SIP_UPDATE)) {
        err = gw_sip_msg_set(m, "Allow", GW_CALL_ALLOW);
        if (!err)
            err = gw_sip_msg_set(m, "Supported", "timer, replaces, norefersub");
    }
    if (err) {
        gw_sip_msg_free(m);
        return NULL;
    }
    return m;
}

/* The stack says 500 for us. Where a 2xx was due the sides no longer agree: the call is over. */
static void cannot_respond(struct gw_call_leg *leg, struct gw_sip_server *txn, int status, int err)
{
    gw_log(GW_LOG_ERROR, "call", leg->call->id, "leg=%s response %d: %s", gw_leg_name(leg), status, gw_err_text(err));
    gw_sip_server_drop(txn);
    gw_leg_uas_clear(leg);
    if (leg->state == GW_LEG_ACCEPTED || leg->state == GW_LEG_INVITED)
        leg->state = GW_LEG_DONE;
    if (status < 300)
        gw_call_end(leg->call, &(struct gw_call_end){ .status = 500, .cause = 500, .text = "response not sent" });
}

void gw_leg_respond(struct gw_call_leg *leg, int status, const char *phrase, const struct gw_sip_msg *src,
                    const char *sdp, size_t sdp_len)
{
    struct gw_sip_server *txn = leg->uas.txn;
    bool is_ok = status < 300;
    struct gw_sip_msg *m;
    int err = GW_E_NOMEM;

    if (!txn || leg->uas.has_2xx)
        return;
    m = gw_leg_response(leg, leg->uas.req, status, phrase, src);
    if (m && sdp)
        err = gw_sip_msg_set_body(m, "application/sdp", (struct gw_span){ sdp, sdp_len });
    else if (m)
        err = 0;
    if (!err && is_ok) {
        err = gw_session_timer_write_response(&leg->timer, m, leg->peer_has_timer);
        gw_refresh_schedule(leg);
    }
    if (is_ok && leg->uas.is_invite)
        leg->uas.has_2xx = true;
    else
        leg->uas.txn = NULL;
    if (!err && leg->reliable.is_waiting && is_ok && leg->reliable_has_sdp) {
        gw_sip_msg_free(leg->held[1]);
        leg->held[1] = m; /* not before the PRACK of the answer (RFC 3262 s. 3) */
        return;
    }
    if (status >= 200)
        drop_reliable(leg);
    if (!err)
        err = gw_sip_server_respond(txn, &m);
    if (err)
        cannot_respond(leg, txn, status, err);
    else if (!leg->uas.txn)
        gw_leg_uas_clear(leg);
    gw_sip_msg_free(m);
}

/* ---- ACK ---- */

void gw_leg_ack_again(struct gw_call_leg *leg)
{
    const struct gw_sip_target to = {
        .flow = leg->flow,
    };
    struct gw_sip_msg *m = leg->uac.ack ? gw_sip_msg_dup(leg->uac.ack) : NULL;

    if (m && gw_sip_send_ack(leg->call->cs->stack, &m, &to) != 0)
        gw_log(GW_LOG_WARNING, "call", leg->call->id, "leg=%s ACK not sent", gw_leg_name(leg));
    gw_sip_msg_free(m);
}

void gw_leg_ack(struct gw_call_leg *leg, const char *sdp, size_t sdp_len)
{
    struct gw_sip_msg *m = gw_dialog_ack(&leg->dlg, leg->uac.cseq);

    if (m && sdp && gw_sip_msg_set_body(m, "application/sdp", (struct gw_span){ sdp, sdp_len }) != 0) {
        gw_sip_msg_free(m);
        m = NULL;
    }
    gw_sip_msg_free(leg->uac.ack);
    leg->uac.ack = m;
    gw_leg_ack_again(leg);
}

void gw_leg_refuse_2xx(struct gw_calls *cs, gw_flow_id flow, const struct gw_sip_msg *resp)
{
    const char *from = gw_sip_msg_get(resp, "From", 0), *to = gw_sip_msg_get(resp, "To", 0);
    const char *call_id = gw_sip_msg_get(resp, "Call-ID", 0);
    const struct gw_sip_target target = { .flow = flow };
    struct gw_dialog base = { .is_uac = true }, d = { .is_uac = true };
    char local[GW_DIALOG_TEXT], remote[GW_DIALOG_TEXT];
    struct gw_sip_msg *m;

    gw_stats_inc(GW_STAT_CALL_EXTRA_2XX);
    if (!from || !to || !call_id || gw_sip_param(from, "tag", base.local_tag, sizeof(base.local_tag)) != 0 ||
        gw_dialog_without_tag(from, local, sizeof(local)) != 0 ||
        gw_dialog_without_tag(to, remote, sizeof(remote)) != 0)
        return;
    base.call_id = (char *)call_id;
    base.local_uri = local;
    base.remote_uri = remote;
    base.local_cseq = gw_dialog_cseq(resp);
    if (gw_dialog_fork(&d, &base, resp) != 0 || !d.remote_target)
        return;
    m = gw_dialog_ack(&d, base.local_cseq);
    if (m && gw_sip_send_ack(cs->stack, &m, &target) != 0)
        gw_sip_msg_free(m);
    m = gw_dialog_request(&d, "BYE");
    struct gw_sip_client *t = NULL;
    if (m && gw_sip_client_send(cs->stack, &m, &target, gw_leg_ignore_response, NULL, &t) != 0)
        gw_sip_msg_free(m);
    gw_dialog_fini(&d);
}

void gw_leg_ignore_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
}

/* ---- end ---- */

static void reason_of(const struct gw_call_end *why, char *buf, size_t size)
{
    const char *said = why->msg && gw_sip_msg_is_request(why->msg) ? gw_sip_msg_get(why->msg, "Reason", 0) : NULL;

    if (said)
        snprintf(buf, size, "%s", said); /* the peer's own words go on to the other side (RFC 3326) */
    else if (why->cause)
        snprintf(buf, size, "SIP;cause=%d;text=\"%s\"", why->cause, why->text ? why->text : "");
    else
        buf[0] = '\0';
}

static void on_bye_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
    struct gw_call_leg *leg = arg;

    if (is_last)
        leg->bye = NULL;
    if (resp && gw_sip_msg_status(resp) < 200)
        return;
    drop_client(&leg->bye);
    leg->state = GW_LEG_DONE;
    gw_call_check_over(leg->call);
}

void gw_leg_bye(struct gw_call_leg *leg, const struct gw_call_end *why)
{
    char reason[160];
    const struct gw_sip_msg *src = why->msg && gw_sip_msg_is_request(why->msg) ? why->msg : NULL;
    struct gw_sip_msg *m;

    reason_of(why, reason, sizeof(reason));
    uac_clear(leg);
    drop_client(&leg->refresh);
    leg->state = GW_LEG_DONE;
    if (leg->is_flow_lost)
        return;
    m = gw_leg_request(leg, &leg->dlg, "BYE", src);
    if (m && reason[0] && !gw_sip_msg_get(m, "Reason", 0))
        gw_sip_msg_set(m, "Reason", reason);
    if (m && gw_leg_send(leg, &m, on_bye_response, leg, &leg->bye) == 0)
        leg->state = GW_LEG_CLOSING;
    gw_sip_msg_free(m);
}

static void refuse_invite(struct gw_call_leg *leg, const struct gw_call_end *why)
{
    const struct gw_sip_msg *src = why->msg && !gw_sip_msg_is_request(why->msg) ? why->msg : NULL;
    struct gw_sip_server *txn = leg->uas.txn;
    struct gw_sip_msg *m;
    char reason[160];

    if (leg->is_flow_lost) {
        gw_sip_server_drop(txn);
        gw_leg_uas_clear(leg);
        return;
    }
    m = gw_leg_response(leg, leg->uas.req, why->status, why->phrase, src);
    reason_of(why, reason, sizeof(reason));
    if (m && why->header)
        gw_sip_msg_add(m, why->header, why->value);
    if (m && reason[0] && why->status != why->cause)
        gw_sip_msg_set(m, "Reason", reason);
    leg->uas.txn = NULL;
    if (!m || gw_sip_server_respond(txn, &m) != 0) {
        gw_sip_server_drop(txn);
        gw_sip_msg_free(m);
    }
    gw_leg_uas_clear(leg);
}

void gw_leg_end(struct gw_call_leg *leg, const struct gw_call_end *why)
{
    char reason[160];

    if (leg->held[1]) { /* a 2xx that waited for a PRACK was never sent: the caller may still be told otherwise */
        leg->uas.has_2xx = false;
        leg->state = GW_LEG_INVITED;
    }
    drop_reliable(leg);
    switch ((enum gw_leg_state)leg->state) {
    case GW_LEG_NEW:
        leg->state = GW_LEG_DONE;
        break;
    case GW_LEG_INVITED:
        if (leg->uas.txn)
            refuse_invite(leg, why);
        leg->state = GW_LEG_DONE;
        break;
    case GW_LEG_CALLING:
        reason_of(why, reason, sizeof(reason));
        leg->state = GW_LEG_CANCELLED; /* until the final response, which may wait among the deferred already */
        if (leg->uac.txn && leg->uac.is_open)
            gw_sip_client_cancel(leg->uac.txn, reason[0] ? reason : NULL);
        break;
    case GW_LEG_ACCEPTED:
        if (leg->uas.txn && leg->uas.has_2xx)
            break; /* BYE waits for the ACK (RFC 3261 s. 15) */
        gw_leg_ack(leg, NULL, 0);
        gw_leg_bye(leg, why);
        break;
    case GW_LEG_CONFIRMED:
        if (leg->uas.txn && !leg->uas.has_2xx) { /* a re-INVITE or UPDATE that will find no answer */
            const struct gw_call_end gone = { .status = 487 };
            refuse_invite(leg, &gone);
        }
        gw_leg_bye(leg, why);
        break;
    case GW_LEG_CANCELLED:
    case GW_LEG_CLOSING:
    case GW_LEG_DONE:
        break;
    }
}

/* The peer ended the leg: nothing more is said on it. */
void gw_leg_closed(struct gw_call_leg *leg)
{
    const struct gw_call_end gone = { .status = 487 };

    drop_reliable(leg);
    if (leg->uas.txn && !leg->uas.has_2xx)
        refuse_invite(leg, &gone);
    uac_clear(leg);
    drop_client(&leg->refresh);
    leg->state = GW_LEG_DONE;
}

/* ---- what is known of the peer ---- */

static bool lists(const struct gw_sip_msg *m, const char *name, const char *token)
{
    return gw_sip_msg_has_token(m, name, token);
}

void gw_leg_learn(struct gw_call_leg *leg, const struct gw_sip_msg *m)
{
    if (gw_sip_msg_get(m, "Allow", 0))
        leg->peer_has_update = lists(m, "Allow", "UPDATE");
    leg->peer_has_timer = lists(m, "Supported", "timer") || lists(m, "Require", "timer");
}

bool gw_leg_find_sdp(const struct gw_sip_msg *m, struct gw_span *out)
{
    return m && gw_sip_msg_find_body(m, "application/sdp", out) && out->len > 0;
}

void gw_leg_sdp_seen(struct gw_call_leg *leg, struct gw_span sdp)
{
    uint8_t digest[32];

    gw_sha256(sdp, digest);
    memcpy(leg->sdp_seen, digest, sizeof(leg->sdp_seen));
    leg->has_sdp_seen = true;
}

bool gw_leg_sdp_is_seen(const struct gw_call_leg *leg, struct gw_span sdp)
{
    uint8_t digest[32];

    gw_sha256(sdp, digest);
    return leg->has_sdp_seen && memcmp(leg->sdp_seen, digest, sizeof(leg->sdp_seen)) == 0;
}
