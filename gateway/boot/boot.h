/* The rooms put together: started in order, reloaded, drained and ended in order. Thread: control, which is the thread
 * that calls gw_boot_run. */
#ifndef GW_BOOT_H
#define GW_BOOT_H

#include <stddef.h>

#include "gateway/base/conf.h"

struct gw_boot;

/* Before any other thread is started: imposes the TLS profile, blocks the signals that gw_boot_run handles (SIGTERM,
 * SIGINT, SIGHUP), ignores SIGPIPE and raises the limit of open files to what the system allows. */
void gw_boot_prepare(void);

/* Starts every room; takes *conf on success. `path` (NULL: none) is where SIGHUP reads the configuration again. On
 * error everything started is ended again and `why` says what was in the way. */
int gw_boot_new(struct gw_conf **conf, const char *path, struct gw_boot **out, char *why, size_t why_size);

/* Runs until told to end. SIGTERM, or `imsgwctl drain`: no new calls, /healthz says 503, ends when the last call has
 * ended or after drain_timeout. A second SIGTERM, or SIGINT: releases every call and ends. SIGHUP: reloads what can be.
 */
void gw_boot_run(struct gw_boot *b);
void gw_boot_free(struct gw_boot *b);

#endif
