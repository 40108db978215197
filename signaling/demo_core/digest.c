/* Digest as RFC 7616 s. 3.4.1 computes it, with MD5: the one algorithm that every client library has. */
#include <stdio.h>

#include "gateway/base/crypto.h"
#include "registrar.h"

static void md5_hex(const char *text, char out[33])
{
    uint8_t d[16];

    gw_md5(gw_span_str(text), d);
    for (unsigned i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", d[i]);
}

void gw_digest_response(const char *user, const char *realm, const char *password, const char *method, const char *uri,
                        const char *nonce, const char *qop, const char *nc, const char *cnonce, char out[33])
{
    char text[2048], ha1[33], ha2[33];

    snprintf(text, sizeof(text), "%s:%s:%s", user, realm, password);
    md5_hex(text, ha1);
    snprintf(text, sizeof(text), "%s:%s", method, uri);
    md5_hex(text, ha2);
    if (qop && *qop)
        snprintf(text, sizeof(text), "%s:%s:%s:%s:%s:%s", ha1, nonce, nc, cnonce, qop, ha2);
    else
        snprintf(text, sizeof(text), "%s:%s:%s", ha1, nonce, ha2);
    md5_hex(text, out);
}
