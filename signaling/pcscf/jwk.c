#include "signaling/pcscf/jwk.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/crypto.h"

enum { RSA_MAX = 1024, SECRET_MIN = 32, DER_MAX = RSA_MAX + 64 };

int gw_base64url_parse(struct gw_span text, uint8_t *buf, size_t *len)
{
    char padded[8192];
    const char *p = text.ptr;
    size_t n = 0;

    if (text.len + 4 > sizeof(padded))
        return GW_E_LIMIT;
    for (; n < text.len; n++) {
        if (strchr("+/=", p[n])) /* strchr finds the NUL too */
            return GW_E_SYNTAX;
        padded[n] = p[n] == '-' ? '+' : p[n] == '_' ? '/' : p[n];
    }
    while (n % 4)
        padded[n++] = '=';
    return gw_base64_parse((struct gw_span){ padded, n }, buf, len);
}

static int member(const json_t *jwk, const char *name, uint8_t *buf, size_t *len)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text ? gw_base64url_parse(gw_span_str(text), buf, len) : GW_E_SYNTAX;
}

/* ---- DER (X.690), written backwards: a length is known once its content stands ---- */

struct der {
    uint8_t octets[DER_MAX];
    size_t at; /* of the first one */
};

static void der_put(struct der *d, const void *p, size_t n)
{
    d->at -= n; /* DER_MAX holds the largest key there may be */
    memcpy(d->octets + d->at, p, n);
}

/* The tag and length in front of what was written since `end`. */
static void der_wrap(struct der *d, uint8_t tag, size_t end)
{
    size_t n = end - d->at;
    uint8_t head[4] = { tag };

    if (n < 128) {
        head[1] = (uint8_t)n;
        der_put(d, head, 2);
    } else if (n < 256) {
        head[1] = 0x81;
        head[2] = (uint8_t)n;
        der_put(d, head, 3);
    } else {
        head[1] = 0x82;
        head[2] = (uint8_t)(n >> 8);
        head[3] = (uint8_t)n;
        der_put(d, head, 4);
    }
}

static void der_unsigned(struct der *d, const uint8_t *p, size_t n)
{
    size_t end = d->at;

    for (; n > 1 && !*p; p++)
        n--;
    der_put(d, p, n);
    if (*p & 0x80)
        der_put(d, "\0", 1);
    der_wrap(d, 0x02, end);
}

static int write_pem(const uint8_t *der, size_t n, struct gw_jwk *out)
{
    static const char head[] = "-----BEGIN PUBLIC KEY-----\n", tail[] = "-----END PUBLIC KEY-----\n";
    size_t at = sizeof(head) - 1;

    memcpy(out->text, head, at);
    for (size_t i = 0; i < n; i += 48) { /* lines of 64 characters (RFC 7468 s. 2) */
        struct gw_span line = { der + i, n - i < 48 ? n - i : 48 };
        if (at + 66 + sizeof(tail) > sizeof(out->text) ||
            gw_base64_write(line, out->text + at, sizeof(out->text) - at) != 0)
            return GW_E_LIMIT;
        at += strlen(out->text + at);
        out->text[at++] = '\n';
    }
    memcpy(out->text + at, tail, sizeof(tail));
    out->len = at + sizeof(tail) - 1;
    return 0;
}

/* ---- the kinds ---- */

/* SubjectPublicKeyInfo of rsaEncryption (RFC 3279 s. 2.3.1) */
static int parse_rsa(const json_t *jwk, struct gw_jwk *out)
{
    static const uint8_t algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
    uint8_t n[RSA_MAX], e[8];
    size_t nlen = sizeof(n), elen = sizeof(e);
    struct der d = { .at = DER_MAX };
    int err = member(jwk, "n", n, &nlen);

    if (!err)
        err = member(jwk, "e", e, &elen);
    if (err)
        return err;
    if (nlen < 256 || elen == 0)
        return GW_E_UNSUPPORTED;
    der_unsigned(&d, e, elen);
    der_unsigned(&d, n, nlen);
    der_wrap(&d, 0x30, DER_MAX);
    der_put(&d, "\0", 1); /* no unused bits */
    der_wrap(&d, 0x03, DER_MAX);
    der_put(&d, algorithm, sizeof(algorithm));
    der_wrap(&d, 0x30, DER_MAX);
    out->kinds = GW_JWK_RS256;
    return write_pem(d.octets + d.at, DER_MAX - d.at, out);
}

/* SubjectPublicKeyInfo of a point on P-256 (RFC 5480 s. 2), which has one length */
static int parse_ec(const json_t *jwk, struct gw_jwk *out)
{
    uint8_t der[91] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                        0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };
    const char *curve = json_string_value(json_object_get(jwk, "crv"));
    size_t x = 32, y = 32;
    int err;

    if (!curve || strcmp(curve, "P-256") != 0)
        return GW_E_UNSUPPORTED;
    err = member(jwk, "x", der + 27, &x);
    if (!err)
        err = member(jwk, "y", der + 59, &y);
    if (err || x != 32 || y != 32)
        return GW_E_SYNTAX;
    out->kinds = GW_JWK_ES256;
    return write_pem(der, sizeof(der), out);
}

static int parse_secret(const json_t *jwk, struct gw_jwk *out)
{
    size_t n = sizeof(out->text);
    int err = member(jwk, "k", (uint8_t *)out->text, &n);

    if (!err && n < SECRET_MIN)
        err = GW_E_UNSUPPORTED;
    out->kinds = GW_JWK_HS256;
    out->len = n;
    return err;
}

int gw_jwk_parse(const json_t *jwk, struct gw_jwk *out)
{
    const char *kty = json_string_value(json_object_get(jwk, "kty"));
    const char *use = json_string_value(json_object_get(jwk, "use"));
    const char *kid = json_string_value(json_object_get(jwk, "kid"));

    memset(out, 0, sizeof(*out));
    if (!kty)
        return GW_E_SYNTAX;
    if (use && strcmp(use, "sig") != 0)
        return GW_E_UNSUPPORTED;
    if (kid && gw_span_copy(gw_span_str(kid), out->kid, sizeof(out->kid)) != 0)
        return GW_E_LIMIT;
    if (strcmp(kty, "RSA") == 0)
        return parse_rsa(jwk, out);
    if (strcmp(kty, "EC") == 0)
        return parse_ec(jwk, out);
    return strcmp(kty, "oct") == 0 ? parse_secret(jwk, out) : GW_E_UNSUPPORTED;
}
