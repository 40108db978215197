/* SIP over TCP and TLS: messages cut out of octets (RFC 3261 s. 18.3), pings of clients (RFC 5626 s. 4.4.1). Pure. */
#ifndef GW_WS_STREAM_H
#define GW_WS_STREAM_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum { GW_WS_STREAM_HEAD = 32768, GW_WS_STREAM_MESSAGE = 65536 }; /* octets of a head, of a whole message */

struct gw_ws_stream {
    uint8_t *buf; /* what was not used up; NULL: nothing */
    size_t len, at;
};

enum gw_ws_stream_what {
    GW_WS_STREAM_MORE, /* nothing whole is there */
    GW_WS_STREAM_SIP,  /* *message, good until the next call */
    GW_WS_STREAM_PING, /* a double CRLF, to be answered by one */
};

void gw_ws_stream_fini(struct gw_ws_stream *s);
/* Octets join what there was. NOMEM. */
GW_MUST_CHECK int gw_ws_stream_put(struct gw_ws_stream *s, struct gw_span in);
/* The next of it: gw_ws_stream_what, or SYNTAX (a head without Content-Length, or with one that is none), LIMIT: where
 * the next message begins cannot be known any more. */
GW_MUST_CHECK int gw_ws_stream_next(struct gw_ws_stream *s, struct gw_span *message);

#endif
