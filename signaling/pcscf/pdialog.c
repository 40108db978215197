#include "signaling/pcscf/pdialog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY = 1024 };

int gw_pdialogs_init(struct gw_pdialogs *s, unsigned max, unsigned max_per_binding)
{
    *s = (struct gw_pdialogs){ .max = max, .max_per_binding = max_per_binding };
    return gw_table_init(&s->table, max);
}

void gw_pdialogs_fini(struct gw_pdialogs *s)
{
    while (s->first)
        gw_pdialog_remove(s, s->first);
    gw_table_fini(&s->table);
}

static int tag_of(const struct gw_sip_msg *m, const char *header, char *buf, size_t size)
{
    const char *v = gw_sip_msg_get(m, header, 0);

    return v ? gw_sip_param(v, "tag", buf, size) : GW_E_NOTFOUND;
}

struct ids {
    char client[256], peer[256];
    const char *call_id;
    char key[KEY];
};

static int ids_of(const struct gw_sip_msg *m, bool from_client, struct ids *out)
{
    int err = tag_of(m, from_client ? "From" : "To", out->client, sizeof(out->client)), n;

    if (!err)
        err = tag_of(m, from_client ? "To" : "From", out->peer, sizeof(out->peer));
    out->call_id = gw_sip_msg_get(m, "Call-ID", 0);
    if (!err && !out->call_id)
        err = GW_E_NOTFOUND;
    if (err)
        return err;
    n = snprintf(out->key, sizeof(out->key), "%s\n%s\n%s", out->call_id, out->client, out->peer);
    return n > 0 && (size_t)n < sizeof(out->key) ? 0 : GW_E_LIMIT;
}

static struct gw_pdialog *find(const struct gw_pdialogs *s, const struct ids *ids)
{
    uint64_t hash = gw_table_hash(&s->table, gw_span_str(ids->key));

    for (struct gw_table_node *n = gw_table_first(&s->table, hash); n; n = gw_table_next(n)) {
        struct gw_pdialog *d = GW_TABLE_OF(n, struct gw_pdialog, node);
        if (strcmp(d->call_id, ids->call_id) == 0 && strcmp(d->client_tag, ids->client) == 0 &&
            strcmp(d->peer_tag, ids->peer) == 0)
            return d;
    }
    return NULL;
}

struct gw_pdialog *gw_pdialog_find(const struct gw_pdialogs *s, const struct gw_sip_msg *m, bool from_client)
{
    struct ids ids;

    return ids_of(m, from_client, &ids) == 0 ? find(s, &ids) : NULL;
}

static void dialog_free(struct gw_pdialog *d)
{
    free(d->call_id);
    free(d->client_tag);
    free(d->peer_tag);
    free(d->icid);
    free(d->target);
    for (unsigned i = 0; i < d->nroutes; i++)
        free(d->routes[i]);
    free(d);
}

static int fill(struct gw_pdialog *d, const struct ids *ids, const char *const *routes, unsigned nroutes,
                const char *target, const char *icid)
{
    if (nroutes > GW_BINDING_ROUTES)
        return GW_E_LIMIT;
    d->call_id = strdup(ids->call_id);
    d->client_tag = strdup(ids->client);
    d->peer_tag = strdup(ids->peer);
    d->icid = strdup(icid);
    d->target = strdup(target);
    if (!d->call_id || !d->client_tag || !d->peer_tag || !d->icid || !d->target)
        return GW_E_NOMEM;
    for (unsigned i = 0; i < nroutes; i++) {
        d->routes[i] = strdup(routes[i]);
        if (!d->routes[i])
            return GW_E_NOMEM;
        d->nroutes++;
    }
    return 0;
}

static unsigned count_of(const struct gw_binding *b)
{
    unsigned n = 0;

    for (const struct gw_pdialog *d = b->dialogs; d; d = d->next_of_binding)
        n++;
    return n;
}

static void enter(struct gw_pdialogs *s, struct gw_pdialog *d, struct gw_binding *b, const char *key)
{
    d->binding = b;
    d->next = s->first;
    d->link = &s->first;
    if (d->next)
        d->next->link = &d->next;
    s->first = d;
    d->next_of_binding = b->dialogs;
    d->link_of_binding = &b->dialogs;
    if (d->next_of_binding)
        d->next_of_binding->link_of_binding = &d->next_of_binding;
    b->dialogs = d;
    gw_table_insert(&s->table, &d->node, gw_span_str(key));
    s->n++;
}

int gw_pdialog_add(struct gw_pdialogs *s, struct gw_binding *b, const struct gw_sip_msg *resp, bool from_client,
                   const char *const *routes, unsigned nroutes, const char *target, const char *icid,
                   uint64_t expires_us, struct gw_pdialog **out)
{
    struct gw_pdialog *d;
    struct ids ids;
    int err = ids_of(resp, from_client, &ids);

    if (err)
        return err;
    d = find(s, &ids);
    if (d) { /* a retransmission, or a NOTIFY that was faster */
        d->expires_us = expires_us;
        *out = d;
        return 0;
    }
    if (s->n >= s->max || count_of(b) >= s->max_per_binding)
        return GW_E_LIMIT;
    d = calloc(1, sizeof(*d));
    err = d ? fill(d, &ids, routes, nroutes, target, icid) : GW_E_NOMEM;
    if (err) {
        if (d)
            dialog_free(d);
        return err;
    }
    d->expires_us = expires_us;
    enter(s, d, b, ids.key);
    *out = d;
    return 0;
}

void gw_pdialog_remove(struct gw_pdialogs *s, struct gw_pdialog *d)
{
    *d->link = d->next;
    if (d->next)
        d->next->link = d->link;
    *d->link_of_binding = d->next_of_binding;
    if (d->next_of_binding)
        d->next_of_binding->link_of_binding = d->link_of_binding;
    gw_table_remove(&s->table, &d->node);
    s->n--;
    dialog_free(d);
}

void gw_pdialog_remove_of(struct gw_pdialogs *s, struct gw_binding *b)
{
    while (b->dialogs)
        gw_pdialog_remove(s, b->dialogs);
}

int gw_pdialog_set_target(struct gw_pdialog *d, const char *target)
{
    char *copy = strdup(target);

    if (!copy)
        return GW_E_NOMEM;
    free(d->target);
    d->target = copy;
    return 0;
}

void gw_pdialog_expire(struct gw_pdialogs *s, uint64_t now_us)
{
    for (struct gw_pdialog *d = s->first, *next; d; d = next) {
        next = d->next;
        if (d->expires_us <= now_us)
            gw_pdialog_remove(s, d);
    }
}
