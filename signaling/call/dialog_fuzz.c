/* Dialog ids of Replaces, Join, Target-Dialog: what parses is written and parses to the same. */
#include <stdlib.h>

#include "signaling/call/dialog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_dialog_id a, b;
    char text[2048], again[1024], without[2048];

    if (gw_span_copy((struct gw_span){ data, size }, text, sizeof(text)) != 0)
        return 0;
    if (gw_dialog_without_tag(text, without, sizeof(without)) == 0 && strlen(without) > strlen(text))
        abort();
    if (gw_dialog_id_parse(text, &a) != 0)
        return 0;
    if (gw_dialog_id_write(&a, again, sizeof(again)) != 0)
        return 0;
    if (gw_dialog_id_parse(again, &b) != 0 || strcmp(a.call_id, b.call_id) != 0 || strcmp(a.to_tag, b.to_tag) != 0 ||
        strcmp(a.from_tag, b.from_tag) != 0 || strcmp(a.params, b.params) != 0)
        abort();
    return 0;
}
