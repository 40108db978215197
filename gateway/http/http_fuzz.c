/* A head that was read is read the same when nothing follows it, and is never longer than the input. */
#include <stdlib.h>

#include "gateway/http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct gw_http_req a, b;
    char buf[256];
    struct gw_span v;

    if (gw_http_parse((struct gw_span){ data, len }, &a))
        return 0;
    if (a.len > len || gw_http_parse((struct gw_span){ data, a.len }, &b) || b.len != a.len || b.nheaders != a.nheaders)
        abort();
    if (a.len > 1 && gw_http_parse((struct gw_span){ data, a.len - 1 }, &b) != GW_E_AGAIN)
        abort();
    gw_http_has_token(&a, "Connection", "upgrade");
    gw_http_get(&a, "Host", &v);
    gw_http_query(&a, "token", buf, sizeof(buf));
    gw_http_unescape(a.path, buf, sizeof(buf));
    return 0;
}
