/* Requests in any order and with any content, and datagrams of any kind between them: every request is answered,
 * nothing crashes (run it under asan and tsan), and in the end nothing is left. The dice fall the same in every run. */
#include <stdlib.h>
#include <test.h>
#include <unistd.h>

#include "tests/harness/agw_rig.h"

static uint32_t seed = 20261120;

static unsigned roll(unsigned n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void any_term(struct rig *g, struct gw_iq_term *t, uint8_t id)
{
    *t = (struct gw_iq_term){
        .id = id,
        .realm = (uint8_t)(id <= 2 ? GW_IQ_ACCESS : GW_IQ_CORE),
        .family = roll(4) ? 4 : 6,
        .has_rtcp_mux = id % 3 == 0, /* what cannot change is the same nearly every time */
        .is_latching = roll(2),
        .inactivity_s = (uint16_t)roll(2),
        .dscp = (uint8_t)roll(64),
        .has_remote = roll(2),
        .ice_generation = roll(3),
        .dtls_generation = roll(2),
        .setup = (uint8_t)roll(2),
        .nfingerprints = (uint8_t)roll(2),
    };
    t->has_ice = t->realm == GW_IQ_ACCESS && id == 1;
    t->has_sctp = t->has_ice && roll(2);
    t->sctp_port = 5000;
    t->remote_sctp_port = (uint16_t)(roll(2) * 5000);
    t->transport = id == 5 ? GW_IQ_TCP : GW_IQ_UDP;
    t->tcp_setup = (uint8_t)roll(2);
    t->security = (uint8_t)(t->has_ice          ? GW_IQ_DTLS
                            : id == 7           ? GW_IQ_DTLS
                            : id % 2 && id != 5 ? GW_IQ_SDES
                                                : GW_IQ_PLAIN);
    t->tcp_generation = roll(3);
    if (t->security == GW_IQ_SDES)
        t->local = t->remote =
            (struct gw_iq_crypto){ .suite = GW_IQ_AEAD_AES_128_GCM, .key_len = (uint8_t)(28 - roll(20) / 19) };
    t->remote_rtp =
        roll(3) ? g->rtp_addr : (struct gw_addr){ .family = 4, .port = (uint16_t)roll(65536), .ip = { 127, 0, 0, 1 } };
    t->remote_rtcp = roll(3) ? g->rtcp_addr : (struct gw_addr){ 0 };
    if (roll(10) == 0)
        t->realm = (uint8_t)roll(4);
    if (roll(20) == 0)
        t->security = (uint8_t)roll(5);
}

static void any_stream(struct gw_iq_stream *s)
{
    *s = (struct gw_iq_stream){
        .id = (uint8_t)(1 + roll(4)),
        .kind = (uint8_t)(roll(3) ? roll(2) : GW_IQ_IMAGE + roll(40) / 39),
        .udptl = { { .ec = (uint8_t)roll(3) }, { .ec = (uint8_t)(roll(3) + roll(40) / 39) } },
        .access_term = (uint8_t)(1 + roll(2)),
        .core_term = (uint8_t)(roll(4) ? 3 + roll(2) : 7), /* 5 and 6 are for channels */
        .to_core = roll(2),
        .to_access = roll(2),
        .npts = (uint8_t)roll(4),
        .nexts = (uint8_t)roll(3),
        .mid_ext = (uint8_t)roll(5),
        .core_has_avpf = roll(2),
        .access_has_pli = roll(2),
    };
    for (unsigned i = 0; i < s->npts; i++)
        s->pts[i] = (struct gw_iq_pt){ (uint8_t)roll(128), (uint8_t)roll(128), 8000 };
    if (roll(30) == 0)
        s->npts = (uint8_t)roll(256);
}

static void any_channel(struct gw_iq_channel *c)
{
    bool is_text = roll(2);

    *c = (struct gw_iq_channel){
        .id = (uint8_t)(5 + is_text),
        .protocol = (uint8_t)(is_text    ? (roll(2) ? GW_IQ_T140 : GW_IQ_T38)
                              : roll(20) ? roll(2)
                                         : 4),
        .access_term = 1,
        .core_term = (uint8_t)(roll(20) ? 5 + is_text : 4),
        .to_core = roll(2),
        .to_access = roll(2),
        .stream = (uint16_t)roll(4),
        .has_b2bua = roll(2),
        .is_agnostic = roll(4) == 0,
        .udptl = { .ec = (uint8_t)roll(3) },
        .t140_pt = 98,
        .red_pt = (uint8_t)(roll(2) ? 99 : 0xff),
        .generations = (uint8_t)roll(4),
    };
    strcpy(c->own_uri, "msrp://127.0.0.1:9/a;dc");
    strcpy(c->core_uri, "msrp://127.0.0.1:9/b;tcp");
    if (roll(2))
        strcpy(c->core_path, "msrp://127.0.0.1:9/c;tcp");
    if (roll(30) == 0)
        memset(c->core_path, 'x', sizeof(c->core_path));
}

static void any_request(struct rig *g, struct gw_iq_req *r, bool is_first)
{
    unsigned first = is_first ? 0 : roll(7);

    memset(r, 0, sizeof(*r));
    r->op = (uint8_t)(roll(3) ? GW_IQ_RESERVE_CONFIGURE : roll(8));
    strcpy(r->call, "chaos");
    r->nterms = (uint8_t)(is_first ? 6 : roll(5));
    r->nstreams = (uint8_t)roll(4);
    for (unsigned i = 0; i < r->nterms; i++)
        any_term(g, &r->terms[i], (uint8_t)(1 + (first + i) % 7));
    for (unsigned i = 0; i < r->nstreams; i++)
        any_stream(&r->streams[i]);
    r->nchannels = (uint8_t)(roll(3) / 2);
    for (unsigned i = 0; i < r->nchannels; i++)
        any_channel(&r->channels[i]);
    if (roll(40) == 0)
        r->nterms = (uint8_t)roll(256);
}

/* RTP, RTCP and noise to where the last reply said, and to the shared port. */
static void any_datagrams(struct rig *g)
{
    for (unsigned i = 0; i < 3; i++) {
        const struct gw_iq_local *l = &g->reply.locals[g->reply.nlocals ? roll(g->reply.nlocals) : 0];
        struct gw_addr to = roll(2) ? l->rtp : l->rtcp;
        uint8_t p[512];
        size_t len = make_rtp(p, (uint8_t)roll(128), (uint16_t)roll(65536), roll(5));

        if (roll(3) == 0)
            p[1] = (uint8_t)(192 + roll(32));
        for (unsigned k = roll(4); k-- > 0;)
            p[roll(24)] = (uint8_t)roll(256);
        if (to.family == 4 && to.port)
            phone_send(roll(2) ? g->rtp : g->rtcp, &to, p, 1 + roll((unsigned)len));
    }
}

TEST(any_requests_in_any_order_are_answered_and_leave_nothing)
{
    struct variant v = { .is_dtls_client = true, .conf = "media_contexts = 5\nworkers = 2" };
    struct gw_iq_req r, release = { .op = GW_IQ_RELEASE };
    uint64_t ctx[10] = { 0 };
    unsigned good = 0;
    struct rig g;

    if (getenv("IMSGW_DICE")) /* other dice: to look for more */
        seed = (uint32_t)strtoul(getenv("IMSGW_DICE"), NULL, 10);
    rig_start(&g, &v);
    for (int i = 0; i < 4000; i++) {
        unsigned k = roll(10);
        bool made = !ctx[k];

        any_request(&g, &r, made && roll(20));
        if (made && roll(4))
            r.op = GW_IQ_RESERVE_CONFIGURE;
        g.ctx = ctx[k];
        if (rig_ask(&g, &r) == 0) {
            good++;
            ctx[k] = r.op == GW_IQ_RELEASE && r.nterms == 0 ? 0 : g.reply.ctx;
            any_datagrams(&g);
        } else if (roll(10) == 0) {
            g.ctx = ctx[k] ^ (uint64_t)1 << roll(64); /* an id that is nobody's, or another's */
            for (int n = 0; n < 10; n++)
                ctx[n] = ctx[n] == g.ctx ? 0 : ctx[n];
            rig_ask(&g, &release);
        }
    }
    printf("%u of 4000 carried out\n", good);
    CHECK(good > 500);
    /* what is still there goes with the gateway */
    g.ctx = 0;
    rig_end(&g);
}
