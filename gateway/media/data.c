/* Associations of access terminations, and the life of the channels joined to the core. */
#include "gateway/media/data.h"

#include <stdlib.h>

#include "gateway/base/log.h"

enum { OUR_MAX_MESSAGE = 262144 };

static const struct gw_data_ops *const protocols[] = {
    [GW_IQ_MSRP] = &gw_data_msrp,
    [GW_IQ_BFCP] = &gw_data_bfcp,
    [GW_IQ_T140] = &gw_data_t140,
};

uint64_t gw_data_now(const struct gw_data *d)
{
    return gw_loop_now_us(d->cx->w->loop);
}

void gw_data_log_once(struct gw_data *d, unsigned bit, const char *what)
{
    if (d->logged & bit)
        return;
    d->logged |= bit;
    gw_log(GW_LOG_WARNING, d->ops->protocol, d->cx->call, "channel=%u %s", d->conf.stream, what);
}

static void on_timer(void *arg)
{
    struct gw_data *d = arg;

    d->ops->expire(d);
    gw_data_retime(d);
}

void gw_data_retime(struct gw_data *d)
{
    uint64_t at = d->join ? d->ops->deadline_us(d) : GW_NEVER;

    if (at == GW_NEVER)
        gw_timer_stop(d->cx->w->loop, &d->timer);
    else if (at != d->timer.at_us && gw_timer_start(d->cx->w->loop, &d->timer, at) != 0)
        gw_data_log_once(d, 1u << 31, "no memory for a timer");
}

/* ---- the association ---- */

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

static void channel_gone(struct gw_data *d, int cause)
{
    d->channel = NULL;
    if (d->join)
        d->ops->on_channel_lost(d);
    gw_data_retime(d);
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

/* In band, only for what signalling has joined: the id or, with another id, nothing to join it to (RFC 8864 s. 6.5). */
static bool on_ask(void *arg, const struct gw_channel_config *c)
{
    struct gw_termination *t = arg;
    struct gw_data *d = data_of(t, c->stream);

    return d && strcmp(d->ops->protocol, c->protocol) == 0;
}

static void on_open(void *arg, struct gw_channel *ch)
{
    struct gw_termination *t = arg;
    struct gw_data *d = data_of(t, gw_channel_config(ch)->stream);

    if (!d) {
        gw_channel_close(ch);
        return;
    }
    d->channel = ch;
    d->is_closed = false;
    gw_log(GW_LOG_INFO, "sctp", t->cx->call, "channel=%u %s open", d->conf.stream, d->ops->protocol);
    if (d->join)
        d->ops->on_channel_open(d);
    else
        gw_channel_stop(ch); /* the core has not answered yet: kept, and past a bound the window closes */
    gw_data_retime(d);
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

static const struct gw_channels_events events = { on_send, on_up, on_down, on_ask, on_open, on_message,
                                                  on_writable, on_close, on_refused };

static void declare(struct gw_data *d)
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
    else
        d->channel = ch;
}

static void declare_all(struct gw_termination *t)
{
    for (unsigned i = 0; i < t->cx->ndatas; i++)
        if (t->cx->datas[i]->access == t)
            declare(t->cx->datas[i]);
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

    if (t->channels || !t->conf.has_sctp || !t->conf.remote_sctp_port || !t->dtls || gw_dtls_state(t->dtls) != GW_DTLS_UP)
        return;
    c.is_dtls_client = gw_dtls_is_client(t->dtls);
    if (gw_worker_sctp(t->cx->w) != 0 || gw_channels_new(t->cx->w->sctp, &c, &t->channels) != 0) {
        gw_log(GW_LOG_ERROR, "sctp", t->cx->call, "term=%u no memory for an association", t->id);
        return;
    }
    declare_all(t);
}

void gw_data_dtls_down(struct gw_termination *t)
{
    struct gw_channels *cs = t->channels;

    if (!cs)
        return;
    t->channels = NULL;
    gw_channels_free(cs);
    for (unsigned i = 0; i < t->cx->ndatas; i++)
        if (t->cx->datas[i]->access == t && t->cx->datas[i]->channel)
            channel_gone(t->cx->datas[i], GW_E_CLOSED);
}

void gw_data_record(struct gw_termination *t, struct gw_span record)
{
    if (t->channels)
        gw_channels_input(t->channels, record);
    else
        gw_stats_inc(GW_STAT_SCTP_DROPPED); /* an INIT before its endpoint is sent again by the peer */
}

/* ---- the core's TCP side ---- */

static void core_up(void *arg)
{
    struct gw_data *d = arg;

    gw_log(GW_LOG_INFO, d->ops->protocol, d->cx->call, "channel=%u core connection up%s%s", d->conf.stream,
           d->core->security == GW_IQ_TLS ? ", " : "", gw_tcp_cipher(d->core->tcp));
    gw_worker_notify(d->cx, GW_IQ_TCP_UP, d->core->id, d->conf.id, 0);
    if (d->join)
        d->ops->on_core_up(d);
    gw_data_retime(d);
}

static ssize_t core_octets(void *arg, struct gw_span octets)
{
    struct gw_data *d = arg;
    ssize_t n = d->join ? d->ops->on_core_octets(d, octets) : 0;

    if (n < 0)
        gw_stats_inc(GW_STAT_CHANNEL_CORE_BAD);
    gw_data_retime(d);
    return n;
}

static void core_writable(void *arg)
{
    struct gw_data *d = arg;

    if (d->join)
        d->ops->on_core_writable(d);
    gw_data_retime(d);
}

static void core_lost(void *arg, int err)
{
    struct gw_data *d = arg;

    gw_log(GW_LOG_INFO, d->ops->protocol, d->cx->call, "channel=%u core connection lost: %s", d->conf.stream,
           err == GW_E_MISMATCH ? "fingerprint mismatch" : gw_err_text(err));
    gw_worker_notify(d->cx, GW_IQ_TCP_LOST, d->core->id, d->conf.id, err);
    if (d->join)
        d->ops->on_core_lost(d);
    gw_data_retime(d);
}

static int core_second(void *arg, struct gw_span octets, void *answer, size_t size)
{
    struct gw_data *d = arg;

    gw_data_log_once(d, 1u << 29, "a second connection of the core refused");
    return d->ops->on_core_second && d->join ? d->ops->on_core_second(d, octets, answer, size) : GW_E_CLOSED;
}

static const struct gw_tcp_events tcp_events = { core_up, core_octets, core_writable, core_lost, core_second };

/* Listens from the offer on. */
static void make_tcp(struct gw_data *d)
{
    struct gw_termination *c = d->core;
    int fd = c->tcp_fd;

    if (!d->ops->has_tcp || c->tcp || fd < 0)
        return;
    c->tcp_fd = -1;
    c->tcp_generation = c->conf.tcp_generation;
    if (gw_tcp_new(d->cx->w->loop, &c->local, fd, &tcp_events, d, &c->tcp) != 0)
        gw_data_log_once(d, 1u << 30, "cannot listen");
}

static void apply_tcp(struct gw_data *d)
{
    struct gw_termination *c = d->core;

    if (!c->tcp)
        return;
    if (c->tcp_generation != c->conf.tcp_generation) { /* signalling asked for it: nothing to notify */
        c->tcp_generation = c->conf.tcp_generation;
        gw_tcp_renew(c->tcp);
        if (d->join)
            d->ops->on_core_lost(d);
    }
    if (c->security == GW_IQ_TLS)
        gw_tcp_secure(c->tcp, c->identity, c->conf.setup == GW_IQ_SETUP_ACTIVE, c->conf.fingerprints,
                      c->conf.nfingerprints);
    if (c->conf.has_remote && c->conf.tcp_setup == GW_IQ_SETUP_ACTIVE && c->conf.remote_rtp.port)
        gw_tcp_connect(c->tcp, &c->conf.remote_rtp);
}

/* ---- life ---- */

struct gw_data *gw_data_of_core(const struct gw_termination *t)
{
    for (unsigned i = 0; i < t->cx->ndatas; i++)
        if (t->cx->datas[i]->core == t)
            return t->cx->datas[i];
    return NULL;
}

bool gw_data_rtp(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp)
{
    struct gw_data *d = gw_data_of_core(t);
    int err = 0;

    if (!d || !d->join || !d->ops->on_core_rtp) {
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_STREAM);
        return false;
    }
    if (t->security != GW_IQ_PLAIN && !t->rx)
        err = GW_E_STATE;
    else if (t->rx)
        err = is_rtcp ? gw_srtp_unprotect_rtcp(t->rx, p->buf, &p->len) : gw_srtp_unprotect_rtp(t->rx, p->buf, &p->len);
    if (err) {
        gw_stats_inc(err == GW_E_STATE    ? GW_STAT_MEDIA_DROPPED_KEYS
                     : err == GW_E_REPLAY ? GW_STAT_MEDIA_DROPPED_REPLAY
                                          : GW_STAT_MEDIA_DROPPED_FORGED);
        return false;
    }
    gw_stats_inc(is_rtcp ? GW_STAT_MEDIA_HANDLED_RTCP : GW_STAT_MEDIA_HANDLED_TEXT);
    if (!d->ops->on_core_rtp(d, p, is_rtcp))
        return false;
    t->media_us = gw_data_now(d);
    return true;
}

int gw_data_new(struct gw_context *cx, const struct gw_iq_channel *in, struct gw_data **out)
{
    struct gw_data *d = calloc(1, sizeof(*d));

    if (!d)
        return GW_E_NOMEM;
    d->cx = cx;
    d->ops = protocols[in->protocol];
    d->conf = *in;
    gw_timer_init(&d->timer, on_timer, d);
    *out = d;
    return 0;
}

void gw_data_apply(struct gw_data *d, const struct gw_iq_channel *in)
{
    d->conf = *in;
    d->gate[GW_FROM_ACCESS] = in->to_core;
    d->gate[GW_FROM_CORE] = in->to_access;
    make_tcp(d);
    if (d->join) {
        d->ops->apply(d);
    } else if (d->ops->open(d) == 0 && d->channel && gw_channel_state(d->channel) == GW_CHANNEL_OPEN) {
        d->ops->on_channel_open(d);
        gw_channel_start(d->channel); /* what came meanwhile */
    }
    apply_tcp(d);
    declare(d);
    if (d->core->tcp)
        gw_tcp_read_on(d->core->tcp);
    gw_data_retime(d);
}

void gw_data_free(struct gw_data *d)
{
    struct gw_channel *ch;

    if (!d)
        return;
    ch = d->channel;
    d->channel = NULL;
    d->is_closed = true; /* signalling asked for it */
    if (d->join)
        d->ops->close(d);
    d->join = NULL;
    gw_timer_stop(d->cx->w->loop, &d->timer);
    if (d->core) {
        gw_tcp_free(d->core->tcp);
        d->core->tcp = NULL;
    }
    if (ch && d->access->channels)
        gw_channel_close(ch);
    free(d);
}

void gw_data_counters(const struct gw_data *d, struct gw_iq_counters *out)
{
    *out = (struct gw_iq_counters){ .id = d->conf.id, .is_channel = true, .protocol = d->conf.protocol };
    for (unsigned i = 0; i < 2; i++) {
        out->dir[i].packets = d->n[i].messages;
        out->dir[i].octets = d->n[i].octets;
        out->dir[i].dropped = d->n[i].dropped;
    }
    gw_secure_name(d->access, out->security, sizeof(out->security));
    gw_secure_name(d->core, out->core_security, sizeof(out->core_security));
}
