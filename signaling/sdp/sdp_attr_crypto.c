/* a=crypto (RFC 4568 s. 9.1 and 9.2):
 *   crypto:TAG SUITE inline:BASE64["|" LIFETIME]["|" MKI ":" LEN] *(";" key-param) *(SP session-param) */
#include "signaling/sdp/sdp_attr.h"

#include <strings.h>

#include "gateway/base/crypto.h"

static const struct {
    const char *name;
    uint8_t key_len; /* master key and master salt */
} suites[GW_SDP_SUITE_COUNT] = {
    [GW_SDP_SUITE_UNKNOWN] = { "", 0 },
    [GW_SDP_AES_CM_128_HMAC_SHA1_80] = { "AES_CM_128_HMAC_SHA1_80", 16 + 14 },
    [GW_SDP_AES_CM_128_HMAC_SHA1_32] = { "AES_CM_128_HMAC_SHA1_32", 16 + 14 },
    [GW_SDP_F8_128_HMAC_SHA1_80] = { "F8_128_HMAC_SHA1_80", 16 + 14 },
    [GW_SDP_AES_192_CM_HMAC_SHA1_80] = { "AES_192_CM_HMAC_SHA1_80", 24 + 14 },
    [GW_SDP_AES_192_CM_HMAC_SHA1_32] = { "AES_192_CM_HMAC_SHA1_32", 24 + 14 },
    [GW_SDP_AES_256_CM_HMAC_SHA1_80] = { "AES_256_CM_HMAC_SHA1_80", 32 + 14 },
    [GW_SDP_AES_256_CM_HMAC_SHA1_32] = { "AES_256_CM_HMAC_SHA1_32", 32 + 14 },
    [GW_SDP_AEAD_AES_128_GCM] = { "AEAD_AES_128_GCM", 16 + 12 },
    [GW_SDP_AEAD_AES_256_GCM] = { "AEAD_AES_256_GCM", 32 + 12 },
};

size_t gw_sdp_suite_key_len(enum gw_sdp_suite s)
{
    return suites[s].key_len;
}

enum gw_sdp_suite gw_sdp_suite_of(struct gw_span name)
{
    for (unsigned i = GW_SDP_SUITE_UNKNOWN + 1; i < GW_SDP_SUITE_COUNT; i++)
        if (gw_span_is_nocase(name, suites[i].name))
            return (enum gw_sdp_suite)i;
    return GW_SDP_SUITE_UNKNOWN;
}

/* Base64 with or without its padding: both are met on the wire. */
static int parse_key(struct gw_span text, struct gw_sdp_crypto_key *k)
{
    char padded[4 * GW_SDP_CRYPTO_KEY];
    size_t n = text.len;
    int err;

    if (n == 0 || n + 4 > sizeof(padded))
        return GW_E_RANGE;
    memcpy(padded, text.ptr, n);
    while (n % 4)
        padded[n++] = '=';
    k->len = sizeof(k->key);
    err = gw_base64_parse((struct gw_span){ padded, n }, k->key, &k->len);
    explicit_bzero(padded, sizeof(padded));
    return err == GW_E_LIMIT ? GW_E_RANGE : err;
}

/* "2^20" or "1048576"; a life longer than any packet counter is as good as the longest */
static int parse_lifetime(struct gw_span text, uint64_t *out)
{
    struct gw_span rest = text;
    uint64_t v = 0;
    int err;

    if (text.len > 2 && memcmp(text.ptr, "2^", 2) == 0) {
        rest = (struct gw_span){ (const char *)text.ptr + 2, text.len - 2 };
        err = gw_sdp_number(rest, 999, &v);
        if (!err)
            v = v > 63 ? UINT64_MAX : UINT64_C(1) << v;
    } else {
        err = gw_sdp_number(text, UINT64_MAX, &v);
        if (err == GW_E_RANGE) {
            v = UINT64_MAX;
            err = 0;
        }
    }
    if (!err && v == 0)
        err = GW_E_RANGE;
    if (!err)
        *out = v;
    return err;
}

static int parse_mki(struct gw_span text, struct gw_sdp_crypto_key *k)
{
    struct gw_span len = text, value = gw_sdp_until(&len, ':');
    uint32_t n = 0;
    int err = gw_sdp_number(value, UINT64_MAX, &k->mki);

    if (!err)
        err = gw_sdp_u32(len, 128, &n);
    if (err)
        return err;
    if (n == 0 || (n < 8 && k->mki >> (8 * n)))
        return GW_E_RANGE;
    k->mki_len = (uint8_t)n;
    return 0;
}

static int parse_key_param(struct gw_span text, struct gw_sdp_crypto_key *k)
{
    struct gw_span rest = text, method = gw_sdp_until(&rest, ':'), field;
    int err;

    if (!rest.ptr)
        return GW_E_SYNTAX;
    if (!gw_span_is_nocase(method, "inline"))
        return GW_E_UNSUPPORTED;
    err = parse_key(gw_sdp_until(&rest, '|'), k);
    for (unsigned n = 0; !err && rest.ptr; n++) {
        field = gw_sdp_until(&rest, '|');
        if (field.len && memchr(field.ptr, ':', field.len) && !k->mki_len)
            err = parse_mki(field, k);
        else if (n == 0)
            err = parse_lifetime(field, &k->lifetime);
        else
            err = GW_E_SYNTAX;
    }
    return err;
}

static int parse_keys(struct gw_span text, struct gw_sdp_crypto *c)
{
    struct gw_span rest = text;

    do {
        int err;
        if (c->nkeys == GW_SDP_CRYPTO_KEYS)
            return GW_E_LIMIT;
        err = parse_key_param(gw_sdp_until(&rest, ';'), &c->keys[c->nkeys++]);
        if (err)
            return err;
    } while (rest.ptr);
    /* several keys need an MKI each, to be told apart (s. 6.1) */
    for (unsigned i = 0; c->nkeys > 1 && i < c->nkeys; i++)
        if (!c->keys[i].mki_len || c->keys[i].mki_len != c->keys[0].mki_len)
            return GW_E_SYNTAX;
    return 0;
}

/* s. 6.3. A parameter that begins with "-" may be ignored (s. 6.3.7). */
static int parse_session_param(struct gw_span text, struct gw_sdp_crypto *c)
{
    struct gw_span value = text, name = gw_sdp_until(&value, '=');
    int err = 0;

    if (gw_span_is_nocase(name, "UNENCRYPTED_SRTP") && !value.ptr) {
        c->is_unencrypted_srtp = true;
    } else if (gw_span_is_nocase(name, "UNENCRYPTED_SRTCP") && !value.ptr) {
        c->is_unencrypted_srtcp = true;
    } else if (gw_span_is_nocase(name, "UNAUTHENTICATED_SRTP") && !value.ptr) {
        c->is_unauthenticated_srtp = true;
    } else if (gw_span_is_nocase(name, "KDR")) {
        err = gw_sdp_u32(value, 24, &c->kdr);
        c->has_kdr = true;
    } else if (gw_span_is_nocase(name, "WSH")) {
        err = gw_sdp_u32(value, 65536, &c->wsh);
        if (!err && c->wsh < 64)
            err = GW_E_RANGE;
    } else if (gw_span_is_nocase(name, "FEC_ORDER") || gw_span_is_nocase(name, "FEC_KEY")) {
        c->has_fec = true;
    } else if (*(const char *)text.ptr != '-') {
        c->has_unknown = true;
    }
    return err;
}

int gw_sdp_parse_crypto(struct gw_span value, struct gw_sdp_crypto *out)
{
    struct gw_sdp_crypto c = { 0 };
    struct gw_span rest = value, param;
    int err = gw_sdp_u32(gw_sdp_token(&rest), 999999999, &c.tag), keys;

    if (err)
        return err;
    if (c.tag == 0)
        return GW_E_RANGE;
    param = gw_sdp_token(&rest);
    if (!param.len)
        return GW_E_SYNTAX;
    c.suite = gw_sdp_suite_of(param);
    keys = parse_keys(gw_sdp_token(&rest), &c);
    while (!err && (param = gw_sdp_token(&rest)).len)
        err = parse_session_param(param, &c);
    if (c.suite == GW_SDP_SUITE_UNKNOWN)
        err = GW_E_UNSUPPORTED; /* its keys may have any form */
    else if (keys)
        err = keys;
    for (unsigned i = 0; !err && i < c.nkeys; i++)
        if (c.keys[i].len != suites[c.suite].key_len)
            err = GW_E_RANGE;
    if (!err)
        *out = c;
    explicit_bzero(&c, sizeof(c));
    return err;
}

void gw_sdp_write_crypto(struct gw_sdp_buf *b, const struct gw_sdp_crypto *c)
{
    char key[4 * ((GW_SDP_CRYPTO_KEY + 2) / 3) + 1];

    gw_sdp_printf(b, "a=crypto:%u %s ", c->tag, suites[c->suite].name);
    for (unsigned i = 0; i < c->nkeys; i++) {
        if (!b->err)
            b->err = gw_base64_write((struct gw_span){ c->keys[i].key, c->keys[i].len }, key, sizeof(key));
        if (b->err)
            break;
        gw_sdp_printf(b, "%sinline:%s", i ? ";" : "", key);
        if (c->keys[i].mki_len)
            gw_sdp_printf(b, "|%llu:%u", (unsigned long long)c->keys[i].mki, c->keys[i].mki_len);
    }
    if (c->is_unencrypted_srtp)
        gw_sdp_printf(b, " UNENCRYPTED_SRTP");
    if (c->is_unencrypted_srtcp)
        gw_sdp_printf(b, " UNENCRYPTED_SRTCP");
    if (c->is_unauthenticated_srtp)
        gw_sdp_printf(b, " UNAUTHENTICATED_SRTP");
    if (c->wsh)
        gw_sdp_printf(b, " WSH=%u", c->wsh);
    gw_sdp_printf(b, "\r\n");
    explicit_bzero(key, sizeof(key));
}
