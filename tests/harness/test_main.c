#include "test.h"

#include <stdarg.h>
#include <stdlib.h>

enum { TESTS_MAX = 512 };

static struct {
    const char *name;
    gw_test_fn fn;
} tests[TESTS_MAX];
static unsigned ntests, failures;

void gw_test_register(const char *name, gw_test_fn fn)
{
    if (ntests == TESTS_MAX)
        abort();
    tests[ntests].name = name;
    tests[ntests++].fn = fn;
}

void gw_test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    failures++;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

unsigned gw_test_failures(void)
{
    return failures;
}

int main(int argc, char **argv)
{
    unsigned ran = 0, bad = 0;

    for (unsigned i = 0; i < ntests; i++) {
        unsigned before = failures;
        if (argc > 1 && !strstr(tests[i].name, argv[1]))
            continue;
        tests[i].fn();
        ran++;
        bad += failures != before;
        printf("%s %s\n", failures == before ? "ok  " : "FAIL", tests[i].name);
        fflush(stdout);
    }
    printf("%u tests, %u failed\n", ran, bad);
    return ran == 0 || bad != 0; /* a program that ran nothing has not passed */
}
