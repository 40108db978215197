/* TLS over a stream (RFC 8446, RFC 5246): octets of the connection in and out, octets of the application out and in.
 * The same identity and the same judgement of the peer by fingerprint as DTLS has (RFC 8122, TS 33.328 s. 4.1.2.3).
 * Thread: the worker that owns it. */
#ifndef GW_TLS_STREAM_H
#define GW_TLS_STREAM_H

#include <sys/types.h>

#include "gateway/base/span.h"
#include "gateway/dtls/cert.h"

enum { GW_TLS_RECORD = 16384 }; /* octets of the application in one record, at most */

enum gw_tls_state {
    GW_TLS_HANDSHAKE,
    GW_TLS_UNVERIFIED, /* the handshake is done, the fingerprint not known yet: nothing is read or written */
    GW_TLS_UP,
    GW_TLS_CLOSED,
    GW_TLS_FAILED,
};

struct gw_tls;
struct gw_tls_trust;

int gw_tls_new(struct gw_dtls_identity *identity, bool is_client, struct gw_tls **out);
/* With certificates of an authority on both sides (tls_trust.h), instead of fingerprints. */
int gw_tls_new_trusted(struct gw_tls_trust *trust, bool is_client, struct gw_tls **out);
void gw_tls_free(struct gw_tls *t);
/* Of trusted ones: whom the peer's certificate names first; "" before UP. */
const char *gw_tls_peer_name(const struct gw_tls *t);

/* Also later than the handshake. A peer that does not match ends with FAILED and MISMATCH. */
void gw_tls_set_fingerprints(struct gw_tls *t, const struct gw_iq_fingerprint *list, unsigned n);
enum gw_tls_state gw_tls_state(const struct gw_tls *t);
int gw_tls_cause(const struct gw_tls *t); /* of FAILED: MISMATCH, CRYPTO */
const char *
gw_tls_name(const struct gw_tls *t); /* "TLSv1.3 TLS_AES_128_GCM_SHA256" has two parts; this is the second */

/* Octets of the connection; all are taken. A client says its first words when it is given none. */
void gw_tls_input(struct gw_tls *t, struct gw_span octets);
/* Octets for the connection, until gw_tls_sent says how many went. */
struct gw_span gw_tls_pending(const struct gw_tls *t);
void gw_tls_sent(struct gw_tls *t, size_t n);

/* Octets put into buf; 0: none now. CLOSED: the peer ended it in order. CRYPTO: it broke. */
ssize_t gw_tls_read(struct gw_tls *t, void *buf, size_t size);
/* Octets taken, one record at most. STATE: not up. */
ssize_t gw_tls_write(struct gw_tls *t, struct gw_span octets);
/* close_notify is pending after it. */
void gw_tls_close(struct gw_tls *t);

#endif
