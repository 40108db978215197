#include "gateway/base/err.h"

static const char *const text[GW_ERR_COUNT_] = {
    "ok",
#define X(name, sentence) sentence,
#include "gateway/base/err.def"
#undef X
};

const char *gw_err_text(int err)
{
    return err <= 0 && err > -GW_ERR_COUNT_ ? text[-err] : "unknown error";
}
