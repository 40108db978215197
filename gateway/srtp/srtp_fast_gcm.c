/* FAST engine, AES-GCM (RFC 7714). The tag ends the ciphertext; an MKI stands behind it (s. 8.2, 9.2). */
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "gateway/rtp/rtp.h"
#include "gateway/srtp/srtp_priv.h"

enum { TAG = 16 };

/* RFC 7714 s. 8.1: 16 zero bits, SSRC, ROC, SEQ; s. 9.1: 16 zero bits, SSRC, 16 zero bits, 0 and the SRTCP index. Both
 * are the SSRC and 48 bits of index. */
static void iv_make(uint8_t iv[12], const uint8_t *salt, uint32_t ssrc, uint64_t index)
{
    memcpy(iv, salt, 12);
    for (unsigned i = 0; i < 4; i++)
        iv[2 + i] ^= (uint8_t)(ssrc >> 8 * (3 - i));
    for (unsigned i = 0; i < 6; i++)
        iv[6 + i] ^= (uint8_t)(index >> 8 * (5 - i));
}

struct piece {
    const uint8_t *ptr;
    size_t len;
};

/* Encrypts in place and writes the tag behind. `aad2` may be empty, and so may the data. */
static int seal(void *cipher, const uint8_t iv[12], struct piece aad, struct piece aad2, uint8_t *data, size_t len,
                uint8_t *tag)
{
    int n;

    if (EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, iv) != 1 ||
        EVP_EncryptUpdate(cipher, NULL, &n, aad.ptr, (int)aad.len) != 1 ||
        (aad2.len && EVP_EncryptUpdate(cipher, NULL, &n, aad2.ptr, (int)aad2.len) != 1) ||
        (len && EVP_EncryptUpdate(cipher, data, &n, data, (int)len) != 1) ||
        EVP_EncryptFinal_ex(cipher, data + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG, tag) != 1)
        return GW_E_CRYPTO;
    return 0;
}

static int unseal(void *cipher, const uint8_t iv[12], struct piece aad, struct piece aad2, uint8_t *data, size_t len,
                  uint8_t *tag)
{
    int n;

    if (EVP_DecryptInit_ex(cipher, NULL, NULL, NULL, iv) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1 ||
        EVP_DecryptUpdate(cipher, NULL, &n, aad.ptr, (int)aad.len) != 1 ||
        (aad2.len && EVP_DecryptUpdate(cipher, NULL, &n, aad2.ptr, (int)aad2.len) != 1) ||
        (len && EVP_DecryptUpdate(cipher, data, &n, data, (int)len) != 1))
        return GW_E_CRYPTO;
    return EVP_DecryptFinal_ex(cipher, data + len, &n) == 1 ? 0 : GW_E_AUTH;
}

static int gcm_protect_rtp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size)
{
    struct gw_srtp_place at;
    uint8_t iv[12];
    uint32_t ssrc;
    int head = gw_rtp_header_len(pkt, *len);
    int err;

    if (head < 0)
        return head;
    if (size < *len || size - *len < TAG + (size_t)s->mki_len)
        return GW_E_LIMIT;
    ssrc = gw_rtp_ssrc(pkt);
    err = gw_srtp_place_rtp(&s->table, ssrc, (uint16_t)(pkt[2] << 8 | pkt[3]), &at);
    if (err)
        return err;
    iv_make(iv, s->rtp_salt, ssrc, at.index);
    err = seal(s->rtp_cipher, iv, (struct piece){ pkt, (size_t)head }, (struct piece){ NULL, 0 }, pkt + head,
               *len - (size_t)head, pkt + *len);
    if (err)
        return err;
    if (s->mki_len)
        gw_srtp_mki_write(s, pkt + *len + TAG);
    gw_srtp_commit_rtp(&s->table, ssrc, &at);
    *len += TAG + (size_t)s->mki_len;
    return 0;
}

static int gcm_unprotect_rtp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len)
{
    size_t tail = TAG + (size_t)s->mki_len, plain;
    struct gw_srtp_place at;
    uint8_t iv[12];
    uint32_t ssrc;
    int head, err;

    if (*len < GW_RTP_HEADER + tail)
        return GW_E_SHORT;
    plain = *len - tail;
    head = gw_rtp_header_len(pkt, plain);
    if (head < 0)
        return head;
    ssrc = gw_rtp_ssrc(pkt);
    err = gw_srtp_place_rtp(&s->table, ssrc, (uint16_t)(pkt[2] << 8 | pkt[3]), &at);
    if (err)
        return err;
    if (s->mki_len && !gw_srtp_mki_is(s, pkt + plain + TAG))
        return GW_E_AUTH;
    iv_make(iv, s->rtp_salt, ssrc, at.index);
    err = unseal(s->rtp_cipher, iv, (struct piece){ pkt, (size_t)head }, (struct piece){ NULL, 0 }, pkt + head,
                 plain - (size_t)head, pkt + plain);
    if (err)
        return err;
    gw_srtp_commit_rtp(&s->table, ssrc, &at);
    *len = plain;
    return 0;
}

/* Encrypted: the first eight octets and the ESRTCP word are authenticated only, the rest is encrypted. Not encrypted:
 * all is authenticated only (RFC 7714 s. 9.2, 9.3). */
static int gcm_protect_rtcp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size)
{
    size_t clear = s->is_encrypted_rtcp ? 8 : *len;
    struct gw_srtp_place at;
    uint8_t iv[12], word[4];
    uint32_t ssrc = gw_srtp_get32(pkt + 4);
    int err;

    if (size < *len || size - *len < TAG + 4 + (size_t)s->mki_len)
        return GW_E_LIMIT;
    err = gw_srtp_place_next_rtcp(&s->table, ssrc, &at);
    if (err)
        return err;
    gw_srtp_put32(word, (uint32_t)at.index | (s->is_encrypted_rtcp ? UINT32_C(1) << 31 : 0));
    iv_make(iv, s->rtcp_salt, ssrc, at.index);
    err = seal(s->rtcp_cipher, iv, (struct piece){ pkt, clear }, (struct piece){ word, 4 }, pkt + clear, *len - clear,
               pkt + *len);
    if (err)
        return err;
    memcpy(pkt + *len + TAG, word, 4);
    gw_srtp_mki_write(s, pkt + *len + TAG + 4);
    gw_srtp_commit_rtcp(&s->table, ssrc, &at);
    *len += TAG + 4 + (size_t)s->mki_len;
    return 0;
}

static int gcm_unprotect_rtcp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len)
{
    struct gw_srtp_place at;
    uint8_t iv[12], *word;
    uint32_t ssrc = gw_srtp_get32(pkt + 4);
    size_t plain, clear;
    int err;

    if (*len < 8 + TAG + 4 + (size_t)s->mki_len)
        return GW_E_SHORT;
    plain = *len - TAG - 4 - s->mki_len;
    clear = s->is_encrypted_rtcp ? 8 : plain;
    word = pkt + plain + TAG;
    err = gw_srtp_place_rtcp(&s->table, ssrc, gw_srtp_get32(word) & INT32_MAX, &at);
    if (err)
        return err;
    if (!gw_srtp_mki_is(s, word + 4) || word[0] >> 7 != s->is_encrypted_rtcp)
        return GW_E_AUTH;
    iv_make(iv, s->rtcp_salt, ssrc, at.index);
    err = unseal(s->rtcp_cipher, iv, (struct piece){ pkt, clear }, (struct piece){ word, 4 }, pkt + clear,
                 plain - clear, pkt + plain);
    if (err)
        return err;
    gw_srtp_commit_rtcp(&s->table, ssrc, &at);
    *len = plain;
    return 0;
}

/* One direction only, so that a packet sets the IV alone and the key schedule stays. */
static void *cipher_new(const struct gw_srtp_session *s, const uint8_t *key)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = s->suite->key_len == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();

    if (ctx && EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, s->dir == GW_SRTP_SEND) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

static int gcm_open(struct gw_srtp_session *s, const struct gw_iq_crypto *c, const struct gw_srtp_keys *rtp,
                    const struct gw_srtp_keys *rtcp)
{
    s->rtp_cipher = cipher_new(s, rtp->enc);
    s->rtcp_cipher = cipher_new(s, rtcp->enc);
    memcpy(s->rtp_salt, rtp->salt, sizeof(s->rtp_salt));
    memcpy(s->rtcp_salt, rtcp->salt, sizeof(s->rtcp_salt));
    return s->rtp_cipher && s->rtcp_cipher ? 0 : GW_E_CRYPTO;
}

static void gcm_close(struct gw_srtp_session *s)
{
    EVP_CIPHER_CTX_free(s->rtp_cipher);
    EVP_CIPHER_CTX_free(s->rtcp_cipher);
}

const struct gw_srtp_ops gw_srtp_fast_gcm = {
    .open = gcm_open,
    .close = gcm_close,
    .protect_rtp = gcm_protect_rtp,
    .unprotect_rtp = gcm_unprotect_rtp,
    .protect_rtcp = gcm_protect_rtcp,
    .unprotect_rtcp = gcm_unprotect_rtcp,
};
