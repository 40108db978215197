#include "gateway/media/table.h"

#include <test.h>

TEST(what_was_put_is_found_until_removed_through_growth_and_collisions)
{
    struct gw_addr_table t;
    static int values[5000];
    struct gw_addr a = { .family = 4, .ip = { 192, 0, 2, 1 } };

    EQ(gw_addr_table_init(&t, 8), 0);
    for (int i = 0; i < 5000; i++) {
        a.port = (uint16_t)i;
        EQ(gw_addr_table_put(&t, &a, &values[i]), 0);
    }
    EQ(t.count, 5000);
    for (int i = 0; i < 5000; i += 2) {
        a.port = (uint16_t)i;
        gw_addr_table_remove(&t, &a, &values[i]);
    }
    EQ(t.count, 2500);
    for (int i = 0; i < 5000; i++) {
        a.port = (uint16_t)i;
        CHECK(gw_addr_table_get(&t, &a) == (i % 2 ? &values[i] : NULL));
    }
    gw_addr_table_fini(&t);
}

TEST(an_address_that_moved_is_not_removed_by_its_former_owner)
{
    struct gw_addr_table t;
    int first, second;
    struct gw_addr a = { .family = 6, .port = 9, .ip = { 0x20, 1 } };

    EQ(gw_addr_table_init(&t, 8), 0);
    EQ(gw_addr_table_put(&t, &a, &first), 0);
    EQ(gw_addr_table_put(&t, &a, &second), 0);
    EQ(t.count, 1);
    gw_addr_table_remove(&t, &a, &first);
    CHECK(gw_addr_table_get(&t, &a) == &second);
    gw_addr_table_remove(&t, &a, &second);
    CHECK(gw_addr_table_get(&t, &a) == NULL);
    gw_addr_table_fini(&t);
}
