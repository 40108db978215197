#include "datachannel/bfcp/bfcp_msg.h"

#include "test.h"

static const uint8_t floor_request[] = {
    0x20, 0x01,             /* version 1, FloorRequest */
    0x00, 0x01,             /* payload: one unit of 4 octets */
    0x00, 0x00, 0x10, 0xe1, /* conference 4321 */
    0x00, 0x07, 0x04, 0xd2, /* transaction 7, user 1234 */
    0x05, 0x04, 0x00, 0x01, /* FLOOR-ID, mandatory, 4 octets: floor 1 */
};

/* FloorRequestStatus: FLOOR-REQUEST-INFORMATION that holds OVERALL-REQUEST-STATUS that holds REQUEST-STATUS */
static const uint8_t status[] = {
    0x20, 0x04, 0x00, 0x03, 0,    0,    0,    1,
    0,    7,    0,    2,    0x1f, 0x0c, 0x00, 0x05, /* FLOOR-REQUEST-INFORMATION, 12 octets, request 5 */
    0x25, 0x08, 0x00, 0x05,                         /* OVERALL-REQUEST-STATUS, 8 octets */
    0x0b, 0x04, 0x03, 0x00,                         /* REQUEST-STATUS granted */
};

TEST(bfcp_001_header_and_attributes_are_checked)
{
    struct gw_bfcp_header h;
    uint8_t m[sizeof(status)];

    EQ(gw_bfcp_check(GW_SPAN(floor_request), &h), 0);
    EQ(h.conference, 4321);
    EQ(h.transaction, 7);
    EQ(h.user, 1234);
    EQ(gw_bfcp_check(GW_SPAN(status), &h), 0);
    for (size_t n = 0; n < sizeof(floor_request); n++)
        EQ(gw_bfcp_check((struct gw_span){ floor_request, n }, &h), GW_E_SHORT);
    memcpy(m, status, sizeof(m));
    m[21] = 0x09; /* the innermost attribute reaches past the group around it */
    EQ(gw_bfcp_check(GW_SPAN(m), &h), GW_E_SYNTAX);
    memcpy(m, floor_request, sizeof(floor_request));
    m[13] = 1; /* an attribute shorter than its own header */
    EQ(gw_bfcp_check((struct gw_span){ m, sizeof(floor_request) }, &h), GW_E_SYNTAX);
    m[0] = 0x60;
    EQ(gw_bfcp_check((struct gw_span){ m, sizeof(floor_request) }, &h), GW_E_TYPE);
}

TEST(bfcp_002_a_stream_is_framed_wherever_it_is_cut)
{
    uint8_t two[2 * sizeof(floor_request)];
    size_t len;

    memcpy(two, floor_request, sizeof(floor_request));
    memcpy(two + sizeof(floor_request), floor_request, sizeof(floor_request));
    for (size_t n = 0; n <= sizeof(two); n++) {
        EQ(gw_bfcp_frame((struct gw_span){ two, n }, &len), 0);
        EQ(len, n < 12 ? 0 : sizeof(floor_request));
    }
    EQ(gw_bfcp_frame(gw_span_str("GET / HTTP/1.1"), &len), GW_E_TYPE);
    EQ(gw_bfcp_frame(gw_span_str("\x40"), &len), GW_E_TYPE); /* version 2 is for UDP */
}

TEST(bfcp_004_fragments_carry_offset_and_length_on_udp_only)
{
    struct gw_bfcp_header h = { .version = 2,
                                .is_response = true,
                                .is_fragment = true,
                                .primitive = 8,
                                .payload_bytes = 40,
                                .conference = 1,
                                .transaction = 2,
                                .user = 3,
                                .fragment_offset = 20,
                                .fragment_bytes = 20 },
                          back;
    uint8_t buf[GW_BFCP_FRAGMENT_HEADER];

    EQ(gw_bfcp_write_header(&h, buf, sizeof(buf)), GW_BFCP_FRAGMENT_HEADER);
    EQ(gw_bfcp_parse_header(GW_SPAN(buf), &back), 0);
    MEM_EQ(&h, &back, sizeof(h));
    buf[15] = 6; /* 24 octets from 20 on: past the payload of 40 */
    EQ(gw_bfcp_parse_header(GW_SPAN(buf), &back), GW_E_RANGE);
    buf[0] = 0x20 | 0x18; /* version 1: R and F are ignored */
    EQ(gw_bfcp_parse_header(GW_SPAN(buf), &back), 0);
    CHECK(!back.is_response && !back.is_fragment);
}

TEST(bfcp_error_answers_with_the_same_ids)
{
    struct gw_bfcp_header h, e;
    uint8_t buf[16];

    EQ(gw_bfcp_check(GW_SPAN(floor_request), &h), 0);
    EQ(gw_bfcp_write_error(&h, GW_BFCP_ERR_LENGTH, buf, sizeof(buf)), 16);
    EQ(gw_bfcp_check(GW_SPAN(buf), &e), 0);
    EQ(e.primitive, GW_BFCP_ERROR);
    EQ(e.transaction, 7);
    EQ(buf[14], 13);
    EQ(gw_bfcp_write_error(&h, GW_BFCP_ERR_LENGTH, buf, 15), GW_E_LIMIT);
}
