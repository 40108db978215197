#include "signaling/pcscf/binding.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int gw_bindings_init(struct gw_bindings *s, unsigned expected)
{
    int err;

    *s = (struct gw_bindings){ 0 };
    err = gw_table_init(&s->flows, expected);
    if (!err)
        err = gw_table_init(&s->aors, expected);
    if (!err)
        err = gw_table_init(&s->contacts, expected);
    if (!err)
        err = gw_table_init(&s->impus, 2 * expected);
    if (err)
        gw_bindings_fini(s);
    return err;
}

void gw_bindings_fini(struct gw_bindings *s)
{
    while (s->first)
        gw_binding_remove(s, s->first);
    for (uint64_t i = 0; s->flows.buckets && i <= s->flows.mask; i++)
        while (s->flows.buckets[i])
            gw_flow_remove(s, GW_TABLE_OF(s->flows.buckets[i], struct gw_pflow, node));
    gw_table_fini(&s->flows);
    gw_table_fini(&s->aors);
    gw_table_fini(&s->contacts);
    gw_table_fini(&s->impus);
}

/* RFC 3966 s. 5.1.1: visual separators do not count. */
static int tel_key(const char *uri, char *buf, size_t size)
{
    size_t n = 0;

    for (const char *p = uri + 4; *p && *p != ';'; p++) {
        if (strchr("-.()", *p))
            continue;
        if (n + 5 >= size)
            return GW_E_LIMIT;
        if (n == 0) {
            memcpy(buf, "tel:", 4);
            n = 4;
        }
        buf[n++] = (char)tolower((unsigned char)*p);
    }
    if (n == 0)
        return GW_E_SYNTAX;
    buf[n] = 0;
    return 0;
}

int gw_uri_key(const char *uri, char *buf, size_t size)
{
    struct gw_sip_uri u;
    int n, err;

    if (strncasecmp(uri, "tel:", 4) == 0)
        return tel_key(uri, buf, size);
    err = gw_sip_uri_parse(uri, &u);
    if (err)
        return err;
    for (char *p = u.host; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    n = u.port ? snprintf(buf, size, "%s@%s:%u", u.user, u.host, (unsigned)u.port)
               : snprintf(buf, size, "%s@%s", u.user, u.host);
    return n > 0 && (size_t)n < size ? 0 : GW_E_LIMIT;
}

/* ---- connections ---- */

struct gw_pflow *gw_flow_find(const struct gw_bindings *s, gw_flow_id id)
{
    uint64_t hash = gw_table_hash(&s->flows, (struct gw_span){ &id, sizeof(id) });

    for (struct gw_table_node *n = gw_table_first(&s->flows, hash); n; n = gw_table_next(n)) {
        struct gw_pflow *f = GW_TABLE_OF(n, struct gw_pflow, node);
        if (f->id == id)
            return f;
    }
    return NULL;
}

struct gw_pflow *gw_flow_add(struct gw_bindings *s, gw_flow_id id, bool is_ws, bool is_tls)
{
    struct gw_pflow *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->id = id;
    f->is_ws = is_ws;
    f->is_tls = is_tls;
    gw_table_insert(&s->flows, &f->node, (struct gw_span){ &id, sizeof(id) });
    return f;
}

static void leave_flow(struct gw_binding *b)
{
    struct gw_binding **p;

    if (!b->flow)
        return;
    for (p = &b->flow->bindings; *p != b; p = &(*p)->next_of_flow)
        ;
    *p = b->next_of_flow;
    b->next_of_flow = NULL;
    b->flow->nbindings--;
    b->flow = NULL;
}

static void join_flow(struct gw_binding *b, struct gw_pflow *f)
{
    struct gw_binding **p = &f->bindings;

    while (*p) /* the oldest stays first: it gives the default identity */
        p = &(*p)->next_of_flow;
    *p = b;
    f->nbindings++;
    b->flow = f;
    b->flow_id = f->id;
}

void gw_flow_remove(struct gw_bindings *s, struct gw_pflow *f)
{
    while (f->bindings)
        leave_flow(f->bindings);
    gw_table_remove(&s->flows, &f->node);
    free(f);
}

/* ---- bindings ---- */

static void drop_impus(struct gw_bindings *s, struct gw_binding *b)
{
    for (unsigned i = 0; i < b->nimpus; i++) {
        gw_table_remove(&s->impus, &b->impus[i].node);
        free(b->impus[i].value);
        free(b->impus[i].key);
    }
    b->nimpus = 0;
}

static void drop_strings(struct gw_binding *b)
{
    free(b->aor);
    free(b->aor_key);
    free(b->contact);
    free(b->contact_key);
    free(b->instance);
    free(b->username);
    for (unsigned i = 0; i < b->nroutes; i++)
        free(b->routes[i]);
}

void gw_binding_remove(struct gw_bindings *s, struct gw_binding *b)
{
    if (!b)
        return;
    if (b->link) {
        *b->link = b->next;
        if (b->next)
            b->next->link = b->link;
        s->n--;
    }
    leave_flow(b);
    gw_table_remove(&s->aors, &b->by_aor);
    gw_table_remove(&s->contacts, &b->by_contact);
    drop_impus(s, b);
    drop_strings(b);
    free(b);
}

static char *dup_or_empty(const char *s)
{
    return strdup(s ? s : "");
}

/* The comparable form of a name-addr or addr-spec. */
static char *key_of(const char *value)
{
    char uri[GW_URI_KEY], key[GW_URI_KEY];

    if (gw_sip_uri_of(value, uri, sizeof(uri)) != 0 || gw_uri_key(uri, key, sizeof(key)) != 0)
        return NULL;
    return strdup(key);
}

/* Everything that can fail, done on a binding that is in no table yet. */
static int fill(struct gw_binding *b, const struct gw_binding_facts *facts)
{
    b->aor = dup_or_empty(facts->aor);
    b->contact = dup_or_empty(facts->contact);
    b->instance = dup_or_empty(facts->instance);
    b->username = dup_or_empty(facts->username);
    if (!b->aor || !b->contact || !b->instance || !b->username)
        return GW_E_NOMEM;
    b->aor_key = key_of(facts->aor);
    b->contact_key = key_of(facts->contact);
    if (!b->aor_key || !b->contact_key)
        return GW_E_SYNTAX;
    b->reg_id = facts->reg_id;
    b->expires_us = facts->expires_us;
    for (unsigned i = 0; i < facts->nroutes && i < GW_BINDING_ROUTES; i++) {
        b->routes[i] = strdup(facts->routes[i]);
        if (!b->routes[i])
            return GW_E_NOMEM;
        b->nroutes++;
    }
    for (unsigned i = 0; i < facts->nimpus && i < GW_BINDING_IMPUS; i++) {
        struct gw_impu *impu = &b->impus[b->nimpus];
        char uri[GW_URI_KEY];

        impu->key = key_of(facts->impus[i]);
        if (!impu->key || gw_sip_uri_of(facts->impus[i], uri, sizeof(uri)) != 0)
            continue; /* an identity that nobody can compare is nobody's */
        if (asprintf(&impu->value, "<%s>", uri) < 0)
            impu->value = NULL;
        b->nimpus++;
        if (!impu->value)
            return GW_E_NOMEM;
    }
    return 0;
}

struct gw_binding *gw_binding_of_aor(const struct gw_bindings *s, const char *aor_key, const struct gw_binding *prev)
{
    struct gw_table_node *n =
        prev ? gw_table_next(&prev->by_aor) : gw_table_first(&s->aors, gw_table_hash(&s->aors, gw_span_str(aor_key)));

    for (; n; n = gw_table_next(n)) {
        struct gw_binding *b = GW_TABLE_OF(n, struct gw_binding, by_aor);
        if (strcmp(b->aor_key, aor_key) == 0)
            return b;
    }
    return NULL;
}

struct gw_binding *gw_binding_match(const struct gw_bindings *s, const struct gw_binding_facts *facts)
{
    bool has_instance = facts->instance && facts->instance[0];
    char aor[GW_URI_KEY], contact[GW_URI_KEY];

    if (gw_uri_key(facts->aor, aor, sizeof(aor)) != 0 || gw_uri_key(facts->contact, contact, sizeof(contact)) != 0)
        return NULL;
    for (struct gw_binding *b = gw_binding_of_aor(s, aor, NULL); b; b = gw_binding_of_aor(s, aor, b)) {
        bool same_flow_of_instance =
            has_instance && facts->reg_id && strcmp(b->instance, facts->instance) == 0 && b->reg_id == facts->reg_id;
        bool names_other_flow = has_instance && facts->reg_id && b->reg_id && b->instance[0] && !same_flow_of_instance;
        if (same_flow_of_instance || (!names_other_flow && strcmp(b->contact_key, contact) == 0))
            return b;
    }
    return NULL;
}

static void index_all(struct gw_bindings *s, struct gw_binding *b)
{
    gw_table_insert(&s->aors, &b->by_aor, gw_span_str(b->aor_key));
    gw_table_insert(&s->contacts, &b->by_contact, gw_span_str(b->contact_key));
    for (unsigned i = 0; i < b->nimpus; i++) {
        b->impus[i].binding = b;
        gw_table_insert(&s->impus, &b->impus[i].node, gw_span_str(b->impus[i].key));
    }
}

/* The same object with new contents: its place among the bindings of its connection stays, and so do pointers to it. */
static void renew(struct gw_bindings *s, struct gw_binding *b, const struct gw_binding *fresh)
{
    gw_table_remove(&s->aors, &b->by_aor);
    gw_table_remove(&s->contacts, &b->by_contact);
    drop_impus(s, b);
    drop_strings(b);
    b->aor = fresh->aor;
    b->aor_key = fresh->aor_key;
    b->contact = fresh->contact;
    b->contact_key = fresh->contact_key;
    b->instance = fresh->instance;
    b->username = fresh->username;
    b->reg_id = fresh->reg_id;
    b->expires_us = fresh->expires_us;
    b->nimpus = fresh->nimpus;
    b->nroutes = fresh->nroutes;
    memcpy(b->impus, fresh->impus, sizeof(b->impus));
    memcpy(b->routes, fresh->routes, sizeof(b->routes));
}

int gw_binding_put(struct gw_bindings *s, struct gw_pflow *f, const struct gw_binding_facts *facts,
                   struct gw_binding **out)
{
    struct gw_binding *old = gw_binding_match(s, facts), *b = calloc(1, sizeof(*b));
    int err = b ? fill(b, facts) : GW_E_NOMEM;

    if (err) {
        if (b) {
            drop_impus(s, b);
            drop_strings(b);
        }
        free(b);
        return err;
    }
    if (old) {
        renew(s, old, b);
        free(b);
        b = old;
    } else {
        b->next = s->first;
        b->link = &s->first;
        if (b->next)
            b->next->link = &b->next;
        s->first = b;
        b->serial = ++s->last_serial;
        s->n++;
    }
    index_all(s, b);
    if (b->flow != f) {
        leave_flow(b);
        join_flow(b, f);
    }
    if (!old || facts->has_mediasec)
        b->mediasec = facts->mediasec;
    *out = b;
    return 0;
}

struct gw_binding *gw_binding_by_serial(const struct gw_bindings *s, gw_flow_id flow, uint64_t serial)
{
    const struct gw_pflow *f = gw_flow_find(s, flow);

    for (struct gw_binding *b = f ? f->bindings : NULL; b; b = b->next_of_flow)
        if (b->serial == serial)
            return b;
    return NULL;
}

struct gw_binding *gw_binding_by_contact(const struct gw_bindings *s, const char *uri)
{
    char key[GW_URI_KEY];

    if (gw_uri_key(uri, key, sizeof(key)) != 0)
        return NULL;
    for (struct gw_table_node *n = gw_table_first(&s->contacts, gw_table_hash(&s->contacts, gw_span_str(key))); n;
         n = gw_table_next(n)) {
        struct gw_binding *b = GW_TABLE_OF(n, struct gw_binding, by_contact);
        if (strcmp(b->contact_key, key) == 0)
            return b;
    }
    return NULL;
}

struct gw_binding *gw_binding_by_impu(const struct gw_bindings *s, const char *key)
{
    for (struct gw_table_node *n = gw_table_first(&s->impus, gw_table_hash(&s->impus, gw_span_str(key))); n;
         n = gw_table_next(n)) {
        struct gw_impu *i = GW_TABLE_OF(n, struct gw_impu, node);
        if (strcmp(i->key, key) == 0)
            return i->binding;
    }
    return NULL;
}

const struct gw_impu *gw_binding_impu(const struct gw_binding *b, const char *key)
{
    for (unsigned i = 0; i < b->nimpus; i++)
        if (strcmp(b->impus[i].key, key) == 0)
            return &b->impus[i];
    return NULL;
}
