/* MSRP or BFCP of an IMS phone: a connection of the access side and one of the core, TCP or TLS each (TS 33.328
 * s. 7.2.1, annex G.2; TS 23.334 s. 5.11.2, 5.11.3). Neither side's SYN is passed on: each connection is ours, and one
 * that we are to open is opened when signalling says so, or again when the other side's comes. When one ends, what it
 * sent is still delivered, then the other one ends. */
#include <stdlib.h>

#include "datachannel/msrp/msrp_paths.h"
#include "gateway/media/data_out.h"

struct pipe {
    struct gw_msrp_paths *paths; /* NULL: octets pass untouched */
    struct gw_data_out out[2];
    bool is_ending[2]; /* once its queue is empty */
};

static struct gw_termination *term_of(const struct gw_data *d, unsigned side)
{
    return side == GW_FROM_ACCESS ? d->access : d->core;
}

static void on_paths_out(void *arg, unsigned side, struct gw_span octets)
{
    struct gw_data *d = arg;
    struct pipe *p = d->join;

    if (!gw_data_out_put(&p->out[side], octets))
        d->n[1 - side].dropped++; /* does not happen: room was asked for */
}

static int pipe_open(struct gw_data *d)
{
    struct gw_msrp_paths_config c = { .side = { { d->conf.own_uri, d->conf.peer_uri, d->gate[GW_FROM_ACCESS] },
                                                { d->conf.core_uri, d->conf.core_path, d->gate[GW_FROM_CORE] } },
                                      .out = on_paths_out,
                                      .arg = d };
    bool has_paths = d->conf.protocol == GW_IQ_MSRP && d->conf.has_b2bua && !d->conf.is_agnostic;
    struct pipe *p;

    if (has_paths && (!d->conf.peer_uri[0] || !d->conf.core_path[0]))
        return GW_E_AGAIN;
    p = calloc(1, sizeof(*p));
    if (!p)
        return GW_E_NOMEM;
    if (gw_data_out_init(&p->out[0]) != 0 || gw_data_out_init(&p->out[1]) != 0 ||
        (has_paths && gw_msrp_paths_new(&c, &p->paths) != 0)) {
        gw_data_out_fini(&p->out[0]);
        gw_data_out_fini(&p->out[1]);
        free(p);
        return GW_E_NOMEM;
    }
    d->join = p;
    return 0;
}

static void pipe_close(struct gw_data *d)
{
    struct pipe *p = d->join;

    gw_msrp_paths_free(p->paths);
    gw_data_out_fini(&p->out[0]);
    gw_data_out_fini(&p->out[1]);
    free(p);
}

static void pipe_apply(struct gw_data *d)
{
    struct pipe *p = d->join;

    for (unsigned i = 0; p->paths && i < 2; i++)
        gw_msrp_paths_allow(p->paths, i, d->gate[i]);
}

static void end_side(struct gw_data *d, unsigned side)
{
    struct gw_tcp *tcp = term_of(d, side)->tcp;

    ((struct pipe *)d->join)->is_ending[side] = false;
    if (tcp && gw_tcp_is_up(tcp))
        gw_tcp_renew(tcp);
}

static void flush(struct gw_data *d, unsigned side)
{
    struct pipe *p = d->join;
    struct gw_tcp *other = term_of(d, 1 - side)->tcp;

    gw_data_out_write(&p->out[side], term_of(d, side)->tcp);
    if (p->out[side].len == 0 && p->is_ending[side])
        end_side(d, side);
    else if (other)
        gw_tcp_read_on(other);
}

/* The other side's connection, if we are to open it and it was lost meanwhile. */
static void wake(struct gw_data *d, unsigned side)
{
    const struct gw_termination *t = term_of(d, side);

    if (!t->tcp || gw_tcp_is_up(t->tcp) || !t->conf.has_remote || t->conf.tcp_setup != GW_IQ_SETUP_ACTIVE ||
        !t->conf.remote_rtp.port || gw_tcp_is_connecting(t->tcp))
        return;
    gw_tcp_renew(t->tcp);
    gw_tcp_connect(t->tcp, &t->conf.remote_rtp);
}

static void on_up(struct gw_data *d, unsigned side)
{
    gw_data_tcp_up(d, term_of(d, side));
    wake(d, 1 - side);
    if (d->join)
        flush(d, side);
}

static ssize_t on_octets(struct gw_data *d, unsigned from, struct gw_span octets)
{
    struct pipe *p = d->join;
    struct gw_tcp *other = term_of(d, 1 - from)->tcp;
    int err = 0;

    if (!p || !other || !gw_tcp_is_up(other) ||
        gw_data_out_room(&p->out[1 - from]) < octets.len + 2 * GW_MSRP_PATHS_MORE)
        return 0; /* it waits in the kernel; on_up or flush read on */
    if (p->paths)
        err = gw_msrp_paths_input(p->paths, from, octets);
    else if (!d->gate[from] && d->conf.protocol == GW_IQ_MSRP)
        d->n[from].dropped++;
    else if (!gw_data_out_put(&p->out[1 - from], octets))
        err = GW_E_LIMIT;
    if (err) {
        gw_stats_inc(GW_STAT_CHANNEL_CORE_BAD);
        gw_data_log_once(d, from ? 2 : 1, from ? "the core sent what is not MSRP" : "the phone sent what is not MSRP");
        return err;
    }
    d->n[from].octets += octets.len;
    d->n[from].messages++;
    gw_data_out_write(&p->out[from], term_of(d, from)->tcp); /* an answer of ours */
    flush(d, 1 - from);
    return (ssize_t)octets.len;
}

static void on_lost(struct gw_data *d, unsigned side, int err)
{
    struct pipe *p = d->join;

    gw_data_tcp_lost(d, term_of(d, side), err);
    if (!p)
        return;
    if (p->paths)
        gw_msrp_paths_reset(p->paths);
    gw_data_out_clear(&p->out[side]);
    p->is_ending[side] = false;
    if (p->out[1 - side].len == 0)
        end_side(d, 1 - side);
    else
        p->is_ending[1 - side] = true;
}

static void access_up(void *arg)
{
    on_up(arg, GW_FROM_ACCESS);
}

static void core_up(void *arg)
{
    on_up(arg, GW_FROM_CORE);
}

static ssize_t access_octets(void *arg, struct gw_span octets)
{
    return on_octets(arg, GW_FROM_ACCESS, octets);
}

static ssize_t core_octets(void *arg, struct gw_span octets)
{
    return on_octets(arg, GW_FROM_CORE, octets);
}

static void access_writable(void *arg)
{
    flush(arg, GW_FROM_ACCESS);
}

static void core_writable(void *arg)
{
    flush(arg, GW_FROM_CORE);
}

static void access_lost(void *arg, int err)
{
    on_lost(arg, GW_FROM_ACCESS, err);
}

static void core_lost(void *arg, int err)
{
    on_lost(arg, GW_FROM_CORE, err);
}

/* Signalling asked for other connections: what was on its way is gone. */
static void restart(struct gw_data *d)
{
    struct pipe *p = d->join;

    if (p->paths)
        gw_msrp_paths_reset(p->paths);
    for (unsigned i = 0; i < 2; i++) {
        gw_data_out_clear(&p->out[i]);
        p->is_ending[i] = false;
    }
}

static void pipe_count(const struct gw_data *d, struct gw_iq_counters *out)
{
    const struct pipe *p = d->join;

    for (unsigned i = 0; p && p->paths && i < 2; i++) {
        const struct gw_msrp_paths_counts *n = gw_msrp_paths_counts(p->paths);
        out->dir[i].packets = n->messages[i];
        out->dir[i].octets = n->octets[i];
        out->dir[i].dropped = d->n[i].dropped + n->refused[i];
    }
}

static uint64_t no_deadline(const struct gw_data *d)
{
    (void)d;
    return GW_NEVER;
}

static void nothing(struct gw_data *d)
{
    (void)d;
}

static const struct gw_tcp_events access_events = { access_up, access_octets, access_writable, access_lost, NULL };
static const struct gw_tcp_events core_events = { core_up, core_octets, core_writable, core_lost, NULL };

const struct gw_data_ops gw_data_pipe = {
    .protocol = "msrp or bfcp",
    .has_tcp = true,
    .tcp = { &access_events, &core_events },
    .open = pipe_open,
    .close = pipe_close,
    .apply = pipe_apply,
    .on_channel_open = nothing,
    .on_channel_lost = nothing,
    .on_core_lost = restart,
    .count = pipe_count,
    .deadline_us = no_deadline,
    .expire = nothing,
};
