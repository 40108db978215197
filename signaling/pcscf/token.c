#include "signaling/pcscf/token.h"

#include "gateway/base/crypto.h"
#include "gateway/base/wire.h"

enum {
    VERSION = 1,
    SIGNED = 17, /* version, life, flow */
    DIGEST = 16, /* HMAC-SHA-256 cut to 128 bits; RFC 5626 s. 5.2 uses 80 of SHA-1 */
    TOKEN = SIGNED + DIGEST,
};
_Static_assert(TOKEN % 3 == 0 && TOKEN / 3 * 4 + 1 == GW_TOKEN_TEXT, "a token is whole base64 groups, without padding");

/* RFC 4648 s. 5: every character may stand in the user part of a SIP URI without escape. */
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void gw_token_key_init(struct gw_token_key *k, struct gw_span secret)
{
    if (secret.len)
        gw_sha256(secret, k->secret);
    else
        gw_rand_bytes(k->secret, sizeof(k->secret));
    k->life = gw_rand_u64();
}

static void sign(const struct gw_token_key *k, const uint8_t raw[SIGNED], uint8_t digest[DIGEST])
{
    uint8_t full[32];

    gw_hmac_sha256(GW_SPAN(k->secret), (struct gw_span){ raw, SIGNED }, full);
    memcpy(digest, full, DIGEST);
}

void gw_token_write(const struct gw_token_key *k, uint64_t flow, char text[GW_TOKEN_TEXT])
{
    uint8_t raw[TOKEN];
    struct gw_writer w = gw_writer(raw, SIGNED);
    char *out = text;

    gw_write_u8(&w, VERSION);
    gw_write_u64(&w, k->life);
    gw_write_u64(&w, flow);
    sign(k, raw, raw + SIGNED);
    for (unsigned i = 0; i < TOKEN; i += 3) {
        uint32_t v = (uint32_t)raw[i] << 16 | (uint32_t)raw[i + 1] << 8 | raw[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *out++ = alphabet[v >> shift & 63];
    }
    *out = 0;
}

static int digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int gw_token_parse(const struct gw_token_key *k, struct gw_span text, uint64_t *flow)
{
    uint8_t raw[TOKEN], digest[DIGEST];
    const uint8_t *p = text.ptr;

    if (text.len != GW_TOKEN_TEXT - 1)
        return GW_E_SYNTAX;
    for (unsigned i = 0; i < TOKEN; i += 3) {
        uint32_t v = 0;
        for (unsigned j = 0; j < 4; j++) {
            int d = digit(*p++);
            if (d < 0)
                return GW_E_SYNTAX;
            v = v << 6 | (uint32_t)d;
        }
        raw[i] = (uint8_t)(v >> 16);
        raw[i + 1] = (uint8_t)(v >> 8);
        raw[i + 2] = (uint8_t)v;
    }
    sign(k, raw, digest);
    if (!gw_crypto_eq(digest, raw + SIGNED, DIGEST))
        return GW_E_MISMATCH;

    struct gw_reader r = gw_reader((struct gw_span){ raw, SIGNED });
    uint8_t version = gw_read_u8(&r);
    uint64_t life = gw_read_u64(&r);
    uint64_t id = gw_read_u64(&r);
    if (version != VERSION || life != k->life)
        return GW_E_CLOSED;
    *flow = id;
    return 0;
}
