/* Any text as the user part of a Route: only what we made parses, and then writes the same text again. */
#include <stdlib.h>

#include "signaling/pcscf/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct gw_token_key k;
    char again[GW_TOKEN_TEXT];
    uint64_t flow;

    if (!k.life) {
        gw_token_key_init(&k, gw_span_str("fuzz"));
        k.life = 1; /* the seeds were made in this life */
    }
    if (gw_token_parse(&k, (struct gw_span){ data, len }, &flow) == 0) {
        gw_token_write(&k, flow, again);
        if (memcmp(again, data, len) != 0)
            abort();
    }
    return 0;
}
