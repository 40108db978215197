#include "bench/ng.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/target.h"
#include "gateway/base/crypto.h"

enum { PORT = 22680 };

static pid_t pid;
static int fd;
static char answer[16384];

int ng_command(const char *fmt, ...)
{
    static char text[16384];
    char cookie[13]; /* unique: rtpengine answers a repeated one from memory, also across our restarts */
    va_list ap;
    int n;

    gw_rand_token(cookie, 12);
    n = snprintf(text, sizeof(text), "%s ", cookie);
    va_start(ap, fmt);
    n += vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    va_end(ap);
    for (int tries = 0; tries < 20; tries++) {
        struct pollfd p = { fd, POLLIN, 0 };
        ssize_t k;
        (void)!send(fd, text, (size_t)n, 0);
        if (poll(&p, 1, 300) <= 0)
            continue;
        k = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
        if (k < 0)
            usleep(50000); /* refused: it is still starting */
        if (k > 12 && memcmp(answer, cookie, 12) == 0) {
            answer[k] = 0;
            return strstr(answer, "6:result2:ok") || strstr(answer, "6:result4:pong") ? 0 : GW_E_IO;
        }
    }
    return GW_E_TIMEOUT;
}

const char *ng_answer(void)
{
    return answer;
}

bool ng_find(const char *prefix, char *out, size_t size)
{
    const char *p = strstr(answer, prefix);
    size_t n;

    if (!p)
        return false;
    p += strlen(prefix);
    n = strcspn(p, "\r\n ");
    if (n >= size)
        return false;
    memcpy(out, p, n);
    out[n] = 0;
    return true;
}

void ng_stop(void)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fd);
}

pid_t ng_pid(void)
{
    return pid;
}

int ng_start(int core)
{
    struct sockaddr_in sin = { .sin_family = AF_INET,
                               .sin_port = htons(PORT),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    pid = fork();
    if (pid == 0) {
        task_pin(0, core);
        (void)!freopen("/dev/null", "w", stderr);
        (void)!freopen("/dev/null", "w", stdout);
        execlp("rtpengine", "rtpengine", "--config-file=none", "--table=-1", "--interface=127.0.0.1",
               "--listen-ng=127.0.0.1:22680", "--num-threads=1", "--port-min=40000", "--port-max=62000", "--foreground",
               "--log-stderr", "--log-level=1", "--delete-delay=0", "--timeout=3600", "--silent-timeout=3600",
               (char *)NULL);
        _exit(127);
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0 || ng_command("d7:command4:pinge") != 0) {
        fprintf(stderr, "rtpengine: does not answer\n");
        ng_stop();
        return GW_E_IO;
    }
    return 0;
}
