#include "gateway/dtls/cert.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/crypto.h"
#include "gateway/base/tls_profile.h"
#include "gateway/dtls/dtls_priv.h"
#include "gateway/dtls/fingerprint.h"

static const struct {
    uint16_t suite;
    const char *name, *openssl;
} profiles_known[] = {
    { GW_IQ_AEAD_AES_128_GCM, "AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM" },
    { GW_IQ_AEAD_AES_256_GCM, "AEAD_AES_256_GCM", "SRTP_AEAD_AES_256_GCM" },
    { GW_IQ_AES_CM_128_HMAC_SHA1_80, "AES_CM_128_HMAC_SHA1_80", "SRTP_AES128_CM_SHA1_80" },
    { GW_IQ_AES_CM_128_HMAC_SHA1_32, "AES_CM_128_HMAC_SHA1_32", "SRTP_AES128_CM_SHA1_32" },
};
enum { PROFILES = sizeof(profiles_known) / sizeof(profiles_known[0]) };

const char *gw_dtls_profile_name(uint16_t suite)
{
    for (unsigned i = 0; i < PROFILES; i++)
        if (profiles_known[i].suite == suite)
            return profiles_known[i].name;
    return "";
}

uint16_t gw_dtls_profile_parse(const char *name)
{
    for (unsigned i = 0; i < PROFILES; i++)
        if (strcmp(profiles_known[i].name, name) == 0)
            return profiles_known[i].suite;
    return 0;
}

static X509 *make_cert(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_NAME_new();
    uint8_t serial[16];
    BIGNUM *bn = NULL;
    int ok = 0;

    if (!x || !name)
        goto out;
    gw_rand_bytes(serial, sizeof(serial));
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive and of constant length */
    bn = BN_bin2bn(serial, sizeof(serial), NULL);
    ok = bn && X509_set_version(x, X509_VERSION_3) && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) &&
         X509_gmtime_adj(X509_getm_notBefore(x), -24 * 3600) && /* clocks of peers differ */
         X509_gmtime_adj(X509_getm_notAfter(x), 30 * 24 * 3600) &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"imsgw", -1, -1, 0) &&
         X509_set_subject_name(x, name) && X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) &&
         X509_sign(x, key, EVP_sha256()) > 0;
out:
    BN_free(bn);
    X509_NAME_free(name);
    if (!ok) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

static int write_profiles(const uint16_t *profiles, unsigned n, char *buf, size_t size)
{
    size_t at = 0;

    buf[0] = 0;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < PROFILES; k++)
            if (profiles_known[k].suite == profiles[i]) {
                int w = snprintf(buf + at, size - at, "%s%s", at ? ":" : "", profiles_known[k].openssl);
                if (w < 0 || (size_t)w >= size - at)
                    return GW_E_INVAL;
                at += (size_t)w;
            }
    return at ? 0 : GW_E_INVAL;
}

/* The profile, and what is peculiar to media: no resumption, and the peer's certificate is judged by its fingerprint.
 */
static int settings(SSL_CTX *ctx, bool is_datagram)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       NULL); /* mutual (TS 33.328 s. 4.1.2.3) */
    SSL_CTX_set_cert_verify_callback(ctx, gw_dtls_on_certificate, NULL);
    return gw_tls_profile_apply(ctx, is_datagram);
}

static int datagram_settings(SSL_CTX *ctx, const char *profiles)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_read_ahead(ctx, 1);
    if (SSL_CTX_set_tlsext_use_srtp(ctx, profiles) != 0) /* 0 is success here */
        return GW_E_CRYPTO;
    return settings(ctx, true);
}

static int stream_settings(SSL_CTX *ctx)
{
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (!SSL_CTX_set_num_tickets(ctx, 0))
        return GW_E_CRYPTO;
    return settings(ctx, false);
}

static int fingerprint(X509 *cert, struct gw_iq_fingerprint *out)
{
    uint8_t *der = NULL;
    int len = i2d_X509(cert, &der), err;

    if (len <= 0)
        return GW_E_CRYPTO;
    err = gw_fingerprint_of((struct gw_span){ der, (size_t)len }, GW_IQ_SHA256, out);
    OPENSSL_free(der);
    return err;
}

static bool use(SSL_CTX *ctx, X509 *cert, EVP_PKEY *key)
{
    return ctx && SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
}

int gw_dtls_identity_new(const uint16_t *profiles, unsigned nprofiles, struct gw_dtls_identity **out)
{
    struct gw_dtls_identity *id = calloc(1, sizeof(*id));
    char names[160];
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    int err = GW_E_NOMEM;

    if (!id)
        return err;
    atomic_init(&id->refs, 1);
    err = write_profiles(profiles, nprofiles, names, sizeof(names));
    if (err)
        goto out;
    err = GW_E_CRYPTO;
    key = EVP_EC_gen("P-256");
    cert = key ? make_cert(key) : NULL;
    id->ctx = SSL_CTX_new(DTLS_method());
    id->tls = SSL_CTX_new(TLS_method());
    if (!cert || !use(id->ctx, cert, key) || !use(id->tls, cert, key))
        goto out;
    err = datagram_settings(id->ctx, names);
    if (!err)
        err = stream_settings(id->tls);
    if (!err)
        err = fingerprint(cert, &id->fingerprint);
    if (!err) {
        *out = id;
        id = NULL; /* moved to the caller */
    }
out:
    X509_free(cert);
    EVP_PKEY_free(key);
    gw_dtls_identity_unref(id);
    ERR_clear_error();
    return err;
}

struct gw_dtls_identity *gw_dtls_identity_ref(struct gw_dtls_identity *id)
{
    atomic_fetch_add(&id->refs, 1);
    return id;
}

void gw_dtls_identity_unref(struct gw_dtls_identity *id)
{
    if (!id || atomic_fetch_sub(&id->refs, 1) != 1)
        return;
    SSL_CTX_free(id->ctx);
    SSL_CTX_free(id->tls);
    free(id);
}

const struct gw_iq_fingerprint *gw_dtls_identity_fingerprint(const struct gw_dtls_identity *id)
{
    return &id->fingerprint;
}
