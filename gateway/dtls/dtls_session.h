/* One DTLS association (RFC 6347; DTLS-SRTP: RFC 5763, RFC 5764) over given datagrams. Pure but for `send`: datagrams
 * and time in, datagrams out through the callback, the next deadline out. Both roles. Thread: the one that owns it.
 *
 * The peer's certificate counts by its fingerprint alone. The handshake may run before the fingerprint is known (an
 * early ClientHello is legal); then the session waits UNVERIFIED, and gives no keys and takes no data until it matched.
 */
#ifndef GW_DTLS_SESSION_H
#define GW_DTLS_SESSION_H

#include "gateway/base/clock.h"
#include "gateway/base/span.h"
#include "gateway/dtls/cert.h"

enum { GW_DTLS_MTU = 1200 }; /* octets of a UDP payload that we make */

enum gw_dtls_state {
    GW_DTLS_NEW, /* nothing sent or received */
    GW_DTLS_HANDSHAKE,
    GW_DTLS_UNVERIFIED, /* handshake done, fingerprint not known yet */
    GW_DTLS_UP,
    GW_DTLS_FAILED, /* gw_dtls_cause says why */
    GW_DTLS_CLOSED, /* the peer closed (close_notify, or a fatal alert after UP) */
};

struct gw_dtls;

struct gw_dtls_config {
    struct gw_dtls_identity *identity; /* a reference is taken */
    bool is_client;                    /* our role: a=setup:active */
    bool needs_srtp;                   /* fail if no SRTP profile was agreed; false for data alone */
    /* One datagram for the peer; borrowed until the return. Must not call back into the session. */
    void (*send)(void *arg, struct gw_span datagram);
    /* One application record of the peer, only while UP; borrowed. NULL: records are dropped. */
    void (*on_data)(void *arg, struct gw_span record);
    void *arg;
};

/* Keys by direction: `local` protects what we send. Key and salt one after the other, as in an SDES line. */
struct gw_dtls_keys {
    uint16_t suite; /* enum gw_iq_suite */
    uint8_t key_len;
    uint8_t local[46], remote[46];
};

int gw_dtls_new(const struct gw_dtls_config *config, struct gw_dtls **out);
void gw_dtls_free(struct gw_dtls *d); /* sends nothing */

/* As client: sends the ClientHello. As server: only starts the limit of the handshake's time. Idempotent. */
void gw_dtls_start(struct gw_dtls *d, uint64_t now_us);
/* Does this datagram begin with (a fragment of) a ClientHello? A server session need not exist before. */
bool gw_dtls_is_client_hello(struct gw_span datagram);
/* A datagram from an address with a valid check. 0, or why it was dropped: CLOSED after the end, SYNTAX not DTLS. */
int gw_dtls_input(struct gw_dtls *d, struct gw_span datagram, uint64_t now_us);
/* To be called at or after the deadline: retransmits, or gives up. */
uint64_t gw_dtls_deadline_us(const struct gw_dtls *d);
void gw_dtls_expire(struct gw_dtls *d, uint64_t now_us);

/* What the peer's certificate must match; n 0: not known yet. The same again changes nothing. If it comes after UP and
 * differs from what was verified, the certificate is verified anew. */
void gw_dtls_set_fingerprints(struct gw_dtls *d, const struct gw_iq_fingerprint *list, unsigned n);

enum gw_dtls_state gw_dtls_state(const struct gw_dtls *d);
/* FAILED: MISMATCH (fingerprint), TIMEOUT, UNSUPPORTED (no common SRTP profile), CRYPTO (anything else). */
int gw_dtls_cause(const struct gw_dtls *d);
bool gw_dtls_is_client(const struct gw_dtls *d);
/* Only while UP, else GW_E_STATE; NOTFOUND: no SRTP was agreed. The caller wipes its copy (OPENSSL_cleanse). */
int gw_dtls_keys(const struct gw_dtls *d, struct gw_dtls_keys *out);

/* One application record (at most GW_DTLS_MTU - 37 octets fit the MTU; up to 16384 are sent). GW_E_STATE before UP. */
int gw_dtls_send(struct gw_dtls *d, struct gw_span record);
/* close_notify to the peer; the session is CLOSED. */
void gw_dtls_close(struct gw_dtls *d);

#endif
