#include "gateway/admin/print.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 24, INDENT = 2 };

/* A value in one word; nested ones as compact JSON. The caller frees. */
static char *word(const json_t *v)
{
    if (!v || json_is_null(v))
        return strdup("-");
    if (json_is_string(v))
        return strdup(*json_string_value(v) ? json_string_value(v) : "-");
    if (json_is_boolean(v))
        return strdup(json_is_true(v) ? "yes" : "no");
    return json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
}

static size_t word_len(const json_t *v)
{
    char *w = word(v);
    size_t n = w ? strlen(w) : 0;

    free(w);
    return n;
}

static bool is_table(const json_t *v)
{
    size_t n = json_array_size(v);

    for (size_t i = 0; i < n; i++)
        if (!json_is_object(json_array_get(v, i)))
            return false;
    return n > 0;
}

static void print_cell(FILE *f, const json_t *v, size_t width, bool is_last)
{
    char *w = word(v);

    fprintf(f, "%-*s%s", is_last ? 0 : (int)width, w ? w : "", is_last ? "\n" : "  ");
    free(w);
}

/* The columns are the keys of the first row. */
static void print_table(FILE *f, const json_t *rows, int indent)
{
    const char *keys[COLUMNS], *key;
    size_t width[COLUMNS], n = 0;
    json_t *value;

    json_object_foreach(json_array_get(rows, 0), key, value)
    {
        if (n < COLUMNS)
            keys[n++] = key;
    }
    fprintf(f, "%*s", indent, "");
    for (size_t k = 0; k < n; k++) {
        width[k] = strlen(keys[k]);
        for (size_t i = 0; i < json_array_size(rows); i++) {
            size_t len = word_len(json_object_get(json_array_get(rows, i), keys[k]));
            width[k] = len > width[k] ? len : width[k];
        }
        fprintf(f, "%-*s%s", k + 1 < n ? (int)width[k] : 0, keys[k], k + 1 < n ? "  " : "\n");
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        fprintf(f, "%*s", indent, "");
        for (size_t k = 0; k < n; k++)
            print_cell(f, json_object_get(json_array_get(rows, i), keys[k]), width[k], k + 1 == n);
    }
}

static void print_object(FILE *f, const json_t *object, int indent)
{
    size_t width = 0;
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)object, key, v)
    {
        width = strlen(key) > width ? strlen(key) : width;
    }
    json_object_foreach((json_t *)object, key, v)
    {
        if (is_table(v)) {
            fprintf(f, "%*s%s\n", indent, "", key);
            print_table(f, v, indent + INDENT);
        } else if (json_object_size(v) > 0) {
            fprintf(f, "%*s%s\n", indent, "", key);
            print_object(f, v, indent + INDENT);
        } else {
            fprintf(f, "%*s%-*s  ", indent, "", (int)width, key);
            print_cell(f, v, 0, true);
        }
    }
}

void gw_admin_print(FILE *f, const json_t *data)
{
    if (is_table(data))
        print_table(f, data, 0);
    else if (json_is_object(data))
        print_object(f, data, 0);
    else if (json_is_string(data) && strchr(json_string_value(data), '\n'))
        fputs(json_string_value(data), f);
    else if (json_is_array(data) && json_array_size(data) == 0)
        fputs("none\n", f);
    else if (!json_is_null(data))
        print_cell(f, data, 0, true);
}
