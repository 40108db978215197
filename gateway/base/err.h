/* Errors. Every function that can fail returns 0 or one of these negative values; out-parameters are written only on
 * success. The SIP status for an error is chosen in signaling/call, at the edge, and nowhere else. */
#ifndef GW_ERR_H
#define GW_ERR_H

enum gw_err_index {
    GW_ERR_OK_,
#define X(name, text) GW_ERR_##name##_,
#include "gateway/base/err.def"
#undef X
    GW_ERR_COUNT_
};

enum gw_err {
    GW_OK = 0,
#define X(name, text) GW_E_##name = -GW_ERR_##name##_,
#include "gateway/base/err.def"
#undef X
};

#define GW_MUST_CHECK __attribute__((warn_unused_result))

/* The sentence of an error; never NULL. */
const char *gw_err_text(int err);

#endif
