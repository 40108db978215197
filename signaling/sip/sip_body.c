/* Bodies: one, or the parts of a multipart (RFC 2046 s. 5.1, RFC 5621). */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sip_priv.h"

struct gw_span gw_sip_msg_body(const struct gw_sip_msg *m)
{
    return (struct gw_span){ m->body, m->body_len };
}

int gw_sip_msg_set_body(struct gw_sip_msg *m, const char *content_type, struct gw_span body)
{
    const char *copy;
    int err;

    if (!content_type) {
        static const char *const about_body[] = { "Content-Type", "Content-Disposition", "Content-Encoding",
                                                  "Content-Language" };

        for (unsigned i = 0; i < 4; i++)
            gw_sip_msg_remove(m, about_body[i]);
        m->body = NULL;
        m->body_len = 0;
        return 0;
    }
    if (body.len > GW_SIP_TEXT_MAX)
        return GW_E_LIMIT;
    copy = gw_sip_msg_strndup(m, body.ptr, body.len);
    if (!copy)
        return GW_E_NOMEM;
    err = gw_sip_msg_set(m, "Content-Type", content_type);
    if (err)
        return err;
    m->body = copy;
    m->body_len = body.len;
    return 0;
}

/* "type/subtype" without parameters, without case, blanks around the slash allowed (RFC 3261 s. 25.1 SLASH). */
static bool is_type(const char *value, size_t len, const char *wanted)
{
    size_t i = 0;

    for (; *wanted; wanted++) {
        while (i < len && (value[i] == ' ' || value[i] == '\t'))
            i++;
        if (i == len || (value[i] | 0x20) != (*wanted | 0x20))
            return false;
        i++;
    }
    while (i < len && (value[i] == ' ' || value[i] == '\t'))
        i++;
    return i == len || value[i] == ';';
}

/* The next delimiter line "--boundary[--]" at a line start from p; *after is the octet after its line. */
static const char *find_delimiter(const char *p, const char *start, const char *end, const char *boundary,
                                  const char **after, bool *is_last)
{
    size_t n = strlen(boundary);

    while ((size_t)(end - p) >= n + 2) {
        const char *d = memmem(p, (size_t)(end - p), "--", 2), *q;

        if (!d || (size_t)(end - d) < n + 2)
            return NULL;
        p = d + 1;
        if ((d != start && d[-1] != '\n') || memcmp(d + 2, boundary, n) != 0)
            continue;
        q = d + 2 + n;
        *is_last = end - q >= 2 && q[0] == '-' && q[1] == '-';
        if (*is_last)
            q += 2;
        while (q < end && (*q == ' ' || *q == '\t'))
            q++;
        if (q < end && *q == '\r')
            q++;
        if (q < end && *q != '\n')
            continue; /* a longer boundary that begins alike */
        *after = q < end ? q + 1 : end;
        return d;
    }
    return NULL;
}

/* The octets of a part whose headers say that type; false if it has another. */
static bool part_is(struct gw_span part, const char *type, struct gw_span *out)
{
    const char *p = part.ptr, *end = p + part.len;
    bool is_right = is_type("text/plain", 10, type); /* the default of a part without a type (RFC 2045 s. 5.2) */

    while (p < end && *p != '\n' && !(*p == '\r' && p + 1 < end && p[1] == '\n')) {
        const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf ? lf : end, *v, *b = stop;
        const char *colon = memchr(p, ':', (size_t)(stop - p));

        if (colon &&
            ((colon - p == 12 && strncasecmp(p, "Content-Type", 12) == 0) || (colon - p == 1 && (*p | 0x20) == 'c'))) {
            v = colon + 1;
            gw_sip_trim(&v, &b);
            is_right = is_type(v, (size_t)(b - v), type);
        }
        if (!lf)
            return false;
        p = lf + 1;
    }
    if (p < end)
        p += *p == '\r' ? 2 : 1;
    if (!is_right)
        return false;
    *out = (struct gw_span){ p, (size_t)(end - p) };
    return true;
}

bool gw_sip_msg_find_body(const struct gw_sip_msg *m, const char *content_type, struct gw_span *out)
{
    const char *type = gw_sip_msg_get(m, "Content-Type", 0), *p = m->body, *end = p + m->body_len, *after, *d;
    char boundary[71]; /* RFC 2046 s. 5.1.1: at most 70 */
    bool is_last;

    if (!type || !m->body_len)
        return false;
    if (is_type(type, strlen(type), content_type)) {
        *out = gw_sip_msg_body(m);
        return true;
    }
    if (strncasecmp(type, "multipart/", 10) != 0 || gw_sip_param(type, "boundary", boundary, sizeof(boundary)) != 0 ||
        !*boundary)
        return false;
    d = find_delimiter(p, p, end, boundary, &after, &is_last);
    while (d && !is_last) {
        const char *from = after, *to;

        d = find_delimiter(from, m->body, end, boundary, &after, &is_last);
        if (!d)
            return false; /* the part that is not closed is not whole */
        to = d;           /* the line end before a delimiter belongs to it */
        if (to > from && to[-1] == '\n')
            to--;
        if (to > from && to[-1] == '\r')
            to--;
        if (part_is((struct gw_span){ from, (size_t)(to - from) }, content_type, out))
            return true;
    }
    return false;
}
