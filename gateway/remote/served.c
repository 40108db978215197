#include "gateway/remote/served.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/remote/served_priv.h"

/* A request at work in this process. */
struct job {
    struct gw_served *s;
    uint64_t epoch, txn, ctx;
    bool makes, releases;
};

/* ---- out ---- */

static void say(struct gw_served *s, unsigned conn, struct gw_iq_msg *m)
{
    char *text = NULL;
    size_t len = 0;

    if (gw_iq_json_write(m, &text, &len) == 0)
        s->world.send(s->world.arg, conn, (struct gw_span){ text, len });
    gw_iq_json_free(text, len);
}

/* A fresh message to the controller. */
static struct gw_iq_msg *message(struct gw_served *s, const struct owner *o, enum gw_iq_msg_type type)
{
    memset(&s->out, 0, sizeof(s->out));
    s->out.type = (uint8_t)type;
    s->out.from = s->incarnation;
    s->out.to = o ? o->incarnation : 0;
    return &s->out;
}

static void say_hello(struct gw_served *s, unsigned conn)
{
    struct gw_iq_msg *m = message(s, s->conns[conn].owner, GW_IQ_HELLO);

    snprintf(m->hello.node, sizeof(m->hello.node), "%s", s->node);
    m->hello.load = s->held.count;
    m->hello.limit = s->is_draining ? 0 : s->limit;
    m->hello.is_ending = s->is_ending;
    s->conns[conn].said_us = s->now_us;
    say(s, conn, m);
}

/* ---- notifications ---- */

static void drop_notice(struct owner *o, struct notice **at)
{
    struct notice *n = *at;

    *at = n->next;
    if (o->last == n) {
        o->last = NULL;
        for (struct notice *k = o->first; k; k = k->next)
            o->last = k;
    }
    o->nnotices--;
    gw_iq_json_free(n->text, n->len);
    free(n);
}

/* What the controller can take: it remembers a window of numbers. */
static void say_notices(struct gw_served *s, struct owner *o, uint64_t older_than_us)
{
    for (struct notice *n = o->first; n && n->seq < o->first->seq + GW_IQ_WINDOW; n = n->next)
        if (n->said_us <= older_than_us) {
            n->said_us = s->now_us;
            s->world.send(s->world.arg, (unsigned)o->conn, (struct gw_span){ n->text, n->len });
        }
}

void gw_served_notify(struct gw_served *s, const struct gw_iq_notify *event, uint64_t now_us)
{
    struct held *h = gw_id_table_get(&s->held, event->ctx);
    struct owner *o = h ? h->owner : NULL;
    struct notice *n = o && o->nnotices < GW_SERVED_NOTIFIES ? calloc(1, sizeof(*n)) : NULL;

    s->now_us = now_us;
    if (o && !n)
        gw_stats_inc(GW_STAT_IQ_LOST);
    if (n) {
        struct gw_iq_msg *m = message(s, o, GW_IQ_NOTIFY);
        m->seq = n->seq = ++s->seqs;
        m->notify = *event;
        n->until_us = now_us + GW_SERVED_NOTIFY_S * GW_S;
        if (gw_iq_json_write(m, &n->text, &n->len) != 0) {
            free(n);
            n = NULL;
        }
    }
    if (n) {
        *(o->last ? &o->last->next : &o->first) = n;
        o->last = n;
        o->nnotices++;
        if (o->conn >= 0)
            say_notices(s, o, 0); /* those not said yet */
    }
    if (h && event->event == GW_IQ_OUT_OF_SERVICE)
        gw_held_remove(s, h);
}

static void on_ack(struct owner *o, uint64_t seq)
{
    for (struct notice **at = &o->first; *at; at = &(*at)->next)
        if ((*at)->seq == seq) {
            drop_notice(o, at);
            return;
        }
}

static void expire_notices(struct gw_served *s, struct owner *o)
{
    while (o->first && o->first->until_us <= s->now_us) {
        gw_stats_inc(GW_STAT_IQ_LOST);
        drop_notice(o, &o->first);
    }
    if (o->conn >= 0 && s->now_us >= GW_IQ_REPEAT_MS * GW_MS)
        say_notices(s, o, s->now_us - GW_IQ_REPEAT_MS * GW_MS);
}

/* ---- controllers ---- */

/* Replies and notifications. */
static void drop_all(struct owner *o)
{
    for (unsigned i = 0; i < GW_IQ_WINDOW; i++) {
        gw_iq_json_free(o->window[i].text, o->window[i].len);
        o->window[i] = (struct slot){ 0 };
    }
    while (o->first)
        drop_notice(o, &o->first);
}

/* Nothing of an incarnation is left; its contexts are released. */
static void forget(struct gw_served *s, struct owner *o, const char *because)
{
    unsigned n = gw_held_release_all(s, o);

    drop_all(o);
    o->epoch = ++s->epochs;
    gw_log(n ? GW_LOG_WARNING : GW_LOG_INFO, "iq", NULL, "controller %s %s, %u contexts released", o->name, because, n);
}

static struct owner *owner_of(struct gw_served *s, const char *peer, const char *node)
{
    struct owner *unused = NULL;
    char name[NAME + 1];

    snprintf(name, sizeof(name), "%s/%s", peer, node);
    for (unsigned i = 0; i < GW_SERVED_OWNERS; i++) {
        struct owner *o = &s->owners[i];
        if (o->is_used && strcmp(o->name, name) == 0)
            return o;
        if (!o->is_used && !unused)
            unused = o;
    }
    if (!unused)
        return NULL;
    memset(unused, 0, sizeof(*unused));
    unused->window = calloc(GW_IQ_WINDOW, sizeof(*unused->window));
    if (!unused->window)
        return NULL;
    unused->is_used = true;
    unused->conn = -1;
    unused->epoch = ++s->epochs;
    memcpy(unused->name, name, sizeof(name));
    return unused;
}

static void disconnect(struct gw_served *s, unsigned conn)
{
    struct conn *c = &s->conns[conn];

    if (c->owner && c->owner->conn == (int)conn) {
        gw_log(GW_LOG_WARNING, "iq", NULL, "controller %s has no connection", c->owner->name);
        c->owner->conn = -1;
        c->owner->gone_us = s->now_us + s->grace_us;
        gw_stats_add(GW_STAT_IQ_PEERS, -1);
    }
    *c = (struct conn){ 0 };
}

static void drop(struct gw_served *s, unsigned conn, const char *why)
{
    gw_log(GW_LOG_WARNING, "iq", NULL, "connection of %s closed: %s", s->conns[conn].name, why);
    disconnect(s, conn);
    s->world.drop(s->world.arg, conn);
}

static void on_first_hello(struct gw_served *s, unsigned conn, const struct gw_iq_msg *m)
{
    struct conn *c = &s->conns[conn];
    struct owner *o = owner_of(s, c->name, m->hello.node);

    if (!o || !m->from) {
        drop(s, conn, o ? "no incarnation" : "too many controllers");
        return;
    }
    if (o->conn >= 0)
        drop(s, (unsigned)o->conn, "the controller has a newer one");
    if (o->incarnation && o->incarnation != m->from)
        forget(s, o, "was started anew");
    o->incarnation = m->from;
    o->conn = (int)conn;
    c->owner = o;
    gw_stats_add(GW_STAT_IQ_PEERS, 1);
    gw_log(GW_LOG_INFO, "iq", NULL, "controller %s is connected, has %u contexts", o->name, o->ncontexts);
    say_hello(s, conn);
    say_notices(s, o, UINT64_MAX);
}

static void on_hello(struct gw_served *s, unsigned conn, const struct gw_iq_msg *m)
{
    struct owner *o = s->conns[conn].owner;

    if (!o)
        on_first_hello(s, conn, m);
    else if (m->from != o->incarnation)
        drop(s, conn, "another incarnation on the same connection");
    else if (m->hello.is_ending)
        forget(s, o, "ends");
}

/* ---- requests ---- */

static struct owner *owner_at(struct gw_served *s, uint64_t epoch)
{
    for (unsigned i = 0; i < GW_SERVED_OWNERS; i++)
        if (s->owners[i].is_used && s->owners[i].epoch == epoch)
            return &s->owners[i];
    return NULL;
}

static void answer(struct gw_served *s, struct owner *o, uint64_t txn, const struct gw_iq_reply *reply)
{
    struct slot *slot = &o->window[txn % GW_IQ_WINDOW];
    struct gw_iq_msg *m = message(s, o, GW_IQ_REPLY);

    m->reply = *reply;
    m->reply.txn = txn;
    if (gw_iq_json_write(m, &slot->text, &slot->len) != 0) {
        slot->state = SLOT_AGAIN;
        return;
    }
    slot->state = SLOT_DONE;
    if (o->conn >= 0)
        s->world.send(s->world.arg, (unsigned)o->conn, (struct gw_span){ slot->text, slot->len });
}

static void on_reply(void *arg, const struct gw_iq_reply *reply)
{
    struct job *j = arg;
    struct gw_served *s = j->s;
    struct owner *o = owner_at(s, j->epoch);
    bool has_made = j->makes && !reply->err;
    struct held *h = has_made ? gw_held_add(s, o, reply->ctx, j->txn) : NULL;
    struct gw_iq_reply none = { .err = GW_E_NOMEM };

    if (has_made && !o && h)
        gw_held_release(s, h); /* its controller is gone meanwhile */
    if (j->releases && (!reply->err || reply->err == GW_E_NOTFOUND)) {
        h = o ? gw_held_of(s, o, j->ctx) : NULL;
        if (h)
            gw_held_remove(s, h);
    }
    if (o)
        answer(s, o, j->txn, has_made && !h ? &none : reply);
    free(j);
}

static void refuse(struct gw_served *s, struct owner *o, const struct gw_iq_req *req, int err)
{
    struct gw_iq_reply *r = calloc(1, sizeof(*r));

    if (!r)
        return; /* it will come again */
    r->ctx = req->ctx;
    r->err = err;
    answer(s, o, req->txn, r);
    free(r);
}

static void carry_out(struct gw_served *s, struct owner *o, struct slot *slot, const struct gw_iq_req *asked)
{
    struct gw_iq_req *req = malloc(sizeof(*req));
    struct job *j = malloc(sizeof(*j));

    if (req && j) {
        *req = *asked;
        req->txn = 0; /* of this process; each end has its own numbers */
        *j = (struct job){ .s = s,
                           .epoch = o->epoch,
                           .txn = asked->txn,
                           .ctx = asked->ctx,
                           .makes = asked->ctx == 0,
                           .releases = asked->op == GW_IQ_RELEASE && asked->nterms == 0 && asked->nchannels == 0 };
        slot->state = SLOT_WORKING;
        if (s->world.submit(s->world.arg, &req, on_reply, j) == 0)
            return;
    }
    if (req)
        explicit_bzero(req, sizeof(*req));
    free(req);
    free(j);
    slot->state = SLOT_AGAIN; /* when it is repeated, there may be room */
}

static void on_request(struct gw_served *s, struct owner *o, const struct gw_iq_req *req)
{
    struct slot *slot = &o->window[req->txn % GW_IQ_WINDOW];

    if (req->txn < slot->txn || slot->state == SLOT_WORKING || req->txn == 0) {
        gw_stats_inc(GW_STAT_IQ_STALE);
        return;
    }
    if (req->txn == slot->txn && slot->state == SLOT_DONE) {
        gw_stats_inc(GW_STAT_IQ_REPEATED);
        s->world.send(s->world.arg, (unsigned)o->conn, (struct gw_span){ slot->text, slot->len });
        return;
    }
    gw_iq_json_free(slot->text, slot->len);
    *slot = (struct slot){ .txn = req->txn };
    if (req->ctx && !gw_held_of(s, o, req->ctx))
        refuse(s, o, req, GW_E_NOTFOUND);
    else if (!req->ctx && s->is_draining)
        refuse(s, o, req, GW_E_LIMIT);
    else
        carry_out(s, o, slot, req);
}

/* ---- in ---- */

static void on_message(struct gw_served *s, unsigned conn, const struct gw_iq_msg *m)
{
    struct owner *o = s->conns[conn].owner;

    if (m->type == GW_IQ_HELLO) {
        on_hello(s, conn, m);
        return;
    }
    if (!o || m->from != o->incarnation || m->to != s->incarnation) {
        gw_stats_inc(GW_STAT_IQ_STALE);
        return;
    }
    if (m->type == GW_IQ_REQUEST) {
        on_request(s, o, &m->request);
    } else if (m->type == GW_IQ_ACK) {
        on_ack(o, m->seq);
    } else if (m->type == GW_IQ_LIST) {
        struct gw_iq_msg *out = message(s, o, GW_IQ_CONTEXTS);
        gw_held_list(s, o, &m->list, &out->contexts);
        say(s, conn, out);
    }
}

void gw_served_input(struct gw_served *s, unsigned conn, struct gw_span text, uint64_t now_us)
{
    char why[128];
    int err;

    s->now_us = now_us;
    if (conn >= SERVED_CONNS || !s->conns[conn].is_open)
        return;
    err = gw_iq_json_read(text, &s->in, why, sizeof(why));
    if (err) {
        gw_stats_inc(GW_STAT_IQ_BAD);
        drop(s, conn, why);
        return;
    }
    s->conns[conn].heard_us = now_us;
    on_message(s, conn, &s->in);
    explicit_bzero(&s->in, sizeof(s->in));
}

void gw_served_opened(struct gw_served *s, unsigned conn, const char *peer_name, uint64_t now_us)
{
    struct conn *c = &s->conns[conn];

    s->now_us = now_us;
    *c = (struct conn){ .is_open = true, .heard_us = now_us };
    snprintf(c->name, sizeof(c->name), "%s", peer_name);
}

void gw_served_closed(struct gw_served *s, unsigned conn, uint64_t now_us)
{
    s->now_us = now_us;
    disconnect(s, conn);
}

/* ---- time ---- */

uint64_t gw_served_deadline_us(const struct gw_served *s)
{
    return s->tick_us;
}

void gw_served_expire(struct gw_served *s, uint64_t now_us)
{
    if (now_us < s->tick_us)
        return;
    s->now_us = now_us;
    s->tick_us = now_us + TICK_MS * GW_MS;
    for (unsigned i = 0; i < SERVED_CONNS; i++) {
        struct conn *c = &s->conns[i];
        if (c->is_open && now_us - c->heard_us >= GW_IQ_DEAD_MS * GW_MS)
            drop(s, i, "nothing came for 4 s");
        else if (c->is_open && c->owner && now_us - c->said_us >= GW_IQ_ALIVE_MS * GW_MS)
            say_hello(s, i);
    }
    for (unsigned i = 0; i < GW_SERVED_OWNERS; i++) {
        struct owner *o = &s->owners[i];
        if (!o->is_used)
            continue;
        expire_notices(s, o);
        if (o->conn < 0 && now_us >= o->gone_us) {
            forget(s, o, "is gone");
            free(o->window);
            o->is_used = false;
        }
    }
    gw_held_expire(s);
}

/* ---- life ---- */

static void say_hello_to_all(struct gw_served *s)
{
    for (unsigned i = 0; i < SERVED_CONNS; i++)
        if (s->conns[i].is_open && s->conns[i].owner)
            say_hello(s, i);
}

void gw_served_drain(struct gw_served *s, uint64_t now_us)
{
    s->now_us = now_us;
    s->is_draining = true;
    say_hello_to_all(s);
}

void gw_served_end(struct gw_served *s, uint64_t now_us)
{
    s->now_us = now_us;
    s->is_draining = s->is_ending = true;
    say_hello_to_all(s);
}

unsigned gw_served_contexts(const struct gw_served *s)
{
    return s->held.count;
}

json_t *gw_served_list(const struct gw_served *s, uint64_t now_us)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < GW_SERVED_OWNERS; i++) {
        const struct owner *o = &s->owners[i];
        if (o->is_used)
            json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i}", "controller", o->name, "state",
                                                  o->conn >= 0 ? "up" : "gone", "contexts", (int)o->ncontexts,
                                                  "notifications", (int)o->nnotices));
    }
    return list;
}

int gw_served_new(const struct gw_served_world *world, const char *node, uint64_t incarnation, unsigned limit,
                  uint64_t grace_us, struct gw_served **out)
{
    struct gw_served *s = calloc(1, sizeof(*s));

    if (!s || gw_id_table_init(&s->held) != 0) {
        free(s);
        return GW_E_NOMEM;
    }
    s->world = *world;
    snprintf(s->node, sizeof(s->node), "%s", node);
    s->incarnation = incarnation;
    s->limit = limit;
    s->grace_us = grace_us;
    *out = s;
    return 0;
}

void gw_served_free(struct gw_served *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < GW_SERVED_OWNERS; i++)
        if (s->owners[i].is_used) {
            drop_all(&s->owners[i]);
            free(s->owners[i].window);
        }
    gw_stats_add(GW_STAT_IQ_CONTEXTS, -(int64_t)s->held.count);
    for (uint32_t i = 0; i <= s->held.mask; i++)
        free(s->held.slots[i].value);
    gw_id_table_fini(&s->held);
    explicit_bzero(s, sizeof(*s));
    free(s);
}
