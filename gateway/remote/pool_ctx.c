/* The contexts that we know, and the audit that makes both ends agree (TS 23.334 s. 8, Audit). */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/remote/pool_priv.h"

struct known *gw_known_add(struct gw_pool *p, unsigned agw, uint64_t ctx, const char *call)
{
    struct known *k = calloc(1, sizeof(*k));

    if (!k)
        return NULL;
    *k = (struct known){ .id = ++p->ids, .ctx = ctx, .agw = agw, .since = p->links[agw].audit.number };
    snprintf(k->call, sizeof(k->call), "%s", call);
    if (gw_id_table_put(&p->by_id, k->id, k) != 0) {
        free(k);
        return NULL;
    }
    if (gw_id_table_put(&p->links[agw].by_ctx, ctx, k) != 0) {
        gw_id_table_remove(&p->by_id, k->id);
        free(k);
        return NULL;
    }
    gw_stats_add(GW_STAT_IQ_CONTEXTS, 1);
    return k;
}

void gw_known_remove(struct gw_pool *p, struct known *k)
{
    gw_stats_add(GW_STAT_IQ_CONTEXTS, -1);
    gw_id_table_remove(&p->links[k->agw].by_ctx, k->ctx);
    gw_id_table_remove(&p->by_id, k->id);
    free(k);
}

struct known *gw_known_at(const struct gw_pool *p, unsigned agw, uint64_t ctx)
{
    return gw_id_table_get(&p->links[agw].by_ctx, ctx);
}

/* The call is told, unless it wanted the end itself. */
static bool lose(struct gw_pool *p, struct known *k, int cause)
{
    struct gw_iq_notify n = { .ctx = k->id, .event = GW_IQ_OUT_OF_SERVICE, .cause = cause };
    bool is_news = !k->is_released;

    memcpy(n.call, k->call, sizeof(n.call));
    gw_known_remove(p, k);
    if (is_news) {
        gw_stats_inc(GW_STAT_IQ_CONTEXTS_LOST);
        p->world.on_notify(p->world.notify_arg, &n);
    }
    return is_news;
}

unsigned gw_known_lose_all(struct gw_pool *p, unsigned agw, int cause)
{
    uint32_t n, lost = 0;
    uint64_t *ids = gw_id_table_sorted(&p->links[agw].by_ctx, &n); /* those told may submit, which changes the table */

    for (uint32_t i = 0; i < n; i++) {
        struct known *k = gw_known_at(p, agw, ids[i]);
        if (k)
            lost += lose(p, k, cause);
    }
    free(ids);
    return lost;
}

/* ---- audit ---- */

static void say_list(struct gw_pool *p, unsigned agw)
{
    struct link *l = &p->links[agw];
    struct gw_iq_msg *m = gw_pool_message(p, agw, GW_IQ_LIST);

    m->list = (struct gw_iq_list){ l->audit.txn, l->audit.after };
    l->audit.said_us = p->now_us;
    gw_pool_say(p, agw, m);
}

void gw_audit_expire(struct gw_pool *p, unsigned agw)
{
    struct link *l = &p->links[agw];

    if (!l->is_up)
        return;
    if (l->audit.is_running) {
        if (p->now_us - l->audit.said_us >= GW_IQ_REPEAT_MS * GW_MS)
            say_list(p, agw);
        return;
    }
    if (!l->audit.is_wanted && p->now_us < l->audit.next_us)
        return;
    l->audit.is_wanted = false;
    l->audit.is_running = true;
    l->audit.number++;
    l->audit.txn = ++p->audits;
    l->audit.after = 0;
    l->audit.next_us = p->now_us + GW_POOL_AUDIT_S * GW_S;
    say_list(p, agw);
}

static bool is_asked_release(const struct link *l, uint64_t ctx)
{
    for (unsigned i = 0; i < GW_IQ_WINDOW; i++)
        if (l->window[i] && l->window[i]->releases && l->window[i]->ctx == ctx)
            return true;
    return false;
}

/* It has one: do we? The reply that tells of it may still be on its way. */
static void on_held(struct gw_pool *p, unsigned agw, const struct gw_iq_held *h)
{
    struct link *l = &p->links[agw];
    struct known *k = gw_known_at(p, agw, h->ctx);
    const struct asked *a = l->window[h->txn % GW_IQ_WINDOW];

    if (k)
        k->seen = l->audit.number;
    if (k ? !k->is_released : a && a->txn == h->txn)
        return;
    if (!is_asked_release(l, h->ctx)) {
        gw_stats_inc(GW_STAT_IQ_ORPHANS);
        gw_pool_release(p, agw, h->ctx);
    }
}

/* Those that were known before the audit began and that it did not list. */
static void sweep(struct gw_pool *p, unsigned agw)
{
    struct link *l = &p->links[agw];
    uint32_t n, lost = 0;
    uint64_t *ids = gw_id_table_sorted(&l->by_ctx, &n);

    for (uint32_t i = 0; i < n; i++) {
        struct known *k = gw_known_at(p, agw, ids[i]);
        if (k && k->since < l->audit.number && k->seen != l->audit.number)
            lost += lose(p, k, GW_E_NOTFOUND);
    }
    free(ids);
    if (lost)
        gw_log(GW_LOG_WARNING, "iq", NULL, "access gateway %s does not have %u of our contexts, their calls end",
               l->name, lost);
}

void gw_audit_input(struct gw_pool *p, unsigned agw, const struct gw_iq_contexts *c)
{
    struct link *l = &p->links[agw];

    if (!l->audit.is_running || c->txn != l->audit.txn)
        return; /* repeated, or of an audit before */
    for (unsigned i = 0; i < c->n; i++)
        on_held(p, agw, &c->held[i]);
    if (c->is_last || c->n == 0) {
        l->audit.is_running = false;
        sweep(p, agw);
    } else {
        l->audit.after = c->held[c->n - 1].ctx;
        l->audit.txn = ++p->audits;
        say_list(p, agw);
    }
}
