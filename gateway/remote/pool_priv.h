/* For pool*.c. */
#ifndef GW_POOL_PRIV_H
#define GW_POOL_PRIV_H

#include "gateway/base/clock.h"
#include "gateway/remote/id_table.h"
#include "gateway/remote/pool.h"
#include "gateway/remote/served.h"

enum { POOL_TICK_MS = 100 };

/* A request that waits for its reply. cb NULL: our own. */
struct asked {
    struct asked *next; /* of those refused here */
    unsigned agw;
    uint64_t txn, caller_txn, caller_ctx, ctx; /* ctx: the access gateway's; 0: makes one */
    uint64_t deadline_us, said_us;
    bool makes, releases;
    int err; /* of those refused here */
    char call[GW_IQ_CALL_ID + 1];
    char *text;
    size_t len;
    gw_iq_reply_cb *cb;
    void *arg;
};

/* A context of ours. */
struct known {
    uint64_t id, ctx;
    unsigned agw;
    uint64_t since, seen; /* audits: known when that one had begun; listed by it */
    bool is_released;     /* its release was asked for */
    char call[GW_IQ_CALL_ID + 1];
};

struct link {
    const char *name;
    char node[GW_IQ_NODE + 1];
    bool is_open, is_up;       /* connected; said HELLO on this connection */
    bool has_contexts_of_gone; /* not connected, and its contexts live until gone_us */
    uint64_t incarnation, heard_us, said_us, gone_us;
    uint32_t load, limit, since; /* since: contexts made after it told its load */
    uint64_t txn;
    struct asked *window[GW_IQ_WINDOW];
    unsigned nasked;
    uint64_t seen[GW_IQ_WINDOW]; /* notifications, by their number */
    struct gw_id_table by_ctx;
    struct {
        uint64_t number, txn, after, said_us, next_us;
        bool is_running, is_wanted;
    } audit;
};

struct gw_pool {
    struct gw_pool_world world;
    char node[GW_IQ_NODE + 1];
    uint64_t incarnation, grace_us, now_us, tick_us, ids, audits;
    bool is_closing, is_ending;
    unsigned n;
    struct link links[GW_POOL_AGWS];
    struct gw_id_table by_id;
    struct asked *refused; /* answered at the next expire */
    struct gw_iq_msg in, out;
};

/* pool_ctx.c */
struct known *gw_known_add(struct gw_pool *p, unsigned agw, uint64_t ctx, const char *call);
void gw_known_remove(struct gw_pool *p, struct known *k);
struct known *gw_known_at(const struct gw_pool *p, unsigned agw, uint64_t ctx);
/* OUT_OF_SERVICE for all contexts of an access gateway; returns how many. */
unsigned gw_known_lose_all(struct gw_pool *p, unsigned agw, int cause);
void gw_audit_expire(struct gw_pool *p, unsigned agw);
void gw_audit_input(struct gw_pool *p, unsigned agw, const struct gw_iq_contexts *c);

/* pool.c */
void gw_pool_say(struct gw_pool *p, unsigned agw, struct gw_iq_msg *m);
struct gw_iq_msg *gw_pool_message(struct gw_pool *p, unsigned agw, enum gw_iq_msg_type type);
/* Releases a context that nobody here knows. */
void gw_pool_release(struct gw_pool *p, unsigned agw, uint64_t ctx);

#endif
