/* A process that is measured, forked from this one and told what to do over a socket. Fork before usrsctp runs: it
 * cannot be started anew in a child. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "gateway/control/iq.h"

struct child {
    pid_t pid;
    int fd; /* our end; the child's loop ends when it is closed */
};

/* Runs `run` pinned to that core, with no other descriptor than its end and the three of every process. */
int child_start(struct child *c, int core, void (*run)(int fd, void *arg), void *arg);
void child_end(struct child *c);
/* False: the other end is gone. For both ends. */
bool child_read(int fd, void *p, size_t n);
bool child_write(int fd, const void *p, size_t n);

/* The gateway's media plane; `arg` is its configuration's text. */
void agw_child_run(int fd, void *arg);
/* One request to it. NULL: refused, or the child is gone; said on stderr. */
const struct gw_iq_reply *agw_child_ask(struct child *c, const struct gw_iq_req *req);

#endif
