/* Any octets as a message: the length stays, spans stay inside, masking twice is masking once, and no key is left to
 * see. */
#include <stdlib.h>
#include <string.h>

#include "gateway/trace/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void inside(struct gw_span s, const char *text, size_t len)
{
    if (s.len && ((const char *)s.ptr < text || (const char *)s.ptr + s.len > text + len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_trace_facts f, again;
    char *text = malloc(len + 1), *once = malloc(len + 1);

    if (!text || !once)
        abort();
    memcpy(text, data, len);
    gw_trace_mask(text, len, &f);
    inside(f.start, text, len);
    inside(f.call_id, text, len);
    inside(f.cseq, text, len);
    inside(f.body, text, len);
    if (!f.is_sdp)
        for (size_t i = 0; i < f.body.len; i++)
            if (!strchr("*\r\n", ((const char *)f.body.ptr)[i]))
                abort();
    memcpy(once, text, len);
    gw_trace_mask(text, len, &again);
    if (memcmp(once, text, len) != 0)
        abort();
    free(text);
    free(once);
    return 0;
}
