#include "bench/stack.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/target.h"

pid_t stack_spawn(int core, const char *log, char *const argv[])
{
    pid_t pid = fork();

    if (pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        task_pin(0, core);
        setpgid(0, 0);
        dup2(fd, 1);
        dup2(fd, 2);
        execvp(argv[0], argv);
        _exit(127);
    }
    return pid;
}

bool stack_listens(uint16_t tcp_port, unsigned timeout_ms)
{
    struct sockaddr_in sin = { .sin_family = AF_INET,
                               .sin_port = htons(tcp_port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    for (unsigned t = 0; t < timeout_ms; t += 20) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool ok = connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0;
        close(fd);
        if (ok)
            return true;
        usleep(20000);
    }
    return false;
}

void stack_kill(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

double stack_thread_cpu_s(const struct stack *s, const char *comm)
{
    double sum = 0;
    pid_t pid;

    for (unsigned i = 0; (pid = s->pids(i)); i++) {
        char path[300], name[32];
        struct dirent *e;
        DIR *d;
        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        d = opendir(path);
        while (d && (e = readdir(d))) {
            FILE *f;
            int tid = atoi(e->d_name);
            if (tid <= 0)
                continue;
            snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", pid, tid);
            f = fopen(path, "r");
            name[0] = 0;
            if (f && fgets(name, sizeof(name), f) && (!*comm || strncmp(name, comm, strlen(comm)) == 0))
                sum += task_cpu_s(pid, tid);
            if (f)
                fclose(f);
        }
        if (d)
            closedir(d);
    }
    return sum;
}

double stack_cpu_s(const struct stack *s)
{
    return stack_thread_cpu_s(s, "");
}

long stack_rss_kb(const struct stack *s)
{
    long sum = 0;
    pid_t pid;

    for (unsigned i = 0; (pid = s->pids(i)); i++)
        sum += task_pss_kb(pid);
    return sum;
}

unsigned stack_fds(const struct stack *s)
{
    unsigned sum = 0;
    pid_t pid;

    for (unsigned i = 0; (pid = s->pids(i)); i++) {
        char path[64];
        DIR *d;
        snprintf(path, sizeof(path), "/proc/%d/fd", pid);
        d = opendir(path);
        while (d && readdir(d))
            sum++;
        if (d)
            closedir(d);
    }
    return sum;
}
