/* Real-time text over RTP, with redundancy where the other side takes it (RFC 4103): what is typed comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "datachannel/t140/t140_rx.h"
#include "datachannel/t140/t140_tx.h"
#include "gateway/base/crypto.h"
#include "gateway/base/wire.h"
#include "gateway/rtp/rtp.h"
#include "signaling/demo_core/media.h"

enum { T140_PT = 98, RED_PT = 100, NONE = 0xff, GENERATIONS = 2, CPS = 30 };

struct text {
    struct gw_demo_media *media;
    int fds[2]; /* RTP, RTCP; the second is only kept from others */
    struct gw_addr remote;
    uint8_t t140_pt, red_pt;
    enum gw_sdp_direction direction; /* ours */
    struct gw_ctl_timer *timer;
    struct gw_t140_rx rx;
    struct gw_t140_tx tx;
    struct gw_t140_packet packet;
    uint32_t ssrc;
    uint16_t seq;
};

static void send_packet(struct text *t)
{
    uint8_t buf[12 + sizeof(t->packet.payload)];
    struct gw_writer w = gw_writer(buf, sizeof(buf));
    struct sockaddr_storage ss;
    socklen_t n = gw_addr_to_sockaddr(&t->remote, &ss);

    gw_write_u8(&w, 0x80);
    gw_write_u8(&w, (uint8_t)((t->packet.marker ? 0x80 : 0) | (t->tx.generations ? t->red_pt : t->t140_pt)));
    gw_write_u16(&w, t->seq++);
    gw_write_u32(&w, t->packet.timestamp);
    gw_write_u32(&w, t->ssrc);
    gw_write_bytes(&w, t->packet.payload, t->packet.len);
    if (t->remote.port && (t->direction & GW_SDP_SENDONLY))
        (void)!sendto(t->fds[0], buf, gw_writer_len(&w), MSG_DONTWAIT, (struct sockaddr *)&ss, n);
}

static void on_text(void *arg, struct gw_span typed)
{
    struct text *t = arg;

    (void)gw_t140_tx_text(&t->tx, typed, gw_ctl_now_us(t->media->stack)); /* faster than it goes back: not echoed */
}

static void on_time(void *arg)
{
    struct text *t = arg;
    uint64_t now = gw_ctl_now_us(t->media->stack), next;

    gw_t140_rx_tick(&t->rx, now, on_text, t);
    while (gw_t140_tx_poll(&t->tx, now, &t->packet))
        send_packet(t);
    next = t->tx.next_at_us < t->rx.hold_until_us ? t->tx.next_at_us : t->rx.hold_until_us;
    if (next != GW_NEVER)
        gw_ctl_timer_start(t->timer, next > now ? (uint32_t)((next - now + 999) / 1000) : 1);
}

static void on_rtp(void *arg)
{
    struct text *t = arg;
    uint8_t pkt[2048];
    struct gw_addr from;
    struct gw_rtp h;

    for (unsigned i = 0; i < 64; i++) { /* bounded: other calls share the loop */
        struct sockaddr_storage ss;
        socklen_t size = sizeof(ss);
        ssize_t len = recvfrom(t->fds[0], pkt, sizeof(pkt), 0, (struct sockaddr *)&ss, &size);

        if (len < 0)
            break;
        if (gw_addr_from_sockaddr((struct sockaddr *)&ss, &from) || !gw_addr_eq_ip(&from, &t->remote) ||
            gw_rtp_parse((struct gw_span){ pkt, (size_t)len }, &h) != 0)
            continue;
        t->media->heard_us = gw_ctl_now_us(t->media->stack);
        (void)gw_t140_rx_packet(&t->rx, h.ssrc, h.seq, h.pt, (struct gw_span){ pkt + h.header_len, h.payload_len },
                                t->media->heard_us, on_text, t);
    }
    on_time(t);
}

static void on_rtcp(void *arg)
{
    struct text *t = arg;
    uint8_t pkt[2048];

    while (recv(t->fds[1], pkt, sizeof(pkt), 0) >= 0)
        ;
}

static void text_close(struct gw_demo_line *l)
{
    struct text *t = l->state;

    for (unsigned i = 0; i < 2; i++) {
        gw_ctl_unwatch(t->media->stack, t->fds[i]);
        close(t->fds[i]);
    }
    gw_ctl_timer_free(t->timer);
    free(t);
}

static int text_open(struct gw_demo_line *l)
{
    struct text *t = calloc(1, sizeof(*t));
    int err = t ? gw_demo_open_ports(l->media, SOCK_DGRAM, t->fds, 2, &l->port) : GW_E_NOMEM;

    if (err) {
        free(t);
        return err;
    }
    l->state = t;
    t->media = l->media;
    t->t140_pt = T140_PT;
    t->red_pt = RED_PT;
    t->direction = GW_SDP_SENDRECV;
    t->ssrc = gw_rand_u32();
    t->seq = (uint16_t)gw_rand_u32();
    err = gw_ctl_timer_new(t->media->stack, on_time, t, &t->timer);
    if (!err)
        err = gw_ctl_watch(t->media->stack, t->fds[0], on_rtp, t);
    if (!err)
        err = gw_ctl_watch(t->media->stack, t->fds[1], on_rtcp, t);
    if (err)
        text_close(l);
    return err;
}

/* Payload types of t140 and red; NONE where there is none. */
static void read_types(const struct gw_sdp_media *m, uint8_t *t140, uint8_t *red)
{
    struct gw_sdp_rtpmap map;
    struct gw_span v;

    *t140 = *red = NONE;
    for (unsigned pos = 0; gw_sdp_attr(&m->section, "rtpmap", &pos, &v);) {
        if (gw_sdp_parse_rtpmap(v, &map) != 0 || map.clock_hz != 1000)
            continue;
        if (gw_span_is_nocase(map.name, "t140"))
            *t140 = map.pt;
        else if (gw_span_is_nocase(map.name, "red"))
            *red = map.pt;
    }
}

/* "98 cps=20" and "100 98/98/98" */
static void read_fmtp(const struct text *t, const struct gw_sdp_media *m, uint32_t *cps, unsigned *generations)
{
    struct gw_span v;
    uint32_t pt;

    for (unsigned pos = 0; gw_sdp_attr(&m->section, "fmtp", &pos, &v);) {
        if (gw_sdp_u32(gw_sdp_token(&v), 127, &pt) != 0)
            continue;
        if (pt == t->t140_pt && v.len > 4 && memcmp(v.ptr, "cps=", 4) == 0) {
            v.ptr = (const char *)v.ptr + 4;
            v.len -= 4;
            (void)gw_sdp_u32(v, 1000, cps);
        } else if (pt == t->red_pt) {
            for (*generations = 0; v.len; (void)gw_sdp_until(&v, '/'))
                ++*generations;
            *generations -= *generations > 0;
        }
    }
}

static bool text_can_take(const struct gw_sdp_media *m)
{
    uint8_t t140, red;

    if (!gw_span_is(m->type, "text") || !gw_span_is(m->proto, "RTP/AVP"))
        return false;
    read_types(m, &t140, &red);
    return t140 != NONE;
}

static int text_apply(struct gw_demo_line *l, const struct gw_sdp *sdp, const struct gw_sdp_media *m, bool is_answer)
{
    struct text *t = l->state;
    unsigned generations = GENERATIONS;
    uint32_t cps = CPS;
    uint8_t t140, red;
    int err = gw_sdp_address(sdp, m, &t->remote);

    if (err)
        return err;
    read_types(m, &t140, &red);
    if (t140 == NONE)
        return GW_E_UNSUPPORTED;
    t->direction = gw_addr_is_any(&t->remote) ? GW_SDP_INACTIVE : gw_sdp_direction_reverse(gw_sdp_direction(sdp, m));
    if (t->tx.cps && t140 == t->t140_pt && red == t->red_pt)
        return 0; /* as before: what is on its way goes on */
    t->t140_pt = t140;
    t->red_pt = red;
    read_fmtp(t, m, &cps, &generations);
    if (red == NONE || generations > GW_T140_GENERATIONS)
        generations = red == NONE ? 0 : GENERATIONS;
    gw_t140_rx_init(&t->rx, red, t140);
    gw_t140_tx_init(&t->tx, t140, generations, cps ? cps : CPS, gw_ctl_now_us(l->media->stack));
    on_time(t);
    return 0;
}

static void text_write(const struct gw_demo_line *l, const struct gw_sdp_media *offer, struct gw_sdp_buf *b)
{
    const struct text *t = l->state;
    char fmts[16];

    if (t->red_pt == NONE)
        snprintf(fmts, sizeof(fmts), "%u", t->t140_pt);
    else
        snprintf(fmts, sizeof(fmts), "%u %u", t->red_pt, t->t140_pt);
    gw_sdp_printf(b, "m=text %u RTP/AVP %s\r\na=rtpmap:%u t140/1000\r\na=fmtp:%u cps=%u\r\n", l->port, fmts, t->t140_pt,
                  t->t140_pt, CPS);
    if (t->red_pt != NONE)
        gw_sdp_printf(b, "a=rtpmap:%u red/1000\r\na=fmtp:%u %u/%u/%u\r\n", t->red_pt, t->red_pt, t->t140_pt, t->t140_pt,
                      t->t140_pt);
    gw_sdp_printf(b, "a=%s\r\n", gw_sdp_direction_text(t->direction));
}

static bool text_is_expecting(const struct gw_demo_line *l)
{
    return false; /* nobody has to type */
}

const struct gw_demo_line_ops gw_demo_line_text = { "text",     text_can_take, text_open,        text_close,
                                                    text_apply, text_write,    text_is_expecting };
