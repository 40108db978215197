/* Sessions with a data channel each, made and ended again and again: memory and descriptors return to where they were
 * (SCTP-015). IMSGW_TEST_SOAK_S makes it last, with 500 sessions at a time. */
#include <dirent.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "bench/data_end.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/media/agw.h"

enum { MOST = 500 };

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
/* usrsctp remembers the tags of associations for a minute, in blocks of 200 octets that keep their pages from being
 * given back: a few MB after 30000 sessions, and no more with more. */
enum { GROWTH_KB = 24576 };
#else
enum { GROWTH_KB = 1 << 30 }; /* a sanitizer keeps what was freed */
#endif

#define CH_OWN "msrps://gw.example:9/s2;dc"
#define CH_PEER "msrps://browser.invalid:9/b1;dc"
#define HELLO                                                                                                          \
    "MSRP abcd1 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\nMessage-ID: m123\r\n-------abcd1$\r\n"

struct session {
    uint64_t ctx;
    struct data_end end;
    int tcp;
    bool is_said, is_heard;
};

static struct session sessions[MOST];
static struct gw_conf *conf;
static struct gw_agw *agw;
static struct gw_dtls_identity *identity;
static struct gw_sctp_host *host;
static struct gw_iq_reply reply;
static bool has_reply;

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    (void)arg;
    (void)n;
}

static void on_reply(void *arg, const struct gw_iq_reply *r)
{
    (void)arg;
    reply = *r;
    has_reply = true;
}

static int ask(const struct gw_iq_req *req)
{
    struct gw_iq_req *copy = malloc(sizeof(*copy));

    *copy = *req;
    has_reply = false;
    EQ(gw_agw_submit(agw, &copy, on_reply, NULL), 0);
    while (!has_reply) { /* TIMEOUT comes by itself */
        struct pollfd p = { gw_agw_fd(agw), POLLIN, 0 };
        poll(&p, 1, 100);
        gw_agw_dispatch(agw);
    }
    return reply.err;
}

static void start(bool is_long)
{
    static const uint16_t profile = GW_IQ_AEAD_AES_128_GCM;
    char text[400], why[256] = "";
    int err = GW_E_IO;

    gw_log_set_level(GW_LOG_ERROR);
    for (int port = 45000; err && port < 46000; port += 100) {
        gw_conf_free(conf);
        conf = NULL;
        snprintf(text, sizeof(text),
                 "access_address = 127.0.0.1\naccess_port = %d\ncore_address = 127.0.0.1\ncore_port_min = %d\n"
                 "core_port_max = %d\nmedia_contexts = 1000\nmedia_handshakes = 1000\nworkers = 2\n",
                 port, is_long ? 46000 : port + 2, is_long ? 48999 : port + 99);
        EQ(gw_conf_parse("test", text, strlen(text), &conf, why, sizeof(why)), 0);
        err = gw_agw_new(conf, on_notify, NULL, &agw, why, sizeof(why));
    }
    if (err) {
        fprintf(stderr, "no free port for the gateway: %s\n", why);
        exit(1);
    }
    EQ(gw_agw_start(agw), 0);
    EQ(gw_dtls_identity_new(&profile, 1, &identity), 0);
    EQ(gw_sctp_init(true), 0);
    EQ(gw_sctp_host_new(&host), 0);
}

static void begin_session(struct session *s)
{
    static struct gw_iq_req req;
    struct sockaddr_storage ss;
    socklen_t len;

    *s = (struct session){ 0 };
    EQ(data_end_init(&s->end, true, identity, host), 0);
    req = (struct gw_iq_req){ .op = GW_IQ_RESERVE_CONFIGURE, .call = "soak", .nterms = 2, .nchannels = 1 };
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
                                        .remote_sctp_port = 5000 };
    req.terms[0].fingerprints[0] = *gw_dtls_identity_fingerprint(identity);
    strcpy(req.terms[0].remote_ufrag, "soak");
    strcpy(req.terms[0].remote_pwd, "soaksoaksoaksoaksoaksoak");
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
                                              .core_uri = "msrp://127.0.0.1:1/a;tcp",
                                              .core_path = "msrp://127.0.0.1:2/b;tcp" };
    EQ(ask(&req), 0);
    s->ctx = reply.ctx;
    gw_addr_to_sockaddr(&reply.locals[0].candidates[0], &ss);
    memcpy(&s->end.peer, &ss, sizeof(s->end.peer));
    s->end.expected = reply.locals[0].fingerprint;
    snprintf(s->end.user, sizeof(s->end.user), "%s:soak", reply.locals[0].ufrag);
    strcpy(s->end.pwd, reply.locals[0].pwd);
    len = gw_addr_to_sockaddr(&reply.locals[1].rtp, &ss);
    s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EQ(connect(s->tcp, (struct sockaddr *)&ss, len), 0);
}

/* True: its message has come to the core. */
static bool run_session(struct session *s)
{
    char buf[1000];

    data_end_turn(&s->end);
    if (s->end.is_up && !s->is_said)
        s->is_said = data_end_send(&s->end, gw_span_str(HELLO)) == 0;
    if (!s->is_heard)
        s->is_heard = recv(s->tcp, buf, sizeof(buf), MSG_DONTWAIT) > 0;
    return s->is_heard;
}

static void end_session(struct session *s, bool is_abort)
{
    struct gw_iq_req req = { .op = GW_IQ_RELEASE, .ctx = s->ctx };

    if (is_abort) { /* the client goes first */
        gw_sctp_free(s->end.a);
        s->end.a = NULL;
    }
    EQ(ask(&req), 0);
    data_end_fini(&s->end);
    close(s->tcp);
}

static unsigned round_of(unsigned n)
{
    uint64_t end = gw_clock_us() + 60 * GW_S;
    unsigned heard = 0;

    for (unsigned i = 0; i < n; i++)
        begin_session(&sessions[i]);
    while (heard < n && gw_clock_us() < end) {
        heard = 0;
        for (unsigned i = 0; i < n; i++)
            heard += run_session(&sessions[i]);
        gw_sctp_host_poll(host);
        gw_agw_dispatch(agw);
        usleep(500);
    }
    for (unsigned i = 0; i < n; i++)
        end_session(&sessions[i], i % 3 == 0);
    gw_sctp_host_poll(host);
    return heard;
}

static unsigned descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static long rss_kb(void)
{
    FILE *f;
    long total = 0, resident = 0;

    malloc_trim(0); /* what is free is not used */
    f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * 4;
}

TEST(sctp_015_sessions_made_and_ended_leave_nothing)
{
    const char *text = getenv("IMSGW_TEST_SOAK_S");
    unsigned seconds = text && atoi(text) > 0 ? (unsigned)atoi(text) : 0, n = seconds ? MOST : 20, rounds = 0, fds;
    struct rlimit files;
    uint64_t end;
    long rss;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    start(seconds > 0);
    EQ(round_of(n), n); /* whatever stays for the next one is there now */
    EQ(round_of(n), n);
    fds = descriptors();
    rss = rss_kb();
    end = gw_clock_us() + seconds * GW_S;
    do {
        EQ(round_of(n), n);
        rounds++;
    } while (gw_clock_us() < end);
    EQ(descriptors(), fds);
    printf("     %u rounds of %u sessions: resident memory %ld KB, then %ld KB\n", rounds, n, rss, rss_kb());
    CHECK(rss_kb() - rss < GROWTH_KB);
    EQ(gw_sctp_count(), 0);
    EQ(gw_stats_read(GW_STAT_CONTEXTS), 0);
    EQ(gw_stats_read(GW_STAT_HANDSHAKES), 0);
    gw_agw_free(agw);
    gw_conf_free(conf);
    gw_sctp_host_free(host);
    gw_dtls_identity_unref(identity);
}
