/* Borrowed octets: valid until the call they came with returns, unless the header of the function says longer. */
#ifndef GW_SPAN_H
#define GW_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct gw_span {
    const void *ptr;
    size_t len;
};

#define GW_SPAN(array) ((struct gw_span){ (array), sizeof(array) })

static inline struct gw_span gw_span_str(const char *s)
{
    return (struct gw_span){ s, s ? strlen(s) : 0 };
}

static inline bool gw_span_eq(struct gw_span a, struct gw_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool gw_span_is(struct gw_span a, const char *s)
{
    return gw_span_eq(a, gw_span_str(s));
}

/* ASCII, without case. */
bool gw_span_is_nocase(struct gw_span a, const char *s);

/* Copies into buf as a C string. GW_E_LIMIT if it does not fit or holds a NUL; buf is then untouched. */
int gw_span_copy(struct gw_span a, char *buf, size_t size);

#endif
