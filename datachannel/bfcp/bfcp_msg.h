/* BFCP messages (RFC 8855 s. 5), pure: the common header, fragments, and a walk over the attributes that checks that
 * they fill the payload. The gateway relays messages octet for octet; it reads no more than it needs to frame and to
 * refuse. */
#ifndef GW_BFCP_MSG_H
#define GW_BFCP_MSG_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum {
    GW_BFCP_HEADER = 12,
    GW_BFCP_FRAGMENT_HEADER = 16,
    GW_BFCP_RELIABLE = 1,   /* version on TCP, TLS and data channels */
    GW_BFCP_UNRELIABLE = 2, /* version on UDP */
};

enum gw_bfcp_primitive {
    GW_BFCP_FLOOR_REQUEST = 1,
    GW_BFCP_FLOOR_RELEASE,
    GW_BFCP_FLOOR_REQUEST_QUERY,
    GW_BFCP_FLOOR_REQUEST_STATUS,
    GW_BFCP_USER_QUERY,
    GW_BFCP_USER_STATUS,
    GW_BFCP_FLOOR_QUERY,
    GW_BFCP_FLOOR_STATUS,
    GW_BFCP_CHAIR_ACTION,
    GW_BFCP_CHAIR_ACTION_ACK,
    GW_BFCP_HELLO,
    GW_BFCP_HELLO_ACK,
    GW_BFCP_ERROR,
    GW_BFCP_FLOOR_REQUEST_STATUS_ACK,
    GW_BFCP_FLOOR_STATUS_ACK,
    GW_BFCP_GOODBYE,
    GW_BFCP_GOODBYE_ACK,
};

enum gw_bfcp_error {
    GW_BFCP_ERR_UNKNOWN_PRIMITIVE = 3,
    GW_BFCP_ERR_UNPARSABLE = 10,
    GW_BFCP_ERR_VERSION = 12,
    GW_BFCP_ERR_LENGTH = 13,
    GW_BFCP_ERR_GENERIC = 14,
};

struct gw_bfcp_header {
    uint8_t version;
    bool is_response;       /* R: only on UDP */
    bool is_fragment;       /* F: only on UDP */
    uint8_t primitive;      /* unknown ones pass */
    uint32_t payload_bytes; /* of the whole message, without headers; multiple of 4, at most 262140 */
    uint32_t conference;
    uint16_t transaction, user;
    uint32_t fragment_offset, fragment_bytes; /* octets; only with is_fragment */
};

/* The header alone. SHORT: fewer than 12 octets (16 with F). TYPE: neither version 1 nor 2. */
GW_MUST_CHECK int gw_bfcp_parse_header(struct gw_span msg, struct gw_bfcp_header *out);
int gw_bfcp_write_header(const struct gw_bfcp_header *h, void *buf, size_t size); /* octets written */

/* A whole unfragmented message: exactly header and payload, attributes that fill it (each at least 2 octets, padded to
 * 4, grouped ones filled by theirs). SHORT, TRAILING: length differs. SYNTAX: attributes. */
GW_MUST_CHECK int gw_bfcp_check(struct gw_span msg, struct gw_bfcp_header *out);

/* How many octets of a TCP stream the next message takes: 0 while fewer than 12 are there. TYPE: not BFCP, close
 * (RFC 8855 s. 6.1). */
int gw_bfcp_frame(struct gw_span stream, size_t *len);

/* An Error message (RFC 8855 s. 5.3.13) that answers `h`; 16 octets. */
int gw_bfcp_write_error(const struct gw_bfcp_header *h, uint8_t code, void *buf, size_t size);

#endif
