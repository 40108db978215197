/* What a relayed packet costs: DTLS-SRTP to RTP and back, audio at 20 ms, through the gateway, rtpengine and a bare loop, in turn
 * in one run. Prints medians and ratios, never a verdict.
 *   media_bench [--calls N] [--rounds N] [--seconds N] [--suite cm|gcm] [--only NAME] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/target.h"

enum { ROUNDS_MAX = 15, TARGETS = 3, CORE_OF_TARGET = 0, CORE_OF_GENERATOR = 1 };

static const struct target *const targets[TARGETS] = { &target_bare, &target_imsgw, &target_rtpengine };

struct sample {
    double us, setup_us, loss;
    unsigned p50, p99, p999;
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
    unsigned up;

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
    if (up < conf->calls || r.received[0] + r.received[1] == 0) {
        fprintf(stderr, "%s: %u of %u calls connected, %llu packets arrived\n", t->name, up, conf->calls,
                (unsigned long long)(r.received[0] + r.received[1]));
        return false;
    }
    *out = (struct sample){ after * 1e6 / (double)(r.received[0] + r.received[1]),
                            (after_setup - before) * 1e6 / conf->calls,
                            100.0 * (1 - (double)(r.received[0] + r.received[1]) / (double)(r.sent[0] + r.sent[1])), r.p50_us,
                            r.p99_us, r.p999_us };
    fprintf(stderr, "  %-10s %5u calls  %6.2f us/packet  loss %.3f%%  p50 %u p99 %u us  generator %.0f%%\n", t->name, conf->calls,
            out->us, out->loss, out->p50, out->p99, r.generator_cpu * 100);
    return true;
}

static void print_table(const struct load_conf *conf, const char *suite, struct sample s[TARGETS][ROUNDS_MAX],
                        const unsigned n[TARGETS])
{
    double median[TARGETS] = { 0 };

    for (int t = 0; t < TARGETS; t++) {
        qsort(s[t], n[t], sizeof(s[t][0]), by_us);
        median[t] = n[t] ? s[t][n[t] / 2].us : 0;
    }
    printf("\n%u calls both ways, 50 packets/s each, %u octets, %s\n\n", conf->calls, 12 + conf->payload, suite);
    printf("| target | rounds | us/packet (min median max) | to imsgw | p50 us | p99 us | p99.9 us | loss %% | ICE+DTLS us/call |\n");
    printf("|---|---|---|---|---|---|---|---|---|\n");
    for (int t = 0; t < TARGETS; t++) {
        const struct sample *m = &s[t][n[t] / 2];
        if (!n[t])
            continue;
        printf("| %s | %u | %.2f **%.2f** %.2f | %.2f | %u | %u | %u | %.3f | %.0f |\n", targets[t]->name, n[t], s[t][0].us, m->us,
               s[t][n[t] - 1].us, median[1] > 0 ? m->us / median[1] : 0, m->p50, m->p99, m->p999, m->loss, m->setup_us);
    }
    if (median[1] > 0 && median[2] > 0)
        printf("\nimsgw / rtpengine: %.2f\n", median[1] / median[2]);
    if (median[1] > 0 && median[0] > 0)
        printf("imsgw / bare loop: %.2f\n", median[1] / median[0]);
}

int main(int argc, char **argv)
{
    struct load_conf conf = { .calls = 400, .suite = GW_IQ_AES_CM_128_HMAC_SHA1_80, .payload = 160, .interval_us = 20000, .burst = 1,
                              .pt = 8, .browser_port = 22600, .phone_port = 22601 };
    static struct sample s[TARGETS][ROUNDS_MAX];
    unsigned n[TARGETS] = { 0 }, rounds = 3;
    struct rlimit files = { 65536, 65536 };
    const char *only = NULL, *suite = "AES_CM_128_HMAC_SHA1_80";
    double seconds = 5;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--calls") == 0)
            conf.calls = (unsigned)atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--rounds") == 0)
            rounds = (unsigned)atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = atof(argv[i + 1]);
        else if (strcmp(argv[i], "--only") == 0)
            only = argv[i + 1];
        else if (strcmp(argv[i], "--suite") == 0 && strcmp(argv[i + 1], "gcm") == 0) {
            conf.suite = GW_IQ_AEAD_AES_128_GCM;
            suite = "AEAD_AES_128_GCM";
        }
    }
    if (rounds == 0 || rounds > ROUNDS_MAX || conf.calls == 0 || conf.calls > LOAD_CALLS_MAX || seconds <= 0) {
        fprintf(stderr, "media_bench [--calls N] [--rounds 1..%d] [--seconds N] [--suite cm|gcm] [--only NAME]\n", ROUNDS_MAX);
        return 2;
    }
    setrlimit(RLIMIT_NOFILE, &files);
    task_pin(0, CORE_OF_GENERATOR);
    for (unsigned r = 0; r < rounds; r++)
        for (int t = 0; t < TARGETS; t++)
            if (!only || strstr(targets[t]->name, only))
                n[t] += run_once(targets[t], &conf, seconds, &s[t][n[t]]);
    print_table(&conf, suite, s, n);
    return n[0] + n[1] + n[2] == 0;
}
