#include "datachannel/t140/t140_tx.h"

#include "gateway/base/utf8.h"

enum { TAIL_WAIT_US = 500000, FEFF = 0xfeff };

static const uint8_t replacement[] = { 0xef, 0xbf, 0xbd }; /* U+FFFD */

void gw_t140_tx_init(struct gw_t140_tx *tx, uint8_t pt, unsigned generations, uint32_t cps, uint64_t now_us)
{
    static const uint8_t bom[] = { 0xef, 0xbb, 0xbf };

    memset(tx, 0, sizeof(*tx));
    tx->pt = pt;
    tx->generations = (uint8_t)(generations > GW_T140_GENERATIONS ? GW_T140_GENERATIONS : generations);
    tx->cps = cps ? cps : 30;
    tx->is_idle = true;
    memcpy(tx->queue, bom, sizeof(bom)); /* the session starts with one (RFC 9071 s. 3.2) */
    tx->queued = sizeof(bom);
    tx->next_at_us = now_us;
}

static void put(struct gw_t140_tx *tx, const uint8_t *p, size_t n)
{
    memcpy(tx->queue + tx->queued, p, n);
    tx->queued += (unsigned)n;
}

/* Octets of s that form characters, or wrong ones, go to the queue; the begin of a character at the end stays. */
static size_t put_characters(struct gw_t140_tx *tx, struct gw_span s)
{
    const uint8_t *p = s.ptr;
    size_t left = s.len;
    bool was_bad = false;

    while (left) {
        int n = gw_utf8_next((struct gw_span){ p, left });
        if (n == 0)
            break;
        if (n < 0) {
            if (!was_bad) {
                put(tx, replacement, sizeof(replacement));
                tx->replaced++;
            }
            was_bad = true;
            n = 1;
        } else {
            was_bad = false;
            if (gw_utf8_decode(p, n) != FEFF)
                put(tx, p, (size_t)n);
        }
        p += n;
        left -= (size_t)n;
    }
    return left;
}

static void wake(struct gw_t140_tx *tx, uint64_t now_us)
{
    if (tx->queued && tx->next_at_us == GW_NEVER)
        tx->next_at_us = now_us; /* after idle at once (RFC 4103 s. 5.1) */
}

int gw_t140_tx_text(struct gw_t140_tx *tx, struct gw_span text, uint64_t now_us)
{
    uint8_t joined[8];
    size_t left;

    /* at worst every octet becomes a replacement character of three */
    if (text.len > (GW_T140_QUEUE - tx->queued) / 3 || GW_T140_QUEUE - tx->queued < 3 * sizeof(joined))
        return GW_E_FULL;
    while (tx->ntail && text.len) { /* octet by octet until the cut character is whole or wrong */
        tx->tail[tx->ntail++] = *(const uint8_t *)text.ptr;
        text.ptr = (const uint8_t *)text.ptr + 1;
        text.len--;
        memcpy(joined, tx->tail, tx->ntail);
        if (gw_utf8_next((struct gw_span){ joined, tx->ntail }) == 0)
            continue;
        left = put_characters(tx, (struct gw_span){ joined, tx->ntail });
        memmove(tx->tail, joined + tx->ntail - left, left);
        tx->ntail = (uint8_t)left;
    }
    if (tx->ntail == 0) {
        left = put_characters(tx, text);
        memcpy(tx->tail, (const uint8_t *)text.ptr + text.len - left, left);
        tx->ntail = (uint8_t)left;
        tx->tail_at_us = now_us;
    }
    wake(tx, now_us);
    if (tx->ntail && tx->next_at_us > tx->tail_at_us + TAIL_WAIT_US)
        tx->next_at_us = tx->tail_at_us + TAIL_WAIT_US;
    return 0;
}

int gw_t140_tx_loss(struct gw_t140_tx *tx, uint64_t now_us)
{
    if (GW_T140_QUEUE - tx->queued < sizeof(replacement))
        return GW_E_FULL;
    put(tx, replacement, sizeof(replacement));
    wake(tx, now_us);
    return 0;
}

/* Characters that the receiver takes now: 10 * cps in any ten seconds. *again is when more may go. */
static uint32_t allowance(struct gw_t140_tx *tx, uint64_t now_us, uint64_t *again)
{
    uint64_t used = 0, most = (uint64_t)tx->cps * 10;

    while (tx->nsent && tx->sent[tx->first_sent].at_us + GW_T140_WINDOW_US <= now_us) {
        tx->first_sent = (tx->first_sent + 1) % GW_T140_SENT;
        tx->nsent--;
    }
    for (unsigned i = 0; i < tx->nsent; i++)
        used += tx->sent[(tx->first_sent + i) % GW_T140_SENT].chars;
    *again = tx->nsent ? tx->sent[tx->first_sent].at_us + GW_T140_WINDOW_US : GW_NEVER;
    return (uint32_t)(used < most && tx->nsent < GW_T140_SENT ? most - used : 0);
}

static bool is_combining(uint32_t c)
{
    return (c >= 0x0300 && c <= 0x036f) || (c >= 0x1ab0 && c <= 0x1aff) || (c >= 0x1dc0 && c <= 0x1dff) ||
           (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xfe20 && c <= 0xfe2f) || c == 0x200d;
}

/* The longest begin of the queue of at most `chars` characters and a block's octets; not between CR and LF or before a
 * combining mark where that can be helped. */
static size_t take(const struct gw_t140_tx *tx, uint32_t chars, uint32_t *taken)
{
    size_t at = 0, good = 0;
    uint32_t n = 0, good_n = 0, previous = 0;

    while (at < tx->queued) {
        int len = gw_utf8_next((struct gw_span){ tx->queue + at, tx->queued - at });
        uint32_t c = gw_utf8_decode(tx->queue + at, len);
        if (at && !is_combining(c) && !(previous == '\r' && c == '\n')) {
            good = at;
            good_n = n;
        }
        if (n == chars || at + (size_t)len > GW_T140_BLOCK_MAX)
            break;
        at += (size_t)len;
        n++;
        previous = c;
    }
    if (at == tx->queued || good == 0) {
        good = at;
        good_n = n;
    }
    *taken = good_n;
    return good;
}

static void remember(struct gw_t140_tx *tx, uint64_t now_us, uint32_t ts, size_t len, uint32_t chars)
{
    if (tx->generations) {
        memmove(&tx->last[1], &tx->last[0], sizeof(tx->last[0]) * (GW_T140_GENERATIONS - 1u));
        tx->last[0].at_us = now_us;
        tx->last[0].ts = ts;
        tx->last[0].len = (uint16_t)len;
        memcpy(tx->last[0].text, tx->queue, len);
        tx->nlast += tx->nlast < tx->generations;
    }
    if (chars) {
        unsigned at = (tx->first_sent + tx->nsent++) % GW_T140_SENT;
        tx->sent[at].at_us = now_us;
        tx->sent[at].chars = chars;
    }
    tx->queued -= (unsigned)len;
    memmove(tx->queue, tx->queue + len, tx->queued);
}

static void write_packet(struct gw_t140_tx *tx, size_t len, struct gw_t140_packet *out)
{
    struct gw_t140_red red = { .primary = { tx->queue, len } };
    int n;

    if (tx->generations == 0) {
        memcpy(out->payload, tx->queue, len);
        out->len = len;
        return;
    }
    for (unsigned i = tx->nlast; i-- > 0;) { /* oldest first; too old to be told apart: left out with all before it */
        uint32_t offset = out->timestamp - tx->last[i].ts;
        if (offset > GW_T140_OFFSET_MAX)
            continue;
        red.old[red.n].offset = (uint16_t)offset;
        red.old[red.n++].text = (struct gw_span){ tx->last[i].text, tx->last[i].len };
    }
    n = gw_t140_red_write(&red, tx->pt, out->payload, sizeof(out->payload));
    out->len = n < 0 ? 0 : (size_t)n;
}

bool gw_t140_tx_poll(struct gw_t140_tx *tx, uint64_t now_us, struct gw_t140_packet *out)
{
    uint64_t again = GW_NEVER;
    uint32_t chars = 0, may;
    size_t len;

    if (now_us < tx->next_at_us)
        return false;
    if (tx->ntail && now_us >= tx->tail_at_us + TAIL_WAIT_US && tx->queued + 3 <= GW_T140_QUEUE) {
        tx->ntail = 0; /* the rest never came */
        put(tx, replacement, sizeof(replacement));
        tx->replaced++;
    }
    may = tx->queued ? allowance(tx, now_us, &again) : 0;
    len = may ? take(tx, may, &chars) : 0;
    if (len == 0 && tx->empties == 0) {
        tx->is_idle = true;
        tx->next_at_us = tx->queued ? again : tx->ntail ? tx->tail_at_us + TAIL_WAIT_US : GW_NEVER;
        return false;
    }
    out->marker = tx->is_idle;
    out->timestamp = (uint32_t)(now_us / GW_MS);
    write_packet(tx, len, out);
    remember(tx, now_us, out->timestamp, len, chars);
    tx->is_idle = false;
    tx->empties = len ? tx->generations : tx->empties - 1;
    tx->next_at_us = now_us + GW_T140_INTERVAL_US;
    return true;
}
