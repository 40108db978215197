#include "gateway/dtls/tls_stream.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "gateway/dtls/dtls_priv.h"

struct gw_tls {
    struct gw_dtls_identity *identity; /* NULL: is_trusted */
    bool is_trusted;                   /* by an authority, not by fingerprints */
    char name[GW_TLS_NAME + 1];        /* of the peer, by trust */
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    struct gw_dtls_peer peer;
    enum gw_tls_state state;
    int cause;
};

static int stream_new(SSL_CTX *ctx, bool is_client, struct gw_tls **out)
{
    struct gw_tls *t = calloc(1, sizeof(*t));

    if (!t)
        return GW_E_NOMEM;
    t->ssl = SSL_new(ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out || !gw_dtls_expect(t->ssl, &t->peer)) {
        BIO_free(t->in);
        BIO_free(t->out);
        SSL_free(t->ssl);
        free(t);
        return GW_E_NOMEM;
    }
    BIO_set_mem_eof_return(t->in, -1); /* empty is "not yet", never an end */
    BIO_set_mem_eof_return(t->out, -1);
    SSL_set_bio(t->ssl, t->in, t->out);
    if (is_client)
        SSL_set_connect_state(t->ssl);
    else
        SSL_set_accept_state(t->ssl);
    *out = t;
    return 0;
}

int gw_tls_new(struct gw_dtls_identity *identity, bool is_client, struct gw_tls **out)
{
    int err = stream_new(identity->tls, is_client, out);

    if (!err)
        (*out)->identity = gw_dtls_identity_ref(identity);
    return err;
}

int gw_tls_new_trusted(struct gw_tls_trust *trust, bool is_client, struct gw_tls **out)
{
    int err = stream_new(gw_tls_trust_ctx(trust), is_client, out);

    if (!err)
        (*out)->is_trusted = true;
    return err;
}

void gw_tls_free(struct gw_tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    gw_dtls_identity_unref(t->identity);
    free(t);
}

static void fail(struct gw_tls *t, int cause)
{
    t->state = GW_TLS_FAILED;
    t->cause = cause;
}

static void verify(struct gw_tls *t)
{
    if (t->is_trusted) { /* chain and name were looked at in the handshake */
        gw_tls_trust_name(t->ssl, t->name);
        t->state = GW_TLS_UP;
    } else if (t->peer.nfingerprints == 0) {
        t->state = GW_TLS_UNVERIFIED;
    } else if (gw_dtls_peer_fits(t->ssl, &t->peer)) {
        t->state = GW_TLS_UP;
    } else {
        SSL_shutdown(t->ssl);
        fail(t, GW_E_MISMATCH);
    }
}

void gw_tls_set_fingerprints(struct gw_tls *t, const struct gw_iq_fingerprint *list, unsigned n)
{
    if (gw_dtls_peer_set(&t->peer, list, n) && (t->state == GW_TLS_UNVERIFIED || t->state == GW_TLS_UP))
        verify(t);
    ERR_clear_error();
}

enum gw_tls_state gw_tls_state(const struct gw_tls *t)
{
    return t->state;
}

int gw_tls_cause(const struct gw_tls *t)
{
    return t->cause;
}

const char *gw_tls_peer_name(const struct gw_tls *t)
{
    return t->name;
}

const char *gw_tls_name(const struct gw_tls *t)
{
    const char *name = SSL_get_cipher_name(t->ssl);

    return name ? name : "";
}

void gw_tls_input(struct gw_tls *t, struct gw_span octets)
{
    int ret;

    if (t->state > GW_TLS_UP)
        return;
    if (octets.len && BIO_write(t->in, octets.ptr, (int)octets.len) != (int)octets.len) {
        fail(t, GW_E_NOMEM);
        return;
    }
    if (t->state != GW_TLS_HANDSHAKE)
        return;
    ERR_clear_error();
    ret = SSL_do_handshake(t->ssl);
    if (ret == 1)
        verify(t);
    else if (SSL_get_error(t->ssl, ret) != SSL_ERROR_WANT_READ)
        fail(t, t->peer.is_rejected || SSL_get_verify_result(t->ssl) != X509_V_OK ? GW_E_MISMATCH : GW_E_CRYPTO);
    ERR_clear_error();
}

struct gw_span gw_tls_pending(const struct gw_tls *t)
{
    char *p = NULL;
    long n = BIO_get_mem_data(t->out, &p);

    return (struct gw_span){ p, n > 0 ? (size_t)n : 0 };
}

void gw_tls_sent(struct gw_tls *t, size_t n)
{
    char gone[4096];

    while (n) {
        int got = BIO_read(t->out, gone, n < sizeof(gone) ? (int)n : (int)sizeof(gone));
        if (got <= 0)
            return;
        n -= (size_t)got;
    }
}

ssize_t gw_tls_read(struct gw_tls *t, void *buf, size_t size)
{
    int n, why;

    if (t->state != GW_TLS_UP)
        return t->state == GW_TLS_CLOSED ? GW_E_CLOSED : 0;
    ERR_clear_error();
    n = SSL_read(t->ssl, buf, (int)size);
    if (n > 0)
        return n;
    why = SSL_get_error(t->ssl, n);
    ERR_clear_error();
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return 0;
    if (why == SSL_ERROR_ZERO_RETURN) {
        t->state = GW_TLS_CLOSED;
        return GW_E_CLOSED;
    }
    fail(t, GW_E_CRYPTO);
    return GW_E_CRYPTO;
}

ssize_t gw_tls_write(struct gw_tls *t, struct gw_span octets)
{
    int n;

    if (t->state != GW_TLS_UP)
        return GW_E_STATE;
    if (octets.len == 0)
        return 0;
    ERR_clear_error();
    n = SSL_write(t->ssl, octets.ptr, octets.len < GW_TLS_RECORD ? (int)octets.len : GW_TLS_RECORD);
    ERR_clear_error();
    return n > 0 ? n : GW_E_CRYPTO;
}

void gw_tls_close(struct gw_tls *t)
{
    if (t->state == GW_TLS_UP || t->state == GW_TLS_UNVERIFIED) {
        ERR_clear_error();
        SSL_shutdown(t->ssl);
        ERR_clear_error();
        t->state = GW_TLS_CLOSED;
    }
}
