#include "gateway/control/iq_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/control/iq_json_priv.h"

/* ---- numbers of any size ---- */

static uint64_t get(const void *at, unsigned size)
{
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    switch (size) {
    case 1:
        return *(const uint8_t *)at;
    case 2:
        memcpy(&u16, at, 2);
        return u16;
    case 4:
        memcpy(&u32, at, 4);
        return u32;
    default:
        memcpy(&u64, at, 8);
        return u64;
    }
}

static void set(void *at, unsigned size, uint64_t v)
{
    uint8_t u8 = (uint8_t)v;
    uint16_t u16 = (uint16_t)v;
    uint32_t u32 = (uint32_t)v;

    memcpy(at, size == 1 ? (void *)&u8 : size == 2 ? (void *)&u16 : size == 4 ? (void *)&u32 : (void *)&v, size);
}

static uint64_t most(unsigned size)
{
    return size == 8 ? INT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

/* A word may be an int: errors are below 0. */
static int get_word(const void *at, unsigned size)
{
    return size == 4 ? (int)(uint32_t)get(at, 4) : (int)get(at, size);
}

static const struct gw_iq_word *word_of(const struct gw_iq_word *w, int value)
{
    while (w->name && w->value != value)
        w++;
    return w->name ? w : NULL;
}

static const struct gw_iq_word *word_named(const struct gw_iq_word *w, const char *name)
{
    while (w->name && strcmp(w->name, name) != 0)
        w++;
    return w->name ? w : NULL;
}

/* ---- writing. *out is NULL for what is left out. ---- */

static int write_object(const struct gw_iq_type *type, const void *in, json_t **out);

static int write_octets(const uint8_t *in, size_t len, json_t **out)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * 64 + 1];

    if (2 * len >= sizeof(hex))
        return GW_E_INVAL;
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[in[i] >> 4];
        hex[2 * i + 1] = digits[in[i] & 15];
    }
    *out = len ? json_stringn(hex, 2 * len) : NULL;
    explicit_bzero(hex, sizeof(hex));
    return len && !*out ? GW_E_NOMEM : 0;
}

static int write_text(const char *in, size_t size, json_t **out)
{
    const char *end = memchr(in, 0, size);

    if (!end)
        return GW_E_INVAL;
    *out = *in ? json_stringn(in, (size_t)(end - in)) : NULL;
    return *in && !*out ? GW_E_INVAL : 0; /* not UTF-8; or no memory */
}

static int write_word(const struct gw_iq_word *words, int value, json_t **out)
{
    const struct gw_iq_word *w = word_of(words, value);

    if (!w)
        return GW_E_INVAL;
    *out = value ? json_string(w->name) : NULL;
    return value && !*out ? GW_E_NOMEM : 0;
}

static int write_address(const struct gw_addr *a, json_t **out)
{
    char text[GW_ADDR_TEXT];

    if (a->family != 4 && a->family != 6)
        return a->family ? GW_E_INVAL : 0;
    *out = json_string(gw_addr_text(a, text));
    return *out ? 0 : GW_E_NOMEM;
}

static int write_number(uint64_t v, json_t **out)
{
    if (v > INT64_MAX)
        return GW_E_INVAL;
    *out = v ? json_integer((json_int_t)v) : NULL;
    return v && !*out ? GW_E_NOMEM : 0;
}

/* One value, not a list. `base` is the object, for the length of octets. */
static int write_value(const struct gw_iq_field *f, const void *base, const void *at, json_t **out)
{
    uint64_t n;

    switch ((enum gw_iq_field_kind)f->kind) {
    case GW_IQ_F_NUMBER:
        return write_number(get(at, f->size), out);
    case GW_IQ_F_FLAG:
        *out = *(const bool *)at ? json_true() : NULL;
        return 0;
    case GW_IQ_F_WORD:
        return write_word(f->words, get_word(at, f->size), out);
    case GW_IQ_F_TEXT:
        return write_text(at, f->size, out);
    case GW_IQ_F_OCTETS:
        n = get((const char *)base + f->count, f->count_size);
        return n > f->size ? GW_E_INVAL : write_octets(at, n, out);
    case GW_IQ_F_ADDRESS:
        return write_address(at, out);
    case GW_IQ_F_OBJECT:
        return write_object(f->type, at, out);
    }
    return GW_E_INVAL;
}

/* Elements keep their places: one that is all default is {} or "". */
static json_t *empty(const struct gw_iq_field *f)
{
    return f->kind == GW_IQ_F_OBJECT ? json_object() : json_string("");
}

static int write_list(const struct gw_iq_field *f, const void *base, json_t **out)
{
    uint64_t n = f->count == GW_IQ_F_ALL ? f->max : get((const char *)base + f->count, f->count_size);
    bool is_empty = f->count == GW_IQ_F_ALL;
    json_t *list = NULL;
    int err = n > f->max ? GW_E_INVAL : 0;

    if (n == 0 || err)
        return err;
    list = json_array();
    for (uint64_t i = 0; !err && i < n; i++) {
        json_t *v = NULL;
        err = write_value(f, base, (const char *)base + f->offset + i * f->size, &v);
        is_empty &= v == NULL;
        if (!err && json_array_append_new(list, v ? v : empty(f)) != 0)
            err = GW_E_NOMEM;
    }
    if (err || is_empty)
        json_decref(list);
    else
        *out = list;
    return err;
}

static int write_object(const struct gw_iq_type *type, const void *in, json_t **out)
{
    json_t *o = json_object();
    int err = o ? 0 : GW_E_NOMEM;

    for (const struct gw_iq_field *f = type->fields; !err && f->name; f++) {
        json_t *v = NULL;
        err = f->max ? write_list(f, in, &v) : write_value(f, in, (const char *)in + f->offset, &v);
        if (!err && v && json_object_set_new_nocheck(o, f->name, v) != 0)
            err = GW_E_NOMEM;
    }
    if (err || json_object_size(o) == 0)
        json_decref(o);
    else
        *out = o;
    return err;
}

int gw_iq_json_write(const struct gw_iq_msg *m, char **text, size_t *len)
{
    const struct gw_iq_word *w = word_of(gw_iq_msg_words, m->type);
    json_t *body = NULL, *o;
    char *s;
    int err = w && m->from <= INT64_MAX && m->to <= INT64_MAX && m->seq <= INT64_MAX ? 0 : GW_E_INVAL;

    if (!err)
        err = write_object(gw_iq_msg_types[m->type], &m->hello, &body);
    if (err)
        return err;
    o = json_pack("{s:i, s:s, s:I, s:I, s:I}", "iq", GW_IQ_VERSION, "type", w->name, "from", (json_int_t)m->from, "to",
                  (json_int_t)m->to, "seq", (json_int_t)m->seq);
    if (!o || (body && json_object_set_nocheck(o, w->name, body) != 0))
        err = GW_E_NOMEM;
    json_decref(body);
    s = err ? NULL : json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (!s)
        return GW_E_NOMEM;
    *len = strlen(s);
    if (*len > GW_IQ_JSON_MAX) {
        gw_iq_json_free(s, *len);
        return GW_E_INVAL;
    }
    *text = s;
    return 0;
}

void gw_iq_json_free(char *text, size_t len)
{
    if (text)
        explicit_bzero(text, len);
    free(text);
}

/* ---- reading ---- */

struct reader {
    char *why;
    size_t why_size;
};

static int refuse(struct reader *r, int err, const char *type, const char *field, const char *what)
{
    snprintf(r->why, r->why_size, "%s.%s: %s", type, field, what);
    return err;
}

static int read_object(struct reader *r, const struct gw_iq_type *type, json_t *in, void *out);

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_octets(const char *hex, size_t len, uint8_t *out, size_t size)
{
    if (len % 2 || len / 2 > size)
        return GW_E_RANGE;
    for (size_t i = 0; i < len; i += 2) {
        int hi = digit(hex[i]), lo = digit(hex[i + 1]);
        if (hi < 0 || lo < 0)
            return GW_E_SYNTAX;
        out[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    return 0;
}

/* Of a JSON string. */
static int read_string(struct reader *r, const char *type, const struct gw_iq_field *f, json_t *in, void *base,
                       void *at)
{
    const char *text = json_string_value(in);
    size_t len = json_string_length(in);
    const struct gw_iq_word *w;

    switch ((enum gw_iq_field_kind)f->kind) {
    case GW_IQ_F_WORD:
        w = word_named(f->words, text);
        if (!w)
            return refuse(r, GW_E_RANGE, type, f->name, "no such word");
        set(at, f->size, (uint64_t)(int64_t)w->value);
        return 0;
    case GW_IQ_F_TEXT:
        if (len >= f->size)
            return refuse(r, GW_E_RANGE, type, f->name, "too long");
        memcpy(at, text, len);
        return 0;
    case GW_IQ_F_OCTETS:
        if (read_octets(text, len, at, f->size) != 0)
            return refuse(r, GW_E_RANGE, type, f->name, "not so many octets in hexadecimal digits");
        set((char *)base + f->count, f->count_size, len / 2);
        return 0;
    default:
        if (*text && gw_addr_parse(text, at) != 0)
            return refuse(r, GW_E_RANGE, type, f->name, "not ADDRESS:PORT");
        return 0;
    }
}

static int read_value(struct reader *r, const char *type, const struct gw_iq_field *f, json_t *in, void *base, void *at)
{
    if (f->kind == GW_IQ_F_OBJECT)
        return json_is_object(in) ? read_object(r, f->type, in, at)
                                  : refuse(r, GW_E_TYPE, type, f->name, "not an object");
    if (f->kind == GW_IQ_F_FLAG) {
        if (!json_is_boolean(in))
            return refuse(r, GW_E_TYPE, type, f->name, "neither true nor false");
        *(bool *)at = json_is_true(in);
        return 0;
    }
    if (f->kind == GW_IQ_F_NUMBER) {
        json_int_t v = json_integer_value(in);
        if (!json_is_integer(in))
            return refuse(r, GW_E_TYPE, type, f->name, "not a whole number");
        if (v < 0 || (uint64_t)v > most(f->size))
            return refuse(r, GW_E_RANGE, type, f->name, "out of range");
        set(at, f->size, (uint64_t)v);
        return 0;
    }
    return json_is_string(in) ? read_string(r, type, f, in, base, at)
                              : refuse(r, GW_E_TYPE, type, f->name, "not a string");
}

static int read_list(struct reader *r, const char *type, const struct gw_iq_field *f, json_t *in, void *base)
{
    size_t n = json_array_size(in);
    int err = 0;

    if (!json_is_array(in))
        return refuse(r, GW_E_TYPE, type, f->name, "not a list");
    if (n > f->max)
        return refuse(r, GW_E_RANGE, type, f->name, "too many");
    for (size_t i = 0; !err && i < n; i++)
        err = read_value(r, type, f, json_array_get(in, i), base, (char *)base + f->offset + i * f->size);
    if (f->count != GW_IQ_F_ALL)
        set((char *)base + f->count, f->count_size, n);
    return err;
}

/* `out` is zero before. */
static int read_object(struct reader *r, const struct gw_iq_type *type, json_t *in, void *out)
{
    int err = 0;

    for (const struct gw_iq_field *f = type->fields; !err && f->name; f++) {
        json_t *v = json_object_get(in, f->name);
        if (v)
            err = f->max ? read_list(r, type->name, f, v, out)
                         : read_value(r, type->name, f, v, out, (char *)out + f->offset);
    }
    return err;
}

static int read_head_number(struct reader *r, json_t *in, const char *name, uint64_t *out)
{
    json_t *v = json_object_get(in, name);

    if (v && (!json_is_integer(v) || json_integer_value(v) < 0))
        return refuse(r, GW_E_TYPE, "message", name, "not a whole number");
    *out = v ? (uint64_t)json_integer_value(v) : 0;
    return 0;
}

static int read_message(struct reader *r, json_t *in, struct gw_iq_msg *m)
{
    json_t *version = json_object_get(in, "iq"), *type = json_object_get(in, "type"), *body;
    const struct gw_iq_word *w;
    int err;

    if (!json_is_object(in) || !json_is_integer(version))
        return refuse(r, GW_E_TYPE, "message", "iq", "no version");
    if (json_integer_value(version) != GW_IQ_VERSION)
        return refuse(r, GW_E_UNSUPPORTED, "message", "iq", "another version");
    if (!json_is_string(type))
        return refuse(r, GW_E_TYPE, "message", "type", "not a string");
    w = word_named(gw_iq_msg_words, json_string_value(type));
    if (!w)
        return refuse(r, GW_E_RANGE, "message", "type", "no such word");
    m->type = (uint8_t)w->value;
    err = read_head_number(r, in, "from", &m->from);
    if (!err)
        err = read_head_number(r, in, "to", &m->to);
    if (!err)
        err = read_head_number(r, in, "seq", &m->seq);
    body = json_object_get(in, w->name);
    if (err || !body)
        return err;
    if (!json_is_object(body))
        return refuse(r, GW_E_TYPE, "message", w->name, "not an object");
    return read_object(r, gw_iq_msg_types[m->type], body, &m->hello);
}

int gw_iq_json_read(struct gw_span text, struct gw_iq_msg *out, char *why, size_t why_size)
{
    struct reader r = { why, why_size };
    json_error_t e;
    struct gw_iq_msg *m;
    json_t *in = NULL;
    int err;

    snprintf(why, why_size, "no JSON");
    if (text.len <= GW_IQ_JSON_MAX)
        in = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &e);
    if (!in)
        return GW_E_SYNTAX;
    m = calloc(1, sizeof(*m));
    err = m ? read_message(&r, in, m) : GW_E_NOMEM;
    json_decref(in);
    if (!err)
        *out = *m;
    if (m)
        explicit_bzero(m, sizeof(*m));
    free(m);
    return err;
}
