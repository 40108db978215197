/* What happens when nothing happens: consent and inactivity. */
#include <stdlib.h>
#include <test.h>

#include "tests/harness/agw_rig.h"

TEST(tls011_a_browser_that_vanishes_is_reported)
{
    struct variant v = { .is_dtls_client = true, .conf = "consent_timeout_s = 5" };
    struct rig g;
    uint8_t p[256];

    rig_call(&g, &v);
    media_both_ways(&g, 1);
    for (int i = 0; i < 10 && !g.events[GW_IQ_CONSENT_LOST]; i++)
        rig_dispatch(&g, 1000); /* the client is not run: it sends no checks */
    EQ(g.events[GW_IQ_CONSENT_LOST], 1);
    phone_send(g.rtp, &g.core.rtp, p, make_rtp(p, 0, 9, 9));
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_REMOTE, 1), 1); /* and nothing is sent to it any more */
    rig_end(&g);
}

TEST(inactivity_is_reported_once_and_not_while_the_gate_is_closed)
{
    struct variant v = { .is_dtls_client = true };
    struct gw_iq_req hold;
    struct rig g;

    rig_start(&g, &v);
    rig_know_fingerprint(&g);
    g.want.terms[1].inactivity_s = 1;
    rig_reserve(&g);
    hold = g.want;
    hold.op = GW_IQ_THROUGH;
    hold.nterms = 0;
    hold.streams[0].to_access = false;
    EQ(rig_ask(&g, &hold), 0);
    wc_run(g.wc, 2500);
    rig_dispatch(&g, 0);
    EQ(g.events[GW_IQ_MEDIA_INACTIVE], 0);
    hold.streams[0].to_access = true;
    EQ(rig_ask(&g, &hold), 0);
    CHECK(rig_wait_event(&g, GW_IQ_MEDIA_INACTIVE, 1, 4000));
    wc_run(g.wc, 2100);
    rig_dispatch(&g, 0);
    EQ(g.events[GW_IQ_MEDIA_INACTIVE], 1);
    EQ(g.cause[GW_IQ_MEDIA_INACTIVE], GW_E_TIMEOUT);
    rig_end(&g);
}
