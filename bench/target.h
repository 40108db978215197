/* Something under test between browsers and phones. One struct of functions each; bench/media_bench.c runs them in
 * turn. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "bench/load.h"

struct target {
    const char *name;
    /* Starts it pinned to that core, makes all calls of `l` (addresses, or keys) so that load_connect can follow. 0, or
     * a message on stderr and an error. */
    int (*start)(struct load *l, const struct load_conf *conf, int core);
    double (*control_s)(
        void);             /* CPU that making the calls took in `start`, before any packet; NULL: nothing was asked */
    double (*cpu_s)(void); /* of user and system, all its threads, so far */
    long (*rss_kb)(void);  /* NULL: not its own process */
    void (*stop)(void);
};

extern const struct target target_imsgw, target_rtpengine, target_janus, target_bare;

/* CPU seconds that the scheduler counted for a thread; of all threads of a process with tid 0. */
double task_cpu_s(int pid, int tid);
void task_pin(int tid, int core);
unsigned task_descriptors(void); /* raises the limit of this process to what it may have, and tells it */
/* A cost per unit with N of them, for bench/growth. */
void row_print(const char *what, const char *unit, unsigned n, double value);
long task_pss_kb(int pid); /* what forked processes share is counted once */

#endif
