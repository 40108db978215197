/* MSRP in application-agnostic mode (TS 23.334 s. 5.11.3): octets pass untouched between messages of the channel and
 * the core connection. What the core sends at once becomes messages as large as the channel takes; RFC 8873 s. 5.4
 * wants one chunk in each, which only a gateway that reads MSRP can do: policy decides. */
#include <stdlib.h>

#include "gateway/media/data_out.h"

enum { PIECE = 16384 };

static int raw_open(struct gw_data *d)
{
    struct gw_data_out *o = malloc(sizeof(*o));

    if (!o)
        return GW_E_NOMEM;
    if (gw_data_out_init(o) != 0) {
        free(o);
        return GW_E_NOMEM;
    }
    d->join = o;
    return 0;
}

static void raw_close(struct gw_data *d)
{
    gw_data_out_fini(d->join);
    free(d->join);
}

static void raw_nothing(struct gw_data *d)
{
    (void)d;
}

static void flush(struct gw_data *d)
{
    gw_data_out_flush(d->join, d);
}

static void raw_message(struct gw_data *d, bool is_string, struct gw_span m)
{
    (void)is_string;
    if (!d->gate[GW_FROM_ACCESS] || !gw_data_out_put(d->join, m))
        d->n[GW_FROM_ACCESS].dropped++;
    flush(d);
}

static void resume(struct gw_data *d)
{
    if (d->core->tcp)
        gw_tcp_read_on(d->core->tcp);
}

static ssize_t raw_octets(struct gw_data *d, struct gw_span octets)
{
    size_t taken = 0, most;

    if (!d->gate[GW_FROM_CORE]) {
        d->n[GW_FROM_CORE].dropped++;
        return (ssize_t)octets.len;
    }
    if (!d->channel)
        return 0;
    most = gw_channel_max_message(d->channel) < PIECE ? gw_channel_max_message(d->channel) : PIECE;
    while (taken < octets.len) {
        size_t n = octets.len - taken < most ? octets.len - taken : most;
        if (gw_channel_send(d->channel, false, (struct gw_span){ (const uint8_t *)octets.ptr + taken, n }) != 0)
            break;
        taken += n;
        d->n[GW_FROM_CORE].messages++;
        d->n[GW_FROM_CORE].octets += n;
        gw_stats_inc(GW_STAT_CHANNEL_MESSAGES_OUT);
    }
    return (ssize_t)taken;
}

static void raw_core_lost(struct gw_data *d)
{
    gw_data_out_clear(d->join);
}

static uint64_t raw_deadline(const struct gw_data *d)
{
    (void)d;
    return GW_NEVER;
}

const struct gw_data_ops gw_data_raw = {
    .protocol = "msrp",
    .has_tcp = true,
    .open = raw_open,
    .close = raw_close,
    .apply = raw_nothing,
    .on_channel_open = resume,
    .on_message = raw_message,
    .on_channel_writable = resume,
    .on_channel_lost = raw_nothing,
    .on_core_up = flush,
    .on_core_octets = raw_octets,
    .on_core_writable = flush,
    .on_core_lost = raw_core_lost,
    .deadline_us = raw_deadline,
    .expire = raw_nothing,
};
