/* What must not pass: each is counted, the right thing is reported, and the call beside it goes on. */
#include <stdlib.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "gateway/dtls/dtls_session.h"
#include "tests/harness/agw_rig.h"

TEST(tls001_fingerprint_mismatch_passes_no_media_and_is_reported)
{
    for (int late = 0; late < 2; late++) { /* known before the handshake, and after it */
        struct variant v = { .is_dtls_client = true };
        uint8_t p[512];
        struct rig g;

        rig_start(&g, &v);
        if (!late) {
            rig_know_fingerprint(&g);
            g.want.terms[0].fingerprints[0].value[5] ^= 1;
        }
        rig_reserve(&g);
        rig_connect_ice(&g);
        wc_run_until(g.wc, late ? &g.wc->is_dtls_up : &g.wc->is_dtls_failed, 5000);
        if (late) {
            CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 111, 1, 1))); /* held, and dropped when the mismatch is known */
            wc_run(g.wc, 20);
            rig_know_fingerprint(&g);
            g.want.terms[0].fingerprints[0].value[5] ^= 1;
            g.want.op = GW_IQ_CONFIGURE;
            EQ(rig_ask(&g, &g.want), 0);
            wc_send_rtp(g.wc, p, make_rtp(p, 111, 2, 1));
        }
        CHECK(rig_wait_event(&g, GW_IQ_DTLS_FAILED, 1, 2000));
        EQ(g.cause[GW_IQ_DTLS_FAILED], GW_E_MISMATCH);
        EQ(g.events[GW_IQ_DTLS_UP], 0);
        EQ(rig_grew(&g, GW_STAT_DTLS_MISMATCH, 1), 1);
        phone_send(g.rtp, &g.core.rtp, p, make_rtp(p, 0, 1, 1));
        EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_KEYS, 2 * late + 1), 2 * late + 1);
        EQ(phone_recv(g.rtp, p, sizeof(p), true), -1);
        EQ(g.wc->nrtp, 0);
        rig_end(&g);
    }
}

TEST(tls008_wrong_ice_password_never_gets_a_pair)
{
    struct variant v = { .is_dtls_client = true };
    struct rig g;

    rig_start(&g, &v);
    rig_know_fingerprint(&g);
    rig_reserve(&g);
    g.access.pwd[0] ^= 1;
    rig_connect_ice(&g);
    CHECK(rig_grew(&g, GW_STAT_ICE_REFUSED_401, 1) >= 1);
    wc_run(g.wc, 200);
    CHECK(!g.wc->is_ice_ready);
    EQ(g.events[GW_IQ_ICE_UP], 0);
    EQ(gw_stats_read(GW_STAT_MEDIA_HANDLED_STUN), g.before[GW_STAT_MEDIA_HANDLED_STUN]);
    rig_end(&g);
}

static struct gw_span hello;
static uint8_t hello_octets[2048];

static void keep_hello(void *arg, struct gw_span p)
{
    memcpy(hello_octets, p.ptr, p.len);
    hello = (struct gw_span){ hello_octets, p.len };
}

TEST(spoofed_client_hello_and_rtp_from_an_unchecked_address_start_nothing)
{
    static const uint16_t profile = GW_IQ_AEAD_AES_128_GCM;
    struct variant v = { .is_dtls_client = true };
    struct gw_dtls_identity *id;
    struct gw_dtls *d;
    struct gw_addr a;
    uint8_t p[512];
    struct rig g;
    int spoof;

    rig_call(&g, &v);
    EQ(gw_dtls_identity_new(&profile, 1, &id), 0);
    struct gw_dtls_config c = { id, true, true, keep_hello, NULL, NULL };
    EQ(gw_dtls_new(&c, &d), 0);
    gw_dtls_start(d, 1);
    CHECK(gw_dtls_is_client_hello(hello));
    spoof = phone_socket(false, &a);
    for (int i = 0; i < 3; i++)
        phone_send(spoof, &g.access.candidates[0], hello.ptr, hello.len);
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_UNCHECKED, 3), 3);
    phone_send(spoof, &g.access.candidates[0], p, make_rtp(p, 111, 1, 1));
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_UNCHECKED, 4), 4);
    EQ(phone_recv(spoof, p, sizeof(p), true), -1); /* not a word in answer */
    phone_send(spoof, &g.access.candidates[0], "\x50garbage", 8);
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_KIND, 1), 1);
    media_both_ways(&g, 50);
    gw_dtls_free(d);
    gw_dtls_identity_unref(id);
    close(spoof);
    rig_end(&g);
}

TEST(rtp_from_a_stranger_on_the_core_side_is_counted_and_dropped)
{
    struct variant v = { .is_dtls_client = true };
    struct gw_addr a;
    uint8_t p[512];
    struct rig g;
    int stranger;

    rig_call(&g, &v);
    stranger = phone_socket(false, &a);
    for (int i = 0; i < 4; i++)
        phone_send(stranger, &g.core.rtp, p, make_rtp(p, 0, (uint16_t)i, 66));
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_STRANGER, 4), 4);
    static const uint8_t rr[] = { 0x80, 201, 0, 1, 0, 0, 0, 66 };
    phone_send(stranger, &g.core.rtcp, rr, sizeof(rr));
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_STRANGER, 5), 5);
    media_both_ways(&g, 50);
    EQ(g.wc->nrtp, 5);
    EQ(g.wc->nrtcp, 0);
    phone_send(stranger, &g.core.rtp, p, make_rtp(p, 0, 5, 66)); /* the peer is known: the kernel refuses all others */
    wc_run(g.wc, 50);
    EQ(g.wc->nrtp, 5);
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_STRANGER, 5), 5);
    close(stranger);
    rig_end(&g);
}

TEST(srtp_replay_and_forgery_do_not_pass)
{
    struct variant v = { .is_dtls_client = true };
    struct wc_packet x;
    uint8_t p[512];
    struct rig g;

    rig_call(&g, &v);
    CHECK(wc_protect(g.wc, p, make_rtp(p, 111, 1, 1), &x));
    for (int i = 0; i < 3; i++)
        CHECK(wc_send_raw(g.wc, x.octets, x.len));
    EQ(phone_recv(g.rtp, p, sizeof(p), false), 172);
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_REPLAY, 2), 2);
    CHECK(wc_protect(g.wc, p, make_rtp(p, 111, 2, 1), &x));
    for (unsigned i = 0; i < 5; i++) { /* header, payload, tag */
        struct wc_packet bad = x;
        bad.octets[(const unsigned[]){ 1, 3, 8, 40, 180 }[i]] ^= 0x01;
        CHECK(wc_send_raw(g.wc, bad.octets, bad.len));
    }
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_FORGED, 5), 5);
    EQ(phone_recv(g.rtp, p, sizeof(p), true), -1);
    CHECK(wc_send_raw(g.wc, x.octets, x.len)); /* the true one is still good */
    EQ(phone_recv(g.rtp, p, sizeof(p), false), 172);
    rig_end(&g);
}

TEST(what_signalling_did_not_agree_to_is_dropped)
{
    struct variant v = { .is_dtls_client = true };
    struct gw_iq_req shut;
    uint8_t p[512];
    struct rig g;

    rig_call(&g, &v);
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 97, 1, 1))); /* no such payload type */
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_PT, 1) + rig_grew(&g, GW_STAT_MEDIA_DROPPED_STREAM, 0), 1);
    phone_send(g.rtp, &g.core.rtp, p, make_rtp(p, 97, 1, 1));
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_PT, 2), 2);
    shut = g.want; /* IQ-006: a closed gate */
    shut.op = GW_IQ_THROUGH;
    shut.nterms = 0;
    shut.streams[0].to_core = shut.streams[0].to_access = false;
    EQ(rig_ask(&g, &shut), 0);
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 111, 2, 1)));
    phone_send(g.rtp, &g.core.rtp, p, make_rtp(p, 0, 2, 1));
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_GATE, 2), 2);
    phone_send(g.rtp, &g.core.rtp, "\x80\x60", 2); /* not even a header */
    phone_send(g.rtp, &g.core.rtp, hello_octets, 1900);
    wc_run(g.wc, 20);
    shut.streams[0].to_core = shut.streams[0].to_access = true;
    EQ(rig_ask(&g, &shut), 0);
    media_both_ways(&g, 10);
    EQ(g.wc->nrtp, 5);
    rig_end(&g);
}

TEST(handshakes_at_once_are_limited_and_a_waiting_one_begins_when_there_is_room)
{
    struct variant v = { .is_dtls_client = false, .conf = "media_handshakes = 1" }; /* the gateway is the client */
    struct gw_iq_req release = { .op = GW_IQ_RELEASE };
    struct wc *mute;
    uint64_t first;
    struct rig g;

    rig_start(&g, &v);
    mute = g.wc;
    mute->lose_of_10 = 10; /* never answers a handshake */
    rig_know_fingerprint(&g);
    rig_reserve(&g);
    first = g.ctx;
    rig_connect_ice(&g);
    CHECK(rig_wait_event(&g, GW_IQ_ICE_UP, 1, 5000));
    EQ(gw_stats_read(GW_STAT_HANDSHAKES), 1);

    struct wc_options o = { .is_dtls_client = false };
    g.wc = wc_new(&o);
    strcpy(g.want.terms[0].remote_ufrag, g.wc->ufrag);
    strcpy(g.want.terms[0].remote_pwd, g.wc->pwd);
    rig_know_fingerprint(&g);
    g.ctx = 0;
    rig_reserve(&g);
    rig_connect_ice(&g);
    CHECK(rig_wait_event(&g, GW_IQ_ICE_UP, 2, 5000));
    CHECK(rig_grew(&g, GW_STAT_DTLS_REFUSED, 1) >= 1);
    EQ(gw_stats_read(GW_STAT_HANDSHAKES), 1);
    CHECK(!g.wc->is_dtls_up);
    uint64_t second = g.ctx;
    g.ctx = first;
    EQ(rig_ask(&g, &release), 0);
    g.ctx = second;
    CHECK(rig_wait_event(&g, GW_IQ_DTLS_UP, 1, 20000)); /* at the next look, once a second */
    wc_free(mute);
    rig_end(&g);
}
