#include "datachannel/t140/t140_rx.h"

#include "gateway/base/utf8.h"

static const uint8_t mark[] = { 0xef, 0xbf, 0xbd }; /* U+FFFD */

void gw_t140_rx_init(struct gw_t140_rx *rx, uint8_t red_pt, uint8_t t140_pt)
{
    memset(rx, 0, sizeof(*rx));
    rx->red_pt = red_pt;
    rx->t140_pt = t140_pt;
    rx->hold_until_us = GW_NEVER;
}

/* Hands on the characters of one block; wrong octets become U+FFFD, byte order marks go (RFC 9071), a cut character
 * waits for the next block. */
static void deliver(struct gw_t140_rx *rx, struct gw_span block, gw_t140_text_cb *cb, void *arg)
{
    uint8_t text[3 + GW_T140_BLOCK_MAX + 512], out[3 * sizeof(text)];
    size_t n = rx->ntail, at = 0, len = 0;
    bool was_bad = false;

    if (block.len == 0)
        return;
    if (block.len > sizeof(text) - 3) /* a primary block has no bound in RFC 2198: what an MTU holds is taken */
        block.len = sizeof(text) - 3;
    memcpy(text, rx->tail, n);
    memcpy(text + n, block.ptr, block.len);
    n += block.len;
    rx->ntail = 0;
    while (at < n) {
        int k = gw_utf8_next((struct gw_span){ text + at, n - at });
        if (k == 0) {
            rx->ntail = (uint8_t)(n - at);
            memcpy(rx->tail, text + at, n - at);
            break;
        }
        if (k < 0) {
            if (!was_bad) {
                memcpy(out + len, mark, sizeof(mark));
                len += sizeof(mark);
            }
            k = 1;
            was_bad = true;
        } else {
            was_bad = false;
            if (gw_utf8_decode(text + at, k) != 0xfeff) {
                memcpy(out + len, text + at, (size_t)k);
                len += (size_t)k;
            }
        }
        at += (size_t)k;
    }
    if (len)
        cb(arg, (struct gw_span){ out, len });
}

static void deliver_marks(struct gw_t140_rx *rx, unsigned missing, gw_t140_text_cb *cb, void *arg)
{
    rx->lost += missing;
    rx->ntail = 0; /* its rest is among what was lost */
    for (unsigned i = 0; i < missing && i < GW_T140_MARKS; i++)
        cb(arg, (struct gw_span){ mark, sizeof(mark) });
}

static int parse(const struct gw_t140_rx *rx, bool is_red, struct gw_span payload, struct gw_t140_red *out)
{
    if (is_red)
        return gw_t140_red_parse(payload, rx->t140_pt, out);
    *out = (struct gw_t140_red){ .primary = payload };
    return 0;
}

/* Delivers a packet whose predecessors are delivered, or given up: what its generations hold of the hole, then its own.
 */
static void deliver_packet(struct gw_t140_rx *rx, uint16_t seq, const struct gw_t140_red *red, gw_t140_text_cb *cb,
                           void *arg)
{
    unsigned missing = (uint16_t)(seq - rx->next_seq);

    if (missing > red->n) {
        deliver_marks(rx, missing - red->n, cb, arg);
        missing = red->n;
    }
    rx->recovered += missing;
    for (unsigned i = red->n - missing; i < red->n; i++)
        deliver(rx, red->old[i].text, cb, arg);
    deliver(rx, red->primary, cb, arg);
    rx->next_seq = (uint16_t)(seq + 1);
}

static struct gw_t140_held *nearest(struct gw_t140_rx *rx)
{
    struct gw_t140_held *best = NULL;

    for (unsigned i = 0; i < GW_T140_HELD; i++) {
        struct gw_t140_held *h = &rx->held[i];
        if (h->is_set && (!best || (int16_t)(uint16_t)(h->seq - best->seq) < 0))
            best = h;
    }
    return best;
}

/* Delivers held packets that their generations join to what is delivered; with give_up the nearest in any case. */
static void release(struct gw_t140_rx *rx, bool give_up, gw_t140_text_cb *cb, void *arg)
{
    struct gw_t140_held *h;

    while ((h = nearest(rx))) {
        struct gw_t140_red red;
        int err = parse(rx, h->is_red, (struct gw_span){ h->payload, h->len }, &red);

        if ((int16_t)(uint16_t)(h->seq - rx->next_seq) < 0 || err) { /* another packet's generations had it */
            h->is_set = false;
            continue;
        }
        if ((uint16_t)(h->seq - rx->next_seq) > red.n && !give_up)
            return;
        h->is_set = false;
        deliver_packet(rx, h->seq, &red, cb, arg);
        give_up = false;
    }
    rx->hold_until_us = GW_NEVER;
}

static bool hold(struct gw_t140_rx *rx, uint16_t seq, bool is_red, struct gw_span payload)
{
    for (unsigned i = 0; i < GW_T140_HELD; i++) {
        struct gw_t140_held *h = &rx->held[i];
        if (h->is_set || payload.len > sizeof(h->payload))
            continue;
        h->is_set = true;
        h->seq = seq;
        h->is_red = is_red;
        h->len = (uint16_t)payload.len;
        memcpy(h->payload, payload.ptr, payload.len);
        return true;
    }
    return false;
}

static bool is_held(const struct gw_t140_rx *rx, uint16_t seq)
{
    for (unsigned i = 0; i < GW_T140_HELD; i++)
        if (rx->held[i].is_set && rx->held[i].seq == seq)
            return true;
    return false;
}

/* A new source, or a jump that no loss explains. */
static void restart(struct gw_t140_rx *rx, uint16_t seq, gw_t140_text_cb *cb, void *arg)
{
    while (nearest(rx))
        release(rx, true, cb, arg);
    rx->next_seq = seq;
    rx->ntail = 0;
    rx->hold_until_us = GW_NEVER;
}

int gw_t140_rx_packet(struct gw_t140_rx *rx, uint32_t ssrc, uint16_t seq, uint8_t pt, struct gw_span payload,
                      uint64_t now_us, gw_t140_text_cb *cb, void *arg)
{
    struct gw_t140_red red;
    int16_t ahead;
    int err;

    if (pt != rx->t140_pt && pt != rx->red_pt)
        return GW_E_TYPE;
    if (payload.len > sizeof(rx->held[0].payload))
        return GW_E_LIMIT;
    err = parse(rx, pt == rx->red_pt, payload, &red);
    if (err) {
        rx->malformed++; /* counts as lost: later generations may bring it */
        return err;
    }
    if (!rx->has_started || ssrc != rx->ssrc) {
        if (rx->has_started)
            restart(rx, seq, cb, arg);
        else /* the first to arrive: what went before it is in its generations, and was shown by nobody */
            rx->next_seq = (uint16_t)(seq - red.n);
        rx->has_started = true;
        rx->ssrc = ssrc;
    }
    ahead = (int16_t)(uint16_t)(seq - rx->next_seq);
    if (ahead > GW_T140_JUMP || ahead < -GW_T140_JUMP) {
        restart(rx, seq, cb, arg);
        deliver_marks(rx, 1, cb, arg);
        ahead = 0;
    }
    if (ahead < 0 || is_held(rx, seq)) {
        rx->duplicates += ahead >= 0;
        rx->late += ahead < 0;
        return GW_E_REPLAY;
    }
    if ((unsigned)ahead <= red.n) {
        deliver_packet(rx, seq, &red, cb, arg);
        release(rx, false, cb, arg);
        return 0;
    }
    if (rx->hold_until_us == GW_NEVER)
        rx->hold_until_us = now_us + GW_T140_HOLD_US;
    if (!hold(rx, seq, pt == rx->red_pt, payload)) {
        release(rx, true, cb, arg);
        return gw_t140_rx_packet(rx, ssrc, seq, pt, payload, now_us, cb, arg); /* one place is free now */
    }
    return 0;
}

void gw_t140_rx_tick(struct gw_t140_rx *rx, uint64_t now_us, gw_t140_text_cb *cb, void *arg)
{
    if (now_us < rx->hold_until_us)
        return;
    release(rx, true, cb, arg);
    if (nearest(rx)) /* a further hole behind it */
        rx->hold_until_us = now_us + GW_T140_HOLD_US;
}
