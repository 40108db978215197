/* Random walks: a browser and a phone that keep the rules of RFC 3264 offer, answer, reject, hold, add, restart ICE and
 * change their minds; interwork_walk.h says what must hold after every step. Each walk is a number: the same every
 * time. */
#include "test.h"

#include "signaling/call/interwork_walk.h"

enum { WALKS = 400, STEPS = 24 };

static uint32_t seed, state;

static void say_seed(void)
{
    fprintf(stderr, "in walk %u\n", seed);
}

static uint32_t pick(uint32_t n) /* xorshift32 */
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

static const char *direction(void)
{
    static const char *const words[] = { "sendrecv", "sendrecv", "sendrecv", "sendonly", "recvonly", "inactive" };

    return words[pick(6)];
}

/* What the leg last saw: its own offer or our text. Its m-lines go on from there. */
struct peer {
    unsigned version, generation, next_mid, nlines;
    struct peer_line {
        char type[16], mid[16];
        bool is_off;
    } lines[12];
};

static struct peer peers[2];

static void learn(enum gw_leg leg, const char *text)
{
    struct gw_sdp *sdp = walk_parse(text);
    struct peer *p = &peers[leg];

    p->nlines = sdp->nmedia < 12 ? sdp->nmedia : 12;
    for (unsigned i = 0; i < p->nlines; i++) {
        const struct gw_sdp_media *m = &sdp->media[i];
        struct gw_span mid;
        unsigned pos = 0;

        gw_span_copy(m->type, p->lines[i].type, sizeof(p->lines[i].type));
        p->lines[i].mid[0] = 0;
        if (gw_sdp_attr(&m->section, "mid", &pos, &mid))
            gw_span_copy(mid, p->lines[i].mid, sizeof(p->lines[i].mid));
        p->lines[i].is_off = m->port == 0 && !gw_sdp_has(&m->section, "bundle-only");
    }
    gw_sdp_free(sdp);
}

static void new_line(enum gw_leg leg)
{
    static const char *const types[2][6] = {
        [GW_LEG_ACCESS] = { "audio", "video", "audio", "video", "application", "image" },
        [GW_LEG_CORE] = { "audio", "video", "message", "application", "text", "image" },
    };
    struct peer *p = &peers[leg];
    struct peer_line *l = &p->lines[p->nlines++];

    snprintf(l->type, sizeof(l->type), "%s", types[leg][pick(6)]);
    snprintf(l->mid, sizeof(l->mid), "p%u", p->next_mid++);
    l->is_off = false;
}

static void write_codecs(struct gw_sdp_buf *b, bool is_video)
{
    if (is_video)
        gw_sdp_printf(b, "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 H264/90000\r\n"
                         "a=fmtp:97 packetization-mode=1\r\n");
    else
        gw_sdp_printf(
            b, "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\n");
}

static const char client_transport[] =
    "a=fingerprint:sha-256 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:"
    "19:08\r\na=setup:actpass\r\na=rtcp-mux\r\na=3ge2ae:requested\r\n";

/* Channels come and go, also with another sub-protocol and with the ids that the gateway gives. */
static void write_channels(struct gw_sdp_buf *b)
{
    static const char *const names[] = { "msrp", "bfcp", "t140", "chess" };

    gw_sdp_printf(b, "a=sctp-port:5000\r\na=sctpmap:5000 webrtc-datachannel 1024\r\n");
    for (unsigned id = 0; id < 6; id++)
        if (pick(3))
            gw_sdp_printf(b, "a=dcmap:%u subprotocol=\"%s\"\r\na=dcsa:%u path:msrps://b:9/s%u;dc\r\na=dcsa:%u %s\r\n",
                          id, names[pick(8) ? id % 3 : pick(4)], id, id, id, direction());
}

/* What stands behind the port: transport and formats of a type. */
static const char *words_of(enum gw_leg leg, const char *type)
{
    static const struct {
        const char *type, *words[2];
    } rows[] = {
        { "application", { "UDP/DTLS/SCTP webrtc-datachannel", "TCP/BFCP *" } },
        { "message", { "TCP/MSRP *", "TCP/MSRP *" } },
        { "application", { "DTLS/SCTP 5000", "UDP/BFCP *" } },
        { "message", { "TCP/MSRP *", "TCP/TLS/MSRP *" } },
        { "audio", { "UDP/TLS/RTP/SAVPF 111 0 8 101", "RTP/AVP 111 0 8 101" } },
        { "video", { "UDP/TLS/RTP/SAVPF 96 97", "RTP/AVP 96 97" } },
        { "text", { "RTP/AVP 97", "RTP/AVP 97" } },
    };

    for (unsigned i = pick(6) ? 0 : 2; i < sizeof(rows) / sizeof(rows[0]); i++) /* sometimes the second of its type */
        if (strcmp(rows[i].type, type) == 0)
            return rows[i].words[leg];
    return "udptl t38";
}

static void write_line(struct gw_sdp_buf *b, enum gw_leg leg, const struct peer *p, unsigned i)
{
    static const char *const setups[] = { "actpass", "active", "passive" };
    const struct peer_line *l = &p->lines[i];
    bool is_video = strcmp(l->type, "video") == 0;

    gw_sdp_printf(b, "m=%s %u %s\r\n", l->type,
                  l->is_off              ? 0
                  : leg == GW_LEG_ACCESS ? 9
                                         : 30000 + 2 * i,
                  words_of(leg, l->type));
    if (leg == GW_LEG_ACCESS)
        gw_sdp_printf(b, "c=IN IP4 0.0.0.0\r\na=mid:%s\r\na=ice-ufrag:uf%u\r\na=ice-pwd:0123456789abcdefghij%02u\r\n%s",
                      l->mid, 1000 + p->generation, p->generation % 100, client_transport);
    if (is_video || strcmp(l->type, "audio") == 0)
        write_codecs(b, is_video);
    else if (leg == GW_LEG_ACCESS)
        write_channels(b);
    else
        gw_sdp_printf(b,
                      "a=path:msrp://10.0.0.9:%u/x;tcp\r\na=rtpmap:97 t140/1000\r\na=setup:%s\r\na=connection:%s\r\n",
                      30000 + 2 * i, setups[pick(3)], pick(2) ? "new" : "existing");
    gw_sdp_printf(b, "a=x-line:%u\r\na=%s\r\n", i, direction());
}

static char *make_offer(enum gw_leg leg)
{
    struct peer *p = &peers[leg];
    struct gw_sdp_buf b = { 0 };

    while (p->nlines == 0 || (p->nlines < 8 && pick(3) == 0))
        new_line(leg);
    for (unsigned i = 0; i < p->nlines; i++)
        if (pick(8) == 0)
            p->lines[i].is_off = !p->lines[i].is_off;
    p->generation += pick(4) == 0;
    p->version += pick(3) != 0;
    gw_sdp_printf(&b, "v=0\r\no=peer 7 %u IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n", p->version);
    if (leg == GW_LEG_ACCESS) {
        gw_sdp_printf(&b, "a=group:BUNDLE");
        for (unsigned i = 0; i < p->nlines; i++)
            if (!p->lines[i].is_off)
                gw_sdp_printf(&b, " %s", p->lines[i].mid);
        gw_sdp_printf(&b, "\r\n");
    }
    for (unsigned i = 0; i < p->nlines; i++) {
        if (leg == GW_LEG_ACCESS && !p->lines[i].mid[0])
            snprintf(p->lines[i].mid, sizeof(p->lines[i].mid), "p%u", p->next_mid++);
        write_line(&b, leg, p, i);
    }
    MUST(b.text && !b.err);
    return b.text;
}

static void choose(struct walk_choice choices[8])
{
    for (int i = 0; i < 8; i++)
        choices[i] = (struct walk_choice){ pick(5) == 0, 1 + pick(255), direction() };
}

/* What the media says in between. */
static void media_says(struct walk *w)
{
    struct gw_iq_notify n = { .term = (uint8_t)(1 + pick(3)),
                              .sctp_stream = (uint16_t)(2 * pick(12)),
                              .protocol = (uint8_t)pick(3) };
    unsigned id = 9 + pick(30);

    switch (pick(8)) {
    case 0:
        gw_ms_channel_opened(w->ms, &n);
        break;
    case 1:
        n.stream = (uint8_t)(pick(2) ? id : 0);
        (void)gw_ms_channel_closed(w->ms, &n);
        break;
    case 2:
        (void)gw_ms_connection_lost(w->ms, id);
        break;
    case 3:
        gw_ms_drop_in_band(w->ms);
        break;
    default:
        break;
    }
}

static void release(struct walk *w)
{
    bool was_open = walk_is_open(w);

    while (gw_ms_release(w->ms, &w->req)) {
        MUST(!was_open && w->req.op == GW_IQ_RELEASE && w->req.nterms <= GW_IQ_CHANNELS);
        MUST(w->req.nchannels <= GW_IQ_CHANNELS && (w->req.nterms != 0 || w->req.nchannels != 0));
    }
}

static void one_step(struct walk *w)
{
    enum gw_leg leg = pick(2) ? GW_LEG_CORE : GW_LEG_ACCESS;
    struct walk_choice choices[8];
    struct peer kept[2];
    char *text = NULL;

    memcpy(kept, peers, sizeof(kept));
    choose(choices);
    media_says(w);
    if (pick(3) == 0)
        release(w);
    if (!walk_is_open(w) && gw_ms_wants_lines(w->ms) && pick(2)) {
        walk_offer_own(w, pick(6) == 0);
    } else if (!walk_is_open(w) && pick(6) == 0) {
        walk_reoffer(w, leg);
    } else if (!walk_is_open(w)) {
        text = make_offer(leg);
        if (!walk_offer(w, leg, gw_span_str(text), pick(10) == 0))
            memcpy(peers, kept, sizeof(kept)); /* refused: RFC 3264 s. 8 */
    } else if (pick(8) == 0) {
        text = make_offer(leg); /* glare */
        MUST(!walk_offer(w, leg, gw_span_str(text), false));
        memcpy(peers, kept, sizeof(kept));
    } else if (pick(4) == 0) {
        walk_rollback(w);
        for (int i = 0; i < 2; i++)
            if (w->last[i])
                learn((enum gw_leg)i, w->last[i]);
    } else {
        text = walk_make_answer(w, choices, 8, w->nsteps);
        if (walk_answer(w, gw_span_str(text))) {
            learn(w->answerer, text);
            if (w->peer && !w->is_self_made)
                learn(w->answerer == GW_LEG_ACCESS ? GW_LEG_CORE : GW_LEG_ACCESS,
                      w->last[w->answerer == GW_LEG_ACCESS ? GW_LEG_CORE : GW_LEG_ACCESS]);
        } else {
            walk_rollback(w);
        }
    }
    free(text);
}

TEST(SDP_002_004_006_exchanges_keep_their_rules_wherever_they_go)
{
    struct gw_conf *confs[] = { walk_conf(""), walk_conf("core_proto = avpf\ncore_msrp = tls\ncore_cema = first\n") };
    unsigned nexchanges = 0;

    walk_on_failure = say_seed;
    for (seed = 1; seed <= WALKS; seed++) {
        struct walk w;

        state = seed * 2654435761u;
        memset(peers, 0, sizeof(peers));
        walk_open(&w, confs[seed % 2], GW_CLIENT_WIC);
        for (int i = 0; i < STEPS; i++)
            one_step(&w);
        nexchanges += w.nexchanges;
        walk_close(&w);
    }
    gw_conf_free(confs[0]);
    gw_conf_free(confs[1]);
    CHECK(nexchanges > WALKS * 3); /* or the walks went nowhere */
    printf("%u exchanges\n", nexchanges);
}
