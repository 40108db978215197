/* The kinds of conf.def: how each is read from text, freed and described. For conf.c alone. */
#ifndef GW_CONF_VALUE_H
#define GW_CONF_VALUE_H

#include "gateway/base/conf.h"

struct gw_conf_row {
    const char *kind, *key;
    int64_t min, max;
    const char *words, *unit, *def;
    bool reload;
    const char *sentence;
    size_t offset;                                                             /* of the field in struct gw_conf */
    int (*read)(const struct gw_conf_row *row, const char *text, void *field); /* SYNTAX, RANGE, LIMIT or NOMEM */
    void (*drop)(void *field);
};

#define GW_CONF_KIND(kind)                                                                                             \
    int gw_conf_read_##kind(const struct gw_conf_row *row, const char *text, void *field);                             \
    void gw_conf_drop_##kind(void *field)
GW_CONF_KIND(int);
GW_CONF_KIND(bool);
GW_CONF_KIND(str);
GW_CONF_KIND(addr);
GW_CONF_KIND(list);
GW_CONF_KIND(nets);
GW_CONF_KIND(enum);
#undef GW_CONF_KIND

/* What a value may be, in words: "1 to 64 threads", "error, warning, info or debug". Returned for use in a format. */
const char *gw_conf_range(const struct gw_conf_row *row, char *buf, size_t size);

/* The number of insertions, removals, changes and swaps of neighbours that make a of b. */
unsigned gw_conf_distance(const char *a, const char *b);

#endif
