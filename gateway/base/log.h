/* One event, one line, as text or JSON (configuration `log_format`). Never on the packet path; never keys, ice-pwd,
 * crypto lines or message bodies. Error: someone must act. Warning: a peer broke a rule. Info: life of a call. Any
 * thread. gw_log(GW_LOG_WARNING, "dtls", call_id, "fingerprint mismatch, closing"); 2026-11-20T21:43:00.123Z warning
 * call=7f3a dtls: fingerprint mismatch, closing */
#ifndef GW_LOG_H
#define GW_LOG_H

#include <stdbool.h>
#include <stdio.h>

enum gw_log_level { GW_LOG_ERROR, GW_LOG_WARNING, GW_LOG_INFO, GW_LOG_DEBUG };

/* `call` is the call's id (see iq.h) or NULL. `fmt` without a newline; control characters of arguments are escaped. */
void gw_log(enum gw_log_level level, const char *room, const char *call, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool gw_log_is_on(enum gw_log_level level);

void gw_log_set_level(enum gw_log_level level); /* default info */
void gw_log_set_json(bool json);
/* Also told of every line of a call, up to level info whatever the level set. Any thread; NULL: nobody. */
void gw_log_set_observer(void (*cb)(enum gw_log_level level, const char *room, const char *call, const char *text));
void gw_log_set_file(FILE *f); /* default stderr; borrowed */
/* From here on lines are written by a thread of their own, so that a slow or dead target never holds the caller; what
 * it does not take is dropped and counted. Before, and in tests, gw_log writes itself. Call once, before other threads
 * log. */
int gw_log_start(void);
void gw_log_stop(void); /* writes out what is queued, for at most a second; after the other threads have ended */
int gw_log_level_parse(const char *text, enum gw_log_level *out);

#endif
