#include "gateway/base/utf8.h"

#include "test.h"

TEST(utf8_takes_every_code_point_and_nothing_else)
{
    for (uint32_t c = 0; c <= 0x110000; c++) {
        uint8_t b[4];
        int n;
        bool good = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);

        if (c < 0x80) {
            b[0] = (uint8_t)c;
            n = 1;
        } else if (c < 0x800) {
            b[0] = (uint8_t)(0xc0 | c >> 6);
            b[1] = (uint8_t)(0x80 | (c & 0x3f));
            n = 2;
        } else if (c < 0x10000) {
            b[0] = (uint8_t)(0xe0 | c >> 12);
            b[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
            b[2] = (uint8_t)(0x80 | (c & 0x3f));
            n = 3;
        } else {
            b[0] = (uint8_t)(0xf0 | c >> 18);
            b[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
            b[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
            b[3] = (uint8_t)(0x80 | (c & 0x3f));
            n = 4;
        }
        if (gw_utf8_next((struct gw_span){ b, (size_t)n }) != (good ? n : -1) || (good && gw_utf8_decode(b, n) != c)) {
            gw_test_fail(__FILE__, __LINE__, "code point %x", c);
            break;
        }
        for (int cut = 1; good && cut < n; cut++)
            if (gw_utf8_next((struct gw_span){ b, (size_t)cut }) != 0)
                gw_test_fail(__FILE__, __LINE__, "code point %x cut at %d", c, cut);
    }
}

TEST(utf8_refuses_overlong_forms)
{
    static const char *const bad[] = { "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
                                       "\x80",     "\xff",     "a\xc3" };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!gw_utf8_is_valid(gw_span_str(bad[i])));
    CHECK(gw_utf8_is_valid(gw_span_str("gr\xc3\xbc\xc3\x9f")));
}
