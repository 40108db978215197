/* IMS phones on UDP. A flow is an address of a phone (RFC 5626 s. 3.1): it begins with the first request from there and
 * ends when nothing came for long, since UDP has no end of its own. Keep-alives are answered: STUN (RFC 5626 s. 4.4.2),
 * and the double CRLF that phones use too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/base/wire.h"
#include "stack_priv.h"

enum {
    TURN = 64, /* datagrams in a row; then the core side has its turn */
    SWEEP_MS = 10000,
    UNKNOWN_S = 120, /* of a flow on which nobody registered or called */
    BURST_S = 4,     /* of ws_message_rate */
    STUN_REQUEST = 0x0001,
    STUN_SUCCESS = 0x0101,
    STUN_XOR_MAPPED = 0x0020,
};
#define STUN_COOKIE 0x2112a442u
#define FLOW_BIT (UINT64_C(1) << 62) /* apart from the ids of connections */

static uint64_t addr_hash(const struct gw_addr *a)
{
    char text[GW_ADDR_TEXT];

    return gw_sip_hash(0, gw_addr_text(a, text));
}

static struct gw_sip_flow *find(struct gw_sip_stack *s, const struct gw_addr *peer)
{
    for (struct gw_sip_node *n = gw_sip_table_find(&s->udp_flows, addr_hash(peer)); n; n = gw_sip_table_next(n)) {
        struct gw_sip_flow *f = GW_SIP_OF(n, struct gw_sip_flow, addr_node);

        if (gw_addr_eq(&f->info.peer, peer))
            return f;
    }
    return NULL;
}

bool gw_sip_flow_is_udp(struct gw_sip_stack *s, gw_flow_id id)
{
    struct gw_sip_flow *f = id & FLOW_BIT ? gw_sip_flow_find(s, id) : NULL;

    return f && f->is_udp;
}

void gw_sip_udp_forget(struct gw_sip_stack *s, struct gw_sip_flow *f)
{
    if (!f->is_udp)
        return;
    gw_sip_table_remove(&s->udp_flows, &f->addr_node);
    s->nudp--;
}

/* The address that a phone knows us by: which of ours the kernel would send from. */
static void find_local(const struct gw_sip_stack *s, const struct gw_addr *peer, struct gw_addr *local)
{
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(peer, &ss);
    int fd;

    *local = s->conf->access_udp;
    if (!gw_addr_is_any(local))
        return;
    fd = socket(peer->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&ss, len) == 0) {
        len = sizeof(ss);
        if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
            gw_addr_from_sockaddr((struct sockaddr *)&ss, local) == 0)
            local->port = s->conf->access_udp.port;
    }
    close(fd);
}

static struct gw_sip_flow *open_flow(struct gw_sip_stack *s, const struct gw_addr *peer)
{
    struct gw_sip_flow *f;

    if (s->nudp >= (unsigned)s->conf->ws_max) {
        gw_stats_inc(GW_STAT_WS_FULL);
        return NULL;
    }
    f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->id = FLOW_BIT | ++s->next_udp;
    f->is_udp = true;
    f->info.peer = *peer;
    find_local(s, peer, &f->info.local);
    snprintf(f->info.transport, sizeof(f->info.transport), "UDP");
    f->heard_us = f->rate_us = gw_clock_us();
    f->allowance_us = BURST_S * GW_S;
    if (gw_sip_table_add(&s->udp_flows, &f->addr_node, addr_hash(peer)) != 0) {
        free(f);
        return NULL;
    }
    s->nudp++;
    if (gw_sip_flow_add(s, f) == 0)
        return f;
    gw_sip_udp_forget(s, f);
    free(f);
    return NULL;
}

static bool is_too_fast(const struct gw_sip_stack *s, struct gw_sip_flow *f, uint64_t now_us)
{
    uint64_t price = GW_S / (uint64_t)s->conf->ws_message_rate;

    f->allowance_us += now_us - f->rate_us;
    f->rate_us = now_us;
    if (f->allowance_us > BURST_S * GW_S)
        f->allowance_us = BURST_S * GW_S;
    if (f->allowance_us < price)
        return true;
    f->allowance_us -= price;
    return false;
}

/* ---- keep-alives ---- */

static void send_to(const struct gw_sip_stack *s, const struct gw_addr *peer, const void *p, size_t len)
{
    struct sockaddr_storage ss;
    socklen_t n = gw_addr_to_sockaddr(peer, &ss);

    (void)!sendto(s->udp_fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&ss, n);
}

/* A Binding Request is answered with where it came from (RFC 8489 s. 6.3.1), and with nothing else. */
static bool answer_stun(const struct gw_sip_stack *s, const struct gw_addr *peer, struct gw_span in)
{
    uint8_t out[44];
    struct gw_writer w = gw_writer(out, sizeof(out));
    const uint8_t *p = in.ptr;
    unsigned alen = peer->family == 6 ? 16 : 4;

    if (in.len < 20 || p[0] > 3 || memcmp(p + 4, "\x21\x12\xa4\x42", 4) != 0)
        return false;
    if (p[0] != 0 || p[1] != STUN_REQUEST)
        return true;
    gw_write_u16(&w, STUN_SUCCESS);
    gw_write_u16(&w, (uint16_t)(8 + alen));
    gw_write_bytes(&w, p + 4, 16);
    gw_write_u16(&w, STUN_XOR_MAPPED);
    gw_write_u16(&w, (uint16_t)(4 + alen));
    gw_write_u16(&w, peer->family == 6 ? 2 : 1);
    gw_write_u16(&w, (uint16_t)(peer->port ^ (STUN_COOKIE >> 16)));
    for (unsigned i = 0; i < alen; i++)
        gw_write_u8(&w, (uint8_t)(peer->ip[i] ^ p[4 + i])); /* the cookie, then the transaction id */
    send_to(s, peer, out, gw_writer_len(&w));
    return true;
}

/* ---- in and out ---- */

static bool looks_like_request(struct gw_span in)
{
    const char *lf = memchr(in.ptr, '\n', in.len);

    return lf && memmem(in.ptr, (size_t)(lf - (const char *)in.ptr), " SIP/2.0", 8) != NULL;
}

static void on_datagram(struct gw_sip_stack *s, const struct gw_addr *peer, struct gw_span in)
{
    struct gw_sip_flow *f = find(s, peer);
    uint64_t now = gw_clock_us();

    if (f)
        f->heard_us = now;
    if (answer_stun(s, peer, in))
        return;
    if (gw_span_is(in, "\r\n\r\n")) {
        gw_stats_inc(GW_STAT_WS_KEEPALIVE);
        if (f) /* strangers get no echo */
            send_to(s, peer, "\r\n", 2);
        return;
    }
    if (in.len < 12)
        return; /* NAT keep-alives of all kinds */
    if (!f && looks_like_request(in))
        f = open_flow(s, peer);
    if (!f || is_too_fast(s, f, now)) {
        gw_stats_inc(GW_STAT_SIP_STRAY);
        return;
    }
    gw_sip_flow_input(s, f, in);
}

static void on_readable(void *arg)
{
    static char buf[65536]; /* one thread, and not kept */
    struct gw_sip_stack *s = arg;

    for (unsigned i = 0; i < TURN; i++) {
        struct sockaddr_storage ss;
        socklen_t size = sizeof(ss);
        ssize_t n = recvfrom(s->udp_fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&ss, &size);
        struct gw_addr peer;

        if (n < 0 && errno != ECONNREFUSED && errno != EINTR)
            return;
        if (n > 0 && gw_addr_from_sockaddr((struct sockaddr *)&ss, &peer) == 0)
            on_datagram(s, &peer, (struct gw_span){ buf, (size_t)n });
    }
}

int gw_sip_udp_send(struct gw_sip_stack *s, const struct gw_sip_flow *f, struct gw_span text)
{
    send_to(s, &f->info.peer, text.ptr, text.len); /* lost, as on the way: it is repeated */
    return 0;
}

static void on_sweep(void *arg)
{
    struct gw_sip_stack *s = arg;
    uint64_t now = gw_clock_us();

    for (unsigned i = 0; i < s->udp_flows.nbuckets; i++) {
        struct gw_sip_node *n = s->udp_flows.buckets[i], *next;
        for (; n; n = next) {
            struct gw_sip_flow *f = GW_SIP_OF(n, struct gw_sip_flow, addr_node);
            uint64_t idle_s = f->is_kept ? (uint64_t)s->conf->access_udp_idle : UNKNOWN_S;
            next = n->next;
            if (now - f->heard_us > idle_s * GW_S)
                gw_sip_flow_end(s, f->id);
        }
    }
    gw_ctl_timer_start(s->udp_sweep, SWEEP_MS);
}

int gw_sip_udp_new(struct gw_sip_stack *s)
{
    const struct gw_addr *a = &s->conf->access_udp;
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(a, &ss);
    char text[GW_ADDR_TEXT];
    int err;

    if (!a->port)
        return 0;
    s->udp_fd = socket(a->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->udp_fd < 0 || bind(s->udp_fd, (struct sockaddr *)&ss, len) != 0) {
        gw_log(GW_LOG_ERROR, "sip", NULL, "cannot listen on udp %s", gw_addr_text(a, text));
        return GW_E_IO;
    }
    err = gw_ctl_watch(s, s->udp_fd, on_readable, s);
    if (!err)
        err = gw_ctl_timer_new(s, on_sweep, s, &s->udp_sweep);
    if (!err)
        gw_ctl_timer_start(s->udp_sweep, SWEEP_MS);
    if (!err)
        gw_log(GW_LOG_INFO, "sip", NULL, "phones on udp %s", gw_addr_text(a, text));
    return err;
}

void gw_sip_udp_free(struct gw_sip_stack *s)
{
    if (s->udp_fd >= 0) {
        gw_ctl_unwatch(s, s->udp_fd);
        close(s->udp_fd);
    }
    s->udp_fd = -1;
    gw_ctl_timer_free(s->udp_sweep);
    s->udp_sweep = NULL;
    gw_sip_table_fini(&s->udp_flows);
}
