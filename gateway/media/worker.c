/* A worker: its thread, its sockets and batches, and the way of a datagram to the object that it is for. */
#include <errno.h>

#include "gateway/base/log.h"
#include "gateway/media/media_priv.h"

enum {
    READS_PER_ROUND = 4, /* batches read from one socket before the others get their turn */
    TICK_FROM = 2,       /* packets a millisecond from which on it pays to sleep */
    TICK_FULL = 8,       /* and from which on the tick is at its longest */
    RATE_SPAN_US = 5000, /* over which they are counted */
};

/* ---- out ---- */

void gw_worker_flush(struct gw_outbox *out)
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
        gw_worker_flush(out);
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
        gw_check_input(w, family, &src, from, p);
        return;
    }
    t = gw_addr_table_get(&w->addrs, &src);
    if (!t) {
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_UNCHECKED);
    } else if (kind == GW_DEMUX_DTLS) {
        w->round_packets--; /* SCTP waits for acknowledgements: a sleep makes it slow and nothing cheaper */
        gw_secure_dtls(t, family, from, p);
    } else {
        gw_stream_input(t, p, kind == GW_DEMUX_RTCP);
    }
}

void gw_worker_on_shared(void *arg, uint32_t events)
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

static void on_own(struct gw_own *own, int n)
{
    struct gw_worker *w = own->t->cx->w;

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

void gw_worker_on_own(void *arg, uint32_t events)
{
    struct gw_own *own = arg;
    struct gw_worker *w = own->t->cx->w;
    int n = GW_BATCH_OWN;

    (void)events; /* also EPOLLERR: reading clears it */
    w->now_us = gw_loop_now_us(w->loop);
    for (int round = 0; round < READS_PER_ROUND && n == GW_BATCH_OWN; round++) { /* a picture comes in a burst */
        n = receive(w, own->in.fd, GW_BATCH_OWN);
        on_own(own, n);
    }
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
    gw_loop_set_tick_us(w->loop,
                        (uint32_t)(per_ms < TICK_FROM    ? 0
                                   : per_ms >= TICK_FULL ? max
                                                         : max * (per_ms - TICK_FROM + 1) / (TICK_FULL - TICK_FROM)));
}

void gw_worker_on_idle(void *arg)
{
    struct gw_worker *w = arg;

    gw_worker_flush(&w->shared[0].out);
    gw_worker_flush(&w->shared[1].out);
    adapt_tick(w);
}

void gw_worker_on_sweep(void *arg)
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
