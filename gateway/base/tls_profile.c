#include "gateway/base/tls_profile.h"

#include <openssl/ssl.h>

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

int gw_tls_profile_apply(struct ssl_ctx_st *ctx, bool is_datagram)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
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
