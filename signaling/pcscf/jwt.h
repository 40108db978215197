/* Web tokens (RFC 7519) that a WAF gave to a web user, as TS 24.371 has them: a signature of the operator's key, an
 * issuer, an audience, a time, and the public and private identity they stand for. The one door to libjwt.
 *
 * A key says which algorithm it is for, never the token: a PEM public key verifies RS256 or ES256 by its own type, a
 * secret HS256 alone, a JWK what it is made of. `none` is not among them. Pure but for gw_jwt_new, which reads the key
 * file. Thread: control. */
#ifndef GW_PCSCF_JWT_H
#define GW_PCSCF_JWT_H

#include <stdint.h>

#include "gateway/base/conf.h"

enum {
    GW_JWT_MAX = 4096, /* octets of a token; more are refused unread */
    GW_JWT_KEYS = 16,  /* of a JWKS file */
    GW_JWT_IDENTITY = 256,
};

struct gw_jwt;

struct gw_jwt_claims {
    char impu[GW_JWT_IDENTITY]; /* a SIP or tel URI */
    char impi[GW_JWT_IDENTITY];
    int64_t expires_s; /* Unix time, leeway included */
};

/* Reads token_key and what belongs to it. *out is NULL when token_key is empty. `why` explains an error. */
int gw_jwt_new(const struct gw_conf *c, struct gw_jwt **out, char *why, size_t why_size);
void gw_jwt_free(struct gw_jwt *j);

/* 0, or GW_E_SYNTAX (no token), GW_E_UNSUPPORTED (algorithm or critical header), GW_E_NOTFOUND (no such key), GW_E_AUTH
 * (signature), GW_E_MISMATCH (issuer, audience), GW_E_TIMEOUT (expired, or not valid yet), GW_E_INVAL (no identity).
 * *why: a sentence for the web developer, fit for a quoted string. */
int gw_jwt_check(const struct gw_jwt *j, const char *token, int64_t now_s, struct gw_jwt_claims *out, const char **why);

#endif
