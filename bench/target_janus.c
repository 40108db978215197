/* Debian's Janus as a child process, its NoSIP plugin between WebRTC and plain RTP, driven over a unix socket. libnice
 * leaves loopback interfaces out, so that Janus needs one of another kind, as bench/run makes it. */
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/target.h"

#define MODULES "/usr/lib/x86_64-linux-gnu/janus"

enum { START_TRIES = 100, WAIT_MS = 5000, TEXT = 16384 };

static pid_t pid;
static int fd = -1;
static json_int_t session, handle;
static char dir[] = "/tmp/janus_bench.XXXXXX", why[600];
static double control;

/* ---- the process ---- */

static void write_file(const char *name, const char *text)
{
    char path[100];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    if (f) {
        fputs(text, f);
        fclose(f);
    }
}

/* One module of Debian's package: the others are no part of what is measured. */
static void link_file(const char *module)
{
    char from[100], to[100];

    snprintf(from, sizeof(from), "%s/%s", MODULES, module);
    snprintf(to, sizeof(to), "%s%s", dir, strchr(module, '/'));
    (void)!symlink(from, to);
}

static void stop(void)
{
    static const char *const files[] = { "janus.jcfg",        "janus.transport.pfunix.jcfg", "janus.plugin.nosip.jcfg",
                                         "libjanus_nosip.so", "libjanus_pfunix.so",          "socket" };

    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    pid = 0;
    if (fd >= 0)
        close(fd);
    fd = -1;
    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[100];
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
}

static int configure(const char *path)
{
    char text[400];

    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    if (!mkdtemp(dir))
        return GW_E_IO;
    link_file("plugins/libjanus_nosip.so");
    link_file("transports/libjanus_pfunix.so");
    snprintf(text, sizeof(text),
             "general: { debug_level = 2\nsession_timeout = 0\nplugins_folder = \"%s\"\ntransports_folder = \"%s\"\n"
             "}\nmedia: { rtp_port_range = \"20000-39999\"\n}\n",
             dir, dir);
    write_file("janus.jcfg", text);
    write_file("janus.plugin.nosip.jcfg", "general: { local_ip = \"127.0.0.1\"\nrtp_port_range = \"40000-62000\"\n}\n");
    snprintf(text, sizeof(text),
             "general: { enabled = true\njson = \"compact\"\npath = \"%s/%s\"\ntype = \"SOCK_SEQPACKET\"\n}\n", dir,
             path);
    write_file("janus.transport.pfunix.jcfg", text);
    return 0;
}

static int spawn(int core)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    if (configure("socket") != 0)
        return GW_E_IO;
    snprintf(un.sun_path, sizeof(un.sun_path), "%s/socket", dir);
    pid = fork();
    if (pid == 0) {
        task_pin(0, core);
        if (!getenv("BENCH_LOG")) {
            (void)!freopen("/dev/null", "w", stderr);
            (void)!freopen("/dev/null", "w", stdout);
        }
        execlp("janus", "janus", "-F", dir, (char *)NULL);
        _exit(127);
    }
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    for (int i = 0; i < START_TRIES; i++) {
        if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
            return 0;
        usleep(50000);
    }
    fprintf(stderr, "janus: does not answer\n");
    stop();
    return GW_E_IO;
}

/* ---- its API ---- */

/* The next message that is no acknowledgement, nor news of a connection. */
static json_t *receive(void)
{
    static char text[2 * TEXT];

    for (;;) {
        struct pollfd p = { fd, POLLIN, 0 };
        const char *what;
        ssize_t n;
        json_t *m;
        if (poll(&p, 1, WAIT_MS) <= 0 || (n = recv(fd, text, sizeof(text), 0)) <= 0)
            return NULL;
        m = json_loadb(text, (size_t)n, 0, NULL);
        what = json_string_value(json_object_get(m, "janus"));
        if (what && (strcmp(what, "success") == 0 || strcmp(what, "event") == 0))
            return m;
        if (what && strcmp(what, "error") == 0)
            snprintf(why, sizeof(why), "%.*s", (int)(n < 500 ? n : 500), text);
        json_decref(m);
        if (what && strcmp(what, "error") == 0)
            return NULL;
    }
}

/* Takes `m`. NULL: refused, or nothing came. */
static json_t *ask(json_t *m)
{
    char *text;
    bool ok;

    json_object_set_new(m, "transaction", json_string("bench"));
    if (session)
        json_object_set_new(m, "session_id", json_integer(session));
    if (handle)
        json_object_set_new(m, "handle_id", json_integer(handle));
    text = json_dumps(m, JSON_COMPACT);
    json_decref(m);
    ok = text && send(fd, text, strlen(text), MSG_NOSIGNAL) > 0;
    free(text);
    return ok ? receive() : NULL;
}

static json_int_t ask_id(json_t *m)
{
    json_t *r = ask(m);
    json_int_t id = json_integer_value(json_object_get(json_object_get(r, "data"), "id"));

    json_decref(r);
    return id;
}

/* The value of a line of SDP, to its end or a blank. */
static bool find(const char *sdp, const char *prefix, char *out, size_t size)
{
    const char *p = sdp ? strstr(sdp, prefix) : NULL;
    size_t n = p ? strcspn(p + strlen(prefix), "\r\n ") : size;

    if (n >= size)
        return false;
    memcpy(out, p + strlen(prefix), n);
    out[n] = 0;
    return true;
}

/* ---- a call ---- */

static json_t *offer(const struct load_local *me, uint8_t pt)
{
    char sdp[2000], ip[GW_ADDR_TEXT], fp[200] = "";

    for (unsigned k = 0; k < me->fingerprint.len; k++)
        sprintf(fp + strlen(fp), "%s%02X", k ? ":" : "", me->fingerprint.value[k]);
    gw_addr_ip_text(&me->browser, ip);
    snprintf(sdp, sizeof(sdp),
             "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio %u UDP/TLS/RTP/SAVPF %u\r\n"
             "c=IN IP4 %s\r\na=mid:0\r\na=rtpmap:%u PCMA/8000\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n"
             "a=fingerprint:sha-256 %s\r\na=setup:active\r\na=rtcp-mux\r\na=sendrecv\r\na=ssrc:%u cname:b\r\n"
             "a=candidate:1 1 udp 2130706431 %s %u typ host\r\na=end-of-candidates\r\n",
             ip, me->browser.port, pt, ip, pt, me->ufrag, me->pwd, fp, me->ssrc, ip, me->browser.port);
    return ask(json_pack("{s:s, s:{s:s}, s:{s:s, s:s, s:b}}", "janus", "message", "body", "request", "generate", "jsep",
                         "type", "offer", "sdp", sdp, "trickle", 0));
}

static json_t *answer(const struct load_local *me, uint8_t pt)
{
    char sdp[1000], ip[GW_ADDR_TEXT];

    gw_addr_ip_text(&me->phone, ip);
    snprintf(sdp, sizeof(sdp),
             "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %u RTP/AVP %u\r\n"
             "a=rtpmap:%u PCMA/8000\r\na=sendrecv\r\n",
             ip, ip, me->phone.port, pt, pt);
    return ask(json_pack("{s:s, s:{s:s, s:s, s:s}}", "janus", "message", "body", "request", "process", "type", "answer",
                         "sdp", sdp));
}

static int read_generated(json_t *event, struct load_remote *r)
{
    json_t *result = json_object_get(json_object_get(json_object_get(event, "plugindata"), "data"), "result");
    char port[16];

    if (!find(json_string_value(json_object_get(result, "sdp")), "m=audio ", port, sizeof(port)))
        return GW_E_IO;
    return gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &r->core);
}

static int read_answer(json_t *event, struct load_remote *r)
{
    const char *sdp = json_string_value(json_object_get(json_object_get(event, "jsep"), "sdp"));
    const char *c = sdp ? strstr(sdp, "a=candidate:") : NULL;
    char fp[128], ip[64];
    unsigned port;

    if (!find(sdp, "a=ice-ufrag:", r->ufrag, sizeof(r->ufrag)) || !find(sdp, "a=ice-pwd:", r->pwd, sizeof(r->pwd)) ||
        !find(sdp, "a=fingerprint:sha-256 ", fp, sizeof(fp)) || !c ||
        sscanf(c, "a=candidate:%*s %*u %*s %*u %63s %u", ip, &port) != 2)
        return GW_E_IO;
    r->fingerprint.hash = GW_IQ_SHA256;
    r->fingerprint.len = 32;
    for (unsigned k = 0; k < 32; k++)
        r->fingerprint.value[k] = (uint8_t)strtoul(fp + 3 * k, NULL, 16);
    return gw_addr_parse_ip(ip, (uint16_t)port, &r->access);
}

static int make_call(struct load *l, const struct load_conf *lc, unsigned i)
{
    struct load_local local;
    struct load_remote remote = { 0 };
    json_t *event;
    int err;

    load_local(l, i, &local);
    handle = 0;
    handle = ask_id(json_pack("{s:s, s:s}", "janus", "attach", "plugin", "janus.plugin.nosip"));
    if (!handle)
        return GW_E_IO;
    event = offer(&local, lc->pt);
    err = read_generated(event, &remote);
    json_decref(event);
    if (err)
        return err;
    event = answer(&local, lc->pt);
    err = read_answer(event, &remote);
    json_decref(event);
    if (!err)
        load_remote(l, i, &remote);
    return err;
}

static int start(struct load *l, const struct load_conf *lc, int core)
{
    int err = lc->has_sdes ? GW_E_UNSUPPORTED : spawn(core);
    double before = err ? 0 : task_cpu_s(pid, 0);

    if (!err) {
        session = handle = 0;
        session = ask_id(json_pack("{s:s}", "janus", "create"));
        err = session ? 0 : GW_E_IO;
    }
    for (unsigned i = 0; i < lc->calls && !err; i++)
        err = make_call(l, lc, i);
    if (err) {
        fprintf(stderr, "janus: %s %s\n", gw_err_text(err), why);
        stop();
        return err;
    }
    control = task_cpu_s(pid, 0) - before;
    return 0;
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
    return task_pss_kb(pid);
}

const struct target target_janus = { "janus", start, control_s, cpu_s, rss_kb, stop };
