#include "t38/udptl/udptl.h"

void gw_udptl_rx_init(struct gw_udptl_rx *rx)
{
    memset(rx, 0, sizeof(*rx));
    rx->hold_until_us = GW_NEVER;
}

static int16_t ahead(const struct gw_udptl_rx *rx, uint16_t seq)
{
    return (int16_t)(uint16_t)(seq - rx->next_seq);
}

static struct gw_udptl_slot *slot_of(struct gw_udptl_rx *rx, uint16_t seq)
{
    return &rx->history[seq % GW_UDPTL_HISTORY];
}

static bool has(struct gw_udptl_rx *rx, uint16_t seq)
{
    const struct gw_udptl_slot *s = slot_of(rx, seq);
    return s->is_set && s->seq == seq;
}

/* Keeps an IFP that is still to be delivered. Never over one that is there. */
static bool keep(struct gw_udptl_rx *rx, uint16_t seq, struct gw_span ifp)
{
    struct gw_udptl_slot *s = slot_of(rx, seq);

    if (ahead(rx, seq) < 0 || ahead(rx, seq) >= GW_UDPTL_HISTORY / 2 || has(rx, seq) || ifp.len == 0 ||
        ifp.len > GW_UDPTL_IFP_MAX)
        return false;
    s->seq = seq;
    s->len = (uint16_t)ifp.len;
    s->is_set = true;
    memcpy(s->ifp, ifp.ptr, ifp.len);
    return true;
}

static void keep_fec(struct gw_udptl_rx *rx, const struct gw_udptl_packet *p)
{
    size_t used = 0;

    rx->fec[rx->next_fec].seq = p->seq;
    rx->fec[rx->next_fec].span = p->span;
    rx->fec[rx->next_fec].nentries = 0;
    for (unsigned i = 0; i < p->nentries; i++) {
        if (used + p->entries[i].len > sizeof(rx->fec[0].octets))
            break;
        rx->fec[rx->next_fec].at[i] = (uint16_t)used;
        rx->fec[rx->next_fec].len[i] = (uint16_t)p->entries[i].len;
        memcpy(rx->fec[rx->next_fec].octets + used, p->entries[i].ptr, p->entries[i].len);
        used += p->entries[i].len;
        rx->fec[rx->next_fec].nentries++;
    }
    if (rx->fec[rx->next_fec].nentries < p->nentries) /* an incomplete set would mean another interleaving */
        rx->fec[rx->next_fec].nentries = 0;
    rx->next_fec = (uint8_t)((rx->next_fec + 1) % (sizeof(rx->fec) / sizeof(rx->fec[0])));
}

/* One entry recovers the one IFP missing among those it covers. */
static bool try_fec_entry(struct gw_udptl_rx *rx, unsigned f, unsigned m)
{
    uint8_t ifp[GW_UDPTL_IFP_MAX] = { 0 };
    size_t len = rx->fec[f].len[m];
    unsigned missing = 0;
    uint16_t which = 0;

    if (len > sizeof(ifp))
        return false;
    memcpy(ifp, rx->fec[f].octets + rx->fec[f].at[m], len);
    for (unsigned k = 1; k <= rx->fec[f].span; k++) {
        uint16_t seq = (uint16_t)(rx->fec[f].seq + m - rx->fec[f].nentries * k);
        const struct gw_udptl_slot *s = slot_of(rx, seq);
        if (!has(rx, seq)) {
            missing++;
            which = seq;
            continue;
        }
        for (size_t i = 0; i < s->len && i < sizeof(ifp); i++)
            ifp[i] ^= s->ifp[i];
    }
    return missing == 1 && keep(rx, which, (struct gw_span){ ifp, len });
}

/* Until nothing more comes of it: an IFP recovered by one entry may complete another. */
static void try_fec(struct gw_udptl_rx *rx)
{
    bool progress = true;

    while (progress) {
        progress = false;
        for (unsigned f = 0; f < sizeof(rx->fec) / sizeof(rx->fec[0]); f++)
            for (unsigned m = 0; m < rx->fec[f].nentries; m++)
                if (try_fec_entry(rx, f, m)) {
                    rx->n.recovered++;
                    progress = true;
                }
    }
}

/* Delivers what is next in order; with give_up also over holes. */
static void deliver(struct gw_udptl_rx *rx, bool give_up, uint64_t now_us, gw_udptl_ifp_cb *cb, void *arg)
{
    unsigned lost = 0;

    for (;;) {
        unsigned hole = 0;
        struct gw_udptl_slot *s;

        while (hole < GW_UDPTL_HISTORY / 2 && !has(rx, (uint16_t)(rx->next_seq + hole)))
            hole++;
        if (hole == GW_UDPTL_HISTORY / 2) { /* nothing waits */
            rx->hold_until_us = GW_NEVER;
            return;
        }
        if (hole && !give_up) {
            if (rx->hold_until_us == GW_NEVER)
                rx->hold_until_us = now_us + GW_UDPTL_REORDER_US;
            return;
        }
        lost = hole;
        rx->n.lost += hole;
        s = slot_of(rx, (uint16_t)(rx->next_seq + hole));
        rx->next_seq = (uint16_t)(s->seq + 1); /* before the callback: it may look */
        rx->hold_until_us = GW_NEVER;
        cb(arg, (struct gw_span){ s->ifp, s->len }, lost);
        give_up = false;
    }
}

int gw_udptl_rx_packet(struct gw_udptl_rx *rx, struct gw_span packet, uint64_t now_us, gw_udptl_ifp_cb *cb, void *arg)
{
    struct gw_udptl_packet p;
    int err = gw_udptl_parse(packet, &p);

    if (err && err != GW_E_TRAILING) {
        rx->n.malformed++;
        return err;
    }
    rx->n.malformed += err != 0;
    rx->n.packets++;
    if (!rx->has_started) {
        /* T.38 starts at 0; what redundancy says of the packets before the first one seen is still wanted */
        rx->has_started = true;
        rx->next_seq = p.seq < GW_UDPTL_HISTORY / 2 ? 0 : p.seq;
    }
    if (ahead(rx, p.seq) < 0) {
        rx->n.duplicates += has(rx, p.seq);
        rx->n.late += !has(rx, p.seq);
        return GW_E_REPLAY;
    }
    if (has(rx, p.seq)) {
        rx->n.duplicates++;
        return GW_E_REPLAY;
    }
    while (ahead(rx, p.seq) >= GW_UDPTL_HISTORY / 2) { /* far ahead: what waits goes first, the rest is lost */
        uint16_t before = rx->next_seq;
        deliver(rx, true, now_us, cb, arg);
        if (rx->next_seq == before) {
            rx->n.lost += (unsigned)ahead(rx, p.seq);
            cb(arg, (struct gw_span){ NULL, 0 }, (unsigned)ahead(rx, p.seq));
            rx->next_seq = p.seq;
        }
    }
    keep(rx, p.seq, p.primary);
    if (p.ec == GW_UDPTL_REDUNDANCY)
        for (unsigned i = p.nentries; i-- > 0;)
            rx->n.recovered += keep(rx, (uint16_t)(p.seq - 1 - i), p.entries[i]);
    if (p.ec == GW_UDPTL_FEC && p.nentries)
        keep_fec(rx, &p);
    try_fec(rx);
    deliver(rx, false, now_us, cb, arg);
    return 0;
}

void gw_udptl_rx_tick(struct gw_udptl_rx *rx, uint64_t now_us, gw_udptl_ifp_cb *cb, void *arg)
{
    if (now_us >= rx->hold_until_us)
        deliver(rx, true, now_us, cb, arg);
}
