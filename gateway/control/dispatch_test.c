#include "gateway/control/dispatch.h"

#include <stdlib.h>
#include <test.h>

#include "gateway/base/clock.h"

static struct gw_mbox *orders[2];
static atomic_uint load[2];
static struct gw_dispatch *d;
static unsigned replies, notifies;
static struct gw_iq_reply last;

static void on_reply(void *arg, const struct gw_iq_reply *r)
{
    replies++;
    last = *r;
}

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    notifies++;
}

static void setup(unsigned limit)
{
    struct gw_dispatch_worker w[2];

    replies = notifies = 0;
    for (int i = 0; i < 2; i++) {
        EQ(gw_mbox_new(4, &orders[i]), 0);
        atomic_store(&load[i], 0);
        w[i] = (struct gw_dispatch_worker){ orders[i], &load[i], limit };
    }
    EQ(gw_dispatch_new(w, 2, &d), 0);
}

static void drop_order(void *o)
{
    gw_iq_order_free(o);
}

static void teardown(void)
{
    gw_dispatch_free(d);
    gw_mbox_free(orders[0], drop_order);
    gw_mbox_free(orders[1], drop_order);
}

static int submit(uint64_t txn, uint8_t op, uint64_t ctx, uint64_t now)
{
    struct gw_iq_req *req = calloc(1, sizeof(*req));
    int err;

    req->txn = txn;
    req->op = op;
    req->ctx = ctx;
    err = gw_dispatch_submit(d, &req, on_reply, NULL, now);
    CHECK((err == 0) == (req == NULL)); /* taken on success only */
    free(req);
    return err;
}

static void reply(struct gw_iq_order *o, uint64_t ctx)
{
    struct gw_iq_item *item = calloc(1, sizeof(*item));
    void *push = item;

    item->ticket = o->ticket;
    item->has_made = o->req.ctx == 0;
    item->reply.txn = o->req.txn;
    item->reply.ctx = ctx;
    EQ(gw_mbox_push(gw_dispatch_inbox(d), &push), 0);
    gw_iq_order_free(o);
}

TEST(a_new_context_goes_to_the_least_loaded_worker_and_stays_there)
{
    struct gw_iq_order *o;

    setup(10);
    atomic_store(&load[0], 3);
    EQ(submit(1, GW_IQ_RESERVE, 0, 0), 0);
    CHECK(gw_mbox_take(orders[0]) == NULL);
    o = gw_mbox_take(orders[1]);
    CHECK(o && o->req.txn == 1);
    reply(o, gw_iq_ctx_make(1, 7));
    gw_dispatch_run(d, 10, on_notify, NULL);
    EQ(replies, 1);
    EQ(submit(2, GW_IQ_CONFIGURE, last.ctx, 0), 0);
    atomic_store(&load[1], 9);
    EQ(submit(1, GW_IQ_RESERVE, 0, 0), 0); /* IQ: the same txn again goes where it went */
    drop_order(gw_mbox_take(orders[1]));
    o = gw_mbox_take(orders[1]);
    CHECK(o && o->req.txn == 1);
    gw_iq_order_free(o);
    CHECK(gw_mbox_take(orders[0]) == NULL);
    teardown();
    EQ(replies, 3); /* the two without an answer were told CLOSED */
    EQ(last.err, GW_E_CLOSED);
}

static int again_err;

static void on_reply_again(void *arg, const struct gw_iq_reply *r)
{
    EQ(r->err, GW_E_CLOSED);
    again_err = submit(2, GW_IQ_RELEASE, gw_iq_ctx_make(0, 1), 0);
}

TEST(a_callback_of_the_end_cannot_submit)
{
    struct gw_iq_req *req = calloc(1, sizeof(*req));

    setup(10);
    req->txn = 1;
    EQ(gw_dispatch_submit(d, &req, on_reply_again, NULL, 0), 0);
    again_err = 0;
    teardown();
    EQ(again_err, GW_E_CLOSED);
    EQ(replies, 0);
}

TEST(full_workers_unknown_contexts_and_wrong_requests_are_answered_later)
{
    setup(1);
    atomic_store(&load[0], 1);
    atomic_store(&load[1], 1);
    EQ(submit(1, GW_IQ_RESERVE, 0, 0), 0);
    EQ(replies, 0);
    gw_dispatch_run(d, 10, on_notify, NULL);
    EQ(last.err, GW_E_LIMIT);
    EQ(submit(2, GW_IQ_AUDIT, gw_iq_ctx_make(5, 1), 0), 0);
    gw_dispatch_run(d, 10, on_notify, NULL);
    EQ(last.err, GW_E_NOTFOUND);
    EQ(submit(3, GW_IQ_CONFIGURE, 0, 0), 0);
    gw_dispatch_run(d, 10, on_notify, NULL);
    EQ(last.err, GW_E_INVAL);
    EQ(last.txn, 3);
    EQ(replies, 3);
    teardown();
}

TEST(a_worker_that_does_not_answer_is_a_timeout_after_two_seconds_and_its_late_answer_is_dropped)
{
    struct gw_iq_order *o;

    setup(10);
    EQ(submit(1, GW_IQ_RESERVE, 0, GW_S), 0);
    EQ(gw_dispatch_deadline_us(d), 3 * GW_S);
    gw_dispatch_expire(d, 3 * GW_S - 1);
    EQ(replies, 0);
    gw_dispatch_expire(d, 3 * GW_S);
    EQ(replies, 1);
    EQ(last.err, GW_E_TIMEOUT);
    EQ(gw_dispatch_deadline_us(d), GW_NEVER);
    o = gw_mbox_take(orders[0]);
    EQ(submit(2, GW_IQ_RESERVE, 0, GW_S), 0); /* takes the same slot */
    reply(o, 1);
    gw_dispatch_run(d, 10, on_notify, NULL);
    EQ(replies, 1);
    teardown();
    EQ(replies, 2);
}

TEST(a_context_that_was_made_too_late_is_released)
{
    struct gw_iq_order *o;

    setup(10);
    EQ(submit(1, GW_IQ_RESERVE, 0, GW_S), 0);
    gw_dispatch_expire(d, 3 * GW_S);
    EQ(last.err, GW_E_TIMEOUT);
    reply(gw_mbox_take(orders[0]), gw_iq_ctx_make(0, 5));
    gw_dispatch_run(d, 10, on_notify, NULL);
    o = gw_mbox_take(orders[0]);
    CHECK(o != NULL);
    if (o) {
        EQ(o->req.op, GW_IQ_RELEASE);
        EQ(o->req.ctx, gw_iq_ctx_make(0, 5));
        reply(o, o->req.ctx); /* for nobody */
    }
    gw_dispatch_run(d, 10, on_notify, NULL);
    CHECK(gw_mbox_take(orders[0]) == NULL);
    EQ(replies, 1);
    teardown();
}

TEST(a_full_mailbox_leaves_the_request_with_the_caller)
{
    setup(10);
    for (int i = 0; i < 4; i++)
        EQ(submit((uint64_t)i + 1, GW_IQ_AUDIT, gw_iq_ctx_make(0, 1), 0), 0);
    EQ(submit(9, GW_IQ_AUDIT, gw_iq_ctx_make(0, 1), 0), GW_E_FULL);
    teardown();
    EQ(replies, 4);
}

TEST(notifications_reach_their_handler)
{
    struct gw_iq_item *item = calloc(1, sizeof(*item));
    void *push = item;

    setup(10);
    item->is_notify = true;
    EQ(gw_mbox_push(gw_dispatch_inbox(d), &push), 0);
    gw_dispatch_run(d, 10, on_notify, NULL);
    EQ(notifies, 1);
    teardown();
}
