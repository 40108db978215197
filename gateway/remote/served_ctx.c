/* Contexts of the controllers, and the release of those that nobody wants any more. */
#include <stdlib.h>

#include "gateway/base/stats.h"
#include "gateway/remote/served_priv.h"

enum { RELEASE_RETRY_MS = 1000 };

struct release {
    struct gw_served *s;
    uint64_t ctx;
};

struct held *gw_held_add(struct gw_served *s, struct owner *o, uint64_t ctx, uint64_t txn)
{
    struct held *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    *h = (struct held){ .ctx = ctx, .txn = txn, .owner = o };
    if (gw_id_table_put(&s->held, ctx, h) != 0) {
        free(h);
        return NULL;
    }
    if (o)
        o->ncontexts++;
    else
        s->ndying++;
    gw_stats_add(GW_STAT_IQ_CONTEXTS, 1);
    return h;
}

struct held *gw_held_of(const struct gw_served *s, const struct owner *o, uint64_t ctx)
{
    struct held *h = gw_id_table_get(&s->held, ctx);

    return h && h->owner == o ? h : NULL;
}

void gw_held_remove(struct gw_served *s, struct held *h)
{
    if (h->owner)
        h->owner->ncontexts--;
    else
        s->ndying--;
    gw_stats_add(GW_STAT_IQ_CONTEXTS, -1);
    gw_id_table_remove(&s->held, h->ctx);
    free(h);
}

static void on_released(void *arg, const struct gw_iq_reply *reply)
{
    struct release *r = arg;
    struct held *h = gw_id_table_get(&r->s->held, r->ctx);

    if (h && (reply->err == 0 || reply->err == GW_E_NOTFOUND || reply->err == GW_E_CLOSED)) {
        gw_held_remove(r->s, h);
    } else if (h) {
        h->is_asked = false;
        h->retry_us = r->s->now_us + RELEASE_RETRY_MS * GW_MS;
    }
    free(r);
}

static void ask(struct gw_served *s, struct held *h)
{
    struct gw_iq_req *req = calloc(1, sizeof(*req));
    struct release *r = malloc(sizeof(*r));

    h->is_asked = true;
    if (req && r) {
        *r = (struct release){ s, h->ctx };
        req->op = GW_IQ_RELEASE;
        req->ctx = h->ctx;
        if (s->world.submit(s->world.arg, &req, on_released, r) == 0)
            return;
    }
    free(req);
    free(r);
    h->is_asked = false;
    h->retry_us = s->now_us + RELEASE_RETRY_MS * GW_MS;
}

void gw_held_release(struct gw_served *s, struct held *h)
{
    if (h->owner) {
        h->owner->ncontexts--;
        h->owner = NULL;
        s->ndying++;
    }
    gw_stats_inc(GW_STAT_IQ_ORPHANS);
    if (!h->is_asked)
        ask(s, h);
}

/* Releasing may change the table, so the ids are taken first. */
unsigned gw_held_release_all(struct gw_served *s, const struct owner *o)
{
    uint32_t n, done = 0;
    uint64_t *ids = gw_id_table_sorted(&s->held, &n);

    for (uint32_t i = 0; i < n; i++) {
        struct held *h = gw_held_of(s, o, ids[i]);
        if (h) {
            gw_held_release(s, h);
            done++;
        }
    }
    free(ids);
    return done;
}

void gw_held_expire(struct gw_served *s)
{
    uint32_t n;
    uint64_t *ids = s->ndying ? gw_id_table_sorted(&s->held, &n) : NULL;

    for (uint32_t i = 0; ids && i < n; i++) {
        struct held *h = gw_held_of(s, NULL, ids[i]);
        if (h && !h->is_asked && h->retry_us <= s->now_us)
            ask(s, h);
    }
    free(ids);
}

void gw_held_list(struct gw_served *s, const struct owner *o, const struct gw_iq_list *asked,
                  struct gw_iq_contexts *out)
{
    uint32_t n;
    uint64_t *ids = gw_id_table_sorted(&s->held, &n);

    out->txn = asked->txn;
    out->is_last = true;
    out->n = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct held *h = ids[i] > asked->after ? gw_held_of(s, o, ids[i]) : NULL;
        if (h && out->n == GW_IQ_PAGE) {
            out->is_last = false;
            break;
        }
        if (h)
            out->held[out->n++] = (struct gw_iq_held){ h->ctx, h->txn };
    }
    free(ids);
}
