/* Client transactions (RFC 3261 s. 17.1, s. 9.1, s. 13.2.2.4). The core side is nta's; a WebSocket needs only the
 * time-outs, CANCEL, and the ACKs. */
#include "stack_priv.h"

#include <sofia-sip/msg.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/tport_tag.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"

/* ---- life ---- */

void gw_sip_client_free(struct gw_sip_client *t)
{
    struct gw_sip_stack *s = t->stack;

    if (!t->is_dead) {
        t->is_dead = t->is_over = true;
        gw_sip_table_remove(&s->ws_clients, &t->node);
        gw_sip_table_remove(&s->acks, &t->ack_node);
        gw_ctl_timer_free(t->timer);
        gw_ctl_timer_free(t->repeat);
        t->timer = t->repeat = NULL;
        if (t->orq) {
            nta_outgoing_bind(t->orq, NULL, NULL);
            nta_outgoing_destroy(t->orq);
        }
        t->orq = NULL;
        if (t->prev)
            t->prev->next = t->next;
        else
            s->all_clients = t->next;
        if (t->next)
            t->next->prev = t->prev;
        gw_stats_add(GW_STAT_SIP_CLIENTS, -1);
    }
    if (t->in_callback)
        return;
    gw_sip_msg_free(t->req);
    free(t->cancel_reason);
    free(t->ack);
    free(t->sent);
    free(t);
}

/* ---- what UDP needs: the request again until it is answered (timers A and E) ---- */

static void on_repeat(void *arg)
{
    struct gw_sip_client *t = arg;
    uint32_t t2 = 8 * t->stack->t1_ms;
    char *copy = t->sent ? malloc(t->sent_len) : NULL;

    if (copy) {
        memcpy(copy, t->sent, t->sent_len);
        (void)gw_sip_flow_send(t->stack, t->flow, copy, t->sent_len);
    }
    t->repeat_ms = t->req->method == GW_SIP_INVITE && !t->is_cancel_sent ? 2 * t->repeat_ms
                   : 2 * t->repeat_ms < t2                               ? 2 * t->repeat_ms
                                                                         : t2;
    gw_ctl_timer_start(t->repeat, t->repeat_ms);
}

static void repeat_start(struct gw_sip_client *t, const struct gw_sip_msg *m)
{
    if (!gw_sip_flow_is_udp(t->stack, t->flow))
        return;
    free(t->sent);
    t->sent = gw_sip_msg_write(m, &t->sent_len);
    if (!t->repeat && gw_ctl_timer_new(t->stack, on_repeat, t, &t->repeat) != 0)
        return; /* sent once, as over TCP */
    t->repeat_ms = t->stack->t1_ms;
    gw_ctl_timer_start(t->repeat, t->repeat_ms);
}

static void repeat_stop(struct gw_sip_client *t)
{
    if (t->repeat)
        gw_ctl_timer_stop(t->repeat);
}

/* Tells the handler. After the last it is over: gone, but for an INVITE with a 2xx, which lingers. */
static void tell(struct gw_sip_client *t, const struct gw_sip_msg *m)
{
    bool is_last = m->status >= 200, is_dropped = t->is_dropped;

    if (t->is_over)
        return;
    t->in_callback++;
    if (is_last) {
        t->is_over = true;
        t->is_accepted = t->req->method == GW_SIP_INVITE && m->status / 100 == 2;
        repeat_stop(t);
        if (t->is_accepted || t->is_refused)
            gw_ctl_timer_start(t->timer, 64 * t->stack->t1_ms);
        else
            gw_sip_client_free(t);
    }
    if (!is_dropped && t->cb)
        t->cb(t->arg, t, m, is_last);
    else if (is_dropped && is_last && m->status / 100 == 2 && t->req->method == GW_SIP_INVITE &&
             t->stack->handler.on_stray_2xx)
        t->stack->handler.on_stray_2xx(t->stack->handler.arg, t->flow, m);
    if (--t->in_callback == 0 && t->is_dead)
        gw_sip_client_free(t);
}

/* A response that nobody sent. */
static void tell_local(struct gw_sip_client *t, int status)
{
    struct gw_sip_msg *m = gw_sip_msg_response(t->req, status, NULL, "local");

    gw_stats_inc(status == 408 ? GW_STAT_SIP_TIMEOUT : GW_STAT_SIP_UNREACHABLE);
    gw_log(GW_LOG_INFO, "sip", NULL, "%s to %s: %d made here", t->req->method_name, t->req->uri, status);
    if (m)
        tell(t, m);
    else
        gw_sip_client_free(t);
    gw_sip_msg_free(m);
}

/* ---- messages that go with an INVITE ---- */

/* CANCEL or ACK to a non-2xx: Request-URI, top Via, From, Call-ID, CSeq number, Route of the request (s. 9.1,
 * s. 17.1.1.3). */
static struct gw_sip_msg *companion(const struct gw_sip_client *t, const char *method, const char *to)
{
    static const char *const kept[] = { "Via", "Max-Forwards", "Route", "From", "To", "Call-ID" };
    struct gw_sip_msg *m = gw_sip_msg_request(method, t->req->uri);
    char cseq[32];
    const char *v;
    int err = m ? 0 : GW_E_NOMEM;

    for (unsigned i = 0; !err && i < sizeof(kept) / sizeof(kept[0]); i++)
        for (unsigned k = 0; !err && (v = gw_sip_msg_get(t->req, kept[i], k)); k++)
            err = gw_sip_msg_add(m, kept[i], i == 4 && to ? to : v);
    if (!err) {
        snprintf(cseq, sizeof(cseq), "%lu %s", strtoul(gw_sip_msg_get(t->req, "CSeq", 0), NULL, 10), method);
        err = gw_sip_msg_add(m, "CSeq", cseq);
    }
    if (err) {
        gw_sip_msg_free(m);
        return NULL;
    }
    return m;
}

static void send_companion(struct gw_sip_client *t, const char *method, const char *to, const char *reason)
{
    struct gw_sip_msg *m = companion(t, method, to);

    if (m && reason)
        (void)gw_sip_msg_add(m, "Reason", reason);
    if (m)
        (void)gw_sip_flow_send_msg(t->stack, t->flow, m);
    if (m && gw_sip_flow_is_udp(t->stack, t->flow)) {
        if (m->method == GW_SIP_ACK) {
            free(t->ack);
            t->ack = gw_sip_msg_write(m, &t->ack_len);
            t->is_refused = t->ack != NULL;
        } else {
            repeat_start(t, m);
        }
    }
    gw_sip_msg_free(m);
}

static void send_cancel(struct gw_sip_client *t)
{
    char *header = NULL;

    t->is_cancel_sent = true;
    if (t->flow) {
        send_companion(t, "CANCEL", NULL, t->cancel_reason);
        gw_ctl_timer_start(t->timer, 64 * t->stack->t1_ms); /* for the 487 */
        return;
    }
    if (t->cancel_reason && asprintf(&header, "Reason: %s", t->cancel_reason) < 0)
        header = NULL;
    nta_outgoing_tcancel(t->orq, NULL, NULL, TAG_IF(header, SIPTAG_HEADER_STR(header)), TAG_END());
    free(header);
}

static void on_timer(void *arg)
{
    struct gw_sip_client *t = arg;

    if (t->is_accepted || (t->is_refused && t->is_over))
        gw_sip_client_free(t); /* nobody repeats a 2xx any more */
    else if (t->local_status)
        tell_local(t, t->local_status);
    else if (t->req->method == GW_SIP_INVITE && t->has_provisional && !t->is_cancel_sent)
        send_cancel(t); /* timer C */
    else
        tell_local(t, 408); /* timer B or F, or no answer to the CANCEL */
}

/* ---- responses ---- */

static void on_another_2xx(struct gw_sip_client *t, const struct gw_sip_msg *m)
{
    struct gw_sip_handler *h = &t->stack->handler;
    char *copy;

    if (t->ack && (copy = malloc(t->ack_len))) { /* s. 13.2.2.4: the ACK again for each */
        memcpy(copy, t->ack, t->ack_len);
        (void)gw_sip_flow_send(t->stack, t->flow, copy, t->ack_len);
    } else if (h->on_stray_2xx) {
        h->on_stray_2xx(h->arg, t->flow, m);
    }
}

static void on_response(struct gw_sip_client *t, const struct gw_sip_msg *m)
{
    bool is_invite = t->req->method == GW_SIP_INVITE;

    if (t->is_over) {
        if (t->is_accepted ? m->status / 100 == 2 : t->is_refused && m->status >= 300)
            on_another_2xx(t, m);
        return;
    }
    if (m->status < 200) {
        t->has_provisional = true;
        if (is_invite && !t->is_cancel_sent)
            repeat_stop(t);
        if (t->is_cancelled && !t->is_cancel_sent)
            send_cancel(t);
        else if (is_invite && !t->is_cancel_sent)
            gw_ctl_timer_start(t->timer, (uint32_t)t->stack->conf->sip_timer_c * 1000);
        if (m->status > 100)
            tell(t, m);
        return;
    }
    if (is_invite && m->status >= 300)
        send_companion(t, "ACK", gw_sip_msg_get(m, "To", 0), NULL);
    tell(t, m);
}

static struct gw_sip_client *find_ws(struct gw_sip_stack *s, gw_flow_id flow, const char *branch)
{
    for (struct gw_sip_node *n = gw_sip_table_find(&s->ws_clients, gw_sip_hash(flow, branch)); n;
         n = gw_sip_table_next(n)) {
        struct gw_sip_client *t = GW_SIP_OF(n, struct gw_sip_client, node);

        if (t->flow == flow && strcmp(t->branch, branch) == 0)
            return t;
    }
    return NULL;
}

void gw_sip_client_on_ws(struct gw_sip_stack *s, gw_flow_id flow, struct gw_sip_msg *m)
{
    const char *via = gw_sip_msg_get(m, "Via", 0);
    struct gw_sip_client *t = NULL;
    char branch[64];

    if (via && !gw_sip_msg_get(m, "Via", 1) && gw_sip_param(via, "branch", branch, sizeof(branch)) == 0)
        t = find_ws(s, flow, branch);
    if (t && strcmp(t->req->method_name, m->method_name) == 0)
        on_response(t, m);
    else if (t && m->method == GW_SIP_CANCEL)
        ; /* the answer to our CANCEL says nothing (s. 9.1) */
    else if (m->method == GW_SIP_INVITE && m->status / 100 == 2 && s->handler.on_stray_2xx)
        s->handler.on_stray_2xx(s->handler.arg, flow, m);
    else
        gw_stats_inc(GW_STAT_SIP_STRAY);
    gw_sip_msg_free(m);
}

int gw_sip_client_on_nta(struct gw_sip_client *t, nta_outgoing_t *orq, const sip_t *sip)
{
    struct gw_addr peer;
    msg_t *msg;
    struct gw_sip_msg *m;

    if (!t || t->is_over)
        return 0;
    if (!sip) {
        tell_local(t, nta_outgoing_status(orq) >= 300 ? nta_outgoing_status(orq) : 408);
        return 0;
    }
    msg = nta_outgoing_getresponse(orq);
    m = msg ? gw_sip_core_from_msg(msg, NULL) : NULL;
    if (msg && !nta_msg_is_internal(msg))
        gw_stats_inc(GW_STAT_SIP_IN_CORE);
    else if (msg)
        gw_stats_inc(nta_outgoing_status(orq) == 408 ? GW_STAT_SIP_TIMEOUT : GW_STAT_SIP_UNREACHABLE);
    if (m && !nta_msg_is_internal(msg))
        gw_sip_trace_core(t->stack, false, gw_sip_core_peer(msg, &peer), m, NULL);
    if (msg)
        msg_destroy(msg);
    if (m) {
        t->has_provisional = true;
        tell(t, m);
    } else if (nta_outgoing_status(orq) >= 200) {
        tell_local(t, 500); /* unreadable here though nta read it: out of memory */
    }
    gw_sip_msg_free(m);
    return 0;
}

void gw_sip_client_on_flow_closed(struct gw_sip_stack *s, gw_flow_id flow)
{
    /* The list changes under the callbacks: mark first, tell from timers. */
    for (struct gw_sip_client *t = s->all_clients; t; t = t->next) {
        if (t->flow != flow)
            continue;
        if (t->is_over) {
            gw_ctl_timer_start(t->timer, 0);
        } else {
            t->local_status = 430;
            gw_ctl_timer_start(t->timer, 0);
        }
    }
}

/* ---- sending ---- */

/* SIG-012: a host in ".invalid" names nobody (RFC 7118 appendix A). */
static bool is_invalid_host(const char *uri)
{
    struct gw_sip_uri u;
    size_t n;

    if (gw_sip_uri_parse(uri, &u))
        return false;
    n = strlen(u.host);
    return n >= 8 && strcasecmp(u.host + n - 8, ".invalid") == 0;
}

/* Where a request to the core goes: the first of explicit target, top Route, Request-URI. */
static void next_hop(const struct gw_sip_msg *req, const struct gw_sip_target *to, char *buf, size_t size)
{
    const char *route = gw_sip_msg_get(req, "Route", 0);

    if (to->uri)
        snprintf(buf, size, "%s", to->uri);
    else if (!route || gw_sip_uri_of(route, buf, size))
        snprintf(buf, size, "%s", req->uri);
}

/* The listener that a literal address needs, or NULL. */
static const char *listener_for(const char *hop)
{
    struct gw_sip_uri u;

    return gw_sip_uri_parse(hop, &u) == 0 && u.host[0] == '[' ? GW_SIP_IP6 : NULL;
}

static int send_core(struct gw_sip_client *t, const struct gw_sip_target *to)
{
    char hop[1024];
    msg_t *msg;

    next_hop(t->req, to, hop, sizeof(hop));
    if (is_invalid_host(hop)) {
        t->local_status = 430;
        return 0;
    }
    msg = gw_sip_core_to_msg(t->req);
    if (!msg)
        return GW_E_SYNTAX;
    gw_stats_inc(GW_STAT_SIP_OUT_CORE);
    gw_sip_trace_core(t->stack, true, NULL, t->req, hop);
    t->orq = nta_outgoing_mcreate(t->stack->agent, gw_sip_client_on_nta, t, URL_STRING_MAKE(hop), msg,
                                  TAG_IF(listener_for(hop), TPTAG_IDENT(listener_for(hop))), TAG_END());
    if (!t->orq) {
        msg_destroy(msg);
        t->local_status = 503;
    }
    return 0;
}

/* Our Via on a WebSocket (RFC 7118 s. 5.2.1) in place of any other: the browser answers to us alone. */
static int set_ws_via(struct gw_sip_stack *s, gw_flow_id flow, struct gw_sip_msg *m, const char *branch)
{
    struct gw_sip_flow *f = gw_sip_flow_find(s, flow);
    bool is_phone = f && strncmp(f->info.transport, "WS", 2) != 0;
    char via[400], addr[GW_ADDR_TEXT];

    snprintf(via, sizeof(via), "SIP/2.0/%s %s;branch=%s%s", f ? f->info.transport : "WSS",
             is_phone ? gw_addr_text(&f->info.local, addr) : s->conf->domain, branch, f && f->is_udp ? ";rport" : "");
    gw_sip_msg_remove(m, "Via");
    return gw_sip_msg_push(m, "Via", via);
}

static void make_branch(char *buf)
{
    memcpy(buf, "z9hG4bK", 7);
    gw_rand_token(buf + 7, 16);
}

static int send_ws(struct gw_sip_client *t)
{
    int err;

    make_branch(t->branch);
    err = set_ws_via(t->stack, t->flow, t->req, t->branch);
    if (!err)
        err = gw_sip_table_add(&t->stack->ws_clients, &t->node, gw_sip_hash(t->flow, t->branch));
    if (err)
        return err;
    if (!gw_sip_flow_find(t->stack, t->flow))
        t->local_status = 430;
    else if (gw_sip_flow_send_msg(t->stack, t->flow, t->req))
        t->local_status = 503;
    else
        repeat_start(t, t->req);
    return 0;
}

int gw_sip_client_send(struct gw_sip_stack *s, struct gw_sip_msg **req, const struct gw_sip_target *to,
                       gw_sip_response_cb *cb, void *arg, struct gw_sip_client **out)
{
    struct gw_sip_client *t;
    int err;

    if (!(*req)->is_request || (*req)->method == GW_SIP_ACK || (*req)->method == GW_SIP_CANCEL ||
        !gw_sip_msg_get(*req, "From", 0) || !gw_sip_msg_get(*req, "To", 0) || !gw_sip_msg_get(*req, "Call-ID", 0) ||
        !gw_sip_msg_get(*req, "CSeq", 0))
        return GW_E_INVAL;
    t = calloc(1, sizeof(*t));
    if (!t)
        return GW_E_NOMEM;
    t->stack = s;
    t->flow = to->flow;
    t->req = *req;
    t->cb = cb;
    t->arg = arg;
    t->next = s->all_clients;
    if (t->next)
        t->next->prev = t;
    s->all_clients = t;
    gw_stats_inc(GW_STAT_SIP_CLIENTS);
    gw_sip_msg_remove(t->req, "Via");
    err = gw_sip_msg_get(t->req, "Max-Forwards", 0) ? 0 : gw_sip_msg_set(t->req, "Max-Forwards", "70");
    if (!err)
        err = gw_ctl_timer_new(s, on_timer, t, &t->timer);
    if (!err && t->req->method == GW_SIP_INVITE)
        err = gw_sip_table_add(&s->acks, &t->ack_node, gw_sip_dialog_hash(t->flow, t->req));
    if (!err)
        err = t->flow ? send_ws(t) : send_core(t, to);
    if (err) {
        t->req = NULL; /* stays with the caller */
        gw_sip_client_free(t);
        return err;
    }
    if (t->local_status)
        gw_ctl_timer_start(t->timer, 0); /* told when the caller knows the transaction */
    else if (t->flow)
        gw_ctl_timer_start(t->timer, 64 * s->t1_ms); /* B, F */
    *req = NULL;
    if (out)
        *out = t;
    return 0;
}

void gw_sip_client_cancel(struct gw_sip_client *t, const char *reason_header_or_null)
{
    if (t->is_over || t->is_cancelled || t->req->method != GW_SIP_INVITE || t->local_status)
        return;
    t->is_cancelled = true;
    if (reason_header_or_null)
        t->cancel_reason = strdup(reason_header_or_null);
    if (!t->flow || t->has_provisional)
        send_cancel(t); /* nta itself waits for the provisional */
}

void gw_sip_client_drop(struct gw_sip_client *t)
{
    if (t->is_over)
        return;
    t->is_dropped = true; /* goes on until its end: CANCEL, ACK and a late 2xx still need it */
    t->cb = NULL;
}

struct gw_sip_client *gw_sip_client_for_ack(struct gw_sip_stack *s, gw_flow_id flow, const struct gw_sip_msg *ack)
{
    for (struct gw_sip_node *n = gw_sip_table_find(&s->acks, gw_sip_dialog_hash(flow, ack)); n;
         n = gw_sip_table_next(n)) {
        struct gw_sip_client *t = GW_SIP_OF(n, struct gw_sip_client, ack_node);

        if (t->flow == flow && gw_sip_same_dialog(t->req, ack))
            return t;
    }
    return NULL;
}

static int send_ack_ws(struct gw_sip_stack *s, struct gw_sip_msg *m, gw_flow_id flow)
{
    struct gw_sip_client *t = gw_sip_client_for_ack(s, flow, m);
    char branch[32], *text;
    size_t len;
    int err;

    make_branch(branch);
    err = set_ws_via(s, flow, m, branch);
    if (err)
        return err;
    text = gw_sip_msg_write(m, &len);
    if (!text)
        return GW_E_NOMEM;
    if (t) {
        free(t->ack);
        t->ack = malloc(len);
        t->ack_len = t->ack ? len : 0;
        if (t->ack)
            memcpy(t->ack, text, len);
    }
    return gw_sip_flow_send(s, flow, text, len);
}

static int send_ack_core(struct gw_sip_stack *s, struct gw_sip_msg *m, const struct gw_sip_target *to)
{
    struct gw_sip_client *t = gw_sip_client_for_ack(s, 0, m);
    const char *branch = t && t->orq ? nta_outgoing_branch(t->orq) : NULL;
    nta_outgoing_t *orq;
    char hop[1024];
    msg_t *msg;

    next_hop(m, to, hop, sizeof(hop));
    if (is_invalid_host(hop))
        return GW_E_POLICY;
    gw_sip_msg_remove(m, "Via");
    msg = gw_sip_core_to_msg(m);
    if (!msg)
        return GW_E_SYNTAX;
    gw_stats_inc(GW_STAT_SIP_OUT_CORE);
    gw_sip_trace_core(s, true, NULL, m, hop);
    /* With the INVITE's branch nta keeps the ACK and repeats it for each repeated 2xx; without, it sends it once. */
    orq = nta_outgoing_mcreate(s->agent, NULL, NULL, URL_STRING_MAKE(hop), msg,
                               TAG_IF(branch, NTATAG_ACK_BRANCH(branch)), TAG_IF(!branch, NTATAG_STATELESS(1)),
                               TAG_IF(listener_for(hop), TPTAG_IDENT(listener_for(hop))), TAG_END());
    if (!orq) {
        msg_destroy(msg);
        return GW_E_IO;
    }
    if (branch)
        nta_outgoing_destroy(orq); /* marks it: freed at its time-out */
    return 0;
}

int gw_sip_send_ack(struct gw_sip_stack *s, struct gw_sip_msg **ack, const struct gw_sip_target *to)
{
    struct gw_sip_msg *m = *ack;
    int err;

    if (!m->is_request || m->method != GW_SIP_ACK || !gw_sip_msg_get(m, "From", 0) ||
        !gw_sip_msg_get(m, "Call-ID", 0) || !gw_sip_msg_get(m, "CSeq", 0))
        return GW_E_INVAL;
    err = gw_sip_msg_get(m, "Max-Forwards", 0) ? 0 : gw_sip_msg_set(m, "Max-Forwards", "70");
    if (!err)
        err = to->flow ? send_ack_ws(s, m, to->flow) : send_ack_core(s, m, to);
    if (err)
        return err;
    gw_sip_msg_free(m);
    *ack = NULL;
    return 0;
}
