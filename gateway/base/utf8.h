/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Pure. */
#ifndef GW_UTF8_H
#define GW_UTF8_H

#include "gateway/base/span.h"

/* Octets of the character at the start of s: 1 to 4; 0: s ends inside a character that is right so far (also for an
 * empty s); -1: wrong. */
int gw_utf8_next(struct gw_span s);
bool gw_utf8_is_valid(struct gw_span s);
/* The code point of a character of n octets that gw_utf8_next has measured. */
uint32_t gw_utf8_decode(const uint8_t *p, int n);

#endif
