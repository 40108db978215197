#include "t38/udptl/udptl.h"

static struct gw_udptl_slot *slot_of(struct gw_udptl_tx *tx, uint16_t seq)
{
    return &tx->history[seq % GW_UDPTL_HISTORY];
}

static const struct gw_udptl_slot *sent(struct gw_udptl_tx *tx, uint16_t seq)
{
    const struct gw_udptl_slot *s = slot_of(tx, seq);
    return s->is_set && s->seq == seq ? s : NULL;
}

void gw_udptl_tx_init(struct gw_udptl_tx *tx, enum gw_udptl_ec ec, unsigned depth, unsigned span, unsigned max_datagram)
{
    memset(tx, 0, sizeof(*tx));
    if (ec != GW_UDPTL_FEC)
        span = 1;
    if (span == 0 || span > 8)
        span = span ? 8 : 1;
    if (depth * span >= GW_UDPTL_HISTORY)
        depth = (GW_UDPTL_HISTORY - 1) / span;
    tx->ec = depth ? ec : GW_UDPTL_NO_EC;
    tx->depth = (uint8_t)depth;
    tx->span = (uint8_t)span;
    tx->max_datagram = (uint16_t)(max_datagram > UINT16_MAX ? UINT16_MAX : max_datagram);
}

/* How many entries the packets sent so far allow: fewer at the start and after a skipped number. */
static unsigned fec_entries(struct gw_udptl_tx *tx)
{
    unsigned run = 0;

    while (run < (unsigned)tx->depth * tx->span && sent(tx, (uint16_t)(tx->next_seq - 1 - run)))
        run++;
    return run / tx->span;
}

/* Entry m of packet s is the XOR of the IFPs s + m - entries * k, k = 1 .. span, shorter ones padded with zeros
 * (T.38 s. 9.1.4.2). Returns the length of the longest. */
static size_t make_fec(struct gw_udptl_tx *tx, unsigned entries, unsigned m, uint8_t *buf)
{
    size_t longest = 0;

    memset(buf, 0, GW_UDPTL_IFP_MAX);
    for (unsigned k = 1; k <= tx->span; k++) {
        const struct gw_udptl_slot *s = slot_of(tx, (uint16_t)(tx->next_seq + m - entries * k));
        for (size_t i = 0; i < s->len; i++)
            buf[i] ^= s->ifp[i];
        longest = s->len > longest ? s->len : longest;
    }
    return longest;
}

static void add_recovery(struct gw_udptl_tx *tx, struct gw_udptl_packet *p, uint8_t fec[][GW_UDPTL_IFP_MAX])
{
    unsigned entries = tx->ec == GW_UDPTL_FEC ? fec_entries(tx) : tx->ec == GW_UDPTL_REDUNDANCY ? tx->depth : 0;

    for (unsigned i = 0; i < entries; i++) {
        const struct gw_udptl_slot *s;
        if (tx->ec == GW_UDPTL_FEC) {
            p->entries[p->nentries++] = (struct gw_span){ fec[i], make_fec(tx, entries, i, fec[i]) };
            continue;
        }
        s = sent(tx, (uint16_t)(p->seq - 1 - i));
        if (!s) /* a skipped number or the start: nearer ones are all there is */
            break;
        p->entries[p->nentries++] = (struct gw_span){ s->ifp, s->len };
    }
}

int gw_udptl_tx_send(struct gw_udptl_tx *tx, struct gw_span ifp, void *buf, size_t size)
{
    struct gw_udptl_packet p = { .seq = tx->next_seq, .primary = ifp, .ec = tx->ec, .span = tx->span };
    uint8_t fec[GW_UDPTL_ENTRIES][GW_UDPTL_IFP_MAX];
    struct gw_udptl_slot *own;
    size_t room = size < tx->max_datagram ? size : tx->max_datagram;
    int n;

    if (ifp.len == 0 || ifp.len > GW_UDPTL_IFP_MAX)
        return GW_E_LIMIT;
    add_recovery(tx, &p, fec);
    /* FEC entries are of one set: fewer would mean another interleaving, so they go together. */
    while ((n = gw_udptl_write(&p, buf, room)) < 0 && p.nentries)
        p.nentries = tx->ec == GW_UDPTL_FEC ? 0 : (uint8_t)(p.nentries - 1);
    if (n < 0)
        return n;
    own = slot_of(tx, p.seq);
    own->seq = p.seq;
    own->len = (uint16_t)ifp.len;
    own->is_set = true;
    memcpy(own->ifp, ifp.ptr, ifp.len);
    tx->next_seq++;
    return n;
}

void gw_udptl_tx_skip(struct gw_udptl_tx *tx, unsigned n)
{
    tx->next_seq = (uint16_t)(tx->next_seq + n);
}
