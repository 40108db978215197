/* What a packet and a call cost: allocations on the packet path, and descriptors and memory after calls have ended. */
#include <dirent.h>
#include <malloc.h>
#include <stdlib.h>
#include <test.h>
#include <unistd.h>

#include "tests/harness/agw_rig.h"

static _Thread_local bool is_main;
static unsigned long allocations; /* of other threads than main: the worker */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define COUNTS_ALLOCATIONS 1
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static void count(void)
{
    if (!is_main)
        __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t n)
{
    count();
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count();
    return __libc_realloc(p, n);
}
#else
#define COUNTS_ALLOCATIONS 0
#endif

static unsigned long read_allocations(void)
{
    return __atomic_load_n(&allocations, __ATOMIC_RELAXED);
}

/* Freed memory in a thread's cache would count as in use. */
__attribute__((constructor)) static void without_thread_caches(void)
{
    if (getenv("GLIBC_TUNABLES"))
        return;
    setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
    execl("/proc/self/exe", "agw_cost_test", (char *)NULL);
}

TEST(no_packet_allocates)
{
    struct variant v = { .is_dtls_client = true };
    unsigned long before;
    uint8_t p[512];
    struct rig g;

    is_main = true;
    rig_call(&g, &v);
    media_both_ways(&g, 1);
    CHECK(!COUNTS_ALLOCATIONS || read_allocations() > 0); /* the counter works: the call itself did allocate */
    before = read_allocations();
    for (uint16_t i = 0; i < 1000; i++) {
        CHECK(wc_send_rtp(g.wc, p, make_rtp(p, 111, (uint16_t)(100 + i), 0x11111111)));
        CHECK(phone_recv(g.rtp, p, sizeof(p), false) == 172);
        phone_send(g.rtp, &g.core.rtp, p, make_rtp(p, 0, (uint16_t)(100 + i), 0x22222222));
        CHECK(wc_run_count(g.wc, &g.wc->nrtp, 6u + i, 1000));
    }
    EQ(read_allocations() - before, 0);
    rig_end(&g);
}

static unsigned descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Reserve, configure and release without a browser: what is left in the worker is what a call leaks. */
TEST(calls_that_ended_leave_no_descriptor_and_no_memory)
{
    struct gw_iq_req release = { .op = GW_IQ_RELEASE };
    struct variant v = { .is_dtls_client = true };
    unsigned fds = 0;
    size_t used = 0;
    struct rig g;

    is_main = true;
    rig_start(&g, &v);
    rig_know_fingerprint(&g);
    for (int i = 0; i < 400; i++) {
        g.ctx = 0;
        g.want.op = GW_IQ_RESERVE_CONFIGURE;
        rig_reserve(&g);
        g.want.op = GW_IQ_CONFIGURE;
        EQ(rig_ask(&g, &g.want), 0);
        EQ(rig_ask(&g, &release), 0);
        if (i == 199) { /* after caches have filled */
            fds = descriptors();
            used = mallinfo2().uordblks;
        }
    }
    g.ctx = 0;
    EQ(descriptors(), fds);
    CHECK(mallinfo2().uordblks <= used + 4096);
    rig_end(&g);
}
