/* A whole gateway, signalling and media, as processes of its own. One struct of functions each; bench/call_bench.c runs
 * them in turn. */
#ifndef BENCH_STACK_H
#define BENCH_STACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct stack_conf {
    uint16_t ws_port, core_port;
    bool has_tls;
    int core;        /* it is pinned there */
    const char *dir; /* for its files */
};

struct stack {
    const char *name;
    int (*start)(const struct stack_conf *conf); /* 0 when it listens */
    pid_t (*pids)(unsigned i);                   /* its processes, children included; 0: no more */
    void (*stop)(void);
};

extern const struct stack stack_imsgw, stack_kamailio;

/* Starts a program without output, pinned; its pid or -1. */
pid_t stack_spawn(int core, const char *log, char *const argv[]);
bool stack_listens(uint16_t tcp_port, unsigned timeout_ms);
void stack_kill(pid_t pid);
double stack_cpu_s(const struct stack *s);
/* CPU of the threads of that name ("" all). */
double stack_thread_cpu_s(const struct stack *s, const char *comm);
long stack_rss_kb(const struct stack *s); /* PSS: what forked processes share is counted once */
unsigned stack_fds(const struct stack *s);

#endif
