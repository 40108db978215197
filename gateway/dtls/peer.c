/* The peer's certificate, judged by what signalling said of it; for datagrams and streams alike. */
#include <pthread.h>
#include <stdlib.h>

#include "gateway/dtls/dtls_priv.h"
#include "gateway/dtls/fingerprint.h"

static int ex_index = -1;

static void init_once(void)
{
    ex_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (ex_index < 0)
        abort(); /* out of memory at the start */
}

bool gw_dtls_expect(SSL *ssl, struct gw_dtls_peer *peer)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, init_once);
    return SSL_set_ex_data(ssl, ex_index, peer);
}

bool gw_dtls_peer_set(struct gw_dtls_peer *peer, const struct gw_iq_fingerprint *list, unsigned n)
{
    if (n > GW_IQ_FINGERPRINTS)
        n = GW_IQ_FINGERPRINTS;
    if (n == peer->nfingerprints && memcmp(list, peer->fingerprints, n * sizeof(*list)) == 0)
        return false;
    memcpy(peer->fingerprints, list, n * sizeof(*list));
    peer->nfingerprints = n;
    return true;
}

static bool fits(X509 *cert, const struct gw_dtls_peer *peer)
{
    uint8_t *der = NULL;
    int len = cert ? i2d_X509(cert, &der) : 0;
    bool ok =
        len > 0 && gw_fingerprint_match((struct gw_span){ der, (size_t)len }, peer->fingerprints, peer->nfingerprints);

    OPENSSL_free(der);
    return ok;
}

bool gw_dtls_peer_fits(SSL *ssl, const struct gw_dtls_peer *peer)
{
    X509 *cert = SSL_get1_peer_certificate(ssl);
    bool ok = fits(cert, peer);

    X509_free(cert);
    return ok;
}

/* Chain, name and validity say nothing about a self-signed certificate; the fingerprint from signalling does. Refused
 * here, the peer gets an alert bad_certificate before it can send anything. */
int gw_dtls_on_certificate(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct gw_dtls_peer *peer = SSL_get_ex_data(ssl, ex_index);

    (void)arg;
    if (peer->nfingerprints == 0 || fits(X509_STORE_CTX_get0_cert(store), peer))
        return 1;
    peer->is_rejected = true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}
