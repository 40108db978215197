/* Faxes that SDP has set up: what phones, browsers and the core write goes through the real interworking to the real
 * access gateway, and machines of spandsp connect to what it answers (TS 33.328 s. L.3, N.3; T38-008, T38-011,
 * T38-012), a hundred and four at once; IMSGW_TEST_FAX_CALLS is how often each is made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <test.h>
#include <tiffio.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/stats.h"
#include "signaling/call/interwork.h"
#include "tests/harness/fax_rig.h"

enum { PAGES = 1, STEP_US = 10000 /* for 20 ms of fax */, LIMIT_S = 80, MOST = 104 };
enum core_way { CORE_UDPTL, CORE_DTLS /* of the gateway's wish */ };

static const struct call_case {
    const char *name;
    enum fax_access access;
    bool core_offers; /* and its machine sends */
    enum core_way core;
    const char *ec; /* that either side asks for */
    unsigned loss[2];
} cases[] = {
    { "phone, plain", PLAIN, false, CORE_UDPTL, "t38UDPRedundancy", { 5, 5 } },
    { "phone, plain, FEC, from the core", PLAIN, true, CORE_UDPTL, "t38UDPFEC", { 5, 5 } },
    { "phone, DTLS that it requested", DTLS, false, CORE_UDPTL, "t38UDPRedundancy", { 10, 0 } },
    { "phone, DTLS that it was offered", DTLS_SERVER, true, CORE_UDPTL, "t38UDPRedundancy", { 0, 10 } },
    { "phone, DTLS with ICE", ICE, false, CORE_UDPTL, "t38UDPFEC", { 0, 0 } },
    { "phone, plain, to DTLS of the core", PLAIN, false, CORE_DTLS, "t38UDPRedundancy", { 0, 5 } },
    { "browser, channel", CHANNEL, false, CORE_UDPTL, "t38UDPRedundancy", { 0, 5 } },
    { "browser, channel to DTLS of the core", CHANNEL, false, CORE_DTLS, "t38UDPRedundancy", { 0, 5 } },
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

struct call {
    const struct call_case *c;
    struct fax_case side[2];
    struct fax_machine m[2];
    unsigned port[2]; /* where they are */
    struct gw_ms *ms;
    char received[128];
};

static char folder[] = "/tmp/fax-sdp-XXXXXX", sent[64];

/* ---- what a machine writes of itself, and reads of the gateway ---- */

static bool is_dtls(const struct call *k, unsigned side)
{
    return side ? k->c->core == CORE_DTLS : k->c->access != PLAIN;
}

static void open_machine(struct call *k, unsigned side)
{
    struct fax_machine *m = &k->m[side];
    struct gw_addr a;

    fax_machine_init(m, &k->side[side], side, (side == 1) == k->c->core_offers ? sent : k->received);
    if (!is_dtls(k, side)) {
        m->fd = fax_udp(&a);
        k->port[side] = a.port;
        return;
    }
    EQ(data_end_init(&m->end, k->c->access != DTLS_SERVER, fax.identity, fax.host), 0);
    k->port[side] = data_end_port(&m->end);
    m->end.arg = m;
    if (side == 0 && k->c->access == CHANNEL)
        m->end.on_message = fax_machine_on_record;
    else
        m->end.on_record = fax_machine_on_record;
}

static void write_fingerprint(char *p)
{
    const struct gw_iq_fingerprint *f = gw_dtls_identity_fingerprint(fax.identity);

    p += sprintf(p, "a=fingerprint:sha-256 ");
    for (unsigned i = 0; i < f->len; i++)
        p += sprintf(p, "%s%02X", i ? ":" : "", f->value[i]);
    strcpy(p, "\r\n");
}

/* The description of a machine. The harness's end begins DTLS, or waits, whatever it wrote. */
static const char *describe(const struct call *k, unsigned side, bool is_offer)
{
    static char text[2000];
    char print[200] = "", ice[100] = "";
    const char *setup = "";
    unsigned port = k->port[side];

    if (is_dtls(k, side)) {
        write_fingerprint(print);
        setup = k->c->access == DTLS_SERVER ? "a=setup:passive\r\n" : "a=setup:active\r\n";
    }
    if (side == 0 && (k->c->access == ICE || k->c->access == CHANNEL))
        strcpy(ice, "a=ice-ufrag:faxfax\r\na=ice-pwd:faxfaxfaxfaxfaxfaxfaxfax\r\n");
    if (side == 0 && k->c->access == CHANNEL)
        snprintf(text, sizeof(text),
                 "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
                 "m=application %u UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 127.0.0.1\r\na=mid:0\r\n%s%s%s"
                 "a=sctp-port:5000\r\na=dcmap:2 subprotocol=\"t38\"\r\na=dcsa:2 T38FaxVersion:2\r\n",
                 port, ice, print, setup);
    else
        snprintf(text, sizeof(text),
                 "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                 "m=image %u %s t38\r\n%s%s%s%sa=T38FaxVersion:2\r\na=T38MaxBitRate:14400\r\n"
                 "a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:%s\r\n",
                 port, is_dtls(k, side) ? "UDP/TLS/UDPTL" : "udptl", ice, print, setup,
                 side == 0 && is_dtls(k, side) && is_offer ? "a=3ge2ae:requested\r\n" : "", k->c->ec);
    return text;
}

static void word_of(const char *text, const char *mark, char *out, size_t size)
{
    const char *at = strstr(text, mark);

    CHECK(at != NULL);
    out[0] = 0;
    if (at)
        snprintf(out, size, "%.*s", (int)strcspn(at + strlen(mark), " \r"), at + strlen(mark));
}

/* The gateway's description for that side. */
static void connect_machine(struct call *k, unsigned side, const char *text)
{
    struct fax_machine *m = &k->m[side];
    struct sockaddr_storage ss;
    char word[200], *p = word;
    struct gw_addr a;
    unsigned v, port = 0;

    word_of(text, side == 0 && k->c->access == CHANNEL ? "m=application " : "m=image ", word, sizeof(word));
    port = (unsigned)atoi(word);
    CHECK(port != 0);
    EQ(gw_addr_parse_ip("127.0.0.1", (uint16_t)port, &a), 0);
    m->to = a;
    if (!is_dtls(k, side)) {
        m->is_up = true;
        return;
    }
    gw_addr_to_sockaddr(&a, &ss);
    memcpy(&m->end.peer, &ss, sizeof(m->end.peer));
    word_of(text, "a=fingerprint:sha-256 ", word, sizeof(word));
    m->end.expected = (struct gw_iq_fingerprint){ .hash = GW_IQ_SHA256 };
    for (; sscanf(p, "%2x", &v) == 1 && m->end.expected.len < 32; p += p[2] ? 3 : 2)
        m->end.expected.value[m->end.expected.len++] = (uint8_t)v;
    if (side == 1 || (k->c->access != ICE && k->c->access != CHANNEL))
        return;
    word_of(text, "a=ice-ufrag:", word, sizeof(word));
    snprintf(m->end.user, sizeof(m->end.user), "%s:faxfax", word);
    word_of(text, "a=ice-pwd:", m->end.pwd, sizeof(m->end.pwd));
}

/* ---- the call ---- */

static void set_up(struct call *k, const struct gw_conf *conf)
{
    const struct gw_e2ae_input in = { .client = k->c->access == CHANNEL ? GW_CLIENT_WIC : GW_CLIENT_UE,
                                      .has_udptl_dtls = k->c->access != PLAIN };
    enum gw_leg from = k->c->core_offers ? GW_LEG_CORE : GW_LEG_ACCESS,
                to = k->c->core_offers ? GW_LEG_ACCESS : GW_LEG_CORE;
    struct gw_sdp_refusal why;
    struct gw_iq_req req;
    char *text = NULL;
    size_t len;

    EQ(gw_ms_new(conf, &in, k->c->name, &k->ms), 0);
    EQ(gw_ms_offer(k->ms, from, gw_span_str(describe(k, from == GW_LEG_CORE, true)), &req, &why), 0);
    EQ(fax_ask(&req), 0);
    EQ(gw_ms_offer_out(k->ms, &fax.reply, &text, &len), 0);
    connect_machine(k, to == GW_LEG_CORE, text);
    free(text);
    EQ(gw_ms_answer(k->ms, gw_span_str(describe(k, to == GW_LEG_CORE, false)), &req, &why), 0);
    EQ(fax_ask(&req), 0);
    EQ(gw_ms_answer_out(k->ms, &fax.reply, &text, &len), 0);
    connect_machine(k, from == GW_LEG_CORE, text);
    free(text);
}

static void begin(struct call *k, unsigned i, const struct gw_conf *confs[2])
{
    const struct call_case *c = k->c = &cases[i % CASES];
    bool is_fec = strcmp(c->ec, "t38UDPFEC") == 0;

    snprintf(k->received, sizeof(k->received), "%s/%u.tif", folder, i);
    for (unsigned side = 0; side < 2; side++) {
        k->side[side] = (struct fax_case){ .access = side == 0              ? c->access
                                                     : c->core == CORE_DTLS ? DTLS
                                                                            : PLAIN,
                                           .is_from_core = c->core_offers,
                                           .modems = V17,
                                           .has_ecm = true,
                                           .compression = MMR,
                                           .versions = { 2, 2 } };
        k->side[side].ec[side] = is_fec ? GW_IQ_EC_FEC : GW_IQ_EC_REDUNDANCY;
        k->side[side].loss[side] = c->loss[side];
        k->m[side].dice = i * 7919; /* each its own losses */
        open_machine(k, side);
    }
    set_up(k, confs[c->core == CORE_DTLS]);
}

static void end(struct call *k)
{
    unsigned rows;

    for (unsigned side = 0; side < 2; side++) {
        EQ(k->m[side].result, T30_ERR_OK);
        fax_machine_fini(&k->m[side]);
    }
    rows = fax_compare(k->received, PAGES);
    if (rows)
        fprintf(stderr, "%s: %u rows differ\n", k->c->name, rows);
    EQ(rows, 0);
    fax_hang_up(gw_ms_context(k->ms));
    gw_ms_free(k->ms);
    remove(k->received);
}

static struct gw_conf *conf_of(const char *line)
{
    struct gw_conf *conf = NULL;
    char text[200], why[256] = "";

    snprintf(text, sizeof(text),
             "access_address = 127.0.0.1\ncore_address = 127.0.0.1\ncore_networks = 127.0.0.0/8\n%s", line);
    EQ(gw_conf_parse("test", text, strlen(text), &conf, why, sizeof(why)), 0);
    return conf;
}

TEST(T38_008_T38_012_faxes_that_sdp_has_set_up_arrive_whole)
{
    struct gw_conf *plain = conf_of(""), *dtls = conf_of("core_fax = dtls\n");
    const struct gw_conf *confs[2] = { plain, dtls };
    const char *times = getenv("IMSGW_TEST_FAX_CALLS");
    unsigned n = (times && atoi(times) > 0 && atoi(times) <= MOST / CASES ? (unsigned)atoi(times) : MOST / CASES) *
                 CASES,
             over = 0;
    static struct call calls[MOST];
    uint64_t began, next;

    TIFFSetWarningHandler(NULL);
    CHECK(mkdtemp(folder) != NULL);
    snprintf(sent, sizeof(sent), "%s/sent.tif", folder);
    fax_draw(sent, PAGES);
    fax_gateway_begin();
    for (unsigned i = 0; i < n; i++)
        begin(&calls[i], i, confs);
    next = began = gw_clock_us();
    while (over < 2 * n && gw_clock_us() - began < LIMIT_S * GW_S) {
        over = 0;
        for (unsigned i = 0; i < 2 * n; i++) {
            fax_machine_turn(&calls[i / 2].m[i % 2]);
            over += calls[i / 2].m[i % 2].is_over;
        }
        gw_sctp_host_poll(fax.host);
        gw_agw_dispatch(fax.agw);
        next += STEP_US;
        if (next > gw_clock_us())
            usleep((unsigned)(next - gw_clock_us()));
        else
            next = gw_clock_us();
    }
    EQ(over, 2 * n);
    for (unsigned i = 0; i < n; i++)
        end(&calls[i]);
    remove(sent);
    rmdir(folder);
    fax_gateway_end();
    gw_conf_free(plain);
    gw_conf_free(dtls);
}
