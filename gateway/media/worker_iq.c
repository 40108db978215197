/* A worker's side of Iq: orders in, replies and notifications out. */
#include <stdlib.h>

#include "gateway/media/media_priv.h"

static void post(struct gw_worker *w, struct gw_iq_item *item)
{
    void *push = item;

    if (gw_mbox_push(w->inbox, &push) != 0) {
        gw_stats_inc(GW_STAT_IQ_LOST);
        free(push);
    }
}

void gw_worker_notify_with(struct gw_context *cx, const struct gw_iq_notify *n)
{
    struct gw_iq_item *item = calloc(1, sizeof(*item)); /* an event of a call, not of a packet */

    if (!item) {
        gw_stats_inc(GW_STAT_IQ_LOST);
        return;
    }
    item->is_notify = true;
    item->notify = *n;
    item->notify.ctx = cx->id;
    memcpy(item->notify.call, cx->call, sizeof(cx->call));
    post(cx->w, item);
}

void gw_worker_notify(struct gw_context *cx, enum gw_iq_event event, uint8_t term, uint8_t stream, int cause)
{
    struct gw_iq_notify n = { .event = (uint8_t)event, .term = term, .stream = stream, .cause = cause };

    gw_worker_notify_with(cx, &n);
}

static const struct gw_iq_reply *find_reply(const struct gw_worker *w, uint64_t txn)
{
    for (unsigned i = 0; txn && i < GW_REPLIES; i++)
        if (w->replies[i].reply && w->replies[i].txn == txn)
            return w->replies[i].reply;
    return NULL;
}

static void keep_reply(struct gw_worker *w, const struct gw_iq_reply *reply)
{
    unsigned i = w->nreplies % GW_REPLIES;

    if (!reply->txn)
        return;
    if (!w->replies[i].reply)
        w->replies[i].reply = malloc(sizeof(*reply));
    if (!w->replies[i].reply)
        return; /* a repetition is then carried out again, which changes nothing */
    *w->replies[i].reply = *reply;
    w->replies[i].txn = reply->txn;
    w->nreplies++;
}

void gw_worker_on_orders(void *arg, uint32_t events)
{
    struct gw_worker *w = arg;
    struct gw_iq_order *o;

    (void)events;
    w->now_us = gw_loop_now_us(w->loop);
    while ((o = gw_mbox_take(w->orders))) {
        struct gw_iq_item *item = calloc(1, sizeof(*item));
        const struct gw_iq_reply *again = find_reply(w, o->req.txn);

        if (!item) { /* the controller hears TIMEOUT */
            gw_iq_order_free(o);
            continue;
        }
        item->ticket = o->ticket;
        item->has_made = o->req.ctx == 0;
        if (again) {
            item->reply = *again;
            gw_stats_inc(GW_STAT_IQ_REPEATED);
        } else {
            gw_context_order(w, &o->req, &item->reply);
            keep_reply(w, &item->reply);
            gw_stats_inc(GW_STAT_IQ_REQUESTS);
        }
        gw_iq_order_free(o);
        post(w, item);
    }
}
