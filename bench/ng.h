/* Debian's rtpengine as a child process, userspace, one media thread, and its ng protocol. */
#ifndef BENCH_NG_H
#define BENCH_NG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

int ng_start(int core); /* 0 when it answers, or an error and a message on stderr */
void ng_stop(void);
pid_t ng_pid(void);
/* One command in bencoding. 0, IO: it said no, TIMEOUT. */
int ng_command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *ng_answer(void); /* to the last command */
/* What stands behind `prefix` in the answer, to the end of the line or a blank. */
bool ng_find(const char *prefix, char *out, size_t size);

#endif
