/* A hash table of nodes that live inside what they index. The bucket count is fixed at the start, from the bound that
 * the configuration gives; keys come from peers, so the hash is seeded. Thread: its owner's. */
#ifndef GW_PCSCF_TABLE_H
#define GW_PCSCF_TABLE_H

#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/span.h"

struct gw_table_node {
    struct gw_table_node *next;
    struct gw_table_node **link; /* what points at this node; NULL: in no table */
    uint64_t hash;
};

struct gw_table {
    struct gw_table_node **buckets;
    uint64_t mask, seed;
    unsigned n;
};

/* The object around a node: GW_TABLE_OF(node, struct gw_binding, by_aor). */
#define GW_TABLE_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

int gw_table_init(struct gw_table *t, unsigned expected);
void gw_table_fini(struct gw_table *t); /* nodes are their owners' */

uint64_t gw_table_hash(const struct gw_table *t, struct gw_span key);
void gw_table_insert(struct gw_table *t, struct gw_table_node *n, struct gw_span key);
void gw_table_remove(struct gw_table *t, struct gw_table_node *n); /* nothing if it is in none */

/* Candidates for a key: for (n = first(t, hash); n; n = next(n)). Compare the key itself. */
struct gw_table_node *gw_table_first(const struct gw_table *t, uint64_t hash);
struct gw_table_node *gw_table_next(const struct gw_table_node *n);

#endif
