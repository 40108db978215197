/* A worker: its thread, its sockets and batches, and the way of a datagram to the object that it is for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/media/media_priv.h"

enum {
    READS_PER_ROUND = 4, /* batches read from one socket before the others get their turn */
    BUFFERS = 3 * GW_BATCH,
    ADDRS_AT_START = 1024,
    TICK_FROM = 2,       /* packets a millisecond from which on it pays to sleep */
    TICK_FULL = 8,       /* and from which on the tick is at its longest */
    RATE_SPAN_US = 5000, /* over which they are counted */
};

/* ---- out ---- */

static void flush(struct gw_outbox *out)
{
    unsigned at = 0;

    while (at < out->n) {
        int n = sendmmsg(out->fd, out->msgs + at, out->n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            at += (unsigned)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == ENOBUFS) { /* the rest of the batch would fare no better */
            gw_stats_add(GW_STAT_MEDIA_SENT_UNCONFIRMED, out->n - at);
            break;
        }
        gw_stats_inc(GW_STAT_MEDIA_SENT_UNCONFIRMED); /* this one alone, e.g. no route to it */
        at++;
    }
    out->n = 0;
}

static unsigned slot(struct gw_outbox *out, const union gw_sockaddr *to)
{
    unsigned i;

    if (out->n == GW_BATCH)
        flush(out);
    i = out->n++;
    out->to[i] = *to;
    out->msgs[i].msg_hdr.msg_namelen = to->sa.sa_family == AF_INET6 ? sizeof(to->in6) : sizeof(to->in);
    return i;
}

void gw_worker_send(struct gw_worker *w, unsigned family, const union gw_sockaddr *to, struct gw_pkt *p)
{
    struct gw_outbox *out = &w->shared[family].out;
    unsigned i = slot(out, to);
    uint8_t *spare = out->bufs[i];

    out->bufs[i] = p->buf;
    out->iov[i] = (struct iovec){ p->buf, p->len };
    p->buf = spare;
}

void gw_worker_send_copy(struct gw_worker *w, unsigned family, const union gw_sockaddr *to, struct gw_span octets)
{
    struct gw_outbox *out = &w->shared[family].out;
    unsigned i;

    if (octets.len > GW_PKT)
        return;
    i = slot(out, to);
    memcpy(out->bufs[i], octets.ptr, octets.len);
    out->iov[i] = (struct iovec){ out->bufs[i], octets.len };
}

/* ---- in ---- */

static int receive(struct gw_worker *w, int fd, unsigned max)
{
    struct gw_inbox *in = &w->in;
    int n;

    for (unsigned i = 0; i < max; i++) {
        in->iov[i] = (struct iovec){ in->bufs[i], GW_PKT_RX };
        in->msgs[i].msg_hdr.msg_namelen = sizeof(in->from[i]);
    }
    n = recvmmsg(fd, in->msgs, max, MSG_DONTWAIT, NULL);
    if (n > 0)
        w->round_packets += (unsigned)n;
    return n;
}

static void on_datagram(struct gw_shared *sh, unsigned family, const union gw_sockaddr *from, struct gw_pkt *p)
{
    struct gw_worker *w = sh->w;
    struct gw_addr src = { 0 };
    struct gw_termination *t;
    enum gw_demux kind = gw_demux((struct gw_span){ p->buf, p->len });

    gw_stats_inc(GW_STAT_MEDIA_RX_ACCESS);
    if (kind == GW_DEMUX_OTHER || gw_addr_from_sockaddr(&from->sa, &src) != 0) {
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_KIND);
        return;
    }
    if (kind == GW_DEMUX_STUN) {
        gw_secure_stun(w, family, &src, from, p);
        return;
    }
    t = gw_addr_table_get(&w->addrs, &src);
    if (!t)
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_UNCHECKED);
    else if (kind == GW_DEMUX_DTLS)
        gw_secure_dtls(t, family, from, p);
    else
        gw_stream_input(t, p, kind == GW_DEMUX_RTCP);
}

static void on_shared(void *arg, uint32_t events)
{
    struct gw_shared *sh = arg;
    struct gw_worker *w = sh->w;
    unsigned family = (unsigned)(sh - w->shared);

    (void)events;
    w->now_us = gw_loop_now_us(w->loop);
    for (int round = 0; round < READS_PER_ROUND; round++) {
        int n = receive(w, sh->in.fd, GW_BATCH);
        for (int i = 0; i < n; i++) {
            struct gw_pkt p = { w->in.bufs[i], w->in.msgs[i].msg_len };
            if (w->in.msgs[i].msg_hdr.msg_flags & MSG_TRUNC) {
                gw_stats_inc(GW_STAT_MEDIA_RX_ACCESS);
                gw_stats_inc(GW_STAT_MEDIA_DROPPED_MALFORMED);
                continue;
            }
            on_datagram(sh, family, &w->in.from[i], &p);
            w->in.bufs[i] = p.buf; /* the outbox may have taken it and left another */
        }
        if (n < GW_BATCH)
            return;
    }
}

static enum gw_stat rx_of(const struct gw_own *own)
{
    return own->t->realm == GW_IQ_ACCESS ? GW_STAT_MEDIA_RX_ACCESS : GW_STAT_MEDIA_RX_CORE;
}

void gw_worker_on_own(void *arg, uint32_t events)
{
    struct gw_own *own = arg;
    struct gw_worker *w = own->t->cx->w;
    int n;

    (void)events; /* also EPOLLERR: reading clears it */
    w->now_us = gw_loop_now_us(w->loop);
    n = receive(w, own->in.fd, GW_BATCH_OWN); /* what is left makes the descriptor ready again */
    for (int i = 0; i < n; i++) {
        struct gw_pkt p = { w->in.bufs[i], w->in.msgs[i].msg_len };
        gw_stats_inc(rx_of(own));
        if (w->in.msgs[i].msg_hdr.msg_flags & MSG_TRUNC) {
            gw_stats_inc(GW_STAT_MEDIA_DROPPED_MALFORMED);
            continue;
        }
        gw_termination_own(own, &w->in.from[i], &p);
        w->in.bufs[i] = p.buf;
    }
}

void gw_worker_on_guard(void *arg, uint32_t events)
{
    struct gw_own *own = arg;
    struct gw_worker *w = own->t->cx->w;
    int n = receive(w, own->guard.fd, GW_BATCH);

    (void)events;
    if (n <= 0)
        return;
    gw_stats_add(rx_of(own), n);
    gw_stats_add(GW_STAT_MEDIA_DROPPED_STRANGER, n);
    own->t->noticed |= GW_NOTICED_STRANGER;
    if (own->t->nstreams)
        own->t->streams[0]->flow[own->t->realm].dropped += (unsigned)n;
}

/* ---- rounds ---- */

/* Waking up is the dearest thing that a busy worker does: the more packets come in a millisecond, the longer it sleeps
 * between two rounds, so that each finds more. With few it wakes at once. */
static void adapt_tick(struct gw_worker *w)
{
    uint64_t now_us = gw_loop_now_us(w->loop), span_us = now_us - w->rate_since_us;
    uint64_t per_ms, max = (uint64_t)w->conf->media_tick_max_us;

    if (span_us < RATE_SPAN_US)
        return;
    per_ms = w->round_packets * GW_MS / span_us;
    w->round_packets = 0;
    w->rate_since_us = now_us;
    gw_loop_set_tick_us(w->loop, (uint32_t)(per_ms < TICK_FROM   ? 0
                                            : per_ms >= TICK_FULL ? max
                                                                  : max * (per_ms - TICK_FROM + 1) / (TICK_FULL - TICK_FROM)));
}

static void on_idle(void *arg)
{
    struct gw_worker *w = arg;

    flush(&w->shared[0].out);
    flush(&w->shared[1].out);
    adapt_tick(w);
}

static void on_sweep(void *arg)
{
    struct gw_worker *w = arg;

    w->now_us = gw_loop_now_us(w->loop);
    for (unsigned i = 0; i < w->max_contexts; i++) {
        struct gw_context *cx = w->contexts[i];
        for (unsigned k = 0; cx && k < cx->nterms; k++)
            gw_termination_sweep(cx->terms[k]);
    }
    if (gw_timer_start(w->loop, &w->sweep, w->now_us + GW_S) != 0)
        gw_log(GW_LOG_ERROR, "media", NULL, "worker %u has no memory for its timer", w->index);
}

/* ---- Iq ---- */

static void post(struct gw_worker *w, struct gw_iq_item *item)
{
    void *push = item;

    if (gw_mbox_push(w->inbox, &push) != 0) {
        gw_stats_inc(GW_STAT_IQ_LOST);
        free(push);
    }
}

void gw_worker_notify(struct gw_context *cx, enum gw_iq_event event, uint8_t term, uint8_t stream, int cause)
{
    struct gw_iq_item *item = calloc(1, sizeof(*item)); /* an event of a call, not of a packet */

    if (!item) {
        gw_stats_inc(GW_STAT_IQ_LOST);
        return;
    }
    item->is_notify = true;
    item->notify = (struct gw_iq_notify){ .ctx = cx->id, .event = event, .term = term, .stream = stream, .cause = cause };
    memcpy(item->notify.call, cx->call, sizeof(cx->call));
    post(cx->w, item);
}

static const struct gw_iq_reply *find_reply(const struct gw_worker *w, uint64_t txn)
{
    for (unsigned i = 0; txn && i < GW_REPLIES; i++)
        if (w->replies[i].reply && w->replies[i].txn == txn)
            return w->replies[i].reply;
    return NULL;
}

static void keep_reply(struct gw_worker *w, const struct gw_iq_reply *reply)
{
    unsigned i = w->nreplies % GW_REPLIES;

    if (!reply->txn)
        return;
    if (!w->replies[i].reply)
        w->replies[i].reply = malloc(sizeof(*reply));
    if (!w->replies[i].reply)
        return; /* a repetition is then carried out again, which changes nothing */
    *w->replies[i].reply = *reply;
    w->replies[i].txn = reply->txn;
    w->nreplies++;
}

static void on_orders(void *arg, uint32_t events)
{
    struct gw_worker *w = arg;
    struct gw_iq_order *o;

    (void)events;
    w->now_us = gw_loop_now_us(w->loop);
    while ((o = gw_mbox_take(w->orders))) {
        struct gw_iq_item *item = calloc(1, sizeof(*item));
        const struct gw_iq_reply *again = find_reply(w, o->req.txn);

        if (!item) { /* the controller hears TIMEOUT */
            gw_iq_order_free(o);
            continue;
        }
        item->ticket = o->ticket;
        if (again) {
            item->reply = *again;
            gw_stats_inc(GW_STAT_IQ_REPEATED);
        } else {
            gw_context_order(w, &o->req, &item->reply);
            keep_reply(w, &item->reply);
            gw_stats_inc(GW_STAT_IQ_REQUESTS);
        }
        gw_iq_order_free(o);
        post(w, item);
    }
}

/* ---- life ---- */

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
    if (setsockopt(sh->in.fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) != 0) /* beyond rmem_max, if allowed */
        setsockopt(sh->in.fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    if (setsockopt(sh->in.fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)) != 0)
        setsockopt(sh->in.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    gw_port_set_dscp(sh->in.fd, a.family, (uint8_t)w->conf->access_dscp);
    sh->bound = a;
    sh->advertised = adv;
    sh->out.fd = sh->in.fd;
    sh->in.cb = on_shared;
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
        struct gw_addr a;
        if (gw_addr_parse_ip(c->core_address.v[i], 0, &a) != 0 || gw_addr_is_any(&a))
            return complain(why, size, GW_E_INVAL, "core_address", c->core_address.v[i]);
        w->core_ip[a.family == 6] = a;
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
        w->in.msgs[i].msg_hdr = (struct msghdr){ .msg_name = &w->in.from[i], .msg_iov = &w->in.iov[i], .msg_iovlen = 1 };
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
    w->max_contexts = (unsigned)w->conf->media_contexts;
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

int gw_worker_new(const struct gw_conf *conf, unsigned index, struct gw_identities *ids, struct gw_worker **out, char *why,
                  size_t why_size)
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
    gw_timer_init(&w->sweep, on_sweep, w);
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
        w->orders_fd = (struct gw_loop_fd){ gw_mbox_fd(w->orders), on_orders, w };
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
    gw_loop_run(w->loop, on_idle, w);
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

void gw_worker_free(struct gw_worker *w)
{
    if (!w)
        return;
    gw_worker_stop(w);
    for (unsigned i = 0; w->contexts && i < w->max_contexts; i++)
        gw_context_free(w->contexts[i]);
    for (unsigned i = 0; i < 2; i++)
        if (w->shared[i].in.fd >= 0) {
            flush(&w->shared[i].out); /* the close_notify of what was just freed */
            close(w->shared[i].in.fd);
        }
    for (unsigned i = 0; i < GW_REPLIES; i++)
        free(w->replies[i].reply);
    gw_ice_stun_free(w->stun);
    gw_addr_table_fini(&w->addrs);
    gw_addr_table_fini(&w->ufrags);
    gw_ports_fini(&w->ports);
    gw_mbox_free(w->orders, drop_order);
    gw_loop_free(w->loop);
    free(w->memory);
    free(w->held_memory);
    free(w->held_buffers);
    free(w->contexts);
    free(w->free_slots);
    free(w);
}
