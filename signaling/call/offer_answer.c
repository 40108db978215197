#include "signaling/call/offer_answer.h"

#include <stddef.h>

#include "gateway/base/err.h"

static const struct {
    enum gw_oa_state state;
    enum gw_oa_event event;
    enum gw_oa_state next;
} rows[] = {
    /* clang-format off */
    { GW_OA_STABLE,          GW_OA_OFFER,      GW_OA_OFFER_RECEIVED },
    { GW_OA_STABLE,          GW_OA_REANSWER,   GW_OA_STABLE },          /* another fork of the same offer */
    { GW_OA_STABLE,          GW_OA_REOFFER,    GW_OA_OFFER_SENT },
    { GW_OA_OFFER_RECEIVED,  GW_OA_OFFER_OUT,  GW_OA_OFFER_SENT },
    { GW_OA_OFFER_RECEIVED,  GW_OA_ROLLBACK,   GW_OA_STABLE },
    { GW_OA_OFFER_SENT,      GW_OA_ANSWER,     GW_OA_ANSWER_RECEIVED },
    { GW_OA_OFFER_SENT,      GW_OA_ROLLBACK,   GW_OA_STABLE },          /* refused, cancelled or timed out */
    { GW_OA_ANSWER_RECEIVED, GW_OA_ANSWER_OUT, GW_OA_STABLE },
    { GW_OA_ANSWER_RECEIVED, GW_OA_ROLLBACK,   GW_OA_STABLE },
    /* an offer while one is open has no row: 491 or 500 (RFC 3261 s. 14.2, RFC 3311 s. 5.2) */
    /* clang-format on */
};

int gw_oa_next(enum gw_oa_state state, enum gw_oa_event event)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].state == state && rows[i].event == event)
            return (int)rows[i].next;
    return GW_E_STATE;
}
