#include "gateway/dtls/tls_trust.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/tls_profile.h"
#include "gateway/dtls/dtls_priv.h"

struct gw_tls_trust {
    SSL_CTX *ctx;
    char *const *names;
    unsigned n;
};

static int load(SSL_CTX *ctx, const char *cert, const char *key, const char *ca, char *why, size_t why_size)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
        snprintf(why, why_size, "%.256s: no certificate in PEM can be read", cert);
        return GW_E_IO;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        snprintf(why, why_size, "%.256s: no private key that belongs to %.256s", key, cert);
        return GW_E_MISMATCH;
    }
    if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1) {
        snprintf(why, why_size, "%.256s: no certificate of an authority can be read", ca);
        return GW_E_IO;
    }
    return 0;
}

/* Names are looked at within the handshake, so that the wrong peer gets an alert and never a connection. */
static int expect_names(SSL_CTX *ctx, const struct gw_tls_trust *t)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    for (unsigned i = 0; i < t->n; i++)
        if (!X509_VERIFY_PARAM_add1_host(param, t->names[i], 0))
            return GW_E_NOMEM;
    return 0;
}

static int make(const struct gw_tls_trust *t, const char *cert, const char *key, const char *ca, SSL_CTX **out,
                char *why, size_t why_size)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    int err;

    snprintf(why, why_size, "no TLS context");
    err = ctx ? gw_tls_profile_apply(ctx, false) : GW_E_NOMEM;
    if (!err)
        err = expect_names(ctx, t);
    if (!err)
        err = load(ctx, cert, key, ca, why, why_size);
    if (err) {
        SSL_CTX_free(ctx);
        ERR_clear_error();
        return err;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    *out = ctx;
    return 0;
}

int gw_tls_trust_new(const char *cert_path, const char *key_path, const char *ca_path, char *const *names, unsigned n,
                     struct gw_tls_trust **out, char *why, size_t why_size)
{
    struct gw_tls_trust *t = calloc(1, sizeof(*t));
    int err;

    if (!t)
        return GW_E_NOMEM;
    t->names = names;
    t->n = n;
    err = make(t, cert_path, key_path, ca_path, &t->ctx, why, why_size);
    if (err) {
        free(t);
        return err;
    }
    *out = t;
    return 0;
}

int gw_tls_trust_reload(struct gw_tls_trust *t, const char *cert_path, const char *key_path, const char *ca_path,
                        char *why, size_t why_size)
{
    SSL_CTX *fresh;
    int err = make(t, cert_path, key_path, ca_path, &fresh, why, why_size);

    if (err)
        return err;
    SSL_CTX_free(t->ctx); /* connections hold their own reference */
    t->ctx = fresh;
    return 0;
}

void gw_tls_trust_free(struct gw_tls_trust *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    free(t);
}

SSL_CTX *gw_tls_trust_ctx(struct gw_tls_trust *t)
{
    return t->ctx;
}

/* The first name, for the log and to tell peers apart where no list says which. */
static void own_name(X509 *cert, char name[GW_TLS_NAME + 1])
{
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    const char *found = NULL;
    int len = 0;

    for (int i = 0; all && !found && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        if (g->type == GEN_DNS) {
            found = (const char *)ASN1_STRING_get0_data(g->d.dNSName);
            len = ASN1_STRING_length(g->d.dNSName);
        }
    }
    if (found && len <= GW_TLS_NAME && !memchr(found, 0, (size_t)len))
        snprintf(name, GW_TLS_NAME + 1, "%.*s", len, found);
    else if (X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, GW_TLS_NAME + 1) < 0)
        name[0] = 0;
    GENERAL_NAMES_free(all);
}

void gw_tls_trust_name(SSL *ssl, char name[GW_TLS_NAME + 1])
{
    X509 *cert = SSL_get1_peer_certificate(ssl);

    if (cert)
        own_name(cert, name);
    X509_free(cert);
}
