/* Streams of a bundle, header extensions, RTCP, key frames and latching. */
#include <stdlib.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "gateway/rtp/rtcp.h"
#include "tests/harness/agw_rig.h"

enum { VIDEO_CORE = 3, VIDEO = 2 };

/* Adds video to the wanted call: same bundle, a core termination of its own. */
static void want_video(struct rig *g, int *rtp, int *rtcp, bool is_avpf)
{
    struct gw_iq_term *t = &g->want.terms[g->want.nterms++];
    struct gw_iq_stream *s = &g->want.streams[g->want.nstreams++];

    *t = (struct gw_iq_term){ .id = VIDEO_CORE, .realm = GW_IQ_CORE, .family = 4, .has_remote = true };
    *rtp = phone_socket(false, &t->remote_rtp);
    *rtcp = phone_socket(false, &t->remote_rtcp);
    *s = g->want.streams[0];
    s->id = VIDEO;
    s->kind = GW_IQ_VIDEO;
    s->core_term = VIDEO_CORE;
    s->npts = 2;
    s->pts[0] = (struct gw_iq_pt){ 96, 97, 90000 };
    s->pts[1] = (struct gw_iq_pt){ 0, 0, 8000 }; /* in both streams: the payload type alone does not tell */
    strcpy(g->want.streams[0].mid, "0");
    strcpy(s->mid, "vid");
    g->want.streams[0].mid_ext = s->mid_ext = 4;
    s->core_has_avpf = s->core_has_pli = s->core_has_fir = is_avpf;
}

static void call_with_video(struct rig *g, int *rtp, int *rtcp, bool is_avpf)
{
    struct variant v = { .is_dtls_client = true };

    rig_start(g, &v);
    want_video(g, rtp, rtcp, is_avpf);
    rig_know_fingerprint(g);
    EQ(rig_ask(g, &g->want), 0);
    g->ctx = g->reply.ctx;
    EQ(g->reply.nlocals, 3);
    g->access = g->reply.locals[0];
    g->core = g->reply.locals[1];
    rig_connect_ice(g);
    CHECK(wc_run_until(g->wc, &g->wc->is_dtls_up, 5000));
    CHECK(rig_wait_event(g, GW_IQ_DTLS_UP, 1, 2000));
}

/* A one-byte extension block with elements id 4 "vid" or "0", id 3 one octet, id 7 one octet. */
static size_t rtp_with_mid(uint8_t *p, uint8_t pt, uint16_t seq, uint32_t ssrc, const char *mid)
{
    size_t n = strlen(mid), ext = 12;
    uint8_t *e = p + 12;

    make_rtp(p, pt, seq, ssrc);
    p[0] |= 0x10;
    memset(e, 0, 4 + ext);
    e[0] = 0xbe;
    e[1] = 0xde;
    e[3] = (uint8_t)(ext / 4);
    e[4] = (uint8_t)(4 << 4 | (n - 1));
    memcpy(e + 5, mid, n);
    e[5 + n] = 3 << 4;
    e[6 + n] = 0xaa;
    e[7 + n] = 7 << 4;
    e[8 + n] = 0xbb;
    return 12 + 4 + ext + 20;
}

TEST(a_stream_of_a_bundle_is_found_by_mid_then_ssrc_then_payload_type)
{
    uint8_t p[512], q[512];
    int rtp, rtcp;
    struct rig g;
    ssize_t n;

    call_with_video(&g, &rtp, &rtcp, false);
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 0, 1, 70))); /* payload type of both, no mid: nobody's */
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_STREAM, 1), 1);
    CHECK(wc_send_rtp(g.wc, p, rtp_with_mid(p, 0, 2, 71, "vid")));
    CHECK(phone_recv(rtp, q, sizeof(q), false) > 0);
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 0, 3, 71))); /* its source is known now */
    EQ(phone_recv(rtp, q, sizeof(q), false), 172);
    CHECK(wc_send_rtp(g.wc, p, rtp_with_mid(p, 0, 2, 72, "0")));
    CHECK(phone_recv(g.rtp, q, sizeof(q), false) > 0);
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 96, 4, 73))); /* only video has it */
    n = phone_recv(rtp, q, sizeof(q), false);
    EQ(n, 172);
    EQ(q[1], 97);
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 111, 4, 74)));
    EQ(phone_recv(g.rtp, q, sizeof(q), false), 172);
    EQ(q[1], 96);
    close(rtp);
    close(rtcp);
    rig_end(&g);
}

TEST(header_extensions_are_mapped_or_stripped)
{
    uint8_t p[512], q[512];
    struct variant v = { .is_dtls_client = true };
    struct rig g;
    ssize_t n;

    rig_call(&g, &v);
    CHECK(wc_send_rtp(g.wc, p, rtp_with_mid(p, 0, 2, 71, "0")));
    n = phone_recv(g.rtp, q, sizeof(q), false);
    EQ(n, 12 + 8 + 20);    /* one element of two octets is left, padded to four */
    EQ(q[12 + 4], 5 << 4); /* id 3 became 5 */
    EQ(q[12 + 5], 0xaa);
    MEM_EQ(q + 20, p + 28, 20); /* the payload */
    rtp_with_mid(p, 0, 3, 71, "0");
    p[12 + 6] = 8 << 4; /* nothing that the core agreed to */
    CHECK(wc_send_rtp(g.wc, p, 12 + 16 + 20));
    n = phone_recv(g.rtp, q, sizeof(q), false);
    EQ(n, 12 + 20);
    EQ(q[0], 0x80);
    rig_end(&g);
}

static const uint8_t sr[] = { /* SR of 0x11111111 and SDES */
                              0x80, 200, 0,    6,    0x11, 0x11, 0x11, 0x11, 1,   2,   3, 4, 5,   6,    7,
                              8,    0,   0,    0,    9,    0,    0,    0,    1,   0,   0, 0, 160, 0x81, 202,
                              0,    3,   0x11, 0x11, 0x11, 0x11, 1,    2,    'm', 'e', 0, 0, 0,   0
};

TEST(tls007_rtcp_leaves_the_mux_for_its_own_port_and_comes_back)
{
    struct variant v = { .is_dtls_client = true };
    uint8_t q[512];
    struct rig g;

    rig_call(&g, &v);
    CHECK(wc_send_rtcp(g.wc, sr, sizeof(sr)));
    EQ(phone_recv(g.rtcp, q, sizeof(q), false), (ssize_t)sizeof(sr));
    MEM_EQ(q, sr, sizeof(sr));
    phone_send(g.rtcp, &g.core.rtcp, sr, sizeof(sr));
    CHECK(wc_run_count(g.wc, &g.wc->nrtcp, 1, 2000));
    EQ(g.wc->rtcp.len, sizeof(sr));
    MEM_EQ(g.wc->rtcp.octets, sr, sizeof(sr));
    EQ(phone_recv(g.rtp, q, sizeof(q), true), -1);
    rig_end(&g);
}

static size_t make_pli(uint8_t *p, uint32_t media)
{
    static const uint8_t pli[12] = { 0x81, 206, 0, 2, 0x33, 0x33, 0x33, 0x33 };

    memcpy(p, pli, sizeof(pli));
    for (int i = 0; i < 4; i++)
        p[8 + i] = (uint8_t)(media >> (24 - 8 * i));
    return sizeof(pli);
}

TEST(a_browsers_pli_becomes_a_picture_fast_update_for_an_avp_core_and_passes_to_an_avpf_one)
{
    for (int is_avpf = 0; is_avpf < 2; is_avpf++) {
        uint8_t p[512], q[512];
        int rtp, rtcp;
        struct gw_addr to;
        struct rig g;

        call_with_video(&g, &rtp, &rtcp, is_avpf);
        to = g.reply.locals[2].rtp;
        phone_send(rtp, &to, p, make_rtp(p, 97, 1, 0x44444444)); /* so that the gateway knows whose picture it is */
        CHECK(wc_run_count(g.wc, &g.wc->nrtp, 1, 2000));
        for (int i = 0; i < 3; i++)
            CHECK(wc_send_rtcp(g.wc, p, make_pli(p, 0x44444444)));
        if (is_avpf) {
            CHECK(phone_recv(rtcp, q, sizeof(q), false) > 12); /* not reduced-size: an RR and SDES stand in front */
            EQ(q[1], 201);
            EQ(g.events[GW_IQ_PICTURE_FAST_UPDATE], 0);
        } else {
            CHECK(rig_wait_event(&g, GW_IQ_PICTURE_FAST_UPDATE, 1, 1000));
            EQ(rig_grew(&g, GW_STAT_MEDIA_HANDLED_RTCP, 3), 3);
            EQ(g.events[GW_IQ_PICTURE_FAST_UPDATE], 1); /* three in a moment are one INFO */
            EQ(phone_recv(rtcp, q, sizeof(q), true), -1);
        }
        close(rtp);
        close(rtcp);
        rig_end(&g);
    }
}

TEST(a_picture_fast_update_of_the_core_becomes_a_pli_for_the_browser)
{
    struct gw_iq_req r = { .op = GW_IQ_KEYFRAME, .nstreams = 1, .streams = { { .id = VIDEO } } };
    struct gw_rtcp_feedback f = { 0 };
    uint8_t p[512], q[512];
    struct gw_span rest;
    struct gw_rtcp one;
    int rtp, rtcp;
    struct rig g;

    call_with_video(&g, &rtp, &rtcp, false);
    EQ(rig_ask(&g, &r), 0); /* no video came yet: nothing to ask for, and no error */
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 96, 4, 0x55555555)));
    EQ(phone_recv(rtp, q, sizeof(q), false), 172);
    EQ(rig_ask(&g, &r), 0);
    CHECK(wc_run_count(g.wc, &g.wc->nrtcp, 1, 2000));
    rest = (struct gw_span){ g.wc->rtcp.octets, g.wc->rtcp.len };
    while (rest.len && gw_rtcp_next(&rest, &one) == 0)
        if (one.type == GW_RTCP_PSFB)
            EQ(gw_rtcp_parse_feedback(&one, &f), 0);
    EQ(f.media, 0x55555555);
    r.streams[0].id = 99;
    EQ(rig_ask(&g, &r), GW_E_NOTFOUND);
    close(rtp);
    close(rtcp);
    rig_end(&g);
}

TEST(latching_takes_the_first_valid_packet_and_never_another)
{
    struct variant v = { .is_dtls_client = true };
    struct gw_addr first_addr, second_addr;
    int first, second;
    uint8_t p[512], q[512];
    struct rig g;

    rig_start(&g, &v);
    g.want.terms[1].is_latching = true;
    rig_know_fingerprint(&g);
    rig_reserve(&g);
    rig_connect_ice(&g);
    CHECK(wc_run_until(g.wc, &g.wc->is_dtls_up, 5000));
    CHECK(rig_wait_event(&g, GW_IQ_DTLS_UP, 1, 2000));
    first = phone_socket(false, &first_addr);
    second = phone_socket(false, &second_addr);
    phone_send(second, &g.core.rtp, p, make_rtp(p, 99, 1, 1)); /* not valid: no such payload type */
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_PT, 1), 1);
    phone_send(first, &g.core.rtp, p, make_rtp(p, 0, 1, 1));
    CHECK(wc_run_count(g.wc, &g.wc->nrtp, 1, 2000));
    phone_send(second, &g.core.rtp, p, make_rtp(p, 0, 2, 1));
    phone_send(g.rtp, &g.core.rtp, p, make_rtp(p, 0, 3, 1)); /* the signalled address came too late as well */
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 0, 1, 5)));
    EQ(phone_recv(first, q, sizeof(q), false), 172);
    g.want.op = GW_IQ_CONFIGURE; /* a refresh does not open it again */
    EQ(rig_ask(&g, &g.want), 0);
    phone_send(second, &g.core.rtp, p, make_rtp(p, 0, 4, 1));
    phone_send(first, &g.core.rtp, p, make_rtp(p, 0, 5, 1));
    CHECK(wc_run_count(g.wc, &g.wc->nrtp, 2, 2000));
    wc_run(g.wc, 50);
    EQ(g.wc->nrtp, 2); /* of the others' nothing: the kernel has refused them */
    close(first);
    close(second);
    rig_end(&g);
}

TEST(another_remote_address_moves_the_stream)
{
    struct variant v = { .is_dtls_client = true };
    struct gw_addr a;
    uint8_t p[512], q[512];
    struct rig g;
    int other;

    rig_call(&g, &v);
    media_both_ways(&g, 1);
    other = phone_socket(false, &a); /* the final answer came from another fork */
    g.want.op = GW_IQ_CONFIGURE;
    g.want.terms[1].remote_rtp = a;
    EQ(rig_ask(&g, &g.want), 0);
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 0, 1, 5)));
    EQ(phone_recv(other, q, sizeof(q), false), 172);
    phone_send(other, &g.core.rtp, p, make_rtp(p, 0, 2, 1));
    CHECK(wc_run_count(g.wc, &g.wc->nrtp, 6, 2000));
    phone_send(g.rtp, &g.core.rtp, p, make_rtp(p, 0, 3, 1));
    wc_run(g.wc, 50);
    EQ(g.wc->nrtp, 6);
    g.want.terms[1].remote_rtp = g.rtp_addr; /* and back, but from where its packets come */
    g.want.terms[1].is_latching = true;
    EQ(rig_ask(&g, &g.want), 0);
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 0, 3, 5)));
    EQ(phone_recv(g.rtp, q, sizeof(q), false), 172); /* the signalled address until then */
    phone_send(other, &g.core.rtp, p, make_rtp(p, 0, 4, 1));
    CHECK(wc_run_count(g.wc, &g.wc->nrtp, 7, 2000));
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 0, 4, 5)));
    EQ(phone_recv(other, q, sizeof(q), false), 172);
    g.want.terms[1].remote_rtp.port = 0; /* nowhere */
    EQ(rig_ask(&g, &g.want), 0);
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 0, 5, 5)));
    EQ(rig_grew(&g, GW_STAT_MEDIA_DROPPED_REMOTE, 1), 1);
    close(other);
    rig_end(&g);
}

TEST(a_picture_that_goes_elsewhere_begins_with_a_key_frame)
{
    struct gw_iq_req gate;
    uint8_t p[512], q[512];
    int rtp, rtcp, other;
    struct gw_addr a;
    struct rig g;

    call_with_video(&g, &rtp, &rtcp, false);
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 96, 4, 0x55555555)));
    EQ(phone_recv(rtp, q, sizeof(q), false), 172);
    g.want.op = GW_IQ_CONFIGURE;
    EQ(rig_ask(&g, &g.want), 0);
    wc_run(g.wc, 50);
    EQ(g.wc->nrtcp, 0); /* nothing changed */
    other = phone_socket(false, &a);
    g.want.terms[2].remote_rtp = a;
    EQ(rig_ask(&g, &g.want), 0);
    CHECK(wc_run_count(g.wc, &g.wc->nrtcp, 1, 2000));
    gate = g.want;
    gate.op = GW_IQ_THROUGH;
    gate.nterms = 0;
    gate.streams[1].to_core = false;
    EQ(rig_ask(&g, &gate), 0);
    gate.streams[1].to_core = true;
    EQ(rig_ask(&g, &gate), 0);
    CHECK(wc_run_count(g.wc, &g.wc->nrtcp, 2, 2000));
    CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 0, 5, 0x55555555))); /* its source stayed known through all this */
    EQ(phone_recv(other, q, sizeof(q), false), 172);
    close(other);
    close(rtp);
    close(rtcp);
    rig_end(&g);
}
