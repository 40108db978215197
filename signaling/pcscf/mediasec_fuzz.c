#include "signaling/pcscf/mediasec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Also as headers of a message, comma by comma. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_sip_msg *m = gw_sip_msg_request("REGISTER", "sip:ims.example"), *resp;
    bool has_entries, has_others;
    unsigned one = gw_mediasec_of((struct gw_span){ data, len }), set;
    char text[512];

    if (one & ~31u)
        abort();
    if (m && gw_span_copy((struct gw_span){ data, len }, text, sizeof(text)) == 0 &&
        gw_sip_msg_add(m, "Security-Client", text) == 0) {
        set = gw_mediasec_read(m, "Security-Client", &has_entries, &has_others);
        if (set && !has_entries)
            abort();
        resp = gw_sip_msg_request("REGISTER", "sip:ims.example");
        if (resp && gw_mediasec_write(resp, set) == 0 &&
            gw_mediasec_read(resp, "Security-Server", &has_entries, &has_others) != set)
            abort();
        gw_sip_msg_free(resp);
    }
    gw_sip_msg_free(m);
    return 0;
}
