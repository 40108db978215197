#include "gateway/dtls/dtls_session.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>

#include "gateway/dtls/dtls_priv.h"
#include "gateway/dtls/dtls_record.h"
#include "gateway/dtls/fingerprint.h"

/* Initial retransmission time-out. RFC 6347 s. 4.2.4.1 says 1 s where nothing is known of the path; here a STUN check
 * has just passed it. The answer to a lost flight is what the user waits for. */
#define RTO_MIN_US (250 * GW_MS)
#define RTO_MAX_US (3 * GW_S) /* OpenSSL gives up after 12; so many fit into 30 s */
#define HANDSHAKE_MAX_US (30 * GW_S)

enum { LAST_FLIGHT = 128 }; /* ChangeCipherSpec and Finished: 75 octets */

struct gw_dtls {
    struct gw_dtls_config config;
    SSL *ssl; /* NULL once UP, or over */
    enum gw_dtls_state state;
    int cause;
    bool has_sent; /* since the flag was last cleared */
    uint8_t *cert; /* of the peer, DER, once UP: other fingerprints may be signalled */
    size_t cert_len;
    uint8_t
        last[LAST_FLIGHT]; /* our last flight of the handshake, if it was the last of all; for who has not heard it */
    size_t last_len;
    struct gw_dtls_records records;
    struct gw_dtls_peer peer;
    struct timeval *ssl_timer; /* inside ssl, see on_ctrl */
    uint64_t rto_us, retransmit_us, give_up_us;
    struct gw_span in;        /* the datagram being read; empty: none */
    struct gw_dtls_keys keys; /* suite 0: none */
};

static BIO_METHOD *bio_method;
static int ex_index = -1; /* of the session in its SSL */

/* ---- the datagram BIO ---- */

static int on_bio_write(BIO *b, const char *p, int len)
{
    struct gw_dtls *d = BIO_get_data(b);

    d->has_sent = true;
    if (d->state == GW_DTLS_HANDSHAKE) {
        if (d->last_len + (size_t)len <= LAST_FLIGHT)
            memcpy(d->last + d->last_len, p, (size_t)len);
        d->last_len += (size_t)len;
    }
    gw_dtls_records_sent(&d->records, (struct gw_span){ p, (size_t)len });
    d->config.send(d->config.arg, (struct gw_span){ p, (size_t)len });
    return len;
}

static int on_bio_read(BIO *b, char *p, int size)
{
    struct gw_dtls *d = BIO_get_data(b);
    size_t n = d->in.len < (size_t)size ? d->in.len : (size_t)size; /* a datagram is cut, never continued */

    BIO_clear_retry_flags(b);
    if (!n) {
        BIO_set_retry_read(b);
        return -1;
    }
    memcpy(p, d->in.ptr, n);
    d->in.len = 0;
    return (int)n;
}

/* OpenSSL keeps the retransmission timer by the wall clock. Up to 3.1 it hands the BIO a pointer to the very timeval
 * that it compares with; from 3.2 on to a copy. With the pointer the timer is ours: it is set so long that it never
 * fires, and moved to the past when our clock says so. Without, OpenSSL's clock decides and ours only says when to ask.
 */
static bool has_timer_inside(void)
{
    return OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2;
}

static long on_bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    struct gw_dtls *d = BIO_get_data(b);

    switch (cmd) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
        if (has_timer_inside())
            d->ssl_timer = ptr;
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return GW_DTLS_MTU;
    default:
        (void)num;
        return 0;
    }
}

static unsigned on_ssl_timer(SSL *ssl, unsigned us)
{
    struct gw_dtls *d = SSL_get_ex_data(ssl, ex_index);

    (void)us;
    return has_timer_inside() ? 3600 * 1000000u : (unsigned)d->rto_us;
}

static void init_once(void)
{
    ex_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "imsgw datagrams");
    if (ex_index < 0 || !bio_method || !BIO_meth_set_write(bio_method, on_bio_write) ||
        !BIO_meth_set_read(bio_method, on_bio_read) || !BIO_meth_set_ctrl(bio_method, on_bio_ctrl))
        abort(); /* out of memory at the start */
}

static void init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
}

/* ---- life ---- */

int gw_dtls_new(const struct gw_dtls_config *config, struct gw_dtls **out)
{
    struct gw_dtls *d = calloc(1, sizeof(*d));
    BIO *bio = NULL;

    if (!d)
        return GW_E_NOMEM;
    init();
    d->config = *config;
    d->rto_us = RTO_MIN_US;
    d->retransmit_us = d->give_up_us = GW_NEVER;
    d->ssl = SSL_new(config->identity->ctx);
    bio = BIO_new(bio_method);
    if (!d->ssl || !bio || !SSL_set_ex_data(d->ssl, ex_index, d) || !gw_dtls_expect(d->ssl, &d->peer)) {
        BIO_free(bio);
        SSL_free(d->ssl);
        free(d);
        return GW_E_NOMEM;
    }
    BIO_set_data(bio, d);
    BIO_set_init(bio, 1);
    SSL_set_bio(d->ssl, bio, bio); /* takes the one reference */
    SSL_set_mtu(d->ssl, GW_DTLS_MTU);
    DTLS_set_timer_cb(d->ssl, on_ssl_timer);
    if (config->is_client)
        SSL_set_connect_state(d->ssl);
    else
        SSL_set_accept_state(d->ssl);
    gw_dtls_identity_ref(config->identity);
    *out = d;
    return 0;
}

static void drop_ssl(struct gw_dtls *d)
{
    SSL_free(d->ssl);
    d->ssl = NULL;
    d->ssl_timer = NULL;
    d->retransmit_us = d->give_up_us = GW_NEVER;
}

void gw_dtls_free(struct gw_dtls *d)
{
    if (!d)
        return;
    drop_ssl(d);
    gw_dtls_identity_unref(d->config.identity);
    gw_dtls_records_wipe(&d->records);
    free(d->cert);
    OPENSSL_cleanse(&d->keys, sizeof(d->keys));
    free(d);
}

static void end(struct gw_dtls *d, enum gw_dtls_state state, int cause)
{
    d->state = state;
    d->cause = cause;
    OPENSSL_cleanse(&d->keys, sizeof(d->keys));
    gw_dtls_records_wipe(&d->records);
    drop_ssl(d);
}

static int seal(struct gw_dtls *d, enum gw_dtls_type type, struct gw_span plain)
{
    uint8_t out[GW_DTLS_PLAIN_MAX + GW_DTLS_RECORD_OVERHEAD];
    int n = gw_dtls_seal(&d->records, type, plain, out);

    if (n > 0)
        d->config.send(d->config.arg, (struct gw_span){ out, (size_t)n });
    return n > 0 ? 0 : n;
}

static void say_close(struct gw_dtls *d)
{
    static const uint8_t close_notify[] = { 1, 0 };

    if (d->ssl)
        SSL_shutdown(d->ssl);
    else if (d->state == GW_DTLS_UP)
        (void)seal(d, GW_DTLS_ALERT, GW_SPAN(close_notify));
}

/* RFC 5764 s. 4.2: client key, server key, client salt, server salt; by DTLS role, whoever offered. */
static int export_keys(struct gw_dtls *d)
{
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(d->ssl);
    uint8_t m[2 * (32 + 14)];
    size_t key = 16, salt = 12;
    const uint8_t *client, *server;
    struct gw_dtls_keys k = { 0 };

    if (!profile)
        return d->config.needs_srtp ? GW_E_UNSUPPORTED : 0;
    k.suite = (uint16_t)profile->id;
    if (k.suite == GW_IQ_AEAD_AES_256_GCM)
        key = 32;
    else if (k.suite != GW_IQ_AEAD_AES_128_GCM)
        salt = 14;
    if (SSL_export_keying_material(d->ssl, m, 2 * (key + salt), "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0) != 1)
        return GW_E_CRYPTO;
    client = d->config.is_client ? k.local : k.remote;
    server = d->config.is_client ? k.remote : k.local;
    memcpy((uint8_t *)client, m, key);
    memcpy((uint8_t *)server, m + key, key);
    memcpy((uint8_t *)client + key, m + 2 * key, salt);
    memcpy((uint8_t *)server + key, m + 2 * key + salt, salt);
    k.key_len = (uint8_t)(key + salt);
    OPENSSL_cleanse(m, sizeof(m));
    d->keys = k;
    OPENSSL_cleanse(&k, sizeof(k));
    return 0;
}

static int keep_cert(struct gw_dtls *d)
{
    X509 *cert = SSL_get1_peer_certificate(d->ssl);
    uint8_t *p;
    int len = cert ? i2d_X509(cert, NULL) : 0;

    p = d->cert = len > 0 ? malloc((size_t)len) : NULL;
    d->cert_len = d->cert ? (size_t)i2d_X509(cert, &p) : 0;
    X509_free(cert);
    return d->cert ? 0 : GW_E_NOMEM;
}

/* The handshake is done: compare, and only then keys exist. OpenSSL has no part in what follows. */
static void verify(struct gw_dtls *d)
{
    int err = 0;

    if (d->peer.nfingerprints == 0) {
        d->state = GW_DTLS_UNVERIFIED;
        return;
    }
    if (!gw_dtls_peer_fits(d->ssl, &d->peer))
        err = GW_E_MISMATCH;
    err = err ? err : export_keys(d);
    err = err ? err : keep_cert(d);
    err = err ? err : gw_dtls_records_begin(&d->records, d->ssl, d->config.is_client);
    if (err) {
        say_close(d);
        end(d, GW_DTLS_FAILED, err);
        return;
    }
    d->state = GW_DTLS_UP;
    if (d->config.is_client || d->last_len > LAST_FLIGHT)
        d->last_len = 0; /* the peer had the last word, and has ours if it said so */
    drop_ssl(d);
}

/* After each step: is the timer running, and from when? */
static void rearm(struct gw_dtls *d, uint64_t now_us, bool is_new_flight)
{
    struct timeval left;

    if (!d->ssl || !DTLSv1_get_timeout(d->ssl, &left)) {
        d->retransmit_us = GW_NEVER;
        return;
    }
    if (is_new_flight)
        d->rto_us = RTO_MIN_US;
    if (is_new_flight || d->retransmit_us == GW_NEVER)
        d->retransmit_us = now_us + d->rto_us;
}

static void handshake(struct gw_dtls *d, uint64_t now_us)
{
    int ret;

    d->has_sent = false;
    d->last_len = 0;
    ERR_clear_error();
    ret = SSL_do_handshake(d->ssl);
    if (ret == 1) {
        d->give_up_us = GW_NEVER;
        verify(d);
    } else if (SSL_get_error(d->ssl, ret) != SSL_ERROR_WANT_READ) {
        end(d, GW_DTLS_FAILED, d->peer.is_rejected ? GW_E_MISMATCH : GW_E_CRYPTO);
    }
    ERR_clear_error();
    rearm(d, now_us, d->has_sent);
}

void gw_dtls_start(struct gw_dtls *d, uint64_t now_us)
{
    if (d->state != GW_DTLS_NEW)
        return;
    d->state = GW_DTLS_HANDSHAKE;
    d->give_up_us = now_us + HANDSHAKE_MAX_US;
    if (d->config.is_client)
        handshake(d, now_us);
}

bool gw_dtls_is_client_hello(struct gw_span g)
{
    const uint8_t *p = g.ptr;

    /* record header of 13 octets: handshake (22), epoch 0; then the handshake type 1 */
    return g.len >= 13 + 12 && p[0] == 22 && p[1] == 0xfe && p[3] == 0 && p[4] == 0 && p[13] == 1;
}

/* The fingerprint is not known yet: what comes is dropped, but a repeated last flight of the peer is answered with
 * ours, by OpenSSL. */
static void drop_records(struct gw_dtls *d)
{
    uint8_t record[GW_DTLS_PLAIN_MAX];
    int n, why;

    ERR_clear_error();
    do
        n = SSL_read(d->ssl, record, sizeof(record));
    while (n > 0);
    why = SSL_get_error(d->ssl, n);
    if (why == SSL_ERROR_ZERO_RETURN || why == SSL_ERROR_SSL)
        end(d, GW_DTLS_FAILED, GW_E_CLOSED);
    ERR_clear_error();
}

static void read_alert(struct gw_dtls *d, const uint8_t *p, int n)
{
    if (n == 2 && (p[1] == 0 || p[0] == 2)) /* close_notify, or fatal */
        end(d, GW_DTLS_CLOSED, GW_E_CLOSED);
}

/* `is_answered`: the datagram that ended the handshake; its own part of it needs no repetition. */
static void read_records(struct gw_dtls *d, struct gw_span datagram, bool is_answered)
{
    uint8_t record[GW_DTLS_PLAIN_MAX], type = 0;
    int n;

    while (d->state == GW_DTLS_UP &&
           (n = gw_dtls_open(&d->records, &datagram, &type, record)) != GW_E_AGAIN) { /* the receiver may close */
        if (n < 0)
            continue;
        if (type == GW_DTLS_DATA && n > 0 && d->config.on_data)
            d->config.on_data(d->config.arg, (struct gw_span){ record, (size_t)n });
        else if (type == GW_DTLS_ALERT)
            read_alert(d, record, n);
        else if (type == GW_DTLS_HANDSHAKE_MSG && d->last_len && !is_answered)
            d->config.send(d->config.arg, (struct gw_span){ d->last, d->last_len });
    }
}

int gw_dtls_input(struct gw_dtls *d, struct gw_span datagram, uint64_t now_us)
{
    const uint8_t *p = datagram.ptr;
    bool is_last = false;

    if (d->state >= GW_DTLS_FAILED)
        return GW_E_CLOSED;
    if (datagram.len < 13 || p[0] < 20 || p[0] > 63)
        return GW_E_SYNTAX;
    gw_dtls_start(d, now_us);
    d->in = datagram;
    if (d->state == GW_DTLS_HANDSHAKE) {
        handshake(d, now_us);
        is_last = true;
    }
    if (d->state == GW_DTLS_UNVERIFIED) { /* more records may follow the last of the handshake */
        drop_records(d);
        rearm(d, now_us, false);
    }
    d->in.len = 0;
    if (d->state == GW_DTLS_UP)
        read_records(d, datagram, is_last);
    if (is_last)
        gw_dtls_records_rest(&d->records);
    return 0;
}

uint64_t gw_dtls_deadline_us(const struct gw_dtls *d)
{
    return d->retransmit_us < d->give_up_us ? d->retransmit_us : d->give_up_us;
}

void gw_dtls_expire(struct gw_dtls *d, uint64_t now_us)
{
    if (now_us >= d->give_up_us) {
        end(d, GW_DTLS_FAILED, GW_E_TIMEOUT);
        return;
    }
    if (!d->ssl || now_us < d->retransmit_us)
        return;
    d->rto_us = d->rto_us * 2 < RTO_MAX_US ? d->rto_us * 2 : RTO_MAX_US;
    d->retransmit_us = now_us + d->rto_us;
    if (d->ssl_timer && d->ssl_timer->tv_sec)
        d->ssl_timer->tv_sec = 1; /* long ago; 0 would mean stopped */
    ERR_clear_error();
    if (DTLSv1_handle_timeout(d->ssl) < 0)
        end(d, GW_DTLS_FAILED, GW_E_TIMEOUT); /* OpenSSL's own limit of 12 */
    ERR_clear_error();
}

void gw_dtls_set_fingerprints(struct gw_dtls *d, const struct gw_iq_fingerprint *list, unsigned n)
{
    if (!gw_dtls_peer_set(&d->peer, list, n) || !d->peer.nfingerprints)
        return;
    if (d->state == GW_DTLS_UNVERIFIED) {
        verify(d);
    } else if (d->state == GW_DTLS_UP &&
               !gw_fingerprint_match((struct gw_span){ d->cert, d->cert_len }, list, d->peer.nfingerprints)) {
        say_close(d);
        end(d, GW_DTLS_FAILED, GW_E_MISMATCH);
    }
}

enum gw_dtls_state gw_dtls_state(const struct gw_dtls *d)
{
    return d->state;
}

int gw_dtls_cause(const struct gw_dtls *d)
{
    return d->cause;
}

bool gw_dtls_is_client(const struct gw_dtls *d)
{
    return d->config.is_client;
}

int gw_dtls_keys(const struct gw_dtls *d, struct gw_dtls_keys *out)
{
    if (d->state != GW_DTLS_UP)
        return GW_E_STATE;
    if (!d->keys.suite)
        return GW_E_NOTFOUND;
    *out = d->keys;
    return 0;
}

int gw_dtls_send(struct gw_dtls *d, struct gw_span record)
{
    if (d->state != GW_DTLS_UP)
        return GW_E_STATE;
    if (record.len == 0 || record.len > GW_DTLS_PLAIN_MAX)
        return GW_E_RANGE;
    return seal(d, GW_DTLS_DATA, record);
}

void gw_dtls_close(struct gw_dtls *d)
{
    if (d->state >= GW_DTLS_FAILED)
        return;
    ERR_clear_error();
    if (d->state == GW_DTLS_UP || d->state == GW_DTLS_UNVERIFIED)
        say_close(d);
    ERR_clear_error();
    end(d, GW_DTLS_CLOSED, GW_E_CLOSED);
}
