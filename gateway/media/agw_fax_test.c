/* Whole pages between fax terminals of spandsp at both ends of the gateway, all cases at once and faster than a
 * telephone line: UDPTL plain, over DTLS with and without ICE, and data channels towards UDPTL of the core, with losses
 * on either side. The pages that arrive are compared pixel by pixel (T38-011), and what the gateway sent to the core is
 * read by tshark. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <test.h>
#include <tiffio.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/stats.h"
#include "gateway/base/wire.h"
#include "tests/harness/fax_rig.h"

enum { PAGES = 3, STEP_US = 3000 /* for 20 ms of fax */, LIMIT_S = 80, HANG_UP_TURNS = 3000 };

#define RED GW_IQ_EC_REDUNDANCY
#define FEC GW_IQ_EC_FEC
#define NONE GW_IQ_EC_NONE

/* What the products below do not have. */
static const struct fax_case special[] = {
    { "no correction", PLAIN, false, V17, true, MMR, { NONE, NONE }, { 0, 0 }, FAIR, { 2, 2 }, 0 },
    { "correction on one side", PLAIN, false, V27, false, MH, { RED, NONE }, { 0, 0 }, FAIR, { 2, 2 }, 0 },
    { "V.29", PLAIN, true, V29, false, MR, { RED, RED }, { 0, 0 }, FAIR, { 2, 2 }, 0 },
    { "V.29, MH, repeated and late, no correction",
      PLAIN,
      true,
      V29,
      false,
      MH,
      { NONE, NONE },
      { 0, 0 },
      MIXED,
      { 2, 2 },
      0 },
    { "version 0 to version 2", PLAIN, false, V17, true, MH, { RED, RED }, { 0, 0 }, FAIR, { 0, 2 }, 0 },
    { "V.17 to a machine of V.27ter", DTLS, false, V17, true, MMR, { RED, RED }, { 0, 0 }, FAIR, { 2, 2 }, V27 },
    { "ICE", ICE, false, V17, false, MR, { RED, FEC }, { 0, 0 }, FAIR, { 2, 2 }, 0 },
    { "ICE, repeated and late", ICE, false, V17, true, MMR, { FEC, FEC }, { 0, 0 }, MIXED, { 2, 2 }, 0 },
    { "20% lost on both sides", DTLS, false, V29, true, MR, { RED, RED }, { 20, 20 }, FAIR, { 2, 2 }, 0 },
    { "channel, without ECM, 5% lost", CHANNEL, true, V27, false, MH, { NONE, RED }, { 0, 5 }, FAIR, { 2, 2 }, 0 },
};

enum {
    SPECIAL = sizeof(special) / sizeof(special[0]),
    PAPERS = 5,                  /* MH and MR with and without ECM, MMR with it */
    MATRIX = 2 * 2 * 2 * PAPERS, /* DTLS or a channel, either way, V.17 or V.27ter */
    WEATHERS = 4,
    LOSSES = WEATHERS * 2 * 2, /* redundancy or FEC, the access side or the core's */
    CASES = SPECIAL + MATRIX + LOSSES,
    MOST = 2 * CASES, /* each case IMSGW_TEST_FAXES times */
    A_PLAIN = 0,
    A_DTLS = SPECIAL,
    A_DTLS_SERVER = SPECIAL + 2
};

static struct fax_case cases[CASES];
static char names[CASES][80];

static void make_matrix(struct fax_case *c, unsigned i, char *name)
{
    static const struct {
        bool has_ecm;
        int compression;
        const char *name;
    } papers[PAPERS] = { { true, MH, "ECM, MH" },
                         { false, MH, "MH" },
                         { true, MR, "ECM, MR" },
                         { false, MR, "MR" },
                         { true, MMR, "ECM, MMR" } };
    unsigned paper = i / 8;
    bool is_channel = i & 1, is_from_core = i & 2, is_slow = i & 4;

    *c = (struct fax_case){ .access = is_channel     ? CHANNEL
                                      : is_from_core ? DTLS_SERVER
                                                     : DTLS,
                            .is_from_core = is_from_core,
                            .modems = is_slow ? V27 : V17,
                            .has_ecm = papers[paper].has_ecm,
                            .compression = papers[paper].compression,
                            .ec = { is_channel ? NONE : RED, RED },
                            .versions = { 2, 2 } };
    snprintf(name, sizeof(names[0]), "%s %s the core, %s, %s", is_channel ? "channel" : "DTLS",
             is_from_core ? "from" : "to", is_slow ? "V.27ter" : "V.17", papers[paper].name);
}

static void make_loss(struct fax_case *c, unsigned i, char *name)
{
    static const struct {
        unsigned per_cent;
        enum fax_weather weather;
        const char *name;
    } w[WEATHERS] = {
        { 5, FAIR, "5% lost" }, { 20, FAIR, "20% lost" }, { 3, BURSTS, "bursts" }, { 0, MIXED, "repeated and late" }
    };
    unsigned side = i & 1, weather = i / 4;
    bool is_fec = i & 2, is_from_core = (i ^ weather) & 1;

    *c = (struct fax_case){ .access = side           ? CHANNEL
                                      : is_from_core ? PLAIN
                                                     : DTLS,
                            .is_from_core = is_from_core,
                            .modems = V17,
                            .has_ecm = true,
                            .compression = MMR,
                            .weather = w[weather].weather,
                            .versions = { 2, 2 } };
    c->ec[0] = c->access == CHANNEL ? NONE : is_fec ? FEC : RED;
    c->ec[1] = is_fec ? FEC : RED;
    c->loss[side] = w[weather].per_cent;
    snprintf(name, sizeof(names[0]), "%s, %s the core, %s, %s on the %s side",
             c->access == CHANNEL ? "channel"
             : c->access == PLAIN ? "plain"
                                  : "DTLS",
             is_from_core ? "from" : "to", is_fec ? "FEC" : "redundancy", w[weather].name, side ? "core" : "access");
}

static void make_cases(void)
{
    memcpy(cases, special, sizeof(special));
    for (unsigned i = 0; i < MATRIX; i++)
        make_matrix(&cases[SPECIAL + i], i, names[SPECIAL + i]);
    for (unsigned i = 0; i < LOSSES; i++)
        make_loss(&cases[SPECIAL + MATRIX + i], i, names[SPECIAL + MATRIX + i]);
    for (unsigned i = SPECIAL; i < CASES; i++)
        cases[i].name = names[i];
}

static struct fax_machine machines[MOST][2];
static unsigned alone[MOST]; /* turns since one of the two is through */
static char folder[] = "/tmp/agw_fax_XXXXXX";

static void name_of(char out[200], unsigned i, const char *what)
{
    snprintf(out, 200, "%s/%u_%s.tif", folder, i, what);
}

/* ---- what tshark makes of it ---- */

static FILE *capture;
static unsigned captured;

static void begin_capture(void)
{
    static const uint32_t header[6] = { 0xa1b2c3d4, 0x00040002, 0, 0, 65535, 101 /* raw IP */ };
    char name[200];

    name_of(name, 0, "sent.pcap");
    capture = fopen(name, "w");
    captured = 0;
    CHECK(capture && fwrite(header, sizeof(header), 1, capture) == 1);
}

static void on_packet(const struct fax_machine *m, struct gw_span p)
{
    uint32_t record[4] = { 0, 0, (uint32_t)(p.len + 28), (uint32_t)(p.len + 28) };
    uint8_t ip_udp[28];
    struct gw_writer w = gw_writer(ip_udp, sizeof(ip_udp));

    if (!capture)
        return;
    gw_write_u16(&w, 0x4500);
    gw_write_u16(&w, (uint16_t)(p.len + 28));
    gw_write_u32(&w, 0);
    gw_write_u32(&w, 0x40110000); /* UDP, without a checksum */
    gw_write_u32(&w, 0x7f000001);
    gw_write_u32(&w, 0x7f000001);
    gw_write_u16(&w, m->to.port);
    gw_write_u16(&w, 6004);
    gw_write_u16(&w, (uint16_t)(p.len + 8));
    gw_write_u16(&w, 0);
    CHECK(fwrite(record, sizeof(record), 1, capture) == 1);
    CHECK(fwrite(ip_udp, sizeof(ip_udp), 1, capture) == 1);
    CHECK(fwrite(p.ptr, p.len, 1, capture) == 1);
    captured++;
}

static unsigned matching(const char *filter)
{
    char command[600], line[300];
    unsigned n = 0;
    FILE *f;

    snprintf(command, sizeof(command),
             "tshark -r %s/0_sent.pcap.tif -d udp.port==6004,t38 -o t38.use_pre_corrigendum_asn1_specification:FALSE "
             "-o t38.reassembly:FALSE -Y '%s' 2>/dev/null",
             folder, filter);
    f = popen(command, "r");
    CHECK(f != NULL);
    while (f && fgets(line, sizeof(line), f))
        n++;
    EQ(f ? pclose(f) : -1, 0);
    return n;
}

static void see_capture(void)
{
    unsigned malformed;
    char name[200];

    CHECK(fclose(capture) == 0);
    capture = NULL;
    CHECK(captured > 1000);
    EQ(matching("t38.UDPTLPacket_element"), captured);
    malformed = matching("_ws.malformed.expert"); /* not what it says of fragments, which it counts across packets */
    EQ(malformed, 0);
    name_of(name, 0, "sent.pcap");
    if (malformed)
        printf("     see %s\n", name);
    else
        remove(name);
}

/* ---- running ---- */

static uint64_t make_call(unsigned i)
{
    const struct fax_case *c = &cases[i % CASES];
    char name[200];

    for (unsigned k = 0; k < 2; k++) {
        bool is_sender = (k == 1) == c->is_from_core;
        name_of(name, is_sender ? 0 : i, is_sender ? "sent" : "got");
        machines[i][k].dice = 77 * i;
        fax_machine_init(&machines[i][k], c, k, name);
    }
    if (c->loss[0] == 0 && c->weather == FAIR) /* of T.30 frames with a hole, which stay holes, tshark thinks its own */
        machines[i][1].on_packet = on_packet;
    return fax_call(&machines[i][0], &machines[i][1]);
}

static void drop_call(unsigned i, uint64_t ctx)
{
    fax_hang_up(ctx);
    fax_machine_fini(&machines[i][0]);
    fax_machine_fini(&machines[i][1]);
}

static bool run_step(unsigned i)
{
    struct fax_machine *a = &machines[i][0], *b = &machines[i][1];

    fax_machine_receive(a);
    fax_machine_receive(b);
    if (!a->is_up || !b->is_up)
        return false;
    fax_machine_turn(a);
    fax_machine_turn(b);
    if (a->is_over != b->is_over && ++alone[i] > HANG_UP_TURNS) /* its last word was lost: who is through hangs up */
        t30_terminate(t38_terminal_get_t30_state(a->is_over ? b->t : a->t));
    return a->is_over && b->is_over;
}

static void judge(unsigned i, uint64_t ctx)
{
    const struct fax_case *c = &cases[i % CASES];
    struct gw_iq_direction *way;
    char name[200];
    unsigned wrong;

    name_of(name, i, "got");
    drop_call(i, ctx);
    EQ(fax.reply.ncounters, 1);
    way = &fax.reply.counters[0].dir[c->is_from_core];
    wrong = fax_compare(name, PAGES);
    printf("     %s: result %d %d, %u wrong rows; %llu IFPs, %llu recovered, %llu lost\n", c->name,
           machines[i][0].result, machines[i][1].result, wrong, (unsigned long long)way->packets,
           (unsigned long long)way->recovered, (unsigned long long)way->lost);
    if (c->loss[0] < 20 && c->loss[1] < 20 && c->weather != BURSTS) {
        EQ(machines[i][0].result, T30_ERR_OK);
        EQ(machines[i][1].result, T30_ERR_OK);
        EQ(wrong, 0);
    } else { /* more than correction promises to repair: the page is whole, or the terminals say that it is not */
        CHECK(wrong == 0 || machines[i][c->is_from_core].result != T30_ERR_OK);
    }
    CHECK(wrong || way->packets > 50);
    if (!wrong && c->loss[c->is_from_core ? 1 : 0])
        CHECK(way->recovered > 0);
    remove(name);
}

TEST(t38_011_pages_are_the_same_pixel_by_pixel_over_every_way_and_correction)
{
    const char *text = getenv("IMSGW_TEST_FAXES");
    unsigned times = text && atoi(text) > 0 && atoi(text) <= MOST / CASES ? (unsigned)atoi(text) : 1, n = times * CASES,
             over = 0;
    unsigned step_us = times > 1 ? 20000 : STEP_US; /* many at the pace of a line, few faster */
    uint64_t ctx[MOST], begin, next;
    char name[200];

    TIFFSetWarningHandler(NULL);
    make_cases();
    CHECK(mkdtemp(folder) != NULL);
    name_of(name, 0, "sent");
    fax_draw(name, PAGES);
    begin_capture();
    fax_gateway_begin();
    for (unsigned i = 0; i < n; i++)
        ctx[i] = make_call(i);
    next = begin = gw_clock_us();
    while (over < n && gw_clock_us() - begin < LIMIT_S * GW_S) {
        over = 0;
        for (unsigned i = 0; i < n; i++)
            over += run_step(i);
        gw_sctp_host_poll(fax.host);
        gw_agw_dispatch(fax.agw);
        next += step_us;
        if (next > gw_clock_us())
            usleep((unsigned)(next - gw_clock_us()));
        else
            next = gw_clock_us();
    }
    EQ(over, n);
    for (unsigned i = 0; i < n; i++)
        judge(i, ctx[i]);
    see_capture();
    remove(name);
    rmdir(folder);
    fax_gateway_end();
}

/* Runs the phone until signalling hears that its DTLS failed; why. */
static int failure_of(const struct fax_machine *a)
{
    uint64_t end = gw_clock_us() + 3 * GW_S;
    struct data_end *e = (struct data_end *)(uintptr_t)&a->end;

    while (!fax.last.event && gw_clock_us() < end) {
        data_end_turn(e);
        gw_agw_dispatch(fax.agw);
    }
    EQ(fax.last.event, GW_IQ_DTLS_FAILED);
    fax.last.event = 0;
    return fax.last.cause;
}

TEST(t38_009_a_wrong_fingerprint_or_role_ends_a_fax)
{
    uint64_t ctx;

    make_cases();
    fax_gateway_begin();
    EQ(gw_dtls_identity_new(&(uint16_t){ GW_IQ_AEAD_AES_128_GCM }, 1, &fax.expected), 0);
    ctx = make_call(A_DTLS);
    EQ(failure_of(&machines[A_DTLS][0]), GW_E_MISMATCH);
    drop_call(A_DTLS, ctx);
    gw_dtls_identity_unref(fax.expected);
    fax.expected = NULL;

    fax.has_wrong_role = true; /* both are active */
    ctx = make_call(A_DTLS_SERVER);
    EQ(failure_of(&machines[A_DTLS_SERVER][0]), GW_E_CRYPTO);
    drop_call(A_DTLS_SERVER, ctx);
    fax_gateway_end();
}

TEST(t38_wrong_packets_are_refused_and_counted_and_the_fax_goes_on)
{
    static const uint8_t fragmented[] = { 0, 1, 0xc1, 0, 0, 0 }, cut[] = { 0, 2, 0x7f, 's', 'h', 'o', 'r', 't' },
                         large[4000] = { 0, 3, 1 }, none[] = { 0, 1, 4, 0xC0, 5, 0x80, 0, 0, 0 };
    static const struct gw_span wrong[] = { { "", 0 }, { "x", 1 }, GW_SPAN(fragmented), GW_SPAN(cut) };
    struct gw_iq_req req = { .op = GW_IQ_AUDIT };
    struct fax_machine *a = &machines[A_PLAIN][0];
    int64_t refused, malformed;

    make_cases();
    fax_gateway_begin();
    req.ctx = make_call(A_PLAIN);
    refused = gw_stats_read(GW_STAT_FAX_REFUSED);
    malformed = gw_stats_read(GW_STAT_MEDIA_DROPPED_MALFORMED);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        fax_machine_put(a, wrong[i]);
    fax_machine_put(a, GW_SPAN(large));
    for (uint8_t i = 0; i < 4; i++) { /* and three packets of a good one: no-signal, with no recovery; one is no IFP */
        const uint8_t p[6] = { 0, i, 1, 0, 0, 0 };
        fax_machine_put(a, i == 1 ? GW_SPAN(none) : GW_SPAN(p));
    }
    usleep(100000);
    EQ(gw_stats_read(GW_STAT_FAX_REFUSED) - refused, 5);
    EQ(gw_stats_read(GW_STAT_MEDIA_DROPPED_MALFORMED) - malformed, 1);
    EQ(fax_ask(&req), 0);
    EQ(fax.reply.counters[0].kind, GW_IQ_IMAGE);
    EQ(fax.reply.counters[0].dir[0].packets, 3);
    EQ(fax.reply.counters[0].dir[0].dropped, 5);
    drop_call(A_PLAIN, req.ctx);
    fax_gateway_end();
}
