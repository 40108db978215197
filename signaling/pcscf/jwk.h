/* A JSON Web Key (RFC 7517, RFC 7518 s. 6) as what a library takes: a PEM public key, or the octets of a secret. Pure.
 */
#ifndef GW_PCSCF_JWK_H
#define GW_PCSCF_JWK_H

#include <jansson.h>

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum gw_jwk_kind { GW_JWK_RS256 = 1, GW_JWK_ES256 = 2, GW_JWK_HS256 = 4 };

struct gw_jwk {
    unsigned kinds; /* of GW_JWK_*: what it may verify */
    char kid[128];  /* or empty */
    char text[2048];
    size_t len;
};

/* RSA of 2048 to 8192 bits, P-256, or at least 32 octets. Private parts are not looked at. GW_E_UNSUPPORTED: another
 * kind of key, or one for encryption. GW_E_SYNTAX, GW_E_LIMIT. */
int gw_jwk_parse(const json_t *jwk, struct gw_jwk *out);
/* Base64 with the URL alphabet and no padding (RFC 4648 s. 5). *len is the capacity in and the length out. */
int gw_base64url_parse(struct gw_span text, uint8_t *buf, size_t *len);

#endif
