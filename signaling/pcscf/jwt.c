#include "signaling/pcscf/jwt.h"

#include <jansson.h>
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "signaling/pcscf/jwk.h"

enum { FILE_MAX = 64 * 1024, SECRET_MIN = 32 };

struct gw_jwt {
    char *issuer, *audience, *public_claim, *private_claim;
    int64_t leeway_s;
    unsigned allowed; /* of GW_JWK_* */
    unsigned nkeys;
    struct gw_jwk keys[GW_JWT_KEYS];
};

static const struct {
    const char *name;
    unsigned kind;
    jwt_alg_t alg;
} algorithms[] = {
    { "RS256", GW_JWK_RS256, JWT_ALG_RS256 },
    { "ES256", GW_JWK_ES256, JWT_ALG_ES256 },
    { "HS256", GW_JWK_HS256, JWT_ALG_HS256 },
};
enum { ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]) };

static int algorithm_find(const char *name)
{
    for (int i = 0; name && i < ALGORITHMS; i++)
        if (strcmp(name, algorithms[i].name) == 0)
            return i;
    return -1;
}

/* ---- the keys ---- */

static int read_jwks(struct gw_jwt *j, const char *text, char *why, size_t why_size)
{
    json_t *doc = json_loads(text, 0, NULL), *list = json_object_get(doc, "keys"), *jwk;
    size_t i;

    if (json_is_object(doc) && !list)
        list = json_pack("[O]", doc); /* a single key */
    else
        json_incref(list);
    json_array_foreach(list, i, jwk)
    {
        if (j->nkeys < GW_JWT_KEYS && gw_jwk_parse(jwk, &j->keys[j->nkeys]) == 0)
            j->nkeys++; /* keys for something else may stand in the same file (RFC 7517 s. 5) */
    }
    json_decref(list);
    json_decref(doc);
    if (j->nkeys)
        return 0;
    snprintf(why, why_size, "no RSA, P-256 or secret key to verify with in the JWKS");
    return GW_E_SYNTAX;
}

static int read_keys(struct gw_jwt *j, const char *path, char *why, size_t why_size)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----";
    struct gw_jwk *k = &j->keys[0];
    char *text = calloc(1, FILE_MAX + 1);
    FILE *f = fopen(path, "r");
    size_t n = f && text ? fread(text, 1, FILE_MAX, f) : 0;
    int err = 0;

    if (f)
        fclose(f);
    while (n && strchr("\r\n", text[n - 1]))
        text[--n] = 0;
    if (!f || !text) {
        snprintf(why, why_size, "%s cannot be read", path);
        err = GW_E_IO;
    } else if (text[strspn(text, " \t\r\n")] == '{') {
        err = read_jwks(j, text, why, why_size);
    } else if (strncmp(text, "-----", 5) == 0 ? strncmp(text, pem, sizeof(pem) - 1) != 0 || n + 1 >= sizeof(k->text)
                                              : n < SECRET_MIN || n >= sizeof(k->text)) {
        snprintf(why, why_size, "%s is neither a PEM public key nor a JWKS nor a secret of at least %d octets", path,
                 SECRET_MIN);
        err = GW_E_SYNTAX;
    } else {
        k->kinds = *text == '-' ? GW_JWK_RS256 | GW_JWK_ES256 : GW_JWK_HS256;
        memcpy(k->text, text, n);
        if (*text == '-')
            k->text[n++] = '\n';
        k->len = n;
        j->nkeys = 1;
    }
    free(text);
    return err;
}

static int read_policy(struct gw_jwt *j, const struct gw_conf *c, char *why, size_t why_size)
{
    for (unsigned i = 0; i < c->token_algorithms.n; i++) {
        int a = algorithm_find(c->token_algorithms.v[i]);
        if (a < 0) {
            snprintf(why, why_size, "\"%.32s\" in token_algorithms is not RS256, ES256 or HS256",
                     c->token_algorithms.v[i]);
            return GW_E_UNSUPPORTED;
        }
        j->allowed |= algorithms[a].kind;
    }
    if (!*c->token_issuer || !*c->token_audience) {
        snprintf(why, why_size, "needs token_issuer and token_audience: a token for another service is no ticket here");
        return GW_E_INVAL;
    }
    j->issuer = strdup(c->token_issuer);
    j->audience = strdup(c->token_audience);
    j->public_claim = strdup(c->token_public_claim);
    j->private_claim = strdup(c->token_private_claim);
    j->leeway_s = c->token_leeway;
    return j->issuer && j->audience && j->public_claim && j->private_claim ? 0 : GW_E_NOMEM;
}

int gw_jwt_new(const struct gw_conf *c, struct gw_jwt **out, char *why, size_t why_size)
{
    struct gw_jwt *j;
    unsigned kinds = 0;
    int err;

    *out = NULL;
    if (!*c->token_key)
        return 0;
    j = calloc(1, sizeof(*j));
    if (!j)
        return GW_E_NOMEM;
    err = read_policy(j, c, why, why_size);
    if (!err)
        err = read_keys(j, c->token_key, why, why_size);
    for (unsigned i = 0; i < j->nkeys; i++)
        kinds |= j->keys[i].kinds;
    if (!err && !(kinds & j->allowed)) {
        snprintf(why, why_size, "no key in it is for any of token_algorithms");
        err = GW_E_MISMATCH;
    }
    if (err) {
        gw_jwt_free(j);
        return err;
    }
    *out = j;
    return 0;
}

void gw_jwt_free(struct gw_jwt *j)
{
    if (!j)
        return;
    free(j->issuer);
    free(j->audience);
    free(j->public_claim);
    free(j->private_claim);
    explicit_bzero(j->keys, sizeof(j->keys));
    free(j);
}

/* ---- the token ---- */

/* What the header says, read before any key is touched. `algorithm` is the index of one that is allowed here. */
static int read_header(const struct gw_jwt *j, const char *token, int *algorithm, char *kid, size_t size)
{
    uint8_t text[1024];
    size_t n = sizeof(text);
    const char *dot = strchr(token, '.'), *id;
    json_t *head;
    int err = 0;

    if (!dot || strlen(token) > GW_JWT_MAX ||
        gw_base64url_parse((struct gw_span){ token, (size_t)(dot - token) }, text, &n) != 0)
        return GW_E_SYNTAX;
    head = json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, NULL);
    id = json_string_value(json_object_get(head, "kid"));
    kid[0] = 0;
    *algorithm = algorithm_find(json_string_value(json_object_get(head, "alg")));
    if (!json_is_object(head) || (id && gw_span_copy(gw_span_str(id), kid, size) != 0))
        err = GW_E_SYNTAX;
    else if (*algorithm < 0 || !(algorithms[*algorithm].kind & j->allowed) ||
             json_object_get(head, "crit")) /* RFC 7515 s. 4.1.11: not understood means refused */
        err = GW_E_UNSUPPORTED;
    json_decref(head);
    return err;
}

/* The verified claims; NULL with *err. A key identifier picks its key; a key without one fits any. */
static json_t *verify(const struct gw_jwt *j, const char *token, int *err)
{
    int algorithm;
    char kid[128];
    json_t *claims = NULL;

    *err = read_header(j, token, &algorithm, kid, sizeof(kid));
    if (*err)
        return NULL;
    *err = GW_E_NOTFOUND;
    for (unsigned i = 0; !claims && i < j->nkeys; i++) {
        const struct gw_jwk *k = &j->keys[i];
        jwt_t *jwt = NULL;
        char *text;
        if (!(k->kinds & algorithms[algorithm].kind) || (kid[0] && k->kid[0] && strcmp(kid, k->kid) != 0))
            continue;
        *err = GW_E_AUTH;
        if (jwt_decode(&jwt, token, (const unsigned char *)k->text, (int)k->len) != 0)
            continue;
        text = jwt_get_alg(jwt) == algorithms[algorithm].alg ? jwt_get_grants_json(jwt, NULL) : NULL;
        claims = text ? json_loads(text, 0, NULL) : NULL;
        free(text);
        jwt_free(jwt);
    }
    return claims;
}

static bool is_for(const json_t *audience, const char *us)
{
    const json_t *v;
    size_t i;

    if (json_is_string(audience))
        return strcmp(json_string_value(audience), us) == 0;
    json_array_foreach(audience, i, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), us) == 0)
            return true;
    }
    return false;
}

/* An identity goes into SIP headers: a URI without what could end one. `ann@ims.example` is the SIP URI of it. */
static bool read_identity(const char *v, bool is_uri, char *buf)
{
    bool has_scheme =
        v && (strncasecmp(v, "sip:", 4) == 0 || strncasecmp(v, "sips:", 5) == 0 || strncasecmp(v, "tel:", 4) == 0);
    int n;

    if (!v || !*v || strpbrk(v, " \t\r\n<>\"\\;?,") || (is_uri && !has_scheme && !strchr(v, '@')))
        return false;
    for (const char *p = v; *p; p++)
        if ((unsigned char)*p < 0x21 || *p == 0x7f)
            return false;
    n = snprintf(buf, GW_JWT_IDENTITY, "%s%s", is_uri && !has_scheme ? "sip:" : "", v);
    return n < GW_JWT_IDENTITY;
}

static int read_claims(const struct gw_jwt *j, const json_t *claims, int64_t now_s, struct gw_jwt_claims *out,
                       const char **why)
{
    const json_t *exp = json_object_get(claims, "exp"), *nbf = json_object_get(claims, "nbf");
    const char *iss = json_string_value(json_object_get(claims, "iss")), *impi;

    *why = "another issuer";
    if (!iss || strcmp(iss, j->issuer) != 0)
        return GW_E_MISMATCH;
    *why = "for another audience";
    if (!is_for(json_object_get(claims, "aud"), j->audience))
        return GW_E_MISMATCH;
    *why = "no expiry time";
    if (!json_is_number(exp) || json_number_value(exp) < 0 || json_number_value(exp) > 1e12)
        return GW_E_TIMEOUT;
    *why = "expired";
    out->expires_s = (int64_t)json_number_value(exp) + j->leeway_s;
    if (now_s >= out->expires_s)
        return GW_E_TIMEOUT;
    *why = "not valid yet";
    if (nbf && (!json_is_number(nbf) || json_number_value(nbf) > (double)(now_s + j->leeway_s)))
        return GW_E_TIMEOUT;
    *why = "names no public identity";
    if (!read_identity(json_string_value(json_object_get(claims, j->public_claim)), true, out->impu))
        return GW_E_INVAL;
    impi = json_string_value(json_object_get(claims, j->private_claim));
    *why = "names no private identity";
    if (!impi)
        impi = strchr(out->impu, ':') + 1; /* TS 23.003 s. 13.4B derives it so where the operator gave none */
    return read_identity(impi, false, out->impi) ? 0 : GW_E_INVAL;
}

int gw_jwt_check(const struct gw_jwt *j, const char *token, int64_t now_s, struct gw_jwt_claims *out, const char **why)
{
    struct gw_jwt_claims c = { 0 };
    const char *because;
    int err;
    json_t *claims = verify(j, token, &err);

    if (!claims) {
        *why = err == GW_E_SYNTAX        ? "not a JSON web token"
               : err == GW_E_UNSUPPORTED ? "algorithm or critical header not accepted"
               : err == GW_E_NOTFOUND    ? "signed with an unknown key"
                                         : "wrong signature";
        return err;
    }
    err = read_claims(j, claims, now_s, &c, &because);
    json_decref(claims);
    if (err)
        *why = because;
    else
        *out = c;
    return err;
}
