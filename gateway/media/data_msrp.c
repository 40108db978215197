/* MSRP: data channel <-> TCP (RFC 8873 s. 6). */
#include "datachannel/msrp/msrp_session.h"
#include "gateway/media/data.h"

static int send_to_channel(void *arg, struct gw_span message)
{
    struct gw_data *d = arg;
    int err = d->channel ? gw_channel_send(d->channel, false, message) : GW_E_FULL;

    if (err == 0) {
        d->n[GW_FROM_CORE].messages++;
        d->n[GW_FROM_CORE].octets += message.len;
        gw_stats_inc(GW_STAT_CHANNEL_MESSAGES_OUT);
    }
    return err;
}

static int msrp_open(struct gw_data *d)
{
    struct gw_msrp_config c = {
        .has_b2bua = d->conf.has_b2bua,
        .channel_own = d->conf.own_uri,
        .channel_peer = d->conf.peer_uri[0] ? d->conf.peer_uri : NULL,
        .core_own = d->conf.core_uri,
        .core_peer = d->conf.core_path,
        .channel_max_message = d->access->conf.remote_max_message ? d->access->conf.remote_max_message : GW_MSRP_PIECE,
        .may_core_send = d->gate[GW_FROM_CORE],
        .may_channel_send = d->gate[GW_FROM_ACCESS],
        .send = send_to_channel,
        .arg = d,
    };
    struct gw_msrp_session *s;
    int err;

    if (d->conf.has_b2bua && d->conf.core_path[0] == 0)
        return GW_E_AGAIN;
    err = gw_msrp_session_new(&c, &s);
    if (!err)
        d->join = s;
    return err;
}

static void msrp_close(struct gw_data *d)
{
    gw_msrp_session_free(d->join);
}

/* Writes what waits; a channel that was stopped for it goes on. */
static void flush(struct gw_data *d)
{
    struct gw_msrp_session *s = d->join;
    struct gw_span p;

    while (d->core->tcp && gw_tcp_is_up(d->core->tcp) && (p = gw_msrp_core_pending(s)).len) {
        ssize_t n = gw_tcp_write(d->core->tcp, p);
        if (n <= 0)
            break;
        gw_msrp_core_written(s, (size_t)n);
    }
    if (!d->channel)
        return;
    if (gw_msrp_core_is_full(s))
        gw_channel_stop(d->channel);
    else
        gw_channel_start(d->channel);
}

static void msrp_apply(struct gw_data *d)
{
    gw_msrp_session_set_directions(d->join, d->gate[GW_FROM_CORE], d->gate[GW_FROM_ACCESS]);
}

static void msrp_channel_open(struct gw_data *d)
{
    (void)gw_msrp_channel_writable(d->join, gw_data_now(d));
    if (d->core->tcp)
        gw_tcp_read_on(d->core->tcp);
}

static void msrp_message(struct gw_data *d, bool is_string, struct gw_span m)
{
    int err = gw_msrp_from_channel(d->join, m, gw_data_now(d));

    (void)is_string;
    if (err) {
        d->n[GW_FROM_ACCESS].dropped++;
        gw_stats_inc(GW_STAT_CHANNEL_REFUSED_MESSAGES);
        gw_data_log_once(d, 1, "message of the client refused");
    }
    if (err == GW_E_CLOSED) {
        gw_channel_close(d->channel);
        return;
    }
    if (gw_msrp_core_pending(d->join).len)
        flush(d);
    if (d->core->tcp)
        gw_tcp_read_on(d->core->tcp); /* an answer may have made room for pieces */
}

static void msrp_channel_writable(struct gw_data *d)
{
    if (gw_msrp_channel_writable(d->join, gw_data_now(d)) && d->core->tcp)
        gw_tcp_read_on(d->core->tcp);
}

static void msrp_channel_lost(struct gw_data *d)
{
    gw_msrp_channel_lost(d->join, gw_data_now(d));
    flush(d);
}

static void msrp_core_up(struct gw_data *d)
{
    gw_msrp_core_up(d->join);
    flush(d);
}

static ssize_t msrp_octets(struct gw_data *d, struct gw_span octets)
{
    ssize_t n = gw_msrp_from_core(d->join, octets, gw_data_now(d));

    if (n < 0)
        gw_data_log_once(d, 2, "the core sent what is not MSRP");
    flush(d);
    return n;
}

static void msrp_core_lost(struct gw_data *d)
{
    gw_msrp_core_lost(d->join, gw_data_now(d));
}

/* RFC 4975 s. 5.4: the session is bound to the connection that is there. */
static int msrp_second(struct gw_data *d, struct gw_span octets, void *answer, size_t size)
{
    struct gw_msrp_head h = { 0 };
    int err = gw_msrp_parse_head(octets, &h);

    if (err)
        return err == GW_E_AGAIN ? 0 : err;
    if (h.method == GW_MSRP_RESPONSE || h.method == GW_MSRP_REPORT)
        return GW_E_SYNTAX;
    gw_stats_inc(GW_STAT_CHANNEL_REFUSED_MESSAGES);
    if (!d->conf.has_b2bua || gw_msrp_uri_eq(h.to.uri[0], gw_span_str(d->conf.core_uri)))
        return gw_msrp_write_response(&h, 506, "Bound to another connection", answer, size);
    return gw_msrp_write_response(&h, 481, "No such session", answer, size);
}

static uint64_t msrp_deadline(const struct gw_data *d)
{
    return gw_msrp_deadline_us(d->join);
}

static void msrp_expire(struct gw_data *d)
{
    gw_msrp_expire(d->join, gw_data_now(d));
    flush(d);
}

const struct gw_data_ops gw_data_msrp = {
    .protocol = "msrp",
    .has_tcp = true,
    .open = msrp_open,
    .close = msrp_close,
    .apply = msrp_apply,
    .on_channel_open = msrp_channel_open,
    .on_message = msrp_message,
    .on_channel_writable = msrp_channel_writable,
    .on_channel_lost = msrp_channel_lost,
    .on_core_up = msrp_core_up,
    .on_core_octets = msrp_octets,
    .on_core_writable = flush,
    .on_core_lost = msrp_core_lost,
    .on_core_second = msrp_second,
    .deadline_us = msrp_deadline,
    .expire = msrp_expire,
};
