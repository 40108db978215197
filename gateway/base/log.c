#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/lines.h"
#include "gateway/base/utf8.h"

enum { LINE_MAX_LEN = 2048, QUEUE = 4096, STOP_WAIT_MS = 1000 };

static _Atomic int level_now = GW_LOG_INFO;
static _Atomic bool is_json;
static FILE *_Atomic file;
static struct gw_lines *lines; /* set before other threads log, cleared after they have ended */
static const char *const names[] = { "error", "warning", "info", "debug" };

bool gw_log_is_on(enum gw_log_level level)
{
    return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

void gw_log_set_level(enum gw_log_level level)
{
    level_now = (int)level;
}

void gw_log_set_json(bool json)
{
    is_json = json;
}

void gw_log_set_file(FILE *f)
{
    file = f;
}

int gw_log_level_parse(const char *text, enum gw_log_level *out)
{
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(text, names[i]) == 0) {
            *out = (enum gw_log_level)i;
            return 0;
        }
    return GW_E_SYNTAX;
}

/* The octets of the UTF-8 character at s, 0 if it is none: JSON text is UTF-8, and peers send what they like. */
static unsigned utf8_len(const char *s)
{
    int n = gw_utf8_next((struct gw_span){ s, strnlen(s, 4) });

    return n > 0 ? (unsigned)n : 0;
}

/* Peers choose part of what is logged: a newline in it must not begin a forged line. */
static void escape(const char *in, char *out, size_t size, bool json)
{
    size_t n = 0;
    unsigned len;

    for (; *in && n + 7 < size; in += len) {
        unsigned char c = (unsigned char)*in;
        len = utf8_len(in);
        if (len == 0 || c < 0x20 || c == 0x7f) {
            n += (size_t)snprintf(out + n, size - n, json ? "\\u%04x" : "\\x%02x", json && len == 0 ? 0xfffd : c);
            len = 1;
        } else if (json && (c == '"' || c == '\\')) {
            n += (size_t)snprintf(out + n, size - n, "\\%c", c);
        } else {
            memcpy(out + n, in, len);
            n += len;
        }
    }
    out[n] = 0;
}

static void write_line(const char *line, size_t len)
{
    FILE *f = file ? file : stderr;

    if (lines)
        gw_lines_put(lines, line, len);
    else if (fwrite(line, 1, len, f) != len || fflush(f) != 0)
        gw_stats_inc(GW_STAT_LOG_DROPPED);
}

static void (*_Atomic observer)(enum gw_log_level level, const char *room, const char *call, const char *text);

void gw_log_set_observer(void (*cb)(enum gw_log_level level, const char *room, const char *call, const char *text))
{
    observer = cb;
}

void gw_log(enum gw_log_level level, const char *room, const char *call, const char *fmt, ...)
{
    void (*watch)(enum gw_log_level, const char *, const char *, const char *) =
        call && level <= GW_LOG_INFO ? observer : NULL;
    char msg[LINE_MAX_LEN], safe[LINE_MAX_LEN * 2], safe_call[256] = "", stamp[32], line[LINE_MAX_LEN * 2 + 512];
    uint64_t now;
    time_t secs;
    struct tm tm;
    va_list ap;
    int n;

    if (!gw_log_is_on(level) && !watch)
        return;
    now = gw_clock_wall_us();
    secs = (time_t)(now / GW_S);
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    if (watch)
        watch(level, room, call, msg);
    if (!gw_log_is_on(level))
        return;
    escape(msg, safe, sizeof(safe), is_json);
    if (call)
        escape(call, safe_call, sizeof(safe_call), is_json);
    gmtime_r(&secs, &tm);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    if (is_json)
        n = snprintf(line, sizeof(line),
                     "{\"ts\":\"%s.%03uZ\",\"level\":\"%s\",%s%s%s\"room\":\"%s\",\"msg\":\"%s\"}\n", stamp,
                     (unsigned)(now / 1000 % 1000), names[level], call ? "\"call\":\"" : "", safe_call,
                     call ? "\"," : "", room, safe);
    else
        n = snprintf(line, sizeof(line), "%s.%03uZ %s %s%s%s%s: %s\n", stamp, (unsigned)(now / 1000 % 1000),
                     names[level], call ? "call=" : "", safe_call, call ? " " : "", room, safe);
    write_line(line, (size_t)n);
}

int gw_log_start(void)
{
    return gw_lines_new(fileno(file ? file : stderr), false, QUEUE, GW_STAT_LOG_DROPPED, &lines);
}

void gw_log_stop(void)
{
    struct gw_lines *l = lines;

    lines = NULL;
    gw_lines_free(l, STOP_WAIT_MS);
}
