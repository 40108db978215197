#include "tests/peers/webrtc_client.h"

#include <agent.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

struct wc_inner {
    GMainContext *loop;
    NiceAgent *agent;
    guint stream;
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;
    srtp_t rx, tx;
    struct wc_options o;
    unsigned dice;
};

/* ---- certificate ---- */

static int accept_any(X509_STORE_CTX *s, void *arg)
{
    (void)s, (void)arg;
    return 1;
}

static void make_cert(struct wc *c)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    unsigned n;

    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"client", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    X509_digest(x, EVP_sha256(), c->fingerprint, &n);
    SSL_CTX_use_certificate(c->in->ctx, x);
    SSL_CTX_use_PrivateKey(c->in->ctx, key);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* ---- DTLS ---- */

static void pump_out(struct wc *c)
{
    uint8_t buf[8192];
    int n;

    while ((n = BIO_read(c->in->out, buf, sizeof(buf))) > 0) {
        c->in->dice = c->in->dice * 1103515245u + 12345u;
        if (c->lose_of_10 && (c->in->dice >> 16) % 10 < c->lose_of_10)
            continue;
        /* the BIO runs records together; each is a datagram of its own */
        for (int at = 0; at + 13 <= n;) {
            int len = 13 + (buf[at + 11] << 8 | buf[at + 12]);
            nice_agent_send(c->in->agent, c->in->stream, 1, (guint)len, (const gchar *)buf + at);
            at += len;
        }
    }
}

static void take_keys(struct wc *c)
{
    SRTP_PROTECTION_PROFILE *p = SSL_get_selected_srtp_profile(c->in->ssl);
    X509 *cert = SSL_get1_peer_certificate(c->in->ssl);
    srtp_policy_t policy;
    uint8_t m[128], local[64], remote[64];
    size_t key, salt;
    srtp_profile_t profile;
    unsigned n;

    if (!p || !cert) {
        c->is_dtls_failed = true;
        X509_free(cert);
        return;
    }
    X509_digest(cert, EVP_sha256(), c->peer_fingerprint, &n);
    X509_free(cert);
    strncpy(c->profile, p->name, sizeof(c->profile) - 1);
    profile = (srtp_profile_t)p->id;
    key = srtp_profile_get_master_key_length(profile);
    salt = srtp_profile_get_master_salt_length(profile);
    SSL_export_keying_material(c->in->ssl, m, 2 * (key + salt), "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0);
    memcpy(c->in->o.is_dtls_client ? local : remote, m, key);
    memcpy(c->in->o.is_dtls_client ? remote : local, m + key, key);
    memcpy((c->in->o.is_dtls_client ? local : remote) + key, m + 2 * key, salt);
    memcpy((c->in->o.is_dtls_client ? remote : local) + key, m + 2 * key + salt, salt);
    memset(&policy, 0, sizeof(policy));
    srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile);
    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile);
    policy.window_size = 128;
    policy.allow_repeat_tx = 1;
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = local;
    srtp_create(&c->in->tx, &policy);
    policy.ssrc.type = ssrc_any_inbound;
    policy.key = remote;
    srtp_create(&c->in->rx, &policy);
    c->is_dtls_up = true;
}

static void pump_dtls(struct wc *c)
{
    uint8_t buf[2048];
    int ret;

    if (!c->in->ssl || c->is_dtls_failed)
        return;
    if (!c->is_dtls_up) {
        ret = SSL_do_handshake(c->in->ssl);
        if (ret == 1)
            take_keys(c);
        else if (SSL_get_error(c->in->ssl, ret) == SSL_ERROR_SSL)
            c->is_dtls_failed = true;
    } else {
        while ((ret = SSL_read(c->in->ssl, buf, sizeof(buf))) > 0)
            if (c->on_data)
                c->on_data(c->arg, buf, (size_t)ret);
        if (ret <= 0 && SSL_get_error(c->in->ssl, ret) != SSL_ERROR_WANT_READ)
            c->is_dtls_failed = true; /* also close_notify */
    }
    ERR_clear_error();
    pump_out(c);
}

bool wc_send_data(struct wc *c, const void *p, size_t len)
{
    int ret = c->is_dtls_up ? SSL_write(c->in->ssl, p, (int)len) : 0;

    ERR_clear_error();
    pump_out(c);
    return ret == (int)len;
}

void wc_start_dtls(struct wc *c)
{
    struct wc_inner *in = c->in;

    if (in->ssl)
        return;
    in->ssl = SSL_new(in->ctx);
    in->in = BIO_new(BIO_s_mem());
    in->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in->in, -1);
    SSL_set_bio(in->ssl, in->in, in->out);
    SSL_set_mtu(in->ssl, 1200);
    if (in->o.is_dtls_client)
        SSL_set_connect_state(in->ssl);
    else
        SSL_set_accept_state(in->ssl);
    pump_dtls(c);
}

/* ---- ICE ---- */

static void on_packet(NiceAgent *agent, guint stream, guint component, guint len, gchar *buf, gpointer arg)
{
    struct wc *c = arg;
    struct wc_packet p = { .len = len };
    uint8_t first = (uint8_t)buf[0];
    int n = (int)len;

    (void)agent, (void)stream, (void)component;
    if (len > sizeof(p.octets))
        return;
    memcpy(p.octets, buf, len);
    if (first >= 20 && first <= 63) {
        if (!c->in->ssl)
            wc_start_dtls(c);
        BIO_write(c->in->in, buf, n);
        pump_dtls(c);
        return;
    }
    if (first < 128 || first > 191)
        return;
    if (!c->in->rx) {
        c->nbad++;
    } else if (p.octets[1] >= 192 && p.octets[1] <= 223) {
        if (srtp_unprotect_rtcp(c->in->rx, p.octets, &n) == srtp_err_status_ok) {
            p.len = (size_t)n;
            c->rtcp = p;
            c->nrtcp++;
        } else {
            c->nbad++;
        }
    } else if (srtp_unprotect(c->in->rx, p.octets, &n) == srtp_err_status_ok) {
        p.len = (size_t)n;
        c->rtp = p;
        c->nrtp++;
    } else {
        c->nbad++;
    }
}

static void on_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer arg)
{
    struct wc *c = arg;

    (void)agent, (void)stream, (void)component;
    if (state == NICE_COMPONENT_STATE_READY) {
        c->is_ice_ready = true;
        if (!c->in->o.keeps_dtls_back && c->in->o.is_dtls_client)
            wc_start_dtls(c);
    } else if (state == NICE_COMPONENT_STATE_FAILED) {
        c->is_ice_failed = true;
    }
}

static void read_credentials(struct wc *c)
{
    gchar *ufrag = NULL, *pwd = NULL;

    nice_agent_get_local_credentials(c->in->agent, c->in->stream, &ufrag, &pwd);
    strncpy(c->ufrag, ufrag, sizeof(c->ufrag) - 1);
    strncpy(c->pwd, pwd, sizeof(c->pwd) - 1);
    g_free(ufrag);
    g_free(pwd);
}

struct wc *wc_new(const struct wc_options *o)
{
    static bool has_srtp;
    struct wc *c = calloc(1, sizeof(*c));
    struct wc_inner *in = c->in = calloc(1, sizeof(*in));
    NiceAddress *a = nice_address_new();

    if (!has_srtp)
        srtp_init();
    has_srtp = true;
    in->o = *o;
    in->dice = 1;
    in->ctx = SSL_CTX_new(DTLS_method());
    SSL_CTX_set_verify(in->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(in->ctx, accept_any, NULL);
    SSL_CTX_set_options(in->ctx, SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_tlsext_use_srtp(in->ctx, o->profiles ? o->profiles : "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80");
    make_cert(c);

    in->loop = g_main_context_new();
    in->agent = nice_agent_new(in->loop, NICE_COMPATIBILITY_RFC5245);
    g_object_set(in->agent, "controlling-mode", TRUE, "upnp", FALSE, "ice-tcp", FALSE, "keepalive-conncheck", TRUE,
                 NULL);
    nice_address_set_from_string(a, o->is_ipv6 ? "::1" : "127.0.0.1");
    nice_agent_add_local_address(in->agent, a);
    nice_address_free(a);
    in->stream = nice_agent_add_stream(in->agent, 1);
    nice_agent_attach_recv(in->agent, in->stream, 1, in->loop, on_packet, c);
    g_signal_connect(in->agent, "component-state-changed", G_CALLBACK(on_state), c);
    nice_agent_gather_candidates(in->agent, in->stream);
    read_credentials(c);
    return c;
}

void wc_restart(struct wc *c)
{
    nice_agent_restart_stream(c->in->agent, c->in->stream);
    c->is_ice_ready = false;
    read_credentials(c);
}

void wc_set_remote(struct wc *c, const char *ufrag, const char *pwd, const char *ip, unsigned port)
{
    NiceCandidate *k = nice_candidate_new(NICE_CANDIDATE_TYPE_HOST);
    GSList *list;

    nice_agent_set_remote_credentials(c->in->agent, c->in->stream, ufrag, pwd);
    k->stream_id = c->in->stream;
    k->component_id = 1;
    k->transport = NICE_CANDIDATE_TRANSPORT_UDP;
    k->priority = 2130706431;
    strcpy(k->foundation, "1");
    nice_address_set_from_string(&k->addr, ip);
    nice_address_set_port(&k->addr, port);
    list = g_slist_append(NULL, k);
    nice_agent_set_remote_candidates(c->in->agent, c->in->stream, 1, list);
    g_slist_free(list);
    nice_candidate_free(k);
}

void wc_free(struct wc *c)
{
    if (!c)
        return;
    nice_agent_attach_recv(c->in->agent, c->in->stream, 1, c->in->loop, NULL, NULL);
    nice_agent_remove_stream(c->in->agent, c->in->stream);
    g_object_unref(c->in->agent);
    while (g_main_context_iteration(c->in->loop, FALSE))
        ;
    g_main_context_unref(c->in->loop);
    if (c->in->rx)
        srtp_dealloc(c->in->rx);
    if (c->in->tx)
        srtp_dealloc(c->in->tx);
    SSL_free(c->in->ssl);
    SSL_CTX_free(c->in->ctx);
    free(c->in);
    free(c);
}

/* ---- running ---- */

static gboolean on_time(gpointer arg)
{
    (void)arg;
    return G_SOURCE_CONTINUE;
}

bool wc_run_count(struct wc *c, const unsigned *count, unsigned n, unsigned ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;
    GSource *tick = g_timeout_source_new(5); /* so that an iteration ends even when nothing comes */

    g_source_set_callback(tick, on_time, NULL, NULL);
    g_source_attach(tick, c->in->loop);
    while ((!count || *count < n) && g_get_monotonic_time() < end) {
        g_main_context_iteration(c->in->loop, TRUE);
        if (c->in->ssl && DTLSv1_handle_timeout(c->in->ssl) != 0)
            pump_dtls(c);
    }
    g_source_destroy(tick);
    g_source_unref(tick);
    return count && *count >= n;
}

bool wc_run_until(struct wc *c, const bool *flag, unsigned ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;

    while (!*flag && g_get_monotonic_time() < end)
        wc_run_count(c, NULL, 0, 5);
    return *flag;
}

void wc_run(struct wc *c, unsigned ms)
{
    wc_run_count(c, NULL, 0, ms);
}

bool wc_send_raw(struct wc *c, const void *p, size_t len)
{
    return nice_agent_send(c->in->agent, c->in->stream, 1, (guint)len, p) == (gint)len;
}

bool wc_protect(struct wc *c, const void *p, size_t len, struct wc_packet *out)
{
    int n = (int)len;

    memcpy(out->octets, p, len);
    if (!c->in->tx || srtp_protect(c->in->tx, out->octets, &n) != srtp_err_status_ok)
        return false;
    out->len = (size_t)n;
    return true;
}

bool wc_send_rtp(struct wc *c, const void *p, size_t len)
{
    struct wc_packet out;

    return wc_protect(c, p, len, &out) && wc_send_raw(c, out.octets, out.len);
}

bool wc_send_rtcp(struct wc *c, const void *p, size_t len)
{
    struct wc_packet out;
    int n = (int)len;

    memcpy(out.octets, p, len);
    if (!c->in->tx || srtp_protect_rtcp(c->in->tx, out.octets, &n) != srtp_err_status_ok)
        return false;
    return wc_send_raw(c, out.octets, (size_t)n);
}
