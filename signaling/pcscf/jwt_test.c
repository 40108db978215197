#include "test.h"

#include <jwt.h>
#include <stdlib.h>
#include <unistd.h>

#include "signaling/pcscf/jwk.h"
#include "signaling/pcscf/jwt.h"
#include "signaling/pcscf/jwt_keys.h"

enum { NOW = 1800000000 };

static struct gw_conf *conf;
static struct gw_jwt *verifier;
static char path[] = "/tmp/jwt_test.XXXXXX";

/* A verifier whose key file holds `key`; the error of gw_jwt_new. */
static int take(const char *key, const char *more, char *why, size_t size)
{
    char text[512];
    int fd, err;

    strcpy(path, "/tmp/jwt_test.XXXXXX");
    fd = mkstemp(path);
    EQ(write(fd, key, strlen(key)), (long)strlen(key));
    close(fd);
    snprintf(text, sizeof(text), "token_key = %s\ntoken_issuer = https://waf.example\ntoken_audience = imsgw\n%s", path,
             more);
    EQ(gw_conf_parse("gw.conf", text, strlen(text), &conf, why, size), 0);
    err = gw_jwt_new(conf, &verifier, why, size);
    unlink(path);
    return err;
}

static void drop(void)
{
    gw_jwt_free(verifier);
    gw_conf_free(conf);
    verifier = NULL;
    conf = NULL;
}

static void setup(const char *key, const char *more)
{
    char why[256] = "";

    EQ(take(key, more, why, sizeof(why)), 0);
    STR_EQ(why, "");
}

/* A token with these claims; the caller frees. */
static char *sign(jwt_alg_t alg, const char *key, const char *kid, const char *claims)
{
    jwt_t *jwt = NULL;
    char *text;

    jwt_new(&jwt);
    EQ(jwt_add_grants_json(jwt, claims), 0);
    if (kid)
        EQ(jwt_add_header(jwt, "kid", kid), 0);
    EQ(jwt_set_alg(jwt, alg, (const unsigned char *)key, key ? (int)strlen(key) : 0), 0);
    text = jwt_encode_str(jwt);
    CHECK(text);
    jwt_free(jwt);
    return text;
}

/* The verdict on a token, which is freed; "ok" or the sentence. */
static const char *verdict(char *token, int want)
{
    struct gw_jwt_claims c;
    const char *why = "ok";

    EQ(gw_jwt_check(verifier, token, NOW, &c, &why), want);
    free(token);
    return why;
}

#define ISS_AUD "\"iss\":\"https://waf.example\",\"aud\":\"imsgw\","
#define GOOD "{" ISS_AUD "\"exp\":1800000600,\"impu\":\"sip:ann@ims.example\",\"impi\":\"ann@private.example\"}"

TEST(REG_006_every_algorithm_is_verified_with_its_own_key)
{
    struct gw_jwt_claims c;
    const char *why = "";
    char *t;

    setup(rsa_public, "");
    t = sign(JWT_ALG_RS256, rsa_private, NULL, GOOD);
    EQ(gw_jwt_check(verifier, t, NOW, &c, &why), 0);
    STR_EQ(c.impu, "sip:ann@ims.example");
    STR_EQ(c.impi, "ann@private.example");
    EQ(c.expires_s, NOW + 605); /* with token_leeway */
    free(t);
    drop();
    setup(ec_public, "");
    STR_EQ(verdict(sign(JWT_ALG_ES256, ec_private, NULL, GOOD), 0), "ok");
    drop();
    setup(secret, "token_algorithms = HS256\n");
    STR_EQ(verdict(sign(JWT_ALG_HS256, secret, NULL, GOOD), 0), "ok");
    drop();
    setup(jwks, "");
    STR_EQ(verdict(sign(JWT_ALG_RS256, rsa_private, "r1", GOOD), 0), "ok");
    STR_EQ(verdict(sign(JWT_ALG_ES256, ec_private, "e1", GOOD), 0), "ok");
    STR_EQ(verdict(sign(JWT_ALG_ES256, ec_private, NULL, GOOD), 0), "ok");
    STR_EQ(verdict(sign(JWT_ALG_ES256, ec_private, "r1", GOOD), GW_E_NOTFOUND), "signed with an unknown key");
    STR_EQ(verdict(sign(JWT_ALG_ES256, ec_private, "e2", GOOD), GW_E_NOTFOUND), "signed with an unknown key");
    drop();
}

/* RFC 8725 s. 2.1: the public key is no secret, and nothing signed is nothing proved. */
TEST(an_algorithm_of_the_token_s_choice_is_refused)
{
    static const char not_accepted[] = "algorithm or critical header not accepted";

    setup(rsa_public, "token_algorithms = RS256 ES256 HS256\n");
    STR_EQ(verdict(sign(JWT_ALG_HS256, rsa_public, NULL, GOOD), GW_E_NOTFOUND), "signed with an unknown key");
    STR_EQ(verdict(sign(JWT_ALG_NONE, NULL, NULL, GOOD), GW_E_UNSUPPORTED), not_accepted);
    STR_EQ(verdict(sign(JWT_ALG_RS512, rsa_private, NULL, GOOD), GW_E_UNSUPPORTED), not_accepted);
    STR_EQ(verdict(sign(JWT_ALG_ES256, ec_private, NULL, GOOD), GW_E_AUTH), "wrong signature"); /* an RSA key */
    drop();
    setup(jwks, "token_algorithms = ES256\n");
    STR_EQ(verdict(sign(JWT_ALG_RS256, rsa_private, "r1", GOOD), GW_E_UNSUPPORTED), not_accepted);
    drop();
}

TEST(issuer_audience_time_and_identity_are_checked)
{
    static const struct {
        const char *claims;
        int err;
        const char *why;
    } rows[] = {
        { "{\"aud\":\"imsgw\",\"exp\":1800000600,\"impu\":\"sip:a@b\"}", GW_E_MISMATCH, "another issuer" },
        { "{\"iss\":\"https://waf.example/\",\"aud\":\"imsgw\",\"exp\":1800000600}", GW_E_MISMATCH, "another issuer" },
        { "{\"iss\":\"https://waf.example\",\"exp\":1800000600}", GW_E_MISMATCH, "for another audience" },
        { "{\"iss\":\"https://waf.example\",\"aud\":[\"x\",7],\"exp\":1}", GW_E_MISMATCH, "for another audience" },
        { "{\"iss\":\"https://waf.example\",\"aud\":[\"x\",\"imsgw\"],\"exp\":1800000600,\"impu\":\"tel:+491\"}", 0,
          "ok" },
        { "{" ISS_AUD "\"impu\":\"sip:a@b\"}", GW_E_TIMEOUT, "no expiry time" },
        { "{" ISS_AUD "\"exp\":\"1800000600\",\"impu\":\"sip:a@b\"}", GW_E_TIMEOUT, "no expiry time" },
        { "{" ISS_AUD "\"exp\":1e300,\"impu\":\"sip:a@b\"}", GW_E_TIMEOUT, "no expiry time" },
        { "{" ISS_AUD "\"exp\":1799999995,\"impu\":\"sip:a@b\"}", GW_E_TIMEOUT, "expired" },
        { "{" ISS_AUD "\"exp\":1799999996,\"impu\":\"sip:a@b\"}", 0, "ok" },
        { "{" ISS_AUD "\"exp\":1800000600,\"nbf\":1800000006,\"impu\":\"sip:a@b\"}", GW_E_TIMEOUT, "not valid yet" },
        { "{" ISS_AUD "\"exp\":1800000600,\"nbf\":1800000005,\"impu\":\"sip:a@b\"}", 0, "ok" },
        { "{" ISS_AUD "\"exp\":1800000600}", GW_E_INVAL, "names no public identity" },
        { "{" ISS_AUD "\"exp\":1800000600,\"impu\":\"ann\"}", GW_E_INVAL, "names no public identity" },
        { "{" ISS_AUD "\"exp\":1800000600,\"impu\":\"sip:a@b>;x\"}", GW_E_INVAL, "names no public identity" },
        { "{" ISS_AUD "\"exp\":1800000600,\"impu\":\"sip:a@b\\r\\nX: y\"}", GW_E_INVAL, "names no public identity" },
        { "{" ISS_AUD "\"exp\":1800000600,\"impu\":\"sip:a@b\",\"impi\":\"a\\\",x=\\\"\"}", GW_E_INVAL,
          "names no private identity" },
    };

    setup(secret, "token_algorithms = HS256\n");
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        STR_EQ(verdict(sign(JWT_ALG_HS256, secret, NULL, rows[i].claims), rows[i].err), rows[i].why);
    drop();
}

TEST(an_address_is_the_sip_uri_of_it_and_the_private_identity_follows)
{
    struct gw_jwt_claims c;
    const char *why = "";
    char *t;

    setup(secret, "token_algorithms = HS256\ntoken_public_claim = email\n");
    t = sign(JWT_ALG_HS256, secret, NULL, "{" ISS_AUD "\"exp\":1800000600,\"email\":\"ann@ims.example\"}");
    EQ(gw_jwt_check(verifier, t, NOW, &c, &why), 0);
    STR_EQ(c.impu, "sip:ann@ims.example");
    STR_EQ(c.impi, "ann@ims.example");
    free(t);
    drop();
}

/* Each octet changed in turn, and each cut: none of them passes, and none is read as another. */
TEST(a_token_changed_anywhere_is_refused)
{
    struct gw_jwt_claims c;
    const char *why = "";
    char *t, *copy;
    size_t n;

    setup(secret, "token_algorithms = HS256\n");
    t = sign(JWT_ALG_HS256, secret, NULL, GOOD);
    n = strlen(t);
    copy = strdup(t);
    for (size_t i = 0; i < n; i++) {
        copy[i] = t[i] == 'A' ? 'Q' : 'A'; /* far apart, so that the unused bits of a last character do not hide it */
        if (copy[i] != t[i])
            CHECK(gw_jwt_check(verifier, copy, NOW, &c, &why) < 0);
        copy[i] = 0;
        CHECK(gw_jwt_check(verifier, copy, NOW, &c, &why) < 0);
        copy[i] = t[i];
    }
    STR_EQ(copy, t);
    free(t);
    free(copy);
    t = malloc(GW_JWT_MAX + 2);
    memset(t, 'A', GW_JWT_MAX + 1);
    t[10] = '.';
    t[GW_JWT_MAX + 1] = 0;
    EQ(gw_jwt_check(verifier, t, NOW, &c, &why), GW_E_SYNTAX);
    free(t);
    drop();
}

TEST(a_key_file_that_verifies_nothing_is_told)
{
    char why[256];

    EQ(take("short", "", why, sizeof(why)), GW_E_SYNTAX);
    CHECK(strstr(why, "neither a PEM public key nor a JWKS nor a secret"));
    drop();
    EQ(take(rsa_private, "", why, sizeof(why)), GW_E_SYNTAX); /* it does not belong here */
    drop();
    EQ(take("{\"keys\":[{\"kty\":\"OKP\"},{\"kty\":\"RSA\",\"use\":\"enc\"}]}", "", why, sizeof(why)), GW_E_SYNTAX);
    drop();
    EQ(take(secret, "", why, sizeof(why)), GW_E_MISMATCH); /* HS256 only where the operator says so */
    STR_EQ(why, "no key in it is for any of token_algorithms");
    drop();
    EQ(take(secret, "token_algorithms = none\n", why, sizeof(why)), GW_E_UNSUPPORTED);
    drop();
}

TEST(a_json_web_key_becomes_what_openssl_wrote)
{
    json_t *doc = json_loads(jwks, 0, NULL);
    struct gw_jwk k;

    EQ(gw_jwk_parse(json_array_get(json_object_get(doc, "keys"), 0), &k), GW_E_UNSUPPORTED);
    EQ(gw_jwk_parse(json_array_get(json_object_get(doc, "keys"), 1), &k), 0);
    STR_EQ(k.text, rsa_public);
    STR_EQ(k.kid, "r1");
    EQ(gw_jwk_parse(json_array_get(json_object_get(doc, "keys"), 2), &k), 0);
    STR_EQ(k.text, ec_public);
    json_decref(doc);
}
