#include "signaling/sdp/sdp_attr.h"

#include "test.h"

/* Attributes of an m-line of `lines`. */
static struct gw_sdp_t38 read_t38(const char *lines)
{
    struct gw_sdp_t38 t = { 0 };
    struct gw_sdp_error why;
    struct gw_sdp *sdp;
    char text[2048];

    snprintf(text, sizeof(text), "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nt=0 0\r\nm=image 4000 udptl t38\r\n%s",
             lines);
    EQ(gw_sdp_parse(gw_span_str(text), &sdp, &why), 0);
    gw_sdp_parse_t38(&sdp->media[0].section, &t);
    gw_sdp_free(sdp);
    return t;
}

static void is_written(const struct gw_sdp_t38 *t, const char *want)
{
    struct gw_sdp_buf b = { 0 };

    gw_sdp_write_t38(&b, "a=", t);
    STR_EQ(b.text ? b.text : "", want);
    gw_sdp_buf_fini(&b);
}

TEST(t38_002_attributes_are_read_and_written)
{
    static const char all[] = "a=T38FaxVersion:2\r\na=T38MaxBitRate:9600\r\na=T38FaxFillBitRemoval\r\n"
                              "a=T38FaxTranscodingMMR\r\na=T38FaxTranscodingJBIG\r\n"
                              "a=T38FaxRateManagement:localTCF\r\na=T38FaxMaxBuffer:1000\r\na=T38FaxMaxDatagram:300\r\n"
                              "a=T38FaxMaxIFP:40\r\na=T38FaxUdpEC:t38UDPFEC\r\n";
    struct gw_sdp_t38 t = read_t38(all);

    CHECK(t.has_version && t.has_fill_bit_removal && t.has_mmr && t.has_jbig);
    EQ(t.version, 2);
    EQ(t.bit_rate, 9600);
    EQ(t.rate, GW_SDP_T38_LOCAL_TCF);
    EQ(t.max_buffer, 1000);
    EQ(t.max_datagram, 300);
    EQ(t.max_ifp, 40);
    EQ(t.ec, GW_SDP_T38_FEC);
    is_written(&t, all);
}

/* specs/data-media.md 6.1: spellings and values of deployed equipment */
TEST(t38_002_habits_of_the_field_are_understood)
{
    struct gw_sdp_t38 t = read_t38("a=t38faxversion: 0 \r\na=T38MaxBitrate:14400\r\na=T38FaxFillBitRemoval:0\r\n"
                                   "a=T38FaxTranscodingMMR:0\r\na=T38FaxTranscodingJBIG:1\r\n"
                                   "a=T38FaxRateManagement:transferedTCF\r\na=T38FaxUdpEc:T38UDPREDUNDANCY\r\n"
                                   "a=T38VendorInfo:0 0 0\r\n");

    CHECK(t.has_version && !t.has_fill_bit_removal && !t.has_mmr && t.has_jbig);
    EQ(t.version, 0);
    EQ(t.rate, GW_SDP_T38_TRANSFERRED_TCF);
    is_written(&t, "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxTranscodingJBIG\r\n"
                   "a=T38FaxRateManagement:transferredTCF\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n");
    t = read_t38("a=T38FaxVersion:x\r\na=T38FaxMaxBuffer:-1\r\na=T38FaxMaxIFP\r\na=T38FaxUdpEC:none\r\n"
                 "a=T38FaxMaxDatagram:99999999999\r\na=T38:\r\na=T38FaxRateManagement:\r\n");
    is_written(&t, ""); /* values that are none */
}

TEST(T38_002_depth_and_span_of_error_correction_are_read_and_stay_on_their_leg)
{
    struct gw_sdp_t38 t = read_t38("a=T38FaxUdpECDepth:1 2\r\na=T38FaxUdpFECMaxSpan: 3 \r\n"), out;

    CHECK(t.has_depth);
    EQ(t.min_depth, 1);
    EQ(t.max_depth, 2);
    EQ(t.max_span, 3);
    is_written(&t, "");
    gw_sdp_t38_offer(&t, &out);
    is_written(&out, "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n");
    t = read_t38("a=t38faxudpecdepth: 2 \r\n");
    EQ(t.min_depth, 2);
    EQ(t.max_depth, UINT8_MAX);
    CHECK(!read_t38("a=T38FaxUdpECDepth:3 1\r\n").has_depth);
    CHECK(!read_t38("a=T38FaxUdpECDepth:\r\na=T38FaxUdpECDepth:x\r\na=T38FaxUdpECDepth:1 300\r\n").has_depth);
    EQ(read_t38("a=T38FaxUdpFECMaxSpan:999\r\n").max_span, 0);
}

TEST(t38_003_an_absent_version_is_0_and_the_lower_one_counts)
{
    struct gw_sdp_t38 t = read_t38(""), high = read_t38("a=T38FaxVersion:3\r\na=T38MaxBitRate:33600\r\n"), out;

    EQ(t.version, 0);
    gw_sdp_t38_offer(&t, &out);
    is_written(&out, "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n");
    gw_sdp_t38_offer(&high, &out); /* V.34 is not carried */
    is_written(&out, "a=T38FaxVersion:2\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n");
    EQ(gw_sdp_t38_answer(&high, &t, &out), 0);
    is_written(&out, "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n");
    EQ(gw_sdp_t38_answer(&t, &high, &out), 0); /* an answer above the offer does not lift it */
    is_written(&out, "a=T38FaxRateManagement:transferredTCF\r\n");
    high.version = 1; /* its form is disputed */
    gw_sdp_t38_offer(&high, &out);
    EQ(out.version, 0);
}

TEST(t38_004_no_answer_has_what_was_not_offered)
{
    struct gw_sdp_t38 little = read_t38("a=T38FaxVersion:0\r\na=T38FaxRateManagement:transferredTCF\r\n"), out,
                      much = read_t38("a=T38FaxVersion:2\r\na=T38MaxBitRate:7200\r\na=T38FaxFillBitRemoval\r\n"
                                      "a=T38FaxTranscodingMMR\r\na=T38FaxTranscodingJBIG\r\na=T38FaxMaxBuffer:200\r\n"
                                      "a=T38FaxMaxDatagram:320\r\na=T38FaxMaxIFP:40\r\na=T38FaxUdpEC:t38UDPFEC\r\n");

    EQ(gw_sdp_t38_answer(&little, &much, &out), 0); /* what lowers a default is said all the same */
    is_written(&out, "a=T38FaxVersion:0\r\na=T38MaxBitRate:7200\r\na=T38FaxRateManagement:transferredTCF\r\n"
                     "a=T38FaxMaxBuffer:200\r\na=T38FaxMaxIFP:40\r\n");
    EQ(gw_sdp_t38_answer(&much, &little, &out), 0);
    is_written(&out, "a=T38FaxVersion:0\r\na=T38MaxBitRate:7200\r\na=T38FaxRateManagement:transferredTCF\r\n"
                     "a=T38FaxMaxBuffer:200\r\na=T38FaxMaxIFP:40\r\na=T38FaxUdpEC:t38UDPFEC\r\n");
    little.rate = GW_SDP_T38_LOCAL_TCF; /* the same on both legs, or no fax */
    EQ(gw_sdp_t38_answer(&much, &little, &out), GW_E_UNSUPPORTED);
}
