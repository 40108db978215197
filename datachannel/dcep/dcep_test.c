#include "datachannel/dcep/dcep.h"

#include "test.h"

static const uint8_t open_msrp[] = {
    0x03,                   /* DATA_CHANNEL_OPEN */
    0x00,                   /* reliable, ordered */
    0x01, 0x00,             /* priority 256 */
    0x00, 0x00, 0x00, 0x00, /* reliability: unused */
    0x00, 0x02, 0x00, 0x04, /* label 2 octets, protocol 4 */
    'h',  'i',  'm',  's',  'r', 'p',
};

TEST(dcep_001_open_is_read_and_written_octet_for_octet)
{
    struct gw_dcep_open open;
    uint8_t buf[64];

    EQ(gw_dcep_parse_open(GW_SPAN(open_msrp), &open), 0);
    SPAN_EQ(open.label, "hi");
    SPAN_EQ(open.protocol, "msrp");
    EQ(open.priority, 256);
    CHECK(open.is_ordered && open.kind == GW_DCEP_RELIABLE);
    EQ(gw_dcep_write_open(&open, buf, sizeof(buf)), sizeof(open_msrp));
    MEM_EQ(buf, open_msrp, sizeof(open_msrp));
    CHECK(gw_dcep_is_ack((struct gw_span){ "\x02", 1 }));
    CHECK(!gw_dcep_is_ack((struct gw_span){ "\x02\x00", 2 }));
}

TEST(dcep_003_every_wrong_length_and_type_is_refused)
{
    uint8_t m[sizeof(open_msrp) + 1];
    struct gw_dcep_open open;

    for (size_t n = 0; n < sizeof(open_msrp); n++)
        EQ(gw_dcep_parse_open((struct gw_span){ open_msrp, n }, &open), GW_E_SHORT);
    memcpy(m, open_msrp, sizeof(open_msrp));
    m[sizeof(open_msrp)] = 0;
    EQ(gw_dcep_parse_open(GW_SPAN(m), &open), GW_E_TRAILING);
    m[1] = 0x03; /* no such channel type */
    EQ(gw_dcep_parse_open((struct gw_span){ m, sizeof(open_msrp) }, &open), GW_E_TYPE);
    m[1] = 0x7f; /* reserved */
    EQ(gw_dcep_parse_open((struct gw_span){ m, sizeof(open_msrp) }, &open), GW_E_TYPE);
    m[1] = 0;
    m[12] = 0xff; /* not UTF-8 */
    EQ(gw_dcep_parse_open((struct gw_span){ m, sizeof(open_msrp) }, &open), GW_E_SYNTAX);
}

TEST(dcep_channel_types_say_order_and_reliability)
{
    static const struct {
        uint8_t type;
        bool is_ordered;
        enum gw_dcep_reliability kind;
    } rows[] = {
        { 0x00, true, GW_DCEP_RELIABLE },  { 0x80, false, GW_DCEP_RELIABLE }, { 0x01, true, GW_DCEP_MAX_RETR },
        { 0x81, false, GW_DCEP_MAX_RETR }, { 0x02, true, GW_DCEP_MAX_TIME },  { 0x82, false, GW_DCEP_MAX_TIME },
    };
    uint8_t m[sizeof(open_msrp)];
    struct gw_dcep_open open;

    memcpy(m, open_msrp, sizeof(m));
    m[7] = 9;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        m[1] = rows[i].type;
        EQ(gw_dcep_parse_open(GW_SPAN(m), &open), 0);
        EQ(open.is_ordered, rows[i].is_ordered);
        EQ(open.kind, rows[i].kind);
        EQ(open.limit, rows[i].kind == GW_DCEP_RELIABLE ? 0 : 9);
    }
}

TEST(dcep_002_the_dtls_client_opens_even_streams)
{
    CHECK(gw_dcep_may_open(true, 0) && gw_dcep_may_open(true, 1022) && !gw_dcep_may_open(true, 1));
    CHECK(gw_dcep_may_open(false, 1) && !gw_dcep_may_open(false, 2) && !gw_dcep_may_open(false, 65535));
}

TEST(dcep_005_names_are_read_up_to_our_bound_and_longer_ones_refused_without_harm)
{
    static uint8_t m[12 + 2 * 65535];
    struct gw_dcep_open open;

    memcpy(m, open_msrp, 8);
    memset(m + 12, 'a', sizeof(m) - 12);
    memcpy(m + 8, (uint8_t[]){ GW_DCEP_LABEL_MAX >> 8, GW_DCEP_LABEL_MAX & 0xff, 0, 4 }, 4);
    EQ(gw_dcep_parse_open((struct gw_span){ m, 12 + GW_DCEP_LABEL_MAX + 4 }, &open), 0);
    EQ(open.label.len, GW_DCEP_LABEL_MAX);
    SPAN_EQ(open.protocol, "aaaa");
    memset(m + 8, 0xff, 4); /* as long as they can be: the channel is reset (README) */
    EQ(gw_dcep_parse_open(GW_SPAN(m), &open), GW_E_LIMIT);
}
