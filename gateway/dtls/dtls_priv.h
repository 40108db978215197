/* Shared by the files of this room. */
#ifndef GW_DTLS_PRIV_H
#define GW_DTLS_PRIV_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "gateway/dtls/cert.h"
#include "gateway/dtls/tls_trust.h"

struct gw_dtls_identity {
    atomic_uint refs;
    SSL_CTX *ctx, *tls; /* for datagrams, for streams */
    struct gw_iq_fingerprint fingerprint;
};

/* What signalling says of the peer's certificate: the ex_data of an SSL, for the verify callback. */
struct gw_dtls_peer {
    unsigned nfingerprints; /* 0: not known yet */
    struct gw_iq_fingerprint fingerprints[GW_IQ_FINGERPRINTS];
    bool is_rejected; /* the certificate was looked at and did not match */
};

/* False: no memory. The peer outlives the SSL. */
bool gw_dtls_expect(SSL *ssl, struct gw_dtls_peer *peer);
/* True: they have changed. */
bool gw_dtls_peer_set(struct gw_dtls_peer *peer, const struct gw_iq_fingerprint *list, unsigned n);
/* After a handshake: does the certificate fit? */
bool gw_dtls_peer_fits(SSL *ssl, const struct gw_dtls_peer *peer);
/* Called while the peer's certificate is looked at: 1 to go on. */
int gw_dtls_on_certificate(X509_STORE_CTX *store, void *arg);

SSL_CTX *gw_tls_trust_ctx(struct gw_tls_trust *trust);
/* After a handshake: whom the peer's certificate names first. */
void gw_tls_trust_name(SSL *ssl, char name[GW_TLS_NAME + 1]);

#endif
