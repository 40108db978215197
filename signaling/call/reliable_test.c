#include "signaling/call/reliable.h"

#include "gateway/base/clock.h"
#include "test.h"

TEST(sent_again_at_doubling_intervals_until_64_t1) /* RFC 3262 s. 3 */
{
    struct gw_reliable r;
    unsigned times = 0;

    gw_reliable_init(&r, 41);
    EQ(gw_reliable_send(&r, 0), 42);
    EQ(gw_reliable_on_time(&r, 499 * GW_MS), GW_RELIABLE_NOTHING);
    while (gw_reliable_on_time(&r, r.next_us) == GW_RELIABLE_RESEND)
        times++;
    EQ(times, 6); /* 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s; at 32 s it is given up */
    CHECK(!r.is_waiting);
    EQ(r.next_us, GW_NEVER);
}

TEST(only_the_prack_that_matches_counts)
{
    struct gw_reliable r;

    gw_reliable_init(&r, 41);
    CHECK(!gw_reliable_on_prack(&r, "41 1 INVITE", 1)); /* nothing waits */
    gw_reliable_send(&r, 0);
    CHECK(!gw_reliable_on_prack(&r, "41 1 INVITE", 1));
    CHECK(!gw_reliable_on_prack(&r, "42 2 INVITE", 1));
    CHECK(!gw_reliable_on_prack(&r, "42 1 UPDATE", 1));
    CHECK(!gw_reliable_on_prack(&r, "42 1", 1));
    CHECK(!gw_reliable_on_prack(&r, NULL, 1));
    CHECK(gw_reliable_on_prack(&r, "42 1 INVITE", 1));
    CHECK(!gw_reliable_on_prack(&r, "42 1 INVITE", 1));
    EQ(gw_reliable_send(&r, 0), 43);
}

TEST(the_first_number_leaves_room)
{
    struct gw_reliable r;

    gw_reliable_init(&r, 0xffffffff);
    CHECK(gw_reliable_send(&r, 0) <= 0x7fffffff);
}
