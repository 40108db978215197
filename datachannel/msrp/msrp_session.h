/* One MSRP session between a data channel (RFC 8873) and a TCP or TLS connection of the core (RFC 4975): streamed in
 * both directions, never collected. Pure: octets, messages and `now` in; octets, messages and the next deadline out.
 *
 *   channel -> core   one message is one chunk; it is checked whole, its paths are rewritten, it is queued for the
 * connection core -> channel   chunks are cut into pieces that the channel takes; each piece is a SEND of its own and
 * answered by itself; the chunk is answered once, when all its pieces are
 *
 * In transport mode (CEMA, RFC 6714) nothing but the framing changes: paths stay, and so do transaction ids of whole
 * chunks. Back-pressure: gw_msrp_from_core takes fewer octets while the channel is full; gw_msrp_core_is_full asks the
 * owner to stop the channel while the connection is slow. Thread: the worker that owns the stream. */
#ifndef GW_MSRP_SESSION_H
#define GW_MSRP_SESSION_H

#include <sys/types.h>

#include "datachannel/msrp/msrp_parse.h"
#include "gateway/base/clock.h"

enum {
    GW_MSRP_PIECE = 16384,      /* octets of one message to the channel, without I-DATA (RFC 8831 s. 6.6) */
    GW_MSRP_OPEN_PIECES = 64,   /* unanswered; past it the connection is not read */
    GW_MSRP_OPEN_CHUNKS = 16,   /* chunks of the core whose answer is owed */
    GW_MSRP_CORE_HIGH = 262144, /* octets queued for the connection: stop the channel */
    GW_MSRP_CORE_LOW = 65536,
    GW_MSRP_REQUEST_BODY = 10240, /* of anything but SEND (RFC 4975 s. 7.1) */
    GW_MSRP_PATH = 2048,
    GW_MSRP_BAD_IN_A_ROW = 3, /* messages that cannot be read, of either side */
};

#define GW_MSRP_ANSWER_US (30 * GW_S) /* RFC 4975 s. 7.1.1 */

struct gw_msrp_session;

struct gw_msrp_config {
    bool has_b2bua;             /* rewrite paths; false: transport mode */
    const char *channel_own;    /* our URI on the channel, msrps://..;dc; empty: learn it from the first To-Path */
    const char *channel_peer;   /* the browser's; NULL: learn it from its first From-Path (channel opened in band) */
    const char *core_own;       /* our URI on the connection */
    const char *core_peer;      /* its whole path, relays first */
    size_t channel_max_message; /* what one message of the channel may hold */
    uint64_t max_body;          /* policy: octets of one message, 0: any; past it 413 */
    bool may_core_send, may_channel_send; /* direction attributes of the SDP */

    /* One message for the channel. FULL: nothing was taken. */
    int (*send)(void *arg, struct gw_span message);
    void *arg;
};

/* Counted by the owner; each is logged once per session. */
struct gw_msrp_counts {
    uint64_t to_core, to_channel; /* body octets */
    uint32_t chunks_to_core, chunks_to_channel, pieces;
    uint32_t refused;   /* requests answered by the gateway itself */
    uint32_t unmatched; /* responses and reports that belong to nothing */
    uint32_t malformed;
    uint32_t timeouts;
};

int gw_msrp_session_new(const struct gw_msrp_config *config, struct gw_msrp_session **out);
void gw_msrp_session_free(struct gw_msrp_session *s);
const struct gw_msrp_counts *gw_msrp_session_counts(const struct gw_msrp_session *s);

/* What the direction attributes allow now (RFC 4975 s. 8.9). */
void gw_msrp_session_set_directions(struct gw_msrp_session *s, bool may_core_send, bool may_channel_send);
/* A new connection of the core stands: requests may go again. */
void gw_msrp_core_up(struct gw_msrp_session *s);

/* A message of the channel. CLOSED: three wrong ones in a row, close the channel. */
int gw_msrp_from_channel(struct gw_msrp_session *s, struct gw_span message, uint64_t now_us);

/* Octets of the connection. Returns how many were taken: fewer while the channel is full (call again after
 * gw_msrp_channel_writable), or a negative error: TYPE not MSRP, SYNTAX or LIMIT beyond repair: close the connection.
 */
ssize_t gw_msrp_from_core(struct gw_msrp_session *s, struct gw_span octets, uint64_t now_us);
/* The channel has room again. True: read the connection on. */
bool gw_msrp_channel_writable(struct gw_msrp_session *s, uint64_t now_us);

/* What waits for the connection: write it, then tell how much went. */
struct gw_span gw_msrp_core_pending(const struct gw_msrp_session *s);
void gw_msrp_core_written(struct gw_msrp_session *s, size_t len);
bool gw_msrp_core_is_full(const struct gw_msrp_session *s); /* true past HIGH, until below LOW */

/* The connection is gone (also before it was there): what the channel waits for is answered 481; a chunk that was being
 * cut is ended with '#'. */
void gw_msrp_core_lost(struct gw_msrp_session *s, uint64_t now_us);
/* The channel is gone: what the core waits for is answered 481. */
void gw_msrp_channel_lost(struct gw_msrp_session *s, uint64_t now_us);

uint64_t gw_msrp_deadline_us(const struct gw_msrp_session *s); /* GW_NEVER: none */
void gw_msrp_expire(struct gw_msrp_session *s, uint64_t now_us);

#endif
