#include "test.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/lines.h"
#include "gateway/base/log.h"
#include "gateway/base/record.h"

/* What one call of gw_log writes. */
static char *logged(bool json, const char *call, const char *arg)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    gw_log_set_file(f);
    gw_log_set_json(json);
    gw_log(GW_LOG_WARNING, "room", call, "peer says %s", arg);
    gw_log_set_file(NULL);
    gw_log_set_json(false);
    fclose(f);
    return text;
}

TEST(a_line_has_time_level_call_room_and_message)
{
    char *line = logged(false, "7f3a", "hello");

    EQ(strlen(line), strlen("2026-11-20T21:43:00.123Z warning call=7f3a room: peer says hello\n"));
    STR_EQ(line + 24, " warning call=7f3a room: peer says hello\n");
    free(line);
    line = logged(false, NULL, "hello");
    STR_EQ(line + 24, " warning room: peer says hello\n");
    free(line);
}

TEST(a_peer_cannot_forge_a_line)
{
    char *line = logged(false, "7f\n3a", "a\r\nb\x7f");

    STR_EQ(line + 24, " warning call=7f\\x0a3a room: peer says a\\x0d\\x0ab\\x7f\n");
    free(line);
}

TEST(a_json_line_is_json_whatever_a_peer_sent)
{
    static const char *const in[] = { "\"quoted\\", "\xff\xfe", "gr\xc3\xbc\xc3\x9f", "\xc3", "\xed\xa0\x80", "\n" };
    static const char *const out[] = { "\"quoted\\",
                                       "\xef\xbf\xbd\xef\xbf\xbd",
                                       "gr\xc3\xbc\xc3\x9f",
                                       "\xef\xbf\xbd",
                                       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
                                       "\n" };

    for (unsigned i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
        char *line = logged(true, "7f3a", in[i]);
        json_t *j = json_loads(line, 0, NULL);
        CHECK(j != NULL);
        STR_EQ(json_string_value(json_object_get(j, "call")), "7f3a");
        STR_EQ(json_string_value(json_object_get(j, "level")), "warning");
        STR_EQ(json_string_value(json_object_get(j, "msg")) + strlen("peer says "), out[i]);
        json_decref(j);
        free(line);
    }
}

TEST(levels_below_the_set_one_are_not_written)
{
    char *text;

    gw_log_set_level(GW_LOG_ERROR);
    text = logged(false, NULL, "x");
    STR_EQ(text, "");
    gw_log_set_level(GW_LOG_INFO);
    free(text);
}

/* ---- a target that takes nothing ---- */

TEST(a_target_that_takes_nothing_costs_lines_and_no_time)
{
    static char line[1000];
    enum { QUEUED = 8, PUT = 5000 };
    struct gw_lines *l;
    int64_t before = gw_stats_read(GW_STAT_LOG_DROPPED);
    size_t got = 0;
    ssize_t n;
    int fd[2];

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    EQ(pipe2(fd, O_NONBLOCK), 0);
    while (write(fd[1], line, 512) > 0) /* fill it */
        ;
    fcntl(fd[1], F_SETFL, 0);
    EQ(gw_lines_new(fd[1], true, QUEUED, GW_STAT_LOG_DROPPED, &l), 0);
    for (unsigned i = 0; i < PUT; i++) /* nobody reads: a write of the caller's own would block here for ever */
        gw_lines_put(l, line, sizeof(line));
    EQ(gw_lines_free(l, 1), GW_E_TIMEOUT); /* the thread hangs in write() still */
    static char sink[1 << 16];
    while ((n = read(fd[0], sink, sizeof(sink))) > 0)
        got += (size_t)n;
    CHECK(got > 0);
    CHECK(gw_stats_read(GW_STAT_LOG_DROPPED) - before >= PUT - QUEUED - 1);
}

TEST(every_line_reaches_a_target_that_takes_them)
{
    char path[] = "/tmp/lines_test.XXXXXX";
    struct gw_lines *l;
    int fd = mkstemp(path);
    char text[64];
    unsigned n = 0;
    FILE *f;

    EQ(gw_lines_new(fd, true, 1000, GW_STAT_LOG_DROPPED, &l), 0);
    for (unsigned i = 0; i < 500; i++) {
        snprintf(text, sizeof(text), "line %u\n", i);
        gw_lines_put(l, text, strlen(text));
    }
    EQ(gw_lines_free(l, 10000), 0);
    f = fopen(path, "r");
    for (char want[64]; fgets(text, sizeof(text), f); n++) {
        snprintf(want, sizeof(want), "line %u\n", n);
        STR_EQ(text, want);
    }
    EQ(n, 500);
    fclose(f);
    unlink(path);
}

TEST(a_failing_target_is_counted)
{
    int64_t before = gw_stats_read(GW_STAT_LOG_DROPPED);
    struct gw_lines *l;
    int fd = open("/dev/full", O_WRONLY);

    CHECK(fd >= 0);
    EQ(gw_lines_new(fd, true, 10, GW_STAT_LOG_DROPPED, &l), 0);
    gw_lines_put(l, "x\n", 2);
    gw_lines_put(l, "y\n", 2);
    EQ(gw_lines_free(l, 10000), 0);
    EQ(gw_stats_read(GW_STAT_LOG_DROPPED) - before, 2);
}

TEST(call_records_are_appended_and_the_file_can_be_rotated)
{
    char path[] = "/tmp/record_test.XXXXXX", moved[64], text[64] = "";
    FILE *f;

    close(mkstemp(path));
    gw_call_record_write("{\"lost\":1}"); /* none open: none written */
    EQ(gw_call_record_open(path), 0);
    gw_call_record_write("{\"n\":1}");
    snprintf(moved, sizeof(moved), "%s.1", path);
    EQ(rename(path, moved), 0);
    EQ(gw_call_record_open(path), 0);
    gw_call_record_write("{\"n\":2}");
    EQ(gw_call_record_open("/nonexistent/records"), GW_E_IO);
    gw_call_record_write("{\"n\":3}"); /* still to the file that was open */
    gw_call_record_close();
    f = fopen(moved, "r");
    CHECK(f && fread(text, 1, sizeof(text) - 1, f) == 8);
    STR_EQ(text, "{\"n\":1}\n");
    fclose(f);
    f = fopen(path, "r");
    CHECK(f && fread(text, 1, sizeof(text) - 1, f) == 16);
    STR_EQ(text, "{\"n\":2}\n{\"n\":3}\n");
    fclose(f);
    unlink(path);
    unlink(moved);
}
