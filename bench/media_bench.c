/* What a relayed packet costs: through the gateway, rtpengine, Janus and a bare loop, in turn in one run. Prints
 * medians and ratios, never a verdict. See bench/README.md for the kinds of load. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/target.h"

enum {
    ROUNDS_MAX = 15,
    TARGETS = 4,
    CORE_OF_TARGET = 0,
    CORE_OF_GENERATOR = 1,
    BARE = 0,
    IMSGW = 1,
    RTPENGINE = 2,
    JANUS = 3
};

static const struct target *const targets[TARGETS] = { &target_bare, &target_imsgw, &target_rtpengine, &target_janus };

struct options {
    struct load_conf load;
    unsigned rounds;
    double seconds;
    const char *only, *suite, *kind;
    bool is_search, has_rows, has_janus;
};

struct sample {
    double us, control_us, setup_us, loss, generator;
    unsigned p50, p99, p999, setups;
};

static int by_us(const void *a, const void *b)
{
    double x = ((const struct sample *)a)->us, y = ((const struct sample *)b)->us;
    return (x > y) - (x < y);
}

/* One target, one round. False: it could not be run. */
static bool run_once(const struct target *t, const struct load_conf *conf, double seconds, struct sample *out)
{
    struct load_result r;
    struct load *l;
    double before, after_setup, after;
    unsigned up, first = conf->calls - conf->reserved;

    if (load_new(conf, &l) != 0) {
        fprintf(stderr, "%s: the generator has no socket\n", t->name);
        return false;
    }
    if (t->start(l, conf, CORE_OF_TARGET) != 0) {
        load_free(l);
        return false;
    }
    before = t->cpu_s();
    up = load_connect(l, 20, 120000);
    after_setup = t->cpu_s();
    load_run(l, 1, &r); /* warm */
    after = t->cpu_s();
    load_run(l, seconds, &r);
    after = t->cpu_s() - after;
    t->stop();
    load_free(l);
    if (up < first || r.received[0] + r.received[1] == 0) {
        fprintf(stderr,
                "%s: %u of %u calls connected, %llu packets arrived, %llu misrouted, %llu forged, %llu damaged\n",
                t->name, up, first, (unsigned long long)(r.received[0] + r.received[1]),
                (unsigned long long)r.misrouted, (unsigned long long)r.forged, (unsigned long long)r.damaged);
        return false;
    }
    *out = (struct sample){ .us = after * 1e6 / (double)(r.received[0] + r.received[1]),

                            .control_us = t->control_s ? t->control_s() * 1e6 / conf->calls : 0,
                            .setup_us = (after_setup - before) * 1e6 / first,
                            .loss =
                                100.0 * (1 - (double)(r.received[0] + r.received[1]) / (double)(r.sent[0] + r.sent[1])),
                            .generator = r.generator_cpu,
                            .p50 = r.p50_us,
                            .p99 = r.p99_us,
                            .p999 = r.p999_us,
                            .setups = r.setups };
    fprintf(stderr, "  %-10s %5u calls  %6.2f us/packet  loss %.3f%%  p50 %u p99 %u us  generator %.0f%%\n", t->name,
            conf->calls, out->us, out->loss, out->p50, out->p99, r.generator_cpu * 100);
    return true;
}

static void print_table(const struct options *o, struct sample s[TARGETS][ROUNDS_MAX], const unsigned n[TARGETS])
{
    const struct load_conf *conf = &o->load;
    double median[TARGETS] = { 0 };

    for (int t = 0; t < TARGETS; t++) {
        qsort(s[t], n[t], sizeof(s[t][0]), by_us);
        median[t] = n[t] ? s[t][n[t] / 2].us : 0;
    }
    if (o->has_rows && n[IMSGW]) {
        row_print("a relayed packet, all calls at 50 packets/s both ways", "us", conf->calls, median[IMSGW]);
        row_print("control of a call (Iq)", "us", conf->calls, s[IMSGW][n[IMSGW] / 2].control_us);
        row_print("ICE and DTLS of a call", "us", conf->calls, s[IMSGW][n[IMSGW] / 2].setup_us);
    }
    if (o->has_rows)
        return;
    printf("\n%u calls both ways, %s, %u octets, %s %s", conf->calls - conf->reserved, o->kind, 12 + conf->payload,
           conf->has_sdes ? "SDES" : "DTLS-SRTP", o->suite);
    if (conf->reserved)
        printf(", while %u calls a second are set up", conf->setups);
    printf("\n\n| target | rounds | us/packet (min median max) | to imsgw | p50 us | p99 us | p99.9 us | loss %% | "
           "control us/call | ICE, DTLS us/call |\n");
    printf("|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (int t = 0; t < TARGETS; t++) {
        const struct sample *m = &s[t][n[t] / 2];
        if (!n[t])
            continue;
        printf("| %s | %u | %.2f **%.2f** %.2f | %.2f | %u | %u | %u | %.3f | %.0f | %.0f |\n", targets[t]->name, n[t],
               s[t][0].us, m->us, s[t][n[t] - 1].us, median[IMSGW] > 0 ? m->us / median[IMSGW] : 0, m->p50, m->p99,
               m->p999, m->loss, m->control_us, m->setup_us);
    }
    if (median[IMSGW] > 0 && median[RTPENGINE] > 0)
        printf("\nimsgw / rtpengine: %.2f\n", median[IMSGW] / median[RTPENGINE]);
    if (median[IMSGW] > 0 && median[BARE] > 0)
        printf("imsgw / bare loop: %.2f\n", median[IMSGW] / median[BARE]);
    if (median[IMSGW] > 0 && median[JANUS] > 0)
        printf("imsgw / janus: %.2f\n", median[IMSGW] / median[JANUS]);
    fflush(stdout);
}

/* Janus only if it is asked for: it needs an interface of its own (target_janus.c). */
static bool is_wanted(const struct options *o, int t)
{
    if (t == JANUS && !o->has_janus)
        return false;
    return !o->only || strstr(targets[t]->name, o->only);
}

static void compare(const struct options *o)
{
    static struct sample s[TARGETS][ROUNDS_MAX];
    unsigned n[TARGETS] = { 0 };

    for (unsigned r = 0; r < o->rounds; r++)
        for (int t = 0; t < TARGETS; t++)
            if (is_wanted(o, t) && !(o->load.reserved && t == BARE)) /* it sets up nothing */
                n[t] += run_once(targets[t], &o->load, o->seconds, &s[t][n[t]]);
    print_table(o, s, n);
}

/* ---- the largest number of calls (loss below 0.1%, p99 of the added delay below 5 ms) ---- */

enum { TRIES = 5, MAJORITY = TRIES / 2 + 1 };

static int by_p99(const void *a, const void *b)
{
    unsigned x = ((const struct sample *)a)->p99, y = ((const struct sample *)b)->p99;
    return (x > y) - (x < y);
}

/* The majority of five runs, which is what the median of five says; three alike decide. A run that failed is a bad one.
 * `out`: of those that ran, the one in the middle. */
static bool is_good(const struct target *t, const struct options *o, unsigned calls, struct sample *out)
{
    struct load_conf conf = o->load;
    struct sample s[TRIES];
    unsigned n = 0, good = 0, bad = 0;

    conf.calls = calls;
    while (good < MAJORITY && bad < MAJORITY) {
        bool has_run = run_once(t, &conf, o->seconds, &s[n]);
        if (has_run && s[n].loss < 0.1 && s[n].p99 < 5000)
            good++;
        else
            bad++;
        n += has_run;
    }
    qsort(s, n, sizeof(s[0]), by_p99);
    *out = n ? s[n / 2] : (struct sample){ 0 };
    return good == MAJORITY;
}

static void search(const struct options *o)
{
    unsigned best[TARGETS] = { 0 };

    printf("\nLargest number of calls both ways, %s, %s: loss below 0.1%%, p99 of the delay below 5 ms; majority of %d "
           "runs\n\n",
           o->kind, o->suite, TRIES);
    printf("| target | part | calls | us/packet | p50 us | p99 us | p99.9 us | loss %% | generator's core |\n");
    printf("|---|---|---|---|---|---|---|---|---|\n");
    for (int t = IMSGW; t < TARGETS; t++) {
        struct sample s;
        unsigned low = 0, high = 200;
        if (!is_wanted(o, t))
            continue;
        while (high <= 6400 && is_good(targets[t], o, high, &s)) {
            low = high;
            high *= 2;
        }
        while (high - low > 50) {
            unsigned middle = (low + high) / 2;
            if (is_good(targets[t], o, middle, &s))
                low = middle;
            else
                high = middle;
        }
        best[t] = low;
        for (unsigned part = 25; low && part <= 100; part += part == 75 ? 15 : part == 90 ? 10 : 25) {
            (void)is_good(targets[t], o, low * part / 100, &s);
            printf("| %s | %u%% | %u | %.2f | %u | %u | %u | %.3f | %.0f%% |\n", targets[t]->name, part,
                   low * part / 100, s.us, s.p50, s.p99, s.p999, s.loss, s.generator * 100);
        }
    }
    if (best[RTPENGINE])
        printf("\nimsgw / rtpengine: %.1f\n", (double)best[IMSGW] / best[RTPENGINE]);
    fflush(stdout);
}

static bool parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        { "calls", 1, NULL, 'n' },  { "rounds", 1, NULL, 'r' }, { "seconds", 1, NULL, 's' }, { "only", 1, NULL, 'o' },
        { "gcm", 0, NULL, 'g' },    { "sdes", 0, NULL, 'k' },   { "video", 0, NULL, 'v' },   { "setups", 1, NULL, 'u' },
        { "search", 0, NULL, 'x' }, { "rows", 0, NULL, 'R' },   { "janus", 0, NULL, 'j' },   { NULL, 0, NULL, 0 }
    };
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
        switch (c) {
        case 'n':
            o->load.calls = (unsigned)atoi(optarg);
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
        case 'k':
            o->load.has_sdes = true;
            break;
        case 'u':
            o->load.setups = (unsigned)atoi(optarg);
            break;
        case 'j':
            o->has_janus = true;
            break;
        case 'R':
            o->has_rows = true;
            break;
        case 'x':
            o->is_search = true;
            break;
        case 'g':
            o->load.suite = GW_IQ_AEAD_AES_128_GCM;
            o->suite = "AEAD_AES_128_GCM";
            break;
        case 'v': /* 30 frames a second of about 8 kB: 2 Mbit/s */
            o->load.payload = 1000;
            o->load.burst = 8;
            o->load.interval_us = 33333;
            o->kind = "8 packets every 33 ms";
            break;
        default:
            return false;
        }
    o->load.reserved = (unsigned)((o->seconds + 1) * o->load.setups);
    o->load.calls += o->load.reserved;
    return o->rounds > 0 && o->rounds <= ROUNDS_MAX && o->load.calls > o->load.reserved &&
           o->load.calls <= LOAD_CALLS_MAX && o->seconds > 0 && optind == argc;
}

int main(int argc, char **argv)
{
    struct options o = { .load = { .calls = 400,
                                   .suite = GW_IQ_AES_CM_128_HMAC_SHA1_80,
                                   .payload = 160,
                                   .interval_us = 20000,
                                   .burst = 1,
                                   .pt = 8,
                                   .browser_port = 22600,
                                   .phone_port = 22601 },
                         .rounds = 3,
                         .seconds = 5,
                         .suite = "AES_CM_128_HMAC_SHA1_80",
                         .kind = "50 packets/s each" };

    if (!parse(argc, argv, &o)) {
        fprintf(
            stderr,
            "media_bench [--calls N] [--rounds 1..%d] [--seconds N] [--gcm] [--sdes] [--video] [--setups PER_SECOND]"
            " [--search] [--only NAME] [--rows] [--janus]\n",
            ROUNDS_MAX);
        return 2;
    }
    setlinebuf(stdout); /* what waited would be printed again by each child */
    task_descriptors();
    task_pin(0, CORE_OF_GENERATOR);
    if (o.is_search)
        search(&o);
    else
        compare(&o);
    return 0;
}
