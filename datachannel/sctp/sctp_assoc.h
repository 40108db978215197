/* SCTP associations over given packets (RFC 8261, RFC 9260, RFC 8831): DTLS records in, DTLS records out. usrsctp lives
 * behind this header and nowhere else.
 *
 * usrsctp has global state, so one process-wide mutex stands around every call of it; it is the one lock of the media
 * plane, and only data channels meet it. A thread ticks its timers while there are associations. What the ticker
 * produces reaches the owner through the host's eventfd.
 *
 * Thread: a host and its associations belong to one thread. Callbacks run on it, inside gw_sctp_input, gw_sctp_resume
 * and gw_sctp_host_poll, never inside gw_sctp_send; they may send, pause, reset and free their own association, and
 * must not give packets to another one of the same host. */
#ifndef GW_SCTP_ASSOC_H
#define GW_SCTP_ASSOC_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum {
    GW_SCTP_STREAMS = 1024, /* announced both ways; 65535 (RFC 8831 s. 6.2) cost 6.8 MB each, so we deviate */
    GW_SCTP_MTU = 1092,     /* an SCTP packet without its common header: fits 1280 with IPv6, UDP and DTLS around it */
    GW_SCTP_PACKET = 1280,
    GW_SCTP_BUFFER = 262144, /* octets of the send and of the receive buffer of an association */
};

/* Payload protocol identifiers (RFC 8831 s. 8). */
enum gw_sctp_ppid {
    GW_PPID_DCEP = 50,
    GW_PPID_STRING = 51,
    GW_PPID_BINARY_PARTIAL = 52,
    GW_PPID_BINARY = 53,
    GW_PPID_STRING_PARTIAL = 54,
    GW_PPID_STRING_EMPTY = 56,
    GW_PPID_BINARY_EMPTY = 57,
};

struct gw_sctp_host;
struct gw_sctp_assoc;

struct gw_sctp_events {
    /* One packet for the DTLS layer; borrowed. */
    void (*send)(void *arg, struct gw_span packet);
    void (*on_up)(void *arg, unsigned streams_in, unsigned streams_out);
    /* One whole user message; borrowed. */
    void (*on_message)(void *arg, uint16_t stream, uint32_t ppid, struct gw_span message);
    /* A message passed max_message; what came of it is discarded, reset its stream. */
    void (*on_oversize)(void *arg, uint16_t stream);
    /* The peer has reset its outgoing stream: everything before has been delivered (RFC 6525). */
    void (*on_peer_reset)(void *arg, uint16_t stream);
    /* Our own reset was performed (err 0), or failed and may be tried again. */
    void (*on_own_reset)(void *arg, uint16_t stream, int err);
    /* A send gave AGAIN before and may succeed now. */
    void (*on_writable)(void *arg);
    /* The end, once: CLOSED orderly shutdown or ABORT of the peer, TIMEOUT, STATE (restart: treated as failure). */
    void (*on_down)(void *arg, int err);
};

struct gw_sctp_config {
    uint16_t local_port, remote_port;    /* a=sctp-port of either side */
    uint32_t max_message;                /* largest message we take; 0: 262144 */
    const struct gw_sctp_events *events; /* static storage */
    void *arg;
};

struct gw_sctp_send {
    uint16_t stream;
    uint32_t ppid;
    bool is_unordered;
    int32_t max_retr, max_time_ms; /* -1: reliable; at most one of them */
};

/* Idempotent, any thread. has_ticker false: the caller advances time by gw_sctp_tick (tests). */
int gw_sctp_init(bool has_ticker);
void gw_sctp_tick(uint32_t elapsed_ms);
unsigned gw_sctp_count(void); /* live associations */

int gw_sctp_host_new(struct gw_sctp_host **out);
void gw_sctp_host_free(struct gw_sctp_host *h);    /* after its associations */
int gw_sctp_host_fd(const struct gw_sctp_host *h); /* readable: call gw_sctp_host_poll */
void gw_sctp_host_poll(struct gw_sctp_host *h);

/* Starts at once: both sides connect (RFC 8841 s. 9.3). Call when DTLS is up and before any packet of the peer is
 * given. */
int gw_sctp_new(struct gw_sctp_host *h, const struct gw_sctp_config *config, struct gw_sctp_assoc **out);
void gw_sctp_free(struct gw_sctp_assoc *a); /* sends ABORT if it is up */

void gw_sctp_input(struct gw_sctp_assoc *a, struct gw_span packet);

/* The whole message or nothing. AGAIN: no room, wait for on_writable. LIMIT: longer than half the buffer. STATE: not
 * up, or the stream is being reset. RANGE: no such stream. */
GW_MUST_CHECK int gw_sctp_send(struct gw_sctp_assoc *a, const struct gw_sctp_send *how, struct gw_span message);
/* on_writable at the next acknowledgement, as after AGAIN. */
void gw_sctp_ask_writable(struct gw_sctp_assoc *a);
/* Octets (rounded up to packets) in the send buffer that the peer has not acknowledged. */
size_t gw_sctp_unsent(struct gw_sctp_assoc *a);

/* Stops and resumes on_message; meanwhile the peer's window closes, and nothing is lost. */
void gw_sctp_pause(struct gw_sctp_assoc *a);
void gw_sctp_resume(struct gw_sctp_assoc *a);

/* Resets our outgoing stream after what is queued in it (RFC 6525 s. 5). */
int gw_sctp_reset(struct gw_sctp_assoc *a, uint16_t stream);

#endif
