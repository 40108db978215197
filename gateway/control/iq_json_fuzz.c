/* What was read is written and read again to the same. */
#include <stdlib.h>

#include "gateway/control/iq_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct gw_iq_msg a, b;
    char why[128], *text = NULL, *again = NULL;
    size_t n, m;

    if (gw_iq_json_read((struct gw_span){ data, len }, &a, why, sizeof(why)) != 0)
        return 0;
    if (gw_iq_json_write(&a, &text, &n) != 0 ||
        gw_iq_json_read((struct gw_span){ text, n }, &b, why, sizeof(why)) != 0 ||
        gw_iq_json_write(&b, &again, &m) != 0 || n != m || memcmp(text, again, n) != 0)
        abort();
    gw_iq_json_free(text, n);
    gw_iq_json_free(again, m);
    return 0;
}
