/* What whole calls cost: N users over WebSocket register, call, send media and hang up; CPU of each part and memory at
 * each step, of the gateway and of Kamailio with rtpengine, in turn in one run. Prints medians and ratios, never a
 * verdict. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/stack.h"
#include "bench/target.h"
#include "bench/users.h"

enum { ROUNDS_MAX = 15, STACKS = 2, CORE_OF_STACK = 0, CORE_OF_GENERATOR = 1, PARALLEL = 20 };
enum part { REGISTER, INVITE, CONNECT, HANG_UP, PARTS };

static const struct stack *const stacks[STACKS] = { &stack_imsgw, &stack_kamailio };

struct sample {
    double us[PARTS];                      /* CPU per user or call */
    double front_us, control_us, media_us; /* of a set-up, imsgw's threads */
    double kb_base, kb_user, kb_call, kb_left, fds_call;
};

struct options {
    unsigned users, calls, rounds, hold, last; /* hold: seconds */
    bool has_tls, has_rows;
    const char *only;
};

static double setup_us(const struct sample *s)
{
    return s->us[INVITE] + s->us[CONNECT];
}

static int by_setup(const void *a, const void *b)
{
    double x = setup_us(a), y = setup_us(b);
    return (x > y) - (x < y);
}

/* Calls up to number `n`. What lasts of a call is seen when some were made before, and were held until their SIP
 * transactions were over: those of the next find that memory free. */
static bool make_calls(struct users *u, struct load *l, unsigned n)
{
    return users_call(u, n, PARALLEL, 120000) == n && load_connect(l, PARALLEL, 120000) == n;
}

static void hold_calls(struct users *u, struct load *l, unsigned seconds, struct load_result *r)
{
    load_run(l, 2, r);
    for (unsigned i = 2; i < seconds; i++) {
        load_run(l, 1, r);
        users_idle(u, 20);
    }
}

static bool steps(const struct stack *s, const struct options *o, struct users *u, struct load *l, struct sample *out)
{
    double cpu[PARTS + 1], front, control, media;
    long kb[4];
    unsigned fds, before = o->hold ? o->calls / 2 : o->last && o->last < o->calls ? o->calls - o->last : 0;
    unsigned calls = o->calls - before; /* the latter are measured */
    struct load_result r;

    usleep(300000);
    kb[0] = stack_rss_kb(s);
    cpu[0] = stack_cpu_s(s);
    if (users_register(u, o->users, PARALLEL, 120000) != o->users)
        return false;
    users_idle(u, 500);
    kb[1] = stack_rss_kb(s);
    out->kb_user = (double)(kb[1] - kb[0]) / o->users;
    out->us[REGISTER] = (stack_cpu_s(s) - cpu[0]) * 1e6 / o->users;
    if (before && !o->hold && !make_calls(u, l, before))
        return false;
    if (before && o->hold) {
        users_idle(u, o->hold * 1000); /* what registering leaves is no call's */
        if (!make_calls(u, l, before))
            return false;
        hold_calls(u, l, o->hold, &r);
    }
    cpu[1] = stack_cpu_s(s);
    if (!o->last)
        kb[1] = stack_rss_kb(s);
    fds = stack_fds(s);
    front = stack_thread_cpu_s(s, "front");
    media = stack_thread_cpu_s(s, "media");
    control = cpu[1] - front - media;
    if (users_call(u, o->calls, PARALLEL, 120000) != o->calls)
        return false;
    cpu[2] = stack_cpu_s(s);
    if (o->calls && load_connect(l, PARALLEL, 120000) != o->calls)
        return false;
    cpu[3] = stack_cpu_s(s);
    out->front_us = (stack_thread_cpu_s(s, "front") - front) * 1e6 / calls;
    out->media_us = (stack_thread_cpu_s(s, "media") - media) * 1e6 / calls;
    out->control_us = (cpu[3] - front - media - control) * 1e6 / calls - out->front_us - out->media_us;
    if (o->calls && !o->last) /* else there may be more than a core could send media for */
        hold_calls(u, l, o->hold, &r);
    kb[2] = stack_rss_kb(s);
    out->fds_call = calls ? (stack_fds(s) - fds) / (double)calls : 0;
    if (o->calls && !o->last && r.received[0] + r.received[1] < (r.sent[0] + r.sent[1]) / 2) {
        fprintf(stderr, "%s: %llu of %llu packets arrived\n", s->name,
                (unsigned long long)(r.received[0] + r.received[1]), (unsigned long long)(r.sent[0] + r.sent[1]));
        return false;
    }
    cpu[3] = stack_cpu_s(s);
    if (users_hang_up(u, o->calls, PARALLEL, 120000) != o->users && o->calls == o->users)
        return false;
    cpu[4] = stack_cpu_s(s);
    users_idle(u, 1000);
    kb[3] = stack_rss_kb(s);
    out->us[INVITE] = calls ? (cpu[2] - cpu[1]) * 1e6 / calls : 0;
    out->us[CONNECT] = calls ? out->front_us + out->control_us + out->media_us - out->us[INVITE] : 0;
    out->us[HANG_UP] = o->calls ? (cpu[4] - cpu[3]) * 1e6 / o->calls : 0;
    out->kb_base = (double)kb[0];
    out->kb_call = calls ? (double)(kb[2] - kb[1]) / (o->last ? o->calls : calls) : 0;
    out->kb_left = (double)(kb[3] - kb[1]);
    return true;
}

static bool run_once(const struct stack *s, const struct options *o, const char *dir, struct sample *out)
{
    struct stack_conf conf = {
        .ws_port = 22710, .core_port = 22720, .has_tls = o->has_tls, .core = CORE_OF_STACK, .dir = dir
    };
    struct load_conf lc = { .calls = o->calls ? o->calls : 1,
                            .suite = GW_IQ_AES_CM_128_HMAC_SHA1_80,
                            .payload = 160,
                            .interval_us = 20000,
                            .burst = 1,
                            .pt = 8,
                            .browser_port = 22600,
                            .phone_port = 22601 };
    struct users_conf uc = {
        .n = o->users, .has_tls = o->has_tls, .ws_port = conf.ws_port, .core_port = conf.core_port, .pt = lc.pt
    };
    struct users *u = NULL;
    struct load *l = NULL;
    bool ok = false;

    if (load_new(&lc, &l) == 0) {
        uc.load = l;
        if (users_new(&uc, &u) == 0 && s->start(&conf) == 0)
            ok = steps(s, o, u, l, out);
        s->stop();
    }
    users_free(u);
    load_free(l);
    if (ok)
        fprintf(stderr,
                "  %-20s %5u users %5u calls  register %.0f us  set-up %.0f + %.0f us  hang up %.0f us  %.1f kB/user "
                "%.1f kB/call\n",
                s->name, o->users, o->calls, out->us[REGISTER], out->us[INVITE], out->us[CONNECT], out->us[HANG_UP],
                out->kb_user, out->kb_call);
    else
        fprintf(stderr, "%s: not run; its logs are in %s\n", s->name, dir);
    return ok;
}

static void print_rows(const struct options *o, struct sample s[ROUNDS_MAX], unsigned n)
{
    const struct sample *m = &s[n / 2];

    if (!n)
        return;
    qsort(s, n, sizeof(s[0]), by_setup);
    if (o->calls) {
        row_print("a whole set-up (SIP, SDP, ICE, DTLS), the last of so many calls", "us", o->calls, setup_us(m));
        row_print("memory of a call that was just made", "kB", o->calls, m->kb_call);
        row_print("hanging up", "us", o->calls, m->us[HANG_UP]);
        return;
    }
    row_print(o->has_tls ? "registering over TLS" : "registering", "us", o->users, m->us[REGISTER]);
    row_print(o->has_tls ? "memory of a registered user over TLS" : "memory of a registered user", "kB", o->users,
              m->kb_user);
}

static void print_table(const struct options *o, struct sample s[STACKS][ROUNDS_MAX], const unsigned n[STACKS])
{
    printf("\n%u users over %s, %u calls; CPU in us per user or call, memory in kB (PSS of all its processes)\n",
           o->users, o->has_tls ? "WSS" : "WS", o->calls);
    if (o->hold)
        printf("The second half of the calls, made %u s after the first, and %u s later: what lasts of a call.\n",
               o->hold, o->hold);
    printf("\n");
    printf("| gateway | rounds | register | SIP, SDP | ICE, DTLS | set-up (min median max) | set-ups/s of a core | "
           "hang up | kB at 0 | kB/user | "
           "kB/call | descriptors/call | kB left |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (int k = 0; k < STACKS; k++) {
        const struct sample *m = &s[k][n[k] / 2];
        if (!n[k])
            continue;
        qsort(s[k], n[k], sizeof(s[k][0]), by_setup);
        printf(
            "| %s | %u | %.0f | %.0f | %.0f | %.0f **%.0f** %.0f | %.0f | %.0f | %.0f | %.1f | %.1f | %.1f | %.0f |\n",
            stacks[k]->name, n[k], m->us[REGISTER], m->us[INVITE], m->us[CONNECT], setup_us(&s[k][0]), setup_us(m),
            setup_us(&s[k][n[k] - 1]), setup_us(m) > 0 ? 1e6 / setup_us(m) : 0, m->us[HANG_UP], m->kb_base, m->kb_user,
            m->kb_call, m->fds_call, m->kb_left);
    }
    if (n[0] && o->calls)
        printf("\nimsgw by thread, us per set-up: front %.0f, control %.0f, media %.0f\n", s[0][n[0] / 2].front_us,
               s[0][n[0] / 2].control_us, s[0][n[0] / 2].media_us);
    if (n[0] && n[1] && o->calls)
        printf("set-up, imsgw / Kamailio + rtpengine: %.2f; memory of a call: %.2f\n",
               setup_us(&s[0][n[0] / 2]) / setup_us(&s[1][n[1] / 2]), s[0][n[0] / 2].kb_call / s[1][n[1] / 2].kb_call);
    if (n[0] && n[1])
        printf("memory of a registered user, imsgw / Kamailio: %.2f\n",
               s[0][n[0] / 2].kb_user / s[1][n[1] / 2].kb_user);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct option names[] = { { "users", 1, NULL, 'n' },  { "calls", 1, NULL, 'c' },
                                           { "rounds", 1, NULL, 'r' }, { "only", 1, NULL, 'o' },
                                           { "tls", 0, NULL, 't' },    { "hold", 1, NULL, 'h' },
                                           { "last", 1, NULL, 'l' },   { "rows", 0, NULL, 'R' },
                                           { NULL, 0, NULL, 0 } };
    static struct sample s[STACKS][ROUNDS_MAX];
    struct options o = { .users = 200, .calls = UINT32_MAX, .rounds = 3 };
    unsigned n[STACKS] = { 0 };
    char dir[] = "/tmp/call_bench.XXXXXX";
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
        switch (c) {
        case 'n':
            o.users = (unsigned)atoi(optarg);
            break;
        case 'c':
            o.calls = (unsigned)atoi(optarg);
            break;
        case 'r':
            o.rounds = (unsigned)atoi(optarg);
            break;
        case 'o':
            o.only = optarg;
            break;
        case 'l':
            o.last = (unsigned)atoi(optarg);
            break;
        case 'R':
            o.has_rows = true;
            break;
        case 'h':
            o.hold = (unsigned)atoi(optarg);
            break;
        case 't':
            o.has_tls = true;
            break;
        default:
            o.rounds = 0;
        }
    o.calls = o.calls < o.users ? o.calls : o.users;
    if (o.rounds == 0 || o.rounds > ROUNDS_MAX || o.users == 0 || o.users > LOAD_CALLS_MAX || !mkdtemp(dir)) {
        fprintf(stderr,
                "call_bench [--users N] [--calls N] [--rounds 1..%d] [--tls] [--hold SECONDS] [--last CALLS]"
                " [--only NAME] [--rows]\n",
                ROUNDS_MAX);
        return 2;
    }
    if (task_descriptors() < o.users + 3 * o.calls)
        fprintf(stderr, "not allowed to have that many descriptors: some will fail\n");
    setlinebuf(stdout); /* what waited would be printed again by each child */
    task_pin(0, CORE_OF_GENERATOR);
    for (unsigned r = 0; r < o.rounds; r++)
        for (int k = 0; k < STACKS; k++)
            if (!o.only || strstr(stacks[k]->name, o.only))
                n[k] += run_once(stacks[k], &o, dir, &s[k][n[k]]);
    if (o.has_rows)
        print_rows(&o, s[0], n[0]);
    else
        print_table(&o, s, n);
    return n[0] + n[1] == 0;
}
