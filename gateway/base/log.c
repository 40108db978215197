#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum { LINE_MAX_LEN = 2048 };

static _Atomic int level_now = GW_LOG_INFO;
static _Atomic bool is_json;
static FILE *_Atomic file;
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

/* Peers choose part of what is logged: a newline in it must not begin a forged line. */
static void escape(const char *in, char *out, size_t size, bool json)
{
    size_t n = 0;

    for (; *in && n + 7 < size; in++) {
        unsigned char c = (unsigned char)*in;
        if (c < 0x20 || c == 0x7f)
            n += (size_t)snprintf(out + n, size - n, json ? "\\u%04x" : "\\x%02x", c);
        else if (json && (c == '"' || c == '\\'))
            n += (size_t)snprintf(out + n, size - n, "\\%c", c);
        else
            out[n++] = (char)c;
    }
    out[n] = 0;
}

void gw_log(enum gw_log_level level, const char *room, const char *call, const char *fmt, ...)
{
    char msg[LINE_MAX_LEN], safe[LINE_MAX_LEN * 2], safe_call[256] = "", stamp[32];
    uint64_t now = gw_clock_wall_us();
    time_t secs = (time_t)(now / GW_S);
    FILE *f = file ? file : stderr;
    bool json = is_json;
    struct tm tm;
    va_list ap;

    if (!gw_log_is_on(level))
        return;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    escape(msg, safe, sizeof(safe), json);
    if (call)
        escape(call, safe_call, sizeof(safe_call), json);
    gmtime_r(&secs, &tm);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    if (json)
        fprintf(f, "{\"ts\":\"%s.%03uZ\",\"level\":\"%s\",%s%s%s\"room\":\"%s\",\"msg\":\"%s\"}\n", stamp,
                (unsigned)(now / 1000 % 1000), names[level], call ? "\"call\":\"" : "", safe_call, call ? "\"," : "",
                room, safe);
    else
        fprintf(f, "%s.%03uZ %s %s%s%s%s: %s\n", stamp, (unsigned)(now / 1000 % 1000), names[level],
                call ? "call=" : "", safe_call, call ? " " : "", room, safe);
    fflush(f);
}
