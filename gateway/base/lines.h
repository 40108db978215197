/* Lines of text to a file, pipe or terminal, written by a thread of their own: a slow or failing target costs the
 * caller nothing. The queue is bounded; a line that finds it full, or cannot be written, is dropped and counted. */
#ifndef GW_LINES_H
#define GW_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/err.h"
#include "gateway/base/stats.h"

struct gw_lines;

/* `fd` is borrowed unless owns_fd, then closed by gw_lines_free. `dropped` counts lines lost. */
int gw_lines_new(int fd, bool owns_fd, unsigned capacity, enum gw_stat dropped, struct gw_lines **out);
/* Writes out what is queued and ends the thread. GW_E_TIMEOUT: the target took nothing for wait_ms; the rest is lost
 * and the thread left behind, which is for a process about to end. NULL is fine. */
int gw_lines_free(struct gw_lines *l, unsigned wait_ms);
/* Copies; each line reaches the target in one write. Any thread; never blocks on the target. */
void gw_lines_put(struct gw_lines *l, const char *text, size_t len);

#endif
