/* N calls at once, seen from both ends: browsers (ICE checks, DTLS-SRTP) on one side, core phones (RTP) on the other,
 * with something under test between them. One thread, two sockets: each browser is an address 127.1.x.y and each phone
 * an address 127.2.x.y on the same port, so a thousand ends cost two descriptors and the generator does not outweigh
 * what it drives.
 *
 * Packets leave at evenly spaced moments, each with the time of its sending inside; the kernel's time of arrival at the
 * other end gives the delay, so a late generator does not count as a slow gateway. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "gateway/base/addr.h"
#include "gateway/control/iq.h"

enum { LOAD_CALLS_MAX = 60000 };

struct load;

struct load_conf {
    unsigned calls;
    uint16_t suite;       /* enum gw_iq_suite: the only one that the browsers offer */
    unsigned payload;     /* octets after the RTP header, 16 to 1200 */
    unsigned interval_us; /* of one source */
    unsigned burst;       /* packets together in each interval: 1 audio, more video */
    uint8_t pt;
    bool has_sdes; /* no ICE and DTLS: the keys are load_static_key's */
    uint16_t browser_port, phone_port;
    unsigned reserved; /* calls that load_connect leaves alone, the last ones: load_run sets them up while media runs */
    unsigned setups;   /* of them, a second */
};

int load_new(const struct load_conf *conf, struct load **out);
void load_free(struct load *l);

/* What this side of a call would write into its SDP. */
struct load_local {
    char ufrag[9], pwd[25];
    struct gw_iq_fingerprint fingerprint;
    struct gw_addr browser, phone;
    uint32_t ssrc; /* of the browser */
};
void load_local(const struct load *l, unsigned call, struct load_local *out);

/* What the other side answered. */
struct load_remote {
    char ufrag[GW_IQ_UFRAG + 1], pwd[GW_IQ_PWD + 1];
    struct gw_iq_fingerprint fingerprint;
    struct gw_addr access, core;
};
void load_remote(struct load *l, unsigned call, const struct load_remote *remote);
/* Without ICE and DTLS: keys given (SDES, bare loop). The call is connected at once. */
int load_keys(struct load *l, unsigned call, const struct gw_iq_crypto *tx, const struct gw_iq_crypto *rx);
/* A key that two processes can make alike. `dir` 0: the browser sends with it. */
void load_static_key(uint16_t suite, unsigned call, unsigned dir, struct gw_iq_crypto *out);

/* ICE and DTLS for all calls with a remote side, `parallel` at a time. Number of calls connected when all are or the
 * time is over. */
unsigned load_connect(struct load *l, unsigned parallel, unsigned timeout_ms);

struct load_result {
    uint64_t sent[2], received[2];            /* [0] browser to phone, [1] phone to browser */
    uint64_t misrouted;                       /* arrived at another call's end */
    uint64_t forged;                          /* did not unprotect */
    uint64_t damaged;                         /* contents differ */
    double seconds, generator_cpu;            /* CPU of the generator, of 1 */
    unsigned p50_us, p99_us, p999_us, max_us; /* one way, both directions together */
    unsigned setups;                          /* calls connected meanwhile */
};
/* Sends media on all connected calls for this long, then waits for what is on its way. */
void load_run(struct load *l, double seconds, struct load_result *out);

#endif
