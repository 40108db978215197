/* Server transactions (RFC 3261 s. 17.2, s. 13.3.1.4). On the core side nta has the state machine and this file only
 * the handler's end of it; on a WebSocket, where nothing is lost, the machine is small and all here: absorb the ACK to
 * a non-2xx, repeat a 2xx until its ACK. */
#include "stack_priv.h"

#include <sofia-sip/msg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/clock.h"
#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"

enum { TRYING_MS = 200 }; /* RFC 3261 s. 17.2.1 */

/* ---- finding one ---- */

static uint64_t ws_hash(gw_flow_id flow, const struct gw_sip_msg *m, const char *method)
{
    const char *via = gw_sip_msg_get(m, "Via", 0), *call_id = gw_sip_msg_get(m, "Call-ID", 0);
    char branch[256] = "", seq_method[64];
    uint32_t seq = 0;

    (void)gw_sip_param(via, "branch", branch, sizeof(branch));
    (void)gw_sip_cseq_parse(gw_sip_msg_get(m, "CSeq", 0), &seq, seq_method, sizeof(seq_method));
    return gw_sip_hash(gw_sip_hash(gw_sip_hash(flow * 31 + seq, branch), call_id), method);
}

/* Same top Via (branch and sent-by), Call-ID and CSeq number: s. 17.2.3 with the magic cookie, and as good as its rules
 * for a client without, since the flow is the same too. */
static bool is_same_transaction(const struct gw_sip_msg *a, const struct gw_sip_msg *b)
{
    return strcmp(gw_sip_msg_get(a, "Via", 0), gw_sip_msg_get(b, "Via", 0)) == 0 &&
           strcmp(gw_sip_msg_get(a, "Call-ID", 0), gw_sip_msg_get(b, "Call-ID", 0)) == 0 &&
           strtoul(gw_sip_msg_get(a, "CSeq", 0), NULL, 10) == strtoul(gw_sip_msg_get(b, "CSeq", 0), NULL, 10);
}

static struct gw_sip_server *find_ws(struct gw_sip_stack *s, gw_flow_id flow, const struct gw_sip_msg *m,
                                     const char *method)
{
    for (struct gw_sip_node *n = gw_sip_table_find(&s->ws_servers, ws_hash(flow, m, method)); n;
         n = gw_sip_table_next(n)) {
        struct gw_sip_server *t = GW_SIP_OF(n, struct gw_sip_server, node);

        if (t->flow == flow && strcmp(t->req->method_name, method) == 0 && is_same_transaction(t->req, m))
            return t;
    }
    return NULL;
}

uint64_t gw_sip_dialog_hash(gw_flow_id flow, const struct gw_sip_msg *m)
{
    char tag[128] = "";

    (void)gw_sip_param(gw_sip_msg_get(m, "From", 0), "tag", tag, sizeof(tag));
    return gw_sip_hash(gw_sip_hash(flow * 31 + strtoul(gw_sip_msg_get(m, "CSeq", 0), NULL, 10), tag),
                       gw_sip_msg_get(m, "Call-ID", 0));
}

bool gw_sip_same_dialog(const struct gw_sip_msg *a, const struct gw_sip_msg *b)
{
    char x[128] = "", y[128] = "";

    (void)gw_sip_param(gw_sip_msg_get(a, "From", 0), "tag", x, sizeof(x));
    (void)gw_sip_param(gw_sip_msg_get(b, "From", 0), "tag", y, sizeof(y));
    return strcmp(x, y) == 0 && strcmp(gw_sip_msg_get(a, "Call-ID", 0), gw_sip_msg_get(b, "Call-ID", 0)) == 0 &&
           strtoul(gw_sip_msg_get(a, "CSeq", 0), NULL, 10) == strtoul(gw_sip_msg_get(b, "CSeq", 0), NULL, 10);
}

static struct gw_sip_server *find_accepted(struct gw_sip_stack *s, gw_flow_id flow, const struct gw_sip_msg *ack)
{
    struct gw_sip_node *n = gw_sip_table_find(&s->ws_accepted, gw_sip_dialog_hash(flow, ack));

    for (; n; n = gw_sip_table_next(n)) {
        struct gw_sip_server *t = GW_SIP_OF(n, struct gw_sip_server, ack_node);

        if (t->flow == flow && gw_sip_same_dialog(t->req, ack))
            return t;
    }
    return NULL;
}

/* ---- life ---- */

void gw_sip_server_free(struct gw_sip_server *t)
{
    struct gw_sip_stack *s = t->stack;

    if (!t->is_dead) {
        t->is_dead = t->is_over = true;
        gw_sip_table_remove(&s->ws_servers, &t->node);
        gw_sip_table_remove(&s->ws_accepted, &t->ack_node);
        gw_ctl_timer_free(t->timer);
        t->timer = NULL;
        if (t->irq) {
            nta_incoming_bind(t->irq, NULL, NULL);
            nta_incoming_destroy(t->irq);
        }
        t->irq = NULL;
        if (t->prev)
            t->prev->next = t->next;
        else
            s->all_servers = t->next;
        if (t->next)
            t->next->prev = t->prev;
        s->nservers--;
        gw_stats_add(GW_STAT_SIP_SERVERS, -1);
    }
    if (t->in_callback)
        return;
    gw_sip_msg_free(t->req);
    free(t->final);
    free(t);
}

static void leave(struct gw_sip_server *t)
{
    if (--t->in_callback == 0 && t->is_dead)
        gw_sip_server_free(t);
}

static void tell_cancel(struct gw_sip_server *t, const struct gw_sip_msg *cancel)
{
    if (t->is_cancelled || t->is_over)
        return;
    t->is_cancelled = true;
    t->in_callback++;
    if (t->events && t->events->on_cancel)
        t->events->on_cancel(t->arg, cancel);
    leave(t);
}

/* ACK, or none: the end of an accepted INVITE. */
static void tell_end(struct gw_sip_server *t, const struct gw_sip_msg *ack)
{
    t->in_callback++;
    if (!t->is_over && t->events) {
        t->is_over = true;
        if (ack && t->events->on_ack)
            t->events->on_ack(t->arg, ack);
        else if (!ack && t->events->on_no_ack)
            t->events->on_no_ack(t->arg);
    }
    if (!t->is_dead)
        gw_sip_server_free(t);
    leave(t);
}

static void send_100(struct gw_sip_server *t)
{
    struct gw_sip_msg *m = gw_sip_msg_response(t->req, 100, NULL, NULL);
    msg_t *msg;

    if (m && t->flow)
        (void)gw_sip_flow_send_msg(t->stack, t->flow, m);
    else if (m && (msg = gw_sip_core_to_msg(m)))
        nta_incoming_mreply(t->irq, msg);
    gw_sip_msg_free(m);
    t->last_status = 100;
}

/* What was sent, again. */
static void repeat(const struct gw_sip_server *t)
{
    char *copy = malloc(t->final_len);

    if (!copy)
        return;
    memcpy(copy, t->final, t->final_len);
    (void)gw_sip_flow_send(t->stack, t->flow, copy, t->final_len);
}

static void on_timer(void *arg)
{
    struct gw_sip_server *t = arg;
    uint32_t t2 = 8 * t->stack->t1_ms;

    if (t->state == GW_SIP_TRYING) {
        if (t->last_status == 0)
            send_100(t);
        return;
    }
    if (gw_clock_us() >= t->give_up_us) { /* timer H */
        if (t->state == GW_SIP_ACCEPTED)
            tell_end(t, NULL);
        else
            gw_sip_server_free(t);
        return;
    }
    /* s. 13.3.1.4: on reliable transports too, as a proxy further on may be an unreliable hop away */
    repeat(t);
    t->interval_ms = 2 * t->interval_ms < t2 ? 2 * t->interval_ms : t2;
    gw_ctl_timer_start(t->timer, t->interval_ms);
}

void gw_sip_server_start(struct gw_sip_stack *s, gw_flow_id flow, const struct gw_addr *peer, nta_incoming_t *irq,
                         struct gw_sip_msg *req)
{
    struct gw_sip_server *t = calloc(1, sizeof(*t));

    if (!t || gw_ctl_timer_new(s, on_timer, t, &t->timer) ||
        (flow && gw_sip_table_add(&s->ws_servers, &t->node, ws_hash(flow, req, req->method_name)))) {
        if (t)
            gw_ctl_timer_free(t->timer);
        free(t);
        if (irq)
            nta_incoming_destroy(irq); /* 500 */
        gw_sip_msg_free(req);
        return;
    }
    t->stack = s;
    t->flow = flow;
    t->peer = *peer;
    t->irq = irq;
    t->req = req;
    gw_rand_token(t->tag, sizeof(t->tag) - 1);
    t->next = s->all_servers;
    if (t->next)
        t->next->prev = t;
    s->all_servers = t;
    s->nservers++;
    gw_stats_inc(GW_STAT_SIP_SERVERS);
    if (irq)
        nta_incoming_bind(irq, gw_sip_server_on_nta, t);
    /* nta sends its own at 200 ms over UDP, but waits 2 s over TCP */
    if (req->method == GW_SIP_INVITE && (!irq || strncasecmp(gw_sip_msg_get(req, "Via", 0), "SIP/2.0/UDP", 11) != 0))
        gw_ctl_timer_start(t->timer, TRYING_MS);
    t->in_callback++;
    if (s->nservers > (unsigned)s->conf->sip_transactions) {
        gw_stats_inc(GW_STAT_SIP_FULL);
        gw_log(GW_LOG_WARNING, "sip", NULL, "%s refused: 503, %u requests in work", req->method_name, s->nservers);
        (void)gw_sip_server_reply(t, req, 503, NULL, "Retry-After", "10");
    } else {
        s->handler.on_request(s->handler.arg, t, req);
    }
    leave(t);
}

bool gw_sip_server_take(struct gw_sip_stack *s, gw_flow_id flow, struct gw_sip_msg *m)
{
    bool is_ack = m->method == GW_SIP_ACK, is_cancel = m->method == GW_SIP_CANCEL;
    struct gw_sip_server *t = find_ws(s, flow, m, is_ack || is_cancel ? "INVITE" : m->method_name);
    struct gw_sip_msg *ok;

    if (is_ack && (!t || t->state != GW_SIP_COMPLETED))
        t = find_accepted(s, flow, m);
    if (!t)
        return false;
    if (is_ack) {
        if (t->state == GW_SIP_ACCEPTED)
            tell_end(t, m);
        else
            gw_sip_server_free(t); /* timer I is 0 */
    } else if (is_cancel) {
        ok = gw_sip_msg_response(m, 200, NULL, t->tag);
        if (ok)
            (void)gw_sip_flow_send_msg(s, flow, ok);
        gw_sip_msg_free(ok);
        if (t->state == GW_SIP_TRYING)
            tell_cancel(t, m);
    } else if (t->final && t->state != GW_SIP_ACCEPTED && gw_sip_flow_is_udp(s, flow)) {
        repeat(t); /* else a retransmission, that a reliable transport has no use for */
    }
    gw_sip_msg_free(m);
    return true;
}

/* ---- from nta ---- */

int gw_sip_server_on_nta(struct gw_sip_server *t, nta_incoming_t *irq, const sip_t *sip)
{
    msg_t *msg = sip ? nta_incoming_getrequest_ackcancel(irq) : NULL;
    struct gw_sip_msg *m = msg ? gw_sip_core_from_msg(msg, NULL) : NULL;

    if (msg)
        gw_stats_inc(GW_STAT_SIP_IN_CORE);
    if (!t)
        goto out;
    if (m)
        gw_sip_trace_core(t->stack, false, &t->peer, m, NULL);
    if (t->state == GW_SIP_ACCEPTED) {
        if (!m || m->method == GW_SIP_ACK)
            tell_end(t, m);
    } else {
        tell_cancel(t,
                    m ? m : t->req); /* without a message: a reliable response that nobody PRACKed; nta answers 503 */
    }
out:
    gw_sip_msg_free(m);
    if (msg)
        msg_destroy(msg);
    return 0;
}

int gw_sip_server_on_prack(struct gw_sip_server *t, nta_reliable_t *rel, nta_incoming_t *prack, const sip_t *sip)
{
    struct gw_sip_stack *s;
    struct gw_sip_msg *m;
    msg_t *msg;

    if (!prack || !sip || !t) {
        nta_reliable_destroy(rel);
        return 0;
    }
    s = t->stack;
    msg = nta_incoming_getrequest(prack);
    m = msg ? gw_sip_core_from_msg(msg, NULL) : NULL;
    if (msg)
        msg_destroy(msg);
    nta_reliable_destroy(rel);
    if (!m)
        return 500;
    gw_sip_trace_core(s, false, &t->peer, m, NULL);
    gw_sip_server_start(s, 0, &t->peer, prack, m);
    return 0;
}

/* ---- the handler's side ---- */

void gw_sip_server_bind(struct gw_sip_server *t, const struct gw_sip_server_events *ev, void *arg)
{
    t->events = ev;
    t->arg = arg;
}

gw_flow_id gw_sip_server_flow(const struct gw_sip_server *t)
{
    return t->flow;
}

/* Vias of the request, whatever the response came with from elsewhere; a To tag if it has none. */
static int complete(struct gw_sip_server *t, struct gw_sip_msg *m)
{
    const char *v, *to = gw_sip_msg_get(m, "To", 0);
    char tag[128], *text;
    int err = 0;

    gw_sip_msg_remove(m, "Via");
    for (unsigned i = gw_sip_msg_count(t->req, "Via"); !err && i > 0; i--) {
        v = gw_sip_msg_get(t->req, "Via", i - 1);
        err = gw_sip_msg_push(m, "Via", v);
    }
    if (!err && m->status > 100 && to && gw_sip_param(to, "tag", tag, sizeof(tag)) == GW_E_NOTFOUND) {
        if (asprintf(&text, "%s;tag=%s", to, t->tag) < 0)
            return GW_E_NOMEM;
        err = gw_sip_msg_set(m, "To", text);
        free(text);
    }
    return err;
}

static int send_core(struct gw_sip_server *t, const struct gw_sip_msg *m)
{
    msg_t *msg = gw_sip_core_to_msg(m);
    char tag[128];

    if (!msg)
        return GW_E_SYNTAX;
    gw_stats_inc(GW_STAT_SIP_OUT_CORE);
    gw_sip_trace_core(t->stack, true, &t->peer, m, NULL);
    /* nta finds the ACK to our 2xx by the tag that it believes to have given */
    if (m->status > 100 && gw_sip_param(gw_sip_msg_get(m, "To", 0), "tag", tag, sizeof(tag)) == 0)
        nta_incoming_tag(t->irq, tag);
    if (m->method == GW_SIP_INVITE && m->status > 100 && m->status < 200 && !gw_sip_msg_get(m, "RSeq", 0) &&
        (gw_sip_msg_has_token(m, "Require", "100rel") || gw_sip_msg_has_token(t->req, "Require", "100rel")) &&
        (gw_sip_msg_has_token(t->req, "Require", "100rel") || gw_sip_msg_has_token(t->req, "Supported", "100rel")))
        return nta_reliable_mreply(t->irq, gw_sip_server_on_prack, t, msg) ? 0 : GW_E_IO;
    return nta_incoming_mreply(t->irq, msg) < 0 ? GW_E_IO : 0;
}

static int send_ws(struct gw_sip_server *t, const struct gw_sip_msg *m)
{
    size_t len;
    char *text = gw_sip_msg_write(m, &len);

    if (!text)
        return GW_E_NOMEM;
    if ((m->method == GW_SIP_INVITE && m->status / 100 == 2) || gw_sip_flow_is_udp(t->stack, t->flow)) {
        free(t->final);
        t->final = malloc(len);
        if (!t->final) {
            free(text);
            return GW_E_NOMEM;
        }
        memcpy(t->final, text, len);
        t->final_len = len;
    }
    (void)gw_sip_flow_send(t->stack, t->flow, text, len); /* a flow that is gone is told by on_flow_closed */
    return 0;
}

/* The final response is out. */
static void finish(struct gw_sip_server *t, int status)
{
    bool is_udp = !t->irq && gw_sip_flow_is_udp(t->stack, t->flow), is_invite = t->req->method == GW_SIP_INVITE;
    bool is_2xx = is_invite && status / 100 == 2;

    if ((!is_invite && !is_udp) || (!is_2xx && t->irq)) {
        gw_sip_server_free(t); /* nta goes on by itself */
        return;
    }
    t->state = is_2xx ? GW_SIP_ACCEPTED : GW_SIP_COMPLETED;
    if (!is_2xx)
        t->is_over = true;
    if (t->irq)
        return;
    t->give_up_us = gw_clock_us() + 64 * t->stack->t1_ms * GW_MS;
    /* timer G; J: repeated when the request is */
    t->interval_ms = is_2xx || (is_udp && is_invite) ? t->stack->t1_ms : 64 * t->stack->t1_ms + 1;
    if (is_2xx)
        (void)gw_sip_table_add(&t->stack->ws_accepted, &t->ack_node, gw_sip_dialog_hash(t->flow, t->req));
    gw_ctl_timer_start(t->timer, t->interval_ms);
}

int gw_sip_server_respond(struct gw_sip_server *t, struct gw_sip_msg **resp)
{
    struct gw_sip_msg *m = *resp;
    int err, status = m->status;

    if (t->is_over || t->state != GW_SIP_TRYING || m->is_request)
        return GW_E_STATE;
    err = complete(t, m);
    if (!err && status > 100)
        gw_ctl_timer_stop(t->timer);
    if (!err)
        err = t->irq ? send_core(t, m) : send_ws(t, m);
    if (err && status < 200)
        return err;
    if (err) /* nobody hears of it any more, but it is over */
        gw_log(GW_LOG_WARNING, "sip", NULL, "response %d not sent: %s", status, gw_err_text(err));
    gw_sip_msg_free(m);
    *resp = NULL;
    t->last_status = status;
    if (status >= 200)
        finish(t, status);
    return 0;
}

int gw_sip_server_reply(struct gw_sip_server *t, const struct gw_sip_msg *req, int status, const char *phrase,
                        const char *header, const char *value)
{
    struct gw_sip_msg *m = gw_sip_msg_response(req, status, phrase, t->tag);
    int err;

    if (!m)
        return GW_E_NOMEM;
    err = header ? gw_sip_msg_add(m, header, value) : 0;
    if (!err)
        err = gw_sip_server_respond(t, &m);
    gw_sip_msg_free(m);
    return err;
}

void gw_sip_server_drop(struct gw_sip_server *t)
{
    if (t->is_over)
        return;
    t->events = NULL;
    if (t->state == GW_SIP_TRYING)
        (void)gw_sip_server_reply(t, t->req, 500, NULL, NULL, NULL);
}
