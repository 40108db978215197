#include "gateway/base/span.h"

#include <strings.h>

#include "gateway/base/err.h"

bool gw_span_is_nocase(struct gw_span a, const char *s)
{
    return a.len == strlen(s) && strncasecmp(a.ptr, s, a.len) == 0;
}

int gw_span_copy(struct gw_span a, char *buf, size_t size)
{
    if (a.len >= size || (a.len && memchr(a.ptr, 0, a.len)))
        return GW_E_LIMIT;
    if (a.len)
        memcpy(buf, a.ptr, a.len);
    buf[a.len] = 0;
    return 0;
}
