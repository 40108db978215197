/* URIs and header parameters as text (RFC 3261 s. 19.1, s. 25.1). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sip_priv.h"

/* Skips a quoted string that starts at p; its end, or the NUL. */
static const char *skip_quoted(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? p + 1 : p;
}

/* The '<' outside quotes, or NULL. */
static const char *find_angle(const char *p)
{
    while (*p && *p != '<')
        p = *p == '"' ? skip_quoted(p) : p + 1;
    return *p ? p : NULL;
}

int gw_sip_uri_of(const char *name_addr, char *buf, size_t size)
{
    const char *p = find_angle(name_addr), *end;

    if (p) {
        end = strchr(++p, '>');
        if (!end)
            return GW_E_SYNTAX;
    } else { /* addr-spec: parameters belong to the header (s. 20.10) */
        p = name_addr + strspn(name_addr, " \t");
        end = p + strcspn(p, ";? \t,\"");
        if (*end == '"')
            return GW_E_SYNTAX;
    }
    if (end == p || !memchr(p, ':', (size_t)(end - p)))
        return GW_E_SYNTAX;
    return gw_span_copy((struct gw_span){ p, (size_t)(end - p) }, buf, size);
}

static int copy_value(const char *p, char *buf, size_t size)
{
    size_t n = 0;

    if (*p != '"')
        return gw_span_copy((struct gw_span){ p, strcspn(p, "; \t,>") }, buf, size);
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1])
            p++;
        if (n + 1 >= size)
            return GW_E_LIMIT;
        buf[n++] = *p;
    }
    if (!*p || size == 0)
        return GW_E_SYNTAX;
    buf[n] = '\0';
    return 0;
}

int gw_sip_param(const char *value, const char *param, char *buf, size_t size)
{
    const char *p = find_angle(value);
    size_t len = strlen(param);

    p = p && strchr(p, '>') ? strchr(p, '>') : value;
    while (*p) {
        if (*p == '"') {
            p = skip_quoted(p);
            continue;
        }
        if (*p++ != ';')
            continue;
        p += strspn(p, " \t");
        if (strncasecmp(p, param, len) != 0)
            continue;
        p += len;
        p += strspn(p, " \t");
        if (*p == '=')
            return copy_value(p + 1 + strspn(p + 1, " \t"), buf, size);
        if (!*p || *p == ';' || *p == ',')
            return gw_span_copy((struct gw_span){ "", 0 }, buf, size);
    }
    return GW_E_NOTFOUND;
}

int gw_sip_uri_parse(const char *uri, struct gw_sip_uri *out)
{
    struct gw_sip_uri u = { 0 };
    size_t n = strcspn(uri, ":");
    const char *p = uri + n + 1, *end, *at;
    int err;

    if (!uri[n] || n == 0 || n >= sizeof(u.scheme) || !isalpha((unsigned char)*uri))
        return GW_E_SYNTAX;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)uri[i]) && !strchr("+-.", uri[i]))
            return GW_E_SYNTAX;
        u.scheme[i] = (char)tolower((unsigned char)uri[i]);
    }
    if (strcmp(u.scheme, "sip") != 0 && strcmp(u.scheme, "sips") != 0) { /* tel, urn: all before the ';' is the user */
        n = strcspn(p, ";?");
        err = gw_span_copy((struct gw_span){ p, n }, u.user, sizeof(u.user));
        if (!err && p[n])
            err = gw_span_copy(gw_span_str(p + n + 1), u.params, sizeof(u.params));
        if (!err && !*u.user)
            err = GW_E_SYNTAX;
        if (!err)
            *out = u;
        return err;
    }
    at = strchr(p, '@'); /* a user part may hold ';' and '?' (s. 25.1), a host part holds no '@' */
    if (at) {
        n = strcspn(p, ":@"); /* a password is not part of the user */
        err = gw_span_copy((struct gw_span){ p, n }, u.user, sizeof(u.user));
        if (err || n == 0)
            return GW_E_SYNTAX;
        p = at + 1;
    }
    end = *p == '[' ? strchr(p, ']') : NULL;
    if (*p == '[' && !end)
        return GW_E_SYNTAX;
    n = end ? (size_t)(end + 1 - p) : strcspn(p, ":;?");
    err = gw_span_copy((struct gw_span){ p, n }, u.host, sizeof(u.host));
    if (err || n == 0 || strpbrk(u.host, " \t<>\"@,"))
        return GW_E_SYNTAX;
    p += n;
    if (*p == ':') {
        unsigned long port = strtoul(p + 1, (char **)&end, 10);

        if (end == p + 1 || p[1] == '-' || p[1] == '+' || p[1] == ' ' || port == 0 || port > 65535)
            return GW_E_SYNTAX;
        u.port = (uint16_t)port;
        p = end;
    }
    if (*p && *p != ';' && *p != '?')
        return GW_E_SYNTAX;
    if (*p) /* headers ("?Replaces=...") stay at the end of params */
        err = gw_span_copy(gw_span_str(*p == ';' ? p + 1 : p), u.params, sizeof(u.params));
    if (!err)
        *out = u;
    return err;
}

/* The next parameter of a list at *p: name and value spans; false at the end. */
static bool next_param(const char **p, struct gw_span *name, struct gw_span *value)
{
    const char *s = *p + strspn(*p, ";");
    size_t n = strcspn(s, ";?"), eq = strcspn(s, "=;?");

    if (n == 0)
        return false;
    *name = (struct gw_span){ s, eq };
    *value = eq < n ? (struct gw_span){ s + eq + 1, n - eq - 1 } : (struct gw_span){ "", 0 };
    *p = s + n;
    return true;
}

int gw_sip_uri_param(const struct gw_sip_uri *u, const char *param, char *buf, size_t size)
{
    const char *p = u->params;
    struct gw_span name, value;

    while (next_param(&p, &name, &value))
        if (gw_span_is_nocase(name, param))
            return gw_span_copy(value, buf, size);
    return GW_E_NOTFOUND;
}
