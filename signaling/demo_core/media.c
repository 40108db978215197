#include "media.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/base/crypto.h"

static int open_port(const struct gw_addr *ip, uint16_t port)
{
    struct sockaddr_storage ss;
    struct gw_addr a = *ip;
    int fd = socket(ip->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    a.port = port;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&ss, gw_addr_to_sockaddr(&a, &ss)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_pair(struct gw_demo_line *l, const struct gw_addr *ip, const struct gw_demo_ports *ports)
{
    for (unsigned tries = (unsigned)(ports->max - ports->min) / 2 + 1; tries; tries--) {
        uint16_t port = *ports->next;

        *ports->next = (uint16_t)(port + 3 > ports->max ? ports->min : port + 2);
        l->fds[0] = open_port(ip, port);
        l->fds[1] = l->fds[0] >= 0 ? open_port(ip, (uint16_t)(port + 1)) : -1;
        l->port = port;
        if (l->fds[1] >= 0)
            return 0;
        if (l->fds[0] >= 0)
            close(l->fds[0]);
        l->fds[0] = -1;
    }
    return GW_E_FULL;
}

static void send_to(const struct gw_demo_line *l, bool is_rtcp, const uint8_t *pkt, size_t len)
{
    struct sockaddr_storage ss;
    const struct gw_addr *to = is_rtcp && !l->has_mux ? &l->rtcp : &l->rtp;
    socklen_t n = gw_addr_to_sockaddr(to, &ss);

    if (to->port) /* a full socket buffer loses a packet, as a network would */
        (void)!sendto(l->fds[is_rtcp && !l->has_mux], pkt, len, MSG_DONTWAIT, (struct sockaddr *)&ss, n);
}

static void on_rtcp(struct gw_demo_line *l, struct gw_span datagram)
{
    uint8_t out[GW_ECHO_RTCP];
    bool wants_picture;
    size_t len = gw_echo_rtcp(&l->echo, datagram, out, &wants_picture);

    if (len)
        send_to(l, true, out, len);
    if (wants_picture && !l->is_avpf && l->media->on_picture)
        l->media->on_picture(l->media->arg);
}

static void on_readable(struct gw_demo_line *l, bool is_rtcp_port)
{
    uint8_t pkt[2048];
    struct sockaddr_storage ss;
    char digits[32];
    unsigned n = 0;

    for (unsigned i = 0; i < 64; i++) { /* bounded: other calls share the loop */
        socklen_t size = sizeof(ss);
        ssize_t len = recvfrom(l->fds[is_rtcp_port], pkt, sizeof(pkt), 0, (struct sockaddr *)&ss, &size);
        struct gw_addr from;
        char digit;

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            break;
        if (len < 8 || gw_addr_from_sockaddr((struct sockaddr *)&ss, &from) || !gw_addr_eq_ip(&from, &l->rtp))
            continue; /* only from the address that the offer named */
        if (is_rtcp_port || (pkt[1] >= 192 && pkt[1] <= 223)) {
            on_rtcp(l, (struct gw_span){ pkt, (size_t)len });
            continue;
        }
        l->media->heard_us = gw_ctl_now_us(l->media->stack);
        if (gw_echo_rtp(&l->echo, pkt, (size_t)len, &digit) && (l->direction & GW_SDP_SENDONLY))
            send_to(l, false, pkt, (size_t)len);
        if (digit && n < sizeof(digits))
            digits[n++] = digit;
    }
    for (unsigned i = 0; i < n && l->media->on_digit; i++)
        l->media->on_digit(l->media->arg, digits[i]);
}

static void on_rtp_readable(void *arg)
{
    on_readable(arg, false);
}

static void on_rtcp_readable(void *arg)
{
    on_readable(arg, true);
}

static void line_close(struct gw_demo_line *l)
{
    for (unsigned i = 0; i < 2; i++) {
        if (l->fds[i] < 0)
            continue;
        gw_ctl_unwatch(l->media->stack, l->fds[i]);
        close(l->fds[i]);
        l->fds[i] = -1;
    }
}

void gw_demo_media_fini(struct gw_demo_media *m)
{
    for (unsigned i = 0; i < m->nlines; i++)
        line_close(&m->lines[i]);
    m->nlines = 0;
}

/* ---- offer and answer ---- */

static bool can_take(const struct gw_sdp_media *o)
{
    return o->port && (gw_span_is(o->type, "audio") || gw_span_is(o->type, "video")) &&
           (gw_span_is(o->proto, "RTP/AVP") || gw_span_is(o->proto, "RTP/AVPF"));
}

static void read_events(struct gw_echo *e, const struct gw_sdp_media *o)
{
    struct gw_sdp_rtpmap map;
    struct gw_span v;

    memset(e->is_event, 0, sizeof(e->is_event));
    for (unsigned pos = 0; gw_sdp_attr(&o->section, "rtpmap", &pos, &v);)
        if (gw_sdp_parse_rtpmap(v, &map) == 0 && gw_span_is_nocase(map.name, "telephone-event"))
            e->is_event[map.pt & 0x7f] = true;
}

static int line_apply(struct gw_demo_line *l, const struct gw_sdp *offer, const struct gw_sdp_media *o,
                      const struct gw_demo_ports *ports)
{
    struct gw_demo_media *m = l->media;
    struct gw_sdp_rtcp rtcp;
    struct gw_span v;
    unsigned pos = 0;
    int err = gw_sdp_address(offer, o, &l->rtp);

    if (!err && l->fds[0] < 0) {
        err = open_pair(l, &m->addr, ports);
        if (!err)
            err = gw_ctl_watch(m->stack, l->fds[0], on_rtp_readable, l);
        if (!err)
            err = gw_ctl_watch(m->stack, l->fds[1], on_rtcp_readable, l);
        gw_echo_init(&l->echo, m->is_event_dropped);
    }
    if (err)
        return err;
    read_events(&l->echo, o);
    l->is_avpf = gw_span_is(o->proto, "RTP/AVPF");
    l->is_video = gw_span_is(o->type, "video");
    l->has_mux = gw_sdp_has(&o->section, "rtcp-mux");
    l->direction = gw_addr_is_any(&l->rtp) ? GW_SDP_INACTIVE : gw_sdp_direction_reverse(gw_sdp_direction(offer, o));
    l->rtcp = l->rtp;
    l->rtcp.port++;
    if (gw_sdp_attr(&o->section, "rtcp", &pos, &v) && gw_sdp_parse_rtcp(v, &rtcp) == 0) {
        if (rtcp.addr.family)
            l->rtcp = rtcp.addr;
        l->rtcp.port = rtcp.port;
    }
    return 0;
}

static void write_line(const struct gw_demo_line *l, const struct gw_sdp_media *o, struct gw_sdp_buf *b)
{
    static const char *const copied[] = { "rtpmap", "fmtp", "ptime", "rtcp-fb" };
    struct gw_span v;

    gw_sdp_printf(b, "m=%.*s %u %.*s %.*s\r\n", GW_SDP_ARG(o->type), l->fds[0] < 0 ? 0 : l->port, GW_SDP_ARG(o->proto),
                  GW_SDP_ARG(o->fmts));
    if (l->fds[0] < 0)
        return;
    for (unsigned i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
        for (unsigned pos = 0; gw_sdp_attr(&o->section, copied[i], &pos, &v);)
            gw_sdp_printf(b, "a=%s:%.*s\r\n", copied[i], GW_SDP_ARG(v));
    if (l->has_mux)
        gw_sdp_printf(b, "a=rtcp-mux\r\n");
    gw_sdp_printf(b, "a=%s\r\n", gw_sdp_direction_text(l->direction));
}

static int answer(struct gw_demo_media *m, const struct gw_demo_ports *ports, const struct gw_sdp *offer,
                  struct gw_sdp_buf *b)
{
    char ip[GW_ADDR_TEXT];
    unsigned taken = 0;
    int err = 0;

    if (offer->nmedia > GW_DEMO_LINES)
        return GW_E_LIMIT;
    if (!m->id)
        m->id = gw_rand_u32();
    gw_sdp_printf(b, "v=0\r\no=- %llu %llu IN IP%u %s\r\ns=-\r\nc=IN IP%u %s\r\nt=0 0\r\n", (unsigned long long)m->id,
                  (unsigned long long)++m->version, m->addr.family, gw_addr_ip_text(&m->addr, ip), m->addr.family, ip);
    for (unsigned i = 0; i < offer->nmedia && !err; i++) {
        const struct gw_sdp_media *o = &offer->media[i];
        struct gw_demo_line *l = &m->lines[i];

        if (i >= m->nlines) {
            *l = (struct gw_demo_line){ .media = m, .fds = { -1, -1 } };
            m->nlines = i + 1;
        }
        if (can_take(o)) {
            err = line_apply(l, offer, o, ports);
            taken++;
        } else {
            line_close(l);
        }
        if (!err)
            write_line(l, o, b);
    }
    if (!err && !taken)
        err = GW_E_UNSUPPORTED;
    return err ? err : b->err;
}

int gw_demo_media_answer(struct gw_demo_media *m, const struct gw_demo_ports *ports, struct gw_span offer,
                         struct gw_sdp_buf *out)
{
    struct gw_sdp_error why;
    struct gw_sdp *sdp;
    int err = gw_sdp_parse(offer, &sdp, &why);

    if (err)
        return err;
    m->heard_us = gw_ctl_now_us(m->stack);
    err = answer(m, ports, sdp, out);
    gw_sdp_free(sdp);
    return err;
}

bool gw_demo_media_ask_picture(struct gw_demo_media *m)
{
    static const uint8_t pli[12] = { 0x81, 206, 0, 2 }; /* what the caller would send about our stream */
    uint8_t out[GW_ECHO_RTCP];
    bool wants_picture, done = false;

    for (unsigned i = 0; i < m->nlines; i++) {
        struct gw_demo_line *l = &m->lines[i];
        size_t len;

        if (l->fds[0] < 0 || !l->is_video || !l->is_avpf)
            continue;
        len = gw_echo_rtcp(&l->echo, GW_SPAN(pli), out, &wants_picture);
        if (len)
            send_to(l, true, out, len);
        done = true;
    }
    return done;
}

bool gw_demo_media_is_sending(const struct gw_demo_media *m)
{
    for (unsigned i = 0; i < m->nlines; i++)
        if (m->lines[i].fds[0] >= 0 && (m->lines[i].direction & GW_SDP_RECVONLY))
            return true;
    return false;
}
