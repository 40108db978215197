#include "gateway/dtls/fingerprint.h"

#include <test.h>

static const char abc256[] =
    "sha-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:"
    "00:15:AD";
static const char abc1[] = "sha-1 a9:99:3e:36:47:06:81:6a:ba:3e:25:71:78:50:c2:6c:9c:d0:d8:9d";
static const struct gw_span abc = { "abc", 3 };

TEST(rfc8122_text_is_parsed_in_any_case_and_written_in_upper)
{
    struct gw_iq_fingerprint f;
    char buf[GW_FINGERPRINT_TEXT];

    EQ(gw_fingerprint_parse(gw_span_str(abc256), &f), 0);
    EQ(f.hash, GW_IQ_SHA256);
    EQ(f.len, 32);
    STR_EQ(gw_fingerprint_write(&f, buf), abc256);
    EQ(gw_fingerprint_parse(gw_span_str(abc1), &f), 0);
    STR_EQ(gw_fingerprint_write(&f, buf), "sha-1 A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D");
    EQ(gw_fingerprint_parse(gw_span_str("SHA-1 a9:99:3e:36:47:06:81:6a:ba:3e:25:71:78:50:c2:6c:9c:d0:d8:9d"), &f), 0);
}

TEST(bad_text_is_refused)
{
    struct gw_iq_fingerprint f;

    EQ(gw_fingerprint_parse(gw_span_str("md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"), &f), GW_E_UNSUPPORTED);
    EQ(gw_fingerprint_parse(gw_span_str("sha-256 BA:78"), &f), GW_E_RANGE);
    EQ(gw_fingerprint_parse(gw_span_str("sha-256"), &f), GW_E_SYNTAX);
    EQ(gw_fingerprint_parse(gw_span_str("sha-1 a9993e364706816aba3e25717850c26c9cd0d89d"), &f), GW_E_SYNTAX);
    EQ(gw_fingerprint_parse(gw_span_str("sha-1 g9:99:3e:36:47:06:81:6a:ba:3e:25:71:78:50:c2:6c:9c:d0:d8:9d"), &f),
       GW_E_SYNTAX);
    EQ(gw_fingerprint_parse((struct gw_span){ NULL, 0 }, &f), GW_E_SYNTAX);
    for (size_t n = 0; n < strlen(abc256); n++)
        CHECK(gw_fingerprint_parse((struct gw_span){ abc256, n }, &f) < 0);
}

TEST(the_strongest_hash_of_several_decides)
{
    struct gw_iq_fingerprint list[3], other;

    EQ(gw_fingerprint_parse(gw_span_str(abc1), &list[0]), 0);
    EQ(gw_fingerprint_of((struct gw_span){ "abd", 3 }, GW_IQ_SHA256, &list[1]), 0);
    CHECK(gw_fingerprint_match(abc, list, 1));
    CHECK(!gw_fingerprint_match(abc, list, 2)); /* sha-1 fits, but sha-256 is there and does not */
    EQ(gw_fingerprint_parse(gw_span_str(abc256), &list[2]), 0);
    CHECK(gw_fingerprint_match(abc, list, 3)); /* one of two values under the same hash */
    CHECK(!gw_fingerprint_match(abc, list, 0));
    EQ(gw_fingerprint_of(abc, (enum gw_iq_hash)9, &other), GW_E_TYPE);
    list[2].len = 0;
    CHECK(!gw_fingerprint_match(abc, list + 2, 1));
}
