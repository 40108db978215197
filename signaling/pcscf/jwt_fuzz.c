/* Any octets as a token, against every kind of key: nobody gets in, as nobody signed. The seeds that are signed were so
 * with another key. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/span.h"
#include "signaling/pcscf/jwt.h"
#include "signaling/pcscf/jwt_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct gw_jwt *verifier(const char *key)
{
    char path[] = "/tmp/jwt_fuzz.XXXXXX", text[512], why[256];
    struct gw_conf *c = NULL;
    struct gw_jwt *j = NULL;
    int fd = mkstemp(path);

    if (fd < 0 || write(fd, key, strlen(key)) < 0)
        abort();
    close(fd);
    snprintf(text, sizeof(text),
             "token_key = %s\ntoken_algorithms = RS256 ES256 HS256\ntoken_issuer = a\ntoken_audience = b\n", path);
    if (gw_conf_parse("fuzz", text, strlen(text), &c, why, sizeof(why)) != 0 ||
        gw_jwt_new(c, &j, why, sizeof(why)) != 0)
        abort();
    gw_conf_free(c);
    unlink(path);
    return j;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct gw_jwt *of[3];
    char token[GW_JWT_MAX + 16];
    struct gw_jwt_claims c;
    const char *why = NULL;

    if (!of[0]) {
        of[0] = verifier(jwks);
        of[1] = verifier(secret);
        of[2] = verifier(ec_public);
    }
    if (gw_span_copy((struct gw_span){ data, len }, token, sizeof(token)) != 0)
        return 0;
    (void)rsa_private, (void)rsa_public, (void)ec_private;
    for (int i = 0; i < 3; i++)
        if (gw_jwt_check(of[i], token, 1800000000, &c, &why) == 0 || !why)
            abort();
    return 0;
}
