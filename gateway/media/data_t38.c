/* T.38: data channel <-> UDPTL, plain or over DTLS. A message of the channel is one bare IFP: TS 33.328 s. N.3.1 names
 * UDPTL as the transport of the other side, and error correction is a matter of each leg. */
#include <stdlib.h>

#include "gateway/media/data.h"
#include "gateway/media/fax.h"

static bool on_send(void *arg, unsigned side, struct gw_span packet)
{
    struct gw_data *d = arg;

    if (side == GW_FROM_CORE)
        return gw_fax_send(d->core, packet);
    if (!d->channel || gw_channel_send(d->channel, false, packet) != 0)
        return false;
    gw_stats_inc(GW_STAT_CHANNEL_MESSAGES_OUT);
    return true;
}

static void sides(const struct gw_data *d, struct gw_t38_side out[2])
{
    out[GW_FROM_CORE] = gw_fax_side(&d->conf.udptl);
    out[GW_FROM_ACCESS] = out[GW_FROM_CORE]; /* of the version that signalling agreed for both */
    out[GW_FROM_ACCESS].is_udptl = false;
}

static int t38_open(struct gw_data *d)
{
    struct gw_t38_config c = { .send = on_send, .arg = d };
    struct gw_t38_relay *r;
    int err;

    if (!d->core->conf.has_remote || d->core->conf.remote_rtp.port == 0)
        return GW_E_AGAIN;
    sides(d, c.side);
    err = gw_t38_relay_new(&c, &r);
    if (!err)
        d->join = r;
    return err;
}

static void t38_close(struct gw_data *d)
{
    gw_t38_relay_free(d->join);
}

static void t38_apply(struct gw_data *d)
{
    struct gw_t38_side s[2];

    sides(d, s);
    for (unsigned i = 0; i < 2; i++)
        gw_t38_relay_set(d->join, i, &s[i]);
}

static void t38_nothing(struct gw_data *d)
{
    (void)d; /* a channel that is full or gone drops: a fax cannot wait */
}

static void t38_message(struct gw_data *d, bool is_string, struct gw_span m)
{
    (void)is_string;
    if (!d->gate[GW_FROM_ACCESS]) {
        d->n[GW_FROM_ACCESS].dropped++;
    } else if (gw_t38_relay_input(d->join, GW_FROM_ACCESS, m, gw_data_now(d)) != 0) {
        gw_stats_inc(GW_STAT_CHANNEL_REFUSED_MESSAGES);
        gw_data_log_once(d, 1, "message of the client is no fax packet");
    }
}

static void t38_datagram(struct gw_data *d, struct gw_span packet)
{
    int err;

    if (!d->gate[GW_FROM_CORE]) {
        d->n[GW_FROM_CORE].dropped++;
        return;
    }
    err = gw_t38_relay_input(d->join, GW_FROM_CORE, packet, gw_data_now(d));
    if (err && err != GW_E_REPLAY && err != GW_E_TRAILING) {
        gw_stats_inc(GW_STAT_FAX_REFUSED);
        gw_data_log_once(d, 2, "the core sent what is not UDPTL");
    }
}

static uint64_t t38_deadline(const struct gw_data *d)
{
    return gw_t38_relay_deadline_us(d->join);
}

static void t38_expire(struct gw_data *d)
{
    gw_t38_relay_expire(d->join, gw_data_now(d));
}

static void t38_count(const struct gw_data *d, struct gw_iq_counters *out)
{
    for (unsigned i = 0; d->join && i < 2; i++) {
        gw_fax_direction(d->join, i, &out->dir[i]);
        out->dir[i].dropped += d->n[i].dropped;
    }
}

const struct gw_data_ops gw_data_t38 = {
    .protocol = "t38",
    .open = t38_open,
    .close = t38_close,
    .apply = t38_apply,
    .on_channel_open = t38_nothing,
    .on_message = t38_message,
    .on_channel_writable = t38_nothing,
    .on_channel_lost = t38_nothing,
    .on_core_datagram = t38_datagram,
    .deadline_us = t38_deadline,
    .expire = t38_expire,
    .count = t38_count,
};
