#include "gateway/base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>

void gw_rand_bytes(void *buf, size_t len)
{
    if (len && RAND_bytes(buf, (int)len) != 1)
        abort();
}

uint32_t gw_rand_u32(void)
{
    uint32_t v;
    gw_rand_bytes(&v, sizeof(v));
    return v;
}

uint64_t gw_rand_u64(void)
{
    uint64_t v;
    gw_rand_bytes(&v, sizeof(v));
    return v;
}

void gw_rand_token(char *buf, size_t len)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    for (size_t i = 0; i < len;) {
        uint8_t b[32];
        gw_rand_bytes(b, sizeof(b));
        for (size_t k = 0; k < sizeof(b) && i < len; k++)
            if (b[k] < 248) /* 4 * 62: no character is likelier than another */
                buf[i++] = set[b[k] % 62];
    }
    buf[len] = 0;
}

void gw_sha1(struct gw_span in, uint8_t out[20])
{
    if (!EVP_Digest(in.ptr, in.len, out, NULL, EVP_sha1(), NULL))
        abort();
}

void gw_sha256(struct gw_span in, uint8_t out[32])
{
    if (!EVP_Digest(in.ptr, in.len, out, NULL, EVP_sha256(), NULL))
        abort();
}

void gw_md5(struct gw_span in, uint8_t out[16])
{
    if (!EVP_Digest(in.ptr, in.len, out, NULL, EVP_md5(), NULL))
        abort();
}

void gw_hmac_sha1(struct gw_span key, struct gw_span in, uint8_t out[20])
{
    if (!HMAC(EVP_sha1(), key.ptr, (int)key.len, in.ptr, in.len, out, NULL))
        abort();
}

void gw_hmac_sha256(struct gw_span key, struct gw_span in, uint8_t out[32])
{
    if (!HMAC(EVP_sha256(), key.ptr, (int)key.len, in.ptr, in.len, out, NULL))
        abort();
}

bool gw_crypto_eq(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

int gw_base64_write(struct gw_span in, char *buf, size_t size)
{
    if (size < 4 * ((in.len + 2) / 3) + 1)
        return GW_E_LIMIT;
    EVP_EncodeBlock((unsigned char *)buf, in.ptr, (int)in.len);
    return 0;
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int gw_base64_parse(struct gw_span text, uint8_t *buf, size_t *len)
{
    const uint8_t *p = text.ptr;
    size_t n = text.len, out = 0;
    uint32_t acc = 0;
    unsigned bits = 0;

    if (n % 4)
        return GW_E_SYNTAX;
    if (n && p[n - 1] == '=')
        n--;
    if (n && p[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++) {
        int v = base64_value(p[i]);
        if (v < 0)
            return GW_E_SYNTAX;
        acc = acc << 6 | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (out == *len)
                return GW_E_LIMIT;
            buf[out++] = (uint8_t)(acc >> bits);
        }
    }
    if (acc & ((1u << bits) - 1))
        return GW_E_SYNTAX;
    *len = out;
    return 0;
}
