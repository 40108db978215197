#include "bench/sip_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *sip_header(const char *msg, const char *name, unsigned nth, size_t *len)
{
    size_t n = strlen(name);

    for (const char *line = strstr(msg, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        const char *p = line + 2;
        if (strncasecmp(p, name, n) != 0 || p[n] != ':' || nth-- > 0)
            continue;
        p += n + 1;
        p += strspn(p, " ");
        *len = strcspn(p, "\r");
        return p;
    }
    return NULL;
}

void sip_append(char *out, size_t size, const char *fmt, ...)
{
    size_t n = strlen(out);
    va_list ap;
    int k;

    va_start(ap, fmt);
    k = vsnprintf(out + n, size - n, fmt, ap);
    va_end(ap);
    if (k < 0 || (size_t)k >= size - n)
        abort();
}

void sip_copy(char *out, size_t size, const char *msg, const char *name, const char *tag)
{
    const char *p;
    size_t len;

    for (unsigned i = 0; (p = sip_header(msg, name, i, &len)); i++)
        sip_append(out, size, "%s: %.*s%s%s\r\n", name, (int)len, p, tag && !memmem(p, len, ";tag=", 5) ? ";tag=" : "",
                   tag && !memmem(p, len, ";tag=", 5) ? tag : "");
}

bool sip_find(const char *text, const char *prefix, char *out, size_t size)
{
    const char *p = strstr(text, prefix);
    size_t n;

    if (!p)
        return false;
    p += strlen(prefix);
    n = strcspn(p, "\r\n ");
    if (n >= size)
        return false;
    memcpy(out, p, n);
    out[n] = 0;
    return true;
}

const char *sip_body(const char *msg)
{
    const char *p = strstr(msg, "\r\n\r\n");
    return p ? p + 4 : "";
}
