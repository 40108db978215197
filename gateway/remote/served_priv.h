/* For served*.c. */
#ifndef GW_SERVED_PRIV_H
#define GW_SERVED_PRIV_H

#include "gateway/base/clock.h"
#include "gateway/dtls/tls_trust.h"
#include "gateway/remote/id_table.h"
#include "gateway/remote/served.h"

enum {
    SERVED_CONNS = 64,
    TICK_MS = 100,
    NAME = GW_TLS_NAME + 1 + GW_IQ_NODE, /* "agw.example.net/host" */
};

/* A request, by its txn modulo the window. */
struct slot {
    uint64_t txn;
    enum { SLOT_NONE, SLOT_WORKING, SLOT_AGAIN, SLOT_DONE } state; /* AGAIN: could not be taken, may come again */
    char *text;                                                    /* of the reply */
    size_t len;
};

struct notice {
    struct notice *next;
    uint64_t seq, said_us, until_us;
    char *text;
    size_t len;
};

struct owner {
    bool is_used;
    char name[NAME + 1];
    uint64_t incarnation;
    uint64_t epoch;   /* another one for each incarnation of each owner: what was asked for before does not fit */
    int conn;         /* -1: none */
    uint64_t gone_us; /* without a connection: until when its contexts live */
    unsigned nnotices, ncontexts;
    struct notice *first, *last;
    struct slot *window; /* GW_IQ_WINDOW of them */
};

struct conn {
    bool is_open;
    char name[GW_TLS_NAME + 1];
    struct owner *owner; /* NULL before HELLO */
    uint64_t heard_us, said_us;
};

struct held {
    uint64_t ctx, txn;
    struct owner *owner; /* NULL: to be released */
    bool is_asked;       /* the release is under way */
    uint64_t retry_us;
};

struct gw_served {
    struct gw_served_world world;
    char node[GW_IQ_NODE + 1];
    uint64_t incarnation, epochs, seqs, grace_us, now_us, tick_us; /* seqs: of notifications, never one twice */
    unsigned limit, ndying;
    bool is_draining, is_ending;
    struct conn conns[SERVED_CONNS];
    struct owner owners[GW_SERVED_OWNERS];
    struct gw_id_table held;
    struct gw_iq_msg in, out; /* too large for a stack */
};

/* served_ctx.c: contexts and whose they are */
struct held *gw_held_add(struct gw_served *s, struct owner *o, uint64_t ctx, uint64_t txn); /* NULL: no memory */
struct held *gw_held_of(const struct gw_served *s, const struct owner *o, uint64_t ctx); /* NULL: not of this owner */
void gw_held_remove(struct gw_served *s, struct held *h);
void gw_held_release(struct gw_served *s, struct held *h); /* by us; tries until it is done */
unsigned gw_held_release_all(struct gw_served *s, const struct owner *o);
void gw_held_expire(struct gw_served *s);
void gw_held_list(struct gw_served *s, const struct owner *o, const struct gw_iq_list *asked,
                  struct gw_iq_contexts *out);

#endif
