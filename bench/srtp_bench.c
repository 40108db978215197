/* What SRTP costs: microseconds of thread CPU per packet, for each suite, engine and direction, over one session and
 * over many (where the caches are cold). Medians over rounds in which the engines take turns. srtp_bench [--quick] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/srtp/srtp_session.h"

enum { ROUNDS = 9, MANY = 1000, PAYLOAD = 160 };

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void make(uint8_t *p, uint16_t seq, uint32_t ssrc)
{
    memset(p, 0x55, 12 + PAYLOAD);
    p[0] = 0x80;
    p[1] = 0;
    p[2] = (uint8_t)(seq >> 8);
    p[3] = (uint8_t)seq;
    memcpy(p + 8, &ssrc, 4);
}

struct pair {
    struct gw_srtp_session *tx, *rx;
};

static void must(int err)
{
    if (err) {
        fprintf(stderr, "srtp_bench: %s\n", gw_err_text(err));
        exit(1);
    }
}

static void sessions_new(uint16_t suite, enum gw_srtp_engine engine, struct pair *s, unsigned n)
{
    const struct gw_srtp_suite *su = gw_srtp_suite_find(suite);
    struct gw_iq_crypto c = { .suite = suite, .key_len = (uint8_t)(su->key_len + su->salt_len) };

    for (unsigned i = 0; i < n; i++) {
        memcpy(c.key, &i, sizeof(i));
        must(gw_srtp_session_new(GW_SRTP_SEND, &c, engine, &s[i].tx));
        must(gw_srtp_session_new(GW_SRTP_RECV, &c, engine, &s[i].rx));
    }
}

/* One round: `packets` of each direction. Unprotecting runs over copies, whose cost is taken off. */
static void round_run(struct pair *s, unsigned n, unsigned packets, uint16_t *seq, double *protect, double *unprotect)
{
    static uint8_t pkt[256][PAYLOAD + 64];
    double tx = 0, rx = 0, t;

    for (unsigned done = 0; done < packets; done += 256) {
        size_t len[256];
        for (unsigned k = 0; k < 256; k++)
            make(pkt[k], (uint16_t)(*seq + (done + k) / n), 7);
        t = cpu_us();
        for (unsigned k = 0; k < 256; k++) {
            len[k] = 12 + PAYLOAD;
            must(gw_srtp_protect_rtp(s[(done + k) % n].tx, pkt[k], &len[k], sizeof(pkt[k])));
        }
        tx += cpu_us() - t;
        t = cpu_us();
        for (unsigned k = 0; k < 256; k++)
            must(gw_srtp_unprotect_rtp(s[(done + k) % n].rx, pkt[k], &len[k]));
        rx += cpu_us() - t;
    }
    *seq = (uint16_t)(*seq + packets / n + 1);
    *protect = tx / packets;
    *unprotect = rx / packets;
}

static void row(uint16_t suite, unsigned n, unsigned packets)
{
    static struct pair s[2][MANY];
    static double v[2][2][ROUNDS];
    uint16_t seq[2] = { 1, 1 };

    for (int e = 0; e < 2; e++)
        sessions_new(suite, e, s[e], n);
    for (int r = 0; r < ROUNDS; r++)
        for (int e = 0; e < 2; e++)
            round_run(s[e], n, packets / 256 * 256, &seq[e], &v[e][0][r], &v[e][1][r]);
    for (int e = 0; e < 2; e++) {
        for (int d = 0; d < 2; d++)
            qsort(v[e][d], ROUNDS, sizeof(double), by_value);
        for (unsigned i = 0; i < n; i++) {
            gw_srtp_session_free(s[e][i].tx);
            gw_srtp_session_free(s[e][i].rx);
        }
    }
    printf("| %-23s | %4u | %5.2f | %5.2f | %5.2f | %5.2f | %5.1f |\n", gw_srtp_suite_find(suite)->name, n,
           v[0][0][ROUNDS / 2], v[0][1][ROUNDS / 2], v[1][0][ROUNDS / 2], v[1][1][ROUNDS / 2],
           (v[1][0][ROUNDS / 2] + v[1][1][ROUNDS / 2]) / (v[0][0][ROUNDS / 2] + v[0][1][ROUNDS / 2]));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const uint16_t suites[] = { GW_IQ_AES_CM_128_HMAC_SHA1_80, GW_IQ_AES_CM_128_HMAC_SHA1_32,
                                       GW_IQ_AES_256_CM_HMAC_SHA1_80, GW_IQ_AEAD_AES_128_GCM, GW_IQ_AEAD_AES_256_GCM };
    unsigned packets = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 8192 : 65536;

    printf("CPU us per packet of %d octets, median of %d rounds\n\n", 12 + PAYLOAD, ROUNDS);
    printf("| suite                   | keys | FAST protect | unprotect | LIB protect | unprotect | LIB/FAST |\n");
    printf("|---|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        row(suites[i], 1, packets);
        row(suites[i], MANY, packets);
    }
    return 0;
}
