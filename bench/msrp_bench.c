/* What MSRP between a data channel and TCP costs in the gateway, beside bare SCTP over DTLS (usrsctp and OpenSSL, no
 * session, no gateway) between the same client and a process that does nothing else. Prints medians and ratios, never a
 * verdict. msrp_bench [--mb N] [--rounds N] [--sessions N] [--held N] [--rows yes] */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/data_end.h"
#include "bench/target.h"
#include "gateway/base/log.h"

enum { PIECE = 16000, ROUNDS_MAX = 15, SMALL = 100, AT_ONCE = 10, CORE_OF_TARGET = 0, CORE_OF_CLIENT = 1 };

#define CH_OWN "msrps://gw.example:9/s2;dc"
#define CH_PEER "msrps://browser.invalid:9/b1;dc"
#define CORE_OWN "msrp://127.0.0.1:21000/s1;tcp"
#define CORE_PEER "msrp://127.0.0.1:31000/z;tcp"

static struct gw_dtls_identity *identity; /* of both ends of the bare path, and of the client */
static struct gw_sctp_host *host;
static uint64_t megabytes = 64;
static unsigned rounds = 3, sessions = 100, nheld; /* held: sessions that are there meanwhile */
static bool has_rows;

struct figures {
    double mb_s, cpu_ms; /* CPU milliseconds of the target for each megabyte, or message, or session */
};

/* ---- processes ---- */

static struct child bare, gateway, *target; /* both before this process has usrsctp running */

static double cpu(void)
{
    return task_cpu_s(target->pid, 0);
}

/* ---- the bare path ---- */

static uint64_t bare_left; /* octets that this end has to send */

static void on_order(struct data_end *e, struct gw_span m)
{
    (void)e;
    if (m.len == sizeof(bare_left)) /* the client wants so much */
        memcpy(&bare_left, m.ptr, sizeof(bare_left));
}

static void run_bare(int in, void *arg)
{
    static uint8_t zeros[PIECE + 200];
    struct pollfd p[3];
    struct data_end e;
    uint16_t port;

    (void)arg;
    if (gw_sctp_init(true) != 0 || gw_sctp_host_new(&host) != 0 || data_end_init(&e, false, identity, host) != 0)
        return;
    e.expected = *gw_dtls_identity_fingerprint(identity);
    e.on_message = on_order;
    port = data_end_port(&e);
    (void)child_write(in, &port, sizeof(port));
    for (;;) {
        p[0] = (struct pollfd){ e.fd, POLLIN, 0 };
        p[1] = (struct pollfd){ gw_sctp_host_fd(host), POLLIN, 0 };
        p[2] = (struct pollfd){ in, POLLIN, 0 };
        poll(p, 3, 20);
        if (p[2].revents)
            return;
        data_end_turn(&e);
        gw_sctp_host_poll(host);
        while (bare_left && data_end_send(&e, (struct gw_span){ zeros, sizeof(zeros) }) == 0)
            bare_left -= bare_left < PIECE ? bare_left : PIECE;
    }
}

/* ---- the gateway ---- */

static char conf_text[] = "access_address = 127.0.0.1\naccess_port = 22800\ncore_address = 127.0.0.1\n"
                          "core_port_min = 1024\ncore_port_max = 32000\nmedia_contexts = 60000\nworkers = 1\n"
                          "consent_timeout_s = 3600\n";

static const struct gw_iq_reply *ask(const struct gw_iq_req *req)
{
    const struct gw_iq_reply *r = agw_child_ask(&gateway, req);

    if (!r)
        exit(1);
    return r;
}

struct call {
    uint64_t ctx;
    struct data_end end;
    int tcp;
};

static uint64_t txn;

static void make_call(struct call *c)
{
    static struct gw_iq_req req;
    const struct gw_iq_reply *r;
    struct sockaddr_storage ss;
    socklen_t len;

    if (data_end_init(&c->end, true, identity, host) != 0)
        exit(1);
    req =
        (struct gw_iq_req){ .txn = ++txn, .op = GW_IQ_RESERVE_CONFIGURE, .call = "bench", .nterms = 2, .nchannels = 1 };
    req.terms[0] = (struct gw_iq_term){ .id = 1,
                                        .realm = GW_IQ_ACCESS,
                                        .security = GW_IQ_DTLS,
                                        .family = 4,
                                        .has_ice = true,
                                        .has_rtcp_mux = true,
                                        .ice_generation = 1,
                                        .dtls_generation = 1,
                                        .setup = GW_IQ_SETUP_PASSIVE,
                                        .nfingerprints = 1,
                                        .has_sctp = true,
                                        .sctp_port = 5000,
                                        .remote_sctp_port = 5000,
                                        .remote_max_message = 262144 };
    req.terms[0].fingerprints[0] = *gw_dtls_identity_fingerprint(identity);
    strcpy(req.terms[0].remote_ufrag, "bench");
    strcpy(req.terms[0].remote_pwd, "benchbenchbenchbenchbench");
    req.terms[1] = (struct gw_iq_term){ .id = 2, .realm = GW_IQ_CORE, .family = 4, .transport = GW_IQ_TCP };
    req.channels[0] = (struct gw_iq_channel){ .id = 9,
                                              .protocol = GW_IQ_MSRP,
                                              .access_term = 1,
                                              .core_term = 2,
                                              .to_core = true,
                                              .to_access = true,
                                              .stream = 2,
                                              .has_b2bua = true,
                                              .own_uri = CH_OWN,
                                              .peer_uri = CH_PEER,
                                              .core_uri = CORE_OWN,
                                              .core_path = CORE_PEER };
    r = ask(&req);
    c->ctx = r->ctx;
    gw_addr_to_sockaddr(&r->locals[0].candidates[0], &ss);
    memcpy(&c->end.peer, &ss, sizeof(c->end.peer));
    c->end.expected = r->locals[0].fingerprint;
    snprintf(c->end.user, sizeof(c->end.user), "%s:bench", r->locals[0].ufrag);
    strcpy(c->end.pwd, r->locals[0].pwd);
    len = gw_addr_to_sockaddr(&r->locals[1].rtp, &ss);
    c->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(c->tcp, (struct sockaddr *)&ss, len) != 0)
        exit(1);
}

static void end_call(struct call *c)
{
    static struct gw_iq_req req;

    req = (struct gw_iq_req){ .txn = ++txn, .op = GW_IQ_RELEASE, .ctx = c->ctx };
    ask(&req);
    data_end_fini(&c->end);
    close(c->tcp);
}

/* ---- the client ---- */

/* Runs an end until its peer, or `tcp`, has something; never longer than 10 ms. */
static void turn(struct data_end *e, int tcp, bool wants_tcp_out)
{
    struct pollfd p[3] = { { e->fd, POLLIN, 0 },
                           { gw_sctp_host_fd(host), POLLIN, 0 },
                           { tcp, (short)(POLLIN | (wants_tcp_out ? POLLOUT : 0)), 0 } };

    poll(p, tcp >= 0 ? 3 : 2, 10);
    data_end_turn(e);
    gw_sctp_host_poll(host);
}

static void wait_up(struct data_end *e)
{
    uint64_t end = gw_clock_us() + 10 * GW_S;

    while (!e->is_up && gw_clock_us() < end)
        turn(e, -1, false);
    if (!e->is_up) {
        fprintf(stderr, "no association\n");
        exit(1);
    }
}

static size_t chunk(char *out, size_t body, uint64_t at, uint64_t total, bool is_client)
{
    int n = sprintf(out,
                    "MSRP t%08x SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: m123\r\nFailure-Report: no\r\n"
                    "Byte-Range: %llu-*/%llu\r\nContent-Type: a/b\r\n\r\n",
                    (unsigned)at, is_client ? CH_OWN : CORE_OWN, is_client ? CH_PEER : CORE_PEER,
                    (unsigned long long)at + 1, (unsigned long long)total);

    memset(out + n, 'x', body);
    n += (int)body;
    return (size_t)(n + sprintf(out + n, "\r\n-------t%08x%c\r\n", (unsigned)at, at + body == total ? '$' : '+'));
}

/* Sends `total` octets in messages of `piece` until `tcp` has as many; or, bare, until SCTP has none left. */
static struct figures send_up(struct data_end *e, int tcp, uint64_t total, size_t piece)
{
    static char m[PIECE + 600], sink[262144];
    const size_t more =
        strlen(CORE_OWN CORE_PEER) - strlen(CH_OWN CH_PEER); /* a chunk has other paths there; may be "negative" */
    uint64_t put = 0, got = 0, due = 0, begin = gw_clock_us();
    double before = cpu();
    size_t len = 0;

    while (put < total || (tcp >= 0 ? got < due : gw_sctp_unsent(e->a) != 0)) {
        while (put < total) {
            if (!len)
                len = chunk(m, total - put < piece ? (size_t)(total - put) : piece, put, total, true);
            if (data_end_send(e, (struct gw_span){ m, len }) != 0)
                break;
            put += total - put < piece ? total - put : piece;
            due += len + more;
            len = 0;
        }
        turn(e, tcp, false);
        for (ssize_t n; tcp >= 0 && (n = recv(tcp, sink, sizeof(sink), MSG_DONTWAIT)) > 0;)
            got += (size_t)n;
        if (gw_clock_us() - begin > 300 * GW_S)
            exit(1);
    }
    return (struct figures){ (double)total / (double)(gw_clock_us() - begin), (cpu() - before) * 1e9 / (double)total };
}

static struct figures send_down(struct data_end *e, int tcp, uint64_t total)
{
    static char m[PIECE + 600];
    uint64_t put = 0, begin = gw_clock_us(), from = e->octets;
    double before = cpu();
    size_t at = 0, len = 0;

    if (tcp < 0 && data_end_send(e, (struct gw_span){ &total, sizeof(total) }) != 0)
        exit(1);
    while (e->octets - from < total) {
        for (ssize_t n = 1; tcp >= 0 && n > 0 && (put < total || at < len);) {
            if (at == len) {
                len = chunk(m, total - put < PIECE ? (size_t)(total - put) : PIECE, put, total, false);
                put += total - put < PIECE ? total - put : PIECE;
                at = 0;
            }
            n = send(tcp, m + at, len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
            at += n > 0 ? (size_t)n : 0;
        }
        turn(e, tcp, put < total || at < len);
        if (gw_clock_us() - begin > 300 * GW_S)
            exit(1);
    }
    return (struct figures){ (double)total / (double)(gw_clock_us() - begin), (cpu() - before) * 1e9 / (double)total };
}

/* So many calls, from the request to the association and its end, a few at a time. */
static struct figures make_sessions(unsigned n)
{
    static struct call calls[AT_ONCE];
    uint64_t begin = gw_clock_us();
    double before = cpu();

    for (unsigned done = 0; done < n; done += AT_ONCE) {
        for (unsigned i = 0; i < AT_ONCE; i++)
            make_call(&calls[i]);
        for (unsigned up = 0; up < AT_ONCE;) {
            up = 0;
            for (unsigned i = 0; i < AT_ONCE; i++) {
                data_end_turn(&calls[i].end);
                up += calls[i].end.is_up;
            }
            gw_sctp_host_poll(host);
            if (gw_clock_us() - begin > 300 * GW_S)
                exit(1);
        }
        for (unsigned i = 0; i < AT_ONCE; i++)
            end_call(&calls[i]);
    }
    return (struct figures){ n * 1e6 / (double)(gw_clock_us() - begin), (cpu() - before) * 1e3 / n };
}

static struct call *held;
static double held_kb;

static void hold_sessions(void)
{
    uint64_t end = gw_clock_us() + 300 * GW_S;
    long before = task_pss_kb(gateway.pid);

    held = calloc(nheld, sizeof(*held));
    for (unsigned i = 0; i < nheld; i++) {
        make_call(&held[i]);
        while (!held[i].end.is_up && gw_clock_us() < end)
            turn(&held[i].end, -1, false);
    }
    if (nheld)
        held_kb = (double)(task_pss_kb(gateway.pid) - before) / nheld;
}

/* ---- the table ---- */

enum { BARE_UP, BARE_DOWN, GW_UP, GW_DOWN, GW_SMALL, BARE_SMALL, GW_SESSIONS, ROWS };

static int by_rate(const void *a, const void *b)
{
    double x = ((const struct figures *)a)->mb_s, y = ((const struct figures *)b)->mb_s;
    return (x > y) - (x < y);
}

static struct data_end bare_end;

static void connect_bare(void)
{
    uint16_t port;

    if (!child_read(bare.fd, &port, sizeof(port)) || data_end_init(&bare_end, true, identity, host) != 0)
        exit(1);
    bare_end.peer = (struct sockaddr_in){ .sin_family = AF_INET,
                                          .sin_port = htons(port),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    bare_end.expected = *gw_dtls_identity_fingerprint(identity);
    wait_up(&bare_end);
}

static void measure_bare(struct figures f[ROWS][ROUNDS_MAX], unsigned round)
{
    target = &bare;
    f[BARE_UP][round] = send_up(&bare_end, -1, megabytes * 1000000, PIECE);
    f[BARE_DOWN][round] = send_down(&bare_end, -1, megabytes * 1000000);
    f[BARE_SMALL][round] = send_up(&bare_end, -1, megabytes * 10000, SMALL);
}

static void measure_gateway(struct figures f[ROWS][ROUNDS_MAX], unsigned round)
{
    struct call c;

    target = &gateway;
    make_call(&c);
    wait_up(&c.end);
    f[GW_UP][round] = send_up(&c.end, c.tcp, megabytes * 1000000, PIECE);
    f[GW_DOWN][round] = send_down(&c.end, c.tcp, megabytes * 1000000);
    f[GW_SMALL][round] = send_up(&c.end, c.tcp, megabytes * 10000, SMALL);
    end_call(&c);
    f[GW_SESSIONS][round] = make_sessions(sessions);
}

static void print_table(struct figures f[ROWS][ROUNDS_MAX])
{
    struct figures m[ROWS];

    for (int i = 0; i < ROWS; i++) {
        qsort(f[i], rounds, sizeof(f[i][0]), by_rate);
        m[i] = f[i][rounds / 2];
    }
    printf("\n%llu MB in messages of %d octets, medians of %u rounds\n\n", (unsigned long long)megabytes, PIECE,
           rounds);
    printf("| | gateway | bare SCTP over DTLS | ratio | gateway CPU ms/MB | bare CPU ms/MB | ratio "
           "|\n|---|---|---|---|---|---|---|\n");
    printf("| file from the client, MB/s | %.1f | %.1f | %.2f | %.2f | %.2f | %.2f |\n", m[GW_UP].mb_s, m[BARE_UP].mb_s,
           m[GW_UP].mb_s / m[BARE_UP].mb_s, m[GW_UP].cpu_ms, m[BARE_UP].cpu_ms, m[GW_UP].cpu_ms / m[BARE_UP].cpu_ms);
    printf("| file to the client, MB/s | %.1f | %.1f | %.2f | %.2f | %.2f | %.2f |\n", m[GW_DOWN].mb_s,
           m[BARE_DOWN].mb_s, m[GW_DOWN].mb_s / m[BARE_DOWN].mb_s, m[GW_DOWN].cpu_ms, m[BARE_DOWN].cpu_ms,
           m[GW_DOWN].cpu_ms / m[BARE_DOWN].cpu_ms);
    printf("\nmessages of %d octets from a client: %.0f/s, bare %.0f/s; CPU %.1f us each, bare %.1f us\n", SMALL,
           m[GW_SMALL].mb_s * 1e6 / SMALL, m[BARE_SMALL].mb_s * 1e6 / SMALL, m[GW_SMALL].cpu_ms * SMALL / 1e3,
           m[BARE_SMALL].cpu_ms * SMALL / 1e3);
    printf("sessions made and ended: %.0f/s, %.2f ms of CPU each\n", m[GW_SESSIONS].mb_s, m[GW_SESSIONS].cpu_ms);
}

static void print_rows(struct figures f[ROWS][ROUNDS_MAX])
{
    static const struct {
        const char *what;
        int row;
        double factor;
    } rows[] = { { "an MSRP message of 100 octets, so many sessions held", GW_SMALL, SMALL },
                 { "a kilobyte of an MSRP file from the client, so many sessions held", GW_UP, 1 },
                 { "an MSRP session made and ended, so many held", GW_SESSIONS, 1e3 } };

    for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        struct figures *r = f[rows[k].row];
        qsort(r, rounds, sizeof(r[0]), by_rate);
        row_print(rows[k].what, "us", nheld, r[rounds / 2].cpu_ms * rows[k].factor / (k == 0 ? 1e3 : 1));
    }
    row_print("memory of an MSRP session that was just made", "kB", nheld, held_kb);
}

int main(int argc, char **argv)
{
    static const uint16_t profile = GW_IQ_AEAD_AES_128_GCM;
    static struct figures f[ROWS][ROUNDS_MAX];

    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned v = (unsigned)atoi(argv[i + 1]);
        if (strcmp(argv[i], "--mb") == 0 && v)
            megabytes = v;
        else if (strcmp(argv[i], "--rounds") == 0 && v && v <= ROUNDS_MAX)
            rounds = v;
        else if (strcmp(argv[i], "--sessions") == 0 && v)
            sessions = v;
        else if (strcmp(argv[i], "--held") == 0)
            nheld = v;
        else if (strcmp(argv[i], "--rows") == 0)
            has_rows = true;
    }
    signal(SIGPIPE, SIG_IGN);
    if (task_descriptors() < 5 * nheld)
        fprintf(stderr, "not allowed to have that many descriptors\n");
    gw_log_set_level(GW_LOG_ERROR);
    if (gw_dtls_identity_new(&profile, 1, &identity) != 0)
        return 1;
    if (child_start(&bare, CORE_OF_TARGET, run_bare, NULL) != 0 ||
        child_start(&gateway, CORE_OF_TARGET, agw_child_run, conf_text) != 0)
        return 1;
    task_pin(0, CORE_OF_CLIENT);
    if (gw_sctp_init(true) != 0 || gw_sctp_host_new(&host) != 0)
        return 1;
    if (!has_rows)
        connect_bare();
    hold_sessions();
    for (unsigned r = 0; r < rounds; r++) {
        if (!has_rows)
            measure_bare(f, r);
        for (unsigned i = 0; i < nheld; i++) /* each keeps its consent, and answers heartbeats */
            data_end_turn(&held[i].end);
        measure_gateway(f, r);
    }
    if (has_rows)
        print_rows(f);
    else
        print_table(f);
    child_end(&bare);
    child_end(&gateway);
    return 0;
}
