/* What a session of real-time text or of fax costs: through the gateway, a bare loop, and rtpengine where it can, in
 * turn in one run. Prints medians and ratios, never a verdict. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/child.h"
#include "bench/session.h"
#include "bench/target.h"
#include "gateway/base/log.h"

enum { ROUNDS_MAX = 15, TARGETS = 3, CORE_OF_TARGET = 0, CORE_OF_GENERATOR = 1, BARE = 0, IMSGW = 1, RTPENGINE = 2 };

static const struct session_target *const targets[TARGETS] = { &session_bare, &session_imsgw, &session_rtpengine };

static const struct {
    const char *option, *name, *article, *text;
} kinds[SESSION_KINDS] = {
    [SESSION_TEXT] = { "text", "T.140", "a T.140",
                       "T.140: five characters a second from a data channel, one a message, and as many from RTP with "
                       "two redundant generations" },
    [SESSION_FAX] = { "fax", "T.38", "a T.38",
                      "T.38: 33 packets/s of a page at 14400 bit/s, data channel to UDPTL or back" },
    [SESSION_UDPTL] = { "udptl", "UDPTL", "a UDPTL",
                        "T.38: the same from UDPTL to UDPTL, three redundant packets in each" },
};

struct options {
    enum session_kind kind;
    unsigned sessions, rounds;
    double seconds;
    const char *only, *only_kind;
    bool is_idle, has_rows;
};

struct round {
    const struct session_target *target;
    const struct options *o;
    int err;
    struct session_figures f;
};

static int by_us(const void *a, const void *b)
{
    double x = ((const struct session_figures *)a)->us, y = ((const struct session_figures *)b)->us;
    return (x > y) - (x < y);
}

static void run_round(int fd, void *arg)
{
    struct round *r = arg;

    r->err = session_run(r->target, r->o->kind, r->o->sessions, r->o->is_idle, r->o->seconds, CORE_OF_TARGET, &r->f);
    (void)child_write(fd, r, sizeof(*r));
}

/* Each in a process of its own: usrsctp stays clean, and so does the memory that the target starts with. */
static bool run_once(const struct session_target *t, const struct options *o, struct session_figures *out)
{
    struct round r = { .target = t, .o = o };
    struct child c;
    bool is_good;

    if (child_start(&c, CORE_OF_GENERATOR, run_round, &r) != 0)
        return false;
    is_good = child_read(c.fd, &r, sizeof(r)) && r.err == 0;
    child_end(&c);
    if (!is_good) {
        fprintf(stderr, "%s: not measured\n", t->name);
        return false;
    }
    *out = r.f;
    fprintf(stderr, "  %-10s %5u %s sessions  %7.2f us/s  lost %.3f%%  core %.0f%%  generator %.0f%%\n", t->name,
            o->sessions, kinds[o->kind].name, r.f.us, r.f.lost, r.f.core * 100, r.f.generator * 100);
    return true;
}

static void print_rows(const struct options *o, struct session_figures s[ROUNDS_MAX], unsigned n)
{
    char what[80];

    if (!n)
        return;
    qsort(s, n, sizeof(s[0]), by_us);
    snprintf(what, sizeof(what), "a second of %s session, %s", kinds[o->kind].article, o->is_idle ? "idle" : "busy");
    row_print(what, "us", o->sessions, s[n / 2].us);
    if (o->is_idle || o->kind == SESSION_UDPTL) { /* once of each kind */
        snprintf(what, sizeof(what), "making %s session", kinds[o->kind].article);
        row_print(what, "us", o->sessions, s[n / 2].setup_us);
    }
    snprintf(what, sizeof(what), "memory of %s session, %s", kinds[o->kind].article, o->is_idle ? "idle" : "busy");
    row_print(what, "kB", o->sessions, s[n / 2].kb);
}

static void print_table(const struct options *o, struct session_figures s[TARGETS][ROUNDS_MAX],
                        const unsigned n[TARGETS])
{
    const char *name = kinds[o->kind].name;
    double median[TARGETS] = { 0 };

    if (o->has_rows) {
        print_rows(o, s[IMSGW], n[IMSGW]);
        return;
    }
    printf("\n%u sessions, %s\n\n", o->sessions, o->is_idle ? "idle" : kinds[o->kind].text);
    printf(
        "| target | rounds | us per session and second (min median max) | sessions of a core | lost %% | set-up us | "
        "kB/session | its core | generator's core |\n|---|---|---|---|---|---|---|---|---|\n");
    for (int t = 0; t < TARGETS; t++) {
        const struct session_figures *m = &s[t][n[t] / 2];
        if (!n[t])
            continue;
        qsort(s[t], n[t], sizeof(s[t][0]), by_us);
        median[t] = m->us;
        printf("| %s | %u | %.1f **%.1f** %.1f | %.0f | %.3f | %.0f | %.1f | %.0f%% | %.0f%% |\n", targets[t]->name,
               n[t], s[t][0].us, m->us, s[t][n[t] - 1].us, 1e6 / m->us, m->lost, m->setup_us, m->kb, m->core * 100,
               m->generator * 100);
    }
    if (median[IMSGW] > 0 && median[BARE] > 0)
        printf("\n%s, imsgw / bare loop: %.2f\n", name, median[IMSGW] / median[BARE]);
    if (median[IMSGW] > 0 && median[RTPENGINE] > 0)
        printf("%s, imsgw / rtpengine: %.2f\n", name, median[IMSGW] / median[RTPENGINE]);
    fflush(stdout);
}

static void measure(const struct options *o)
{
    static struct session_figures s[TARGETS][ROUNDS_MAX];
    unsigned n[TARGETS] = { 0 };

    for (unsigned r = 0; r < o->rounds; r++)
        for (int t = 0; t < TARGETS; t++)
            if (targets[t]->has[o->kind] && (!o->only || strstr(targets[t]->name, o->only)))
                n[t] += run_once(targets[t], o, &s[t][n[t]]);
    print_table(o, s, n);
}

static bool parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = { { "sessions", 1, NULL, 'n' }, { "rounds", 1, NULL, 'r' },
                                           { "seconds", 1, NULL, 's' },  { "only", 1, NULL, 'o' },
                                           { "kind", 1, NULL, 'k' },     { "idle", 0, NULL, 'i' },
                                           { "rows", 0, NULL, 'R' },     { NULL, 0, NULL, 0 } };
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
        switch (c) {
        case 'n':
            o->sessions = (unsigned)atoi(optarg);
            break;
        case 'r':
            o->rounds = (unsigned)atoi(optarg);
            break;
        case 's':
            o->seconds = atof(optarg);
            break;
        case 'o':
            o->only = optarg;
            break;
        case 'i':
            o->is_idle = true;
            break;
        case 'R':
            o->has_rows = true;
            break;
        case 'k':
            o->only_kind = optarg;
            break;
        default:
            return false;
        }
    return o->rounds > 0 && o->rounds <= ROUNDS_MAX && o->sessions > 0 && o->sessions <= SESSION_MAX &&
           o->seconds > 0 && optind == argc;
}

int main(int argc, char **argv)
{
    static const uint16_t profile = GW_IQ_AEAD_AES_128_GCM;
    struct options o = { .sessions = 200, .rounds = 3, .seconds = 5 };

    if (!parse(argc, argv, &o)) {
        fprintf(stderr,
                "session_bench [--sessions N] [--rounds 1..%d] [--seconds N] [--kind text|fax|udptl] [--idle]"
                " [--only NAME] [--rows]\n",
                ROUNDS_MAX);
        return 2;
    }
    task_descriptors();
    gw_log_set_level(GW_LOG_ERROR);
    if (gw_dtls_identity_new(&profile, 1, &session_identity) != 0)
        return 1;
    for (o.kind = 0; o.kind < SESSION_KINDS; o.kind++)
        if (!o.only_kind || strcmp(o.only_kind, kinds[o.kind].option) == 0)
            measure(&o);
    gw_dtls_identity_unref(session_identity);
    return 0;
}
