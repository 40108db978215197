/* DTLS and SRTP keys of a termination. */
#include <openssl/crypto.h>
#include <stdio.h>

#include "gateway/base/log.h"
#include "gateway/media/data.h"
#include "gateway/media/fax.h"

static struct gw_worker *worker_of(const struct gw_termination *t)
{
    return t->cx->w;
}

void gw_secure_log_once(struct gw_termination *t, unsigned bit, const char *what)
{
    if (t->logged & bit)
        return;
    t->logged |= bit;
    gw_log(GW_LOG_WARNING, "media", t->cx->call, "term=%u %s", t->id, what);
}

/* ---- keys ---- */

static void drop_keys(struct gw_termination *t)
{
    gw_srtp_session_free(t->rx);
    gw_srtp_session_free(t->tx);
    t->rx = t->tx = NULL;
}

/* The old keys serve until here (RFC 8842 s. 5). */
static int install_keys(struct gw_termination *t, const struct gw_dtls_keys *k)
{
    struct gw_iq_crypto c = { .suite = k->suite, .key_len = k->key_len };
    struct gw_srtp_session *rx = NULL, *tx = NULL;
    int err;

    memcpy(c.key, k->remote, sizeof(c.key));
    err = gw_srtp_session_new(GW_SRTP_RECV, &c, GW_SRTP_FAST, &rx);
    memcpy(c.key, k->local, sizeof(c.key));
    if (!err)
        err = gw_srtp_session_new(GW_SRTP_SEND, &c, GW_SRTP_FAST, &tx);
    OPENSSL_cleanse(&c, sizeof(c));
    if (err) {
        gw_srtp_session_free(rx);
        return err;
    }
    drop_keys(t);
    t->rx = rx;
    t->tx = tx;
    t->dtls_suite = k->suite;
    return 0;
}

static bool crypto_eq(const struct gw_iq_crypto *a, const struct gw_iq_crypto *b)
{
    return a->suite == b->suite && a->key_len == b->key_len && memcmp(a->key, b->key, sizeof(a->key)) == 0 &&
           a->is_unencrypted_srtp == b->is_unencrypted_srtp && a->is_unencrypted_srtcp == b->is_unencrypted_srtcp &&
           a->is_unauthenticated_srtp == b->is_unauthenticated_srtp && a->mki_len == b->mki_len && a->mki == b->mki &&
           a->wsh == b->wsh;
}

/* An unchanged line leaves roll-over counter and replay window alone (TS 33.328 s. 7.4). */
static int apply_sdes(struct gw_srtp_session **s, enum gw_srtp_direction dir, const struct gw_iq_crypto *was,
                      const struct gw_iq_crypto *want)
{
    struct gw_srtp_session *fresh = NULL;
    int err;

    if (want->suite == GW_IQ_SUITE_NONE || (*s && crypto_eq(was, want)))
        return 0;
    err = gw_srtp_session_new(dir, want, GW_SRTP_FAST, &fresh);
    if (err)
        return err;
    gw_srtp_session_free(*s);
    *s = fresh;
    return 0;
}

/* ---- DTLS ---- */

static void on_dtls_send(void *arg, struct gw_span datagram)
{
    struct gw_termination *t = arg;

    if (t->has_ice)
        gw_worker_send_copy(worker_of(t), t->dtls_family, &t->dtls_to, datagram);
    else
        (void)gw_termination_send_datagram(t, datagram); /* lost, as on the way: it will be repeated */
}

static void handshake_ended(struct gw_termination *t)
{
    if (!t->is_handshaking)
        return;
    t->is_handshaking = false;
    worker_of(t)->handshakes--;
    gw_stats_add(GW_STAT_HANDSHAKES, -1);
}

static void end_dtls(struct gw_termination *t)
{
    gw_data_dtls_down(t);
    handshake_ended(t);
    gw_timer_stop(worker_of(t)->loop, &t->dtls_timer);
    gw_dtls_free(t->dtls);
    t->dtls = NULL;
    t->is_keyed = false;
}

static void dtls_failed(struct gw_termination *t, int cause)
{
    bool was_up = t->rx != NULL;

    gw_stats_inc(cause == GW_E_MISMATCH  ? GW_STAT_DTLS_MISMATCH
                 : cause == GW_E_TIMEOUT ? GW_STAT_DTLS_TIMEOUT
                                         : GW_STAT_DTLS_FAILED);
    gw_log(GW_LOG_WARNING, "dtls", t->cx->call, "term=%u %s, no media%s", t->id,
           cause == GW_E_MISMATCH ? "fingerprint mismatch" : gw_err_text(cause), was_up ? " any more" : "");
    end_dtls(t);
    drop_keys(t);
    gw_stream_drop_held(t);
    t->is_dtls_over = true;
    gw_worker_notify(t->cx, GW_IQ_DTLS_FAILED, t->id, 0, cause);
}

/* Data channels alone need none, nor does a fax; of a bundle without anything yet the streams may still come. */
static bool needs_srtp(const struct gw_termination *t)
{
    for (unsigned i = 0; i < t->nstreams; i++)
        if (t->streams[i]->conf.kind != GW_IQ_IMAGE)
            return true;
    return t->nstreams == 0 && !t->conf.has_sctp && t->realm == GW_IQ_ACCESS;
}

/* What became of the association since the last look, and when to look again. */
static void after_dtls(struct gw_termination *t)
{
    struct gw_dtls_keys k;
    int err;

    switch (gw_dtls_state(t->dtls)) {
    case GW_DTLS_FAILED:
        dtls_failed(t, gw_dtls_cause(t->dtls));
        return;
    case GW_DTLS_CLOSED: /* the peer hangs up; signalling will say so too */
        gw_log(GW_LOG_INFO, "dtls", t->cx->call, "term=%u closed by the peer", t->id);
        end_dtls(t);
        t->is_dtls_over = true;
        return;
    case GW_DTLS_UNVERIFIED:
        handshake_ended(t);
        break;
    case GW_DTLS_UP:
        if (t->is_keyed)
            break;
        handshake_ended(t);
        err = gw_dtls_keys(t->dtls, &k);
        if (!err)
            err = install_keys(t, &k);
        else if (err == GW_E_NOTFOUND && !needs_srtp(t))
            err = 0;
        OPENSSL_cleanse(&k, sizeof(k));
        if (err) {
            dtls_failed(t, err);
            return;
        }
        t->is_keyed = true;
        gw_stats_inc(GW_STAT_DTLS_UP);
        gw_log(GW_LOG_INFO, "dtls", t->cx->call, "term=%u up as %s, %s", t->id,
               gw_dtls_is_client(t->dtls) ? "client" : "server", gw_dtls_profile_name(t->dtls_suite));
        gw_worker_notify(t->cx, GW_IQ_DTLS_UP, t->id, 0, 0);
        gw_stream_release_held(t);
        gw_data_dtls_up(t);
        break;
    default:
        break;
    }
    if (gw_dtls_deadline_us(t->dtls) == GW_NEVER)
        gw_timer_stop(worker_of(t)->loop, &t->dtls_timer);
    else if (gw_timer_start(worker_of(t)->loop, &t->dtls_timer, gw_dtls_deadline_us(t->dtls)) != 0)
        dtls_failed(t, GW_E_NOMEM);
}

static void on_dtls_timer(void *arg)
{
    struct gw_termination *t = arg;

    if (!t->dtls)
        return;
    worker_of(t)->now_us = gw_loop_now_us(worker_of(t)->loop);
    gw_dtls_expire(t->dtls, worker_of(t)->now_us);
    after_dtls(t);
}

static void on_dtls_data(void *arg, struct gw_span record)
{
    struct gw_termination *t = arg;

    if (gw_fax_is(t))
        (void)gw_fax_input(t, record);
    else if (t->realm == GW_IQ_CORE)
        (void)gw_data_datagram(t, record);
    else
        gw_data_record(t, record);
}

/* False: too many at once; the peer will try again, or we when it is next heard of. */
static bool begin_dtls(struct gw_termination *t, bool is_client)
{
    struct gw_worker *w = worker_of(t);
    bool is_srtp = needs_srtp(t);
    struct gw_dtls_config c = { t->identity, is_client, is_srtp, on_dtls_send, on_dtls_data, t };

    if (w->handshakes >= (unsigned)w->conf->media_handshakes) {
        gw_stats_inc(GW_STAT_DTLS_REFUSED);
        gw_secure_log_once(t, GW_LOGGED_BUSY, "dtls: too many handshakes at once, waiting");
        return false;
    }
    if (gw_dtls_new(&c, &t->dtls) != 0)
        return false;
    t->is_handshaking = true;
    w->handshakes++;
    gw_stats_inc(GW_STAT_HANDSHAKES);
    gw_dtls_set_fingerprints(t->dtls, t->conf.fingerprints, t->conf.nfingerprints);
    gw_dtls_start(t->dtls, w->now_us);
    after_dtls(t);
    return t->dtls != NULL;
}

void gw_secure_begin(struct gw_termination *t)
{
    bool has_address = t->has_ice ? t->has_selected : t->rtp.remote.family != 0;

    if (t->security != GW_IQ_DTLS || t->dtls || t->is_dtls_over || t->conf.setup != GW_IQ_SETUP_ACTIVE || !has_address)
        return;
    t->dtls_to = t->selected;
    t->dtls_family = t->family;
    begin_dtls(t, true);
}

void gw_secure_dtls(struct gw_termination *t, unsigned family, const union gw_sockaddr *from, struct gw_pkt *p)
{
    struct gw_span g = { p->buf, p->len };

    if (t->security != GW_IQ_DTLS || t->is_dtls_over) {
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_DTLS);
        return;
    }
    if (!t->has_selected) { /* before a nomination: answer where it came from, which has passed a check */
        t->dtls_to = *from;
        t->dtls_family = (uint8_t)family;
    }
    if (!t->dtls && (!gw_dtls_is_client_hello(g) || t->conf.setup == GW_IQ_SETUP_ACTIVE || !begin_dtls(t, false))) {
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_DTLS);
        return;
    }
    gw_stats_inc(gw_dtls_input(t->dtls, g, worker_of(t)->now_us) == 0 ? GW_STAT_MEDIA_HANDLED_DTLS
                                                                      : GW_STAT_MEDIA_DROPPED_DTLS);
    after_dtls(t);
}

/* ---- life ---- */

void gw_secure_init(struct gw_termination *t, const struct gw_iq_term *in)
{
    gw_timer_init(&t->dtls_timer, on_dtls_timer, t);
    if (in->security == GW_IQ_DTLS || in->security == GW_IQ_TLS)
        t->identity = gw_identities_get(worker_of(t)->ids);
}

static void apply_dtls(struct gw_termination *t, const struct gw_iq_term *in)
{
    bool is_new = in->dtls_generation != t->conf.dtls_generation;
    bool is_client = in->setup == GW_IQ_SETUP_ACTIVE;

    /* A role that signalling decided otherwise than an early ClientHello made us assume: that handshake is void. An
     * association that is up keeps its roles (RFC 8842 s. 5.5). */
    if (t->dtls && gw_dtls_state(t->dtls) != GW_DTLS_UP && in->nfingerprints && gw_dtls_is_client(t->dtls) != is_client)
        is_new = true;
    if (is_new) {
        end_dtls(t); /* its keys serve until the new ones are there */
        t->is_dtls_over = false;
    }
    t->conf.setup = in->setup;
    t->conf.dtls_generation = in->dtls_generation;
    if (in->nfingerprints || is_new) {
        t->conf.nfingerprints = in->nfingerprints;
        memcpy(t->conf.fingerprints, in->fingerprints, sizeof(in->fingerprints));
    }
    if (t->dtls) {
        gw_dtls_set_fingerprints(t->dtls, t->conf.fingerprints, t->conf.nfingerprints);
        after_dtls(t);
    }
    if (!t->dtls)
        gw_secure_begin(t);
}

/* Only kept: whoever has the connection gives it on (data.c). */
static void apply_tls(struct gw_termination *t, const struct gw_iq_term *in)
{
    t->conf.setup = in->setup;
    if (!in->nfingerprints)
        return;
    t->conf.nfingerprints = in->nfingerprints;
    memcpy(t->conf.fingerprints, in->fingerprints, sizeof(in->fingerprints));
}

void gw_secure_apply(struct gw_termination *t, const struct gw_iq_term *in)
{
    int err = 0;

    if (t->security == GW_IQ_DTLS)
        apply_dtls(t, in);
    if (t->security == GW_IQ_TLS)
        apply_tls(t, in);
    if (t->security != in->security) { /* plain and SDES may change into one another */
        drop_keys(t);
        t->security = in->security;
    }
    if (t->security == GW_IQ_SDES) {
        err = apply_sdes(&t->tx, GW_SRTP_SEND, &t->conf.local, &in->local);
        if (!err)
            err = apply_sdes(&t->rx, GW_SRTP_RECV, &t->conf.remote, &in->remote);
        if (err)
            gw_log(GW_LOG_ERROR, "srtp", t->cx->call, "term=%u keys: %s", t->id, gw_err_text(err));
    }
}

void gw_secure_fini(struct gw_termination *t)
{
    if (t->dtls) {
        gw_dtls_close(t->dtls); /* close_notify */
        end_dtls(t);
    }
    drop_keys(t);
    gw_stream_drop_held(t);
    gw_dtls_identity_unref(t->identity);
}

const char *gw_secure_name(const struct gw_termination *t, char *buf, size_t size)
{
    const struct gw_srtp_suite *suite = t->tx ? gw_srtp_session_suite(t->tx) : NULL;

    if (t->security == GW_IQ_PLAIN)
        snprintf(buf, size, "none");
    else if (t->security == GW_IQ_DTLS && !needs_srtp(t))
        snprintf(buf, size, "DTLS");
    else if (t->security == GW_IQ_TLS)
        snprintf(buf, size, "TLS %s", t->tcp ? gw_tcp_cipher(t->tcp) : "");
    else
        snprintf(buf, size, "%s %s", t->security == GW_IQ_DTLS ? "DTLS-SRTP" : "SDES",
                 suite ? suite->name : "without keys");
    return buf;
}
