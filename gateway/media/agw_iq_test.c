/* Iq procedures: idempotent, declarative, whole or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <test.h>

#include "gateway/base/log.h"
#include "tests/harness/agw_rig.h"

static const struct variant plain = { .is_dtls_client = true };

TEST(iq_the_same_txn_gives_the_same_reply)
{
    struct gw_iq_reply first;
    struct rig g;

    rig_start(&g, &plain);
    g.want.txn = 4711;
    EQ(rig_ask(&g, &g.want), 0);
    first = g.reply;
    EQ(rig_ask(&g, &g.want), 0);
    MEM_EQ(&first, &g.reply, sizeof(first));
    EQ(gw_agw_contexts(g.agw), 1);
    EQ(gw_stats_read(GW_STAT_IQ_REPEATED) - g.before[GW_STAT_IQ_REPEATED], 1);
    g.ctx = first.ctx;
    rig_end(&g);
}

TEST(iq_unchanged_state_changes_nothing)
{
    struct gw_iq_local access, core;
    struct rig g;

    rig_start(&g, &plain);
    rig_reserve(&g);
    access = g.access;
    core = g.core;
    for (int op = GW_IQ_RESERVE; op <= GW_IQ_RESERVE_CONFIGURE; op++) {
        g.want.op = (uint8_t)op;
        rig_reserve(&g);
        MEM_EQ(&access, &g.access, sizeof(access));
        MEM_EQ(&core, &g.core, sizeof(core));
    }
    EQ(gw_agw_contexts(g.agw), 1);
    rig_end(&g);
}

TEST(iq_a_refused_request_changes_nothing)
{
    struct gw_iq_req bad;
    struct rig g;

    rig_start(&g, &plain);
    bad = g.want;
    bad.terms[1].realm = 7;
    EQ(rig_ask(&g, &bad), GW_E_INVAL);
    bad = g.want;
    bad.terms[1].has_ice = true; /* ICE towards the core */
    EQ(rig_ask(&g, &bad), GW_E_UNSUPPORTED);
    bad = g.want;
    bad.streams[0].core_term = 77;
    EQ(rig_ask(&g, &bad), GW_E_NOTFOUND);
    bad = g.want;
    bad.streams[0].npts = GW_IQ_PTS + 1;
    EQ(rig_ask(&g, &bad), GW_E_INVAL);
    bad = g.want;
    bad.nterms = GW_IQ_TERMS + 1;
    EQ(rig_ask(&g, &bad), GW_E_INVAL);
    bad = g.want;
    memset(bad.terms[0].remote_ufrag, 'x', sizeof(bad.terms[0].remote_ufrag));
    EQ(rig_ask(&g, &bad), GW_E_INVAL);
    bad = g.want;
    bad.terms[1].id = bad.terms[0].id;
    EQ(rig_ask(&g, &bad), GW_E_INVAL);
    EQ(gw_agw_contexts(g.agw), 0);

    rig_reserve(&g);
    bad = g.want;
    bad.op = GW_IQ_CONFIGURE;
    bad.terms[1].id = 9; /* not reserved */
    bad.streams[0].core_term = 9;
    EQ(rig_ask(&g, &bad), GW_E_NOTFOUND);
    bad = g.want;
    bad.terms[0].security = GW_IQ_SDES; /* what it is cannot change */
    EQ(rig_ask(&g, &bad), GW_E_STATE);
    bad.op = 99;
    EQ(rig_ask(&g, &bad), GW_E_INVAL);
    rig_end(&g);
}

TEST(iq_ports_and_places_run_out_as_limit_and_come_back)
{
    struct variant v = { .conf = "media_contexts = 2" };
    struct gw_iq_req release = { .op = GW_IQ_RELEASE }, emergency;
    uint64_t ctx[2];
    struct rig g;

    rig_start(&g, &v);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            EQ(rig_ask(&g, &g.want), 0);
            ctx[i] = g.reply.ctx;
        }
        EQ(rig_ask(&g, &g.want), GW_E_LIMIT);
        emergency = g.want;
        emergency.is_emergency = true;
        EQ(rig_ask(&g, &emergency), 0); /* there is always room for it */
        g.ctx = g.reply.ctx;
        EQ(rig_ask(&g, &release), 0);
        for (int i = 0; i < 2; i++) {
            g.ctx = ctx[i];
            EQ(rig_ask(&g, &release), 0);
            EQ(g.reply.ncounters, 1);
            EQ(rig_ask(&g, &release), GW_E_NOTFOUND); /* an old id is never another call's */
        }
        g.ctx = 0;
    }
    /* more core terminations than there are ports: refused whole, the ports are free again */
    g.want.nterms = 1;
    g.want.nstreams = 0;
    for (int i = 0; i < 15; i++)
        g.want.terms[g.want.nterms++] =
            (struct gw_iq_term){ .id = (uint8_t)(10 + i), .realm = GW_IQ_CORE, .family = 4 };
    for (int i = 0; i < 2; i++) {
        EQ(rig_ask(&g, &g.want), 0);
        ctx[i] = g.reply.ctx;
    }
    g.ctx = ctx[0];
    EQ(rig_ask(&g, &release), 0);
    g.ctx = ctx[1];
    rig_end(&g);
}

TEST(iq_a_context_without_a_port_left_is_refused_whole)
{
    struct variant v = { .conf = "media_contexts = 100" };
    struct gw_iq_req many;
    struct rig g;
    int err = 0, made = 0;

    rig_start(&g, &v);
    many = g.want;
    many.nstreams = 0;
    many.nterms = 0;
    for (int i = 0; i < GW_IQ_TERMS; i++)
        many.terms[many.nterms++] = (struct gw_iq_term){ .id = (uint8_t)(10 + i), .realm = GW_IQ_CORE, .family = 4 };
    for (; !err && made < 10; made += !err)
        err = rig_ask(&g, &many); /* 45 pairs, 16 each */
    EQ(err, GW_E_LIMIT);
    EQ(made, 2);
    EQ(gw_agw_contexts(g.agw), 2);
    EQ(rig_ask(&g, &g.want), 0); /* one pair was left and still is */
    rig_end(&g);
}

TEST(iq_releasing_one_termination_ends_its_streams_alone)
{
    struct gw_iq_req r = { .op = GW_IQ_RELEASE, .nterms = 1, .terms = { { .id = 3 } } };
    struct gw_iq_req audit = { .op = GW_IQ_AUDIT };
    struct rig g;

    rig_start(&g, &plain);
    g.want.terms[g.want.nterms++] = (struct gw_iq_term){ .id = 3, .realm = GW_IQ_CORE, .family = 4 };
    g.want.streams[1] = g.want.streams[0];
    g.want.streams[1].id = 2;
    g.want.streams[1].core_term = 3;
    g.want.nstreams = 2;
    EQ(rig_ask(&g, &g.want), 0);
    g.ctx = g.reply.ctx;
    EQ(rig_ask(&g, &r), 0);
    EQ(g.reply.ncounters, 1);
    EQ(g.reply.counters[0].id, 2);
    EQ(rig_ask(&g, &audit), 0);
    EQ(g.reply.ncounters, 1);
    EQ(g.reply.counters[0].id, 1);
    EQ(rig_ask(&g, &r), GW_E_NOTFOUND);
    rig_end(&g);
}

TEST(contexts_spread_over_the_workers_each_with_a_port_of_its_own)
{
    struct variant v = { .conf = "workers = 2" };
    struct gw_iq_req release = { .op = GW_IQ_RELEASE };
    uint16_t port[2];
    uint64_t ctx[2];
    struct rig g;

    rig_start(&g, &v);
    for (int i = 0; i < 2; i++) {
        g.ctx = 0;
        rig_reserve(&g);
        ctx[i] = g.ctx;
        port[i] = g.access.rtp.port;
    }
    EQ(port[0] + port[1], 2 * g.conf->access_port + 1);
    EQ(gw_agw_contexts(g.agw), 2);
    g.ctx = ctx[0];
    EQ(rig_ask(&g, &release), 0);
    g.ctx = 0;
    rig_reserve(&g);
    EQ(g.access.rtp.port, port[0]); /* the less loaded one */
    EQ(rig_ask(&g, &release), 0);
    g.ctx = ctx[1];
    rig_end(&g);
}

TEST(the_advertised_address_is_written_and_settings_are_checked)
{
    static const char *const bad[] = {
        "access_address = 0.0.0.0",  "access_address = nonsense",      "core_address = 0.0.0.0",
        "srtp_profiles = NULL_SHA1", "access_advertise = 2001:db8::1", "core_port_min = 30001\ncore_port_max = 30002"
    };
    struct variant v = { .conf =
                             "access_advertise = 203.0.113.9 2001:db8::9\ncore_advertise = 198.51.100.4 2001:db8::4" };
    struct gw_agw *agw = NULL;
    char why[256], text[GW_ADDR_TEXT];
    struct rig g;

    rig_start(&g, &v);
    rig_reserve(&g);
    STR_EQ(gw_addr_ip_text(&g.access.candidates[0], text), "203.0.113.9");
    STR_EQ(gw_addr_ip_text(&g.access.candidates[1], text), "2001:db8::9");
    STR_EQ(gw_addr_ip_text(&g.access.rtp, text), "203.0.113.9");
    STR_EQ(gw_addr_ip_text(&g.core.rtp, text), "198.51.100.4");
    CHECK(g.core.rtp.port != 0);
    rig_end(&g);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct gw_conf *c;
        EQ(gw_conf_parse("test", bad[i], strlen(bad[i]), &c, why, sizeof(why)), 0);
        why[0] = 0;
        CHECK(gw_agw_new(c, NULL, NULL, &agw, why, sizeof(why)) < 0);
        CHECK(why[0] != 0);
        gw_conf_free(c);
    }
}
