#include "t38/ifp/ifp.h"

#include "test.h"

static const uint8_t v21_three_octets[] = { 0xC0, 0x01, 0x80, 0x00, 0x02, 0xFF, 0xC8, 0x01 };

TEST(t38_005_indicators_are_one_octet_and_extended_ones_two)
{
    static const uint8_t ced[] = { 0x04 }, v34_primary[] = { 0x20, 0xC0 }, unknown[] = { 0x21, 0xC0 };
    struct gw_ifp ifp;
    uint8_t buf[8];

    EQ(gw_ifp_parse(GW_SPAN(ced), GW_IFP_1998, &ifp), 0);
    CHECK(!ifp.is_data);
    EQ(ifp.value, 2);
    EQ(gw_ifp_parse(GW_SPAN(v34_primary), GW_IFP_2002, &ifp), 0);
    EQ(ifp.value, 19);
    EQ(gw_ifp_write(&ifp, GW_IFP_2002, buf, sizeof(buf)), 2);
    MEM_EQ(buf, v34_primary, 2);
    EQ(gw_ifp_write(&ifp, GW_IFP_1998, buf, sizeof(buf)), GW_E_UNSUPPORTED);
    EQ(gw_ifp_parse(GW_SPAN(unknown), GW_IFP_2002, &ifp), GW_E_TYPE); /* 16 + 7 */
}

TEST(t38_005_hdlc_data_reads_alike_in_both_forms)
{
    struct gw_ifp ifp;
    uint8_t buf[16];

    for (int form = GW_IFP_1998; form <= GW_IFP_2002; form++) {
        EQ(gw_ifp_parse(GW_SPAN(v21_three_octets), (enum gw_ifp_form)form, &ifp), 0);
        CHECK(ifp.is_data);
        EQ(ifp.nfields, 1);
        EQ(ifp.fields[0].type, GW_IFP_HDLC_DATA);
        EQ(ifp.fields[0].data.len, 3);
        EQ(gw_ifp_write(&ifp, (enum gw_ifp_form)form, buf, sizeof(buf)), sizeof(v21_three_octets));
        MEM_EQ(buf, v21_three_octets, sizeof(v21_three_octets));
        for (size_t n = 0; n < sizeof(v21_three_octets); n++)
            EQ(gw_ifp_parse((struct gw_span){ v21_three_octets, n }, (enum gw_ifp_form)form, &ifp), GW_E_SHORT);
    }
}

TEST(t38_005_frame_check_fields_are_converted_between_the_forms)
{
    static const uint8_t old[] = { 0xC0, 0x01, 0x20 }, new[] = { 0xC0, 0x01, 0x10 };
    struct gw_ifp ifp;
    uint8_t buf[8];

    EQ(gw_ifp_parse(GW_SPAN(old), GW_IFP_1998, &ifp), 0);
    EQ(ifp.fields[0].type, GW_IFP_HDLC_FCS_OK);
    EQ(gw_ifp_write(&ifp, GW_IFP_2002, buf, sizeof(buf)), 3);
    MEM_EQ(buf, new, 3);
    EQ(gw_ifp_parse(GW_SPAN(old), GW_IFP_2002, &ifp), 0); /* the silent corruption of a wrong version */
    EQ(ifp.fields[0].type, GW_IFP_HDLC_FCS_OK_SIG_END);
}

TEST(t38_006_a_spoilt_frame_says_bad_in_every_field)
{
    static const uint8_t ok[] = { 0xC0, 0x01, 0x10 };
    struct gw_ifp ifp;

    EQ(gw_ifp_parse(GW_SPAN(ok), GW_IFP_2002, &ifp), 0);
    gw_ifp_spoil_fcs(&ifp);
    EQ(ifp.fields[0].type, GW_IFP_HDLC_FCS_BAD);
}

TEST(ifp_zeros_that_fec_left_behind_are_no_fault)
{
    static const uint8_t padded[] = { 0x04, 0x00, 0x00 }, junk[] = { 0x04, 0x00, 0x01 },
                         with_fields[] = { 0x84, 0x01, 0x00 };
    struct gw_ifp ifp;

    EQ(gw_ifp_parse(GW_SPAN(padded), GW_IFP_1998, &ifp), 0);
    EQ(gw_ifp_parse(GW_SPAN(junk), GW_IFP_1998, &ifp), GW_E_TRAILING);
    EQ(gw_ifp_parse(GW_SPAN(with_fields), GW_IFP_1998, &ifp), GW_E_TYPE); /* an indicator has none */
}
