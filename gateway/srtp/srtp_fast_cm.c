/* FAST engine, AES counter mode with HMAC-SHA1 (RFC 3711 s. 4.1.1, 4.2.1; RFC 6188). The two SHA-1 states after the
 * key's inner and outer block are kept, which saves two of the four or more compressions of a voice packet; OpenSSL
 * offers continuing from a state only by the SHA1_ functions that it calls deprecated: EVP_MAC would copy several
 * allocated objects for each packet instead. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "gateway/rtp/rtp.h"
#include "gateway/srtp/srtp_priv.h"

static void state_save(const SHA_CTX *c, uint32_t h[5])
{
    h[0] = c->h0;
    h[1] = c->h1;
    h[2] = c->h2;
    h[3] = c->h3;
    h[4] = c->h4;
}

/* As SHA1_Init, but after one block. */
static void state_load(SHA_CTX *c, const uint32_t h[5])
{
    c->h0 = h[0];
    c->h1 = h[1];
    c->h2 = h[2];
    c->h3 = h[3];
    c->h4 = h[4];
    c->Nl = SHA_CBLOCK * 8;
    c->Nh = 0;
    c->num = 0;
}

static void hmac_init(struct gw_srtp_hmac *h, const uint8_t key[20])
{
    uint8_t block[SHA_CBLOCK];
    SHA_CTX c;

    for (unsigned i = 0; i < sizeof(block); i++)
        block[i] = (uint8_t)((i < 20 ? key[i] : 0) ^ 0x36);
    SHA1_Init(&c);
    SHA1_Update(&c, block, sizeof(block));
    state_save(&c, h->inner);
    for (unsigned i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36 ^ 0x5c;
    SHA1_Init(&c);
    SHA1_Update(&c, block, sizeof(block));
    state_save(&c, h->outer);
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(&c, sizeof(c));
}

static void hmac(const struct gw_srtp_hmac *h, const uint8_t *data, size_t len, const uint8_t *tail, size_t tail_len,
                 uint8_t out[20])
{
    SHA_CTX c;

    state_load(&c, h->inner);
    SHA1_Update(&c, data, len);
    if (tail_len)
        SHA1_Update(&c, tail, tail_len);
    SHA1_Final(out, &c);
    state_load(&c, h->outer);
    SHA1_Update(&c, out, SHA_DIGEST_LENGTH);
    SHA1_Final(out, &c);
}

/* IV = salt * 2^16 xor SSRC * 2^64 xor index * 2^16 (RFC 3711 s. 4.1.1). */
static int crypt(void *cipher, const uint8_t salt[14], uint32_t ssrc, uint64_t index, uint8_t *data, size_t len)
{
    uint8_t iv[16];
    int n;

    if (len == 0)
        return 0;
    memcpy(iv, salt, 14);
    iv[14] = iv[15] = 0;
    for (unsigned i = 0; i < 4; i++)
        iv[4 + i] ^= (uint8_t)(ssrc >> 8 * (3 - i));
    for (unsigned i = 0; i < 6; i++)
        iv[8 + i] ^= (uint8_t)(index >> 8 * (5 - i));
    if (EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, iv) != 1 ||
        EVP_EncryptUpdate(cipher, data, &n, data, (int)len) != 1)
        return GW_E_CRYPTO;
    return 0;
}

static int cm_protect_rtp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size)
{
    size_t tag = s->is_authenticated_rtp ? s->suite->rtp_tag : 0;
    uint8_t digest[20], roc[4];
    struct gw_srtp_place at;
    uint32_t ssrc;
    int head = gw_rtp_header_len(pkt, *len);
    int err;

    if (head < 0)
        return head;
    if (size < *len || size - *len < tag + s->mki_len)
        return GW_E_LIMIT;
    ssrc = gw_rtp_ssrc(pkt);
    err = gw_srtp_place_rtp(&s->table, ssrc, (uint16_t)(pkt[2] << 8 | pkt[3]), &at);
    if (err)
        return err;
    if (s->is_encrypted_rtp)
        err = crypt(s->rtp_cipher, s->rtp_salt, ssrc, at.index, pkt + head, *len - (size_t)head);
    if (err)
        return err;
    if (tag) {
        gw_srtp_put32(roc, (uint32_t)(at.index >> 16));
        hmac(&s->rtp_hmac, pkt, *len, roc, sizeof(roc), digest);
        memcpy(pkt + *len + s->mki_len, digest, tag);
    }
    if (s->mki_len)
        gw_srtp_mki_write(s, pkt + *len);
    gw_srtp_commit_rtp(&s->table, ssrc, &at);
    *len += s->mki_len + tag;
    return 0;
}

static int cm_unprotect_rtp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len)
{
    size_t tag = s->is_authenticated_rtp ? s->suite->rtp_tag : 0;
    size_t tail = tag + s->mki_len, plain;
    uint8_t digest[20], roc[4];
    struct gw_srtp_place at;
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
    if (s->mki_len && !gw_srtp_mki_is(s, pkt + plain))
        return GW_E_AUTH;
    if (tag) {
        gw_srtp_put32(roc, (uint32_t)(at.index >> 16));
        hmac(&s->rtp_hmac, pkt, plain, roc, sizeof(roc), digest);
        if (CRYPTO_memcmp(digest, pkt + plain + s->mki_len, tag) != 0)
            return GW_E_AUTH;
    }
    if (s->is_encrypted_rtp)
        err = crypt(s->rtp_cipher, s->rtp_salt, ssrc, at.index, pkt + head, plain - (size_t)head);
    if (err)
        return err;
    gw_srtp_commit_rtp(&s->table, ssrc, &at);
    *len = plain;
    return 0;
}

static int cm_protect_rtcp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size)
{
    size_t tag = s->suite->rtcp_tag; /* always: SRTCP is authenticated whatever the flags (RFC 3711 s. 3.4) */
    uint8_t digest[20];
    struct gw_srtp_place at;
    uint32_t ssrc = gw_srtp_get32(pkt + 4);
    int err;

    if (size < *len || size - *len < 4 + s->mki_len + tag)
        return GW_E_LIMIT;
    err = gw_srtp_place_next_rtcp(&s->table, ssrc, &at);
    if (err)
        return err;
    if (s->is_encrypted_rtcp)
        err = crypt(s->rtcp_cipher, s->rtcp_salt, ssrc, at.index, pkt + 8, *len - 8);
    if (err)
        return err;
    gw_srtp_put32(pkt + *len, (uint32_t)at.index | (s->is_encrypted_rtcp ? UINT32_C(1) << 31 : 0));
    hmac(&s->rtcp_hmac, pkt, *len + 4, NULL, 0, digest);
    gw_srtp_mki_write(s, pkt + *len + 4);
    memcpy(pkt + *len + 4 + s->mki_len, digest, tag);
    gw_srtp_commit_rtcp(&s->table, ssrc, &at);
    *len += 4 + s->mki_len + tag;
    return 0;
}

static int cm_unprotect_rtcp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len)
{
    size_t tag = s->suite->rtcp_tag, plain;
    uint8_t digest[20];
    struct gw_srtp_place at;
    uint32_t ssrc = gw_srtp_get32(pkt + 4), word;
    int err;

    if (*len < 8 + 4 + s->mki_len + tag)
        return GW_E_SHORT;
    plain = *len - 4 - s->mki_len - tag;
    word = gw_srtp_get32(pkt + plain);
    err = gw_srtp_place_rtcp(&s->table, ssrc, word & INT32_MAX, &at);
    if (err)
        return err;
    hmac(&s->rtcp_hmac, pkt, plain + 4, NULL, 0, digest);
    if (!gw_srtp_mki_is(s, pkt + plain + 4) || CRYPTO_memcmp(digest, pkt + plain + 4 + s->mki_len, tag) != 0 ||
        word >> 31 != s->is_encrypted_rtcp)
        return GW_E_AUTH;
    if (s->is_encrypted_rtcp)
        err = crypt(s->rtcp_cipher, s->rtcp_salt, ssrc, at.index, pkt + 8, plain - 8);
    if (err)
        return err;
    gw_srtp_commit_rtcp(&s->table, ssrc, &at);
    *len = plain;
    return 0;
}

static void *cipher_new(const struct gw_srtp_suite *suite, const uint8_t *key)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (ctx &&
        EVP_EncryptInit_ex(ctx, suite->key_len == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(), NULL, key, NULL) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

static int cm_open(struct gw_srtp_session *s, const struct gw_iq_crypto *c, const struct gw_srtp_keys *rtp,
                   const struct gw_srtp_keys *rtcp)
{
    s->rtp_cipher = cipher_new(s->suite, rtp->enc);
    s->rtcp_cipher = cipher_new(s->suite, rtcp->enc);
    memcpy(s->rtp_salt, rtp->salt, sizeof(s->rtp_salt));
    memcpy(s->rtcp_salt, rtcp->salt, sizeof(s->rtcp_salt));
    hmac_init(&s->rtp_hmac, rtp->auth);
    hmac_init(&s->rtcp_hmac, rtcp->auth);
    return s->rtp_cipher && s->rtcp_cipher ? 0 : GW_E_CRYPTO;
}

static void cm_close(struct gw_srtp_session *s)
{
    EVP_CIPHER_CTX_free(s->rtp_cipher);
    EVP_CIPHER_CTX_free(s->rtcp_cipher);
}

const struct gw_srtp_ops gw_srtp_fast_cm = {
    .open = cm_open,
    .close = cm_close,
    .protect_rtp = cm_protect_rtp,
    .unprotect_rtp = cm_unprotect_rtp,
    .protect_rtcp = cm_protect_rtcp,
    .unprotect_rtcp = cm_unprotect_rtcp,
};
