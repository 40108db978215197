/* Calls through the access gateway that go well. */
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "tests/harness/agw_rig.h"
#include "tests/harness/bad_link.h"

TEST(a_browser_talks_to_a_phone_both_ways_in_either_dtls_role)
{
    for (int role = 0; role < 2; role++) {
        struct variant v = { .is_dtls_client = role };
        struct rig g;

        rig_call(&g, &v);
        media_both_ways(&g, 1000);
        EQ(g.events[GW_IQ_ICE_UP], 1);
        EQ(g.events[GW_IQ_DTLS_UP], 1);
        rig_end(&g);
    }
}

TEST(every_srtp_profile_works)
{
    static const char *const profiles[][2] = { { "SRTP_AES128_CM_SHA1_80", "DTLS-SRTP AES_CM_128_HMAC_SHA1_80" },
                                               { "SRTP_AEAD_AES_128_GCM", "DTLS-SRTP AEAD_AES_128_GCM" },
                                               { "SRTP_AEAD_AES_256_GCM", "DTLS-SRTP AEAD_AES_256_GCM" } };
    for (int i = 0; i < 3; i++) {
        struct variant v = { .is_dtls_client = true, .profiles = profiles[i][0] };
        struct gw_iq_req audit = { .op = GW_IQ_AUDIT };
        struct rig g;

        rig_call(&g, &v);
        STR_EQ(g.wc->profile, profiles[i][0]);
        media_both_ways(&g, 65533); /* over the roll-over of sequence numbers */
        EQ(rig_ask(&g, &audit), 0);
        EQ(g.reply.ncounters, 1);
        STR_EQ(g.reply.counters[0].security, profiles[i][1]);
        STR_EQ(g.reply.counters[0].core_security, "none");
        EQ(g.reply.counters[0].dir[0].packets, 5);
        EQ(g.reply.counters[0].dir[1].packets, 5);
        EQ(g.reply.counters[0].dir[0].octets, 5 * 172);
        EQ(g.reply.counters[0].dir[0].lost, 0);
        rig_end(&g);
    }
}

TEST(ipv4_and_ipv6_meet_in_any_mix)
{
    for (int mix = 0; mix < 4; mix++) {
        struct variant v = { .is_dtls_client = true, .is_ipv6_access = mix & 1, .is_ipv6_core = mix & 2 };
        struct rig g;

        rig_call(&g, &v);
        EQ(g.access.ncandidates, 2);
        EQ(g.access.candidates[0].family, 4);
        EQ(g.access.candidates[1].family, 6);
        EQ(g.core.rtp.family, v.is_ipv6_core ? 6 : 4);
        EQ(g.core.rtp.port % 2, 0);
        EQ(g.core.rtcp.port, g.core.rtp.port + 1);
        media_both_ways(&g, 1);
        rig_end(&g);
    }
}

TEST(iq001_handshake_ahead_of_the_answer_passes_media_only_once_the_fingerprint_is_known)
{
    struct variant v = { .is_dtls_client = true };
    uint8_t p[256];
    size_t len = make_rtp(p, 111, 1, 5);
    struct rig g;

    rig_start(&g, &v);
    rig_reserve(&g);
    rig_connect_ice(&g);
    CHECK(wc_run_until(g.wc, &g.wc->is_dtls_up, 5000));
    for (uint16_t i = 0; i < 40; i++) { /* 32 are held */
        make_rtp(p, 111, i, 5);
        CHECK(wc_send_rtp(g.wc, p, len));
    }
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_KEYS, 8), 8);
    EQ(g.events[GW_IQ_DTLS_UP], 0);
    EQ(phone_recv(g.rtp, p, sizeof(p), true), -1);
    rig_know_fingerprint(&g);
    g.want.op = GW_IQ_CONFIGURE;
    EQ(rig_ask(&g, &g.want), 0);
    CHECK(rig_wait_event(&g, GW_IQ_DTLS_UP, 1, 1000));
    for (uint16_t i = 0; i < 32; i++) { /* in their order */
        EQ(phone_recv(g.rtp, p, sizeof(p), false), (ssize_t)len);
        EQ(p[3], i);
    }
    media_both_ways(&g, 50);
    rig_end(&g);
}

TEST(tls010_ice_restart_keeps_dtls_and_srtp)
{
    struct variant v = { .is_dtls_client = true };
    struct gw_iq_local was;
    struct rig g;

    rig_call(&g, &v);
    media_both_ways(&g, 1);
    was = g.access;
    wc_restart(g.wc);
    strcpy(g.want.terms[0].remote_ufrag, g.wc->ufrag);
    strcpy(g.want.terms[0].remote_pwd, g.wc->pwd);
    g.want.terms[0].ice_generation = 2;
    g.want.op = GW_IQ_CONFIGURE;
    EQ(rig_ask(&g, &g.want), 0);
    g.access = g.reply.locals[0];
    CHECK(strcmp(was.ufrag, g.access.ufrag) != 0 && strcmp(was.pwd, g.access.pwd) != 0);
    MEM_EQ(&was.fingerprint, &g.access.fingerprint, sizeof(was.fingerprint));
    rig_connect_ice(&g);
    CHECK(wc_run_until(g.wc, &g.wc->is_ice_ready, 5000));
    media_both_ways(&g, 100); /* with the keys of the one handshake there was */
    EQ(gw_stats_read(GW_STAT_DTLS_UP) - g.before[GW_STAT_DTLS_UP], 1);
    EQ(g.events[GW_IQ_DTLS_UP], 1);
    rig_end(&g);
}

TEST(dtls_comes_up_over_a_lossy_path)
{
    for (int role = 0; role < 2; role++) {
        struct variant v = { .is_dtls_client = role };
        struct rig g;

        rig_start(&g, &v);
        g.wc->lose_of_10 = 3;
        rig_know_fingerprint(&g);
        rig_reserve(&g);
        rig_connect_ice(&g);
        CHECK(wc_run_until(g.wc, &g.wc->is_dtls_up, 20000));
        CHECK(rig_wait_event(&g, GW_IQ_DTLS_UP, 1, 5000));
        g.wc->lose_of_10 = 0;
        media_both_ways(&g, 1);
        rig_end(&g);
    }
}

TEST(stun_dtls_and_srtp_survive_a_link_that_loses_repeats_and_reorders_both_ways)
{
    static const struct bad_link_odds odds[] = { { 25, 20, 25, 1 }, { 25, 20, 25, 77 }, { 0, 50, 50, 3 } };
    uint8_t p[512], q[512];

    for (unsigned k = 0; k < sizeof(odds) / sizeof(odds[0]); k++) {
        struct variant v = { .is_dtls_client = k != 1 };
        struct bad_link *link;
        struct gw_addr front;
        unsigned seen[200] = { 0 }, got = 0;
        struct rig g;

        rig_start(&g, &v);
        rig_know_fingerprint(&g);
        rig_reserve(&g);
        link = bad_link_new(&g.access.candidates[0], &odds[k], &front);
        wc_set_remote(g.wc, g.access.ufrag, g.access.pwd, "127.0.0.1", front.port);
        CHECK(wc_run_until(g.wc, &g.wc->is_dtls_up, 25000));
        CHECK(rig_wait_event(&g, GW_IQ_DTLS_UP, 1, 25000));
        for (uint16_t i = 0; i < 200; i++) {
            CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 0, i, 9)));
            phone_send(g.rtp, &g.core.rtp, p, make_rtp(p, 0, i, 8));
            wc_run(g.wc, 2);
        }
        wc_run(g.wc, 100);
        for (ssize_t n; (n = phone_recv(g.rtp, q, sizeof(q), true)) > 0; got++) {
            unsigned seq = (unsigned)(q[2] << 8 | q[3]);
            EQ(n, 172);
            make_rtp(p, 0, (uint16_t)seq, 9);
            MEM_EQ(p, q, 172);
            CHECK(seq < 200 && !seen[seq]++); /* repeated ones are replays to SRTP */
        }
        CHECK(got >= (odds[k].loss ? 120 : 200));
        CHECK(g.wc->nrtp >= (odds[k].loss ? 120 : 200));
        CHECK(gw_stats_read(GW_STAT_MEDIA_DROPPED_REPLAY) > g.before[GW_STAT_MEDIA_DROPPED_REPLAY]);
        EQ(gw_stats_read(GW_STAT_MEDIA_DROPPED_FORGED), g.before[GW_STAT_MEDIA_DROPPED_FORGED]);
        bad_link_free(link);
        rig_end(&g);
    }
}

/* SDES on the core side, against libsrtp2. */
TEST(iq005_core_side_sdes_is_protected_with_the_local_line_and_checked_with_the_remote_one)
{
    struct variant v = { .is_dtls_client = true };
    struct gw_iq_term *core;
    uint8_t p[512], q[512], key_gw[30], key_phone[30];
    size_t len;
    srtp_policy_t policy;
    srtp_t rx, tx;
    struct rig g;
    ssize_t got;
    int n;

    rig_start(&g, &v);
    memset(key_gw, 0x11, sizeof(key_gw));
    memset(key_phone, 0x22, sizeof(key_phone));
    core = &g.want.terms[1];
    core->security = GW_IQ_SDES;
    core->local = (struct gw_iq_crypto){ .suite = GW_IQ_AES_CM_128_HMAC_SHA1_80, .key_len = 30 };
    core->remote = core->local;
    memcpy(core->local.key, key_gw, 30);
    memcpy(core->remote.key, key_phone, 30);
    rig_know_fingerprint(&g);
    rig_reserve(&g);
    rig_connect_ice(&g);
    CHECK(wc_run_until(g.wc, &g.wc->is_dtls_up, 5000));
    CHECK(rig_wait_event(&g, GW_IQ_DTLS_UP, 1, 2000));

    memset(&policy, 0, sizeof(policy));
    srtp_crypto_policy_set_rtp_default(&policy.rtp);
    srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    policy.ssrc.type = ssrc_any_inbound;
    policy.key = key_gw;
    EQ(srtp_create(&rx, &policy), 0);
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = key_phone;
    EQ(srtp_create(&tx, &policy), 0);

    for (int round = 0; round < 2; round++) {
        len = make_rtp(p, 0, (uint16_t)(1 + round), 7);
        CHECK(wc_send_rtp(g.wc, p, len));
        got = phone_recv(g.rtp, q, sizeof(q), false);
        EQ(got, (ssize_t)len + 10);
        n = (int)got;
        EQ(srtp_unprotect(rx, q, &n), 0);
        MEM_EQ(p, q, len);
        n = (int)make_rtp(q, 0, (uint16_t)(1 + round), 8);
        EQ(srtp_protect(tx, q, &n), 0);
        phone_send(g.rtp, &g.core.rtp, q, (size_t)n);
        CHECK(wc_run_count(g.wc, &g.wc->nrtp, (unsigned)round + 1, 2000));
        /* the same lines again, as in a session refresh: no key is set up anew, sequence numbers go on (7.4) */
        g.want.op = GW_IQ_CONFIGURE;
        EQ(rig_ask(&g, &g.want), 0);
    }
    phone_send(g.rtp, &g.core.rtp, q, (size_t)n); /* a replay, in spite of the refresh in between */
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_REPLAY, 1), 1);
    make_rtp(q, 0, 9, 8);
    phone_send(g.rtp, &g.core.rtp, q, 172 + 10); /* not protected at all */
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_FORGED, 1), 1);
    wc_run(g.wc, 20);
    EQ(g.wc->nrtp, 2);
    srtp_dealloc(rx);
    srtp_dealloc(tx);
    rig_end(&g);
}

/* An IMS phone on the access side: SDES without ICE, on a port pair of its own. */
TEST(an_access_side_without_ice_relays_sdes)
{
    struct variant v = { .is_dtls_client = true };
    struct gw_iq_term *access;
    struct gw_addr a, b;
    uint8_t p[512], q[512], key[2][30];
    srtp_policy_t policy;
    srtp_t tx;
    struct rig g;
    int ue, ue_rtcp, n;

    rig_start(&g, &v);
    ue = phone_socket(false, &a);
    ue_rtcp = phone_socket(false, &b);
    memset(key[0], 3, 30);
    memset(key[1], 4, 30);
    access = &g.want.terms[0];
    *access = (struct gw_iq_term){
        .id = RIG_ACCESS,
        .realm = GW_IQ_ACCESS,
        .security = GW_IQ_SDES,
        .family = 4,
        .has_remote = true,
        .remote_rtp = a,
        .remote_rtcp = b,
        .local = { .suite = GW_IQ_AES_CM_128_HMAC_SHA1_80, .key_len = 30 },
        .remote = { .suite = GW_IQ_AES_CM_128_HMAC_SHA1_80, .key_len = 30 },
    };
    memcpy(access->local.key, key[0], 30);
    memcpy(access->remote.key, key[1], 30);
    rig_reserve(&g);
    CHECK(g.access.rtp.port % 2 == 0 && g.access.rtcp.port == g.access.rtp.port + 1);
    memset(&policy, 0, sizeof(policy));
    srtp_crypto_policy_set_rtp_default(&policy.rtp);
    srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = key[1];
    EQ(srtp_create(&tx, &policy), 0);
    n = (int)make_rtp(p, 0, 77, 9);
    EQ(srtp_protect(tx, p, &n), 0);
    phone_send(ue, &g.access.rtp, p, (size_t)n);
    EQ(phone_recv(g.rtp, q, sizeof(q), false), 172);
    phone_send(g.rtp, &g.core.rtp, q, 172);
    EQ(phone_recv(ue, q, sizeof(q), false), 172 + 10);
    srtp_dealloc(tx);
    shutdown(ue, SHUT_RDWR);
    close(ue);
    close(ue_rtcp);
    rig_end(&g);
}
