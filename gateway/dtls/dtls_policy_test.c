/* What a server session refuses of a client that is OpenSSL with other settings than ours. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <test.h>

#include "gateway/dtls/dtls_session.h"
#include "gateway/dtls/fingerprint.h"

struct client {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;
    struct gw_iq_fingerprint fingerprint;
};

static void on_send(void *arg, struct gw_span p)
{
    struct client *c = arg;
    BIO_write(c->in, p.ptr, (int)p.len);
}

static void give_cert(struct client *c)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    uint8_t *der = NULL;
    int len;

    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), -3600); /* expired: of no interest, only the fingerprint counts */
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    len = i2d_X509(x, &der);
    EQ(gw_fingerprint_of((struct gw_span){ der, (size_t)len }, GW_IQ_SHA256, &c->fingerprint), 0);
    OPENSSL_free(der);
    SSL_CTX_use_certificate(c->ctx, x);
    SSL_CTX_use_PrivateKey(c->ctx, key);
    X509_free(x);
    EVP_PKEY_free(key);
}

static unsigned psk(SSL *ssl, const char *hint, char *id, unsigned idmax, unsigned char *key, unsigned keymax)
{
    (void)ssl, (void)hint, (void)idmax, (void)keymax;
    strcpy(id, "x");
    memset(key, 1, 16);
    return 16;
}

/* The state of our server after everything was exchanged. */
static enum gw_dtls_state try(const char *ciphers, int max_version, bool has_cert)
{
    static const uint16_t profile = GW_IQ_AES_CM_128_HMAC_SHA1_80;
    struct gw_dtls_identity *id;
    struct gw_dtls *d;
    struct client c = { 0 };
    enum gw_dtls_state state;
    uint8_t buf[4096];
    int n;

    EQ(gw_dtls_identity_new(&profile, 1, &id), 0);
    struct gw_dtls_config config = { id, false, true, on_send, NULL, &c };
    EQ(gw_dtls_new(&config, &d), 0);
    c.ctx = SSL_CTX_new(DTLS_client_method());
    SSL_CTX_set_security_level(c.ctx, 0);
    SSL_CTX_set_min_proto_version(c.ctx, DTLS1_VERSION);
    SSL_CTX_set_max_proto_version(c.ctx, max_version);
    SSL_CTX_set_psk_client_callback(c.ctx, psk);
    EQ(SSL_CTX_set_cipher_list(c.ctx, ciphers), 1);
    SSL_CTX_set_tlsext_use_srtp(c.ctx, "SRTP_AES128_CM_SHA1_80");
    if (has_cert)
        give_cert(&c);
    gw_dtls_set_fingerprints(d, &c.fingerprint, has_cert);
    c.ssl = SSL_new(c.ctx);
    c.in = BIO_new(BIO_s_mem());
    c.out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(c.in, -1);
    SSL_set_bio(c.ssl, c.in, c.out);
    SSL_set_connect_state(c.ssl);
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(c.ssl);
        n = BIO_read(c.out, buf, sizeof(buf));
        if (n > 0)
            (void)!gw_dtls_input(d, (struct gw_span){ buf, (size_t)n }, GW_S);
    }
    state = gw_dtls_state(d);
    SSL_free(c.ssl);
    SSL_CTX_free(c.ctx);
    gw_dtls_free(d);
    gw_dtls_identity_unref(id);
    ERR_clear_error();
    return state;
}

TEST(only_dtls_1_2_with_aead_and_forward_secrecy_is_spoken)
{
    EQ(try("ECDHE-ECDSA-AES128-GCM-SHA256", DTLS1_2_VERSION, true), GW_DTLS_UP);
    EQ(try("ECDHE-ECDSA-AES256-GCM-SHA384", DTLS1_2_VERSION, true), GW_DTLS_UP);
    EQ(try("ALL:@SECLEVEL=0", DTLS1_VERSION, true), GW_DTLS_FAILED);                    /* TLS-004 */
    EQ(try("ECDHE-ECDSA-AES128-SHA", DTLS1_2_VERSION, true), GW_DTLS_FAILED);           /* CBC */
    EQ(try("AES128-GCM-SHA256", DTLS1_2_VERSION, true), GW_DTLS_FAILED);                /* no forward secrecy */
    EQ(try("ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0", DTLS1_2_VERSION, true), GW_DTLS_FAILED); /* TLS-003 */
    EQ(try("AECDH-AES128-SHA:ADH-AES128-GCM-SHA256:@SECLEVEL=0", DTLS1_2_VERSION, true), GW_DTLS_FAILED);
    EQ(try("PSK-AES128-GCM-SHA256:ECDHE-PSK-AES128-CBC-SHA256", DTLS1_2_VERSION, true), GW_DTLS_FAILED);
}

TEST(tls002_a_client_without_a_certificate_is_refused)
{
    EQ(try("ECDHE-ECDSA-AES128-GCM-SHA256", DTLS1_2_VERSION, false), GW_DTLS_FAILED);
}
