/* TLS over a stream: two of ours, and one of ours against OpenSSL with other settings. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <test.h>

#include "gateway/dtls/fingerprint.h"
#include "gateway/dtls/tls_stream.h"

static struct gw_dtls_identity *new_identity(void)
{
    static const uint16_t profile = GW_IQ_AES_CM_128_HMAC_SHA1_80;
    struct gw_dtls_identity *id = NULL;

    EQ(gw_dtls_identity_new(&profile, 1, &id), 0);
    return id;
}

/* Gives one side's octets to the other, `most` at a time. True: there were some. */
static bool move(struct gw_tls *from, struct gw_tls *to, size_t most)
{
    struct gw_span p = gw_tls_pending(from);
    size_t n = p.len < most ? p.len : most;

    if (n == 0)
        return false;
    gw_tls_input(to, (struct gw_span){ p.ptr, n });
    gw_tls_sent(from, n);
    return true;
}

struct pair {
    struct gw_dtls_identity *id[2];
    struct gw_tls *t[2]; /* client, server */
};

static void exchange(struct pair *p, size_t most)
{
    for (bool is_on = true; is_on;) {
        is_on = move(p->t[0], p->t[1], most);
        is_on |= move(p->t[1], p->t[0], most);
    }
}

static void begin(struct pair *p, const struct gw_iq_fingerprint *of_server, const struct gw_iq_fingerprint *of_client)
{
    for (int i = 0; i < 2; i++) {
        p->id[i] = new_identity();
        EQ(gw_tls_new(p->id[i], i == 0, &p->t[i]), 0);
    }
    if (!of_server)
        of_server = gw_dtls_identity_fingerprint(p->id[1]);
    gw_tls_set_fingerprints(p->t[0], of_server, 1);
    if (of_client)
        gw_tls_set_fingerprints(p->t[1], of_client, of_client->hash != 0);
    else
        gw_tls_set_fingerprints(p->t[1], gw_dtls_identity_fingerprint(p->id[0]), 1);
    gw_tls_input(p->t[0], (struct gw_span){ 0 });
}

static void end(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        gw_tls_free(p->t[i]);
        gw_dtls_identity_unref(p->id[i]);
    }
}

TEST(tls_both_roles_carry_octets_however_the_stream_cuts_them)
{
    static uint8_t sent[300000], got[sizeof(sent)];
    struct pair p;

    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t most = 1; most < 100000; most = most * 20 + 3)
        for (int from = 0; from < 2; from++) {
            size_t put = 0, at = 0;
            ssize_t n;
            begin(&p, NULL, NULL);
            exchange(&p, most);
            EQ(gw_tls_state(p.t[0]), GW_TLS_UP);
            EQ(gw_tls_state(p.t[1]), GW_TLS_UP);
            CHECK(gw_tls_name(p.t[0])[0] != 0);
            while (put < sizeof(sent)) {
                n = gw_tls_write(p.t[from], (struct gw_span){ sent + put, sizeof(sent) - put });
                CHECK(n > 0 && n <= GW_TLS_RECORD);
                put += (size_t)n;
                exchange(&p, most);
                while ((n = gw_tls_read(p.t[!from], got + at, sizeof(got) - at)) > 0)
                    at += (size_t)n;
                EQ(n, 0);
            }
            EQ(at, sizeof(sent));
            MEM_EQ(got, sent, sizeof(sent));
            gw_tls_close(p.t[from]);
            exchange(&p, most);
            EQ(gw_tls_read(p.t[!from], got, 1), GW_E_CLOSED);
            end(&p);
        }
}

TEST(tls_a_fingerprint_that_does_not_fit_ends_it)
{
    struct gw_dtls_identity *other = new_identity();
    struct pair p;

    begin(&p, gw_dtls_identity_fingerprint(other), NULL); /* the client sees a wrong server */
    exchange(&p, 1000);
    EQ(gw_tls_state(p.t[0]), GW_TLS_FAILED);
    EQ(gw_tls_cause(p.t[0]), GW_E_MISMATCH);
    EQ(gw_tls_state(p.t[1]), GW_TLS_FAILED); /* by the alert */
    EQ(gw_tls_write(p.t[1], gw_span_str("x")), GW_E_STATE);
    end(&p);
    begin(&p, NULL, gw_dtls_identity_fingerprint(other)); /* the server sees a wrong client */
    exchange(&p, 1000);
    EQ(gw_tls_state(p.t[1]), GW_TLS_FAILED);
    EQ(gw_tls_cause(p.t[1]), GW_E_MISMATCH);
    end(&p);
    gw_dtls_identity_unref(other);
}

TEST(tls_nothing_passes_before_the_fingerprint_is_known)
{
    static const struct gw_iq_fingerprint none;
    struct gw_dtls_identity *other = new_identity();
    struct pair p;
    char buf[10];

    for (int fits = 0; fits < 2; fits++) {
        begin(&p, NULL, &none);
        exchange(&p, 1000);
        EQ(gw_tls_state(p.t[1]), GW_TLS_UNVERIFIED);
        EQ(gw_tls_write(p.t[0], gw_span_str("hello")), 5);
        exchange(&p, 1000);
        EQ(gw_tls_read(p.t[1], buf, sizeof(buf)), 0);
        EQ(gw_tls_write(p.t[1], gw_span_str("x")), GW_E_STATE);
        gw_tls_set_fingerprints(p.t[1], gw_dtls_identity_fingerprint(fits ? p.id[0] : other), 1);
        EQ(gw_tls_state(p.t[1]), fits ? GW_TLS_UP : GW_TLS_FAILED);
        EQ(gw_tls_read(p.t[1], buf, sizeof(buf)), fits ? 5 : 0);
        if (fits)
            MEM_EQ(buf, "hello", 5);
        else
            EQ(gw_tls_cause(p.t[1]), GW_E_MISMATCH);
        end(&p);
    }
    gw_dtls_identity_unref(other);
}

/* Our server against a client of OpenSSL alone: the state of ours after all was exchanged. */
static enum gw_tls_state try(int max_version, const char *ciphers, bool has_cert)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    struct gw_iq_fingerprint f;
    struct gw_dtls_identity *id = new_identity();
    enum gw_tls_state state;
    uint8_t *der = NULL;
    struct gw_tls *t;
    char buf[4096];
    SSL *ssl;
    int n;

    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), -3600); /* expired: of no interest, only the fingerprint counts */
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    n = i2d_X509(x, &der);
    EQ(gw_fingerprint_of((struct gw_span){ der, (size_t)n }, GW_IQ_SHA256, &f), 0);
    OPENSSL_free(der);
    if (has_cert) {
        SSL_CTX_use_certificate(ctx, x);
        SSL_CTX_use_PrivateKey(ctx, key);
    }
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, max_version);
    EQ(SSL_CTX_set_cipher_list(ctx, ciphers), 1);
    ssl = SSL_new(ctx);
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    EQ(gw_tls_new(id, false, &t), 0);
    gw_tls_set_fingerprints(t, &f, 1);
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(ssl);
        while ((n = BIO_read(out, buf, sizeof(buf))) > 0)
            gw_tls_input(t, (struct gw_span){ buf, (size_t)n });
        BIO_write(in, gw_tls_pending(t).ptr, (int)gw_tls_pending(t).len);
        gw_tls_sent(t, gw_tls_pending(t).len);
    }
    state = gw_tls_state(t);
    gw_tls_free(t);
    gw_dtls_identity_unref(id);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return state;
}

TEST(tls_1_2_and_1_3_with_forward_secrecy_and_a_certificate_and_nothing_less)
{
    EQ(try(TLS1_3_VERSION, "DEFAULT", true), GW_TLS_UP);
    EQ(try(TLS1_2_VERSION, "DEFAULT", true), GW_TLS_UP);
    EQ(try(TLS1_1_VERSION, "ALL:@SECLEVEL=0", true), GW_TLS_FAILED);
    EQ(try(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", true), GW_TLS_FAILED);
    EQ(try(TLS1_2_VERSION, "AES128-GCM-SHA256", true), GW_TLS_FAILED);
    EQ(try(TLS1_2_VERSION, "aNULL:eNULL:@SECLEVEL=0", true), GW_TLS_FAILED);
    EQ(try(TLS1_3_VERSION, "DEFAULT", false), GW_TLS_FAILED);
    EQ(try(TLS1_2_VERSION, "DEFAULT", false), GW_TLS_FAILED);
}

TEST(tls_other_octets_fail_and_stay_failed)
{
    struct gw_dtls_identity *id = new_identity();
    struct gw_tls *t;
    char buf[10];

    EQ(gw_tls_new(id, false, &t), 0);
    gw_tls_input(t, gw_span_str("MSRP abcd SEND\r\nTo-Path: msrps://x:1/y;tcp\r\n"));
    EQ(gw_tls_state(t), GW_TLS_FAILED);
    EQ(gw_tls_cause(t), GW_E_CRYPTO);
    gw_tls_input(t, gw_span_str("more"));
    EQ(gw_tls_read(t, buf, sizeof(buf)), 0);
    gw_tls_free(t);
    gw_dtls_identity_unref(id);
}
