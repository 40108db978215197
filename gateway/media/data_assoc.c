/* The association of an access termination: its channels, those that are joined to the core and those that wait for it.
 */
#include "gateway/base/log.h"
#include "gateway/media/data.h"

enum {
    OUR_MAX_MESSAGE = 262144,
    WAIT_S = 10, /* that a channel opened in band waits for signalling */
};

static struct gw_data *data_of(const struct gw_termination *t, uint16_t stream)
{
    for (unsigned i = 0; i < t->cx->ndatas; i++)
        if (t->cx->datas[i]->access == t && t->cx->datas[i]->conf.stream == stream)
            return t->cx->datas[i];
    return NULL;
}

static void on_send(void *arg, struct gw_span packet)
{
    struct gw_termination *t = arg;

    if (t->dtls && gw_dtls_send(t->dtls, packet) != 0)
        gw_stats_inc(GW_STAT_SCTP_DROPPED);
}

static void on_up(void *arg)
{
    struct gw_termination *t = arg;

    gw_stats_inc(GW_STAT_SCTP_UP);
    gw_log(GW_LOG_INFO, "sctp", t->cx->call, "term=%u association up", t->id);
    gw_worker_notify(t->cx, GW_IQ_SCTP_UP, t->id, 0, 0);
}

static void channel_lost(struct gw_data *d)
{
    d->channel = NULL;
    if (d->join)
        d->ops->on_channel_lost(d);
    gw_data_retime(d);
}

static void channel_gone(struct gw_data *d, int cause)
{
    channel_lost(d);
    if (d->is_closed)
        return;
    d->is_closed = true;
    gw_worker_notify(d->cx, GW_IQ_CHANNEL_CLOSED, d->access->id, d->conf.id, cause);
}

static void on_down(void *arg, int err)
{
    struct gw_termination *t = arg;

    gw_stats_inc(GW_STAT_SCTP_DOWN);
    gw_log(GW_LOG_WARNING, "sctp", t->cx->call, "term=%u association ended: %s", t->id, gw_err_text(err));
}

/* ---- channels that came in band and wait to be joined ---- */

static void notify(struct gw_termination *t, enum gw_iq_event event, const struct gw_channel_config *c, int cause)
{
    struct gw_iq_notify n = { .event = (uint8_t)event, .term = t->id, .cause = cause, .sctp_stream = c->stream };
    int protocol = gw_data_protocol(c->protocol);

    n.protocol = (uint8_t)(protocol < 0 ? 0 : protocol);
    gw_worker_notify_with(t->cx, &n);
}

static unsigned find_waiting(const struct gw_termination *t, uint16_t stream)
{
    unsigned i = 0;

    while (i < t->nwaiting && t->waiting[i].stream != stream)
        i++;
    return i;
}

/* True: it waited. */
static bool end_waiting(struct gw_termination *t, uint16_t stream)
{
    unsigned i = find_waiting(t, stream);

    if (i == t->nwaiting)
        return false;
    t->waiting[i] = t->waiting[--t->nwaiting];
    return true;
}

/* A sub-protocol that we carry is opened without an m-line of its own, since browsers write no dcmap. Signalling makes
 * the core's m-line (GW_IQ_CHANNEL_OPENED); until it says so what comes is kept, and past a bound the window closes. */
static void wait_to_be_joined(struct gw_termination *t, struct gw_channel *ch)
{
    const struct gw_channel_config *c = gw_channel_config(ch);

    t->waiting[t->nwaiting].stream = c->stream;
    t->waiting[t->nwaiting++].until_us = t->cx->w->now_us + WAIT_S * GW_S;
    gw_channel_stop(ch);
    gw_stats_inc(GW_STAT_CHANNEL_IN_BAND);
    gw_log(GW_LOG_INFO, "sctp", t->cx->call, "channel=%u %s opened in band", c->stream, c->protocol);
    notify(t, GW_IQ_CHANNEL_OPENED, c, 0);
}

bool gw_data_refuse(struct gw_termination *t, uint16_t stream)
{
    struct gw_channel *ch = t->channels ? gw_channels_find(t->channels, stream) : NULL;

    if (!end_waiting(t, stream))
        return false;
    if (ch) {
        gw_stats_inc(GW_STAT_CHANNEL_REFUSED);
        gw_channel_start(ch); /* to nobody: what it had kept must not hold the window of the others */
        gw_channel_close(ch);
    }
    return true;
}

void gw_data_sweep(struct gw_termination *t)
{
    for (unsigned i = t->nwaiting; i-- > 0;) {
        struct gw_channel *ch = gw_channels_find(t->channels, t->waiting[i].stream);
        if (t->waiting[i].until_us > t->cx->w->now_us || !ch)
            continue;
        gw_log(GW_LOG_WARNING, "sctp", t->cx->call, "channel=%u was not joined in %d s: closed", t->waiting[i].stream,
               WAIT_S);
        notify(t, GW_IQ_CHANNEL_CLOSED, gw_channel_config(ch), GW_E_TIMEOUT);
        gw_data_refuse(t, t->waiting[i].stream);
    }
}

/* ---- events ---- */

/* In band: what signalling has joined, or a sub-protocol that it may join. */
static bool on_ask(void *arg, const struct gw_channel_config *c)
{
    struct gw_termination *t = arg;
    struct gw_data *d = data_of(t, c->stream);

    if (d)
        return strcmp(d->ops->protocol, c->protocol) == 0;
    return gw_data_protocol(c->protocol) >= 0 && t->cx->ndatas + t->nwaiting < GW_IQ_CHANNELS;
}

/* A channel is there: also one that waited, when signalling has joined it. */
static void adopt(struct gw_data *d, struct gw_channel *ch)
{
    d->channel = ch;
    d->is_closed = false;
    gw_log(GW_LOG_INFO, "sctp", d->cx->call, "channel=%u %s open", d->conf.stream, d->ops->protocol);
    if (d->join) {
        d->ops->on_channel_open(d);
        gw_channel_start(ch);
    } else {
        gw_channel_stop(ch); /* the core has not answered yet: kept, and past a bound the window closes */
    }
    gw_data_retime(d);
}

static void on_open(void *arg, struct gw_channel *ch)
{
    struct gw_termination *t = arg;
    struct gw_data *d = data_of(t, gw_channel_config(ch)->stream);

    if (d)
        adopt(d, ch);
    else
        wait_to_be_joined(t, ch);
}

static void on_message(void *arg, struct gw_channel *ch, bool is_string, struct gw_span m)
{
    struct gw_data *d = data_of(arg, gw_channel_config(ch)->stream);

    if (!d || !d->join)
        return;
    d->n[GW_FROM_ACCESS].messages++;
    d->n[GW_FROM_ACCESS].octets += m.len;
    gw_stats_inc(GW_STAT_CHANNEL_MESSAGES_IN);
    d->ops->on_message(d, is_string, m);
    gw_data_retime(d);
}

static void on_writable(void *arg, struct gw_channel *ch)
{
    struct gw_data *d = data_of(arg, gw_channel_config(ch)->stream);

    if (!d || !d->join)
        return;
    d->ops->on_channel_writable(d);
    gw_data_retime(d);
}

static void on_close(void *arg, struct gw_channel *ch, enum gw_channel_cause cause)
{
    struct gw_termination *t = arg;
    struct gw_data *d = data_of(t, gw_channel_config(ch)->stream);

    gw_log(GW_LOG_INFO, "sctp", t->cx->call, "channel=%u closed, cause %d", gw_channel_config(ch)->stream, (int)cause);
    if (end_waiting(t, gw_channel_config(ch)->stream))
        notify(t, GW_IQ_CHANNEL_CLOSED, gw_channel_config(ch), cause == GW_CHANNEL_BY_PEER ? 0 : GW_E_CLOSED);
    if (d && d->channel == ch)
        channel_gone(d, cause == GW_CHANNEL_BY_US || cause == GW_CHANNEL_BY_PEER ? 0 : GW_E_CLOSED);
}

static void on_refused(void *arg, uint16_t stream, enum gw_channel_cause cause)
{
    struct gw_termination *t = arg;

    gw_stats_inc(GW_STAT_CHANNEL_REFUSED);
    if (t->logged & 4)
        return;
    t->logged |= 4;
    gw_log(GW_LOG_WARNING, "sctp", t->cx->call, "channel=%u refused, cause %d", stream, (int)cause);
}

static const struct gw_channels_events events = { on_send,    on_up,       on_down,  on_ask,    on_open,
                                                  on_message, on_writable, on_close, on_refused };

void gw_data_declare(struct gw_data *d)
{
    struct gw_channel_config c = { .stream = d->conf.stream, .is_ordered = true, .max_retr = -1, .max_time_ms = -1 };
    struct gw_channel *ch;
    int err;

    if (!d->access->channels || d->channel || d->is_closed)
        return;
    strcpy(c.protocol, d->ops->protocol);
    err = gw_channels_declare(d->access->channels, &c, &ch);
    if (err)
        gw_log(GW_LOG_WARNING, "sctp", d->cx->call, "channel=%u cannot be made: %s", d->conf.stream, gw_err_text(err));
    else if (end_waiting(d->access, d->conf.stream))
        adopt(d, ch);
    else
        d->channel = ch;
}

static void declare_all(struct gw_termination *t)
{
    for (unsigned i = 0; i < t->cx->ndatas; i++)
        if (t->cx->datas[i]->access == t)
            gw_data_declare(t->cx->datas[i]);
}

/* The association goes, without a word of its channels to signalling. */
static void drop_assoc(struct gw_termination *t)
{
    struct gw_channels *cs = t->channels;

    t->channels = NULL;
    t->nwaiting = 0;
    gw_channels_free(cs);
    t->sctp_ports[0] = t->sctp_ports[1] = 0;
}

/* The same channels are there again in the next association, and signalling, which brought it about, hears nothing. */
static void lose_channels(struct gw_termination *t)
{
    for (unsigned i = 0; i < t->cx->ndatas; i++) {
        struct gw_data *d = t->cx->datas[i];
        if (d->access != t)
            continue;
        if (d->channel)
            channel_lost(d);
        d->is_closed = false;
    }
}

/* RFC 8841 s. 9.3: another port of either side is another association over the same DTLS, port 0 is none. */
static void end_changed(struct gw_termination *t)
{
    if (!t->channels ||
        (t->sctp_ports[0] == t->conf.sctp_port && t->sctp_ports[1] == t->conf.remote_sctp_port && t->conf.has_sctp))
        return;
    drop_assoc(t);
    lose_channels(t);
}

void gw_data_dtls_up(struct gw_termination *t)
{
    struct gw_channels_config c = {
        .local_port = t->conf.sctp_port,
        .remote_port = t->conf.remote_sctp_port,
        .peer_max_message = t->conf.remote_max_message,
        .max_message = OUR_MAX_MESSAGE,
        .events = &events,
        .arg = t,
    };

    end_changed(t);
    if (t->channels || !t->conf.has_sctp || !t->conf.remote_sctp_port || !t->dtls ||
        gw_dtls_state(t->dtls) != GW_DTLS_UP)
        return;
    c.is_dtls_client = gw_dtls_is_client(t->dtls);
    if (gw_worker_sctp(t->cx->w) != 0 || gw_channels_new(t->cx->w->sctp, &c, &t->channels) != 0) {
        gw_log(GW_LOG_ERROR, "sctp", t->cx->call, "term=%u no memory for an association", t->id);
        return;
    }
    t->sctp_ports[0] = c.local_port;
    t->sctp_ports[1] = c.remote_port;
    declare_all(t);
}

/* A new DTLS association (RFC 8842 s. 5.3), or the end of the call. */
void gw_data_dtls_down(struct gw_termination *t)
{
    if (!t->channels)
        return;
    drop_assoc(t);
    lose_channels(t);
}

void gw_data_record(struct gw_termination *t, struct gw_span record)
{
    if (t->channels)
        gw_channels_input(t->channels, record);
    else
        gw_stats_inc(GW_STAT_SCTP_DROPPED); /* an INIT before its endpoint is sent again by the peer */
}
