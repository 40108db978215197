#include "signaling/pcscf/auth.h"

#include <string.h>
#include <strings.h>

static const char *skip_blank(const char *p)
{
    return p + strspn(p, " \t");
}

/* The parameters after the scheme; NULL if it is another. */
static const char *digest_params(const char *credentials)
{
    const char *p = skip_blank(credentials);

    if (strncasecmp(p, "Digest", 6) != 0 || !strchr(" \t", p[6]))
        return NULL; /* strchr finds the NUL too: "Digest" alone has no parameters, and passes */
    return skip_blank(p + 6);
}

/* The end of one parameter: its comma outside quotes, or the NUL. *open: a quote is never closed. */
static const char *param_end_open(const char *p, bool *open)
{
    bool quoted = false;

    for (; *p && (quoted || *p != ','); p++) {
        if (quoted && *p == '\\' && p[1])
            p++;
        else if (*p == '"')
            quoted = !quoted;
    }
    *open = quoted;
    return p;
}

static const char *param_end(const char *p)
{
    bool open;

    return param_end_open(p, &open);
}

static bool is_named(const char *param, const char *name)
{
    size_t n = strlen(name);

    return strncasecmp(param, name, n) == 0 && *skip_blank(param + n) == '=';
}

struct out {
    char *buf;
    size_t n, size;
};

static void put(struct out *o, const char *s, size_t n)
{
    if (o->n + n < o->size)
        memcpy(o->buf + o->n, s, n);
    o->n += n;
}

int gw_auth_protect(const char *credentials, const char *protection, char *buf, size_t size)
{
    static const char name[] = "integrity-protected";
    const char *p = digest_params(credentials);
    struct out o = { buf, 0, size };
    bool is_first = true;

    if (!p)
        return GW_E_SYNTAX;
    put(&o, "Digest ", 7);
    while (*p) {
        bool open;
        const char *end = param_end_open(p, &open), *last = end;
        if (open)
            return GW_E_SYNTAX; /* what we write after it would be inside its quotes */
        while (last > p && strchr(" \t", last[-1]))
            last--;
        if (last > p && !is_named(p, name)) {
            put(&o, ", ", is_first ? 0 : 2);
            put(&o, p, (size_t)(last - p));
            is_first = false;
        }
        p = skip_blank(*end ? end + 1 : end);
    }
    if (protection) {
        put(&o, ", ", is_first ? 0 : 2);
        put(&o, name, sizeof(name) - 1);
        put(&o, "=\"", 2);
        put(&o, protection, strlen(protection));
        put(&o, "\"", 1);
    }
    if (o.n >= size)
        return GW_E_LIMIT;
    buf[o.n] = 0;
    return 0;
}

int gw_auth_param(const char *credentials, const char *name, char *buf, size_t size)
{
    const char *p = digest_params(credentials);

    for (; p && *p; p = skip_blank(*param_end(p) ? param_end(p) + 1 : param_end(p))) {
        size_t n = 0;
        const char *v, *end = param_end(p);
        bool quoted;

        if (!is_named(p, name))
            continue;
        v = skip_blank(strchr(p, '=') + 1);
        quoted = *v == '"';
        for (v += quoted; v < end && (quoted ? *v != '"' : !strchr(" \t", *v)); v++) {
            if (quoted && *v == '\\' && v + 1 < end)
                v++;
            if (n + 1 >= size)
                return GW_E_LIMIT;
            buf[n++] = *v;
        }
        if (size == 0)
            return GW_E_LIMIT;
        buf[n] = 0;
        return 0;
    }
    return GW_E_NOTFOUND;
}
