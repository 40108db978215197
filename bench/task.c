#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bench/target.h"

static double schedstat(const char *path)
{
    unsigned long long ns = 0;
    FILE *f = fopen(path, "r");

    if (f) {
        if (fscanf(f, "%llu", &ns) != 1)
            ns = 0;
        fclose(f);
    }
    return (double)ns * 1e-9;
}

double task_cpu_s(int pid, int tid)
{
    char path[300];
    double sum = 0;
    struct dirent *e;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
    if (tid)
        return schedstat(path);
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    d = opendir(path);
    while (d && (e = readdir(d))) {
        if (atoi(e->d_name) <= 0)
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%.32s/schedstat", pid, e->d_name);
        sum += schedstat(path);
    }
    if (d)
        closedir(d);
    return sum;
}

long task_pss_kb(int pid)
{
    char path[64], line[200];
    long kb = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "Pss: %ld", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}

unsigned task_descriptors(void)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return (unsigned)files.rlim_max;
}

void row_print(const char *what, const char *unit, unsigned n, double value)
{
    printf("row\t%s\t%s\t%u\t%.2f\n", what, unit, n, value);
}

void task_pin(int tid, int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(tid, sizeof(set), &set) != 0)
        perror("sched_setaffinity");
}
