/* BFCP: data channel <-> UDP (RFC 8855 s. 6.2). Transactions, repetition and fragments are the business of bfcp_udp.h.
 */
#include "datachannel/bfcp/bfcp_udp.h"
#include "gateway/base/log.h"
#include "gateway/media/data.h"

static int to_channel(void *arg, struct gw_span m)
{
    struct gw_data *d = arg;
    int err = d->channel ? gw_channel_send(d->channel, false, m) : GW_E_AGAIN;

    if (err == GW_E_LIMIT) { /* larger than the client takes: repeating it would not help */
        d->n[GW_FROM_CORE].dropped++;
        gw_data_log_once(d, 4, "message of the core is larger than the client takes");
        return 0;
    }
    if (err)
        return err;
    d->n[GW_FROM_CORE].messages++;
    d->n[GW_FROM_CORE].octets += m.len;
    gw_stats_inc(GW_STAT_CHANNEL_MESSAGES_OUT);
    return 0;
}

static void to_core(void *arg, struct gw_span datagram)
{
    struct gw_data *d = arg;

    if (!gw_termination_send_datagram(d->core, datagram))
        gw_data_log_once(d, 8, "a datagram for the core could not be sent");
}

/* Told from inside a message: the channel is closed when that is over. */
static void on_end(void *arg, int err)
{
    struct gw_data *d = arg;

    gw_log(GW_LOG_INFO, "bfcp", d->cx->call, "channel=%u core over UDP: %s", d->conf.stream, gw_err_text(err));
    gw_worker_notify(d->cx, GW_IQ_TCP_LOST, d->core->id, d->conf.id, err);
    if (d->channel)
        gw_channel_close(d->channel);
}

static int udp_open(struct gw_data *d)
{
    struct gw_bfcp_udp_config c = { to_channel, to_core, on_end, d };
    struct gw_bfcp_udp *u;
    int err;

    if (!d->core->conf.has_remote || d->core->conf.remote_rtp.port == 0)
        return GW_E_AGAIN;
    err = gw_bfcp_udp_new(&c, &u);
    if (!err)
        d->join = u;
    return err;
}

static void udp_close(struct gw_data *d)
{
    gw_bfcp_udp_goodbye(d->join);
    gw_bfcp_udp_free(d->join);
}

static void udp_nothing(struct gw_data *d)
{
    (void)d;
}

static void stop_or_start(struct gw_data *d)
{
    if (!d->channel)
        return;
    if (gw_bfcp_udp_is_full(d->join))
        gw_channel_stop(d->channel);
    else
        gw_channel_start(d->channel);
}

static void refuse(struct gw_data *d, const struct gw_bfcp_header *h, uint8_t code)
{
    struct gw_bfcp_header plain = *h;
    uint8_t error[GW_BFCP_FRAGMENT_HEADER + 4];
    int n;

    plain.version = GW_BFCP_RELIABLE;
    n = gw_bfcp_write_error(&plain, code, error, sizeof(error));
    if (n > 0 && gw_channel_send(d->channel, false, (struct gw_span){ error, (size_t)n }) != 0)
        d->n[GW_FROM_CORE].dropped++;
}

static void udp_message(struct gw_data *d, bool is_string, struct gw_span m)
{
    struct gw_bfcp_header h;
    int err = gw_bfcp_check(m, &h);

    (void)is_string;
    if (!err && h.version == GW_BFCP_RELIABLE)
        err = gw_bfcp_udp_from_channel(d->join, m, gw_data_now(d));
    else if (gw_bfcp_parse_header(m, &h) == 0)
        refuse(d, &h, !err ? GW_BFCP_ERR_VERSION : err == GW_E_SYNTAX ? GW_BFCP_ERR_UNPARSABLE : GW_BFCP_ERR_LENGTH);
    if (err) {
        d->n[GW_FROM_ACCESS].dropped++;
        gw_stats_inc(GW_STAT_CHANNEL_REFUSED_MESSAGES);
        gw_data_log_once(d, 1, "message of the client refused");
    }
    if (d->channel && gw_bfcp_udp_is_full(d->join))
        gw_channel_stop(d->channel);
}

static void udp_channel_lost(struct gw_data *d)
{
    gw_bfcp_udp_goodbye(d->join);
}

static void udp_datagram(struct gw_data *d, struct gw_span datagram)
{
    int err = gw_bfcp_udp_from_core(d->join, datagram, gw_data_now(d));

    if (err == GW_E_SYNTAX || err == GW_E_LIMIT) {
        d->n[GW_FROM_CORE].dropped++;
        gw_data_log_once(d, 2, "the core sent a BFCP message that cannot be parsed");
    }
    stop_or_start(d);
}

static uint64_t udp_deadline(const struct gw_data *d)
{
    return gw_bfcp_udp_deadline_us(d->join);
}

static void udp_expire(struct gw_data *d)
{
    gw_bfcp_udp_expire(d->join, gw_data_now(d));
    stop_or_start(d);
}

const struct gw_data_ops gw_data_bfcp_udp = {
    .protocol = "bfcp",
    .open = udp_open,
    .close = udp_close,
    .apply = udp_nothing,
    .on_channel_open = udp_nothing,
    .on_message = udp_message,
    .on_channel_writable = udp_nothing,
    .on_channel_lost = udp_channel_lost,
    .on_core_datagram = udp_datagram,
    .deadline_us = udp_deadline,
    .expire = udp_expire,
};
