/* Our records against OpenSSL's, which goes on with its own after the handshake. */
#include "gateway/dtls/dtls_record.h"

#include <openssl/err.h>
#include <test.h>

#include "gateway/dtls/dtls_priv.h"
#include "gateway/dtls/dtls_session.h"

struct peer {
    SSL *ssl;
    BIO *in, *out;
    struct gw_dtls *d; /* ours */
    char data[64];
    size_t data_len;
    unsigned received, sent;
    uint8_t last[2048]; /* datagram of ours */
    size_t last_len;
};

static struct gw_dtls_identity *id;

static void on_send(void *arg, struct gw_span p)
{
    struct peer *c = arg;

    BIO_write(c->in, p.ptr, (int)p.len);
    memcpy(c->last, p.ptr, p.len);
    c->last_len = p.len;
    c->sent++;
}

static void on_data(void *arg, struct gw_span p)
{
    struct peer *c = arg;

    memcpy(c->data, p.ptr, p.len);
    c->data_len = p.len;
    c->received++;
}

static size_t give(struct peer *c, uint8_t *buf, size_t size)
{
    int n = BIO_read(c->out, buf, (int)size);

    if (n > 0)
        EQ(gw_dtls_input(c->d, (struct gw_span){ buf, (size_t)n }, GW_S), 0);
    return n > 0 ? (size_t)n : 0;
}

static void begin(struct peer *c, bool is_client, const char *suite)
{
    static const uint16_t profile = GW_IQ_AEAD_AES_128_GCM;
    uint8_t buf[4096];

    memset(c, 0, sizeof(*c));
    if (!id)
        EQ(gw_dtls_identity_new(&profile, 1, &id), 0);
    struct gw_dtls_config config = { id, is_client, true, on_send, on_data, c };
    c->ssl = SSL_new(id->ctx); /* the same certificate: it is its own peer */
    static struct gw_dtls_peer any;
    gw_dtls_expect(c->ssl, &any);
    EQ(SSL_set_cipher_list(c->ssl, suite), 1);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(c->in, -1);
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_mtu(c->ssl, GW_DTLS_MTU);
    if (is_client)
        SSL_set_accept_state(c->ssl);
    else
        SSL_set_connect_state(c->ssl);
    EQ(gw_dtls_new(&config, &c->d), 0);
    gw_dtls_set_fingerprints(c->d, gw_dtls_identity_fingerprint(id), 1);
    gw_dtls_start(c->d, GW_S);
    for (int i = 0; i < 10 && !(SSL_is_init_finished(c->ssl) && gw_dtls_state(c->d) == GW_DTLS_UP); i++) {
        SSL_do_handshake(c->ssl);
        give(c, buf, sizeof(buf));
    }
    EQ(gw_dtls_state(c->d), GW_DTLS_UP);
    STR_EQ(SSL_get_cipher_name(c->ssl), suite);
}

static void end(struct peer *c)
{
    SSL_free(c->ssl);
    gw_dtls_free(c->d);
    ERR_clear_error();
}

TEST(every_suite_is_understood_by_openssl_in_both_roles)
{
    static const char *const suites[] = { "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                                          "ECDHE-ECDSA-CHACHA20-POLY1305" };
    uint8_t buf[2048];
    struct peer c;

    for (unsigned i = 0; i < 6; i++) {
        begin(&c, i & 1, suites[i / 2]);
        for (int k = 0; k < 3; k++) {
            EQ(SSL_write(c.ssl, "ping", 4), 4);
            give(&c, buf, sizeof(buf));
            EQ(c.received, k + 1);
            MEM_EQ(c.data, "ping", 4);
            EQ(gw_dtls_send(c.d, (struct gw_span){ "pong!", 5 }), 0);
            EQ(SSL_read(c.ssl, buf, sizeof(buf)), 5);
            MEM_EQ(buf, "pong!", 5);
        }
        if (i & 2) {
            gw_dtls_close(c.d);
            EQ(SSL_read(c.ssl, buf, sizeof(buf)), 0);
            EQ(SSL_get_error(c.ssl, 0), SSL_ERROR_ZERO_RETURN);
        } else {
            SSL_shutdown(c.ssl);
            give(&c, buf, sizeof(buf));
            EQ(gw_dtls_state(c.d), GW_DTLS_CLOSED);
        }
        end(&c);
    }
}

TEST(repeated_damaged_late_and_clear_records_are_ignored)
{
    uint8_t kept[80][128], buf[2048];
    size_t len[80];
    struct peer c;

    begin(&c, false, "ECDHE-ECDSA-AES128-GCM-SHA256");
    for (int i = 0; i < 80; i++) {
        int n;
        EQ(SSL_write(c.ssl, &i, sizeof(i)), (int)sizeof(i));
        n = BIO_read(c.out, kept[i], sizeof(kept[i]));
        CHECK(n > 0);
        len[i] = (size_t)n;
    }
    for (size_t i = 0; i < len[79]; i++) { /* any bit that is wrong: of the header as well */
        memcpy(buf, kept[79], len[79]);
        buf[i] ^= 0x10;
        (void)gw_dtls_input(c.d, (struct gw_span){ buf, len[79] }, GW_S);
    }
    for (size_t n = 0; n < len[79]; n++)
        (void)gw_dtls_input(c.d, (struct gw_span){ kept[79], n }, GW_S);
    EQ(c.received, 0);
    EQ(gw_dtls_input(c.d, (struct gw_span){ kept[79], len[79] }, GW_S), 0);
    EQ(c.received, 1);
    EQ(gw_dtls_input(c.d, (struct gw_span){ kept[79], len[79] }, GW_S), 0); /* repeated */
    EQ(gw_dtls_input(c.d, (struct gw_span){ kept[15], len[15] }, GW_S), 0); /* 64 late */
    EQ(c.received, 1);
    EQ(gw_dtls_input(c.d, (struct gw_span){ kept[16], len[16] }, GW_S), 0); /* 63 late */
    EQ(c.received, 2);
    EQ(gw_dtls_input(c.d, (struct gw_span){ kept[16], len[16] }, GW_S), 0);
    EQ(c.received, 2);
    memcpy(buf, kept[20], len[20]); /* two in a datagram */
    memcpy(buf + len[20], kept[21], len[21]);
    EQ(gw_dtls_input(c.d, (struct gw_span){ buf, len[20] + len[21] }, GW_S), 0);
    EQ(c.received, 4);
    EQ(gw_dtls_state(c.d), GW_DTLS_UP);
    end(&c);
}

/* TLS-005: a peer that wants to shake hands anew under the keys is not followed. A server says its last flight again,
 * as to any handshake record, which can only be who did not hear it. */
TEST(tls005_a_renegotiation_and_alerts_in_the_clear_change_nothing)
{
    static const uint8_t strange[][15] = {
        { 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40 }, /* a fatal alert of epoch 0 */
        { 21, 0xfe, 0xfd, 0, 2, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0 },  /* close_notify of an epoch that is not there */
        { 20, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 1, 0 },  /* ChangeCipherSpec, shorter than any record */
        { 25, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0 },  /* a connection id that nobody agreed to (RFC 9146) */
    };
    uint8_t buf[2048];
    struct peer c;

    for (int is_client = 0; is_client < 2; is_client++) {
        unsigned sent;

        begin(&c, is_client, "ECDHE-ECDSA-AES128-GCM-SHA256");
        for (unsigned i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
            EQ(gw_dtls_input(c.d, GW_SPAN(strange[i]), GW_S), 0);
        sent = c.sent;
        SSL_clear_options(c.ssl, SSL_OP_NO_RENEGOTIATION);
        EQ(SSL_renegotiate(c.ssl), 1);
        SSL_do_handshake(c.ssl);
        CHECK(give(&c, buf, sizeof(buf)) > 0);
        EQ(c.sent, sent + !is_client);
        EQ(gw_dtls_state(c.d), GW_DTLS_UP);
        EQ(gw_dtls_deadline_us(c.d), GW_NEVER);
        EQ(gw_dtls_send(c.d, (struct gw_span){ "x", 1 }), 0);
        end(&c);
    }
}

/* What goes on the wire after the handshake continues OpenSSL's numbers: neither a sequence number nor a nonce of
 * AES-GCM may come twice. */
TEST(sequence_numbers_and_nonces_continue_those_of_the_handshake)
{
    struct peer c;
    uint8_t finished[13 + 8];
    size_t at;

    begin(&c, false, "ECDHE-ECDSA-AES128-GCM-SHA256");
    at = c.last_len - 61; /* the Finished: 13 + 8 + 24 + 16, behind the ChangeCipherSpec */
    EQ(c.last[at], 22);
    memcpy(finished, c.last + at, sizeof(finished));
    EQ(finished[10], 0);
    EQ(gw_dtls_send(c.d, (struct gw_span){ "x", 1 }), 0);
    EQ(c.last[4], 1);
    EQ(c.last[10], 1);
    for (int i = 20; i >= 13 && ++finished[i] == 0; i--)
        ;
    MEM_EQ(c.last + 13, finished + 13, 8);
    end(&c);
}

TEST(another_fingerprint_after_the_handshake_is_compared_with_the_certificate_that_was_shown)
{
    struct gw_iq_fingerprint other, both[2];
    struct peer c;

    begin(&c, false, "ECDHE-ECDSA-AES128-GCM-SHA256");
    other = *gw_dtls_identity_fingerprint(id);
    other.value[0] ^= 1;
    both[0] = other;
    both[1] = *gw_dtls_identity_fingerprint(id);
    gw_dtls_set_fingerprints(c.d, both, 2);
    EQ(gw_dtls_state(c.d), GW_DTLS_UP);
    gw_dtls_set_fingerprints(c.d, &other, 1);
    EQ(gw_dtls_state(c.d), GW_DTLS_FAILED);
    EQ(gw_dtls_cause(c.d), GW_E_MISMATCH);
    end(&c);
}
