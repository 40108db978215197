/* LIB engine: libsrtp2, the only file with it. Slower as Debian builds it (on NSS), it allocates for every new source
 * and does not tell its replay window; it is here as a second opinion, and for whoever wants it. */
#include <pthread.h>
#include <srtp2/crypto_types.h>
#include <srtp2/srtp.h>
#include <stdlib.h>

#include "gateway/rtp/rtp.h"
#include "gateway/srtp/srtp_priv.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static srtp_err_status_t init_status;

static void init(void)
{
    init_status = srtp_init();
}

static int err_of(srtp_err_status_t st)
{
    switch (st) {
    case srtp_err_status_ok:
        return 0;
    case srtp_err_status_auth_fail:
    case srtp_err_status_bad_mki:
    case srtp_err_status_cant_check:
        return GW_E_AUTH;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
        return GW_E_REPLAY;
    case srtp_err_status_key_expired:
    case srtp_err_status_pkt_idx_old:
        return GW_E_LIMIT;
    case srtp_err_status_alloc_fail:
        return GW_E_NOMEM;
    case srtp_err_status_bad_param:
    case srtp_err_status_parse_err:
        return GW_E_SHORT;
    default:
        return GW_E_CRYPTO;
    }
}

static void policy_set(const struct gw_srtp_session *s, srtp_policy_t *p)
{
    static void (*const set[][2])(srtp_crypto_policy_t *) = {
        { srtp_crypto_policy_set_rtp_default, srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32 },
        { srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80, srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32 },
        { srtp_crypto_policy_set_aes_gcm_128_16_auth, srtp_crypto_policy_set_aes_gcm_256_16_auth },
    };
    unsigned is_256 = s->suite->key_len == 32;

    if (s->suite->is_aead) {
        set[2][is_256](&p->rtp);
        set[2][is_256](&p->rtcp);
    } else {
        set[is_256][s->suite->rtp_tag == 4](&p->rtp);
        set[is_256][0](&p->rtcp); /* ten octets for SRTCP whatever the suite */
    }
    if (!s->is_encrypted_rtp)
        p->rtp.sec_serv = sec_serv_auth;
    if (!s->is_authenticated_rtp) {
        p->rtp.auth_type = SRTP_NULL_AUTH;
        p->rtp.auth_key_len = 0;
        p->rtp.auth_tag_len = 0;
        p->rtp.sec_serv = s->is_encrypted_rtp ? sec_serv_conf : sec_serv_none;
    }
    if (!s->is_encrypted_rtcp)
        p->rtcp.sec_serv = sec_serv_auth;
}

/* Derives its keys itself: an oracle that takes ours would not notice when they are wrong. */
static int lib_open(struct gw_srtp_session *s, const struct gw_iq_crypto *c, const struct gw_srtp_keys *rtp,
                    const struct gw_srtp_keys *rtcp)
{
    uint8_t key[sizeof(c->key)], mki[GW_SRTP_MKI_MAX];
    srtp_master_key_t master = { .key = key, .mki_id = mki, .mki_size = s->mki_len };
    srtp_master_key_t *masters[] = { &master };
    srtp_policy_t p = { 0 };
    srtp_err_status_t st;

    /* Looks for the MKI of SRTCP where the tag of SRTP would begin: lost when the two tags differ. */
    if (s->mki_len && s->suite->rtp_tag != s->suite->rtcp_tag)
        return GW_E_UNSUPPORTED;
    pthread_once(&once, init);
    if (init_status != srtp_err_status_ok)
        return GW_E_CRYPTO;
    memcpy(key, c->key, c->key_len);
    gw_srtp_mki_write(s, mki);
    policy_set(s, &p);
    p.ssrc.type = s->dir == GW_SRTP_SEND ? ssrc_any_outbound : ssrc_any_inbound;
    p.window_size = c->wsh == 0                    ? GW_SRTP_WINDOW
                    : c->wsh < GW_SRTP_WINDOW_MIN  ? GW_SRTP_WINDOW_MIN
                    : c->wsh <= GW_SRTP_WINDOW_MAX ? c->wsh
                                                   : GW_SRTP_WINDOW_MAX;
    if (s->mki_len) {
        p.keys = masters;
        p.num_master_keys = 1;
    } else {
        p.key = key;
    }
    st = srtp_create((srtp_t *)&s->lib, &p);
    explicit_bzero(key, sizeof(key));
    return st == srtp_err_status_ok ? 0 : st == srtp_err_status_alloc_fail ? GW_E_NOMEM : GW_E_UNSUPPORTED;
}

static void lib_close(struct gw_srtp_session *s)
{
    if (s->lib)
        srtp_dealloc(s->lib);
}

static int lib_protect_rtp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size)
{
    int head = gw_rtp_header_len(pkt, *len), n = (int)*len, err;

    if (head < 0)
        return head;
    if (size < *len || size - *len < (s->is_authenticated_rtp ? s->suite->rtp_tag : 0u) + s->mki_len)
        return GW_E_LIMIT;
    err = err_of(srtp_protect_mki(s->lib, pkt, &n, s->mki_len != 0, 0));
    if (!err)
        *len = (size_t)n;
    return err;
}

static int lib_unprotect_rtp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len)
{
    size_t tail = (s->is_authenticated_rtp ? s->suite->rtp_tag : 0u) + s->mki_len;
    int head, n = (int)*len, err;

    if (*len < GW_RTP_HEADER + tail)
        return GW_E_SHORT;
    head = gw_rtp_header_len(pkt, *len - tail);
    if (head < 0)
        return head;
    err = err_of(srtp_unprotect_mki(s->lib, pkt, &n, s->mki_len != 0));
    if (!err)
        *len = (size_t)n;
    return err;
}

static int lib_protect_rtcp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size)
{
    int n = (int)*len, err;

    if (size < *len || size - *len < 4u + s->suite->rtcp_tag + s->mki_len)
        return GW_E_LIMIT;
    err = err_of(srtp_protect_rtcp_mki(s->lib, pkt, &n, s->mki_len != 0, 0));
    if (!err)
        *len = (size_t)n;
    return err;
}

static int lib_unprotect_rtcp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len)
{
    int n = (int)*len, err;

    if (*len < 8u + 4u + s->suite->rtcp_tag + s->mki_len)
        return GW_E_SHORT;
    err = err_of(srtp_unprotect_rtcp_mki(s->lib, pkt, &n, s->mki_len != 0));
    if (!err)
        *len = (size_t)n;
    return err;
}

const struct gw_srtp_ops gw_srtp_lib = {
    .open = lib_open,
    .close = lib_close,
    .protect_rtp = lib_protect_rtp,
    .unprotect_rtp = lib_unprotect_rtp,
    .protect_rtcp = lib_protect_rtcp,
    .unprotect_rtcp = lib_unprotect_rtcp,
};
