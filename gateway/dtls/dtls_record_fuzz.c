/* Any datagram is read without harm; what is sealed opens again once, and as it was. */
#include <stdlib.h>
#include <string.h>

#include "gateway/dtls/dtls_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t out[GW_DTLS_PLAIN_MAX], sealed[GW_DTLS_PLAIN_MAX + GW_DTLS_RECORD_OVERHEAD];
    struct gw_dtls_records r = { .nid = NID_aes_128_gcm, .has_explicit_nonce = true, .key_len = 16, .next_seq = 1 };
    struct gw_span d = { data, len }, plain = { data, len < 512 ? len : 512 };
    uint8_t type;
    int n;

    gw_dtls_records_sent(&r, d);
    while (gw_dtls_open(&r, &d, &type, out) != GW_E_AGAIN)
        ;
    r.next_seq &= 0xffffffffffu;
    r.top = r.seen = 0;
    n = gw_dtls_seal(&r, GW_DTLS_DATA, plain, sealed);
    if (n < 0)
        abort();
    d = (struct gw_span){ sealed, (size_t)n };
    if (gw_dtls_open(&r, &d, &type, out) != (int)plain.len || memcmp(out, data, plain.len) != 0 ||
        type != GW_DTLS_DATA || d.len)
        abort();
    d = (struct gw_span){ sealed, (size_t)n };
    if (gw_dtls_open(&r, &d, &type, out) != GW_E_MISMATCH)
        abort();
    gw_dtls_records_wipe(&r);
    return 0;
}
