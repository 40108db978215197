/* The controller's end of Iq between machines: one or more access gateways, to one of which each new context goes.
 * Pure: messages and the time in, messages and a deadline out; lost, repeated and disordered messages are allowed for.
 *
 * A new context goes to the connected access gateway with the smallest share of its limit in use; without any: LIMIT.
 *
 * A request without a reply is repeated, with its txn; after 2 s its caller hears TIMEOUT, and an audit follows.
 *
 * The contexts of an access gateway that is gone for longer than `grace`, was started anew or ends are over: their
 * calls get OUT_OF_SERVICE.
 *
 * An audit comes after every connection and time-out and each minute: contexts of ours that the access gateway does not
 * have are over, those that it has and we do not know are released.
 *
 * The ids of contexts that callers see are of this end. Thread: control. Callbacks run inside input, closed and expire,
 * never inside submit, and may submit. */
#ifndef GW_POOL_H
#define GW_POOL_H

#include <jansson.h>

#include "gateway/control/agw.h"
#include "gateway/control/iq_json.h"

enum {
    GW_POOL_AGWS = 16,
    GW_POOL_TIMEOUT_MS = 2000,
    GW_POOL_AUDIT_S = 60,
};

struct gw_pool_world {
    void *arg;
    /* As in served.h; `agw` is the index of the address. */
    int (*send)(void *arg, unsigned agw, struct gw_span text);
    void (*drop)(void *arg, unsigned agw);
    gw_agw_notify_cb *on_notify;
    void *notify_arg;
};

struct gw_pool;
/* names: what the access gateways are called in the log, borrowed for life. */
int gw_pool_new(const struct gw_pool_world *world, char *const *names, unsigned n, const char *node,
                uint64_t incarnation, uint64_t grace_us, struct gw_pool **out);
/* Answers what waits with CLOSED; tells the access gateways first. */
void gw_pool_free(struct gw_pool *p);

void gw_pool_opened(struct gw_pool *p, unsigned agw, uint64_t now_us);
void gw_pool_closed(struct gw_pool *p, unsigned agw, uint64_t now_us);
void gw_pool_input(struct gw_pool *p, unsigned agw, struct gw_span text, uint64_t now_us);
/* As gw_agw_submit. */
GW_MUST_CHECK int gw_pool_submit(struct gw_pool *p, struct gw_iq_req **req, gw_iq_reply_cb *cb, void *arg,
                                 uint64_t now_us);
uint64_t gw_pool_deadline_us(const struct gw_pool *p);
void gw_pool_expire(struct gw_pool *p, uint64_t now_us);

unsigned gw_pool_contexts(const struct gw_pool *p);
json_t *gw_pool_list(const struct gw_pool *p);

#endif
