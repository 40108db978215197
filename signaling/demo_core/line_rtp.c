/* Audio and video: a pair of UDP sockets, and what comes goes back (echo.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signaling/demo_core/echo.h"
#include "signaling/demo_core/media.h"

struct line {
    struct gw_demo_media *media;
    int fds[2]; /* RTP, RTCP */
    struct gw_addr rtp, rtcp;
    bool has_mux, is_avpf, is_video;
    enum gw_sdp_direction direction; /* ours */
    struct gw_echo echo;
};

static void send_to(const struct line *l, bool is_rtcp, const uint8_t *pkt, size_t len)
{
    struct sockaddr_storage ss;
    const struct gw_addr *to = is_rtcp && !l->has_mux ? &l->rtcp : &l->rtp;
    socklen_t n = gw_addr_to_sockaddr(to, &ss);

    if (to->port) /* a full socket buffer loses a packet, as a network would */
        (void)!sendto(l->fds[is_rtcp && !l->has_mux], pkt, len, MSG_DONTWAIT, (struct sockaddr *)&ss, n);
}

static void on_rtcp(struct line *l, struct gw_span datagram)
{
    uint8_t out[GW_ECHO_RTCP];
    bool wants_picture;
    size_t len = gw_echo_rtcp(&l->echo, datagram, out, &wants_picture);

    if (len)
        send_to(l, true, out, len);
    if (wants_picture && !l->is_avpf && l->media->on_picture)
        l->media->on_picture(l->media->arg);
}

static void on_readable(struct line *l, bool is_rtcp_port)
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

static void read_events(struct gw_echo *e, const struct gw_sdp_media *o)
{
    struct gw_sdp_rtpmap map;
    struct gw_span v;

    memset(e->is_event, 0, sizeof(e->is_event));
    for (unsigned pos = 0; gw_sdp_attr(&o->section, "rtpmap", &pos, &v);)
        if (gw_sdp_parse_rtpmap(v, &map) == 0 && gw_span_is_nocase(map.name, "telephone-event"))
            e->is_event[map.pt & 0x7f] = true;
}

static void rtp_close(struct gw_demo_line *l)
{
    struct line *s = l->state;

    for (unsigned i = 0; i < 2; i++) {
        gw_ctl_unwatch(s->media->stack, s->fds[i]);
        close(s->fds[i]);
    }
    free(s);
}

static int rtp_open(struct gw_demo_line *l)
{
    struct line *s = calloc(1, sizeof(*s));
    int err = s ? gw_demo_open_ports(l->media, SOCK_DGRAM, s->fds, 2, &l->port) : GW_E_NOMEM;

    if (err) {
        free(s);
        return err;
    }
    s->media = l->media;
    s->direction = GW_SDP_SENDRECV;
    gw_echo_init(&s->echo, l->media->is_event_dropped);
    l->state = s;
    err = gw_ctl_watch(s->media->stack, s->fds[0], on_rtp_readable, s);
    if (!err)
        err = gw_ctl_watch(s->media->stack, s->fds[1], on_rtcp_readable, s);
    if (err)
        rtp_close(l);
    return err;
}

static int rtp_apply(struct gw_demo_line *line, const struct gw_sdp *sdp, const struct gw_sdp_media *o, bool is_answer)
{
    struct line *l = line->state;
    struct gw_sdp_rtcp rtcp;
    struct gw_span v;
    unsigned pos = 0;
    int err = gw_sdp_address(sdp, o, &l->rtp);

    if (err)
        return err;
    read_events(&l->echo, o);
    l->is_avpf = gw_span_is(o->proto, "RTP/AVPF");
    l->is_video = gw_span_is(o->type, "video");
    l->has_mux = gw_sdp_has(&o->section, "rtcp-mux");
    l->direction = gw_addr_is_any(&l->rtp) ? GW_SDP_INACTIVE : gw_sdp_direction_reverse(gw_sdp_direction(sdp, o));
    l->rtcp = l->rtp;
    l->rtcp.port++;
    if (gw_sdp_attr(&o->section, "rtcp", &pos, &v) && gw_sdp_parse_rtcp(v, &rtcp) == 0) {
        if (rtcp.addr.family)
            l->rtcp = rtcp.addr;
        l->rtcp.port = rtcp.port;
    }
    return 0;
}

static void rtp_write(const struct gw_demo_line *line, const struct gw_sdp_media *o, struct gw_sdp_buf *b)
{
    static const char *const copied[] = { "rtpmap", "fmtp", "ptime", "rtcp-fb" };
    const struct line *l = line->state;
    struct gw_span v;

    if (!o && line->ops == &gw_demo_line_video)
        gw_sdp_printf(
            b, "m=video %u RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n",
            line->port);
    else if (!o)
        gw_sdp_printf(b,
                      "m=audio %u RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
                      "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n",
                      line->port);
    else
        gw_demo_write_line(line, o, NULL, NULL, NULL, b);
    for (unsigned i = 0; o && i < sizeof(copied) / sizeof(copied[0]); i++)
        for (unsigned pos = 0; gw_sdp_attr(&o->section, copied[i], &pos, &v);)
            gw_sdp_printf(b, "a=%s:%.*s\r\n", copied[i], GW_SDP_ARG(v));
    if (l->has_mux)
        gw_sdp_printf(b, "a=rtcp-mux\r\n");
    /* a hold is the other side's: whoever offers says what it could do, and hears in the answer what holds */
    gw_sdp_printf(b, "a=%s\r\n", gw_sdp_direction_text(o ? l->direction : GW_SDP_SENDRECV));
}

static bool rtp_is_expecting(const struct gw_demo_line *line)
{
    const struct line *l = line->state;

    return l->direction & GW_SDP_RECVONLY;
}

static bool is_rtp(const struct gw_sdp_media *m)
{
    return gw_span_is(m->proto, "RTP/AVP") || gw_span_is(m->proto, "RTP/AVPF");
}

static bool can_take_audio(const struct gw_sdp_media *m)
{
    return gw_span_is(m->type, "audio") && is_rtp(m);
}

static bool can_take_video(const struct gw_sdp_media *m)
{
    return gw_span_is(m->type, "video") && is_rtp(m);
}

const struct gw_demo_line_ops gw_demo_line_audio = { "audio",   can_take_audio, rtp_open,        rtp_close,
                                                     rtp_apply, rtp_write,      rtp_is_expecting };
const struct gw_demo_line_ops gw_demo_line_video = { "video",   can_take_video, rtp_open,        rtp_close,
                                                     rtp_apply, rtp_write,      rtp_is_expecting };

bool gw_demo_rtp_ask_picture(struct gw_demo_media *m)
{
    static const uint8_t pli[12] = { 0x81, 206, 0, 2 }; /* what the caller would send about our stream */
    uint8_t out[GW_ECHO_RTCP];
    bool wants_picture, done = false;

    for (unsigned i = 0; i < m->nlines; i++) {
        struct line *l = m->lines[i].state;
        size_t len;

        if (m->lines[i].ops != &gw_demo_line_video || !l->is_avpf)
            continue;
        len = gw_echo_rtcp(&l->echo, GW_SPAN(pli), out, &wants_picture);
        if (len)
            send_to(l, true, out, len);
        done = true;
    }
    return done;
}
