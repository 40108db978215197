/* A fax machine on a telephone line: spandsp's modems as PCMA behind the T.38 gateway of Debian's rtpengine, which
 * stands in the core; the phone's T.38 goes over DTLS. At the pace of a line, since a telephone line it is. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <test.h>
#include <tiffio.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/crypto.h"
#include "tests/harness/fax_line.h"

enum { LIMIT_S = 90, CONTROL_PORT = 23680, CALLS = 2 };

static const struct fax_case cases[CALLS] = {
    { "from the phone, V.17, ECM",
      DTLS,
      false,
      V17,
      true,
      MMR,
      { GW_IQ_EC_REDUNDANCY, GW_IQ_EC_REDUNDANCY },
      { 0, 0 },
      FAIR,
      { 0, 0 },
      0 },
    { "from the line, V.29",
      DTLS,
      true,
      V29,
      false,
      MR,
      { GW_IQ_EC_REDUNDANCY, GW_IQ_EC_FEC },
      { 5, 0 },
      FAIR,
      { 0, 0 },
      0 },
};

/* ---- rtpengine ---- */

static pid_t engine;
static int control;
static char answer[8192];

/* `head` is the beginning of the dictionary. */
static bool command(const char *head, unsigned call, const char *sdp)
{
    char text[4000], cookie[13];
    int n;

    gw_rand_token(cookie, 12);
    n = snprintf(text, sizeof(text), "%s d%s7:call-id5:fax%02u3:sdp%zu:%se", cookie, head, call, strlen(sdp), sdp);
    for (int tries = 0; tries < 50; tries++) {
        struct pollfd p = { control, POLLIN, 0 };
        ssize_t k;
        (void)!send(control, text, (size_t)n, 0);
        if (poll(&p, 1, 300) <= 0)
            continue;
        k = recv(control, answer, sizeof(answer) - 1, MSG_DONTWAIT);
        if (k < 0)
            usleep(50000); /* refused: it is still starting */
        if (k > 12 && memcmp(answer, cookie, 12) == 0) {
            answer[k] = 0;
            return strstr(answer, "6:result2:ok") || strstr(answer, "6:result4:pong");
        }
    }
    return false;
}

static void begin_engine(void)
{
    struct gw_addr a;
    struct sockaddr_storage ss;
    socklen_t len;

    engine = fork();
    if (engine == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!freopen("/dev/null", "a", stderr);
        (void)!freopen("/dev/null", "a", stdout);
        execlp("rtpengine", "rtpengine", "--config-file=none", "--table=-1", "--interface=127.0.0.1",
               "--listen-ng=127.0.0.1:23680", "--num-threads=1", "--port-min=23700", "--port-max=23798", "--foreground",
               "--log-stderr", "--log-level=1", "--delete-delay=0", (char *)NULL);
        _exit(127);
    }
    control = fax_udp(&a);
    EQ(gw_addr_parse_ip("127.0.0.1", CONTROL_PORT, &a), 0);
    len = gw_addr_to_sockaddr(&a, &ss);
    EQ(connect(control, (struct sockaddr *)&ss, len), 0);
    CHECK(command("7:command4:ping", 0, ""));
}

static void end_engine(void)
{
    kill(engine, SIGKILL);
    waitpid(engine, NULL, 0);
    close(control);
}

static struct gw_addr port_of(const char *media)
{
    const char *p = strstr(answer, media);
    struct gw_addr a;

    CHECK(p != NULL);
    EQ(gw_addr_parse_ip("127.0.0.1", (uint16_t)(p ? atoi(p + strlen(media)) : 9), &a), 0);
    return a;
}

/* ---- calls ---- */

static struct fax_machine phones[CALLS];
static struct fax_line lines[CALLS];
static char folder[] = "/tmp/agw_fax_line_XXXXXX";

static void name_of(char out[200], unsigned i, const char *what)
{
    snprintf(out, 200, "%s/%u_%s.tif", folder, i, what);
}

static uint64_t make_call(unsigned i)
{
    const struct fax_case *c = &cases[i];
    struct gw_addr a;
    char sent[200], got[200], sdp[600];
    uint64_t ctx;

    name_of(sent, 0, "sent");
    name_of(got, i, "got");
    fax_machine_init(&phones[i], c, 0, c->is_from_core ? got : sent);
    fax_line_init(&lines[i], c, c->is_from_core ? sent : got);
    lines[i].fd = fax_udp(&a);
    ctx = fax_call(&phones[i], NULL);
    snprintf(sdp, sizeof(sdp),
             "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image %u udptl t38\r\n"
             "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n"
             "a=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:%s\r\n",
             fax.reply.locals[1].rtp.port, c->ec[1] == GW_IQ_EC_FEC ? "t38UDPFEC" : "t38UDPRedundancy");
    CHECK(command("7:command5:offer8:from-tag1:a3:ICE6:remove4:T.38l6:decodee", i, sdp));
    lines[i].to = port_of("m=audio ");
    snprintf(sdp, sizeof(sdp),
             "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %u RTP/AVP 8\r\n"
             "a=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n",
             a.port);
    CHECK(command("7:command6:answer8:from-tag1:a6:to-tag1:b3:ICE6:remove", i, sdp));
    a = port_of("m=image ");
    fax_core_is_at(&a);
    return ctx;
}

static void judge(unsigned i, uint64_t ctx)
{
    const struct gw_iq_direction *way = fax.reply.counters[0].dir;
    char name[200];
    unsigned wrong;

    fax_hang_up(ctx);
    fax_machine_fini(&phones[i]);
    fax_free(lines[i].f);
    close(lines[i].fd);
    name_of(name, i, "got");
    wrong = fax_compare(name, 1);
    printf("     %s: result %d %d, %u wrong rows; %llu and %llu IFPs\n", cases[i].name, phones[i].result,
           lines[i].result, wrong, (unsigned long long)way[0].packets, (unsigned long long)way[1].packets);
    EQ(phones[i].result, T30_ERR_OK);
    EQ(lines[i].result, T30_ERR_OK);
    EQ(wrong, 0);
    CHECK(way[0].packets > 10 && way[1].packets > 10);
    remove(name);
}

TEST(t38_pages_pass_between_a_phone_with_dtls_and_a_machine_behind_the_t38_gateway_of_rtpengine)
{
    uint64_t ctx[CALLS], begin, next;
    unsigned over = 0;
    char name[200];

    TIFFSetWarningHandler(NULL);
    CHECK(mkdtemp(folder) != NULL);
    name_of(name, 0, "sent");
    fax_draw(name, 1);
    fax_gateway_begin();
    begin_engine();
    for (unsigned i = 0; i < CALLS; i++)
        ctx[i] = make_call(i);
    begin = next = gw_clock_us();
    while (over < 2 * CALLS && gw_clock_us() - begin < LIMIT_S * GW_S) {
        over = 0;
        for (unsigned i = 0; i < CALLS; i++) {
            fax_machine_turn(&phones[i]);
            fax_line_turn(&lines[i]);
            over += phones[i].is_over + lines[i].is_over;
        }
        gw_agw_dispatch(fax.agw);
        next += 20 * GW_MS;
        if (next > gw_clock_us())
            usleep((unsigned)(next - gw_clock_us()));
    }
    EQ(over, 2 * CALLS);
    for (unsigned i = 0; i < CALLS; i++)
        judge(i, ctx[i]);
    end_engine();
    fax_gateway_end();
    remove(name);
    rmdir(folder);
}
