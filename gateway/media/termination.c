/* Life cycle of a termination, and the sockets that are its own: those of the core side, and of an access side without
 * ICE. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/media/data.h"
#include "gateway/media/fax.h"

static struct gw_worker *worker_of(const struct gw_termination *t)
{
    return t->cx->w;
}

/* ---- sockets ---- */

static int watch(struct gw_termination *t, struct gw_loop_fd *f, int fd, void (*cb)(void *, uint32_t),
                 struct gw_own *own)
{
    f->fd = fd;
    f->cb = cb;
    f->arg = own;
    return gw_loop_add_fd(worker_of(t)->loop, f, EPOLLIN);
}

static void own_init(struct gw_termination *t, struct gw_own *own, bool is_rtcp)
{
    own->t = t;
    own->in.fd = -1;
    own->is_rtcp = is_rtcp;
}

static int open_pair(struct gw_termination *t, const struct gw_iq_term *in)
{
    struct gw_worker *w = worker_of(t);
    struct gw_addr ip = in->realm == GW_IQ_CORE ? w->core_ip[in->family == 6] : w->shared[in->family == 6].bound;
    int fds[2], err;

    ip.port = 0;
    if (in->transport == GW_IQ_TCP) {
        err = gw_ports_open_tcp(&w->ports, &ip, &t->port, &t->tcp_fd);
        t->local = ip;
        t->local.port = t->port;
        return err;
    }
    err = gw_ports_open(&w->ports, &ip, in->has_rtcp_mux, &t->port, fds);
    if (err)
        return err;
    t->local = ip;
    t->local.port = t->port;
    t->rtp.in.fd = fds[0];
    t->rtcp.in.fd = fds[1];
    gw_port_set_dscp(fds[0], in->family, in->dscp);
    if (fds[1] >= 0)
        gw_port_set_dscp(fds[1], in->family, in->dscp);
    err = watch(t, &t->rtp.in, fds[0], gw_worker_on_own, &t->rtp);
    if (!err && fds[1] >= 0)
        err = watch(t, &t->rtcp.in, fds[1], gw_worker_on_own, &t->rtcp);
    return err; /* gw_termination_free closes */
}

static void close_pair(struct gw_termination *t)
{
    int fds[2] = { t->rtp.in.fd, t->rtcp.in.fd };

    if (!t->port)
        return;
    gw_tcp_free(t->tcp);
    if (t->tcp_fd >= 0)
        close(t->tcp_fd);
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            gw_loop_del_fd(worker_of(t)->loop, i ? &t->rtcp.in : &t->rtp.in);
    gw_ports_close(&worker_of(t)->ports, t->port, fds);
    t->port = 0;
}

/* Connected, the kernel sends for less and lets nobody else in. That waits until the peer is known to send from the
 * signalled address: whoever sends from elsewhere would not be seen here, and that is what an operator asks about when
 * there is no media. RTCP is rare: it stays unconnected. */
static void connect_rtp(struct gw_own *own)
{
    own->is_connected = gw_port_connect(own->in.fd, &own->remote) == 0;
    own->has_tried = true; /* without a route sending will say so */
}

static void disconnect(struct gw_own *own)
{
    static const struct gw_addr nowhere;

    if (own->is_connected)
        gw_port_connect(own->in.fd, &nowhere);
    own->is_connected = own->has_tried = false;
}

static void set_remote(struct gw_own *own, const struct gw_addr *remote)
{
    struct sockaddr_storage ss;
    socklen_t len;

    own->remote = *remote;
    if (remote->port == 0)
        own->remote.family = 0; /* nothing can be sent there */
    if (own->remote.family) {
        len = gw_addr_to_sockaddr(&own->remote, &ss);
        memcpy(&own->sa, &ss, len);
    }
    disconnect(own);
}

/* ---- in ---- */

static bool is_from(const struct gw_own *own, const struct gw_addr *src)
{
    return own->remote.family && gw_addr_eq(&own->remote, src);
}

/* The first valid packet decides, once and for all (policy `latching`). */
static void latch(struct gw_own *own, const struct gw_addr *src)
{
    struct gw_termination *t = own->t;
    char text[GW_ADDR_TEXT];

    t->is_latching = false;
    if (!gw_addr_eq(&own->remote, src))
        gw_log(GW_LOG_INFO, "media", t->cx->call, "term=%u latched to %s", t->id, gw_addr_text(src, text));
    set_remote(own, src);
    if (!t->has_rtcp_mux && t->rtcp.remote.family == 0) { /* the usual place, RFC 3550 s. 11 */
        struct gw_addr rtcp = *src;
        rtcp.port++;
        set_remote(&t->rtcp, &rtcp);
    }
}

/* What is neither RTP nor protected: UDPTL, BFCP. False: none of it is expected here. */
static bool plain_datagram(struct gw_termination *t, struct gw_span d, bool *is_valid)
{
    bool is_fax = gw_fax_is(t);

    if (t->security == GW_IQ_DTLS || !(is_fax || (!t->nstreams && t->realm == GW_IQ_CORE && gw_data_datagram(t, d))))
        return false;
    *is_valid = !is_fax || gw_fax_input(t, d);
    gw_stats_inc(GW_STAT_MEDIA_HANDLED_PLAIN);
    return true;
}

void gw_termination_own(struct gw_own *own, const union gw_sockaddr *from, struct gw_pkt *p)
{
    struct gw_termination *t = own->t;
    bool is_rtcp = own->is_rtcp || (t->has_rtcp_mux && gw_rtp_is_rtcp(p->buf, p->len));
    bool may_latch = t->is_latching && !is_rtcp, is_valid = false;
    struct gw_addr src;
    enum gw_demux kind = gw_demux((struct gw_span){ p->buf, p->len });

    if (gw_addr_from_sockaddr(&from->sa, &src) != 0 || (!may_latch && !is_from(own, &src))) {
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_STRANGER);
        if (own->remote.family) /* a phone that sends before its answer was heard is no stranger worth a line */
            t->noticed |= GW_NOTICED_STRANGER;
        if (t->nstreams)
            t->streams[0]->flow[t->realm].dropped++;
        return;
    }
    if (t->security == GW_IQ_DTLS && kind == GW_DEMUX_DTLS && !own->is_rtcp) {
        gw_secure_dtls(t, 0, from, p);
        return;
    }
    if (t->nstreams == 1 && t->streams[0]->conf.is_opaque) {
        /* only what looks like media or its set-up may say where a phone behind NAT is */
        if (gw_stream_pass(t, p, own->is_rtcp) && may_latch && kind != GW_DEMUX_OTHER)
            latch(own, &src);
        return;
    }
    if (plain_datagram(t, (struct gw_span){ p->buf, p->len }, &is_valid)) {
        if (is_valid && may_latch)
            latch(own, &src);
        return;
    }
    if (kind != (is_rtcp ? GW_DEMUX_RTCP : GW_DEMUX_RTP)) {
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_KIND);
        return;
    }
    if (!(t->nstreams ? gw_stream_input(t, p, is_rtcp) : gw_data_rtp(t, p, is_rtcp)))
        return;
    if (may_latch)
        latch(own, &src);
    if (!own->has_tried && !own->is_rtcp && !t->is_latching)
        connect_rtp(own);
}

/* ---- out ---- */

static int protect(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp)
{
    return is_rtcp ? gw_srtp_protect_rtcp(t->tx, p->buf, &p->len, GW_PKT)
                   : gw_srtp_protect_rtp(t->tx, p->buf, &p->len, GW_PKT);
}

static bool send_own(const struct gw_own *own, const struct gw_pkt *p)
{
    socklen_t len = own->remote.family == 6 ? sizeof(own->sa.in6) : sizeof(own->sa.in);
    const struct sockaddr *to = own->is_connected ? NULL : &own->sa.sa;

    for (int i = 0; i < 2; i++) {
        if (sendto(own->in.fd, p->buf, p->len, MSG_DONTWAIT | MSG_NOSIGNAL, to, to ? len : 0) >= 0)
            return true;
        if (errno != ECONNREFUSED) /* that was about an earlier datagram; this one has not been tried */
            return false;
    }
    return false;
}

bool gw_termination_send_datagram(struct gw_termination *t, struct gw_span datagram)
{
    struct gw_pkt p = { (uint8_t *)(uintptr_t)datagram.ptr, datagram.len };

    return t->rtp.remote.family && t->rtp.in.fd >= 0 && send_own(&t->rtp, &p);
}

bool gw_termination_send_made(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp, enum gw_stat *why)
{
    const struct gw_own *own = is_rtcp && !t->has_rtcp_mux ? &t->rtcp : &t->rtp;

    if (t->security != GW_IQ_PLAIN && !t->tx) {
        *why = GW_STAT_MEDIA_DROPPED_KEYS;
    } else if (t->has_ice ? !t->has_selected || t->is_consent_lost : !own->remote.family || own->in.fd < 0) {
        *why = GW_STAT_MEDIA_DROPPED_REMOTE;
    } else if (t->tx && protect(t, p, is_rtcp) != 0) {
        *why = GW_STAT_MEDIA_DROPPED_PROTECT;
        t->noticed |= GW_NOTICED_PROTECT;
    } else if (t->has_ice) {
        gw_worker_send(worker_of(t), t->family, &t->selected, p);
        return true;
    } else if (send_own(own, p)) {
        return true;
    } else {
        *why = GW_STAT_MEDIA_DROPPED_SEND;
        t->noticed |= GW_NOTICED_SEND;
    }
    return false;
}

bool gw_termination_send(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp)
{
    enum gw_stat why;

    if (gw_termination_send_made(t, p, is_rtcp, &why))
        return true;
    gw_stats_inc(why);
    return false;
}

/* ---- life ---- */

int gw_termination_new(struct gw_context *cx, const struct gw_iq_term *in, struct gw_termination **out)
{
    struct gw_termination *t = calloc(1, sizeof(*t));
    int err = 0;

    if (!t)
        return GW_E_NOMEM;
    t->cx = cx;
    t->id = in->id;
    t->realm = in->realm;
    t->security = in->security;
    t->has_ice = in->has_ice;
    t->has_rtcp_mux = in->has_rtcp_mux || in->has_ice;
    t->conf.id = in->id;
    t->conf.dtls_generation = in->dtls_generation;
    t->conf.family = in->family;
    t->conf.transport = in->transport;
    t->watch_us = cx->w->now_us;
    t->tcp_fd = -1;
    own_init(t, &t->rtp, false);
    own_init(t, &t->rtcp, true);
    gw_secure_init(t, in);
    err = gw_check_init(t, in);
    if (!err && !t->has_ice)
        err = open_pair(t, in);
    if (err) {
        gw_termination_free(t);
        return err;
    }
    *out = t;
    return 0;
}

void gw_termination_free(struct gw_termination *t)
{
    if (!t)
        return;
    gw_secure_fini(t);
    gw_check_fini(t);
    close_pair(t);
    explicit_bzero(t, sizeof(*t)); /* passwords and SDES keys */
    free(t);
}

static void apply_remote(struct gw_termination *t, const struct gw_iq_term *in)
{
    bool is_new = !t->conf.has_remote || !gw_addr_eq(&t->conf.remote_rtp, &in->remote_rtp) ||
                  !gw_addr_eq(&t->conf.remote_rtcp, &in->remote_rtcp);

    if (!in->has_remote) {
        t->is_latching = in->is_latching && !t->conf.has_remote && t->media_us == 0;
        return;
    }
    if (is_new) {
        t->is_latching = in->is_latching;
        if (t->rtp.in.fd >= 0)
            set_remote(&t->rtp, &in->remote_rtp);
        if (t->rtcp.in.fd >= 0)
            set_remote(&t->rtcp, &in->remote_rtcp);
    }
}

void gw_termination_apply(struct gw_termination *t, const struct gw_iq_term *in)
{
    struct gw_iq_term was = t->conf;

    if (!t->has_ice) {
        apply_remote(t, in);
        if (in->dscp != was.dscp && t->rtp.in.fd >= 0) {
            gw_port_set_dscp(t->rtp.in.fd, t->local.family, in->dscp);
            if (t->rtcp.in.fd >= 0)
                gw_port_set_dscp(t->rtcp.in.fd, t->local.family, in->dscp);
        }
    }
    gw_check_apply(t, in);
    gw_secure_apply(t, in);
    was = t->conf; /* what secure keeps of what was there before */
    t->conf = *in;
    t->conf.setup = was.setup;
    t->conf.nfingerprints = was.nfingerprints;
    memcpy(t->conf.fingerprints, was.fingerprints, sizeof(was.fingerprints));
    if (in->local.suite == GW_IQ_SUITE_NONE)
        t->conf.local = was.local;
    if (in->remote.suite == GW_IQ_SUITE_NONE)
        t->conf.remote = was.remote;
    if (!in->has_remote) {
        t->conf.has_remote = was.has_remote;
        t->conf.remote_rtp = was.remote_rtp;
        t->conf.remote_rtcp = was.remote_rtcp;
    }
    if (in->inactivity_s != was.inactivity_s)
        t->watch_us = worker_of(t)->now_us;
    explicit_bzero(&was, sizeof(was));
}

void gw_termination_local(const struct gw_termination *t, struct gw_iq_local *out)
{
    const struct gw_worker *w = worker_of(t);

    memset(out, 0, sizeof(*out));
    out->id = t->id;
    if (t->has_ice) {
        for (unsigned i = 0; i < 2; i++)
            if (w->shared[i].in.fd >= 0)
                out->candidates[out->ncandidates++] = w->shared[i].advertised;
        out->rtp = out->rtcp = w->shared[t->conf.family == 6].advertised;
        memcpy(out->ufrag, t->ice.gen[0].ufrag, sizeof(t->ice.gen[0].ufrag));
        memcpy(out->pwd, t->ice.gen[0].pwd, sizeof(t->ice.gen[0].pwd));
    } else {
        /* behind 1:1 NAT: its address, our port */
        out->rtp = t->realm == GW_IQ_ACCESS ? w->shared[t->local.family == 6].advertised
                                            : w->core_advertised[t->local.family == 6];
        out->rtp.port = t->local.port;
        out->rtcp = out->rtp;
        if (!t->has_rtcp_mux)
            out->rtcp.port++;
    }
    if (t->identity)
        out->fingerprint = *gw_dtls_identity_fingerprint(t->identity);
}

/* ---- time ---- */

static bool has_open_gate(const struct gw_termination *t)
{
    for (unsigned i = 0; i < t->nstreams; i++)
        if (t->streams[i]->gate[t->realm])
            return true;
    return false; /* nor does anything need to come on a data channel or its core side */
}

static uint64_t latest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* One line per kind and call, for what the packet path must not say itself. */
static void tell(struct gw_termination *t)
{
    static const char *const what[] = {
        "packets from elsewhere than the signalled address dropped",
        "forged SRTP dropped",
        "replayed SRTP dropped",
        "packets of a payload type that was not agreed dropped",
        "packets of no stream dropped",
        "packets that SRTP cannot carry dropped",
        "packets that the kernel would not send dropped",
        "packets that are no fax refused",
    };

    for (unsigned i = 0; i < sizeof(what) / sizeof(what[0]); i++)
        if ((t->noticed & ~t->told) >> i & 1)
            gw_log(GW_LOG_WARNING, "media", t->cx->call, "term=%u %s", t->id, what[i]);
    t->told |= t->noticed;
}

/* Once a second. An authentic packet is as good a sign of life as a check (RFC 7675 s. 5.1: both come from the peer);
 * on hold nothing is expected, and the time starts anew when the gate opens. */
void gw_termination_sweep(struct gw_termination *t)
{
    struct gw_worker *w = worker_of(t);
    uint64_t alive = latest(t->media_us, t->watch_us);

    if (t->noticed & ~t->told)
        tell(t);
    if (t->nwaiting)
        gw_data_sweep(t);
    gw_secure_begin(t); /* if it had to wait for a handshake's place */
    if (t->has_ice && t->has_selected && !t->is_consent_lost &&
        w->now_us - latest(t->ice.checked_us, t->media_us) > (uint64_t)w->conf->consent_timeout_s * GW_S) {
        t->is_consent_lost = true;
        gw_stats_inc(GW_STAT_CONSENT_LOST);
        gw_log(GW_LOG_WARNING, "ice", t->cx->call, "term=%u no valid check for %lld s", t->id,
               (long long)w->conf->consent_timeout_s);
        gw_worker_notify(t->cx, GW_IQ_CONSENT_LOST, t->id, 0, GW_E_TIMEOUT);
    }
    if (!t->conf.inactivity_s || !has_open_gate(t)) {
        t->watch_us = w->now_us;
        t->is_inactive = false;
        return;
    }
    if (w->now_us - alive <= (uint64_t)t->conf.inactivity_s * GW_S) {
        t->is_inactive = false;
    } else if (!t->is_inactive) {
        t->is_inactive = true;
        gw_stats_inc(GW_STAT_MEDIA_INACTIVE);
        gw_log(GW_LOG_WARNING, "media", t->cx->call, "term=%u no media for %u s", t->id, t->conf.inactivity_s);
        gw_worker_notify(t->cx, GW_IQ_MEDIA_INACTIVE, t->id, 0, GW_E_TIMEOUT);
    }
}
