/* BFCP: data channel <-> TCP (RFC 8855). Messages pass octet for octet; what is no message is refused without breaking the
 * stream of the other side. */
#include <stdlib.h>

#include "datachannel/bfcp/bfcp_msg.h"
#include "gateway/media/data.h"

enum { QUEUE = 262144, MESSAGE = 65536 };

struct bfcp {
    uint8_t *out;             /* towards the core, from at to len */
    size_t at, len;
    size_t nin;               /* a message of the core that is not whole yet */
    uint8_t in[MESSAGE];
};

static int bfcp_open(struct gw_data *d)
{
    struct bfcp *b = calloc(1, sizeof(*b));

    if (!b)
        return GW_E_NOMEM;
    b->out = malloc(QUEUE);
    if (!b->out) {
        free(b);
        return GW_E_NOMEM;
    }
    d->join = b;
    return 0;
}

static void bfcp_close(struct gw_data *d)
{
    struct bfcp *b = d->join;

    free(b->out);
    free(b);
}

static void bfcp_apply(struct gw_data *d)
{
    (void)d; /* a client's floor messages are the server's to judge, whatever the gates: none are media */
}

static void flush(struct gw_data *d)
{
    struct bfcp *b = d->join;

    while (d->core->tcp && gw_tcp_is_up(d->core->tcp) && b->at < b->len) {
        ssize_t n = gw_tcp_write(d->core->tcp, (struct gw_span){ b->out + b->at, b->len - b->at });
        if (n <= 0)
            break;
        b->at += (size_t)n;
    }
    if (b->at == b->len)
        b->at = b->len = 0;
    if (!d->channel)
        return;
    if (b->len - b->at > QUEUE / 2)
        gw_channel_stop(d->channel);
    else
        gw_channel_start(d->channel);
}

static void refuse(struct gw_data *d, struct gw_span m, uint8_t code)
{
    struct gw_bfcp_header h;
    uint8_t error[GW_BFCP_FRAGMENT_HEADER + 4];
    int n;

    d->n[GW_FROM_ACCESS].dropped++;
    gw_stats_inc(GW_STAT_CHANNEL_REFUSED_MESSAGES);
    gw_data_log_once(d, 1, "message of the client refused");
    if (gw_bfcp_parse_header(m, &h) != 0)
        return; /* nothing that could be answered */
    n = gw_bfcp_write_error(&h, code, error, sizeof(error));
    if (n > 0 && gw_channel_send(d->channel, false, (struct gw_span){ error, (size_t)n }) != 0)
        d->n[GW_FROM_CORE].dropped++;
}

static void bfcp_message(struct gw_data *d, bool is_string, struct gw_span m)
{
    struct bfcp *b = d->join;
    struct gw_bfcp_header h;
    int err = gw_bfcp_check(m, &h);

    (void)is_string;
    if (err || h.version != GW_BFCP_RELIABLE) {
        refuse(d, m, !err ? GW_BFCP_ERR_VERSION : err == GW_E_SYNTAX ? GW_BFCP_ERR_UNPARSABLE : GW_BFCP_ERR_LENGTH);
        return;
    }
    if (b->at && b->len + m.len > QUEUE) {
        memmove(b->out, b->out + b->at, b->len - b->at);
        b->len -= b->at;
        b->at = 0;
    }
    if (b->len + m.len > QUEUE) { /* not reached while flush stops the channel at half of it */
        refuse(d, m, GW_BFCP_ERR_GENERIC);
        return;
    }
    memcpy(b->out + b->len, m.ptr, m.len);
    b->len += m.len;
    flush(d);
}

static void resume(struct gw_data *d)
{
    if (d->core->tcp)
        gw_tcp_read_on(d->core->tcp);
}

/* Everything of this connection is void, and so is a half message of it. */
static void bfcp_core_lost(struct gw_data *d)
{
    struct bfcp *b = d->join;

    b->nin = 0;
}

static void bfcp_channel_lost(struct gw_data *d)
{
    (void)d;
}

/* One message to the channel. AGAIN: the channel is full or not there. */
static int deliver(struct gw_data *d, struct gw_span m)
{
    struct gw_bfcp_header h;
    int err;

    if (!d->channel)
        return GW_E_AGAIN;
    if (gw_bfcp_check(m, &h) != 0) {
        gw_data_log_once(d, 2, "the core sent a BFCP message that cannot be parsed");
        return GW_E_SYNTAX; /* close the connection (RFC 8855 s. 6.1) */
    }
    err = gw_channel_send(d->channel, false, m);
    if (err == GW_E_FULL || err == GW_E_STATE)
        return GW_E_AGAIN;
    if (err) { /* larger than the client takes */
        d->n[GW_FROM_CORE].dropped++;
        gw_data_log_once(d, 4, "message of the core is larger than the client takes");
        return 0;
    }
    d->n[GW_FROM_CORE].messages++;
    d->n[GW_FROM_CORE].octets += m.len;
    gw_stats_inc(GW_STAT_CHANNEL_MESSAGES_OUT);
    return 0;
}

static ssize_t bfcp_octets(struct gw_data *d, struct gw_span octets)
{
    struct bfcp *b = d->join;
    size_t taken = 0;

    while (taken < octets.len) {
        size_t want = GW_BFCP_HEADER, len = 0, n;
        int err = gw_bfcp_frame((struct gw_span){ b->in, b->nin }, &len);

        if (err)
            return err;
        if (len > sizeof(b->in))
            return GW_E_LIMIT;
        want = len ? len : want;
        n = want - b->nin < octets.len - taken ? want - b->nin : octets.len - taken;
        memcpy(b->in + b->nin, (const uint8_t *)octets.ptr + taken, n);
        err = gw_bfcp_frame((struct gw_span){ b->in, b->nin + n }, &len);
        if (err)
            return err;
        if (len && b->nin + n == len) {
            err = deliver(d, (struct gw_span){ b->in, len });
            if (err == GW_E_AGAIN)
                return (ssize_t)taken; /* its last octets are offered again */
            if (err)
                return err;
            b->nin = 0;
        } else {
            b->nin += n;
        }
        taken += n;
    }
    return (ssize_t)taken;
}

static uint64_t bfcp_deadline(const struct gw_data *d)
{
    (void)d;
    return GW_NEVER; /* transactions on a reliable transport are the client's to time (RFC 8855 s. 8.3) */
}

static void bfcp_expire(struct gw_data *d)
{
    (void)d;
}

const struct gw_data_ops gw_data_bfcp = {
    .protocol = "bfcp",
    .has_tcp = true,
    .open = bfcp_open,
    .close = bfcp_close,
    .apply = bfcp_apply,
    .on_channel_open = resume,
    .on_message = bfcp_message,
    .on_channel_writable = resume,
    .on_channel_lost = bfcp_channel_lost,
    .on_core_up = flush,
    .on_core_octets = bfcp_octets,
    .on_core_writable = flush,
    .on_core_lost = bfcp_core_lost,
    .deadline_us = bfcp_deadline,
    .expire = bfcp_expire,
};
