#include "sip_fake.h"

#include <poll.h>
#include <stdlib.h>

#include "test.h"

enum { MAX = 4096, RESPONSES = 32, FLOWS = 256, ACKS = 256 };

struct gw_sip_stack {
    int dummy;
};

struct gw_sip_server {
    struct gw_sip_msg *req;
    gw_flow_id flow;
    const struct gw_sip_server_events *ev;
    void *arg;
    struct gw_sip_msg *responses[RESPONSES];
    unsigned nresponses;
    bool is_done, is_dropped; /* done: no longer the tested side's */
    bool waits_ack;
};

struct gw_sip_client {
    struct gw_sip_msg *req;
    gw_flow_id flow;
    char next_hop[512];
    gw_sip_response_cb *cb;
    void *arg;
    bool is_done, is_dropped, is_cancelled;
};

struct gw_ctl_timer {
    void (*cb)(void *arg);
    void *arg;
    uint64_t due_us; /* 0: stopped */
    bool is_freed;
};

enum { FAKE_WATCHES = 64 };

static struct {
    struct gw_sip_stack stack;
    struct gw_sip_handler handler;
    uint64_t now_us;
    struct gw_sip_server *servers[MAX];
    struct gw_sip_client *clients[MAX];
    struct gw_ctl_timer *timers[MAX];
    struct gw_sip_msg *acks[ACKS];
    unsigned nservers, nclients, ntimers, nacks, nflows, nbranches, fail_sends, fail_nth;
    int fail_err;
    struct {
        char transport[8];
        bool is_open, was_closed_by_us;
        uint16_t ws_code;
    } flows[FLOWS];
    unsigned nwatches;
    struct {
        int fd;
        void (*cb)(void *arg);
        void *arg;
    } watches[FAKE_WATCHES];
} f;

unsigned fake_tested_depth;
#define TESTED(call) (fake_tested_depth++, (call), fake_tested_depth--)

static void fail(const char *what)
{
    gw_test_fail("sip_fake", 0, "%s", what);
}

struct gw_sip_stack *fake_sip_reset(void)
{
    for (unsigned i = 0; i < f.nservers; i++) {
        for (unsigned j = 0; j < f.servers[i]->nresponses; j++)
            gw_sip_msg_free(f.servers[i]->responses[j]);
        gw_sip_msg_free(f.servers[i]->req);
        free(f.servers[i]);
    }
    for (unsigned i = 0; i < f.nclients; i++) {
        gw_sip_msg_free(f.clients[i]->req);
        free(f.clients[i]);
    }
    for (unsigned i = 0; i < f.ntimers; i++)
        free(f.timers[i]);
    for (unsigned i = 0; i < f.nacks; i++)
        gw_sip_msg_free(f.acks[i]);
    memset(&f, 0, sizeof(f));
    f.now_us = 1000000;
    return &f.stack;
}

void fake_sip_set_handler(const struct gw_sip_handler *h)
{
    f.handler = *h;
}

/* ---- time ---- */

uint64_t gw_ctl_now_us(struct gw_sip_stack *s)
{
    return f.now_us;
}

int gw_ctl_timer_new(struct gw_sip_stack *s, void (*cb)(void *arg), void *arg, struct gw_ctl_timer **out)
{
    struct gw_ctl_timer *t;

    if (f.ntimers == MAX)
        return GW_E_LIMIT;
    t = calloc(1, sizeof(*t));
    if (!t)
        return GW_E_NOMEM;
    *t = (struct gw_ctl_timer){ .cb = cb, .arg = arg };
    f.timers[f.ntimers++] = t;
    *out = t;
    return 0;
}

void gw_ctl_timer_start(struct gw_ctl_timer *t, uint32_t in_ms)
{
    if (t->is_freed)
        fail("a freed timer is started");
    t->due_us = f.now_us + in_ms * UINT64_C(1000);
}

void gw_ctl_timer_stop(struct gw_ctl_timer *t)
{
    if (t)
        t->due_us = 0;
}

void gw_ctl_timer_free(struct gw_ctl_timer *t)
{
    if (!t)
        return;
    t->is_freed = true;
    t->due_us = 0;
}

int gw_ctl_watch(struct gw_sip_stack *s, int fd, void (*cb)(void *arg), void *arg)
{
    if (f.nwatches == FAKE_WATCHES)
        return GW_E_FULL;
    f.watches[f.nwatches].fd = fd;
    f.watches[f.nwatches].cb = cb;
    f.watches[f.nwatches++].arg = arg;
    return 0;
}

void gw_ctl_unwatch(struct gw_sip_stack *s, int fd)
{
    for (unsigned i = 0; i < f.nwatches; i++)
        if (f.watches[i].fd == fd)
            f.watches[i--] = f.watches[--f.nwatches];
}

void fake_sip_poll(void)
{
    for (unsigned i = 0; i < f.nwatches; i++) {
        struct pollfd p = { f.watches[i].fd, POLLIN, 0 };
        if (poll(&p, 1, 0) > 0)
            TESTED(f.watches[i].cb(f.watches[i].arg));
    }
}

void fake_sip_advance(uint32_t ms)
{
    uint64_t until = f.now_us + ms * UINT64_C(1000);

    for (;;) {
        struct gw_ctl_timer *next = NULL;
        for (unsigned i = 0; i < f.ntimers; i++) {
            struct gw_ctl_timer *t = f.timers[i];
            if (t->due_us && t->due_us <= until && (!next || t->due_us < next->due_us))
                next = t;
        }
        if (!next)
            break;
        if (next->due_us > f.now_us)
            f.now_us = next->due_us;
        next->due_us = 0;
        TESTED(next->cb(next->arg));
    }
    f.now_us = until;
}

unsigned fake_sip_timers(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < f.ntimers; i++)
        n += f.timers[i]->due_us != 0;
    return n;
}

/* ---- flows ---- */

static bool flow_is_open(gw_flow_id flow)
{
    return flow && flow <= f.nflows && f.flows[flow - 1].is_open;
}

const char *fake_flow_token;

gw_flow_id fake_flow_open(const char *transport)
{
    gw_flow_id id;

    if (f.nflows == FLOWS)
        return 0;
    id = ++f.nflows;
    f.flows[id - 1].is_open = true;
    snprintf(f.flows[id - 1].transport, sizeof(f.flows[0].transport), "%s", transport);
    if (f.handler.on_flow_open)
        f.handler.on_flow_open(f.handler.arg, id);
    return id;
}

void fake_flow_close(gw_flow_id flow)
{
    if (!flow_is_open(flow))
        return;
    f.flows[flow - 1].is_open = false;
    if (f.handler.on_flow_closed)
        f.handler.on_flow_closed(f.handler.arg, flow);
}

bool fake_flow_was_closed_by_us(gw_flow_id flow, uint16_t *ws_code)
{
    if (!flow || flow > f.nflows)
        return false;
    if (ws_code)
        *ws_code = f.flows[flow - 1].ws_code;
    return f.flows[flow - 1].was_closed_by_us;
}

int gw_sip_flow_info(struct gw_sip_stack *s, gw_flow_id flow, struct gw_flow_info *out)
{
    if (!flow_is_open(flow))
        return GW_E_NOTFOUND;
    memset(out, 0, sizeof(*out));
    gw_addr_parse("192.0.2.77:40000", &out->peer);
    gw_addr_parse("192.0.2.1:443", &out->local);
    snprintf(out->transport, sizeof(out->transport), "%s", f.flows[flow - 1].transport);
    snprintf(out->host, sizeof(out->host), "%s", FAKE_ACCESS_HOST);
    out->token = fake_flow_token;
    return 0;
}

void gw_sip_flow_close(struct gw_sip_stack *s, gw_flow_id flow, uint16_t ws_code, const char *reason)
{
    if (!flow_is_open(flow))
        return;
    f.flows[flow - 1].was_closed_by_us = true;
    f.flows[flow - 1].ws_code = ws_code;
    fake_flow_close(flow);
}

const char *gw_sip_stack_host(const struct gw_sip_stack *s, bool is_access)
{
    return is_access ? FAKE_ACCESS_HOST : FAKE_CORE_HOST;
}

const char *gw_sip_stack_params(const struct gw_sip_stack *s, bool is_access)
{
    return "";
}

/* ---- server transactions ---- */

/* LF to CRLF; Via, Call-ID and CSeq put in where the text has none. */
static struct gw_sip_msg *parse(gw_flow_id flow, const char *text)
{
    size_t len = strlen(text), n = 0;
    char *wire = malloc(2 * len + 600), why[128] = "";
    const char *end = strstr(text, "\n\n");
    size_t head = end ? (size_t)(end - text) + 1 : len;
    struct gw_sip_msg *m = NULL;
    bool has[3] = { false, false, false };
    static const char *const names[3] = { "\nVia:", "\nCall-ID:", "\nCSeq:" };

    if (!wire)
        return NULL;
    for (unsigned i = 0; i < 3; i++) {
        const char *at = strcasestr(text, names[i]);
        has[i] = at && (size_t)(at - text) < head;
    }
    for (size_t i = 0; i < head; i++) {
        if (text[i] == '\n' && (n == 0 || wire[n - 1] != '\r'))
            wire[n++] = '\r';
        wire[n++] = text[i];
    }
    f.nbranches++;
    if (!has[0])
        n += (size_t)sprintf(wire + n, "Via: SIP/2.0/%s;branch=z9hG4bKfake%u\r\n",
                             flow ? "WSS k3f9.invalid" : "UDP 10.0.0.9:5060", f.nbranches);
    if (!has[1])
        n += (size_t)sprintf(wire + n, "Call-ID: call-%u\r\n", f.nbranches);
    if (!has[2])
        n += (size_t)sprintf(wire + n, "CSeq: %u %.*s\r\n", f.nbranches, (int)strcspn(text, " "), text);
    n += (size_t)sprintf(wire + n, "\r\n");
    if (end) {
        memcpy(wire + n, end + 2, strlen(end + 2));
        n += strlen(end + 2);
    }
    if (gw_sip_msg_parse((struct gw_span){ wire, n }, &m, why, sizeof(why)) != 0)
        gw_test_fail("sip_fake", 0, "cannot parse (%s):\n%.*s", why, (int)n, wire);
    free(wire);
    return m;
}

struct gw_sip_server *fake_request(gw_flow_id flow, const char *text)
{
    struct gw_sip_msg *m = parse(flow, text);
    struct gw_sip_server *t;

    if (!m)
        return NULL;
    t = f.nservers < MAX ? calloc(1, sizeof(*t)) : NULL;
    if (!t) {
        gw_sip_msg_free(m);
        return NULL;
    }
    t->req = m;
    t->flow = flow;
    f.servers[f.nservers++] = t;
    TESTED(f.handler.on_request(f.handler.arg, t, m));
    return t;
}

void gw_sip_server_bind(struct gw_sip_server *t, const struct gw_sip_server_events *ev, void *arg)
{
    t->ev = ev;
    t->arg = arg;
}

gw_flow_id gw_sip_server_flow(const struct gw_sip_server *t)
{
    return t->flow;
}

int gw_sip_server_respond(struct gw_sip_server *t, struct gw_sip_msg **resp)
{
    int status = gw_sip_msg_status(*resp);

    if (t->is_done || t->waits_ack)
        fail("a response after the final one");
    if (t->nresponses == RESPONSES)
        return GW_E_LIMIT;
    t->responses[t->nresponses++] = *resp;
    *resp = NULL;
    if (status >= 200 && status < 300 && gw_sip_msg_method(t->req) == GW_SIP_INVITE)
        t->waits_ack = true;
    else if (status >= 200)
        t->is_done = true;
    return 0;
}

int gw_sip_server_reply(struct gw_sip_server *t, const struct gw_sip_msg *req, int status, const char *phrase,
                        const char *header, const char *value)
{
    struct gw_sip_msg *resp = gw_sip_msg_response(req, status, phrase, "fake-tag");
    int err;

    if (!resp)
        return GW_E_NOMEM;
    err = header ? gw_sip_msg_add(resp, header, value) : 0;
    if (!err)
        err = gw_sip_server_respond(t, &resp);
    gw_sip_msg_free(resp);
    return err;
}

void gw_sip_server_drop(struct gw_sip_server *t)
{
    if (t->is_done)
        fail("a transaction is dropped after its end");
    t->is_done = t->is_dropped = true;
    t->ev = NULL;
}

static struct gw_sip_msg *in_dialog(const struct gw_sip_server *t, const char *method)
{
    struct gw_sip_msg *m = gw_sip_msg_dup(t->req);
    char v[64];

    if (!m)
        return NULL;
    /* the same headers under the other method; a re-parse would be the honest way, a fresh request is near enough */
    struct gw_sip_msg *r = gw_sip_msg_request(method, gw_sip_msg_uri(m));
    static const char *const names[] = { "Via", "From", "To", "Call-ID", "Route" };
    for (unsigned i = 0; r && i < 5; i++) {
        const char *value;
        for (unsigned j = 0; (value = gw_sip_msg_get(m, names[i], j)); j++)
            gw_sip_msg_add(r, names[i], value);
    }
    if (r) {
        snprintf(v, sizeof(v), "%d %s", atoi(gw_sip_msg_get(m, "CSeq", 0)), method);
        gw_sip_msg_set(r, "CSeq", v);
    }
    gw_sip_msg_free(m);
    return r;
}

void fake_cancel(struct gw_sip_server *t)
{
    struct gw_sip_msg *m;

    if (t->is_done || !t->ev || !t->ev->on_cancel)
        return;
    m = in_dialog(t, "CANCEL");
    TESTED(t->ev->on_cancel(t->arg, m));
    gw_sip_msg_free(m);
}

void fake_ack(struct gw_sip_server *t, const char *sdp_or_null)
{
    const struct gw_sip_msg *resp = fake_last_response(t);
    struct gw_sip_msg *m;

    if (!t->waits_ack) {
        fail("nothing waits for this ACK");
        return;
    }
    m = in_dialog(t, "ACK");
    if (m && resp)
        gw_sip_msg_set(m, "To", gw_sip_msg_get(resp, "To", 0));
    if (m && sdp_or_null)
        gw_sip_msg_set_body(m, "application/sdp", gw_span_str(sdp_or_null));
    if (t->ev && t->ev->on_ack)
        TESTED(t->ev->on_ack(t->arg, m));
    gw_sip_msg_free(m);
    t->waits_ack = false;
    t->is_done = true;
}

void fake_no_ack(struct gw_sip_server *t)
{
    if (!t->waits_ack) {
        fail("nothing waits for an ACK");
        return;
    }
    if (t->ev && t->ev->on_no_ack)
        TESTED(t->ev->on_no_ack(t->arg));
    t->waits_ack = false;
    t->is_done = true;
}

const struct gw_sip_msg *fake_server_request(const struct gw_sip_server *t)
{
    return t->req;
}

unsigned fake_responses(const struct gw_sip_server *t)
{
    return t->nresponses;
}

const struct gw_sip_msg *fake_response(const struct gw_sip_server *t, unsigned i)
{
    return i < t->nresponses ? t->responses[i] : NULL;
}

const struct gw_sip_msg *fake_last_response(const struct gw_sip_server *t)
{
    return t && t->nresponses ? t->responses[t->nresponses - 1] : NULL;
}

int fake_status(const struct gw_sip_server *t)
{
    const struct gw_sip_msg *m = fake_last_response(t);

    return m ? gw_sip_msg_status(m) : 0;
}

bool fake_server_was_dropped(const struct gw_sip_server *t)
{
    return t->is_dropped;
}

/* ---- client transactions ---- */

int gw_sip_client_send(struct gw_sip_stack *s, struct gw_sip_msg **req, const struct gw_sip_target *to,
                       gw_sip_response_cb *cb, void *arg, struct gw_sip_client **out)
{
    struct gw_sip_client *c;
    char via[128];

    if (f.fail_sends) {
        f.fail_sends--;
        return f.fail_err;
    }
    if (f.fail_nth && --f.fail_nth == 0)
        return f.fail_err;
    if (f.nclients == MAX || !(c = calloc(1, sizeof(*c))))
        return GW_E_LIMIT;
    snprintf(via, sizeof(via), "SIP/2.0/UDP %s;branch=z9hG4bKours%u", FAKE_CORE_HOST, f.nclients);
    gw_sip_msg_push(*req, "Via", via);
    if (!gw_sip_msg_get(*req, "Max-Forwards", 0))
        gw_sip_msg_add(*req, "Max-Forwards", "70");
    c->req = *req;
    *req = NULL;
    c->flow = to ? to->flow : 0;
    if (to && to->uri)
        snprintf(c->next_hop, sizeof(c->next_hop), "%s", to->uri);
    c->cb = cb;
    c->arg = arg;
    f.clients[f.nclients++] = c;
    if (out)
        *out = c;
    return 0;
}

void gw_sip_client_cancel(struct gw_sip_client *c, const char *reason_header_or_null)
{
    if (c->is_done)
        fail("CANCEL after the end of a transaction");
    c->is_cancelled = true;
}

void gw_sip_client_drop(struct gw_sip_client *c)
{
    if (c->is_done)
        fail("a client transaction is dropped after its end");
    c->is_done = c->is_dropped = true;
}

int gw_sip_send_ack(struct gw_sip_stack *s, struct gw_sip_msg **ack, const struct gw_sip_target *to)
{
    if (f.nacks == ACKS)
        return GW_E_LIMIT;
    f.acks[f.nacks++] = *ack;
    *ack = NULL;
    return 0;
}

unsigned fake_sent(void)
{
    return f.nclients;
}

struct gw_sip_client *fake_client(unsigned i)
{
    return i < f.nclients ? f.clients[i] : NULL;
}

struct gw_sip_client *fake_last_client(void)
{
    return f.nclients ? f.clients[f.nclients - 1] : NULL;
}

const struct gw_sip_msg *fake_client_request(const struct gw_sip_client *c)
{
    return c ? c->req : NULL;
}

gw_flow_id fake_client_flow(const struct gw_sip_client *c)
{
    return c->flow;
}

const char *fake_client_next_hop(const struct gw_sip_client *c)
{
    return c->next_hop[0] ? c->next_hop : NULL;
}

bool fake_client_was_cancelled(const struct gw_sip_client *c)
{
    return c->is_cancelled;
}

bool fake_client_was_dropped(const struct gw_sip_client *c)
{
    return c->is_dropped;
}

static void add_lines(struct gw_sip_msg *m, const char *headers)
{
    while (headers && *headers) {
        size_t line = strcspn(headers, "\n"), name = strcspn(headers, ":");
        char n[64], v[2048];
        if (name < line) {
            const char *value = headers + name + 1 + strspn(headers + name + 1, " ");
            snprintf(n, sizeof(n), "%.*s", (int)name, headers);
            snprintf(v, sizeof(v), "%.*s", (int)(headers + line - value), value);
            gw_sip_msg_add(m, n, v);
        }
        headers += line + (headers[line] == '\n');
    }
}

void fake_answer(struct gw_sip_client *c, int status, const char *to_tag, const char *headers, const char *sdp)
{
    struct gw_sip_msg *m;
    bool is_last;

    if (!c) {
        fail("no request to answer");
        return;
    }
    if (c->is_done) { /* dropped: the response is nobody's */
        if (!c->is_dropped)
            fail("an answer after the last");
        return;
    }
    m = gw_sip_msg_response(c->req, status, NULL, to_tag);
    if (!m)
        return;
    add_lines(m, headers);
    if (sdp)
        gw_sip_msg_set_body(m, "application/sdp", gw_span_str(sdp));
    is_last = status >= 200;
    if (is_last)
        c->is_done = true;
    TESTED(c->cb(c->arg, c, m, is_last));
    gw_sip_msg_free(m);
}

void fake_client_end(struct gw_sip_client *c)
{
    if (c->is_done)
        return;
    fake_answer(c, 408, "stack", NULL, NULL);
}

unsigned fake_acks(void)
{
    return f.nacks;
}

const struct gw_sip_msg *fake_ack_sent(unsigned i)
{
    return i < f.nacks ? f.acks[i] : NULL;
}

void fake_sip_fail_sends(unsigned n, int err)
{
    f.fail_sends = n;
    f.fail_err = err;
}

void fake_sip_fail_nth_send(unsigned n, int err)
{
    f.fail_nth = n;
    f.fail_err = err;
}
