/* Making, starting and ending a worker. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/media/data.h"

enum {
    BUFFERS = 3 * GW_BATCH,
    ADDRS_AT_START = 1024,
};

static int complain(char *why, size_t size, int err, const char *key, const char *value)
{
    snprintf(why, size, "%s: %s: %s", key, value, gw_err_text(err));
    return err;
}

static int open_shared(struct gw_worker *w, const char *ip, const char *advertise, char *why, size_t size)
{
    struct gw_shared *sh;
    struct gw_addr a, adv;
    int buffer = (int)w->conf->media_socket_buffer, err;

    if (gw_addr_parse_ip(ip, (uint16_t)(w->conf->access_port + w->index), &a) != 0)
        return complain(why, size, GW_E_INVAL, "access_address", ip);
    if (gw_addr_parse_ip(advertise, a.port, &adv) != 0 || adv.family != a.family || gw_addr_is_any(&adv))
        return complain(why, size, GW_E_INVAL, "access_advertise", advertise);
    sh = &w->shared[a.family == 6];
    if (sh->in.fd >= 0)
        return complain(why, size, GW_E_EXISTS, "access_address: two of one family", ip);
    err = gw_port_socket(&a, &sh->in.fd);
    if (err)
        return complain(why, size, err == GW_E_EXISTS ? GW_E_IO : err, "access_address, access_port", ip);
    if (setsockopt(sh->in.fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) !=
        0) /* beyond rmem_max, if allowed */
        setsockopt(sh->in.fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    if (setsockopt(sh->in.fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)) != 0)
        setsockopt(sh->in.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    gw_port_set_dscp(sh->in.fd, a.family, (uint8_t)w->conf->access_dscp);
    sh->bound = a;
    sh->advertised = adv;
    sh->out.fd = sh->in.fd;
    sh->in.cb = gw_worker_on_shared;
    sh->in.arg = sh;
    return gw_loop_add_fd(w->loop, &sh->in, EPOLLIN);
}

static int open_addresses(struct gw_worker *w, char *why, size_t size)
{
    const struct gw_conf *c = w->conf;

    for (unsigned i = 0; i < c->access_address.n; i++) {
        const char *advertise = i < c->access_advertise.n ? c->access_advertise.v[i] : c->access_address.v[i];
        int err = open_shared(w, c->access_address.v[i], advertise, why, size);
        if (err)
            return err;
    }
    for (unsigned i = 0; i < c->core_address.n; i++) {
        const char *advertise = i < c->core_advertise.n ? c->core_advertise.v[i] : c->core_address.v[i];
        struct gw_addr a, adv;
        if (gw_addr_parse_ip(c->core_address.v[i], 0, &a) != 0 || (!c->core_advertise.n && gw_addr_is_any(&a)))
            return complain(why, size, GW_E_INVAL, "core_address", c->core_address.v[i]);
        if (gw_addr_parse_ip(advertise, 0, &adv) != 0 || adv.family != a.family || gw_addr_is_any(&adv))
            return complain(why, size, GW_E_INVAL, "core_advertise", advertise);
        w->core_ip[a.family == 6] = a;
        w->core_advertised[a.family == 6] = adv;
    }
    return 0;
}

/* All buffers in one piece; afterwards they only change places. */
static int make_buffers(struct gw_worker *w)
{
    uint8_t *at = w->memory = aligned_alloc(64, (size_t)BUFFERS * GW_PKT);

    if (!at)
        return GW_E_NOMEM;
    memset(at, 0, (size_t)BUFFERS * GW_PKT);
    for (unsigned i = 0; i < GW_BATCH; i++, at += GW_PKT) {
        w->in.bufs[i] = at;
        w->in.msgs[i].msg_hdr =
            (struct msghdr){ .msg_name = &w->in.from[i], .msg_iov = &w->in.iov[i], .msg_iovlen = 1 };
    }
    for (unsigned f = 0; f < 2; f++)
        for (unsigned i = 0; i < GW_BATCH; i++, at += GW_PKT) {
            struct gw_outbox *out = &w->shared[f].out;
            out->bufs[i] = at;
            out->msgs[i].msg_hdr = (struct msghdr){ .msg_name = &out->to[i], .msg_iov = &out->iov[i], .msg_iovlen = 1 };
        }
    return 0;
}

static int make_held(struct gw_worker *w)
{
    unsigned n = (unsigned)w->conf->media_held_packets;

    if (n == 0)
        return 0;
    w->held_memory = calloc(n, sizeof(*w->held_memory));
    w->held_buffers = aligned_alloc(64, (size_t)n * GW_PKT);
    if (!w->held_memory || !w->held_buffers)
        return GW_E_NOMEM;
    for (unsigned i = 0; i < n; i++) {
        w->held_memory[i].buf = w->held_buffers + (size_t)i * GW_PKT;
        w->held_memory[i].next = w->held_free;
        w->held_free = &w->held_memory[i];
    }
    return 0;
}

static int make_tables(struct gw_worker *w)
{
    w->max_contexts = (unsigned)w->conf->media_contexts + GW_DISPATCH_EMERGENCY;
    w->contexts = calloc(w->max_contexts, sizeof(*w->contexts));
    w->free_slots = calloc(w->max_contexts, sizeof(*w->free_slots));
    if (!w->contexts || !w->free_slots)
        return GW_E_NOMEM;
    for (unsigned i = w->max_contexts; i-- > 0;)
        w->free_slots[w->nfree++] = i;
    if (gw_addr_table_init(&w->addrs, ADDRS_AT_START) != 0 || gw_addr_table_init(&w->ufrags, ADDRS_AT_START) != 0)
        return GW_E_NOMEM;
    return gw_ice_stun_new(&w->stun);
}

int gw_worker_new(const struct gw_conf *conf, unsigned index, struct gw_identities *ids, struct gw_worker **out,
                  char *why, size_t why_size)
{
    struct gw_worker *w = calloc(1, sizeof(*w));
    int err;

    if (!w)
        return GW_E_NOMEM;
    w->index = index;
    w->conf = conf;
    w->ids = ids;
    w->orders_fd.fd = -1;
    for (unsigned i = 0; i < 2; i++) {
        w->shared[i].w = w;
        w->shared[i].in.fd = -1;
    }
    gw_timer_init(&w->sweep, gw_worker_on_sweep, w);
    err = gw_loop_new(&w->loop);
    if (!err)
        err = make_buffers(w);
    if (!err)
        err = make_held(w);
    if (!err)
        err = make_tables(w);
    if (!err)
        err = gw_mbox_new(1024, &w->orders);
    if (!err) {
        w->orders_fd = (struct gw_loop_fd){ gw_mbox_fd(w->orders), gw_worker_on_orders, w };
        err = gw_loop_add_fd(w->loop, &w->orders_fd, EPOLLIN);
    }
    if (!err && gw_ports_init(&w->ports, (unsigned)conf->core_port_min, (unsigned)conf->core_port_max, index,
                              (unsigned)conf->workers) != 0)
        err = complain(why, why_size, GW_E_INVAL, "core_port_min, core_port_max", "no pair for each worker");
    if (!err)
        err = open_addresses(w, why, why_size);
    if (err) {
        gw_worker_free(w);
        return err;
    }
    *out = w;
    return 0;
}

static void *run(void *arg)
{
    struct gw_worker *w = arg;
    char name[16];

    snprintf(name, sizeof(name), "media %u", w->index);
    pthread_setname_np(pthread_self(), name);
    gw_loop_run(w->loop, gw_worker_on_idle, w);
    return NULL;
}

int gw_worker_start(struct gw_worker *w, struct gw_mbox *inbox)
{
    w->inbox = inbox;
    if (gw_timer_start(w->loop, &w->sweep, gw_clock_us() + GW_S) != 0)
        return GW_E_NOMEM;
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        return GW_E_LIMIT;
    w->is_started = true;
    return 0;
}

void gw_worker_stop(struct gw_worker *w)
{
    if (!w->is_started)
        return;
    gw_loop_stop(w->loop);
    pthread_join(w->thread, NULL);
    w->is_started = false;
}

static void drop_order(void *item)
{
    gw_iq_order_free(item);
}

static void on_sctp(void *arg, uint32_t events)
{
    struct gw_worker *w = arg;

    (void)events;
    w->now_us = gw_loop_now_us(w->loop);
    gw_sctp_host_poll(w->sctp);
}

int gw_worker_sctp(struct gw_worker *w)
{
    int err;

    if (w->sctp)
        return 0;
    err = gw_sctp_init(true); /* once for the process, by the first worker that needs it */
    if (!err)
        err = gw_sctp_host_new(&w->sctp);
    if (err)
        return err;
    w->sctp_fd = (struct gw_loop_fd){ gw_sctp_host_fd(w->sctp), on_sctp, w };
    return gw_loop_add_fd(w->loop, &w->sctp_fd, EPOLLIN);
}

void gw_worker_free(struct gw_worker *w)
{
    if (!w)
        return;
    gw_worker_stop(w);
    for (unsigned i = 0; w->contexts && i < w->max_contexts; i++)
        gw_context_free(w->contexts[i]);
    for (unsigned i = 0; i < 2; i++)
        if (w->shared[i].in.fd >= 0) {
            gw_worker_flush(&w->shared[i].out); /* the close_notify of what was just freed */
            close(w->shared[i].in.fd);
        }
    for (unsigned i = 0; i < GW_REPLIES; i++)
        free(w->replies[i].reply);
    gw_ice_stun_free(w->stun);
    gw_addr_table_fini(&w->addrs);
    gw_addr_table_fini(&w->ufrags);
    gw_ports_fini(&w->ports);
    gw_mbox_free(w->orders, drop_order);
    gw_sctp_host_free(w->sctp);
    gw_loop_free(w->loop);
    free(w->memory);
    free(w->held_memory);
    free(w->held_buffers);
    free(w->contexts);
    free(w->free_slots);
    free(w);
}
