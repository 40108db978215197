#include "signaling/pcscf/reginfo.h"

#include <stddef.h>

enum { DEPTH_MAX = 16 };

struct scan {
    const char *p, *end;
};

static size_t left(const struct scan *s)
{
    return (size_t)(s->end - s->p);
}

static bool starts(const struct scan *s, const char *text)
{
    size_t n = strlen(text);

    return left(s) >= n && memcmp(s->p, text, n) == 0;
}

/* Behind the next occurrence of text; false if there is none. */
static bool skip_past(struct scan *s, const char *text)
{
    for (; left(s) > 0; s->p++)
        if (starts(s, text)) {
            s->p += strlen(text);
            return true;
        }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct scan *s)
{
    while (left(s) && is_space(*s->p))
        s->p++;
}

/* A name without its namespace prefix. */
static struct gw_span name(struct scan *s)
{
    const char *start = s->p;

    for (; left(s) && !is_space(*s->p) && !strchr("/>=<\"'", *s->p) && *s->p; s->p++)
        if (*s->p == ':')
            start = s->p + 1;
    return (struct gw_span){ start, (size_t)(s->p - start) };
}

static int unescape(struct gw_span in, char *buf, size_t size)
{
    static const struct {
        const char *entity;
        char c;
    } entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&apos;", '\'' } };
    struct scan s = { in.ptr, (const char *)in.ptr + in.len };
    size_t n = 0;

    while (s.p < s.end && is_space(*s.p))
        s.p++;
    while (s.end > s.p && is_space(s.end[-1]))
        s.end--;
    while (left(&s)) {
        char c = *s.p;
        size_t len = 1;
        for (unsigned i = 0; c == '&' && i < 5; i++)
            if (starts(&s, entities[i].entity)) {
                c = entities[i].c;
                len = strlen(entities[i].entity);
                break;
            }
        if (len == 1 && (c == '&' || c == 0))
            return GW_E_SYNTAX;
        if (n + 1 >= size)
            return GW_E_LIMIT;
        buf[n++] = c;
        s.p += len;
    }
    buf[n] = 0;
    return 0;
}

struct tag {
    struct gw_span name, aor, state;
    bool is_end, is_empty;
};

/* From behind '<' to behind '>'. */
static int tag_parse(struct scan *s, struct tag *t)
{
    *t = (struct tag){ 0 };
    if (left(s) && *s->p == '/') {
        t->is_end = true;
        s->p++;
    }
    t->name = name(s);
    if (t->name.len == 0)
        return GW_E_SYNTAX;
    for (;;) {
        struct gw_span attr, value;
        char quote;

        skip_space(s);
        if (starts(s, "/>")) {
            t->is_empty = true;
            s->p += 2;
            return 0;
        }
        if (starts(s, ">")) {
            s->p++;
            return 0;
        }
        attr = name(s);
        skip_space(s);
        if (attr.len == 0 || !starts(s, "="))
            return GW_E_SYNTAX;
        s->p++;
        skip_space(s);
        if (!left(s) || (*s->p != '"' && *s->p != '\''))
            return GW_E_SYNTAX;
        quote = *s->p++;
        value.ptr = s->p;
        while (left(s) && *s->p != quote)
            s->p++;
        if (!left(s))
            return GW_E_SYNTAX;
        value.len = (size_t)(s->p - (const char *)value.ptr);
        s->p++;
        if (gw_span_is(attr, "aor"))
            t->aor = value;
        else if (gw_span_is(attr, "state"))
            t->state = value;
    }
}

static int on_open(const struct tag *t, struct gw_reginfo *out, int *contact)
{
    bool is_registration = gw_span_is(t->name, "registration"), is_contact = gw_span_is(t->name, "contact");
    struct gw_reginfo_entry *e;

    if (!is_registration && !is_contact)
        return 0;
    if (out->n == GW_REGINFO_ENTRIES)
        return GW_E_LIMIT;
    e = &out->entries[out->n];
    *e = (struct gw_reginfo_entry){ .is_contact = is_contact, .is_terminated = gw_span_is(t->state, "terminated") };
    if (is_contact)
        *contact = t->is_empty ? -1 : (int)out->n;
    out->n++;
    return is_registration ? unescape(t->aor, e->uri, sizeof(e->uri)) : 0;
}

int gw_reginfo_parse(struct gw_span xml, struct gw_reginfo *out)
{
    struct scan s = { xml.ptr, (const char *)xml.ptr + xml.len };
    struct gw_span open[DEPTH_MAX];
    unsigned depth = 0;
    bool has_root = false;
    int contact = -1, err; /* the entry whose <uri> may come */
    struct tag t;

    out->n = 0;
    while (left(&s)) {
        const char *text = s.p;
        while (left(&s) && *s.p != '<')
            s.p++;
        if (!left(&s))
            break;
        struct gw_span before = { text, (size_t)(s.p - text) };
        if (starts(&s, "<!--") || starts(&s, "<?")) {
            if (!skip_past(&s, starts(&s, "<?") ? "?>" : "-->"))
                return GW_E_SYNTAX;
            continue;
        }
        s.p++;
        err = tag_parse(&s, &t); /* <!DOCTYPE and CDATA fail here: reginfo has no use for them */
        if (err)
            return err;
        if (!has_root && (t.is_end || !gw_span_is(t.name, "reginfo")))
            return GW_E_SYNTAX;
        has_root = true;
        if (t.is_end) {
            if (depth == 0 || !gw_span_eq(open[--depth], t.name))
                return GW_E_SYNTAX;
            if (gw_span_is(t.name, "uri") && contact >= 0) {
                err = unescape(before, out->entries[contact].uri, sizeof(out->entries[contact].uri));
                if (err)
                    return err;
            } else if (gw_span_is(t.name, "contact"))
                contact = -1;
            continue;
        }
        err = on_open(&t, out, &contact);
        if (err)
            return err;
        if (!t.is_empty) {
            if (depth == DEPTH_MAX)
                return GW_E_LIMIT;
            open[depth++] = t.name;
        }
    }
    return has_root && depth == 0 ? 0 : GW_E_SYNTAX;
}
