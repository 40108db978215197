/* Debian's rtpengine as a child process, userspace, one media thread, driven by its ng protocol. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/target.h"
#include "gateway/base/crypto.h"

enum { PORT = 22680 };

static pid_t pid;
static int fd;
static char answer[16384];
static double control;

/* One command; unique cookies, since rtpengine answers a repeated one from memory, also across our restarts. */
static int command(const char *fmt, ...)
{
    static char text[16384];
    char cookie[13];
    va_list ap;
    int n;

    gw_rand_token(cookie, 12);
    n = snprintf(text, sizeof(text), "%s ", cookie);
    va_start(ap, fmt);
    n += vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    va_end(ap);
    for (int tries = 0; tries < 20; tries++) {
        struct pollfd p = { fd, POLLIN, 0 };
        ssize_t k;
        (void)!send(fd, text, (size_t)n, 0);
        if (poll(&p, 1, 300) <= 0)
            continue;
        k = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
        if (k < 0)
            usleep(50000); /* refused: it is still starting */
        if (k > 12 && memcmp(answer, cookie, 12) == 0) {
            answer[k] = 0;
            return strstr(answer, "6:result2:ok") || strstr(answer, "6:result4:pong") ? 0 : GW_E_IO;
        }
    }
    return GW_E_TIMEOUT;
}

static void ip_text(const struct gw_addr *a, char *ip)
{
    gw_addr_ip_text(a, ip);
}

/* The value of an SDP line of the answer. */
static bool find(const char *prefix, char *out, size_t size)
{
    const char *p = strstr(answer, prefix);
    size_t n;

    if (!p)
        return false;
    p += strlen(prefix);
    n = strcspn(p, "\r\n ");
    if (n >= size)
        return false;
    memcpy(out, p, n);
    out[n] = 0;
    return true;
}

static const char *name_of(uint16_t suite)
{
    return suite == GW_IQ_AEAD_AES_128_GCM ? "AEAD_AES_128_GCM" : "AES_CM_128_HMAC_SHA1_80";
}

static int offer_sdes(struct load *l, const struct load_local *me, const struct load_conf *lc, unsigned i,
                      struct load_remote *r)
{
    char sdp[1000], ip[GW_ADDR_TEXT], key[80], port[16];
    struct gw_iq_crypto up;
    int n;

    load_static_key(lc->suite, i, 0, &up);
    if (gw_base64_write((struct gw_span){ up.key, up.key_len }, key, sizeof(key)) != 0)
        return GW_E_LIMIT;
    ip_text(&me->browser, ip);
    n = snprintf(
        sdp, sizeof(sdp),
        "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nt=0 0\r\nm=audio %u RTP/SAVP %u\r\nc=IN IP4 %s\r\na=rtpmap:%u PCMA/8000\r\n"
        "a=crypto:1 %s inline:%s\r\na=sendrecv\r\n",
        ip, me->browser.port, lc->pt, ip, lc->pt, name_of(lc->suite), key);
    (void)l;
    if (command(
            "d7:command5:offer7:call-id13:bench%08u8:from-tag1:a3:ICE6:remove18:transport-protocol7:RTP/AVP3:sdp%d:%se",
            i, n, sdp) != 0 ||
        !find("m=audio ", port, sizeof(port)))
        return GW_E_IO;
    gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &r->core);
    return 0;
}

static int answer_sdes(struct load *l, const struct load_local *me, const struct load_conf *lc, unsigned i,
                       struct load_remote *r)
{
    char sdp[1000], ip[GW_ADDR_TEXT], port[16], key[80];
    struct gw_iq_crypto up, down = { .suite = lc->suite };
    size_t len = sizeof(down.key);
    int n;

    ip_text(&me->phone, ip);
    n = snprintf(
        sdp, sizeof(sdp),
        "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nt=0 0\r\nm=audio %u RTP/AVP %u\r\nc=IN IP4 %s\r\na=rtpmap:%u PCMA/8000\r\n"
        "a=sendrecv\r\n",
        ip, me->phone.port, lc->pt, ip, lc->pt);
    if (command(
            "d7:command6:answer7:call-id13:bench%08u8:from-tag1:a6:to-tag1:b18:transport-protocol8:RTP/SAVP3:sdp%d:%se",
            i, n, sdp) != 0 ||
        !find("m=audio ", port, sizeof(port)) || !find(" inline:", key, sizeof(key) - 3))
        return GW_E_IO;
    while (strlen(key) % 4) /* it leaves the padding out */
        strcat(key, "=");
    if (gw_base64_parse(gw_span_str(key), down.key, &len) != 0)
        return GW_E_IO;
    down.key_len = (uint8_t)len;
    gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &r->access);
    load_remote(l, i, r);
    load_static_key(lc->suite, i, 0, &up);
    return load_keys(l, i, &up, &down);
}

static int offer(const struct load_local *me, const struct load_conf *lc, unsigned i, struct load_remote *r)
{
    char sdp[2000], ip[GW_ADDR_TEXT], fp[200] = "", port[16];
    int n;

    for (unsigned k = 0; k < me->fingerprint.len; k++)
        sprintf(fp + strlen(fp), "%s%02X", k ? ":" : "", me->fingerprint.value[k]);
    ip_text(&me->browser, ip);
    n = snprintf(
        sdp, sizeof(sdp),
        "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nt=0 0\r\nm=audio %u UDP/TLS/RTP/SAVPF %u\r\nc=IN IP4 %s\r\n"
        "a=rtpmap:%u PCMA/8000\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:actpass\r\n"
        "a=rtcp-mux\r\na=sendrecv\r\na=candidate:1 1 udp 2130706431 %s %u typ host\r\na=end-of-candidates\r\n",
        ip, me->browser.port, lc->pt, ip, lc->pt, me->ufrag, me->pwd, fp, ip, me->browser.port);
    if (command("d7:command5:offer7:call-id13:bench%08u8:from-tag1:a3:ICE6:remove18:transport-protocol7:RTP/"
                "AVP8:rtcp-muxl5:demuxe"
                "3:sdp%d:%se",
                i, n, sdp) != 0 ||
        !find("m=audio ", port, sizeof(port)))
        return GW_E_IO;
    gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &r->core);
    return 0;
}

static int answer_call(const struct load_local *me, const struct load_conf *lc, unsigned i, struct load_remote *r)
{
    char sdp[1000], ip[GW_ADDR_TEXT], port[16], fp[128];
    int n;

    ip_text(&me->phone, ip);
    n = snprintf(
        sdp, sizeof(sdp),
        "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nt=0 0\r\nm=audio %u RTP/AVP %u\r\nc=IN IP4 %s\r\na=rtpmap:%u PCMA/8000\r\n"
        "a=sendrecv\r\n",
        ip, me->phone.port, lc->pt, ip, lc->pt);
    if (command("d7:command6:answer7:call-id13:bench%08u8:from-tag1:a6:to-tag1:b3:ICE5:force18:transport-protocol17:"
                "UDP/TLS/RTP/SAVPF"
                "4:DTLS7:passive3:sdp%d:%se",
                i, n, sdp) != 0 ||
        !find("m=audio ", port, sizeof(port)) || !find("a=ice-ufrag:", r->ufrag, sizeof(r->ufrag)) ||
        !find("a=ice-pwd:", r->pwd, sizeof(r->pwd)))
        return GW_E_IO;
    if (!find("a=fingerprint:sha-256 ", fp, sizeof(fp)))
        return GW_E_IO;
    r->fingerprint.hash = GW_IQ_SHA256;
    r->fingerprint.len = 32;
    for (unsigned k = 0; k < 32; k++)
        r->fingerprint.value[k] = (uint8_t)strtoul(fp + 3 * k, NULL, 16);
    gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &r->access);
    return 0;
}

static void stop(void)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fd);
}

static int spawn(int core)
{
    struct sockaddr_in sin = { .sin_family = AF_INET,
                               .sin_port = htons(PORT),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    pid = fork();
    if (pid == 0) {
        task_pin(0, core);
        (void)!freopen("/dev/null", "w", stderr);
        (void)!freopen("/dev/null", "w", stdout);
        execlp("rtpengine", "rtpengine", "--config-file=none", "--table=-1", "--interface=127.0.0.1",
               "--listen-ng=127.0.0.1:22680", "--num-threads=1", "--port-min=40000", "--port-max=62000", "--foreground",
               "--log-stderr", "--log-level=1", "--delete-delay=0", "--timeout=3600", "--silent-timeout=3600",
               (char *)NULL);
        _exit(127);
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0 || command("d7:command4:pinge") != 0) {
        fprintf(stderr, "rtpengine: does not answer\n");
        stop();
        return GW_E_IO;
    }
    return 0;
}

static int start(struct load *l, const struct load_conf *lc, int core)
{
    int err = spawn(core);
    double before = err ? 0 : task_cpu_s(pid, 0);

    for (unsigned i = 0; i < lc->calls && !err; i++) {
        struct load_local local;
        struct load_remote remote = { 0 };
        load_local(l, i, &local);
        if (lc->has_sdes)
            err = offer_sdes(l, &local, lc, i, &remote);
        else
            err = offer(&local, lc, i, &remote);
        if (!err)
            err = lc->has_sdes ? answer_sdes(l, &local, lc, i, &remote) : answer_call(&local, lc, i, &remote);
        if (err) {
            fprintf(stderr, "rtpengine: call %u: %.600s\n", i, answer);
            stop();
        } else if (!lc->has_sdes) {
            load_remote(l, i, &remote);
        }
    }
    if (!err)
        control = task_cpu_s(pid, 0) - before;
    return err;
}

static double control_s(void)
{
    return control;
}

static double cpu_s(void)
{
    return task_cpu_s(pid, 0);
}

static long rss_kb(void)
{
    char path[64], line[200];
    long kb = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}

const struct target target_rtpengine = { "rtpengine", start, control_s, cpu_s, rss_kb, stop };
