#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/stack.h"

static pid_t pid;

static int start(const struct stack_conf *c)
{
    char conf[300], log[300], self[300] = "", program[320];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    FILE *f;

    if (n <= 0)
        return -1;
    *strrchr(self, '/') = 0; /* build/bench */
    snprintf(program, sizeof(program), "%.*s/imsgw", (int)(strrchr(self, '/') - self), self);
    snprintf(conf, sizeof(conf), "%s/imsgw.conf", c->dir);
    snprintf(log, sizeof(log), "%s/imsgw.log", c->dir);
    f = fopen(conf, "w");
    if (!f)
        return -1;
    fprintf(
        f,
        "domain = bench.example\nlog_level = warning\nadmin_socket =\n%s = 127.0.0.1:%u\n%s\nsip_listen = "
        "127.0.0.1:%u\n"
        "core_route = sip:127.0.0.1:%u;lr\naccess_address = 127.0.0.1\naccess_port = 22700\ncore_address = 127.0.0.1\n"
        "core_port_min = 40000\ncore_port_max = 62000\nws_max = 60000\nws_max_per_address = 60000\nregistrations_max = "
        "60000\n"
        "consent_timeout_s = 3600\ntrace_calls = 0\ncalls_max = 20000\nmedia_contexts = 20000\n",
        c->has_tls ? "wss_listen" : "ws_listen", c->ws_port, c->has_tls ? "" : "wss_listen = 127.0.0.1:0",
        c->core_port + 1, c->core_port);
    fclose(f);
    pid = stack_spawn(c->core, log, (char *[]){ program, "-c", conf, NULL });
    return pid > 0 && stack_listens(c->ws_port, 5000) ? 0 : -1;
}

static pid_t pids(unsigned i)
{
    return i == 0 ? pid : 0;
}

static void stop(void)
{
    stack_kill(pid);
    pid = 0;
}

const struct stack stack_imsgw = { "imsgw", start, pids, stop };
