#include "gateway/base/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/conf_value.h"
#include "gateway/base/log.h"

enum { LINE_DEFAULT = 0, LINE_ENVIRONMENT = UINT32_MAX, RANGE_TEXT = 256 };

struct gw_conf_origin {
    char *file;
    uint32_t line[GW_CONF_KEYS];
    char *text[GW_CONF_KEYS];
};

static const struct gw_conf_row rows[GW_CONF_KEYS] = {
#define X(kind, key, min, max, words, unit, def, reload, text)                                                         \
    { #kind,                                                                                                           \
      #key,                                                                                                            \
      min,                                                                                                             \
      max,                                                                                                             \
      words,                                                                                                           \
      unit,                                                                                                            \
      def,                                                                                                             \
      reload,                                                                                                          \
      text,                                                                                                            \
      offsetof(struct gw_conf, key),                                                                                   \
      gw_conf_read_##kind,                                                                                             \
      gw_conf_drop_##kind },
#include "gateway/base/conf.def"
#undef X
};

const char *gw_conf_name(enum gw_conf_key key)
{
    return rows[key].key;
}

const char *gw_conf_text(const struct gw_conf *c, enum gw_conf_key key)
{
    return c->origin->text[key];
}

bool gw_conf_can_reload(enum gw_conf_key key)
{
    return rows[key].reload;
}

const char *gw_conf_where(const struct gw_conf *c, enum gw_conf_key key, char *buf, size_t size)
{
    uint32_t line = c->origin->line[key];

    if (line == LINE_DEFAULT)
        snprintf(buf, size, "default");
    else if (line == LINE_ENVIRONMENT)
        snprintf(buf, size, "environment");
    else
        snprintf(buf, size, "%s:%u", c->origin->file, line);
    return buf;
}

int gw_conf_refuse(const struct gw_conf *c, enum gw_conf_key key, int err, char *why, size_t why_size, const char *fmt,
                   ...)
{
    char where[512], range[RANGE_TEXT], what[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    snprintf(why, why_size, "%s: %s: %s; accepted: %s", gw_conf_where(c, key, where, sizeof(where)), rows[key].key,
             what, gw_conf_range(&rows[key], range, sizeof(range)));
    return err;
}

/* Sets one key from text. On error the value stays and why is filled. */
static int set_key(struct gw_conf *c, unsigned i, const char *text, uint32_t line, char *why, size_t why_size)
{
    const struct gw_conf_row *row = &rows[i];
    int err = row->read(row, text, (char *)c + row->offset);
    char *copy = err ? NULL : strdup(text);

    if (!err && !copy)
        err = GW_E_NOMEM;
    if (err) {
        c->origin->line[i] = line; /* for the message; the caller gives the conf up */
        return gw_conf_refuse(c, (enum gw_conf_key)i, err, why, why_size, "%s: \"%.64s\"", gw_err_text(err), text);
    }
    free(c->origin->text[i]);
    c->origin->text[i] = copy;
    c->origin->line[i] = line;
    return 0;
}

int gw_conf_keep(struct gw_conf *c, const struct gw_conf *from, enum gw_conf_key key)
{
    char why[64];

    return set_key(c, key, from->origin->text[key], from->origin->line[key], why, sizeof(why));
}

static int conf_new(const char *name, struct gw_conf **out, char *why, size_t why_size)
{
    struct gw_conf *c = calloc(1, sizeof(*c));
    int err = 0;

    if (!c)
        return GW_E_NOMEM;
    c->origin = calloc(1, sizeof(*c->origin));
    if (!c->origin || !(c->origin->file = strdup(name)))
        err = GW_E_NOMEM;
    for (unsigned i = 0; !err && i < GW_CONF_KEYS; i++)
        err = set_key(c, i, rows[i].def, LINE_DEFAULT, why, why_size);
    if (err) {
        gw_conf_free(c);
        return err;
    }
    *out = c;
    return 0;
}

void gw_conf_free(struct gw_conf *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < GW_CONF_KEYS; i++) {
        rows[i].drop((char *)c + rows[i].offset);
        if (c->origin)
            free(c->origin->text[i]);
    }
    if (c->origin)
        free(c->origin->file);
    free(c->origin);
    free(c);
}

/* The row of a key; -1: none. *nearest is then a key that it may have been meant for, or NULL. */
static int find_key(const char *key, const char **nearest)
{
    unsigned best = (unsigned)strlen(key) / 3 + 1;

    *nearest = NULL;
    for (unsigned i = 0; i < GW_CONF_KEYS; i++)
        if (strcmp(key, rows[i].key) == 0)
            return (int)i;
    for (unsigned i = 0; i < GW_CONF_KEYS; i++) {
        unsigned d = gw_conf_distance(key, rows[i].key);
        if (d <= best) {
            best = d - 1;
            *nearest = rows[i].key;
        }
    }
    return -1;
}

/* Cuts the comment and the blanks at both ends, in place. */
static char *trim(char *s)
{
    char *end;

    for (char *p = s; (p = strchr(p, '#')); p++)
        if (p == s || p[-1] == ' ' || p[-1] == '\t') {
            *p = 0;
            break;
        }
    s += strspn(s, " \t\r");
    end = s + strlen(s);
    while (end > s && strchr(" \t\r", end[-1]))
        end--;
    *end = 0;
    return s;
}

static int parse_line(struct gw_conf *c, char *line, uint32_t number, char *why, size_t why_size)
{
    const char *name = c->origin->file, *nearest;
    char *key, *value, *equals;
    int i;

    for (const char *p = line; *p; p++)
        if (iscntrl((unsigned char)*p) && *p != '\t' && *p != '\r') {
            snprintf(why, why_size, "%s:%u: control character 0x%02x; accepted: text", name, number, (unsigned char)*p);
            return GW_E_SYNTAX;
        }
    key = trim(line);
    if (!*key)
        return 0;
    equals = strchr(key, '=');
    if (!equals) {
        snprintf(why, why_size, "%s:%u: no '=' after \"%.64s\"; accepted: key = value", name, number, key);
        return GW_E_SYNTAX;
    }
    *equals = 0;
    value = trim(equals + 1);
    key = trim(key);
    i = find_key(key, &nearest);
    if (i < 0) {
        snprintf(why, why_size, "%s:%u: %.64s: unknown key%s%s%s; accepted: the keys of imsgw --help", name, number,
                 key, nearest ? ", did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
        return GW_E_NOTFOUND;
    }
    if (c->origin->line[i] != LINE_DEFAULT) {
        snprintf(why, why_size, "%s:%u: %s: given twice, first in line %u; accepted: one value for each key", name,
                 number, key, c->origin->line[i]);
        return GW_E_EXISTS;
    }
    if (strlen(value) >= GW_CONF_VALUE) {
        c->origin->line[i] = number;
        return gw_conf_refuse(c, (enum gw_conf_key)i, GW_E_LIMIT, why, why_size, "longer than %d octets",
                              GW_CONF_VALUE - 1);
    }
    return set_key(c, (unsigned)i, value, number, why, why_size);
}

int gw_conf_parse(const char *name, const char *text, size_t len, struct gw_conf **out, char *why, size_t why_size)
{
    struct gw_conf *c = NULL;
    char *copy = NULL, *line, *next;
    int err = conf_new(name, &c, why, why_size);

    if (err)
        return err;
    if (len > GW_CONF_FILE) {
        snprintf(why, why_size, "%s:1: file of %zu octets; accepted: at most %d", name, len, (int)GW_CONF_FILE);
        err = GW_E_LIMIT;
    } else if (len && memchr(text, 0, len)) {
        snprintf(why, why_size, "%s:1: NUL in the file; accepted: text", name);
        err = GW_E_SYNTAX;
    } else if (!(copy = malloc(len + 1))) {
        err = GW_E_NOMEM;
    } else {
        memcpy(copy, text, len);
        copy[len] = 0;
    }
    line = copy;
    for (uint32_t number = 1; !err && line; number++, line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        err = parse_line(c, line, number, why, why_size);
    }
    free(copy);
    if (err) {
        gw_conf_free(c);
        return err;
    }
    *out = c;
    return 0;
}

/* IMSGW_<KEY> into "key"; false: another variable, or longer than any key. */
static bool environment_key(const char *entry, char *key, size_t size, const char **value)
{
    static const char prefix[] = "IMSGW_";
    const char *equals = strchr(entry, '=');
    size_t n;

    if (!equals || strncmp(entry, prefix, sizeof(prefix) - 1) != 0)
        return false;
    entry += sizeof(prefix) - 1;
    n = (size_t)(equals - entry);
    if (n >= size)
        return false;
    for (size_t i = 0; i < n; i++)
        key[i] = (char)tolower((unsigned char)entry[i]);
    key[n] = 0;
    *value = equals + 1;
    return true;
}

/* An unknown variable is no error: orchestrators put IMSGW_PORT, IMSGW_SERVICE_HOST and the like next to a service of
 * that name. One that looks like a key misspelt is worth a line in the log. */
static int apply_environment(struct gw_conf *c, char *const *environment, char *why, size_t why_size)
{
    const char *value, *nearest;
    char key[64];
    int err = 0;

    for (; !err && *environment; environment++) {
        int i;
        if (!environment_key(*environment, key, sizeof(key), &value))
            continue;
        i = find_key(key, &nearest);
        if (i < 0 && nearest)
            gw_log(GW_LOG_WARNING, "conf", NULL,
                   "environment variable for the unknown key %s is ignored, did you mean %s?", key, nearest);
        if (i < 0)
            continue;
        if (strlen(value) >= GW_CONF_VALUE) {
            c->origin->line[i] = LINE_ENVIRONMENT;
            return gw_conf_refuse(c, (enum gw_conf_key)i, GW_E_LIMIT, why, why_size, "longer than %d octets",
                                  GW_CONF_VALUE - 1);
        }
        err = set_key(c, (unsigned)i, value, LINE_ENVIRONMENT, why, why_size);
    }
    return err;
}

static int read_file(const char *path, char **text, size_t *len, char *why, size_t why_size)
{
    FILE *f = fopen(path, "re");
    char *buf = f ? malloc(GW_CONF_FILE + 1) : NULL;
    int err = 0;

    if (!f || !buf) {
        snprintf(why, why_size, "%s: cannot open: %s; accepted: a readable file", path, strerror(errno));
        err = f ? GW_E_NOMEM : GW_E_IO;
        goto out;
    }
    *len = fread(buf, 1, GW_CONF_FILE + 1, f); /* one octet more than allowed tells a file that is too long */
    if (ferror(f)) {
        snprintf(why, why_size, "%s: cannot read: %s; accepted: a readable file", path, strerror(errno));
        err = GW_E_IO;
        goto out;
    }
    *text = buf;
    buf = NULL; /* moved to the caller */
out:
    free(buf);
    if (f)
        fclose(f);
    return err;
}

int gw_conf_load(const char *path, struct gw_conf **out, char *why, size_t why_size)
{
    struct gw_conf *c = NULL;
    char *text = NULL;
    size_t len = 0;
    int err = path ? read_file(path, &text, &len, why, why_size) : 0;

    if (!err)
        err = gw_conf_parse(path ? path : "default", text ? text : "", len, &c, why, why_size);
    free(text);
    if (!err)
        err = apply_environment(c, environ, why, why_size);
    if (err) {
        gw_conf_free(c);
        return err;
    }
    *out = c;
    return 0;
}

void gw_conf_write_help(FILE *f)
{
    char range[RANGE_TEXT];

    for (unsigned i = 0; i < GW_CONF_KEYS; i++)
        fprintf(f, "  %s\n      %s\n      %s: %s; default: %s%s\n", rows[i].key, rows[i].sentence, rows[i].kind,
                gw_conf_range(&rows[i], range, sizeof(range)), *rows[i].def ? rows[i].def : "empty",
                rows[i].reload ? "; SIGHUP reloads it" : "");
}

void gw_conf_write_example(FILE *f)
{
    char range[RANGE_TEXT];

    fprintf(f, "# imsgw configuration: every key with its default. A key may be left out. The environment variable\n"
               "# IMSGW_<KEY IN CAPITALS> overrides it. `imsgw --check -c FILE` checks a file and starts nothing.\n");
    for (unsigned i = 0; i < GW_CONF_KEYS; i++)
        fprintf(f, "\n# %s\n# %s%s\n%s =%s%s\n", rows[i].sentence, gw_conf_range(&rows[i], range, sizeof(range)),
                rows[i].reload ? "; SIGHUP reloads it" : "", rows[i].key, *rows[i].def ? " " : "", rows[i].def);
}
