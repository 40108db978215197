/* The first INVITE of a call: admitted, sent to the callee, its provisional responses, forks and final response carried
 * back. The caller sees one dialog and one answer, whatever the forks do (CAL-003, CAL-004). */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "signaling/call/call_priv.h"

enum { RETRY_AFTER_S = 30, TRIES_422 = 3 };

/* ---- admission ---- */

/* Option tags that we understand, and which of them the other side has to understand too. */
static const struct {
    const char *tag;
    bool is_passed;
} options[] = {
    { "100rel", false },  { "timer", false },       { "outbound", false }, { "path", false },    { "gruu", false },
    { "replaces", true }, { "norefersub", false },  { "tdialog", true },   { "join", true },     { "privacy", true },
    { "histinfo", true }, { "answermode", true },   { "mediasec", false }, { "sec-agree", false },
    { "resource-priority", true },
};

static bool is_known_option(const char *tag, bool *is_passed)
{
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcasecmp(options[i].tag, tag) == 0) {
            *is_passed = options[i].is_passed;
            return true;
        }
    }
    return false;
}

/* True: refused, and answered. */
static bool refuse(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    const char *v, *hops = gw_sip_msg_get(req, "Max-Forwards", 0);
    struct gw_session_ask ask;
    struct gw_span sdp;
    char text[32];
    bool is_passed;

    if (cs->n >= (uint64_t)cs->conf->calls_max) {
        snprintf(text, sizeof(text), "%d", RETRY_AFTER_S);
        gw_calls_refuse(cs, txn, req, NULL, 503, NULL, "Retry-After", text);
        return true;
    }
    if (hops && strtol(hops, NULL, 10) <= 0) {
        gw_calls_refuse(cs, txn, req, NULL, 483, NULL, NULL, NULL);
        return true;
    }
    for (unsigned i = 0; (v = gw_sip_msg_get(req, "Require", i)) != NULL; i++) {
        if (!is_known_option(v, &is_passed)) {
            gw_calls_refuse(cs, txn, req, NULL, 420, NULL, "Unsupported", v);
            return true;
        }
    }
    v = gw_sip_msg_get(req, "Content-Encoding", 0);
    if (v && strcasecmp(v, "identity") != 0) {
        gw_calls_refuse(cs, txn, req, NULL, 415, NULL, "Accept-Encoding", "identity");
        return true;
    }
    if (gw_sip_msg_body(req).len && !gw_sip_msg_find_body(req, "application/sdp", &sdp)) {
        gw_calls_refuse(cs, txn, req, NULL, 415, NULL, "Accept", "application/sdp");
        return true;
    }
    if (gw_sip_server_flow(txn) == 0 && !gw_transfer_is_known(cs, req)) {
        gw_calls_refuse(cs, txn, req, NULL, 481, NULL, NULL, NULL);
        return true;
    }
    gw_session_ask_read(req, &ask);
    if (ask.has_timer && ask.interval_s && ask.interval_s < GW_SESSION_MIN_SE && gw_sip_server_flow(txn) == 0) {
        snprintf(text, sizeof(text), "%d", GW_SESSION_MIN_SE);
        gw_calls_refuse(cs, txn, req, NULL, 422, NULL, "Min-SE", text);
        return true;
    }
    return false;
}

/* To towards a browser has to be a sip: URI, or JsSIP answers 416 (specs 1.5 trap 2; SIG-018). */
static int sip_to(const struct gw_call *c, const char *to, char *buf, size_t size)
{
    struct gw_sip_uri u;
    char uri[GW_DIALOG_TEXT];
    int err = gw_sip_uri_of(to, uri, sizeof(uri)), n;

    if (!err && strncasecmp(uri, "tel:", 4) == 0) {
        n = snprintf(buf, size, "<sip:%.*s@%s;user=phone>", (int)strcspn(uri + 4, ";"), uri + 4, c->cs->conf->domain);
        return n < 0 || (size_t)n >= size ? GW_E_LIMIT : 0;
    }
    if (!err)
        err = gw_sip_uri_parse(uri, &u);
    if (err || strcasecmp(u.scheme, "sips") != 0)
        n = snprintf(buf, size, "%s", to);
    else
        n = snprintf(buf, size, "<sip:%s>", uri + 5);
    return n < 0 || (size_t)n >= size ? GW_E_LIMIT : 0;
}

static int init_legs(struct gw_call *c, struct gw_sip_server *txn, const struct gw_sip_msg *req,
                     const struct gw_call_setup *setup)
{
    struct gw_call_leg *a = gw_call_caller(c), *b = gw_call_other(a);
    const char *target = !setup->from_access ? setup->access_uri : setup->core_uri ? setup->core_uri : gw_sip_msg_uri(req);
    char to[GW_DIALOG_TEXT];
    int err = gw_dialog_init_uas(&a->dlg, req);

    if (err)
        return err;
    gw_calls_index_leg(c->cs, a);
    a->state = GW_LEG_INVITED;
    a->uas = (struct gw_call_uas){ .txn = txn, .req = gw_sip_msg_dup(req), .is_invite = true };
    if (!a->uas.req || !target)
        return GW_E_NOMEM;
    err = gw_leg_set_contact(a);
    if (!err)
        err = b->is_browser ? sip_to(c, a->dlg.local_uri, to, sizeof(to))
                            : gw_span_copy(gw_span_str(a->dlg.local_uri), to, sizeof(to));
    if (!err)
        err = gw_dialog_init_uac(&b->dlg, a->dlg.remote_uri, to, target, gw_sip_stack_host(c->cs->stack, b->flow != 0));
    if (err)
        return err;
    gw_calls_index_leg(c->cs, b);
    err = gw_leg_set_contact(b);
    for (unsigned i = 0; !err && setup->from_access && i < setup->nroutes && i < GW_DIALOG_ROUTES; i++) {
        b->dlg.routes[i] = strdup(setup->routes[i]);
        err = b->dlg.routes[i] ? 0 : GW_E_NOMEM;
        b->dlg.nroutes += !err;
    }
    if (!err && setup->next_hop && !(b->next_hop = strdup(setup->next_hop)))
        err = GW_E_NOMEM;
    c->caller = strdup(a->dlg.remote_uri);
    c->callee = strdup(a->dlg.local_uri);
    return err;
}

void gw_calls_on_invite(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req,
                        const struct gw_call_setup *setup)
{
    struct gw_session_ask ask;
    struct gw_call *c = NULL;

    if (refuse(cs, txn, req))
        return;
    int err = gw_call_new(cs, setup, &c);
    if (!err)
        err = init_legs(c, txn, req, setup);
    if (err) {
        if (c) { /* nothing was sent and nothing reserved: the answer below is the whole story of this call */
            gw_leg_uas_clear(gw_call_caller(c));
            gw_call_free(c);
        }
        gw_calls_refuse(cs, txn, req, NULL, err == GW_E_NOMEM ? 500 : 400, NULL, NULL, NULL);
        return;
    }
    struct gw_call_leg *a = gw_call_caller(c);
    gw_stats_inc(setup->from_access ? GW_STAT_CALLS_FROM_ACCESS : GW_STAT_CALLS_FROM_CORE);
    gw_log(GW_LOG_INFO, "call", c->id, "from %s, Call-ID %s, icid %s", gw_leg_name(a), a->dlg.call_id,
           c->icid ? c->icid : "-");
    gw_sip_server_bind(txn, &gw_offer_server_events, a);
    gw_leg_learn(a, req);
    a->peer_wants_100rel = gw_sip_msg_has_token(req, "Require", "100rel");
    gw_session_ask_read(req, &ask);
    gw_session_timer_on_request(&a->timer, &ask, a->side == GW_LEG_CORE ? (uint32_t)cs->conf->session_expires : 0,
                                a->is_browser, gw_call_now_us(c));
    c->ex.is_first = true;
    gw_offer_begin(a);
}

/* ---- towards the callee ---- */

static int add_required(struct gw_sip_msg *m, const struct gw_sip_msg *req)
{
    const char *v;
    bool is_passed;
    int err = 0;

    for (unsigned i = 0; !err && (v = gw_sip_msg_get(req, "Require", i)) != NULL; i++) {
        if (is_known_option(v, &is_passed) && is_passed)
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

static void keep_sdp(struct gw_call_early *e, struct gw_span sdp)
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
    if (!e || c->ex.is_late || !gw_leg_find_sdp(resp, &sdp)) {
        gw_invite_forward(c, resp);
        return;
    }
    if (c->ex.state == GW_EX_OFFERED) {
        keep_sdp(e, sdp);
        gw_offer_on_answer(c, resp);
    } else if (is_current_answer(c, e, sdp)) {
        gw_invite_forward(c, resp);
    } else {
        keep_sdp(e, sdp);
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
    bool has_sdp = gw_leg_find_sdp(resp, &sdp);
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
        .by = leg->side == GW_LEG_ACCESS ? GW_BY_ACCESS : GW_BY_CORE,
        .status = status == 430 ? 480 : status == 422 ? 500 : status, /* 430 is for the edge proxy alone */
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

/* ---- towards the caller ---- */

void gw_invite_forward(struct gw_call *c, const struct gw_sip_msg *resp)
{
    struct gw_call_leg *a = gw_call_caller(c);
    int status = gw_sip_msg_status(resp);
    bool is_answered = c->ex.state == GW_EX_ANSWERED;
    struct gw_sip_msg *m;
    const char *sdp;
    size_t len = 0;

    if (a->state != GW_LEG_INVITED)
        return;
    sdp = is_answered ? gw_ms_current(c->ms, a->side, &len) : NULL;
    if (status >= 200) {
        a->state = GW_LEG_ACCEPTED;
        c->answered_wall_us = gw_clock_wall_us();
        c->answered_us = gw_call_now_us(c);
        a->sdp_was_answer = true;
        c->ex.state = GW_EX_IDLE;
        c->ex.is_first = false;
        /* a browser's 2xx repeats the answer, always (specs 1.5 trap 4; CAL-004) */
        bool is_left_out = a->reliable_has_sdp && !a->is_browser;
        gw_leg_respond(a, status, gw_sip_msg_phrase(resp), resp, is_left_out ? NULL : sdp, len);
        return;
    }
    /* One answer, once: JsSIP fails on a second 18x with SDP (trap 6). */
    bool has_sdp = sdp && !a->sdp_is_shown;
    m = gw_leg_response(a, a->uas.req, status, gw_sip_msg_phrase(resp), resp);
    if (m && has_sdp && gw_sip_msg_set_body(m, "application/sdp", (struct gw_span){ sdp, len }) != 0) {
        gw_sip_msg_free(m);
        return;
    }
    a->sdp_is_shown |= has_sdp;
    if (m)
        gw_invite_provisional(a, &m, has_sdp);
    gw_sip_msg_free(m);
}

static void send_reliably(struct gw_call_leg *leg, struct gw_sip_msg **resp)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", gw_reliable_send(&leg->reliable, gw_call_now_us(leg->call)));
    gw_sip_msg_set(*resp, "RSeq", text);
    gw_sip_msg_add(*resp, "Require", "100rel");
    gw_sip_msg_free(leg->reliable_msg);
    leg->reliable_msg = gw_sip_msg_dup(*resp);
    gw_call_timer_set(leg->call, GW_TIMER_RELIABLE, leg->reliable.next_us);
    if (gw_sip_server_respond(leg->uas.txn, resp) != 0)
        gw_log(GW_LOG_WARNING, "call", leg->call->id, "leg=%s provisional not sent", gw_leg_name(leg));
}

void gw_invite_provisional(struct gw_call_leg *leg, struct gw_sip_msg **resp, bool has_sdp)
{
    struct gw_span sdp;

    if (!leg->peer_wants_100rel) {
        gw_sip_server_respond(leg->uas.txn, resp);
        return;
    }
    if (leg->call->ex.is_late)
        return; /* the first reliable one would have to carry the offer, which there is not yet (RFC 3262 s. 5) */
    leg->reliable_has_sdp |= has_sdp;
    if (!leg->reliable.is_waiting) {
        send_reliably(leg, resp);
    } else if (!leg->held[0] || !gw_leg_find_sdp(leg->held[0], &sdp)) { /* the newest, but never losing the answer */
        gw_sip_msg_free(leg->held[0]);
        leg->held[0] = *resp;
        *resp = NULL;
    }
}

void gw_invite_on_prack(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    struct gw_sip_msg *next;
    struct gw_span sdp;

    if (!leg->uas.txn || !gw_reliable_on_prack(&leg->reliable, gw_sip_msg_get(req, "RAck", 0), gw_dialog_cseq(leg->uas.req))) {
        gw_calls_refuse(leg->call->cs, txn, req, leg->call->id, 481, NULL, NULL, NULL);
        return;
    }
    gw_call_timer_set(leg->call, GW_TIMER_RELIABLE, GW_NEVER);
    gw_sip_msg_free(leg->reliable_msg);
    leg->reliable_msg = NULL;
    next = gw_leg_find_sdp(req, &sdp) ? gw_leg_response(leg, req, 488, NULL, NULL) : gw_leg_response(leg, req, 200, NULL, NULL);
    if (!next || gw_sip_server_respond(txn, &next) != 0)
        gw_sip_server_drop(txn);
    gw_sip_msg_free(next);
    next = leg->held[0];
    leg->held[0] = NULL;
    if (next && leg->state == GW_LEG_INVITED)
        send_reliably(leg, &next);
    gw_sip_msg_free(next);
    if (leg->held[1] && !leg->reliable.is_waiting) {
        next = leg->held[1];
        leg->held[1] = NULL;
        gw_sip_server_respond(leg->uas.txn, &next);
        gw_sip_msg_free(next);
    }
}

void gw_invite_on_reliable_timer(struct gw_call *c)
{
    struct gw_call_leg *a = gw_call_caller(c);
    struct gw_sip_msg *m;

    switch (gw_reliable_on_time(&a->reliable, gw_call_now_us(c))) {
    case GW_RELIABLE_NOTHING:
        break;
    case GW_RELIABLE_RESEND:
        m = a->reliable_msg && a->uas.txn ? gw_sip_msg_dup(a->reliable_msg) : NULL;
        if (m)
            gw_sip_server_respond(a->uas.txn, &m);
        gw_sip_msg_free(m);
        gw_call_timer_set(c, GW_TIMER_RELIABLE, a->reliable.next_us);
        break;
    case GW_RELIABLE_GIVE_UP: /* RFC 3262 s. 3: a 5xx; a held 2xx was not sent yet */
        if (a->state == GW_LEG_ACCEPTED) {
            a->state = GW_LEG_INVITED;
            a->uas.has_2xx = false;
        }
        gw_call_end(c, &(struct gw_call_end){ .status = 504, .cause = 504, .text = "no PRACK" });
        break;
    }
}
