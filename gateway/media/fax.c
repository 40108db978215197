#include "gateway/media/fax.h"

#include <stdlib.h>

struct gw_fax {
    struct gw_worker *w;
    struct gw_stream *s;
    struct gw_t38_relay *relay;
    struct gw_timer timer;
};

struct gw_t38_side gw_fax_side(const struct gw_iq_udptl *u)
{
    static const enum gw_udptl_ec ec[] = {
        [GW_IQ_EC_NONE] = GW_UDPTL_NO_EC, [GW_IQ_EC_REDUNDANCY] = GW_UDPTL_REDUNDANCY, [GW_IQ_EC_FEC] = GW_UDPTL_FEC
    };

    return (struct gw_t38_side){ .is_udptl = true,
                                 .ec = ec[u->ec],
                                 .version = u->ifp_version,
                                 .max_datagram = u->max_datagram,
                                 .depth = u->ec_depth,
                                 .span = u->fec_span };
}

bool gw_fax_send(struct gw_termination *t, struct gw_span packet)
{
    if (t->security == GW_IQ_DTLS)
        return t->dtls && gw_dtls_send(t->dtls, packet) == 0;
    return gw_termination_send_datagram(t, packet);
}

void gw_fax_direction(const struct gw_t38_relay *r, unsigned from, struct gw_iq_direction *out)
{
    struct gw_t38_counts n;

    gw_t38_relay_counts(r, from, &n);
    out->packets = n.ifps;
    out->octets = n.octets;
    out->lost = n.lost;
    out->recovered = n.recovered;
    out->duration_ms = (uint32_t)((n.last_us - n.first_us) / GW_MS);
    out->dropped = n.malformed + n.dropped;
}

static bool on_send(void *arg, unsigned side, struct gw_span packet)
{
    struct gw_fax *f = arg;

    return f->s->term[side] && gw_fax_send(f->s->term[side], packet);
}

static void retime(struct gw_fax *f)
{
    uint64_t at = gw_t38_relay_deadline_us(f->relay);

    if (at == GW_NEVER)
        gw_timer_stop(f->w->loop, &f->timer);
    else if (at != f->timer.at_us)
        (void)!gw_timer_start(f->w->loop, &f->timer, at); /* without memory a hole waits for the next packet */
}

static void on_timer(void *arg)
{
    struct gw_fax *f = arg;

    gw_t38_relay_expire(f->relay, gw_loop_now_us(f->w->loop));
    retime(f);
}

int gw_fax_new(struct gw_worker *w, struct gw_stream *s)
{
    struct gw_t38_config c = { .side = { gw_fax_side(&s->conf.udptl[0]), gw_fax_side(&s->conf.udptl[1]) },
                               .send = on_send };
    struct gw_fax *f = calloc(1, sizeof(*f));
    int err;

    if (!f)
        return GW_E_NOMEM;
    f->w = w;
    f->s = s;
    c.arg = f;
    err = gw_t38_relay_new(&c, &f->relay);
    if (err) {
        free(f);
        return err;
    }
    gw_timer_init(&f->timer, on_timer, f);
    s->fax = f;
    return 0;
}

void gw_fax_free(struct gw_stream *s)
{
    if (!s->fax)
        return;
    gw_timer_stop(s->fax->w->loop, &s->fax->timer);
    gw_t38_relay_free(s->fax->relay);
    free(s->fax);
    s->fax = NULL;
}

void gw_fax_apply(struct gw_stream *s)
{
    for (unsigned i = 0; s->fax && i < 2; i++) {
        struct gw_t38_side side = gw_fax_side(&s->conf.udptl[i]);
        gw_t38_relay_set(s->fax->relay, i, &side);
    }
}

void gw_fax_counters(const struct gw_stream *s, struct gw_iq_counters *out)
{
    for (unsigned i = 0; s->fax && i < 2; i++) {
        gw_fax_direction(s->fax->relay, i, &out->dir[i]);
        out->dir[i].dropped += s->flow[i].dropped;
    }
}

bool gw_fax_is(const struct gw_termination *t)
{
    return t->nstreams == 1 && t->streams[0]->fax && t->streams[0]->conf.kind == GW_IQ_IMAGE;
}

static uint64_t malformed_of(const struct gw_t38_relay *r, unsigned from)
{
    struct gw_t38_counts n;

    gw_t38_relay_counts(r, from, &n);
    return n.malformed;
}

bool gw_fax_input(struct gw_termination *t, struct gw_span packet)
{
    struct gw_stream *s = t->streams[0];
    uint64_t malformed;
    int err;

    if (!s->gate[t->realm]) {
        s->flow[t->realm].dropped++;
        return true;
    }
    malformed = malformed_of(s->fax->relay, t->realm);
    err = gw_t38_relay_input(s->fax->relay, t->realm, packet, s->fax->w->now_us);
    retime(s->fax);
    malformed = malformed_of(s->fax->relay, t->realm) - malformed;
    if (malformed) {
        gw_stats_add(GW_STAT_FAX_REFUSED, (int64_t)malformed);
        t->noticed |= GW_NOTICED_FAX;
    }
    if (err && err != GW_E_REPLAY && err != GW_E_TRAILING)
        return false;
    t->media_us = s->fax->w->now_us;
    return true;
}
