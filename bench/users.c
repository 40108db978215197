#include "bench/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/sip_text.h"
#include "bench/ws_peer.h"
#include "gateway/base/clock.h"
#include "gateway/base/crypto.h"

enum { MESSAGE = 8192, EVENTS = 256 };
enum user_state { NEW, REGISTERING, REGISTERED, CALLING, IN_CALL, ENDING, FAILED };

struct user {
    struct ws_peer ws;
    enum user_state state;
    bool has_asked; /* the request of the present state is out */
    char token[9];  /* makes Call-ID, tags and branches */
    unsigned cseq;
    char *to, *target, *route; /* of the dialog */
    struct gw_addr core;       /* told by the core's end */
};

struct users {
    struct users_conf conf;
    struct user *all;
    int epoll, core;
    SSL_CTX *tls;
};

/* ---- the core's end ---- */

static unsigned number_after(const char *msg, const char *prefix)
{
    const char *p = strstr(msg, prefix);
    return p ? (unsigned)strtoul(p + strlen(prefix), NULL, 10) : UINT32_MAX;
}

static void phone_sdp(struct users *u, unsigned i, char *out, size_t size)
{
    struct load_local local;
    char ip[GW_ADDR_TEXT];

    load_local(u->conf.load, i, &local);
    gw_addr_ip_text(&local.phone, ip);
    snprintf(
        out, size,
        "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %u RTP/AVP %u\r\na=rtpmap:%u PCMA/8000\r\n"
        "a=sendrecv\r\n",
        ip, ip, local.phone.port, u->conf.pt, u->conf.pt);
}

static void answer(struct users *u, const char *msg, const struct sockaddr_in *from)
{
    static char out[MESSAGE];
    char sdp[600] = "", port[16];
    unsigned i = number_after(msg, "sip:c");

    if (strncmp(msg, "SIP/2.0", 7) == 0 || strncmp(msg, "ACK", 3) == 0)
        return;
    strcpy(out, "SIP/2.0 200 OK\r\n");
    sip_copy(out, sizeof(out), msg, "Via", NULL);
    sip_copy(out, sizeof(out), msg, "Record-Route", NULL);
    sip_copy(out, sizeof(out), msg, "From", NULL);
    sip_copy(out, sizeof(out), msg, "To", "core");
    sip_copy(out, sizeof(out), msg, "Call-ID", NULL);
    sip_copy(out, sizeof(out), msg, "CSeq", NULL);
    if (strncmp(msg, "REGISTER", 8) == 0) {
        sip_copy(out, sizeof(out), msg, "Contact", NULL);
        sip_copy(out, sizeof(out), msg, "Path", NULL);
        sip_append(
            out, sizeof(out),
            "Expires: 3600\r\nService-Route: <sip:127.0.0.1:%u;lr>\r\nP-Associated-URI: <sip:u%u@bench.example>\r\n",
            u->conf.core_port, number_after(msg, "sip:u"));
    } else {
        sip_append(out, sizeof(out), "Contact: <sip:c%u@127.0.0.1:%u>\r\n", i, u->conf.core_port);
    }
    if (strncmp(msg, "INVITE", 6) == 0 && i < u->conf.n && sip_find(sip_body(msg), "m=audio ", port, sizeof(port))) {
        gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &u->all[i].core);
        phone_sdp(u, i, sdp, sizeof(sdp));
        sip_append(out, sizeof(out), "Content-Type: application/sdp\r\n");
    }
    sip_append(out, sizeof(out), "Content-Length: %zu\r\n\r\n%s", strlen(sdp), sdp);
    (void)!sendto(u->core, out, strlen(out), 0, (const struct sockaddr *)from, sizeof(*from));
}

static void core_read(struct users *u)
{
    static char msg[MESSAGE];
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    ssize_t n;

    while ((n = recvfrom(u->core, msg, sizeof(msg) - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &len)) > 0) {
        msg[n] = 0;
        answer(u, msg, &from);
    }
}

/* ---- a user ---- */

static void browser_sdp(struct users *u, unsigned i, char *out, size_t size)
{
    struct load_local me;
    char ip[GW_ADDR_TEXT];

    load_local(u->conf.load, i, &me);
    gw_addr_ip_text(&me.browser, ip);
    snprintf(out, size,
             "v=0\r\no=- %u 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio %u UDP/TLS/RTP/SAVPF "
             "%u\r\nc=IN IP4 %s\r\n"
             "a=mid:0\r\na=rtpmap:%u "
             "PCMA/8000\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=setup:actpass\r\na=rtcp-mux\r\na=sendrecv\r\n"
             "a=candidate:1 1 udp 2130706431 %s %u typ host\r\na=end-of-candidates\r\na=fingerprint:sha-256 ",
             i + 1, me.browser.port, u->conf.pt, ip, u->conf.pt, me.ufrag, me.pwd, ip, me.browser.port);
    for (unsigned k = 0; k < me.fingerprint.len; k++)
        sip_append(out, size, "%s%02X", k ? ":" : "", me.fingerprint.value[k]);
    sip_append(out, size, "\r\n");
}

static void request(struct users *u, unsigned i, const char *method, const char *body)
{
    static char out[MESSAGE];
    struct user *me = &u->all[i];
    bool is_call = strcmp(method, "REGISTER") != 0;
    char target[64];

    if (strcmp(method, "ACK") != 0)
        me->cseq++;
    snprintf(target, sizeof(target), is_call ? "sip:c%u@bench.example" : "sip:bench.example", i);
    out[0] = 0;
    sip_append(out, sizeof(out),
               "%s %s SIP/2.0\r\nVia: SIP/2.0/%s u%u.invalid;branch=z9hG4bK%s%s%u\r\nMax-Forwards: 70\r\n", method,
               is_call && me->target ? me->target : target, u->conf.has_tls ? "WSS" : "WS", i, me->token, method,
               me->cseq);
    sip_append(out, sizeof(out), "From: <sip:u%u@bench.example>;tag=f%s\r\n", i, me->token);
    if (is_call && me->to)
        sip_append(out, sizeof(out), "To: %s\r\n", me->to);
    else
        sip_append(out, sizeof(out), "To: <sip:%c%u@bench.example>\r\n", is_call ? 'c' : 'u', i);
    sip_append(out, sizeof(out), "Call-ID: %s%s\r\nCSeq: %u %s\r\n%sContact: <sip:u%u@u%u.invalid;transport=ws>\r\n",
               method[0] == 'R' ? "r" : "c", me->token, me->cseq, method, is_call && me->route ? me->route : "", i, i);
    if (!is_call)
        sip_append(out, sizeof(out), "Expires: 3600\r\n");
    sip_append(out, sizeof(out), "Supported: outbound\r\nUser-Agent: bench\r\n%sContent-Length: %zu\r\n\r\n%s",
               body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
    ws_peer_send(&me->ws, out, strlen(out));
}

static char *copy_of(const char *p, size_t len)
{
    return p ? strndup(p, len) : NULL;
}

/* The dialog that a 200 makes: remote target, and the route set in reverse (RFC 3261 s. 12.1.2). */
static void learn(struct user *me, const char *msg)
{
    char route[2048] = "";
    size_t len;
    const char *p = sip_header(msg, "Contact", 0, &len), *end = p ? memchr(p, '>', len) : NULL;
    unsigned n = 0;

    if (p && end && *p == '<')
        me->target = copy_of(p + 1, (size_t)(end - p - 1));
    p = sip_header(msg, "To", 0, &len);
    me->to = copy_of(p, len);
    while (sip_header(msg, "Record-Route", n, &len))
        n++;
    while (n-- > 0) {
        p = sip_header(msg, "Record-Route", n, &len);
        sip_append(route, sizeof(route), "Route: %.*s\r\n", (int)len, p);
    }
    me->route = strdup(route);
}

static void forget(struct user *me)
{
    free(me->to);
    free(me->target);
    free(me->route);
    me->to = me->target = me->route = NULL;
}

static bool connect_media(struct users *u, unsigned i, const char *sdp)
{
    struct load_remote r = { .core = u->all[i].core, .fingerprint = { .hash = GW_IQ_SHA256, .len = 32 } };
    char port[16], fp[128];

    if (!sip_find(sdp, "m=audio ", port, sizeof(port)) || !sip_find(sdp, "a=ice-ufrag:", r.ufrag, sizeof(r.ufrag)) ||
        !sip_find(sdp, "a=ice-pwd:", r.pwd, sizeof(r.pwd)) || !sip_find(sdp, "a=fingerprint:sha-256 ", fp, sizeof(fp)))
        return false;
    for (unsigned k = 0; k < 32; k++)
        r.fingerprint.value[k] = (uint8_t)strtoul(fp + 3 * k, NULL, 16);
    gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &r.access);
    load_remote(u->conf.load, i, &r);
    return true;
}

static void on_response(struct users *u, unsigned i, const char *msg)
{
    struct user *me = &u->all[i];
    unsigned status = (unsigned)atoi(msg + 8);

    if (status < 200)
        return;
    if (status >= 300) {
        if (me->state != FAILED)
            fprintf(stderr, "user %u: %.*s\n", i, (int)strcspn(msg, "\r"), msg);
        me->state = FAILED;
    } else if (me->state == REGISTERING) {
        me->state = REGISTERED;
    } else if (me->state == CALLING) {
        learn(me, msg);
        request(u, i, "ACK", "");
        me->state = connect_media(u, i, sip_body(msg)) ? IN_CALL : FAILED;
    } else if (me->state == ENDING) {
        forget(me);
        me->state = REGISTERED;
    }
}

static void user_read(struct users *u, unsigned i)
{
    struct user *me = &u->all[i];
    char sdp[1200], *msg;
    size_t len;

    ws_peer_read(&me->ws);
    while ((msg = ws_peer_take(&me->ws, &len)))
        if (strncmp(msg, "SIP/2.0 ", 8) == 0)
            on_response(u, i, msg);
    if (me->ws.is_lost && me->state != FAILED) {
        fprintf(stderr, "user %u: connection lost\n", i);
        me->state = FAILED;
    }
    if (!me->ws.is_open || me->has_asked)
        return;
    me->has_asked = true;
    if (me->state == REGISTERING)
        request(u, i, "REGISTER", "");
    if (me->state == CALLING) {
        browser_sdp(u, i, sdp, sizeof(sdp));
        request(u, i, "INVITE", sdp);
    }
    if (me->state == ENDING)
        request(u, i, "BYE", "");
}

/* ---- all of them ---- */

static void round_of(struct users *u, int wait_ms)
{
    struct epoll_event ev[EVENTS];
    int n = epoll_wait(u->epoll, ev, EVENTS, wait_ms);

    for (int k = 0; k < n; k++)
        if (ev[k].data.u32 == UINT32_MAX)
            core_read(u);
        else
            user_read(u, ev[k].data.u32);
}

static void begin(struct users *u, unsigned i, enum user_state state)
{
    struct user *me = &u->all[i];
    struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };

    me->state = state;
    me->has_asked = false;
    if (state != ENDING) /* that is of the call */
        gw_rand_token(me->token, 8);
    if (state == REGISTERING) {
        if (ws_peer_open(&me->ws, u->conf.ws_port, u->tls) != 0 ||
            epoll_ctl(u->epoll, EPOLL_CTL_ADD, me->ws.fd, &ev) != 0) {
            perror("websocket");
            me->state = FAILED;
        }
    } else {
        user_read(u, i);
    }
}

static unsigned drive(struct users *u, unsigned n, enum user_state from, enum user_state via, enum user_state to,
                      unsigned parallel, unsigned timeout_ms)
{
    uint64_t end_us = gw_clock_us() + timeout_ms * GW_MS;
    unsigned next = 0, done = 0, busy = 0;

    for (unsigned i = 0; i < n; i++)
        done += u->all[i].state == to;
    while (gw_clock_us() < end_us) {
        unsigned is = 0;
        for (; next < n && busy < parallel; next++)
            if (u->all[next].state == from) {
                begin(u, next, via);
                busy++;
            }
        round_of(u, 10);
        busy = 0;
        for (unsigned i = 0; i < next; i++) {
            busy += u->all[i].state == via;
            is += u->all[i].state == to;
        }
        done = is;
        if (next == n && busy == 0)
            break;
    }
    return done;
}

unsigned users_register(struct users *u, unsigned n, unsigned parallel, unsigned timeout_ms)
{
    return drive(u, n, NEW, REGISTERING, REGISTERED, parallel, timeout_ms);
}

unsigned users_call(struct users *u, unsigned n, unsigned parallel, unsigned timeout_ms)
{
    return drive(u, n, REGISTERED, CALLING, IN_CALL, parallel, timeout_ms);
}

unsigned users_hang_up(struct users *u, unsigned n, unsigned parallel, unsigned timeout_ms)
{
    return drive(u, n, IN_CALL, ENDING, REGISTERED, parallel, timeout_ms);
}

void users_idle(struct users *u, unsigned ms)
{
    for (uint64_t end_us = gw_clock_us() + ms * GW_MS; gw_clock_us() < end_us;)
        round_of(u, 10);
}

int users_new(const struct users_conf *conf, struct users **out)
{
    struct users *u = calloc(1, sizeof(*u));
    struct sockaddr_in sin = { .sin_family = AF_INET,
                               .sin_port = htons(conf->core_port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event ev = { .events = EPOLLIN, .data.u32 = UINT32_MAX };
    int size = 16 << 20;

    if (!u)
        return GW_E_NOMEM;
    u->conf = *conf;
    u->all = calloc(conf->n, sizeof(*u->all));
    u->epoll = epoll_create1(EPOLL_CLOEXEC);
    u->core = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    u->tls = conf->has_tls ? SSL_CTX_new(TLS_client_method()) : NULL;
    for (unsigned i = 0; u->all && i < conf->n; i++)
        u->all[i].ws.fd = -1;
    (void)setsockopt(u->core, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    if (!u->all || u->epoll < 0 || u->core < 0 || (conf->has_tls && !u->tls) ||
        bind(u->core, (struct sockaddr *)&sin, sizeof(sin)) != 0 ||
        epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->core, &ev) != 0) {
        perror("users");
        users_free(u);
        return GW_E_IO;
    }
    *out = u;
    return 0;
}

void users_free(struct users *u)
{
    for (unsigned i = 0; u && u->all && i < u->conf.n; i++) {
        ws_peer_close(&u->all[i].ws);
        forget(&u->all[i]);
    }
    if (!u)
        return;
    SSL_CTX_free(u->tls);
    if (u->core >= 0)
        close(u->core);
    if (u->epoll >= 0)
        close(u->epoll);
    free(u->all);
    free(u);
}
