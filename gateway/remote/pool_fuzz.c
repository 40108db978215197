/* An access gateway that is trusted and says anything: each line is a message, an empty one is a second, in which a
 * call is asked for. In the end every request has its reply. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/remote/pool.h"

struct world {
    struct gw_pool *pool;
    bool is_dropped;
    int waiting;
    uint64_t ctx, now;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int do_send(void *arg, unsigned agw, struct gw_span text)
{
    return 0;
}

static void do_drop(void *arg, unsigned agw)
{
    ((struct world *)arg)->is_dropped = true;
}

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    struct world *w = arg;

    if (n->event == GW_IQ_OUT_OF_SERVICE && n->ctx == w->ctx)
        w->ctx = 0;
}

static void on_reply(void *arg, const struct gw_iq_reply *r)
{
    struct world *w = arg;

    w->waiting--;
    w->ctx = r->err ? 0 : r->ctx;
}

static void ask(struct world *w)
{
    static const uint8_t ops[] = { GW_IQ_CONFIGURE, GW_IQ_RELEASE };
    struct gw_iq_req *req = calloc(1, sizeof(*req));

    req->ctx = w->ctx;
    req->op = w->ctx ? ops[w->now / GW_S % 2] : GW_IQ_RESERVE;
    w->waiting += gw_pool_submit(w->pool, &req, on_reply, w, w->now) == 0;
    free(req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static FILE *nowhere;
    static char *names[] = { "agw" };
    struct world w = { .now = GW_S };
    struct gw_pool_world world = { &w, do_send, do_drop, on_notify, &w };

    nowhere = nowhere ? nowhere : fopen("/dev/null", "w");
    gw_log_set_file(nowhere);
    if (gw_pool_new(&world, names, 1, "node", 5, GW_S, &w.pool) != 0)
        return 0;
    gw_pool_opened(w.pool, 0, w.now);
    for (const uint8_t *p = data, *end = data + len, *next; p < end && !w.is_dropped; p = next + 1) {
        next = memchr(p, '\n', (size_t)(end - p));
        next = next ? next : end;
        if (next == p) {
            ask(&w);
            w.now += GW_S;
            gw_pool_expire(w.pool, w.now);
        } else {
            gw_pool_input(w.pool, 0, (struct gw_span){ p, (size_t)(next - p) }, w.now);
        }
    }
    if (!w.is_dropped)
        gw_pool_closed(w.pool, 0, w.now);
    for (int i = 0; i < 10; i++)
        gw_pool_expire(w.pool, w.now += GW_S);
    if (w.waiting != 0 || gw_pool_contexts(w.pool) != 0)
        abort();
    gw_pool_free(w.pool);
    return 0;
}
