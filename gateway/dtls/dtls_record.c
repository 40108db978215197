#include "gateway/dtls/dtls_record.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <string.h>

enum { HEADER = 13, EXPLICIT = 8, TAG = 16, AAD = 13, WINDOW = 64 };
static const uint8_t VERSION[2] = { 0xfe, 0xfd };

static uint64_t get64(const uint8_t *p)
{
    uint64_t v = 0;

    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

static void put64(uint8_t *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        p[i] = (uint8_t)v;
}

/* The next record as it lies in a datagram. len 0: none is left, or it is cut off. */
static struct gw_span take(struct gw_span *datagram)
{
    const uint8_t *p = datagram->ptr;
    size_t len = datagram->len >= HEADER ? HEADER + (size_t)(p[11] << 8 | p[12]) : 0;
    struct gw_span record = { p, len <= datagram->len ? len : 0 };

    datagram->ptr = p + record.len;
    datagram->len = record.len ? datagram->len - record.len : 0;
    return record;
}

static bool is_of_epoch_1(const uint8_t *record)
{
    return record[1] == VERSION[0] && record[2] == VERSION[1] && record[3] == 0 && record[4] == 1;
}

static uint64_t seq_of(const uint8_t *record)
{
    return get64(record + 3) & 0xffffffffffffu;
}

void gw_dtls_records_sent(struct gw_dtls_records *r, struct gw_span datagram)
{
    for (struct gw_span one; (one = take(&datagram)).len;) {
        const uint8_t *p = one.ptr;
        if (!is_of_epoch_1(p))
            continue;
        r->next_seq = seq_of(p) + 1;
        if (one.len >= HEADER + EXPLICIT)
            r->next_nonce = get64(p + HEADER) + 1; /* OpenSSL counts up from a random number */
    }
}

/* ---- keys ---- */

/* RFC 5246 s. 6.3. */
static int expand(SSL *ssl, const char *digest, uint8_t *out, size_t len)
{
    uint8_t master[48], seed[64];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    size_t n = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, n),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (char *)(uintptr_t) "key expansion", 13),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof(seed)),
        OSSL_PARAM_construct_end(),
    };
    bool ok = ctx && n == sizeof(master) && SSL_get_server_random(ssl, seed, 32) == 32 &&
              SSL_get_client_random(ssl, seed + 32, 32) == 32 && EVP_KDF_derive(ctx, out, len, params) == 1;

    OPENSSL_cleanse(master, sizeof(master));
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok ? 0 : GW_E_CRYPTO;
}

int gw_dtls_records_begin(struct gw_dtls_records *r, SSL *ssl, bool is_client)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const EVP_MD *md = cipher ? SSL_CIPHER_get_handshake_digest(cipher) : NULL;
    int nid = cipher ? SSL_CIPHER_get_cipher_nid(cipher) : 0, err;
    uint8_t block[2 * (32 + 12)], *p = block;
    struct gw_dtls_half *client = is_client ? &r->tx : &r->rx, *server = is_client ? &r->rx : &r->tx;
    size_t key = nid == NID_aes_128_gcm ? 16 : 32, iv = nid == NID_chacha20_poly1305 ? 12 : 4;

    if (!md || (nid != NID_aes_128_gcm && nid != NID_aes_256_gcm && nid != NID_chacha20_poly1305) || !r->next_seq)
        return GW_E_UNSUPPORTED;
    err = expand(ssl, EVP_MD_get0_name(md), block, 2 * (key + iv));
    if (err)
        return err;
    memcpy(client->key, p, key);
    memcpy(server->key, p += key, key);
    memcpy(client->iv, p += key, iv);
    memcpy(server->iv, p += iv, iv);
    OPENSSL_cleanse(block, sizeof(block));
    r->key_len = (uint8_t)key;
    r->has_explicit_nonce = iv == 4;
    r->nid = nid;
    return 0;
}

void gw_dtls_records_rest(struct gw_dtls_records *r)
{
    EVP_CIPHER_CTX_free(r->rx.ctx);
    EVP_CIPHER_CTX_free(r->tx.ctx);
    r->rx.ctx = r->tx.ctx = NULL;
}

void gw_dtls_records_wipe(struct gw_dtls_records *r)
{
    gw_dtls_records_rest(r);
    OPENSSL_cleanse(r, sizeof(*r));
}

/* ---- one record ---- */

static bool ready(struct gw_dtls_records *r, struct gw_dtls_half *h, bool is_tx)
{
    const EVP_CIPHER *cipher = r->nid == NID_aes_128_gcm   ? EVP_aes_128_gcm()
                               : r->nid == NID_aes_256_gcm ? EVP_aes_256_gcm()
                                                           : EVP_chacha20_poly1305();

    if (h->ctx)
        return true;
    h->ctx = EVP_CIPHER_CTX_new();
    if (h->ctx && EVP_CipherInit_ex(h->ctx, cipher, NULL, h->key, NULL, is_tx) == 1)
        return true;
    EVP_CIPHER_CTX_free(h->ctx);
    h->ctx = NULL;
    return false;
}

/* What is authenticated besides: epoch and sequence number, type, version, plain length. */
static void make_aad(uint8_t aad[AAD], const uint8_t *header, size_t plain_len)
{
    memcpy(aad, header + 3, 8);
    memcpy(aad + 8, header, 3);
    aad[11] = (uint8_t)(plain_len >> 8);
    aad[12] = (uint8_t)plain_len;
}

static void make_nonce(const struct gw_dtls_records *r, const struct gw_dtls_half *h, const uint8_t *header,
                       uint8_t nonce[12])
{
    memcpy(nonce, h->iv, 12);
    if (r->has_explicit_nonce)
        memcpy(nonce + 4, header + HEADER, EXPLICIT);
    else
        for (int i = 0; i < 8; i++)
            nonce[4 + i] ^= header[3 + i];
}

int gw_dtls_seal(struct gw_dtls_records *r, enum gw_dtls_type type, struct gw_span plain, uint8_t *out)
{
    size_t explicit = r->has_explicit_nonce ? EXPLICIT : 0, len = explicit + plain.len + TAG;
    uint8_t aad[AAD], nonce[12], *body = out + HEADER + explicit;
    int n;

    if (!ready(r, &r->tx, true))
        return GW_E_NOMEM;
    put64(out + 3, UINT64_C(1) << 48 | r->next_seq++);
    out[0] = (uint8_t)type;
    memcpy(out + 1, VERSION, sizeof(VERSION));
    out[11] = (uint8_t)(len >> 8);
    out[12] = (uint8_t)len;
    if (explicit)
        put64(out + HEADER, r->next_nonce++);
    make_aad(aad, out, plain.len);
    make_nonce(r, &r->tx, out, nonce);
    if (EVP_EncryptInit_ex(r->tx.ctx, NULL, NULL, NULL, nonce) != 1 ||
        EVP_EncryptUpdate(r->tx.ctx, NULL, &n, aad, AAD) != 1 ||
        EVP_EncryptUpdate(r->tx.ctx, body, &n, plain.ptr, (int)plain.len) != 1 ||
        EVP_EncryptFinal_ex(r->tx.ctx, body + n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(r->tx.ctx, EVP_CTRL_AEAD_GET_TAG, TAG, body + plain.len) != 1)
        return GW_E_CRYPTO;
    return (int)(HEADER + len);
}

static bool decrypt(struct gw_dtls_records *r, const uint8_t *record, size_t plain_len, uint8_t *out)
{
    const uint8_t *body = record + HEADER + (r->has_explicit_nonce ? EXPLICIT : 0);
    uint8_t aad[AAD], nonce[12], tag[TAG];
    int n;

    make_aad(aad, record, plain_len);
    make_nonce(r, &r->rx, record, nonce);
    memcpy(tag, body + plain_len, TAG);
    return EVP_DecryptInit_ex(r->rx.ctx, NULL, NULL, NULL, nonce) == 1 &&
           EVP_CIPHER_CTX_ctrl(r->rx.ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
           EVP_DecryptUpdate(r->rx.ctx, NULL, &n, aad, AAD) == 1 &&
           EVP_DecryptUpdate(r->rx.ctx, out, &n, body, (int)plain_len) == 1 &&
           EVP_DecryptFinal_ex(r->rx.ctx, out + n, &n) == 1;
}

/* RFC 6347 s. 4.1.2.6. */
static bool is_repeated(const struct gw_dtls_records *r, uint64_t seq)
{
    return seq <= r->top && (r->top - seq >= WINDOW || (r->seen >> (r->top - seq) & 1));
}

static void mark(struct gw_dtls_records *r, uint64_t seq)
{
    if (seq > r->top) {
        r->seen = seq - r->top < WINDOW ? r->seen << (seq - r->top) : 0;
        r->top = seq;
    }
    r->seen |= UINT64_C(1) << (r->top - seq);
}

int gw_dtls_open(struct gw_dtls_records *r, struct gw_span *datagram, uint8_t *type, uint8_t *out)
{
    struct gw_span record = take(datagram);
    const uint8_t *p = record.ptr;
    size_t overhead = HEADER + TAG + (r->has_explicit_nonce ? EXPLICIT : 0), plain_len;

    if (!record.len)
        return GW_E_AGAIN;
    if (!is_of_epoch_1(p) || record.len < overhead || record.len - overhead > GW_DTLS_PLAIN_MAX ||
        is_repeated(r, seq_of(p)) || !ready(r, &r->rx, false))
        return GW_E_MISMATCH;
    plain_len = record.len - overhead;
    if (!decrypt(r, p, plain_len, out))
        return GW_E_MISMATCH;
    mark(r, seq_of(p));
    *type = p[0];
    return (int)plain_len;
}
