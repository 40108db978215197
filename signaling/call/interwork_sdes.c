/* SDES of a termination: which line is chosen, which lines are offered (RFC 4568 s. 5 and 7, TS 33.328 annex E). Keys
 * are random for each termination and line, and go nowhere but into SDP and Iq (E2A-019). */
#include "signaling/call/interwork_priv.h"

#include "gateway/base/crypto.h"

/* What the access gateway can do. */
static const struct {
    enum gw_sdp_suite sdp;
    enum gw_iq_suite iq;
} suites[] = {
    { GW_SDP_AES_CM_128_HMAC_SHA1_80, GW_IQ_AES_CM_128_HMAC_SHA1_80 },
    { GW_SDP_AES_CM_128_HMAC_SHA1_32, GW_IQ_AES_CM_128_HMAC_SHA1_32 },
    { GW_SDP_AEAD_AES_128_GCM, GW_IQ_AEAD_AES_128_GCM },
    { GW_SDP_AEAD_AES_256_GCM, GW_IQ_AEAD_AES_256_GCM },
    { GW_SDP_AES_256_CM_HMAC_SHA1_80, GW_IQ_AES_256_CM_HMAC_SHA1_80 },
    { GW_SDP_AES_256_CM_HMAC_SHA1_32, GW_IQ_AES_256_CM_HMAC_SHA1_32 },
};

static enum gw_iq_suite iq_suite(enum gw_sdp_suite s)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        if (suites[i].sdp == s)
            return suites[i].iq;
    return GW_IQ_SUITE_NONE;
}

static enum gw_sdp_suite sdp_suite(unsigned s)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        if ((unsigned)suites[i].iq == s)
            return suites[i].sdp;
    return GW_SDP_SUITE_UNKNOWN;
}

static bool is_configured(const struct gw_conf *conf, enum gw_sdp_suite s)
{
    for (unsigned i = 0; i < conf->core_crypto.n; i++)
        if (gw_sdp_suite_of(gw_span_str(conf->core_crypto.v[i])) == s)
            return true;
    return false;
}

static bool has_null(const struct gw_sdp_crypto *c)
{
    return c->is_unencrypted_srtp || c->is_unencrypted_srtcp || c->is_unauthenticated_srtp;
}

/* A line that we can and may use: one key, known parameters, key derivation once (annex C), nothing in clear unless the
 * operator names it (TS 33.328 s. 5.3). */
static bool is_usable(const struct gw_conf *conf, const struct gw_sdp_crypto *c)
{
    return iq_suite(c->suite) && is_configured(conf, c->suite) && c->nkeys == 1 && !c->has_unknown && !c->has_fec &&
           c->kdr == 0 && (!has_null(c) || conf->srtp_null) && c->keys[0].mki <= UINT32_MAX;
}

static void to_iq(const struct gw_sdp_crypto *c, struct gw_iq_crypto *out)
{
    memset(out, 0, sizeof(*out));
    out->suite = (uint16_t)iq_suite(c->suite);
    out->key_len = (uint8_t)c->keys[0].len;
    memcpy(out->key, c->keys[0].key, c->keys[0].len);
    out->mki = (uint32_t)c->keys[0].mki;
    out->mki_len = c->keys[0].mki_len;
    out->wsh = c->wsh;
    out->is_unencrypted_srtp = c->is_unencrypted_srtp;
    out->is_unencrypted_srtcp = c->is_unencrypted_srtcp;
    out->is_unauthenticated_srtp = c->is_unauthenticated_srtp;
}

static int refuse(struct gw_sdp_refusal *why)
{
    ms_refuse(why, 488, 399, "No acceptable crypto line");
    return GW_E_UNSUPPORTED;
}

/* A key that came before stays one context, whatever its text looks like (specs 4.5). */
static bool is_same_key(const struct gw_iq_crypto *a, const struct gw_iq_crypto *b)
{
    return a->suite == b->suite && a->key_len == b->key_len && gw_crypto_eq(a->key, b->key, a->key_len) &&
           a->mki == b->mki && a->mki_len == b->mki_len;
}

int ms_sdes_offer(struct gw_ms *ms, struct ms_term *t, const struct gw_sdp_media *m, struct gw_sdp_refusal *why)
{
    struct gw_sdp_crypto c = { 0 }, found = { 0 };
    struct gw_iq_crypto remote;
    struct gw_span value;
    unsigned pos = 0;

    while (!found.tag && gw_sdp_attr(&m->section, "crypto", &pos, &value))
        if (gw_sdp_parse_crypto(value, &c) == 0 && is_usable(ms->conf, &c))
            found = c;
    if (!found.tag)
        return refuse(why);
    to_iq(&found, &remote);
    if (!is_same_key(&remote, &t->want.remote) || t->want.local.suite != remote.suite) {
        struct gw_iq_crypto *local = &t->want.local;

        memset(local, 0, sizeof(*local));
        local->suite = remote.suite;
        local->key_len = remote.key_len;
        gw_rand_bytes(local->key, local->key_len);
    }
    t->want.local.is_unencrypted_srtp = remote.is_unencrypted_srtp; /* declared for both directions (s. 6.3) */
    t->want.local.is_unencrypted_srtcp = remote.is_unencrypted_srtcp;
    t->want.local.is_unauthenticated_srtp = remote.is_unauthenticated_srtp;
    t->want.remote = remote;
    t->crypto_tag = found.tag;
    t->noffered = 0;
    explicit_bzero(&c, sizeof(c));
    explicit_bzero(&found, sizeof(found));
    explicit_bzero(&remote, sizeof(remote));
    return 0;
}

int ms_sdes_answer(struct gw_ms *ms, struct ms_term *t, const struct gw_sdp_media *m, struct gw_sdp_refusal *why)
{
    const struct ms_offered *ours = NULL;
    struct gw_sdp_crypto c;
    struct gw_iq_crypto *local = &t->want.local;
    struct gw_span value;
    unsigned pos = 0;

    if (!gw_sdp_attr(&m->section, "crypto", &pos, &value) || gw_sdp_parse_crypto(value, &c))
        return refuse(why);
    for (unsigned i = 0; i < t->noffered; i++)
        if (t->offered[i].tag == c.tag)
            ours = &t->offered[i];
    /* the tag and suite of one of our lines, and no parameter that we did not offer (s. 5.1.3; SDP-020) */
    if (!ours || ours->suite != c.suite || !is_usable(ms->conf, &c) || has_null(&c)) {
        explicit_bzero(&c, sizeof(c));
        return refuse(why);
    }
    memset(local, 0, sizeof(*local));
    local->suite = (uint16_t)iq_suite(c.suite);
    local->key_len = (uint8_t)gw_sdp_suite_key_len(c.suite);
    memcpy(local->key, ours->key, local->key_len);
    to_iq(&c, &t->want.remote);
    t->crypto_tag = c.tag;
    explicit_bzero(&c, sizeof(c));
    return 0;
}

void ms_sdes_out(struct gw_ms *ms, struct ms_term *t)
{
    const gw_conf_list *list = &ms->conf->core_crypto;

    if (t->noffered)
        return;                /* a key is never changed on purpose (E2A-017) */
    if (t->want.local.suite) { /* the peer offered once, and we chose: offer that context again (TS 33.328 s. 7.4) */
        struct ms_offered *o = &t->offered[t->noffered++];
        o->tag = t->crypto_tag;
        o->suite = (uint8_t)sdp_suite(t->want.local.suite);
        memcpy(o->key, t->want.local.key, t->want.local.key_len);
        return;
    }
    for (unsigned i = 0; i < list->n && t->noffered < MS_SUITES; i++) {
        enum gw_sdp_suite suite = gw_sdp_suite_of(gw_span_str(list->v[i]));
        struct ms_offered *o = &t->offered[t->noffered];

        if (!iq_suite(suite))
            continue;
        o->tag = ++t->noffered;
        o->suite = (uint8_t)suite;
        gw_rand_bytes(o->key, gw_sdp_suite_key_len(suite));
    }
}

void ms_sdes_clear(struct ms_term *t)
{
    t->noffered = 0;
    t->crypto_tag = 0;
    explicit_bzero(t->offered, sizeof(t->offered));
    explicit_bzero(&t->want.local, sizeof(t->want.local));
    explicit_bzero(&t->want.remote, sizeof(t->want.remote));
}

void ms_sdes_write(struct gw_sdp_buf *b, const struct ms_term *t, bool is_offer)
{
    struct gw_sdp_crypto c = { .nkeys = 1 };
    const struct gw_iq_crypto *local = &t->want.local;

    for (unsigned i = 0; is_offer && i < t->noffered; i++) {
        c.tag = t->offered[i].tag;
        c.suite = (enum gw_sdp_suite)t->offered[i].suite;
        c.keys[0].len = gw_sdp_suite_key_len(c.suite);
        memcpy(c.keys[0].key, t->offered[i].key, c.keys[0].len);
        gw_sdp_write_crypto(b, &c);
    }
    if (!is_offer) {
        c.tag = t->crypto_tag;
        c.suite = sdp_suite(local->suite);
        c.keys[0].len = local->key_len;
        memcpy(c.keys[0].key, local->key, local->key_len);
        c.is_unencrypted_srtp = local->is_unencrypted_srtp;
        c.is_unencrypted_srtcp = local->is_unencrypted_srtcp;
        c.is_unauthenticated_srtp = local->is_unauthenticated_srtp;
        gw_sdp_write_crypto(b, &c);
    }
    explicit_bzero(&c, sizeof(c));
}
