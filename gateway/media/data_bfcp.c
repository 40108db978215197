/* BFCP: data channel <-> TCP (RFC 8855). Messages pass octet for octet; what is no message is refused without breaking
 * the stream of the other side. */
#include <stdlib.h>

#include "datachannel/bfcp/bfcp_msg.h"
#include "gateway/media/data_out.h"

enum { MESSAGE = 65536 };

struct bfcp {
    struct gw_data_out out;
    size_t nin; /* a message of the core that is not whole yet */
    uint8_t in[MESSAGE];
};

static int bfcp_open(struct gw_data *d)
{
    struct bfcp *b = calloc(1, sizeof(*b));

    if (!b)
        return GW_E_NOMEM;
    if (gw_data_out_init(&b->out) != 0) {
        free(b);
        return GW_E_NOMEM;
    }
    d->join = b;
    return 0;
}

static void bfcp_close(struct gw_data *d)
{
    struct bfcp *b = d->join;

    gw_data_out_fini(&b->out);
    free(b);
}

static void bfcp_apply(struct gw_data *d)
{
    (void)d; /* a client's floor messages are the server's to judge, whatever the gates: none are media */
}

static void flush(struct gw_data *d)
{
    struct bfcp *b = d->join;

    gw_data_out_flush(&b->out, d);
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
    h.version = GW_BFCP_RELIABLE;
    n = gw_bfcp_write_error(&h, code, error, sizeof(error));
    if (n > 0 && gw_channel_send(d->channel, false, (struct gw_span){ error, (size_t)n }) != 0)
        d->n[GW_FROM_CORE].dropped++;
}

/* In application-agnostic mode only the length, which keeps messages apart (TS 23.334 s. 5.11.3). */
static int check(const struct gw_data *d, struct gw_span m, struct gw_bfcp_header *h)
{
    int err = d->conf.is_agnostic ? gw_bfcp_parse_header(m, h) : gw_bfcp_check(m, h);

    return !err && d->conf.is_agnostic && m.len != GW_BFCP_HEADER + h->payload_bytes ? GW_E_RANGE : err;
}

static void bfcp_message(struct gw_data *d, bool is_string, struct gw_span m)
{
    struct bfcp *b = d->join;
    struct gw_bfcp_header h;
    int err = check(d, m, &h);

    (void)is_string;
    if (err || h.version != GW_BFCP_RELIABLE) {
        refuse(d, m, !err ? GW_BFCP_ERR_VERSION : err == GW_E_SYNTAX ? GW_BFCP_ERR_UNPARSABLE : GW_BFCP_ERR_LENGTH);
        return;
    }
    if (!gw_data_out_put(&b->out, m)) {
        refuse(d, m, GW_BFCP_ERR_GENERIC);
        return;
    }
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
    if (check(d, m, &h) != 0) {
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
