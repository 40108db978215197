#include "t38/relay/t38_relay.h"

#include <stdlib.h>

struct side {
    struct gw_t38_side c;
    struct gw_udptl_rx rx;
    struct gw_udptl_tx tx;
    struct gw_t38_counts n; /* of what came from it */
    bool has_hole;          /* a channel: the frame at hand misses something */
    unsigned repeats;       /* of `last` that are left */
    uint64_t repeat_us;     /* GW_NEVER: none */
    size_t last_len;
    uint8_t last[GW_T38_DATAGRAM];
};

struct gw_t38_relay {
    struct side side[2];
    bool (*send)(void *arg, unsigned side, struct gw_span packet);
    void *arg;
    uint64_t now_us;
};

static void set_tx(struct side *s)
{
    unsigned ours = s->c.ec == GW_UDPTL_FEC ? GW_T38_FEC_ENTRIES : GW_T38_REDUNDANCY, most = s->c.max_datagram;
    unsigned depth = s->c.depth ? s->c.depth : ours, span = s->c.span ? s->c.span : GW_T38_FEC_SPAN;
    uint16_t seq = s->tx.next_seq;

    if (most == 0 || most > GW_T38_DATAGRAM)
        most = GW_T38_DATAGRAM;
    gw_udptl_tx_init(&s->tx, s->c.ec, depth, span, most);
    s->tx.next_seq = seq;
}

int gw_t38_relay_new(const struct gw_t38_config *config, struct gw_t38_relay **out)
{
    struct gw_t38_relay *r = calloc(1, sizeof(*r));

    if (!r)
        return GW_E_NOMEM;
    r->send = config->send;
    r->arg = config->arg;
    for (unsigned i = 0; i < 2; i++) {
        struct side *s = &r->side[i];
        s->c = config->side[i];
        gw_udptl_rx_init(&s->rx);
        set_tx(s);
        s->repeat_us = GW_NEVER;
    }
    *out = r;
    return 0;
}

void gw_t38_relay_free(struct gw_t38_relay *r)
{
    free(r);
}

void gw_t38_relay_set(struct gw_t38_relay *r, unsigned side, const struct gw_t38_side *s)
{
    struct side *to = &r->side[side];
    bool is_same = to->c.ec == s->ec && to->c.max_datagram == s->max_datagram;

    to->c = *s;
    if (!is_same)
        set_tx(to);
}

/* ---- out ---- */

static bool send_udptl(struct gw_t38_relay *r, unsigned side, struct gw_span ifp)
{
    struct side *to = &r->side[side];
    int n = gw_udptl_tx_send(&to->tx, ifp, to->last, sizeof(to->last));

    if (n < 0) {
        to->repeat_us = GW_NEVER; /* an IFP that does not fit the peer's datagram */
        gw_udptl_tx_skip(&to->tx, 1);
        return false;
    }
    to->last_len = (size_t)n;
    to->repeats = to->c.ec == GW_UDPTL_NO_EC ? 0 : GW_T38_REPEATS;
    to->repeat_us = to->repeats ? r->now_us + GW_T38_PAUSE_US : GW_NEVER;
    return r->send(r->arg, side, (struct gw_span){ to->last, to->last_len });
}

static bool ends_frame(const struct gw_ifp *p)
{
    for (unsigned i = 0; i < p->nfields; i++)
        if (p->fields[i].type >= GW_IFP_HDLC_FCS_OK && p->fields[i].type <= GW_IFP_HDLC_FCS_BAD_SIG_END)
            return true;
    return false;
}

/* The packet in the other side's form, or as it is if nothing has to change. False: it cannot be read, or not be said
 * there. */
static bool convert(struct gw_t38_relay *r, unsigned from, struct gw_span *ifp, uint8_t *buf, size_t size)
{
    struct side *to = &r->side[!from];
    enum gw_ifp_form in = gw_ifp_form_of(r->side[from].c.version, *ifp);
    enum gw_ifp_form out =
        to->c.version == 1 ? in : gw_ifp_form_of(to->c.version, *ifp); /* 1 is disputed: as it came */
    bool is_changed = in != out;
    struct gw_ifp p;
    int n;

    if (gw_ifp_parse(*ifp, in, &p) != 0) /* of a side that names the wrong version it is still a fax packet */
        return !is_changed && to->c.is_udptl &&
               gw_ifp_parse(*ifp, in == GW_IFP_1998 ? GW_IFP_2002 : GW_IFP_1998, &p) == 0;
    if (!is_changed && to->c.is_udptl)
        return true;
    if (!to->c.is_udptl && (ends_frame(&p) || !p.is_data)) {
        if (to->has_hole) {
            gw_ifp_spoil_fcs(&p);
            is_changed = true;
        }
        to->has_hole = false;
    }
    if (!is_changed)
        return true;
    n = gw_ifp_write(&p, out, buf, size);
    if (n < 0)
        return false;
    *ifp = (struct gw_span){ buf, (size_t)n };
    return true;
}

static void leave_hole(struct side *to, unsigned n)
{
    if (to->c.is_udptl)
        gw_udptl_tx_skip(&to->tx, n);
    else
        to->has_hole = true;
}

struct arrival {
    struct gw_t38_relay *r;
    unsigned from;
};

static void on_ifp(void *arg, struct gw_span ifp, unsigned lost)
{
    struct arrival *a = arg;
    struct side *from = &a->r->side[a->from], *to = &a->r->side[!a->from];
    uint8_t buf[GW_UDPTL_IFP_MAX + 64];

    from->n.lost += lost;
    if (lost)
        leave_hole(to, lost);
    if (ifp.len == 0)
        return;
    if (!convert(a->r, a->from, &ifp, buf, sizeof(buf))) {
        from->n.malformed++;
        leave_hole(to, 1);
        return;
    }
    if (to->c.is_udptl ? send_udptl(a->r, !a->from, ifp) : a->r->send(a->r->arg, !a->from, ifp)) {
        from->n.ifps++;
        from->n.octets += ifp.len;
        from->n.last_us = a->r->now_us;
        if (from->n.ifps == 1)
            from->n.first_us = a->r->now_us;
    } else {
        from->n.dropped++;
        to->has_hole |= !to->c.is_udptl;
    }
}

/* ---- in ---- */

int gw_t38_relay_input(struct gw_t38_relay *r, unsigned from, struct gw_span packet, uint64_t now_us)
{
    struct arrival a = { r, from };
    struct side *s = &r->side[from];
    struct gw_udptl_rx_counts was = s->rx.n;
    int err;

    r->now_us = now_us;
    if (!s->c.is_udptl) {
        struct gw_ifp p;
        err = packet.len && packet.len <= GW_UDPTL_IFP_MAX
                  ? gw_ifp_parse(packet, gw_ifp_form_of(s->c.version, packet), &p)
                  : GW_E_RANGE;
        if (err)
            s->n.malformed++;
        else
            on_ifp(&a, packet, 0);
        return err;
    }
    gw_udptl_rx_tick(&s->rx, now_us, on_ifp, &a);
    err = gw_udptl_rx_packet(&s->rx, packet, now_us, on_ifp, &a);
    s->n.recovered += s->rx.n.recovered - was.recovered;
    s->n.malformed += s->rx.n.malformed - was.malformed;
    s->n.repeated += s->rx.n.duplicates - was.duplicates + s->rx.n.late - was.late;
    return err;
}

/* ---- time ---- */

static uint64_t first_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t gw_t38_relay_deadline_us(const struct gw_t38_relay *r)
{
    return first_of(first_of(r->side[0].repeat_us, r->side[1].repeat_us),
                    first_of(r->side[0].rx.hold_until_us, r->side[1].rx.hold_until_us));
}

void gw_t38_relay_expire(struct gw_t38_relay *r, uint64_t now_us)
{
    r->now_us = now_us;
    for (unsigned i = 0; i < 2; i++) {
        struct arrival a = { r, i };
        struct side *s = &r->side[i];
        if (s->c.is_udptl && s->rx.hold_until_us <= now_us)
            gw_udptl_rx_tick(&s->rx, now_us, on_ifp, &a);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct side *s = &r->side[i];
        if (s->repeat_us > now_us)
            continue;
        s->repeats--;
        s->repeat_us = s->repeats ? now_us + GW_T38_PAUSE_US : GW_NEVER;
        (void)r->send(r->arg, i, (struct gw_span){ s->last, s->last_len });
    }
}

void gw_t38_relay_counts(const struct gw_t38_relay *r, unsigned from, struct gw_t38_counts *out)
{
    *out = r->side[from].n;
}
