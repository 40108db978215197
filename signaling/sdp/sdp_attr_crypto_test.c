#include "signaling/sdp/sdp_attr.h"

#include "test.h"

#define K30 "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz" /* RFC 4568 s. 9.3 */
#define K30B "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"

static int parse(const char *text, struct gw_sdp_crypto *c)
{
    return gw_sdp_parse_crypto(gw_span_str(text), c);
}

TEST(a_line_of_rfc_4568_with_lifetime_and_mki)
{
    struct gw_sdp_crypto c;
    struct gw_sdp_buf b = { 0 };

    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^20|1:4", &c), 0);
    EQ(c.tag, 1);
    EQ(c.suite, GW_SDP_AES_CM_128_HMAC_SHA1_80);
    EQ(c.nkeys, 1);
    EQ(c.keys[0].len, 30);
    EQ(c.keys[0].lifetime, 1 << 20);
    EQ(c.keys[0].mki, 1);
    EQ(c.keys[0].mki_len, 4);
    gw_sdp_write_crypto(&b, &c); /* E2A-018: the lifetime is left out */
    STR_EQ(b.text, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:4\r\n");
    gw_sdp_buf_fini(&b);
}

TEST(mki_without_lifetime_and_decimal_lifetime)
{
    struct gw_sdp_crypto c;

    EQ(parse("2 AES_CM_128_HMAC_SHA1_32 inline:" K30 "|7:1", &c), 0);
    EQ(c.keys[0].lifetime, 0);
    EQ(c.keys[0].mki, 7);
    EQ(parse("2 AES_CM_128_HMAC_SHA1_32 inline:" K30 "|1048576", &c), 0);
    EQ(c.keys[0].lifetime, 1048576);
    EQ(parse("2 AES_CM_128_HMAC_SHA1_32 inline:" K30 "|2^99", &c), 0);
    CHECK(c.keys[0].lifetime == UINT64_MAX);
    EQ(parse("2 AES_CM_128_HMAC_SHA1_32 inline:" K30 "|0", &c), GW_E_RANGE);
    EQ(parse("2 AES_CM_128_HMAC_SHA1_32 inline:" K30 "|256:1", &c), GW_E_RANGE);
    EQ(parse("2 AES_CM_128_HMAC_SHA1_32 inline:" K30 "|1:129", &c), GW_E_RANGE);
    EQ(parse("2 AES_CM_128_HMAC_SHA1_32 inline:" K30 "|1:0", &c), GW_E_RANGE);
    EQ(parse("2 AES_CM_128_HMAC_SHA1_32 inline:" K30 "|2^20|1:4|x", &c), GW_E_SYNTAX);
}

TEST(several_keys_need_an_mki_each)
{
    struct gw_sdp_crypto c;

    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^20|1:4;inline:" K30B "|2^20|2:4", &c), 0);
    EQ(c.nkeys, 2);
    EQ(c.keys[1].mki, 2);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" K30 ";inline:" K30B, &c), GW_E_SYNTAX);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:1;inline:" K30 "|2:1;inline:" K30 "|3:1;inline:" K30
             "|4:1;inline:" K30 "|5:1",
             &c),
       GW_E_LIMIT);
}

TEST(SDP_024_session_parameters)
{
    struct gw_sdp_crypto c;
    struct gw_sdp_buf b = { 0 };

    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" K30
             " KDR=0 UNENCRYPTED_SRTP UNENCRYPTED_SRTCP UNAUTHENTICATED_SRTP WSH=1024 -x=1",
             &c),
       0);
    CHECK(c.is_unencrypted_srtp && c.is_unencrypted_srtcp && c.is_unauthenticated_srtp);
    CHECK(c.has_kdr && c.kdr == 0 && !c.has_unknown && !c.has_fec);
    EQ(c.wsh, 1024);
    gw_sdp_write_crypto(&b, &c);
    STR_EQ(b.text, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" K30
                   " UNENCRYPTED_SRTP UNENCRYPTED_SRTCP UNAUTHENTICATED_SRTP WSH=1024\r\n");
    gw_sdp_buf_fini(&b);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " FEC_ORDER=FEC_SRTP FEC_KEY=inline:x", &c), 0);
    CHECK(c.has_fec);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " NEW=1", &c), 0);
    CHECK(c.has_unknown);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " KDR=25", &c), GW_E_RANGE);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " WSH=63", &c), GW_E_RANGE);
}

TEST(every_suite_has_its_key_length)
{
    static const struct {
        enum gw_sdp_suite suite;
        size_t len;
    } rows[] = {
        { GW_SDP_AES_CM_128_HMAC_SHA1_80, 30 }, { GW_SDP_AES_CM_128_HMAC_SHA1_32, 30 },
        { GW_SDP_F8_128_HMAC_SHA1_80, 30 },     { GW_SDP_AES_192_CM_HMAC_SHA1_80, 38 },
        { GW_SDP_AES_192_CM_HMAC_SHA1_32, 38 }, { GW_SDP_AES_256_CM_HMAC_SHA1_80, 46 },
        { GW_SDP_AES_256_CM_HMAC_SHA1_32, 46 }, { GW_SDP_AEAD_AES_128_GCM, 28 },
        { GW_SDP_AEAD_AES_256_GCM, 44 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gw_sdp_crypto c = { .tag = 3, .suite = rows[i].suite, .nkeys = 1 }, d;
        struct gw_sdp_buf b = { 0 };
        struct gw_span value;

        EQ(gw_sdp_suite_key_len(rows[i].suite), rows[i].len);
        c.keys[0].len = rows[i].len;
        memset(c.keys[0].key, (int)i + 1, rows[i].len);
        gw_sdp_write_crypto(&b, &c);
        value = (struct gw_span){ b.text + strlen("a=crypto:"), b.len - strlen("a=crypto:\r\n") };
        EQ(gw_sdp_parse_crypto(value, &d), 0);
        EQ(d.suite, rows[i].suite);
        EQ(d.keys[0].len, rows[i].len);
        MEM_EQ(c.keys[0].key, d.keys[0].key, rows[i].len);
        gw_sdp_buf_fini(&b);
    }
}

TEST(padding_may_be_left_out_and_wrong_lengths_are_refused)
{
    struct gw_sdp_crypto c;

    /* 28 octets: 40 characters with "==", 38 without */
    EQ(parse("1 AEAD_AES_128_GCM inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", &c), 0);
    EQ(parse("1 AEAD_AES_128_GCM inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &c), 0);
    EQ(parse("1 AEAD_AES_128_GCM inline:" K30, &c), GW_E_RANGE);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", &c), GW_E_RANGE);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:", &c), GW_E_RANGE);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 inline:W*NfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz", &c), GW_E_SYNTAX);
}

TEST(what_we_do_not_know_is_told_from_what_is_malformed)
{
    struct gw_sdp_crypto c;

    EQ(parse("1 SEED_CTR_128_HMAC_SHA1_80 inline:" K30, &c), GW_E_UNSUPPORTED);
    EQ(parse("1 NULL_HMAC_SHA1_80 inline:" K30, &c), GW_E_UNSUPPORTED);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80 uri:https://x", &c), GW_E_UNSUPPORTED);
    EQ(parse("1 aes_cm_128_hmac_sha1_80 inline:" K30, &c), 0);
    EQ(parse("0 AES_CM_128_HMAC_SHA1_80 inline:" K30, &c), GW_E_RANGE);
    EQ(parse("1000000000 AES_CM_128_HMAC_SHA1_80 inline:" K30, &c), GW_E_RANGE);
    EQ(parse("x AES_CM_128_HMAC_SHA1_80 inline:" K30, &c), GW_E_SYNTAX);
    EQ(parse("1 AES_CM_128_HMAC_SHA1_80", &c), GW_E_SYNTAX);
    EQ(parse("1", &c), GW_E_SYNTAX);
}
