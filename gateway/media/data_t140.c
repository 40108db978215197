/* Real-time text: data channel <-> RTP (RFC 8865, RFC 4103). */
#include <stdlib.h>

#include "datachannel/t140/t140_rx.h"
#include "datachannel/t140/t140_tx.h"
#include "gateway/base/crypto.h"
#include "gateway/base/wire.h"
#include "gateway/media/data.h"

enum { CPS = 30 };

struct text {
    struct gw_t140_tx tx;
    struct gw_t140_rx rx;
    struct gw_t140_tx pace; /* towards the channel: its rate alone; generations are not used there (RFC 8865 s. 5.2) */
    struct gw_t140_packet packet;
    uint32_t ssrc;
    uint16_t seq;
    bool is_stopped, has_begun;
};

static int t140_open(struct gw_data *d)
{
    struct text *t;
    uint64_t now = gw_data_now(d);

    if (!d->core->conf.has_remote || d->conf.t140_pt == 0)
        return GW_E_AGAIN;
    t = calloc(1, sizeof(*t));
    if (!t)
        return GW_E_NOMEM;
    gw_t140_tx_init(&t->tx, d->conf.t140_pt, d->conf.red_pt == 0xff ? 0 : d->conf.generations,
                    d->conf.core_cps ? d->conf.core_cps : CPS, now);
    gw_t140_tx_init(&t->pace, d->conf.t140_pt, 0, d->conf.access_cps ? d->conf.access_cps : CPS, now);
    t->pace.queued = 0; /* no byte order mark towards the channel (specs 5.3) */
    t->pace.next_at_us = GW_NEVER;
    gw_t140_rx_init(&t->rx, d->conf.red_pt, d->conf.t140_pt);
    t->ssrc = gw_rand_u32();
    t->seq = (uint16_t)gw_rand_u32();
    d->join = t;
    return 0;
}

static void t140_close(struct gw_data *d)
{
    free(d->join);
}

static void t140_apply(struct gw_data *d)
{
    struct text *t = d->join;

    t->tx.cps = d->conf.core_cps ? d->conf.core_cps : CPS;
    t->pace.cps = d->conf.access_cps ? d->conf.access_cps : CPS;
    t->tx.generations = d->conf.red_pt == 0xff ? 0 : d->conf.generations;
}

/* ---- channel -> RTP ---- */

static void send_rtp(struct gw_data *d)
{
    struct text *t = d->join;
    uint8_t buf[GW_PKT];
    struct gw_pkt p = { buf, 0 };
    struct gw_writer w = gw_writer(buf, GW_PKT_RX);
    uint8_t pt = t->tx.generations ? d->conf.red_pt : d->conf.t140_pt;
    enum gw_stat why;

    gw_write_u8(&w, 0x80);
    gw_write_u8(&w, (uint8_t)((t->packet.marker ? 0x80 : 0) | pt));
    gw_write_u16(&w, t->seq++);
    gw_write_u32(&w, t->packet.timestamp);
    gw_write_u32(&w, t->ssrc);
    gw_write_bytes(&w, t->packet.payload, t->packet.len);
    p.len = gw_writer_len(&w);
    if (p.len == 0 || !gw_termination_send_made(d->core, &p, false, &why))
        d->n[GW_FROM_ACCESS].dropped++;
}

static void t140_message(struct gw_data *d, bool is_string, struct gw_span m)
{
    struct text *t = d->join;

    (void)is_string; /* browsers send strings; binary UTF-8 means the same */
    if (!d->gate[GW_FROM_ACCESS]) {
        d->n[GW_FROM_ACCESS].dropped++;
        return;
    }
    while (m.len) { /* a paste longer than the queue's room goes in as it empties: the channel stops meanwhile */
        struct gw_span part = { m.ptr, m.len < 1000 ? m.len : 1000 };
        if (gw_t140_tx_text(&t->tx, part, gw_data_now(d)) != 0) {
            d->n[GW_FROM_ACCESS].dropped++;
            (void)gw_t140_tx_loss(&t->tx,
                                  gw_data_now(d)); /* one message above the bound: marked as lost (RFC 8865 s. 4.2.1) */
            break;
        }
        m.ptr = (const char *)m.ptr + part.len;
        m.len -= part.len;
    }
    if (t->tx.queued > GW_T140_QUEUE / 4 && !t->is_stopped) {
        t->is_stopped = true;
        gw_channel_stop(d->channel);
    }
}

static void t140_channel_open(struct gw_data *d)
{
    struct text *t = d->join;

    if (t->has_begun) /* made again after a failure: text may be lost (RFC 8865 s. 5.4) */
        (void)gw_t140_tx_loss(&t->tx, gw_data_now(d));
    t->has_begun = true;
}

static void t140_nothing(struct gw_data *d)
{
    (void)d;
}

/* ---- RTP -> channel ---- */

static void on_text(void *arg, struct gw_span text)
{
    struct gw_data *d = arg;
    struct text *t = d->join;

    if (gw_t140_tx_text(&t->pace, text, gw_data_now(d)) != 0)
        d->n[GW_FROM_CORE].dropped++; /* RTP cannot be slowed down */
}

static bool t140_rtp(struct gw_data *d, struct gw_pkt *p, bool is_rtcp)
{
    struct text *t = d->join;
    struct gw_rtp h;

    if (is_rtcp)
        return false;
    if (gw_rtp_parse((struct gw_span){ p->buf, p->len }, &h) != 0 || !d->gate[GW_FROM_CORE]) {
        d->n[GW_FROM_CORE].dropped++;
        return false;
    }
    if (gw_t140_rx_packet(&t->rx, h.ssrc, h.seq, h.pt, (struct gw_span){ p->buf + h.header_len, h.payload_len },
                          gw_data_now(d), on_text, d) != 0)
        d->n[GW_FROM_CORE].dropped++;
    gw_data_retime(d);
    return true;
}

/* ---- time ---- */

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t t140_deadline(const struct gw_data *d)
{
    const struct text *t = d->join;
    uint64_t pace = d->channel ? t->pace.next_at_us : GW_NEVER;

    return earliest(earliest(t->tx.next_at_us, t->rx.hold_until_us), pace);
}

static void t140_expire(struct gw_data *d)
{
    struct text *t = d->join;
    uint64_t now = gw_data_now(d);

    while (gw_t140_tx_poll(&t->tx, now, &t->packet))
        send_rtp(d);
    if (t->is_stopped && t->tx.queued < GW_T140_QUEUE / 8) {
        t->is_stopped = false;
        if (d->channel)
            gw_channel_start(d->channel);
    }
    gw_t140_rx_tick(&t->rx, now, on_text, d);
    while (d->channel && gw_channel_queued(d->channel) < GW_T140_QUEUE && gw_t140_tx_poll(&t->pace, now, &t->packet)) {
        if (t->packet.len == 0 ||
            gw_channel_send(d->channel, true, (struct gw_span){ t->packet.payload, t->packet.len }) != 0)
            continue;
        d->n[GW_FROM_CORE].messages++;
        d->n[GW_FROM_CORE].octets += t->packet.len;
        gw_stats_inc(GW_STAT_CHANNEL_MESSAGES_OUT);
    }
}

const struct gw_data_ops gw_data_t140 = {
    .protocol = "t140",
    .open = t140_open,
    .close = t140_close,
    .apply = t140_apply,
    .on_channel_open = t140_channel_open,
    .on_message = t140_message,
    .on_channel_writable = t140_nothing,
    .on_channel_lost = t140_nothing,
    .on_core_rtp = t140_rtp,
    .deadline_us = t140_deadline,
    .expire = t140_expire,
};
