#include "bench/stun_client.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

enum { USERNAME = 0x0006, INTEGRITY = 0x0008, PRIORITY = 0x0024, USE_CANDIDATE = 0x0025, MAPPED = 0x0020 };
enum { FINGERPRINT = 0x8028, CONTROLLING = 0x802a };

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    uint32_t c = UINT32_MAX;

    for (; n > 0; n--, p++) {
        c ^= *p;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
    }
    return ~c;
}

static size_t attr(uint8_t *out, size_t at, unsigned type, const void *value, size_t len)
{
    put16(out + at, type);
    put16(out + at + 2, (unsigned)len);
    memset(out + at + 4, 0, (len + 3) / 4 * 4);
    if (len)
        memcpy(out + at + 4, value, len);
    return at + 4 + (len + 3) / 4 * 4;
}

/* Appends MESSAGE-INTEGRITY and FINGERPRINT; each counts itself in the header's length (RFC 8489 s. 14.5, 14.7). */
static size_t finish(uint8_t *out, size_t at, const char *pwd)
{
    uint8_t mac[20], crc[4];
    unsigned n = sizeof(mac);

    put16(out + 2, (unsigned)(at - 20 + 24));
    HMAC(EVP_sha1(), pwd, (int)strlen(pwd), out, at, mac, &n);
    at = attr(out, at, INTEGRITY, mac, sizeof(mac));
    put16(out + 2, (unsigned)(at - 20 + 8));
    put32(crc, crc32_of(out, at) ^ 0x5354554e);
    return attr(out, at, FINGERPRINT, crc, sizeof(crc));
}

static void head(uint8_t *out, unsigned type, const uint8_t txn[12])
{
    put16(out, type);
    put32(out + 4, 0x2112a442);
    memcpy(out + 8, txn, 12);
}

size_t stun_request(uint8_t out[STUN_MAX], const uint8_t txn[12], const char *user, const char *pwd)
{
    static const uint8_t tie[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, priority[4] = { 0x6e, 0xff, 0xff, 0xff };
    size_t at = 20;

    head(out, 0x0001, txn);
    at = attr(out, at, USERNAME, user, strlen(user));
    at = attr(out, at, CONTROLLING, tie, sizeof(tie));
    at = attr(out, at, USE_CANDIDATE, NULL, 0);
    at = attr(out, at, PRIORITY, priority, sizeof(priority));
    return finish(out, at, pwd);
}

size_t stun_success(uint8_t out[STUN_MAX], const uint8_t *request, const struct sockaddr_in *from, const char *pwd)
{
    uint8_t mapped[8] = { 0, 1 };
    size_t at = 20;

    head(out, 0x0101, request + 8);
    put16(mapped + 2, ntohs(from->sin_port) ^ 0x2112);
    put32(mapped + 4, ntohl(from->sin_addr.s_addr) ^ 0x2112a442);
    at = attr(out, at, MAPPED, mapped, sizeof(mapped));
    return finish(out, at, pwd);
}

static bool is(const uint8_t *p, size_t len, unsigned type)
{
    return len >= 20 && (unsigned)(p[0] << 8 | p[1]) == type && p[4] == 0x21 && p[5] == 0x12;
}

bool stun_is_request(const uint8_t *p, size_t len)
{
    return is(p, len, 0x0001);
}

bool stun_is_success(const uint8_t *p, size_t len)
{
    return is(p, len, 0x0101);
}
