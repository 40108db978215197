/* Flows of the access side: what comes from a WebSocket on its way to a transaction, and what is refused before
 * (RFC 7118; specs/signalling.md section 6). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/base/utf8.h"
#include "signaling/ws/ws_listener.h"
#include "stack_priv.h"

enum { BAD_MAX = 20 }; /* messages of a connection that are no SIP, then it is closed 1008 */

struct gw_sip_flow *gw_sip_flow_find(struct gw_sip_stack *s, gw_flow_id id)
{
    for (struct gw_sip_node *n = gw_sip_table_find(&s->flows, id); n; n = gw_sip_table_next(n)) {
        struct gw_sip_flow *f = GW_SIP_OF(n, struct gw_sip_flow, node);

        if (f->id == id)
            return f;
    }
    return NULL;
}

int gw_sip_flow_info(struct gw_sip_stack *s, gw_flow_id flow, struct gw_flow_info *out)
{
    struct gw_sip_flow *f = gw_sip_flow_find(s, flow);

    if (!f)
        return GW_E_NOTFOUND;
    *out = f->info;
    return 0;
}

void gw_sip_flow_close(struct gw_sip_stack *s, gw_flow_id flow, uint16_t ws_code, const char *reason)
{
    struct gw_sip_flow *f = gw_sip_flow_find(s, flow);

    if (f && f->is_udp)
        gw_sip_flow_end(s, flow);
    else if (f && s->ws_ops)
        s->ws_ops->close(s->ws, flow, ws_code, reason); /* CLOSED comes back as an event */
}

int gw_sip_flow_send(struct gw_sip_stack *s, gw_flow_id id, char *text, size_t len)
{
    struct gw_sip_flow *f = gw_sip_flow_find(s, id);
    int err = GW_E_CLOSED;

    gw_sip_trace_flow(s, id, true, (struct gw_span){ text, len });
    /* text frames hold UTF-8; anything else goes as binary (RFC 7118 s. 4.2) */
    if (f && f->is_udp) {
        err = gw_sip_udp_send(s, f, (struct gw_span){ text, len });
        free(text);
        gw_stats_inc(GW_STAT_SIP_OUT_WS);
        return err;
    }
    if (f && s->ws_ops)
        err = s->ws_ops->send(s->ws, id, &text, len, !gw_utf8_is_valid((struct gw_span){ text, len }));
    if (err)
        free(text);
    else
        gw_stats_inc(GW_STAT_SIP_OUT_WS);
    return err;
}

int gw_sip_flow_send_msg(struct gw_sip_stack *s, gw_flow_id id, const struct gw_sip_msg *m)
{
    struct gw_sip_flow *f = gw_sip_flow_find(s, id);
    size_t len;
    char *text = gw_sip_msg_write(m, &len);

    if (f && m->status / 100 == 2 && (m->method == GW_SIP_REGISTER || m->method == GW_SIP_INVITE))
        f->is_kept = true;
    return text ? gw_sip_flow_send(s, id, text, len) : GW_E_NOMEM;
}

void gw_sip_log_bad(const char *from, const char *what, const char *why)
{
    gw_stats_inc(GW_STAT_SIP_BAD);
    gw_log(GW_LOG_WARNING, "sip", NULL, "from %s: %s: %s", from, what, why);
}

void gw_sip_log_refused(const struct gw_addr *from, const struct gw_sip_msg *req, int status)
{
    char text[GW_ADDR_TEXT];

    gw_stats_inc(GW_STAT_SIP_REFUSED);
    gw_log(GW_LOG_WARNING, "sip", NULL, "from %s: %s %s refused: %d", gw_addr_text(from, text), req->method_name,
           req->uri, status);
}

/* ---- requests before they are anybody's ---- */

static bool has_known_scheme(const char *uri)
{
    static const char *const known[] = { "sip:", "sips:", "tel:", "urn:" };

    for (unsigned i = 0; i < 4; i++)
        if (strncasecmp(uri, known[i], strlen(known[i])) == 0)
            return true;
    return false;
}

int gw_sip_admit(struct gw_sip_msg *req)
{
    const char *hops = gw_sip_msg_get(req, "Max-Forwards", 0), *to = gw_sip_msg_get(req, "To", 0);
    char uri[1024];

    if (!hops)
        (void)gw_sip_msg_set(req, "Max-Forwards", "70"); /* RFC 3261 s. 16.6 item 3 */
    else if (atoi(hops) == 0 && req->method != GW_SIP_ACK)
        return 483;
    if (!has_known_scheme(req->uri))
        return 416;
    if (to && gw_sip_uri_of(to, uri, sizeof(uri)) == 0 && !has_known_scheme(uri))
        return 416;
    return 0;
}

static void refuse(struct gw_sip_stack *s, gw_flow_id flow, const struct gw_sip_msg *req, int status,
                   const char *phrase)
{
    char tag[13];
    struct gw_sip_msg *m;

    gw_rand_token(tag, 12);
    m = gw_sip_msg_response(req, status, phrase, tag);
    if (m)
        (void)gw_sip_flow_send_msg(s, flow, m);
    gw_sip_msg_free(m);
}

static void on_request(struct gw_sip_stack *s, struct gw_sip_flow *f, struct gw_sip_msg *m)
{
    gw_flow_id id = f->id;
    int status;

    if (gw_sip_server_take(s, id, m))
        return; /* taken */
    status = gw_sip_admit(m);
    if (m->method == GW_SIP_ACK) {
        if (!status && s->handler.on_ack)
            s->handler.on_ack(s->handler.arg, id, m);
        gw_sip_msg_free(m);
    } else if (m->method == GW_SIP_CANCEL || status) {
        gw_sip_log_refused(&f->info.peer, m, status ? status : 481);
        refuse(s, id, m, status ? status : 481, NULL);
        gw_sip_msg_free(m);
    } else {
        gw_sip_server_start(s, id, &f->info.peer, NULL, m);
    }
}

/* A message with a fault: answered if it can be, and counted against the connection. */
static void on_bad(struct gw_sip_stack *s, struct gw_sip_flow *f, const struct gw_sip_msg *m, int status,
                   const char *why)
{
    char peer[GW_ADDR_TEXT];
    bool is_answered = m && m->is_request && m->method != GW_SIP_ACK && gw_sip_msg_is_answerable(m);

    gw_sip_log_bad(gw_addr_text(&f->info.peer, peer), is_answered ? "refused" : "dropped", why);
    if (is_answered)
        refuse(s, f->id, m, status, why);
    if (++f->bad == BAD_MAX) {
        gw_stats_inc(GW_STAT_SIP_BAD_CLOSED);
        gw_sip_flow_close(s, f->id, 1008, "too many messages that are not SIP");
    }
}

/* Where a phone's responses go is where it sent from, whatever it believes of itself (RFC 3261 s. 18.2.1, RFC 3581 s.
 * 4).
 */
static int mend_via(const struct gw_sip_flow *f, struct gw_sip_msg *m)
{
    const char *via = gw_sip_msg_get(m, "Via", 0), *rport;
    char ip[GW_ADDR_TEXT], port[8], *text;
    int n, err;

    if (!via || strncmp(f->info.transport, "WS", 2) == 0)
        return 0;
    gw_addr_ip_text(&f->info.peer, ip);
    rport = gw_sip_param(via, "rport", port, sizeof(port)) == 0 && !port[0] ? strcasestr(via, ";rport") : NULL;
    if (rport)
        n = asprintf(&text, "%.*s;rport=%u%s;received=%s", (int)(rport - via), via, f->info.peer.port, rport + 6, ip);
    else
        n = asprintf(&text, "%s;received=%s", via, ip);
    if (n < 0)
        return GW_E_NOMEM;
    gw_sip_msg_remove_at(m, "Via", 0);
    err = gw_sip_msg_push(m, "Via", text);
    free(text);
    return err;
}

void gw_sip_flow_input(struct gw_sip_stack *s, struct gw_sip_flow *f, struct gw_span text)
{
    struct gw_sip_fault fault;
    struct gw_sip_msg *m;
    int err;

    if (f->bad >= BAD_MAX)
        return;
    gw_stats_inc(GW_STAT_SIP_IN_WS);
    gw_sip_trace_flow(s, f->id, false, text);
    err = gw_sip_msg_parse_loose(text, &m, &fault);
    if (!err && m->is_request && mend_via(f, m) != 0) {
        gw_sip_msg_free(m);
        return; /* out of memory: it comes again */
    }
    if (err) {
        on_bad(s, f, NULL, 0, "Bad Start Line");
    } else if (fault.status) {
        on_bad(s, f, m, fault.status, fault.text);
        gw_sip_msg_free(m);
    } else if (m->is_request) {
        on_request(s, f, m);
    } else {
        gw_sip_client_on_ws(s, f->id, m);
    }
}

/* ---- the life of a flow ---- */

static void flow_free(struct gw_sip_flow *f)
{
    if (f)
        free(f->token);
    free(f);
}

int gw_sip_flow_add(struct gw_sip_stack *s, struct gw_sip_flow *f)
{
    if (gw_sip_table_add(&s->flows, &f->node, f->id))
        return GW_E_NOMEM;
    gw_stats_inc(GW_STAT_SIP_FLOWS);
    if (s->handler.on_flow_open)
        s->handler.on_flow_open(s->handler.arg, f->id);
    return 0;
}

static void on_open(struct gw_sip_stack *s, const struct gw_ws_event *e)
{
    struct gw_sip_flow *f = calloc(1, sizeof(*f));

    if (f && e->len)
        f->token = strdup(e->data);
    if (!f || (e->len && !f->token)) {
        flow_free(f);
        if (s->ws_ops)
            s->ws_ops->close(s->ws, e->conn, 1013, "out of memory");
        return;
    }
    f->id = e->conn;
    f->info.peer = e->peer;
    f->info.local = e->local;
    snprintf(f->info.transport, sizeof(f->info.transport), "%s",
             e->is_stream ? (e->is_tls ? "TLS" : "TCP") : (e->is_tls ? "WSS" : "WS"));
    memcpy(f->info.host, e->host, sizeof(f->info.host));
    f->info.token = f->token;
    if (gw_sip_flow_add(s, f) == 0)
        return;
    flow_free(f);
    if (s->ws_ops)
        s->ws_ops->close(s->ws, e->conn, 1013, "out of memory");
}

void gw_sip_flow_end(struct gw_sip_stack *s, gw_flow_id id)
{
    struct gw_sip_flow *f = gw_sip_flow_find(s, id);

    if (!f)
        return;
    gw_sip_table_remove(&s->flows, &f->node);
    gw_sip_udp_forget(s, f);
    flow_free(f);
    gw_stats_add(GW_STAT_SIP_FLOWS, -1);
    gw_sip_client_on_flow_closed(s, id);
    if (s->handler.on_flow_closed)
        s->handler.on_flow_closed(s->handler.arg, id);
}

void gw_sip_flows_on_mbox(void *stack)
{
    struct gw_sip_stack *s = stack;
    struct gw_sip_flow *f;
    struct gw_ws_event *e;

    /* A bounded burst: timers and the core side get their turn. */
    for (int i = 0; i < 64 && (e = gw_mbox_take(s->mbox)); i++) {
        if (e->type == GW_WS_OPEN)
            on_open(s, e);
        else if (e->type == GW_WS_CLOSED)
            gw_sip_flow_end(s, e->conn);
        else if ((f = gw_sip_flow_find(s, e->conn)))
            gw_sip_flow_input(s, f, (struct gw_span){ e->data, e->len });
        gw_ws_event_free(e);
    }
}

void gw_sip_flows_fini(struct gw_sip_stack *s)
{
    struct gw_sip_node *n;

    while ((n = gw_sip_table_any(&s->flows))) {
        struct gw_sip_flow *f = GW_SIP_OF(n, struct gw_sip_flow, node);

        gw_sip_table_remove(&s->flows, n);
        gw_sip_udp_forget(s, f);
        flow_free(f);
        gw_stats_add(GW_STAT_SIP_FLOWS, -1);
    }
    gw_sip_table_fini(&s->flows);
}
