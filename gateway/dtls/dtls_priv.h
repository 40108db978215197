/* Shared by the files of this room. */
#ifndef GW_DTLS_PRIV_H
#define GW_DTLS_PRIV_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "gateway/dtls/cert.h"

struct gw_dtls_identity {
    atomic_uint refs;
    SSL_CTX *ctx;
    struct gw_iq_fingerprint fingerprint;
};

/* Index of the session in its SSL's ex_data, for the verify callback. */
int gw_dtls_ex_index(void);
/* Called while the peer's certificate is looked at: 1 to go on. */
int gw_dtls_on_certificate(X509_STORE_CTX *store, void *arg);

#endif
