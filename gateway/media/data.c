/* The life of the channels that are joined to the core, and their TCP side. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/media/data.h"

static const struct gw_data_ops *const protocols[] = {
    [GW_IQ_MSRP] = &gw_data_msrp,
    [GW_IQ_BFCP] = &gw_data_bfcp,
    [GW_IQ_T140] = &gw_data_t140,
    [GW_IQ_T38] = &gw_data_t38,
};

int gw_data_protocol(const char *name)
{
    for (unsigned i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
        if (protocols[i] && strcmp(protocols[i]->protocol, name) == 0)
            return (int)i;
    return GW_E_NOTFOUND;
}

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

/* ---- the core's TCP side ---- */

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

void gw_data_tcp_up(struct gw_data *d, const struct gw_termination *t)
{
    gw_log(GW_LOG_INFO, d->ops->protocol, d->cx->call, "channel=%u %s connection up%s%s", d->conf.stream,
           t == d->core ? "core" : "access", t->security == GW_IQ_TLS ? ", " : "", gw_tcp_cipher(t->tcp));
    gw_worker_notify(d->cx, GW_IQ_TCP_UP, t->id, d->conf.id, 0);
}

void gw_data_tcp_lost(struct gw_data *d, const struct gw_termination *t, int err)
{
    if (t->security == GW_IQ_TLS && (err == GW_E_MISMATCH || err == GW_E_CRYPTO))
        gw_stats_inc(err == GW_E_MISMATCH ? GW_STAT_TLS_MISMATCH : GW_STAT_TLS_FAILED);
    gw_log(err == GW_E_MISMATCH ? GW_LOG_WARNING : GW_LOG_INFO, d->ops->protocol, d->cx->call,
           "channel=%u %s connection lost: %s", d->conf.stream, t == d->core ? "core" : "access",
           err == GW_E_MISMATCH ? "fingerprint mismatch" : gw_err_text(err));
    gw_worker_notify(d->cx, GW_IQ_TCP_LOST, t->id, d->conf.id, err);
}

static void core_up(void *arg)
{
    struct gw_data *d = arg;

    gw_data_tcp_up(d, d->core);
    if (d->join)
        d->ops->on_core_up(d);
    gw_data_retime(d);
}

static void core_lost(void *arg, int err)
{
    struct gw_data *d = arg;

    gw_data_tcp_lost(d, d->core, err);
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
static void make_tcp(struct gw_data *d, struct gw_termination *c, const struct gw_tcp_events *events)
{
    int fd = c->tcp_fd;

    if (!d->ops->has_tcp || c->tcp || fd < 0)
        return;
    c->tcp_fd = -1;
    c->tcp_generation = c->conf.tcp_generation;
    if (gw_tcp_new(d->cx->w->loop, &c->local, fd, events, d, &c->tcp) != 0)
        gw_data_log_once(d, 1u << 30, "cannot listen");
}

static void apply_tcp(struct gw_data *d, struct gw_termination *c)
{
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

static const struct gw_data_ops *ops_for(const struct gw_data *d, const struct gw_iq_channel *c)
{
    if (d->access && d->access->conf.transport == GW_IQ_TCP)
        return &gw_data_pipe;
    if (c->protocol == GW_IQ_BFCP && d->core && d->core->conf.transport == GW_IQ_UDP)
        return &gw_data_bfcp_udp;
    return c->protocol == GW_IQ_MSRP && c->is_agnostic ? &gw_data_raw : protocols[c->protocol];
}

/* A re-offer may bring another session: the call was transferred, or CEMA given up. */
static bool is_other_session(const struct gw_iq_channel *a, const struct gw_iq_channel *b)
{
    return a->is_agnostic != b->is_agnostic || a->has_b2bua != b->has_b2bua || strcmp(a->own_uri, b->own_uri) != 0 ||
           strcmp(a->peer_uri, b->peer_uri) != 0 || strcmp(a->core_uri, b->core_uri) != 0 ||
           strcmp(a->core_path, b->core_path) != 0;
}

static void end_join(struct gw_data *d)
{
    if (!d->join)
        return;
    if (d->ops->on_core_lost)
        d->ops->on_core_lost(d); /* its client is told of what is not answered */
    d->ops->close(d);
    d->join = NULL;
}

bool gw_data_datagram(struct gw_termination *t, struct gw_span datagram)
{
    struct gw_data *d = gw_data_of_core(t);

    if (!d || !d->ops->on_core_datagram)
        return false;
    if (d->join) {
        d->ops->on_core_datagram(d, datagram);
        gw_data_retime(d);
    }
    return true;
}

int gw_data_new(struct gw_context *cx, const struct gw_iq_channel *in, struct gw_data **out)
{
    struct gw_data *d = calloc(1, sizeof(*d));

    if (!d)
        return GW_E_NOMEM;
    d->cx = cx;
    d->ops = ops_for(d, in);
    d->conf = *in;
    gw_timer_init(&d->timer, on_timer, d);
    *out = d;
    return 0;
}

void gw_data_apply(struct gw_data *d, const struct gw_iq_channel *in)
{
    const struct gw_data_ops *ops = ops_for(d, in);

    if (ops != d->ops || (in->protocol == GW_IQ_MSRP && is_other_session(&d->conf, in)))
        end_join(d);
    d->ops = ops;
    d->conf = *in;
    d->gate[GW_FROM_ACCESS] = in->to_core;
    d->gate[GW_FROM_CORE] = in->to_access;
    make_tcp(d, d->core, d->ops->tcp[1] ? d->ops->tcp[1] : &tcp_events);
    if (d->ops->tcp[0])
        make_tcp(d, d->access, d->ops->tcp[0]);
    if (d->join) {
        d->ops->apply(d);
    } else if (d->ops->open(d) == 0 && d->channel && gw_channel_state(d->channel) == GW_CHANNEL_OPEN) {
        d->ops->on_channel_open(d);
        gw_channel_start(d->channel); /* what came meanwhile */
    }
    apply_tcp(d, d->core);
    apply_tcp(d, d->access);
    gw_data_declare(d);
    if (d->core->tcp)
        gw_tcp_read_on(d->core->tcp);
    if (d->access->tcp)
        gw_tcp_read_on(d->access->tcp);
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
    if (d->access && d->ops->tcp[0]) {
        gw_tcp_free(d->access->tcp);
        d->access->tcp = NULL;
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
    if (d->ops->count)
        d->ops->count(d, out);
    if (d->ops->tcp[0])
        gw_secure_name(d->access, out->security, sizeof(out->security));
    else
        snprintf(out->security, sizeof(out->security), "DTLS"); /* SCTP over it: no SRTP */
    gw_secure_name(d->core, out->core_security, sizeof(out->core_security));
}
