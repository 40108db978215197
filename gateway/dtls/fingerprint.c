#include "gateway/dtls/fingerprint.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "gateway/base/crypto.h"

static const struct {
    const char *name;
    uint8_t len;
    const EVP_MD *(*md)(void);
} hashes[] = {
    [GW_IQ_SHA1] = { "sha-1", 20, EVP_sha1 },       [GW_IQ_SHA224] = { "sha-224", 28, EVP_sha224 },
    [GW_IQ_SHA256] = { "sha-256", 32, EVP_sha256 }, [GW_IQ_SHA384] = { "sha-384", 48, EVP_sha384 },
    [GW_IQ_SHA512] = { "sha-512", 64, EVP_sha512 },
};
enum { HASHES = sizeof(hashes) / sizeof(hashes[0]) };

int gw_fingerprint_of(struct gw_span der, enum gw_iq_hash hash, struct gw_iq_fingerprint *out)
{
    struct gw_iq_fingerprint f = { .hash = (uint8_t)hash };

    if ((unsigned)hash == 0 || (unsigned)hash >= HASHES)
        return GW_E_TYPE;
    f.len = hashes[hash].len;
    if (!EVP_Digest(der.ptr, der.len, f.value, NULL, hashes[hash].md(), NULL))
        return GW_E_CRYPTO;
    *out = f;
    return 0;
}

static int hex(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int gw_fingerprint_parse(struct gw_span text, struct gw_iq_fingerprint *out)
{
    struct gw_iq_fingerprint f = { 0 };
    const char *p = text.ptr, *blank = text.len ? memchr(p, ' ', text.len) : NULL;
    size_t n;

    if (!blank)
        return GW_E_SYNTAX;
    for (unsigned i = 1; i < HASHES; i++)
        if (gw_span_is_nocase((struct gw_span){ p, (size_t)(blank - p) }, hashes[i].name))
            f.hash = (uint8_t)i;
    if (!f.hash)
        return GW_E_UNSUPPORTED;
    n = text.len - (size_t)(blank + 1 - p);
    p = blank + 1;
    if (n % 3 != 2)
        return GW_E_SYNTAX;
    if ((n + 1) / 3 != hashes[f.hash].len)
        return GW_E_RANGE;
    for (size_t i = 0; i < n; i += 3) {
        int hi = hex(p[i]), lo = hex(p[i + 1]);
        if (hi < 0 || lo < 0 || (i + 2 < n && p[i + 2] != ':'))
            return GW_E_SYNTAX;
        f.value[f.len++] = (uint8_t)(hi << 4 | lo);
    }
    *out = f;
    return 0;
}

const char *gw_fingerprint_write(const struct gw_iq_fingerprint *f, char *buf)
{
    size_t at;

    if (f->hash == 0 || f->hash >= HASHES) {
        buf[0] = 0;
        return buf;
    }
    at = (size_t)snprintf(buf, GW_FINGERPRINT_TEXT, "%s ", hashes[f->hash].name);
    for (unsigned i = 0; i < f->len && i < sizeof(f->value); i++)
        at += (size_t)snprintf(buf + at, GW_FINGERPRINT_TEXT - at, i ? ":%02X" : "%02X", f->value[i]);
    return buf;
}

bool gw_fingerprint_match(struct gw_span der, const struct gw_iq_fingerprint *list, unsigned n)
{
    struct gw_iq_fingerprint own;
    unsigned strongest = 0;
    bool ok = false;

    for (unsigned i = 0; i < n; i++)
        if (list[i].hash < HASHES && list[i].hash > strongest)
            strongest = list[i].hash;
    if (gw_fingerprint_of(der, (enum gw_iq_hash)strongest, &own) != 0)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (list[i].hash == strongest && list[i].len == own.len && gw_crypto_eq(list[i].value, own.value, own.len))
            ok = true;
    return ok;
}
