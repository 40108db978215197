#include "gateway/remote/pool.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/remote/pool_priv.h"

/* ---- out ---- */

void gw_pool_say(struct gw_pool *p, unsigned agw, struct gw_iq_msg *m)
{
    char *text = NULL;
    size_t len = 0;

    if (gw_iq_json_write(m, &text, &len) == 0)
        p->world.send(p->world.arg, agw, (struct gw_span){ text, len });
    gw_iq_json_free(text, len);
}

struct gw_iq_msg *gw_pool_message(struct gw_pool *p, unsigned agw, enum gw_iq_msg_type type)
{
    memset(&p->out, 0, sizeof(p->out));
    p->out.type = (uint8_t)type;
    p->out.from = p->incarnation;
    p->out.to = p->links[agw].incarnation;
    return &p->out;
}

static void say_hello(struct gw_pool *p, unsigned agw)
{
    struct gw_iq_msg *m = gw_pool_message(p, agw, GW_IQ_HELLO);

    snprintf(m->hello.node, sizeof(m->hello.node), "%s", p->node);
    m->hello.is_ending = p->is_ending;
    p->links[agw].said_us = p->now_us;
    gw_pool_say(p, agw, m);
}

/* ---- requests that wait ---- */

static void asked_free(struct asked *a)
{
    gw_iq_json_free(a->text, a->len);
    free(a);
}

static struct asked *take(struct gw_pool *p, unsigned agw, uint64_t txn)
{
    struct link *l = &p->links[agw];
    struct asked *a = l->window[txn % GW_IQ_WINDOW];

    if (!a || a->txn != txn)
        return NULL;
    l->window[txn % GW_IQ_WINDOW] = NULL;
    l->nasked--;
    return a;
}

/* Takes `a`. */
static void answer(struct asked *a, struct gw_iq_reply *reply)
{
    reply->txn = a->caller_txn;
    if (a->cb)
        a->cb(a->arg, reply);
    asked_free(a);
}

static void answer_err(struct asked *a, int err)
{
    struct gw_iq_reply *r = calloc(1, sizeof(*r));
    struct gw_iq_reply small;

    if (!r) /* the caller must hear of it even then */
        r = memset(&small, 0, sizeof(small));
    r->ctx = a->caller_ctx;
    r->err = err;
    answer(a, r);
    if (r != &small)
        free(r);
}

/* The access gateway of a request: of its context, or the least loaded. */
static int choose(const struct gw_pool *p, const struct gw_iq_req *req, unsigned *agw, struct known **known)
{
    double best = 0;
    int err = GW_E_LIMIT;

    *known = NULL;
    if (req->ctx) {
        struct known *k = gw_id_table_get(&p->by_id, req->ctx);
        if (!k)
            return GW_E_NOTFOUND;
        *known = k;
        *agw = k->agw;
        return 0;
    }
    if (req->op != GW_IQ_RESERVE && req->op != GW_IQ_RESERVE_CONFIGURE)
        return GW_E_INVAL;
    for (unsigned i = 0; i < p->n; i++) {
        const struct link *l = &p->links[i];
        uint64_t load = (uint64_t)l->load + l->since;
        double share = l->limit ? (double)load / l->limit : 0;
        if (!l->is_up || !l->limit || (load >= l->limit && !req->is_emergency))
            continue;
        if (err || share < best) {
            best = share;
            *agw = i;
            err = 0;
        }
    }
    return err;
}

static int write_request(struct gw_pool *p, unsigned agw, const struct gw_iq_req *req, struct asked *a)
{
    struct gw_iq_msg *m = gw_pool_message(p, agw, GW_IQ_REQUEST);
    int err;

    m->request = *req;
    m->request.txn = a->txn;
    m->request.ctx = a->ctx;
    err = gw_iq_json_write(m, &a->text, &a->len);
    explicit_bzero(m, sizeof(*m));
    return err;
}

/* Puts it into the window and says it. On error `a` stays the caller's. */
static int ask(struct gw_pool *p, unsigned agw, const struct gw_iq_req *req, struct asked *a)
{
    struct link *l = &p->links[agw];
    struct asked **at = &l->window[(l->txn + 1) % GW_IQ_WINDOW];
    int err;

    if (*at)
        return GW_E_FULL;
    a->txn = l->txn + 1;
    a->agw = agw;
    snprintf(a->call, sizeof(a->call), "%s", req->call);
    a->releases = req->op == GW_IQ_RELEASE && req->nterms == 0 && req->nchannels == 0;
    a->said_us = p->now_us;
    a->deadline_us = p->now_us + GW_POOL_TIMEOUT_MS * GW_MS;
    err = write_request(p, agw, req, a);
    if (err)
        return err;
    l->txn++;
    l->nasked++;
    *at = a;
    if (l->is_up)
        p->world.send(p->world.arg, agw, (struct gw_span){ a->text, a->len });
    return 0;
}

int gw_pool_submit(struct gw_pool *p, struct gw_iq_req **req, gw_iq_reply_cb *cb, void *arg, uint64_t now_us)
{
    struct asked *a;
    struct known *k;
    unsigned agw = 0;
    int err;

    if (p->is_closing)
        return GW_E_CLOSED;
    p->now_us = now_us;
    a = calloc(1, sizeof(*a));
    if (!a)
        return GW_E_NOMEM;
    a->cb = cb;
    a->arg = arg;
    a->caller_txn = (*req)->txn;
    a->caller_ctx = (*req)->ctx;
    a->err = choose(p, *req, &agw, &k);
    if (a->err) { /* known at once, told later, as the caller was promised */
        a->next = p->refused;
        p->refused = a;
    } else {
        a->ctx = k ? k->ctx : 0;
        a->makes = !k;
        err = ask(p, agw, *req, a);
        if (err) {
            free(a);
            return err;
        }
        p->links[agw].since += !k;
        if (k && a->releases)
            k->is_released = true;
    }
    explicit_bzero(*req, sizeof(**req));
    free(*req);
    *req = NULL;
    return 0;
}

void gw_pool_release(struct gw_pool *p, unsigned agw, uint64_t ctx)
{
    struct asked *a = calloc(1, sizeof(*a));
    struct gw_iq_req *req = calloc(1, sizeof(*req));

    if (a && req) {
        a->ctx = ctx;
        req->op = GW_IQ_RELEASE;
        if (ask(p, agw, req, a) == 0)
            a = NULL;
    }
    free(a); /* the next audit finds it again */
    free(req);
}

static void on_reply(struct gw_pool *p, unsigned agw, struct gw_iq_reply *reply)
{
    struct asked *a = take(p, agw, reply->txn);
    struct known *k;

    if (!a) {
        gw_stats_inc(GW_STAT_IQ_LATE);
        p->links[agw].audit.is_wanted |= !reply->err; /* it may have made a context */
        return;
    }
    if (a->makes && !reply->err) {
        k = gw_known_add(p, agw, reply->ctx, a->call);
        if (!k) {
            gw_pool_release(p, agw, reply->ctx);
            answer_err(a, GW_E_NOMEM);
            return;
        }
        reply->ctx = k->id;
    } else if (!a->makes) {
        k = gw_known_at(p, agw, a->ctx);
        reply->ctx = a->caller_ctx;
        if (k && a->releases && (!reply->err || reply->err == GW_E_NOTFOUND))
            gw_known_remove(p, k);
    }
    answer(a, reply);
}

/* ---- notifications ---- */

static void on_notify(struct gw_pool *p, unsigned agw, uint64_t seq, struct gw_iq_notify *n)
{
    struct link *l = &p->links[agw];
    uint64_t *seen = &l->seen[seq % GW_IQ_WINDOW];
    struct known *k = gw_known_at(p, agw, n->ctx);
    bool is_new = *seen < seq;

    if (!k && is_new && l->nasked) /* perhaps of a context whose reply is on its way: it will be said again */
        for (unsigned i = 0; i < GW_IQ_WINDOW; i++)
            if (l->window[i] && l->window[i]->makes)
                return;
    struct gw_iq_msg *m = gw_pool_message(p, agw, GW_IQ_ACK);
    m->seq = seq;
    gw_pool_say(p, agw, m);
    if (!is_new) {
        gw_stats_inc(GW_STAT_IQ_REPEATED);
        return;
    }
    *seen = seq;
    if (!k) {
        gw_stats_inc(GW_STAT_IQ_LATE);
        return;
    }
    n->ctx = k->id;
    if (n->event == GW_IQ_OUT_OF_SERVICE)
        gw_known_remove(p, k);
    p->world.on_notify(p->world.notify_arg, n);
}

/* ---- access gateways ---- */

/* Its contexts are over, what it was asked is answered. */
static void lose(struct gw_pool *p, unsigned agw, int cause, const char *what)
{
    struct link *l = &p->links[agw];
    unsigned lost;

    l->has_contexts_of_gone = false;
    l->since = 0;
    for (unsigned i = 0; i < GW_IQ_WINDOW; i++)
        if (l->window[i]) {
            struct asked *a = take(p, agw, l->window[i]->txn);
            answer_err(a, a->makes ? GW_E_LIMIT : GW_E_NOTFOUND);
        }
    lost = gw_known_lose_all(p, agw, cause);
    gw_log(lost ? GW_LOG_ERROR : GW_LOG_INFO, "iq", NULL, "access gateway %s %s, %u calls released", l->name, what,
           lost);
}

static void disconnect(struct gw_pool *p, unsigned agw)
{
    struct link *l = &p->links[agw];

    if (l->is_up) {
        gw_log(GW_LOG_WARNING, "iq", NULL, "access gateway %s has no connection", l->name);
        l->has_contexts_of_gone = true;
        l->gone_us = p->now_us + p->grace_us;
        gw_stats_add(GW_STAT_IQ_PEERS, -1);
    }
    l->is_open = l->is_up = false;
    l->audit.is_running = false;
}

static void drop(struct gw_pool *p, unsigned agw, const char *why)
{
    gw_log(GW_LOG_WARNING, "iq", NULL, "connection to access gateway %s closed: %s", p->links[agw].name, why);
    disconnect(p, agw);
    p->world.drop(p->world.arg, agw);
}

static void say_again(struct gw_pool *p, unsigned agw, uint64_t older_than_us)
{
    struct link *l = &p->links[agw];

    for (unsigned i = 0; l->nasked && i < GW_IQ_WINDOW; i++) {
        struct asked *a = l->window[(l->txn + 1 + i) % GW_IQ_WINDOW]; /* oldest first */
        if (a && a->said_us <= older_than_us) {
            a->said_us = p->now_us;
            p->world.send(p->world.arg, agw, (struct gw_span){ a->text, a->len });
        }
    }
}

static void on_hello(struct gw_pool *p, unsigned agw, const struct gw_iq_msg *m)
{
    struct link *l = &p->links[agw];
    bool is_first = !l->is_up;

    if (!m->from || (!is_first && m->from != l->incarnation)) {
        drop(p, agw, "another incarnation on the same connection");
        return;
    }
    if (m->from != l->incarnation) {
        if (l->incarnation)
            lose(p, agw, GW_E_NOTFOUND, "was started anew");
        l->incarnation = m->from;
        memset(l->seen, 0, sizeof(l->seen));
    }
    snprintf(l->node, sizeof(l->node), "%s", m->hello.node);
    l->load = m->hello.load;
    l->limit = m->hello.limit;
    l->since = 0;
    if (is_first) {
        l->is_up = true;
        l->has_contexts_of_gone = false;
        l->audit.is_wanted = true;
        gw_stats_add(GW_STAT_IQ_PEERS, 1);
        gw_log(GW_LOG_INFO, "iq", NULL, "access gateway %s is connected: node %s, %u of %u contexts in use", l->name,
               l->node, l->load, l->limit);
        say_again(p, agw, UINT64_MAX);
    }
    if (m->hello.is_ending)
        lose(p, agw, GW_E_CLOSED, "ends");
}

static void on_message(struct gw_pool *p, unsigned agw, struct gw_iq_msg *m)
{
    struct link *l = &p->links[agw];

    if (m->type == GW_IQ_HELLO) {
        on_hello(p, agw, m);
        return;
    }
    if (!l->is_up || m->from != l->incarnation || m->to != p->incarnation) {
        gw_stats_inc(GW_STAT_IQ_STALE);
        return;
    }
    if (m->type == GW_IQ_REPLY)
        on_reply(p, agw, &m->reply);
    else if (m->type == GW_IQ_NOTIFY)
        on_notify(p, agw, m->seq, &m->notify);
    else if (m->type == GW_IQ_CONTEXTS)
        gw_audit_input(p, agw, &m->contexts);
}

void gw_pool_input(struct gw_pool *p, unsigned agw, struct gw_span text, uint64_t now_us)
{
    char why[128];

    p->now_us = now_us;
    if (!p->links[agw].is_open)
        return;
    if (gw_iq_json_read(text, &p->in, why, sizeof(why)) != 0) {
        gw_stats_inc(GW_STAT_IQ_BAD);
        drop(p, agw, why);
        return;
    }
    p->links[agw].heard_us = now_us;
    on_message(p, agw, &p->in);
    explicit_bzero(&p->in, sizeof(p->in));
}

void gw_pool_opened(struct gw_pool *p, unsigned agw, uint64_t now_us)
{
    struct link *l = &p->links[agw];

    p->now_us = now_us;
    l->is_open = true;
    l->is_up = false;
    l->heard_us = now_us;
    say_hello(p, agw);
}

void gw_pool_closed(struct gw_pool *p, unsigned agw, uint64_t now_us)
{
    p->now_us = now_us;
    disconnect(p, agw);
}

/* ---- time ---- */

uint64_t gw_pool_deadline_us(const struct gw_pool *p)
{
    return p->refused ? 0 : p->tick_us;
}

static void expire_asked(struct gw_pool *p, unsigned agw)
{
    struct link *l = &p->links[agw];

    for (unsigned i = 0; l->nasked && i < GW_IQ_WINDOW; i++) {
        struct asked *a = l->window[i];
        if (a && a->deadline_us <= p->now_us) {
            gw_stats_inc(GW_STAT_IQ_TIMEOUT);
            l->audit.is_wanted = true;
            answer_err(take(p, agw, a->txn), GW_E_TIMEOUT);
        }
    }
}

static void expire_link(struct gw_pool *p, unsigned agw)
{
    struct link *l = &p->links[agw];

    if (l->is_open && p->now_us - l->heard_us >= GW_IQ_DEAD_MS * GW_MS)
        drop(p, agw, "nothing came for 4 s");
    else if (l->is_open && p->now_us - l->said_us >= (l->is_up ? GW_IQ_ALIVE_MS : GW_IQ_REPEAT_MS) * GW_MS)
        say_hello(p, agw);
    expire_asked(p, agw);
    if (l->is_up)
        say_again(p, agw, p->now_us - GW_IQ_REPEAT_MS * GW_MS);
    gw_audit_expire(p, agw);
    if (l->has_contexts_of_gone && p->now_us >= l->gone_us)
        lose(p, agw, GW_E_TIMEOUT, "is gone");
}

void gw_pool_expire(struct gw_pool *p, uint64_t now_us)
{
    struct asked *a = p->refused;

    p->now_us = now_us;
    p->refused = NULL;
    while (a) {
        struct asked *next = a->next;
        answer_err(a, a->err);
        a = next;
    }
    if (now_us < p->tick_us)
        return;
    p->tick_us = now_us + POOL_TICK_MS * GW_MS;
    for (unsigned i = 0; i < p->n; i++)
        expire_link(p, i);
}

/* ---- life ---- */

unsigned gw_pool_contexts(const struct gw_pool *p)
{
    return p->by_id.count;
}

json_t *gw_pool_list(const struct gw_pool *p)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < p->n; i++) {
        const struct link *l = &p->links[i];
        const char *state = l->is_up ? l->limit ? "up" : "draining" : l->has_contexts_of_gone ? "lost" : "down";
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i}", "agw", l->name, "node", l->node,
                                              "state", state, "contexts", (int)l->by_ctx.count, "load", (int)l->load,
                                              "limit", (int)l->limit, "requests", (int)l->nasked));
    }
    return list;
}

int gw_pool_new(const struct gw_pool_world *world, char *const *names, unsigned n, const char *node,
                uint64_t incarnation, uint64_t grace_us, struct gw_pool **out)
{
    struct gw_pool *p = n <= GW_POOL_AGWS ? calloc(1, sizeof(*p)) : NULL;
    int err = p ? gw_id_table_init(&p->by_id) : GW_E_NOMEM;

    for (unsigned i = 0; !err && i < n; i++) {
        p->links[i].name = names[i];
        err = gw_id_table_init(&p->links[i].by_ctx);
    }
    if (err) {
        for (unsigned i = 0; p && i < n; i++)
            gw_id_table_fini(&p->links[i].by_ctx);
        if (p)
            gw_id_table_fini(&p->by_id);
        free(p);
        return err;
    }
    p->world = *world;
    p->n = n;
    snprintf(p->node, sizeof(p->node), "%s", node);
    p->incarnation = incarnation;
    p->grace_us = grace_us;
    *out = p;
    return 0;
}

void gw_pool_free(struct gw_pool *p)
{
    if (!p)
        return;
    p->is_closing = p->is_ending = true;
    for (unsigned i = 0; i < p->n; i++) {
        struct link *l = &p->links[i];
        if (l->is_up)
            say_hello(p, i);
        for (unsigned k = 0; k < GW_IQ_WINDOW; k++)
            if (l->window[k])
                answer_err(take(p, i, l->window[k]->txn), GW_E_CLOSED);
    }
    for (struct asked *a = p->refused, *next; a; a = next) {
        next = a->next;
        answer_err(a, GW_E_CLOSED);
    }
    gw_stats_add(GW_STAT_IQ_CONTEXTS, -(int64_t)p->by_id.count);
    for (uint32_t i = 0; i <= p->by_id.mask; i++)
        free(p->by_id.slots[i].value);
    for (unsigned i = 0; i < p->n; i++)
        gw_id_table_fini(&p->links[i].by_ctx);
    gw_id_table_fini(&p->by_id);
    explicit_bzero(p, sizeof(*p));
    free(p);
}
