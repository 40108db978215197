#include "gateway/base/utf8.h"

int gw_utf8_next(struct gw_span s)
{
    const uint8_t *p = s.ptr;
    uint8_t low = 0x80, high = 0xbf; /* of the second octet: narrower after some first octets (RFC 3629 s. 4) */
    size_t n;

    if (s.len == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3;
        low = p[0] == 0xe0 ? 0xa0 : low;
        high = p[0] == 0xed ? 0x9f : high;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        low = p[0] == 0xf0 ? 0x90 : low;
        high = p[0] == 0xf4 ? 0x8f : high;
    } else {
        return -1;
    }
    for (size_t i = 1; i < n; i++) {
        if (i == s.len)
            return 0;
        if (p[i] < low || p[i] > high)
            return -1;
        low = 0x80;
        high = 0xbf;
    }
    return (int)n;
}

bool gw_utf8_is_valid(struct gw_span s)
{
    while (s.len) {
        int n = gw_utf8_next(s);
        if (n <= 0)
            return false;
        s.ptr = (const uint8_t *)s.ptr + n;
        s.len -= (size_t)n;
    }
    return true;
}

uint32_t gw_utf8_decode(const uint8_t *p, int n)
{
    switch (n) {
    case 1:
        return p[0];
    case 2:
        return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3fu);
    case 3:
        return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3fu);
    default:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 | (uint32_t)(p[2] & 0x3f) << 6 |
               (p[3] & 0x3fu);
    }
}
