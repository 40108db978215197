#include "tls.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/crypto.h"
#include "gateway/base/tls_profile.h"

enum { SELF_SIGNED_DAYS = 90, CHAIN_MAX = 8 };

struct gw_ws_tls {
    EVP_PKEY *key;
    X509 *cert[CHAIN_MAX]; /* [0] ours */
    unsigned ncerts;
};

void gw_ws_tls_free(struct gw_ws_tls *t)
{
    if (!t)
        return;
    EVP_PKEY_free(t->key);
    for (unsigned i = 0; i < t->ncerts; i++)
        X509_free(t->cert[i]);
    free(t);
}

static int add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;
    int ok;

    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = e && X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    return ok ? 0 : GW_E_CRYPTO;
}

static int sign_self(struct gw_ws_tls *t, const struct gw_conf *conf)
{
    X509 *x = X509_new();
    X509_NAME *name;
    char names[512], ip[GW_ADDR_TEXT] = "127.0.0.1";
    int err = GW_E_CRYPTO;

    if (!x)
        return GW_E_NOMEM;
    if (!gw_addr_is_any(&conf->wss_listen))
        gw_addr_ip_text(&conf->wss_listen, ip);
    snprintf(names, sizeof(names), "DNS:%s,DNS:localhost,IP:127.0.0.1,IP:::1,IP:%s", conf->domain, ip);
    name = X509_get_subject_name(x);
    if (X509_set_version(x, 2) && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), gw_rand_u64() >> 1) &&
        X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
        X509_gmtime_adj(X509_getm_notAfter(x), 3600L * 24 * SELF_SIGNED_DAYS) && X509_set_pubkey(x, t->key) &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"imsgw", -1, -1, 0) &&
        X509_set_issuer_name(x, name) && !add_extension(x, NID_subject_alt_name, names) &&
        !add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
        !add_extension(x, NID_ext_key_usage, "serverAuth") && X509_sign(x, t->key, EVP_sha256()))
        err = 0;
    if (err) {
        X509_free(x);
        return err;
    }
    t->cert[0] = x;
    t->ncerts = 1;
    return 0;
}

static int load_chain(struct gw_ws_tls *t, const char *path)
{
    FILE *f = fopen(path, "r");
    X509 *x;

    if (!f)
        return GW_E_NOTFOUND;
    while (t->ncerts < CHAIN_MAX && (x = PEM_read_X509(f, NULL, NULL, NULL)))
        t->cert[t->ncerts++] = x;
    fclose(f);
    return t->ncerts ? 0 : GW_E_SYNTAX;
}

static int load_key(struct gw_ws_tls *t, const char *path)
{
    FILE *f = fopen(path, "r");

    if (!f)
        return GW_E_NOTFOUND;
    t->key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    return t->key ? 0 : GW_E_SYNTAX;
}

int gw_ws_tls_load(const struct gw_conf *conf, struct gw_ws_tls **out, char *why, size_t why_size)
{
    const char *key_path = *conf->tls_key ? conf->tls_key : conf->tls_cert;
    struct gw_ws_tls *t = calloc(1, sizeof(*t));
    int err;

    if (!t)
        return GW_E_NOMEM;
    if (!*conf->tls_cert) {
        t->key = EVP_EC_gen("P-256");
        err = t->key ? sign_self(t, conf) : GW_E_CRYPTO;
        if (err)
            snprintf(why, why_size, "cannot make a certificate: %s", gw_err_text(err));
    } else {
        err = load_chain(t, conf->tls_cert);
        if (err)
            snprintf(why, why_size, "tls_cert: %s: no certificate in PEM can be read", conf->tls_cert);
        if (!err && (err = load_key(t, key_path)))
            snprintf(why, why_size, "tls_key: %s: no private key in PEM can be read", key_path);
        if (!err && X509_check_private_key(t->cert[0], t->key) != 1) {
            err = GW_E_MISMATCH;
            snprintf(why, why_size, "tls_key: %s: does not belong to %s", key_path, conf->tls_cert);
        }
    }
    ERR_clear_error();
    if (err)
        gw_ws_tls_free(t);
    else
        *out = t;
    return err;
}

int gw_ws_tls_apply(const struct gw_ws_tls *t, void *ssl_ctx)
{
    SSL_CTX *ctx = ssl_ctx;

    if (gw_tls_profile_apply(ctx, false) != 0)
        return GW_E_CRYPTO;
    SSL_CTX_clear_chain_certs(ctx);
    if (SSL_CTX_use_certificate(ctx, t->cert[0]) != 1 || SSL_CTX_use_PrivateKey(ctx, t->key) != 1)
        return GW_E_CRYPTO;
    for (unsigned i = 1; i < t->ncerts; i++)
        if (!SSL_CTX_add1_chain_cert(ctx, t->cert[i]))
            return GW_E_CRYPTO;
    return 0;
}
