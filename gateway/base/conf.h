/* The configuration: one commented file of `key = value` lines, each key a row of conf.def (type, field, range,
 * default, sentence). Environment variables IMSGW_<KEY IN CAPITALS> override the file. `imsgw --help` and the manual
 * are printed from the same table.
 *
 * A comment is a line that begins with '#', or the rest of a line from a '#' after a blank. Lists are separated by
 * blanks or commas. A key that is unknown or given twice is an error. The struct is immutable once loaded; a reload
 * makes a new one. Any thread may read it. */
#ifndef GW_CONF_H
#define GW_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/base/addr.h"
#include "gateway/base/err.h"

enum {
    GW_CONF_LIST = 16,         /* elements of a list */
    GW_CONF_VALUE = 2048,      /* octets of a value */
    GW_CONF_FILE = 256 * 1024, /* octets of a file */
};

/* C types behind the row kinds of conf.def */
typedef int64_t gw_conf_int;
typedef bool gw_conf_bool;
typedef char *gw_conf_str; /* never NULL */
typedef struct gw_addr gw_conf_addr;
typedef struct {
    unsigned n;
    char *v[GW_CONF_LIST];
} gw_conf_list;
typedef struct {
    unsigned n;
    struct gw_net v[GW_CONF_LIST];
} gw_conf_nets;
typedef struct {
    int v; /* index among the words of the row's range, e.g. "avp|avpf|savp|savpf" */
} gw_conf_enum;

enum gw_role { GW_ROLE_ALL, GW_ROLE_PCSCF, GW_ROLE_AGW }; /* the words of `role` */

enum gw_conf_key {
#define X(kind, key, range_min, range_max, words, unit, def, reload, text) GW_CONF_##key,
#include "gateway/base/conf.def"
#undef X
    GW_CONF_KEYS
};

struct gw_conf {
#define X(kind, key, range_min, range_max, words, unit, def, reload, text) gw_conf_##kind key;
#include "gateway/base/conf.def"
#undef X
    struct gw_conf_origin *origin; /* where each value came from, behind gw_conf_where() */
};

/* Reads `path` (NULL: defaults and environment only). On error a message "FILE:LINE: KEY: what; accepted: range" is
 * written into why and an error returned. */
int gw_conf_load(const char *path, struct gw_conf **out, char *why, size_t why_size);
/* The same from text, for tests and fuzzing; `name` stands for the file in messages. */
int gw_conf_parse(const char *name, const char *text, size_t len, struct gw_conf **out, char *why, size_t why_size);
void gw_conf_free(struct gw_conf *c);

/* For checks across keys: writes "FILE:LINE: KEY: what; accepted: range" (or "environment:" or "default:" for the
 * place) and returns `err`. */
int gw_conf_refuse(const struct gw_conf *c, enum gw_conf_key key, int err, char *why, size_t why_size, const char *fmt,
                   ...) __attribute__((format(printf, 6, 7)));
/* "FILE:LINE", "environment" or "default". */
const char *gw_conf_where(const struct gw_conf *c, enum gw_conf_key key, char *buf, size_t size);
const char *gw_conf_name(enum gw_conf_key key);
/* The value as it was written, e.g. the word of an enum. */
const char *gw_conf_text(const struct gw_conf *c, enum gw_conf_key key);
bool gw_conf_can_reload(enum gw_conf_key key);
/* Gives c the value that `from` has, with its place. GW_E_NOMEM: unchanged. */
int gw_conf_keep(struct gw_conf *c, const struct gw_conf *from, enum gw_conf_key key);

/* Every key with kind, unit, range, default and sentence. */
void gw_conf_write_help(FILE *f);
/* A complete commented file with the defaults. */
void gw_conf_write_example(FILE *f);

#endif
