/* Text redundancy in RTP payloads (RFC 2198 as RFC 4103 s. 4 uses it), pure. */
#ifndef GW_T140_RED_H
#define GW_T140_RED_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum {
    GW_T140_GENERATIONS = 8,    /* redundant blocks of one packet that we read */
    GW_T140_BLOCK_MAX = 1023,   /* 10 bits of length (RFC 2198 s. 3) */
    GW_T140_OFFSET_MAX = 16383, /* 14 bits of time stamp offset */
};

struct gw_t140_red {
    unsigned n; /* redundant blocks, oldest first */
    struct {
        uint16_t offset;
        struct gw_span text;
    } old[GW_T140_GENERATIONS];
    struct gw_span primary;
};

/* `pt` is the payload type that every block shall have. SHORT: a block past the end. TYPE: another payload type.
 * RANGE: more generations than we read. */
GW_MUST_CHECK int gw_t140_red_parse(struct gw_span payload, uint8_t pt, struct gw_t140_red *out);
/* Octets, or LIMIT. */
int gw_t140_red_write(const struct gw_t140_red *red, uint8_t pt, void *buf, size_t size);

#endif
