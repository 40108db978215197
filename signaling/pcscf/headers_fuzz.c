/* Any message through the header rules, both ways and across a B2BUA: what comes out is a message again, without what
 * the rules take away. */
#include <stdlib.h>

#include "signaling/pcscf/headers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must_parse(const struct gw_sip_msg *m)
{
    struct gw_sip_msg *again = NULL;
    char why[128];
    size_t n;
    char *text = gw_sip_msg_write(m, &n);

    if (!text)
        return;
    if (gw_sip_msg_parse((struct gw_span){ text, n }, &again, why, sizeof(why)) != 0)
        abort();
    gw_sip_msg_free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct gw_pcscf_stamp stamp = { "<sip:ann@ims.example>", "i1", "10.0.0.5", "visited.example", NULL };
    struct gw_sip_msg *m = NULL, *to_core, *to_access, *leg;
    char why[128], to[2048];

    if (gw_sip_msg_parse((struct gw_span){ data, len }, &m, why, sizeof(why)) != 0)
        return 0;
    to_core = gw_sip_msg_dup(m);
    to_access = gw_sip_msg_dup(m);
    leg = gw_sip_msg_dup(m);
    if (to_core && gw_pcscf_headers_to_core(to_core, &stamp) == 0) {
        if (gw_sip_msg_get(to_core, "P-Asserted-Identity", 1) || gw_sip_msg_get(to_core, "P-Served-User", 0))
            abort();
        must_parse(to_core);
    }
    if (to_access && gw_pcscf_headers_to_access(to_access) == 0) {
        if (gw_sip_msg_get(to_access, "P-Charging-Vector", 0))
            abort();
        must_parse(to_access);
    }
    if (leg)
        (void)gw_pcscf_copy_end_to_end(leg, m);
    if (gw_sip_msg_get(m, "To", 0) && gw_pcscf_as_sip(gw_sip_msg_get(m, "To", 0), "gw.example", to, sizeof(to)) == 0 &&
        gw_sip_msg_set(m, "To", to) == 0)
        must_parse(m);
    gw_sip_msg_free(m);
    gw_sip_msg_free(to_core);
    gw_sip_msg_free(to_access);
    gw_sip_msg_free(leg);
    return 0;
}
