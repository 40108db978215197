/* Carries Iq between the control thread and the workers: which worker a context belongs to, replies to their callbacks,
 * time-outs, notifications. It knows mailboxes and ids, no media. Thread: control, but for gw_dispatch_inbox. */
#ifndef GW_DISPATCH_H
#define GW_DISPATCH_H

#include <stdatomic.h>

#include "gateway/base/mbox.h"
#include "gateway/control/iq.h"

enum {
    GW_DISPATCH_WORKERS = 64,
    GW_DISPATCH_PENDING = 4096, /* requests without a reply; more: GW_E_FULL */
    GW_DISPATCH_TIMEOUT_MS = 2000,
    GW_DISPATCH_EMERGENCY = 16, /* places of a worker beyond its limit, for emergency calls alone */
    GW_DISPATCH_RETRIES =
        256, /* recent Reserve requests whose txn is remembered, so that the same txn finds its worker */
};

/* A request on its way to a worker. Heap; the worker frees it with gw_iq_order_free, which wipes the keys in it. */
struct gw_iq_order {
    uint64_t ticket; /* to be put into the answer */
    struct gw_iq_req req;
};
void gw_iq_order_free(struct gw_iq_order *o);

/* What a worker puts into the inbox. Heap; freed by the receiver. */
struct gw_iq_item {
    bool is_notify;
    bool has_made; /* the request made the context: if nobody waits for the reply any more, it is released */
    uint64_t ticket;
    union {
        struct gw_iq_reply reply;
        struct gw_iq_notify notify;
    };
};

/* A context id names its worker, so that no table is needed to find it: worker + 1 in the upper 8 bits. */
static inline uint64_t gw_iq_ctx_make(unsigned worker, uint64_t serial)
{
    return (uint64_t)(worker + 1) << 56 | (serial & ((UINT64_C(1) << 56) - 1));
}
static inline unsigned gw_iq_ctx_worker(uint64_t ctx) /* UINT_MAX for 0 */
{
    return (unsigned)(ctx >> 56) - 1;
}

struct gw_dispatch_worker {
    struct gw_mbox *orders;  /* borrowed */
    const atomic_uint *load; /* contexts it has; written by the worker */
    unsigned limit;          /* contexts it may have; emergency calls have GW_DISPATCH_EMERGENCY more */
};

struct gw_dispatch;
int gw_dispatch_new(const struct gw_dispatch_worker *workers, unsigned n, struct gw_dispatch **out);
/* Answers what waits with GW_E_CLOSED. Workers have stopped before. */
void gw_dispatch_free(struct gw_dispatch *d);
/* Workers push gw_iq_item here. */
struct gw_mbox *gw_dispatch_inbox(struct gw_dispatch *d);

/* As gw_agw_submit (iq.h). */
GW_MUST_CHECK int gw_dispatch_submit(struct gw_dispatch *d, struct gw_iq_req **req, gw_iq_reply_cb *cb, void *arg,
                                     uint64_t now_us);
/* At most `max` items. */
void gw_dispatch_run(struct gw_dispatch *d, unsigned max, void (*on_notify)(void *arg, const struct gw_iq_notify *n),
                     void *arg);
uint64_t gw_dispatch_deadline_us(const struct gw_dispatch *d);
void gw_dispatch_expire(struct gw_dispatch *d, uint64_t now_us);

#endif
