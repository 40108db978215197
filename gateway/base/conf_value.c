#include "gateway/base/conf_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int gw_conf_read_int(const struct gw_conf_row *row, const char *text, void *field)
{
    char *end;
    long long v;

    if (*text != '-' && (*text < '0' || *text > '9'))
        return GW_E_SYNTAX;
    errno = 0;
    v = strtoll(text, &end, 10);
    if (end == text || *end)
        return GW_E_SYNTAX;
    if (errno || v < row->min || v > row->max)
        return GW_E_RANGE;
    *(gw_conf_int *)field = v;
    return 0;
}

int gw_conf_read_bool(const struct gw_conf_row *row, const char *text, void *field)
{
    static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };

    for (unsigned i = 0; i < 4; i++)
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *(gw_conf_bool *)field = strcasecmp(text, yes[i]) == 0;
            return 0;
        }
    return GW_E_SYNTAX;
}

int gw_conf_read_str(const struct gw_conf_row *row, const char *text, void *field)
{
    char *copy = strdup(text);

    if (!copy)
        return GW_E_NOMEM;
    gw_conf_drop_str(field);
    *(gw_conf_str *)field = copy;
    return 0;
}

int gw_conf_read_addr(const struct gw_conf_row *row, const char *text, void *field)
{
    return gw_addr_parse(text, field);
}

int gw_conf_read_enum(const struct gw_conf_row *row, const char *text, void *field)
{
    const char *w = row->words;

    for (int i = 0;; i++) {
        size_t n = strcspn(w, "|");
        if (strlen(text) == n && memcmp(w, text, n) == 0) {
            ((gw_conf_enum *)field)->v = i;
            return 0;
        }
        if (!w[n])
            return GW_E_SYNTAX;
        w += n + 1;
    }
}

/* The next element of a list in *at, copied; false at the end. */
static bool next_element(const char **at, char *buf, size_t size, int *err)
{
    const char *p = *at + strspn(*at, " \t,");
    size_t n = strcspn(p, " \t,");

    if (n == 0 || n >= size) {
        *err = n ? GW_E_LIMIT : 0;
        return false;
    }
    memcpy(buf, p, n);
    buf[n] = 0;
    *at = p + n;
    return true;
}

int gw_conf_read_list(const struct gw_conf_row *row, const char *text, void *field)
{
    gw_conf_list l = { 0 };
    char buf[GW_CONF_VALUE];
    int err = 0;

    while (!err && next_element(&text, buf, sizeof(buf), &err)) {
        if (l.n == GW_CONF_LIST)
            err = GW_E_LIMIT;
        else if (!(l.v[l.n] = strdup(buf)))
            err = GW_E_NOMEM;
        else
            l.n++;
    }
    gw_conf_drop_list(err ? &l : field);
    if (!err)
        *(gw_conf_list *)field = l;
    return err;
}

int gw_conf_read_nets(const struct gw_conf_row *row, const char *text, void *field)
{
    gw_conf_nets nets = { 0 };
    char buf[GW_ADDR_TEXT];
    int err = 0;

    while (!err && next_element(&text, buf, sizeof(buf), &err))
        err = nets.n == GW_CONF_LIST ? GW_E_LIMIT : gw_net_parse(buf, &nets.v[nets.n++]);
    if (!err)
        *(gw_conf_nets *)field = nets;
    return err;
}

void gw_conf_drop_int(void *field)
{
    (void)field;
}

void gw_conf_drop_bool(void *field)
{
    (void)field;
}

void gw_conf_drop_addr(void *field)
{
    (void)field;
}

void gw_conf_drop_nets(void *field)
{
    (void)field;
}

void gw_conf_drop_enum(void *field)
{
    (void)field;
}

void gw_conf_drop_str(void *field)
{
    free(*(gw_conf_str *)field);
    *(gw_conf_str *)field = NULL;
}

void gw_conf_drop_list(void *field)
{
    gw_conf_list *l = field;

    for (unsigned i = 0; i < l->n; i++)
        free(l->v[i]);
    *l = (gw_conf_list){ 0 };
}

const char *gw_conf_range(const struct gw_conf_row *row, char *buf, size_t size)
{
    if (strcmp(row->kind, "int") == 0) {
        snprintf(buf, size, "%" PRId64 " to %" PRId64 "%s%s", row->min, row->max, *row->unit ? " " : "", row->unit);
    } else if (strcmp(row->kind, "enum") == 0) {
        size_t n = 0;
        for (const char *w = row->words; *w && n + 5 < size; w++) {
            if (*w == '|')
                n += (size_t)snprintf(buf + n, size - n, strchr(w + 1, '|') ? ", " : " or ");
            else
                buf[n++] = *w;
        }
        buf[n] = 0;
    } else {
        static const char *const texts[][2] = {
            { "bool", "yes or no" },
            { "str", "text of at most 2047 octets" },
            { "addr", "ADDRESS:PORT or [IPV6]:PORT, port 0 to 65535" },
            { "list", "at most 16 values separated by blanks or commas" },
            { "nets", "at most 16 networks ADDRESS/BITS separated by blanks or commas" },
        };
        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
            if (strcmp(row->kind, texts[i][0]) == 0)
                snprintf(buf, size, "%s", texts[i][1]);
    }
    return buf;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned gw_conf_distance(const char *a, const char *b)
{
    enum { MOST = 48 };
    unsigned d[MOST + 1][MOST + 1];
    size_t na = strnlen(a, MOST), nb = strnlen(b, MOST);

    for (size_t i = 0; i <= na; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= nb; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++)
        for (size_t j = 1; j <= nb; j++) {
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[na][nb];
}
