#include "test.h"

#include <pthread.h>
#include <stdlib.h>

#include "gateway/base/stats.h"

static void *count_thousand(void *arg)
{
    for (int i = 0; i < 1000; i++)
        gw_stats_inc(GW_STAT_CALL_RECORD);
    return arg;
}

TEST(counts_of_all_threads_add_up_also_of_ended_ones)
{
    int64_t before = gw_stats_read(GW_STAT_CALL_RECORD);
    pthread_t th[4];

    for (int i = 0; i < 4; i++)
        EQ(pthread_create(&th[i], NULL, count_thousand, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(th[i], NULL);
    gw_stats_add(GW_STAT_CALL_RECORD, -1); /* gauges go down */
    EQ(gw_stats_read(GW_STAT_CALL_RECORD) - before, 3999);
}

/* Exposition format 0.0.4: all lines of one metric form one group, with one HELP and one TYPE. */
TEST(each_metric_is_described_once_and_its_rows_stand_together)
{
    static const char *const names[] = {
#define COUNTER 0
#define GAUGE 0
#define X(name, metric, labels, kind, text) metric,
#include "gateway/base/stats.def"
#undef X
    };
    char *text = gw_stats_write_prometheus(), needle[160];

    for (unsigned i = 0; i < GW_STAT_COUNT; i++) {
        char *first, *second;
        snprintf(needle, sizeof(needle), "# HELP %s ", names[i]);
        first = strstr(text, needle);
        CHECK(first != NULL);
        second = first ? strstr(first + 1, needle) : NULL;
        if (second)
            gw_test_fail(__FILE__, __LINE__, "rows of %s do not stand together", names[i]);
        CHECK(strncmp(names[i], "imsgw_", 6) == 0);
    }
    free(text);
}
