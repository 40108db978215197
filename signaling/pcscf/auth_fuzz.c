/* Any credentials: what comes out is Digest again, says of itself what we said, and says it once. */
#include <stdlib.h>

#include "signaling/pcscf/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char in[2048], once[4096], twice[4096], v[4096];

    if (gw_span_copy((struct gw_span){ data, len }, in, sizeof(in)) != 0)
        return 0;
    (void)gw_auth_param(in, "username", v, sizeof(v));
    if (gw_auth_protect(in, "tls-yes", once, sizeof(once)) != 0)
        return 0;
    if (gw_auth_protect(once, "tls-yes", twice, sizeof(twice)) != 0 || strcmp(once, twice) != 0)
        abort();
    return 0;
}
