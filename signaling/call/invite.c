/* The first INVITE of a call on its way to the callee, its forks and its final response (RFC 3261 s. 13.2, RFC 3262).
 * The caller sees one dialog and one answer, whatever the forks do (CAL-003, CAL-004). */
#include <stdio.h>
#include <string.h>

#include "signaling/call/call_priv.h"

enum { TRIES_422 = 3 };

/* ---- the request ---- */

static int add_required(struct gw_sip_msg *m, const struct gw_sip_msg *req)
{
    const char *v;
    bool is_passed;
    int err = 0;

    for (unsigned i = 0; !err && (v = gw_sip_msg_get(req, "Require", i)) != NULL; i++) {
        if (gw_invite_knows_option(v, &is_passed) && is_passed)
            err = gw_sip_msg_add(m, "Require", v);
    }
    return err;
}

static int add_dialog_headers(struct gw_call *c, struct gw_sip_msg *m, const struct gw_sip_msg *req)
{
    static const char *const names[] = { "Replaces", "Join", "Target-Dialog" };
    int err = 0;

    for (unsigned i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *v = gw_sip_msg_get(req, names[i], 0);
        if (v)
            err = gw_sip_msg_set(m, names[i], v);
    }
    return err ? err : gw_transfer_map_invite(c->cs, m);
}

/* A little before the stack's own, which would give the caller 487 for 408. */
static void start_timer_c(struct gw_call *c)
{
    gw_call_timer_set(c, GW_TIMER_C, gw_call_now_us(c) + (uint64_t)c->cs->conf->sip_timer_c * GW_S - GW_S / 2);
}

int gw_invite_send(struct gw_call *c, const char *sdp, size_t len)
{
    struct gw_call_leg *a = gw_call_caller(c), *b = gw_call_other(a);
    const char *expires = gw_sip_msg_get(a->uas.req, "Expires", 0);
    struct gw_sip_msg *m = gw_leg_request(b, &b->dlg, "INVITE", a->uas.req);
    int err = m ? add_required(m, a->uas.req) : GW_E_NOMEM;

    if (!err)
        err = add_dialog_headers(c, m, a->uas.req);
    if (!err && b->side == GW_LEG_CORE && sdp) /* without an offer, the peer's would come in a reliable 1xx */
        err = gw_sip_msg_add(m, "Supported", "100rel");
    b->asked_s = (uint32_t)c->cs->conf->session_expires;
    if (!err)
        err = gw_session_timer_write_request(&b->timer, m, b->asked_s);
    if (!err && sdp)
        err = gw_sip_msg_set_body(m, "application/sdp", (struct gw_span){ sdp, len });
    b->uac.cseq = b->dlg.local_cseq;
    b->uac.is_invite = b->uac.is_open = true;
    if (!err)
        err = gw_leg_send(b, &m, gw_invite_on_response, b, &b->uac.txn);
    gw_sip_msg_free(m);
    if (err)
        return err;
    b->state = GW_LEG_CALLING;
    start_timer_c(c);
    if (expires && strtoul(expires, NULL, 10) > 0)
        gw_call_timer_set(c, GW_TIMER_EXPIRES, gw_call_now_us(c) + strtoul(expires, NULL, 10) * GW_S);
    return 0;
}

/* ---- early dialogs ---- */

struct gw_call_early *gw_invite_find_early(struct gw_call_leg *leg, const char *remote_tag)
{
    for (unsigned i = 0; i < leg->nearly; i++) {
        if (strcmp(leg->early[i]->dlg.remote_tag, remote_tag) == 0)
            return leg->early[i];
    }
    return NULL;
}

static void free_early(struct gw_call_early *e)
{
    gw_dialog_fini(&e->dlg);
    free(e->sdp);
    free(e);
}

void gw_invite_drop_early(struct gw_call_leg *leg)
{
    for (unsigned i = 0; i < leg->nearly; i++)
        free_early(leg->early[i]);
    leg->nearly = 0;
}

static bool to_tag(const struct gw_sip_msg *resp, char *tag, size_t size)
{
    const char *to = gw_sip_msg_get(resp, "To", 0);
    return to && gw_sip_param(to, "tag", tag, size) == 0;
}

/* The early dialog of a response, made if it is new. NULL: too many, or a response that makes none. */
static struct gw_call_early *early_of(struct gw_call_leg *leg, const struct gw_sip_msg *resp)
{
    struct gw_call_early *e;
    char tag[128];

    if (!to_tag(resp, tag, sizeof(tag)))
        return NULL;
    e = gw_invite_find_early(leg, tag);
    if (e)
        return e;
    if (leg->nearly == GW_CALL_EARLY) {
        gw_stats_inc(GW_STAT_CALL_EARLY_LIMIT);
        gw_log(GW_LOG_WARNING, "call", leg->call->id, "more than %d early dialogs, another ignored", GW_CALL_EARLY);
        if (gw_sip_msg_status(resp) < 200)
            return NULL;
        free_early(leg->early[--leg->nearly]); /* the one that is taken needs room */
    }
    e = calloc(1, sizeof(*e));
    if (!e || gw_dialog_fork(&e->dlg, &leg->dlg, resp) != 0) {
        free(e);
        return NULL;
    }
    leg->early[leg->nearly++] = e;
    return e;
}

static void send_prack(struct gw_call_leg *leg, struct gw_call_early *e)
{
    struct gw_sip_msg *m = gw_leg_request(leg, &e->dlg, "PRACK", NULL);
    struct gw_sip_client *t = NULL;
    char rack[48];

    snprintf(rack, sizeof(rack), "%u %u INVITE", e->rseq, leg->uac.cseq);
    if (m && gw_sip_msg_set(m, "RAck", rack) == 0 && gw_leg_send(leg, &m, gw_leg_ignore_response, NULL, &t) == 0)
        return;
    gw_sip_msg_free(m);
    gw_log(GW_LOG_WARNING, "call", leg->call->id, "leg=%s PRACK not sent", gw_leg_name(leg));
}

/* ---- responses of the callee ---- */

void gw_invite_on_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
    struct gw_call_leg *leg = arg;
    struct gw_call *c = leg->call;

    if (is_last)
        leg->uac.txn = NULL;
    if (!resp)
        return;
    if (!c->iq_next || c->state == GW_CALL_ENDING) {
        gw_invite_handle(leg, resp);
        return;
    }
    /* Finals always find room: provisionals leave some. */
    bool is_final = gw_sip_msg_status(resp) >= 200;
    struct gw_sip_msg *copy = c->ndeferred < GW_CALL_DEFERRED - (is_final ? 0 : 8) ? gw_sip_msg_dup(resp) : NULL;
    if (is_final && copy)
        leg->uac.is_open = false;
    if (copy)
        c->deferred[c->ndeferred++] = (struct gw_call_deferred){ .leg = leg, .msg = copy };
    else
        gw_stats_inc(GW_STAT_CALL_EVENTS_DROPPED);
}

void gw_invite_keep_sdp(struct gw_call_early *e, struct gw_span sdp)
{
    char *copy = malloc(sdp.len);

    if (!copy)
        return;
    memcpy(copy, sdp.ptr, sdp.len);
    free(e->sdp);
    e->sdp = copy;
    e->sdp_len = sdp.len;
}

static bool is_current_answer(const struct gw_call *c, const struct gw_call_early *e, struct gw_span sdp)
{
    return strcmp(c->ex.answer_tag, e->dlg.remote_tag) == 0 && e->sdp &&
           gw_span_eq((struct gw_span){ e->sdp, e->sdp_len }, sdp);
}

static void on_provisional(struct gw_call_leg *leg, const struct gw_sip_msg *resp)
{
    struct gw_call *c = leg->call;
    struct gw_call_early *e = early_of(leg, resp);
    const char *rseq = gw_sip_msg_get(resp, "RSeq", 0);
    char tag[128];
    struct gw_span sdp;

    start_timer_c(c);
    if (!e && to_tag(resp, tag, sizeof(tag)))
        return;
    if (e && rseq && gw_sip_msg_has_token(resp, "Require", "100rel")) { /* CAL-002 */
        uint32_t n = (uint32_t)strtoul(rseq, NULL, 10);
        if (e->rseq && n != e->rseq + 1)
            return; /* a repetition, or one out of order: RFC 3262 s. 4 */
        e->rseq = n;
        send_prack(leg, e);
    }
    if (!e || c->ex.is_late || e->has_offered || !gw_leg_find_sdp(resp, &sdp)) {
        gw_invite_forward(c, resp);
        return;
    }
    if (c->ex.state == GW_EX_OFFERED) {
        gw_invite_keep_sdp(e, sdp);
        gw_offer_on_answer(c, resp);
    } else if (is_current_answer(c, e, sdp)) {
        gw_invite_forward(c, resp);
    } else {
        gw_invite_keep_sdp(e, sdp);
        gw_offer_on_reanswer(c, resp, sdp);
    }
}

/* The first 2xx: its dialog becomes the leg's, the other forks are forgotten (they get ACK and BYE if they answer). */
static bool take_winner(struct gw_call_leg *leg, const struct gw_sip_msg *resp, struct gw_call_early *out)
{
    struct gw_call_early *e = early_of(leg, resp);

    if (!e || gw_dialog_confirm(&e->dlg, resp, true) != 0)
        return false;
    *out = *e;
    memset(e, 0, sizeof(*e));
    for (unsigned i = 0; i < leg->nearly; i++) {
        if (leg->early[i] == e) {
            leg->early[i] = leg->early[--leg->nearly];
            break;
        }
    }
    free(e);
    gw_invite_drop_early(leg);
    gw_calls_unindex_leg(leg->call->cs, leg);
    gw_dialog_fini(&leg->dlg);
    leg->dlg = out->dlg;
    memset(&out->dlg, 0, sizeof(out->dlg));
    gw_calls_index_leg(leg->call->cs, leg);
    return true;
}

static void fail_answered(struct gw_call_leg *leg, const char *text)
{
    gw_call_end(leg->call, &(struct gw_call_end){ .status = 500, .cause = 488, .text = text });
}

static void on_first_2xx(struct gw_call_leg *leg, const struct gw_sip_msg *resp)
{
    struct gw_call *c = leg->call;
    struct gw_call_early e;
    struct gw_span sdp;

    if (!take_winner(leg, resp, &e)) {
        if (leg->uac.txn)
            gw_sip_client_drop(leg->uac.txn);
        leg->uac.txn = NULL;
        leg->state = GW_LEG_DONE;
        gw_call_end(c, &(struct gw_call_end){ .status = 502, .cause = 502, .text = "unusable 2xx of the callee" });
        return;
    }
    leg->uac.is_open = false;
    gw_call_timer_set(c, GW_TIMER_C, GW_NEVER);
    gw_call_timer_set(c, GW_TIMER_EXPIRES, GW_NEVER);
    gw_leg_learn(leg, resp);
    gw_session_timer_on_response(&leg->timer, resp, leg->is_browser ? 0 : leg->asked_s, gw_call_now_us(c));
    gw_refresh_schedule(leg);
    bool has_sdp = !e.has_offered && gw_leg_find_sdp(resp, &sdp);
    if (c->ex.is_late) {
        leg->state = GW_LEG_ACCEPTED;
        if (has_sdp)
            gw_offer_on_late_offer(c, resp);
        else
            fail_answered(leg, "2xx without an offer");
        free(e.sdp);
        return;
    }
    leg->state = GW_LEG_CONFIRMED;
    gw_leg_ack(leg, NULL, 0);
    if (!has_sdp && e.sdp) { /* the answer came reliably before (RFC 3262 s. 5) */
        sdp = (struct gw_span){ e.sdp, e.sdp_len };
        has_sdp = true;
    }
    bool is_current = strcmp(c->ex.answer_tag, leg->dlg.remote_tag) == 0 && e.sdp && has_sdp &&
                      gw_span_eq((struct gw_span){ e.sdp, e.sdp_len }, sdp);
    if (!has_sdp)
        fail_answered(leg, "2xx without an answer");
    else if (c->ex.state == GW_EX_OFFERED)
        gw_offer_on_answer(c, resp);
    else if (is_current)
        gw_invite_forward(c, resp);
    else
        gw_offer_on_reanswer(c, resp, sdp);
    free(e.sdp);
}

static void on_2xx(struct gw_call_leg *leg, const struct gw_sip_msg *resp)
{
    char tag[128] = "";

    if (leg->state == GW_LEG_CALLING) {
        on_first_2xx(leg, resp);
        return;
    }
    to_tag(resp, tag, sizeof(tag));
    if (leg->dlg.remote_tag && strcmp(tag, leg->dlg.remote_tag) == 0)
        gw_leg_ack_again(leg); /* nothing yet if a late answer is awaited */
    else
        gw_leg_refuse_2xx(leg->call->cs, leg->flow, resp); /* CAL-005 */
}

/* The call is over, the INVITE was cancelled; its final response decides what is left to do (CAL-006). */
static void on_final_after_end(struct gw_call_leg *leg, const struct gw_sip_msg *resp)
{
    int status = gw_sip_msg_status(resp);

    if (status < 200 || leg->state != GW_LEG_CANCELLED)
        return;
    if (status < 300)
        gw_leg_refuse_2xx(leg->call->cs, leg->flow, resp);
    if (leg->uac.txn)
        gw_sip_client_drop(leg->uac.txn);
    leg->uac.txn = NULL;
    leg->state = GW_LEG_DONE;
    gw_call_check_over(leg->call);
}

static bool retry_after_422(struct gw_call_leg *leg, const struct gw_sip_msg *resp)
{
    const char *sdp;
    size_t len = 0;

    if (leg->uac.cseq >= TRIES_422 || gw_session_timer_on_422(&leg->timer, resp) == 0)
        return false;
    sdp = gw_ms_current(leg->call->ms, leg->side, &len);
    gw_invite_drop_early(leg);
    leg->state = GW_LEG_NEW;
    return gw_invite_send(leg->call, leg->call->ex.is_late ? NULL : sdp, len) == 0;
}

static void on_failure(struct gw_call_leg *leg, const struct gw_sip_msg *resp)
{
    int status = gw_sip_msg_status(resp);

    if (leg->state != GW_LEG_CALLING)
        return;
    if (status == 422 && retry_after_422(leg, resp))
        return;
    leg->uac.is_open = false;
    leg->state = GW_LEG_DONE;
    const struct gw_call_end why = {
        .by = gw_call_by(leg),
        .status = status == 430   ? 480
                  : status == 422 ? 500
                                  : status, /* 430 is for the edge proxy alone */
        .phrase = status == 430 || status == 422 ? NULL : gw_sip_msg_phrase(resp),
        .cause = status,
        .text = gw_sip_msg_phrase(resp),
        .msg = resp,
    };
    gw_call_end(leg->call, &why);
}

void gw_invite_handle(struct gw_call_leg *leg, const struct gw_sip_msg *resp)
{
    int status = gw_sip_msg_status(resp);

    if (leg->call->state == GW_CALL_ENDING)
        on_final_after_end(leg, resp);
    else if (status < 101)
        return;
    else if (status < 200 && leg->state == GW_LEG_CALLING)
        on_provisional(leg, resp);
    else if (status >= 200 && status < 300)
        on_2xx(leg, resp);
    else if (status >= 300)
        on_failure(leg, resp);
}
