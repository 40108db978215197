/* BFCP between a channel and UDP; time is a number. */
#include "datachannel/bfcp/bfcp_udp.h"

#include <stdlib.h>

#include "test.h"

enum { LOG = 64 };

static struct {
    unsigned nchannel, ncore, nends;
    int end;
    bool is_full;
    struct gw_bfcp_header to_channel, to_core[LOG];
    size_t channel_len, core_len[LOG];
    uint8_t last[70000], core[LOG][1300];
} w;

static struct gw_bfcp_udp *u;
static uint64_t now;

static int to_channel(void *arg, struct gw_span m)
{
    (void)arg;
    if (w.is_full)
        return GW_E_FULL;
    w.nchannel++;
    EQ(gw_bfcp_check(m, &w.to_channel), 0);
    EQ(w.to_channel.version, GW_BFCP_RELIABLE);
    EQ(((const uint8_t *)m.ptr)[0], 0x20); /* R, F and the reserved bits are clear */
    w.channel_len = m.len;
    memcpy(w.last, m.ptr, m.len);
    return 0;
}

static void to_core(void *arg, struct gw_span m)
{
    unsigned i = w.ncore++ % LOG;

    (void)arg;
    CHECK(m.len <= GW_BFCP_UDP_MTU);
    EQ(gw_bfcp_parse_header(m, &w.to_core[i]), 0);
    EQ(w.to_core[i].version, GW_BFCP_UNRELIABLE);
    w.core_len[i] = m.len;
    memcpy(w.core[i], m.ptr, m.len);
}

static void on_end(void *arg, int err)
{
    (void)arg;
    w.nends++;
    w.end = err;
}

static void start(void)
{
    struct gw_bfcp_udp_config c = { to_channel, to_core, on_end, NULL };

    memset(&w, 0, sizeof(w));
    now = 5 * GW_S;
    EQ(gw_bfcp_udp_new(&c, &u), 0);
}

static size_t make(uint8_t *m, uint8_t version, bool is_response, uint8_t primitive, uint16_t tid, size_t payload)
{
    struct gw_bfcp_header h = { .version = version,
                                .is_response = is_response,
                                .primitive = primitive,
                                .conference = 4321,
                                .transaction = tid,
                                .user = 1234,
                                .payload_bytes = (uint32_t)payload };

    EQ(gw_bfcp_write_header(&h, m, 12), 12);
    for (size_t i = 0; i < payload; i += 4) { /* FLOOR-ID attributes */
        m[12 + i] = 2 << 1 | 1;
        m[13 + i] = 4;
        m[14 + i] = (uint8_t)(i >> 8);
        m[15 + i] = (uint8_t)i;
    }
    return 12 + payload;
}

static int channel_says(uint8_t primitive, uint16_t tid, size_t payload)
{
    static uint8_t m[70000];

    return gw_bfcp_udp_from_channel(u, (struct gw_span){ m, make(m, 1, false, primitive, tid, payload) }, now);
}

static int core_says(bool is_response, uint8_t primitive, uint16_t tid, size_t payload)
{
    static uint8_t m[70000];

    return gw_bfcp_udp_from_core(u, (struct gw_span){ m, make(m, 2, is_response, primitive, tid, payload) }, now);
}

static const struct gw_bfcp_header *sent(unsigned i)
{
    return &w.to_core[i % LOG];
}

TEST(bfcp_004_bfcp_005_a_client_greets_and_asks_one_thing_at_a_time)
{
    start();
    EQ(channel_says(GW_BFCP_FLOOR_REQUEST, 7, 4), 0);
    EQ(channel_says(GW_BFCP_FLOOR_QUERY, 8, 4), 0);
    EQ(w.ncore, 1);
    EQ(sent(0)->primitive, GW_BFCP_HELLO);
    EQ(sent(0)->conference, 4321);
    EQ(sent(0)->user, 1234);
    CHECK(!sent(0)->is_response);
    EQ(core_says(true, GW_BFCP_HELLO_ACK, sent(0)->transaction, 0), 0);
    EQ(w.nchannel, 0); /* ours, not the client's */
    EQ(w.ncore, 2);
    EQ(sent(1)->primitive, GW_BFCP_FLOOR_REQUEST);
    CHECK(sent(1)->transaction > sent(0)->transaction);
    EQ(core_says(true, GW_BFCP_FLOOR_REQUEST_STATUS, (uint16_t)(sent(1)->transaction + 9), 4), GW_E_STATE);
    EQ(core_says(true, GW_BFCP_FLOOR_REQUEST_STATUS, sent(1)->transaction, 4), 0);
    EQ(w.nchannel, 1);
    EQ(w.to_channel.transaction, 7); /* its own */
    EQ(w.ncore, 3);
    EQ(core_says(true, GW_BFCP_FLOOR_REQUEST_STATUS, sent(1)->transaction, 4), GW_E_STATE); /* repeated on its way */
    EQ(core_says(true, GW_BFCP_ERROR, sent(2)->transaction, 4), 0);
    EQ(w.to_channel.transaction, 8);
    EQ(w.to_channel.primitive, GW_BFCP_ERROR);
    EQ(gw_bfcp_udp_deadline_us(u), GW_NEVER);
    gw_bfcp_udp_goodbye(u);
    EQ(sent(3)->primitive, GW_BFCP_GOODBYE);
    gw_bfcp_udp_free(u);
}

TEST(bfcp_005_t1_doubles_three_times_and_then_the_connection_is_broken)
{
    uint64_t begin;

    start();
    begin = now;
    EQ(channel_says(GW_BFCP_HELLO, 1, 0), 0);
    for (unsigned i = 1; i <= 3; i++) {
        EQ(gw_bfcp_udp_deadline_us(u), now + (GW_BFCP_T1_US << (i - 1)));
        now = gw_bfcp_udp_deadline_us(u);
        gw_bfcp_udp_expire(u, now - 1);
        EQ(w.ncore, i);
        gw_bfcp_udp_expire(u, now);
        EQ(w.ncore, i + 1);
        MEM_EQ(w.core[i], w.core[0], w.core_len[0]);
    }
    now = gw_bfcp_udp_deadline_us(u);
    EQ(now - begin, 15 * GW_BFCP_T1_US);
    gw_bfcp_udp_expire(u, now);
    EQ(w.ncore, 4);
    EQ(w.nends, 1);
    EQ(w.end, GW_E_TIMEOUT);
    EQ(channel_says(GW_BFCP_HELLO, 2, 0), GW_E_STATE);
    EQ(gw_bfcp_udp_deadline_us(u), GW_NEVER);
    gw_bfcp_udp_free(u);
}

TEST(bfcp_005_a_slow_path_is_given_more_time)
{
    start();
    for (uint16_t i = 0; i < 6; i++) {
        EQ(channel_says(i ? GW_BFCP_FLOOR_QUERY : GW_BFCP_HELLO, (uint16_t)(i + 1), 0), 0);
        now += 400 * GW_MS;
        EQ(core_says(true, GW_BFCP_FLOOR_STATUS, sent(w.ncore - 1)->transaction, 0), 0);
    }
    EQ(channel_says(GW_BFCP_FLOOR_QUERY, 9, 0), 0);
    CHECK(gw_bfcp_udp_deadline_us(u) > now + GW_BFCP_T1_US);
    CHECK(gw_bfcp_udp_deadline_us(u) < now + 4 * GW_BFCP_T1_US);
    gw_bfcp_udp_free(u);
}

TEST(bfcp_005_what_a_server_says_unasked_is_acknowledged_once_delivered_and_repeats_are_not)
{
    start();
    w.is_full = true;
    EQ(core_says(false, GW_BFCP_FLOOR_STATUS, 77, 4), GW_E_FULL);
    EQ(w.ncore, 0); /* it will be repeated */
    w.is_full = false;
    EQ(core_says(false, GW_BFCP_FLOOR_STATUS, 77, 4), 0);
    EQ(w.nchannel, 1);
    EQ(w.to_channel.transaction, 0);
    EQ(sent(0)->primitive, GW_BFCP_FLOOR_STATUS_ACK);
    EQ(sent(0)->transaction, 77);
    CHECK(sent(0)->is_response);
    EQ(core_says(false, GW_BFCP_FLOOR_STATUS, 77, 4), 0);
    EQ(w.nchannel, 1);
    EQ(w.ncore, 2); /* the acknowledgement was lost */
    EQ(core_says(false, GW_BFCP_FLOOR_REQUEST_STATUS, 78, 4), 0);
    EQ(sent(2)->primitive, GW_BFCP_FLOOR_REQUEST_STATUS_ACK);
    now += GW_BFCP_T2_US + 1;
    EQ(core_says(false, GW_BFCP_FLOOR_STATUS, 77, 4), 0); /* a new one after T2 */
    EQ(w.nchannel, 3);
    EQ(core_says(false, GW_BFCP_GOODBYE, 80, 0), 0);
    EQ(sent(w.ncore - 1)->primitive, GW_BFCP_GOODBYE_ACK);
    EQ(w.end, GW_E_CLOSED);
    gw_bfcp_udp_free(u);
}

TEST(bfcp_005_a_server_on_the_channel_answers_once_and_repeats_come_from_memory)
{
    start();
    EQ(core_says(false, GW_BFCP_HELLO, 5, 0), 0);
    EQ(core_says(false, GW_BFCP_HELLO, 5, 0), 0); /* not answered yet */
    EQ(w.nchannel, 1);
    EQ(w.to_channel.transaction, 5);
    EQ(w.ncore, 0);
    EQ(channel_says(GW_BFCP_HELLO_ACK, 5, 4), 0);
    EQ(sent(0)->primitive, GW_BFCP_HELLO_ACK);
    EQ(sent(0)->transaction, 5);
    CHECK(sent(0)->is_response);
    EQ(channel_says(GW_BFCP_HELLO_ACK, 5, 4), GW_E_STATE);
    EQ(core_says(false, GW_BFCP_HELLO, 5, 0), 0);
    EQ(w.nchannel, 1);
    EQ(w.ncore, 2);
    MEM_EQ(w.core[1], w.core[0], w.core_len[0]);
    EQ(channel_says(GW_BFCP_FLOOR_STATUS, 0, 4), 0); /* unasked: it gets an id, and is repeated until acknowledged */
    EQ(sent(2)->primitive, GW_BFCP_FLOOR_STATUS);
    CHECK(sent(2)->transaction != 0 && !sent(2)->is_response);
    now = gw_bfcp_udp_deadline_us(u);
    gw_bfcp_udp_expire(u, now);
    EQ(w.ncore, 4);
    EQ(core_says(true, GW_BFCP_FLOOR_STATUS_ACK, sent(2)->transaction, 0), 0);
    EQ(w.nchannel, 1); /* a channel knows no acknowledgements */
    EQ(gw_bfcp_udp_deadline_us(u), GW_NEVER);
    EQ(channel_says(GW_BFCP_FLOOR_STATUS_ACK, 0, 0), GW_E_STATE);
    gw_bfcp_udp_goodbye(u); /* a server says none */
    EQ(w.ncore, 4);
    gw_bfcp_udp_free(u);
}

TEST(bfcp_005_large_messages_go_in_fragments_both_ways)
{
    unsigned order[] = { 2, 0, 3, 1, 1 };
    uint8_t part[1300], whole[5012];
    size_t len = make(whole, 1, false, GW_BFCP_FLOOR_STATUS, 0, 3500);

    start();
    EQ(gw_bfcp_udp_from_channel(u, (struct gw_span){ whole, len }, now), 0);
    EQ(w.ncore, 3);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(sent(i)->is_fragment);
        EQ(sent(i)->payload_bytes, 3500); /* of the whole */
        EQ(sent(i)->fragment_offset, i * 1184);
        MEM_EQ(w.core[i] + 16, whole + 12 + sent(i)->fragment_offset, sent(i)->fragment_bytes);
    }
    len = make(whole, 2, false, GW_BFCP_FLOOR_STATUS, 90, 4400);
    for (unsigned i = 0; i < 5; i++) { /* reordered, one twice */
        struct gw_bfcp_header h = { .version = 2,
                                    .is_fragment = true,
                                    .primitive = GW_BFCP_FLOOR_STATUS,
                                    .conference = 4321,
                                    .transaction = 90,
                                    .user = 1234,
                                    .payload_bytes = 4400,
                                    .fragment_offset = order[i] * 1100,
                                    .fragment_bytes = 1100 };
        EQ(gw_bfcp_write_header(&h, part, 16), 16);
        memcpy(part + 16, whole + 12 + h.fragment_offset, 1100);
        EQ(gw_bfcp_udp_from_core(u, (struct gw_span){ part, 1116 }, now), 0);
    }
    EQ(w.nchannel, 1);
    EQ(w.channel_len, 4412);
    MEM_EQ(w.last + 12, whole + 12, 4400);
    gw_bfcp_udp_free(u);
}

TEST(bfcp_005_wrong_datagrams_are_dropped_and_requests_among_them_answered)
{
    struct gw_bfcp_header h = { .version = 2,
                                .is_fragment = true,
                                .primitive = GW_BFCP_FLOOR_REQUEST,
                                .conference = 1,
                                .transaction = 3,
                                .user = 2,
                                .payload_bytes = 800,
                                .fragment_bytes = 400 };
    uint8_t m[500] = { 0 };

    start();
    EQ(gw_bfcp_udp_from_core(u, gw_span_str("x"), now), GW_E_SYNTAX);
    EQ(gw_bfcp_udp_from_core(u, (struct gw_span){ m, make(m, 1, false, 1, 5, 4) }, now), GW_E_SYNTAX); /* version */
    EQ(core_says(false, GW_BFCP_FLOOR_REQUEST, 0, 0), GW_E_SYNTAX);
    EQ(w.ncore, 0);
    EQ(gw_bfcp_udp_from_core(u, (struct gw_span){ m, make(m, 2, false, 1, 5, 8) - 4 }, now), GW_E_SYNTAX);
    EQ(sent(0)->primitive, GW_BFCP_ERROR);
    EQ(w.core[0][14], GW_BFCP_ERR_LENGTH);
    (void)make(m, 2, false, 1, 6, 8);
    m[13] = 200; /* an attribute beyond the end */
    EQ(gw_bfcp_udp_from_core(u, (struct gw_span){ m, 20 }, now), GW_E_SYNTAX);
    EQ(w.core[1][14], GW_BFCP_ERR_UNPARSABLE);
    EQ(gw_bfcp_write_header(&h, m, 16), 16);
    EQ(gw_bfcp_udp_from_core(u, (struct gw_span){ m, 416 }, now), 0);
    h.fragment_offset = 200;
    EQ(gw_bfcp_write_header(&h, m, 16), 16);
    m[20] = 9;
    EQ(gw_bfcp_udp_from_core(u, (struct gw_span){ m, 416 }, now), GW_E_SYNTAX); /* one upon another */
    EQ(w.core[2][14], GW_BFCP_ERR_LENGTH);
    EQ(w.nchannel, 0);
    EQ(w.ncore, 3);
    for (unsigned i = 0; i < 2 * GW_BFCP_UDP_QUEUE - 1; i++)
        EQ(channel_says(GW_BFCP_FLOOR_QUERY, (uint16_t)(i + 1), 0), 0);
    CHECK(gw_bfcp_udp_is_full(u));
    EQ(channel_says(GW_BFCP_FLOOR_QUERY, 99, 0), GW_E_FULL);
    gw_bfcp_udp_free(u);
}
