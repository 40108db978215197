#include "gateway/base/tls_profile.h"

#include <openssl/ssl.h>
#include <stdlib.h>

/* TS 33.210 s. 6.2.3: ECDHE with AES-128-GCM is mandatory for both kinds of certificates, AES-256-GCM recommended;
 * ChaCha20 stands last, for browsers without AES in hardware. */
const struct gw_tls_profile gw_tls_profile = {
    .suites = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
              "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
              "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
    .ciphersuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
    .groups = "P-256:X25519:P-384",
    .signatures = "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519:"
                  "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
                  "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"
                  "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512",
};

enum { OPTIONS = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE };

int gw_tls_profile_apply(struct ssl_ctx_st *ctx, bool is_datagram)
{
    SSL_CTX_set_options(ctx, OPTIONS);
    if (!SSL_CTX_set_min_proto_version(ctx, is_datagram ? DTLS1_2_VERSION : TLS1_2_VERSION) ||
        !SSL_CTX_set_max_proto_version(ctx, is_datagram ? DTLS1_2_VERSION : TLS1_3_VERSION) ||
        !SSL_CTX_set_cipher_list(ctx, gw_tls_profile.suites) ||
        !SSL_CTX_set_ciphersuites(ctx, gw_tls_profile.ciphersuites) ||
        !SSL_CTX_set1_groups_list(ctx, gw_tls_profile.groups) ||
        !SSL_CTX_set1_sigalgs_list(ctx, gw_tls_profile.signatures) ||
        !SSL_CTX_set1_client_sigalgs_list(ctx, gw_tls_profile.signatures))
        return GW_E_CRYPTO;
    return 0;
}

/* Called by SSL_new at its end. What fails leaves a connection without a suite, which then cannot come up. */
static void on_new(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    SSL *ssl = parent;
    bool is_datagram = SSL_is_dtls(ssl);

    SSL_set_options(ssl, OPTIONS);
    if (!SSL_set_min_proto_version(ssl, is_datagram ? DTLS1_2_VERSION : TLS1_2_VERSION) ||
        !SSL_set_max_proto_version(ssl, is_datagram ? DTLS1_2_VERSION : TLS1_3_VERSION) ||
        !SSL_set_ciphersuites(ssl, gw_tls_profile.ciphersuites) || !SSL_set_cipher_list(ssl, gw_tls_profile.suites) ||
        !SSL_set1_groups_list(ssl, gw_tls_profile.groups) || !SSL_set1_sigalgs_list(ssl, gw_tls_profile.signatures) ||
        !SSL_set1_client_sigalgs_list(ssl, gw_tls_profile.signatures))
        SSL_set_max_proto_version(ssl, SSL3_VERSION);
}

void gw_tls_profile_impose(void)
{
    if (SSL_get_ex_new_index(0, NULL, on_new, NULL, NULL) < 0)
        abort(); /* out of memory at the start */
}
