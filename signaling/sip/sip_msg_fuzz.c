/* Any octets: parse; if it parsed, write and parse again: the second text is the first. All accessors run on the way.
 */
#include <stdlib.h>
#include <string.h>

#include "signaling/sip/sip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void touch(void *arg, const char *name, const char *value)
{
    char buf[128];
    struct gw_sip_uri u;
    unsigned *n = arg;

    (*n)++;
    gw_sip_param(value, "tag", buf, sizeof(buf));
    if (gw_sip_uri_of(value, buf, sizeof(buf)) == 0 && gw_sip_uri_parse(buf, &u) == 0)
        gw_sip_uri_param(&u, "transport", buf, sizeof(buf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_sip_msg *m, *again, *r;
    struct gw_span part;
    char why[80], *text, *text2;
    size_t n, n2;
    unsigned lines = 0;

    if (gw_sip_msg_parse((struct gw_span){ data, len }, &m, why, sizeof(why)))
        return 0;
    gw_sip_msg_each(m, touch, &lines);
    gw_sip_msg_find_body(m, "application/sdp", &part);
    gw_sip_msg_has_token(m, "Supported", "outbound");
    text = gw_sip_msg_write(m, &n);
    if (!text || gw_sip_msg_parse((struct gw_span){ text, n }, &again, why, sizeof(why)))
        abort();
    text2 = gw_sip_msg_write(again, &n2);
    if (!text2 || n != n2 || memcmp(text, text2, n) != 0)
        abort();
    if (gw_sip_msg_is_request(m)) {
        r = gw_sip_msg_response(m, 200, NULL, "tag");
        if (!r)
            abort();
        gw_sip_msg_free(r);
    }
    free(text);
    free(text2);
    gw_sip_msg_free(m);
    gw_sip_msg_free(again);
    return 0;
}
