#include "gateway/control/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/stats.h"

/* Every request waits equally long, so the list in order of sending is also the list in order of deadlines. */
struct pending {
    uint32_t next, prev; /* in the list of those waiting, or of those free */
    uint32_t generation; /* a late answer to a slot used anew is recognised by it */
    uint64_t txn, ctx, deadline_us;
    gw_iq_reply_cb *cb;
    void *arg;
};

struct gw_dispatch {
    unsigned nworkers;
    struct gw_dispatch_worker workers[GW_DISPATCH_WORKERS];
    struct gw_mbox *inbox;
    struct retry {
        uint64_t txn;
        unsigned worker;
    } retries[GW_DISPATCH_RETRIES];
    unsigned nretries;
    struct pending pending[GW_DISPATCH_PENDING + 1]; /* [0] is the head of the list of those waiting */
    uint32_t free_head;
    bool is_closing; /* callbacks of gw_dispatch_free may try to submit */
};

void gw_iq_order_free(struct gw_iq_order *o)
{
    if (!o)
        return;
    explicit_bzero(o, sizeof(*o)); /* SDES keys, ICE passwords */
    free(o);
}

int gw_dispatch_new(const struct gw_dispatch_worker *workers, unsigned n, struct gw_dispatch **out)
{
    struct gw_dispatch *d;

    if (n == 0 || n > GW_DISPATCH_WORKERS)
        return GW_E_INVAL;
    d = calloc(1, sizeof(*d));
    if (!d)
        return GW_E_NOMEM;
    if (gw_mbox_new(2 * GW_DISPATCH_PENDING, &d->inbox) != 0) {
        free(d);
        return GW_E_NOMEM;
    }
    d->nworkers = n;
    memcpy(d->workers, workers, n * sizeof(*workers));
    for (uint32_t i = GW_DISPATCH_PENDING; i > 0; i--) {
        d->pending[i].next = d->free_head;
        d->free_head = i;
    }
    *out = d;
    return 0;
}

struct gw_mbox *gw_dispatch_inbox(struct gw_dispatch *d)
{
    return d->inbox;
}

static uint32_t pending_take(struct gw_dispatch *d)
{
    uint32_t i = d->free_head;
    struct pending *p = &d->pending[i], *head = &d->pending[0];

    if (i == 0)
        return 0;
    d->free_head = p->next;
    p->next = 0;
    p->prev = head->prev;
    d->pending[head->prev].next = i;
    head->prev = i;
    p->generation++;
    return i;
}

static void pending_give(struct gw_dispatch *d, uint32_t i)
{
    struct pending *p = &d->pending[i];

    d->pending[p->prev].next = p->next;
    d->pending[p->next].prev = p->prev;
    p->generation++;
    p->next = d->free_head;
    d->free_head = i;
}

static void answer(struct gw_dispatch *d, uint32_t i, const struct gw_iq_reply *reply)
{
    gw_iq_reply_cb *cb = d->pending[i].cb;
    void *arg = d->pending[i].arg;

    pending_give(d, i); /* first: the callback may submit */
    cb(arg, reply);
}

static void answer_err(struct gw_dispatch *d, uint32_t i, int err)
{
    struct gw_iq_reply *r = calloc(1, sizeof(*r));
    struct gw_iq_reply small;

    if (!r) { /* the caller must hear of it even then */
        memset(&small, 0, sizeof(small));
        small.txn = d->pending[i].txn;
        small.ctx = d->pending[i].ctx;
        small.err = err;
        answer(d, i, &small);
        return;
    }
    r->txn = d->pending[i].txn;
    r->ctx = d->pending[i].ctx;
    r->err = err;
    answer(d, i, r);
    free(r);
}

/* The worker of a request: of its context; of the same txn before; or the one with the fewest contexts. */
static int choose(struct gw_dispatch *d, const struct gw_iq_req *req, unsigned *worker)
{
    unsigned best = d->nworkers, best_load = UINT32_MAX, extra = req->is_emergency ? GW_DISPATCH_EMERGENCY : 0;

    if (req->ctx) {
        *worker = gw_iq_ctx_worker(req->ctx);
        return *worker < d->nworkers ? 0 : GW_E_NOTFOUND;
    }
    if (req->op != GW_IQ_RESERVE && req->op != GW_IQ_RESERVE_CONFIGURE)
        return GW_E_INVAL;
    for (unsigned i = 0; i < GW_DISPATCH_RETRIES && i < d->nretries; i++)
        if (d->retries[i].txn == req->txn) {
            *worker = d->retries[i].worker;
            return 0;
        }
    for (unsigned i = 0; i < d->nworkers; i++) {
        unsigned load = atomic_load_explicit(d->workers[i].load, memory_order_relaxed);
        if (load < d->workers[i].limit + extra && load < best_load) {
            best = i;
            best_load = load;
        }
    }
    if (best == d->nworkers)
        return GW_E_LIMIT;
    d->retries[d->nretries++ % GW_DISPATCH_RETRIES] = (struct retry){ req->txn, best };
    *worker = best;
    return 0;
}

/* An answer that is known at once still comes later, as the caller was told. */
static int refuse_later(struct gw_dispatch *d, uint64_t ticket, const struct gw_iq_req *req, int err)
{
    struct gw_iq_item *item = calloc(1, sizeof(*item));
    void *push = item;

    if (!item)
        return GW_E_NOMEM;
    item->ticket = ticket;
    item->reply.txn = req->txn;
    item->reply.ctx = req->ctx;
    item->reply.err = err;
    err = gw_mbox_push(d->inbox, &push);
    free(push);
    return err;
}

int gw_dispatch_submit(struct gw_dispatch *d, struct gw_iq_req **req, gw_iq_reply_cb *cb, void *arg, uint64_t now_us)
{
    uint32_t i = d->is_closing ? 0 : pending_take(d);
    struct pending *p = &d->pending[i];
    struct gw_iq_order *order = NULL;
    uint64_t ticket;
    unsigned worker = 0;
    void *push;
    int err;

    if (d->is_closing)
        return GW_E_CLOSED;
    if (i == 0)
        return GW_E_FULL;
    ticket = (uint64_t)p->generation << 32 | i;
    p->cb = cb;
    p->arg = arg;
    p->txn = (*req)->txn;
    p->ctx = (*req)->ctx;
    p->deadline_us = now_us + GW_DISPATCH_TIMEOUT_MS * GW_MS;
    err = choose(d, *req, &worker);
    if (err) {
        err = refuse_later(d, ticket, *req, err);
    } else {
        order = malloc(sizeof(*order));
        err = GW_E_NOMEM;
        if (order) {
            order->ticket = ticket;
            order->req = **req;
            push = order;
            err = gw_mbox_push(d->workers[worker].orders, &push);
            if (err)
                gw_iq_order_free(order);
        }
    }
    if (err) {
        pending_give(d, i);
        return err;
    }
    explicit_bzero(*req, sizeof(**req));
    free(*req);
    *req = NULL;
    return 0;
}

/* The caller has heard TIMEOUT and does not know the context. If its worker's mailbox is full, the context is left to
 * the audit of a remote controller, or to its own time-outs. */
static void release_late(struct gw_dispatch *d, const struct gw_iq_reply *reply)
{
    unsigned worker = gw_iq_ctx_worker(reply->ctx);
    struct gw_iq_order *order = worker < d->nworkers ? calloc(1, sizeof(*order)) : NULL;
    void *push = order;

    if (!order)
        return;
    order->req.op = GW_IQ_RELEASE;
    order->req.ctx = reply->ctx;
    if (gw_mbox_push(d->workers[worker].orders, &push) != 0)
        gw_stats_inc(GW_STAT_IQ_LOST);
    gw_iq_order_free(push);
}

static void on_late(struct gw_dispatch *d, const struct gw_iq_item *item)
{
    gw_stats_inc(GW_STAT_IQ_LATE);
    if (item->has_made && !item->reply.err)
        release_late(d, &item->reply);
}

void gw_dispatch_run(struct gw_dispatch *d, unsigned max, void (*on_notify)(void *arg, const struct gw_iq_notify *n),
                     void *arg)
{
    struct gw_iq_item *item;

    while (max-- && (item = gw_mbox_take(d->inbox))) {
        uint32_t i = (uint32_t)item->ticket;

        if (item->is_notify)
            on_notify(arg, &item->notify);
        else if (i >= 1 && i <= GW_DISPATCH_PENDING && d->pending[i].generation == item->ticket >> 32)
            answer(d, i, &item->reply);
        else if (item->ticket) /* 0: nobody ever waited */
            on_late(d, item);
        free(item);
    }
}

uint64_t gw_dispatch_deadline_us(const struct gw_dispatch *d)
{
    uint32_t first = d->pending[0].next;
    return first ? d->pending[first].deadline_us : GW_NEVER;
}

void gw_dispatch_expire(struct gw_dispatch *d, uint64_t now_us)
{
    while (gw_dispatch_deadline_us(d) <= now_us) {
        gw_stats_inc(GW_STAT_IQ_TIMEOUT);
        answer_err(d, d->pending[0].next, GW_E_TIMEOUT);
    }
}

void gw_dispatch_free(struct gw_dispatch *d)
{
    if (!d)
        return;
    d->is_closing = true;
    while (d->pending[0].next)
        answer_err(d, d->pending[0].next, GW_E_CLOSED);
    gw_mbox_free(d->inbox, free);
    free(d);
}
