/* A fax machine of spandsp as a program, for calls through the whole gateway: T.38 over UDPTL, plain or over DTLS with
 * or without ICE; bare IFPs in UDP datagrams, for who carries them over a data channel; or a line, which is modems as
 * PCMA over RTP at the pace of a telephone. It says where it is, is told where to send, and ends with its fax.
 *
 *   fax_peer draw FILE PAGES | compare FILE PAGES
 *   fax_peer ifp|udptl|dtls|dtls-server|ice|line send|receive FILE [redundancy|fec|none [PER CENT LOST [US FOR 20 MS
 *       [wrong]]]]        wrong: first it sends what nobody may
 *     out: port PORT [FINGERPRINT]        in: ADDRESS PORT [FINGERPRINT [UFRAG PWD]]
 *     out: over RESULT PAGES              0 is T30_ERR_OK */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tiffio.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/dtls/fingerprint.h"
#include "tests/harness/fax_line.h"

enum { STEP_US = 3000 /* for 20 ms of fax */, LINE_US = 20000, LIMIT_S = 90 };

static const char *const ways[] = { "udptl", "dtls", "dtls-server", "ice", "ifp" }; /* enum fax_access */
static const char *const corrections[] = { "none", "redundancy", "fec" };           /* enum gw_iq_ec */

static int index_of(const char *const words[], int n, const char *word)
{
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    fprintf(stderr, "fax_peer: what is %s?\n", word);
    exit(2);
}

static int bind_port(struct gw_addr *a)
{
    struct sockaddr_storage ss;
    socklen_t len;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    (void)!gw_addr_parse_ip("127.0.0.1", 0, a);
    len = gw_addr_to_sockaddr(a, &ss);
    if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) != 0)
        exit(1);
    len = sizeof(ss);
    getsockname(fd, (struct sockaddr *)&ss, &len);
    (void)!gw_addr_from_sockaddr((struct sockaddr *)&ss, a);
    return fd;
}

/* Its place, for the SDP of who started it. */
static void say_place(struct fax_machine *m, const struct fax_case *c)
{
    static const uint16_t profile = GW_IQ_AEAD_AES_128_GCM;
    struct gw_dtls_identity *identity;
    const struct gw_iq_fingerprint *f;
    struct gw_addr a;

    if (c->access == PLAIN || c->access == CHANNEL) {
        m->fd = bind_port(&a);
        printf("port %u\n", a.port);
    } else {
        if (gw_dtls_identity_new(&profile, 1, &identity) != 0 ||
            data_end_init(&m->end, c->access != DTLS_SERVER, identity, NULL) != 0)
            exit(1);
        m->end.arg = m;
        m->end.on_record = fax_machine_on_record;
        f = gw_dtls_identity_fingerprint(identity);
        printf("port %u ", data_end_port(&m->end));
        for (unsigned i = 0; i < f->len; i++)
            printf("%s%02X", i ? ":" : "", f->value[i]);
        printf("\n");
    }
    fflush(stdout);
}

static void read_peer(struct fax_machine *m, const struct fax_case *c)
{
    char line[1024], ip[64], print[200] = "", ufrag[200] = "", pwd[40] = "";
    struct sockaddr_storage ss;
    unsigned port, v;

    if (!fgets(line, sizeof(line), stdin) ||
        sscanf(line, "%63s %u %199s %199s %39s", ip, &port, print, ufrag, pwd) < 2 ||
        gw_addr_parse_ip(ip, (uint16_t)port, &m->to) != 0)
        exit(2);
    if (m->fd >= 0) {
        m->is_up = true;
        return;
    }
    gw_addr_to_sockaddr(&m->to, &ss);
    memcpy(&m->end.peer, &ss, sizeof(m->end.peer));
    m->end.expected.hash = GW_IQ_SHA256;
    for (const char *p = print; sscanf(p, "%2x", &v) == 1 && m->end.expected.len < 32; p += p[2] ? 3 : 2)
        m->end.expected.value[m->end.expected.len++] = (uint8_t)v;
    if (c->access == ICE)
        snprintf(m->end.user, sizeof(m->end.user), "%s:faxfax", ufrag);
    memcpy(m->end.pwd, pwd, sizeof(m->end.pwd));
}

static int run_line(const char *role, const char *file)
{
    bool is_sender = strcmp(role, "send") == 0;
    struct fax_case c = { .is_from_core = is_sender, .modems = V17, .has_ecm = true, .compression = MMR };
    struct gw_addr here;
    struct fax_line l = { .fd = bind_port(&here) };
    struct fax_machine place = { .fd = l.fd };
    uint64_t begin, next;

    fax_line_init(&l, &c, file);
    printf("port %u\n", here.port);
    fflush(stdout);
    read_peer(&place, &c);
    l.to = place.to;
    next = begin = gw_clock_us();
    for (unsigned more = 50; more && next - begin < LIMIT_S * GW_S; more -= l.is_over) { /* and what the other misses */
        fax_line_turn(&l);
        next += LINE_US;
        if (next > gw_clock_us())
            usleep((unsigned)(next - gw_clock_us()));
    }
    printf("over %d 1\n", l.is_over ? l.result : -1);
    fflush(stdout);
    fax_free(l.f);
    return l.is_over && l.result == T30_ERR_OK ? 0 : 1;
}

/* Cut, fragmented, too long, and an IFP that is none in either form: with a number of its own, as a good one has. */
static void send_wrong(struct fax_machine *m)
{
    static const uint8_t cut[] = { 0, 200, 0x7f, 's', 'h', 'o', 'r', 't' }, fragmented[] = { 0, 201, 0xc1, 0, 0, 0 },
                         large[4000] = { 0, 202, 1 }, none[] = { 0xC0, 5, 0x80, 0, 0, 0 };
    uint8_t p[200];
    int n = gw_udptl_tx_send(&m->tx, GW_SPAN(none), p, sizeof(p));

    fax_machine_put(m, (struct gw_span){ "x", 1 });
    fax_machine_put(m, GW_SPAN(cut));
    fax_machine_put(m, GW_SPAN(fragmented));
    fax_machine_put(m, GW_SPAN(large));
    fax_machine_put(m, (struct gw_span){ p, n > 0 ? (size_t)n : 0 });
}

static int run(int argc, char **argv)
{
    struct fax_case c = { .access = (enum fax_access)index_of(ways, 5, argv[1]),
                          .is_from_core = strcmp(argv[2], "send") != 0,
                          .modems = V17,
                          .has_ecm = true,
                          .compression = MMR };
    unsigned step_us;
    uint64_t begin, next;
    struct fax_machine m = { .dice = (uint32_t)getpid() };

    c.ec[0] = (enum gw_iq_ec)(argc > 4 ? index_of(corrections, 3, argv[4]) : GW_IQ_EC_REDUNDANCY);
    c.loss[0] = argc > 5 ? (unsigned)atoi(argv[5]) : 0;
    step_us = argc > 6 ? (unsigned)atoi(argv[6]) : STEP_US;
    fax_machine_init(&m, &c, 0, argv[3]);
    say_place(&m, &c);
    read_peer(&m, &c);
    if (argc > 7)
        send_wrong(&m);
    next = begin = gw_clock_us();
    while (!m.is_over && next - begin < LIMIT_S * GW_S) {
        fax_machine_turn(&m);
        next += step_us;
        if (next > gw_clock_us())
            usleep((unsigned)(next - gw_clock_us()));
        else
            next = gw_clock_us();
    }
    for (int i = 0; i < 200; i++) { /* what the other machine still misses */
        fax_machine_receive(&m);
        usleep(STEP_US / 3);
    }
    printf("over %d %d\n", m.is_over ? m.result : -1, m.pages);
    fflush(stdout);
    fax_machine_fini(&m);
    return m.is_over && m.result == T30_ERR_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    TIFFSetWarningHandler(NULL);
    if (argc == 4 && strcmp(argv[1], "draw") == 0) {
        fax_draw(argv[2], (unsigned)atoi(argv[3]));
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "compare") == 0) {
        printf("%u rows differ\n", fax_compare(argv[2], (unsigned)atoi(argv[3])));
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "line") == 0)
        return run_line(argv[2], argv[3]);
    return argc < 4 ? 2 : run(argc, argv);
}
