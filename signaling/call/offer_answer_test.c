#include "signaling/call/offer_answer.h"

#include "gateway/base/err.h"
#include "test.h"

TEST(an_exchange_goes_through_both_legs_and_media)
{
    int s = GW_OA_STABLE;

    s = gw_oa_next((enum gw_oa_state)s, GW_OA_OFFER);
    EQ(s, GW_OA_OFFER_RECEIVED);
    s = gw_oa_next((enum gw_oa_state)s, GW_OA_OFFER_OUT);
    EQ(s, GW_OA_OFFER_SENT);
    s = gw_oa_next((enum gw_oa_state)s, GW_OA_ANSWER);
    EQ(s, GW_OA_ANSWER_RECEIVED);
    s = gw_oa_next((enum gw_oa_state)s, GW_OA_ANSWER_OUT);
    EQ(s, GW_OA_STABLE);
}

TEST(a_second_offer_finds_no_row_while_one_is_open)
{
    for (int s = GW_OA_OFFER_RECEIVED; s <= GW_OA_ANSWER_RECEIVED; s++) {
        EQ(gw_oa_next((enum gw_oa_state)s, GW_OA_OFFER), GW_E_STATE);
        EQ(gw_oa_next((enum gw_oa_state)s, GW_OA_REOFFER), GW_E_STATE);
        EQ(gw_oa_next((enum gw_oa_state)s, GW_OA_REANSWER), GW_E_STATE);
        EQ(gw_oa_next((enum gw_oa_state)s, GW_OA_ROLLBACK), GW_OA_STABLE);
    }
    EQ(gw_oa_next(GW_OA_STABLE, GW_OA_ANSWER), GW_E_STATE);
    EQ(gw_oa_next(GW_OA_STABLE, GW_OA_ROLLBACK), GW_E_STATE);
    EQ(gw_oa_next(GW_OA_OFFER_RECEIVED, GW_OA_ANSWER), GW_E_STATE); /* the reply of Iq comes first */
}
