/* Two hundred calls at once, both ways, for a minute: nothing is lost, no packet allocates, and when the calls have
 * ended descriptors and memory are what they were. Under a sanitizer, or with a number of seconds as IMSGW_LOAD_S, it
 * is shorter. */
#include <dirent.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <test.h>
#include <unistd.h>

#include "bench/load.h"
#include "gateway/base/clock.h"
#include "gateway/base/conf.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/media/agw.h"

#ifdef __SANITIZE_THREAD__
enum { CALLS = 40 }; /* ten times slower, and two threads more: what is looked for are races, which need no load */
#else
enum { CALLS = 200 };
#endif
enum { WARM_UP_S = 2, SECONDS = 60, SECONDS_SANITIZED = 5, ALLOCATIONS_PER_CHECK = 4 };

static _Thread_local bool is_main;
static unsigned long allocations; /* of other threads than main: the worker */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define IS_PLAIN true
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
#define IS_PLAIN false
#endif

static struct {
    struct gw_conf *conf;
    struct gw_agw *agw;
    struct load *load;
    unsigned replies, errors, dtls_up;
    uint64_t ctx[CALLS];
} g;

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    (void)arg;
    g.dtls_up += n->event == GW_IQ_DTLS_UP;
    g.errors += n->event != GW_IQ_DTLS_UP && n->event != GW_IQ_ICE_UP;
}

static void dispatch_until(const unsigned *count, unsigned n)
{
    uint64_t end = gw_clock_us() + 10 * GW_S;
    struct pollfd p = { gw_agw_fd(g.agw), POLLIN, 0 };

    while (*count < n && gw_clock_us() < end)
        if (poll(&p, 1, 100) > 0)
            gw_agw_dispatch(g.agw);
    EQ(*count, n);
}

static void on_reserved(void *arg, const struct gw_iq_reply *r)
{
    unsigned call = (unsigned)(uintptr_t)arg;
    struct load_remote remote = { 0 };

    g.replies++;
    g.errors += r->err != 0;
    if (r->err || r->nlocals != 2)
        return;
    g.ctx[call] = r->ctx;
    memcpy(remote.ufrag, r->locals[0].ufrag, sizeof(r->locals[0].ufrag));
    memcpy(remote.pwd, r->locals[0].pwd, sizeof(r->locals[0].pwd));
    remote.fingerprint = r->locals[0].fingerprint;
    remote.access = r->locals[0].rtp;
    remote.core = r->locals[1].rtp;
    load_remote(g.load, call, &remote);
}

static void on_released(void *arg, const struct gw_iq_reply *r)
{
    (void)arg;
    g.replies++;
    g.errors += r->err != 0 || r->ncounters != 1;
    for (unsigned i = 0; i < 2 && r->ncounters; i++)
        g.errors += r->counters[0].dir[i].lost != 0 || r->counters[0].dir[i].dropped != 0;
}

static struct gw_iq_req *reserve(unsigned call)
{
    struct gw_iq_req *r = calloc(1, sizeof(*r));
    struct load_local local;

    load_local(g.load, call, &local);
    r->op = GW_IQ_RESERVE_CONFIGURE;
    snprintf(r->call, sizeof(r->call), "load-%u", call);
    r->nterms = 2;
    r->nstreams = 1;
    r->terms[0] = (struct gw_iq_term){ .id = 1, .realm = GW_IQ_ACCESS, .security = GW_IQ_DTLS, .family = 4 };
    r->terms[0].has_ice = r->terms[0].has_rtcp_mux = true;
    r->terms[0].ice_generation = r->terms[0].dtls_generation = 1;
    strcpy(r->terms[0].remote_ufrag, local.ufrag);
    strcpy(r->terms[0].remote_pwd, local.pwd);
    r->terms[0].nfingerprints = 1;
    r->terms[0].fingerprints[0] = local.fingerprint;
    r->terms[1] = (struct gw_iq_term){ .id = 2, .realm = GW_IQ_CORE, .family = 4, .has_remote = true };
    r->terms[1].remote_rtp = local.phone;
    r->streams[0] = (struct gw_iq_stream){ .id = 1, .access_term = 1, .core_term = 2, .to_core = true, .npts = 1 };
    r->streams[0].to_access = true;
    r->streams[0].pts[0] = (struct gw_iq_pt){ 0, 0, 8000 };
    return r;
}

static void submit(struct gw_iq_req *r, gw_iq_reply_cb *cb, unsigned call)
{
    static uint64_t txn;

    r->txn = ++txn;
    if (gw_agw_submit(g.agw, &r, cb, (void *)(uintptr_t)call) != 0) {
        g.errors++;
        free(r);
    }
    dispatch_until(&g.replies, g.replies + 1);
}

/* A round: 200 calls made, media for so many seconds, all released. */
static void round_of_calls(double seconds, struct load_result *out)
{
    struct load_conf c = {
        .calls = CALLS, .suite = GW_IQ_AEAD_AES_128_GCM, .payload = 160, .interval_us = 20000, .burst = 1
    };
    unsigned long before;
    int64_t checks;

    c.browser_port = (uint16_t)(g.conf->access_port + 1);
    c.phone_port = (uint16_t)(g.conf->access_port + 2);
    memset(out, 0, sizeof(*out));
    EQ(load_new(&c, &g.load), 0);
    if (!g.load)
        return;
    g.dtls_up = 0;
    for (unsigned i = 0; i < CALLS; i++)
        submit(reserve(i), on_reserved, i);
    EQ(load_connect(g.load, 20, 60000), CALLS);
    dispatch_until(&g.dtls_up, CALLS);
    load_run(g.load, 0.5, out); /* a first packet makes its source known, which is set-up */
    checks = gw_stats_read(GW_STAT_MEDIA_HANDLED_STUN);
    before = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
    load_run(g.load, seconds, out);
    checks = gw_stats_read(GW_STAT_MEDIA_HANDLED_STUN) - checks;
    printf("%lu allocations, %lld checks\n", __atomic_load_n(&allocations, __ATOMIC_RELAXED) - before,
           (long long)checks);
    /* None by a packet of media. A check, one in 5 s of each call, costs what libnice takes for its two HMACs. */
    EQ(__atomic_load_n(&allocations, __ATOMIC_RELAXED) - before, IS_PLAIN ? ALLOCATIONS_PER_CHECK * checks : 0);
    for (unsigned i = 0; i < CALLS; i++) {
        struct gw_iq_req *r = calloc(1, sizeof(*r));
        r->op = GW_IQ_RELEASE;
        r->ctx = g.ctx[i];
        submit(r, on_released, i);
    }
    load_free(g.load);
    EQ(gw_agw_contexts(g.agw), 0);
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

static void start(void)
{
    char text[256], why[256];
    int err = GW_E_IO;

    gw_log_set_level(GW_LOG_ERROR);
    for (int port = 23900; err && port < 24600; port += 10) {
        gw_conf_free(g.conf);
        snprintf(text, sizeof(text), "access_address = 127.0.0.1\naccess_port = %d\ncore_address = 127.0.0.1\n", port);
        EQ(gw_conf_parse("test", text, strlen(text), &g.conf, why, sizeof(why)), 0);
        err = gw_agw_new(g.conf, on_notify, NULL, &g.agw, why, sizeof(why));
    }
    if (err) {
        fprintf(stderr, "no gateway: %s\n", why);
        exit(1);
    }
    EQ(gw_agw_start(g.agw), 0);
}

TEST(two_hundred_calls_for_a_minute_lose_nothing_and_leave_nothing)
{
    const char *wanted = getenv("IMSGW_LOAD_S");
    double seconds = wanted ? atof(wanted) : IS_PLAIN ? SECONDS : SECONDS_SANITIZED;
    struct load_result r;
    struct rlimit files;
    unsigned fds;
    size_t used;

    if (!getenv("GLIBC_TUNABLES")) { /* freed memory in a thread's cache would count as in use */
        setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
        execl("/proc/self/exe", "agw_load_test", (char *)NULL);
    }
    is_main = true;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    start();
    fds = descriptors();
    round_of_calls(WARM_UP_S, &r); /* tables and caches of libraries have their size afterwards */
    EQ(descriptors(), fds);
    used = mallinfo2().uordblks;

    round_of_calls(seconds, &r);
    printf("%llu packets, delay p50 %u us, p99 %u us, p99.9 %u us; generator %.0f%% of a core\n",
           (unsigned long long)(r.sent[0] + r.sent[1]), r.p50_us, r.p99_us, r.p999_us, r.generator_cpu * 100);
    CHECK(r.sent[0] + r.sent[1] >= (uint64_t)(seconds * 2 * CALLS * 50 * 0.9));
    EQ(r.received[0], r.sent[0]);
    EQ(r.received[1], r.sent[1]);
    EQ(r.misrouted + r.forged + r.damaged, 0);
    EQ(g.errors, 0);
    EQ(descriptors(), fds);
    CHECK(!IS_PLAIN || mallinfo2().uordblks <= used + 16384);
    EQ(gw_stats_read(GW_STAT_CONTEXTS), 0);
    EQ(gw_stats_read(GW_STAT_HANDSHAKES), 0);
    gw_agw_free(g.agw);
    gw_conf_free(g.conf);
}
