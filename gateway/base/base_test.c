#include "test.h"

#include "gateway/base/addr.h"
#include "gateway/base/crypto.h"
#include "gateway/base/mbox.h"
#include "gateway/base/wire.h"

TEST(reader_error_is_sticky_and_reads_give_zero)
{
    static const uint8_t in[] = { 0x12, 0x34, 0x56 };
    struct gw_reader r = gw_reader(GW_SPAN(in));

    EQ(gw_read_u16(&r), 0x1234);
    EQ(gw_read_u16(&r), 0);
    EQ(gw_read_u8(&r), 0);
    EQ(gw_reader_finish(&r), GW_E_SHORT);
}

TEST(addresses_are_read_as_they_are_written)
{
    static const char *const good[] = { "192.0.2.1:5060", "[2001:db8::1]:65535", "[::]:0" };
    static const char *const bad[] = {
        "192.0.2.1", "::1:5060", "host:1", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", ""
    };
    struct gw_addr a;
    char text[GW_ADDR_TEXT];

    for (unsigned i = 0; i < 3; i++) {
        EQ(gw_addr_parse(good[i], &a), 0);
        STR_EQ(gw_addr_text(&a, text), good[i]);
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        EQ(gw_addr_parse(bad[i], &a), GW_E_SYNTAX);
}

TEST(networks_hold_their_addresses)
{
    struct gw_net n;
    struct gw_addr a;

    EQ(gw_net_parse("10.1.0.0/20", &n), 0);
    gw_addr_parse_ip("10.1.15.255", 0, &a);
    CHECK(gw_net_has(&n, &a));
    gw_addr_parse_ip("10.1.16.0", 0, &a);
    CHECK(!gw_net_has(&n, &a));
    EQ(gw_net_parse("10.1.0.0/33", &n), GW_E_SYNTAX);
}

TEST(base64_reads_what_it_writes_and_nothing_loose)
{
    uint8_t buf[8];
    size_t len = sizeof(buf);
    char text[16];

    EQ(gw_base64_write(gw_span_str("fooba"), text, sizeof(text)), 0);
    STR_EQ(text, "Zm9vYmE=");
    EQ(gw_base64_parse(gw_span_str(text), buf, &len), 0);
    EQ(len, 5);
    len = sizeof(buf);
    EQ(gw_base64_parse(gw_span_str("Zm9vYmF="), buf, &len), GW_E_SYNTAX); /* unused bits set */
    EQ(gw_base64_parse(gw_span_str("Zm9"), buf, &len), GW_E_SYNTAX);
    EQ(gw_base64_parse(gw_span_str("Zm9v\nYmE"), buf, &len), GW_E_SYNTAX);
}

TEST(a_full_mailbox_leaves_the_item_with_the_sender)
{
    struct gw_mbox *m;
    int x, y;
    void *px = &x, *py = &y;

    EQ(gw_mbox_new(1, &m), 0);
    EQ(gw_mbox_push(m, &px), 0);
    CHECK(px == NULL);
    EQ(gw_mbox_push(m, &py), GW_E_FULL);
    CHECK(py == &y);
    CHECK(gw_mbox_take(m) == &x);
    CHECK(gw_mbox_take(m) == NULL);
    gw_mbox_free(m, NULL);
}
