/* Data Channel Establishment Protocol (RFC 8832): the two messages, pure. */
#ifndef GW_DCEP_H
#define GW_DCEP_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum {
    GW_DCEP_ACK = 0x02,
    GW_DCEP_OPEN = 0x03,
    /* Bounds of ours on what RFC 8832 s. 5.1 lets grow to 65535 octets: longer names close the channel. */
    GW_DCEP_LABEL_MAX = 1024,
    GW_DCEP_PROTOCOL_MAX = 256,
};

/* The channel type's low bits; the high bit of the octet says unordered (RFC 8832 s. 8.2.2). */
enum gw_dcep_reliability { GW_DCEP_RELIABLE, GW_DCEP_MAX_RETR, GW_DCEP_MAX_TIME };

struct gw_dcep_open {
    bool is_ordered;
    enum gw_dcep_reliability kind;
    uint32_t limit;       /* MAX_RETR: retransmissions; MAX_TIME: milliseconds; RELIABLE: 0 */
    uint16_t priority;    /* RFC 8831 s. 6.4: 128, 256, 512, 1024 */
    struct gw_span label; /* borrows from the message, UTF-8, may be empty */
    struct gw_span protocol;
};

/* SHORT and TRAILING: the two length fields do not fill the message exactly. TYPE: not an OPEN, or an unknown channel
 * type. LIMIT: longer than we keep. SYNTAX: not UTF-8. */
GW_MUST_CHECK int gw_dcep_parse_open(struct gw_span msg, struct gw_dcep_open *out);
/* Octets written, or a negative error. */
int gw_dcep_write_open(const struct gw_dcep_open *open, void *buf, size_t size);
bool gw_dcep_is_ack(struct gw_span msg);

/* Whether the side with that DTLS role may open this stream id (RFC 8832 s. 6): the DTLS client even ones, the server
 * odd ones; 65535 never. */
bool gw_dcep_may_open(bool opener_is_dtls_client, uint16_t stream);

#endif
