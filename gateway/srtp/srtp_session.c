/* What both engines share: suites, parameters, life cycle, dispatch. */
#include "gateway/srtp/srtp_session.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "gateway/rtp/rtp.h"
#include "gateway/srtp/srtp_priv.h"

static const struct gw_srtp_suite suites[] = {
    /* id                            name                       key salt rtp rtcp aead */
    { GW_IQ_AES_CM_128_HMAC_SHA1_80, "AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10, false },
    { GW_IQ_AES_CM_128_HMAC_SHA1_32, "AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10, false },
    { GW_IQ_AES_256_CM_HMAC_SHA1_80, "AES_256_CM_HMAC_SHA1_80", 32, 14, 10, 10, false },
    { GW_IQ_AES_256_CM_HMAC_SHA1_32, "AES_256_CM_HMAC_SHA1_32", 32, 14, 4, 10, false },
    { GW_IQ_AEAD_AES_128_GCM, "AEAD_AES_128_GCM", 16, 12, 16, 16, true },
    { GW_IQ_AEAD_AES_256_GCM, "AEAD_AES_256_GCM", 32, 12, 16, 16, true },
};

const struct gw_srtp_suite *gw_srtp_suite_find(uint16_t id)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        if (suites[i].id == id)
            return &suites[i];
    return NULL;
}

int gw_srtp_session_new(enum gw_srtp_direction dir, const struct gw_iq_crypto *c, enum gw_srtp_engine engine,
                        struct gw_srtp_session **out)
{
    const struct gw_srtp_suite *suite = gw_srtp_suite_find(c->suite);
    size_t table = engine == GW_SRTP_FAST ? gw_srtp_table_size(c->wsh) : 0;
    struct gw_srtp_keys rtp, rtcp;
    struct gw_srtp_session *s;
    int err;

    if (!suite || (suite->is_aead && (c->is_unencrypted_srtp || c->is_unauthenticated_srtp)))
        return GW_E_UNSUPPORTED;
    if (c->key_len != suite->key_len + suite->salt_len || c->mki_len > GW_SRTP_MKI_MAX)
        return GW_E_INVAL;
    s = calloc(1, sizeof(*s) + table);
    if (!s)
        return GW_E_NOMEM;
    s->suite = suite;
    s->dir = (uint8_t)dir;
    s->engine = (uint8_t)engine;
    s->is_encrypted_rtp = !c->is_unencrypted_srtp;
    s->is_encrypted_rtcp = !c->is_unencrypted_srtcp;
    s->is_authenticated_rtp = !c->is_unauthenticated_srtp;
    s->mki_len = c->mki_len;
    s->mki = c->mki;
    if (engine == GW_SRTP_FAST)
        gw_srtp_table_init(&s->table, c->wsh, s + 1);
    s->ops = engine == GW_SRTP_LIB ? &gw_srtp_lib : suite->is_aead ? &gw_srtp_fast_gcm : &gw_srtp_fast_cm;
    err = gw_srtp_derive(suite, c->key, false, &rtp);
    if (!err)
        err = gw_srtp_derive(suite, c->key, true, &rtcp);
    if (!err)
        err = s->ops->open(s, c, &rtp, &rtcp);
    OPENSSL_cleanse(&rtp, sizeof(rtp));
    OPENSSL_cleanse(&rtcp, sizeof(rtcp));
    if (!err) {
        *out = s;
        s = NULL; /* the caller's */
    }
    gw_srtp_session_free(s);
    return err;
}

void gw_srtp_session_free(struct gw_srtp_session *s)
{
    if (!s)
        return;
    s->ops->close(s);
    OPENSSL_cleanse(s, sizeof(*s));
    free(s);
}

int gw_srtp_protect_rtp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size)
{
    return s->dir != GW_SRTP_SEND ? GW_E_STATE : s->ops->protect_rtp(s, pkt, len, size);
}

int gw_srtp_unprotect_rtp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len)
{
    return s->dir != GW_SRTP_RECV ? GW_E_STATE : s->ops->unprotect_rtp(s, pkt, len);
}

/* SRTCP leaves the first header and SSRC of a compound in the clear. */
static int check_rtcp(const uint8_t *pkt, size_t len)
{
    return len < 8 ? GW_E_SHORT : pkt[0] >> 6 != 2 ? GW_E_TYPE : 0;
}

int gw_srtp_protect_rtcp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size)
{
    int err = check_rtcp(pkt, *len);

    return err ? err : s->dir != GW_SRTP_SEND ? GW_E_STATE : s->ops->protect_rtcp(s, pkt, len, size);
}

int gw_srtp_unprotect_rtcp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len)
{
    int err = check_rtcp(pkt, *len);

    return err ? err : s->dir != GW_SRTP_RECV ? GW_E_STATE : s->ops->unprotect_rtcp(s, pkt, len);
}

unsigned gw_srtp_session_sources(const struct gw_srtp_session *s)
{
    return s->table.n;
}

int gw_srtp_session_read_source(const struct gw_srtp_session *s, unsigned i, struct gw_srtp_source *out)
{
    return s->engine == GW_SRTP_FAST ? gw_srtp_table_read(&s->table, i, out) : GW_E_UNSUPPORTED;
}

int gw_srtp_session_write_source(struct gw_srtp_session *s, const struct gw_srtp_source *in)
{
    return s->engine == GW_SRTP_FAST ? gw_srtp_table_write(&s->table, in) : GW_E_UNSUPPORTED;
}

const struct gw_srtp_suite *gw_srtp_session_suite(const struct gw_srtp_session *s)
{
    return s->suite;
}

void gw_srtp_mki_write(const struct gw_srtp_session *s, uint8_t *at)
{
    for (unsigned i = 0; i < s->mki_len; i++) {
        unsigned from_end = s->mki_len - 1u - i;
        at[i] = from_end < 4 ? (uint8_t)(s->mki >> 8 * from_end) : 0;
    }
}

bool gw_srtp_mki_is(const struct gw_srtp_session *s, const uint8_t *at)
{
    uint8_t mki[GW_SRTP_MKI_MAX];

    gw_srtp_mki_write(s, mki);
    return memcmp(mki, at, s->mki_len) == 0;
}
