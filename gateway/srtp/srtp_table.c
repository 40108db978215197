/* The sources of a session: roll-over counters and replay windows (RFC 3711 s. 3.3.1, 3.3.2). */
#include "gateway/srtp/srtp_priv.h"

static uint16_t window_clamp(uint32_t wsh)
{
    if (wsh == 0)
        return GW_SRTP_WINDOW;
    if (wsh < GW_SRTP_WINDOW_MIN)
        return GW_SRTP_WINDOW_MIN;
    return wsh > GW_SRTP_WINDOW_MAX ? GW_SRTP_WINDOW_MAX : (uint16_t)wsh;
}

static unsigned window_words(uint32_t wsh)
{
    return (window_clamp(wsh) + 63u) / 64;
}

size_t gw_srtp_table_size(uint32_t wsh)
{
    return GW_SRTP_SOURCES * (sizeof(struct gw_srtp_entry) + 2 * window_words(wsh) * sizeof(uint64_t));
}

void gw_srtp_table_init(struct gw_srtp_table *t, uint32_t wsh, void *memory)
{
    *t = (struct gw_srtp_table){ .wsh = window_clamp(wsh), .words = (uint8_t)window_words(wsh), .entries = memory };
    t->stride = (uint16_t)(gw_srtp_table_size(wsh) / GW_SRTP_SOURCES);
}

struct gw_srtp_entry *gw_srtp_table_at(const struct gw_srtp_table *t, unsigned i)
{
    return (struct gw_srtp_entry *)(void *)((uint8_t *)t->entries + (size_t)i * t->stride);
}

static struct gw_srtp_entry *find(struct gw_srtp_table *t, uint32_t ssrc)
{
    if (t->n > 0 && gw_srtp_table_at(t, t->last)->ssrc == ssrc)
        return gw_srtp_table_at(t, t->last);
    for (unsigned i = 0; i < t->n; i++) {
        if (gw_srtp_table_at(t, i)->ssrc == ssrc) {
            t->last = (uint8_t)i; /* a hint, not state: it does not matter who moved it */
            return gw_srtp_table_at(t, i);
        }
    }
    return NULL;
}

static unsigned retired_bit(uint32_t ssrc)
{
    return (ssrc * UINT32_C(0x9e3779b1)) >> 23; /* 9 bits: Fibonacci hashing */
}

static bool is_retired(const struct gw_srtp_table *t, uint32_t ssrc)
{
    unsigned bit = retired_bit(ssrc);

    return t->retired[bit / 64] >> bit % 64 & 1;
}

static struct gw_srtp_entry *add(struct gw_srtp_table *t, uint32_t ssrc)
{
    unsigned i = t->n;

    if (i == GW_SRTP_SOURCES) {
        unsigned bit;
        i = 0;
        for (unsigned k = 1; k < GW_SRTP_SOURCES; k++)
            if ((int32_t)(gw_srtp_table_at(t, k)->used - gw_srtp_table_at(t, i)->used) < 0)
                i = k;
        bit = retired_bit(gw_srtp_table_at(t, i)->ssrc);
        t->retired[bit / 64] |= UINT64_C(1) << bit % 64;
    } else {
        t->n++;
    }
    struct gw_srtp_entry *e = gw_srtp_table_at(t, i);
    memset(e, 0, t->stride);
    e->ssrc = ssrc;
    t->last = (uint8_t)i;
    return e;
}

/* Bit `age` of a window: 0 is the highest index. */
static bool window_has(const struct gw_srtp_table *t, const uint64_t *w, uint64_t age)
{
    return age >= t->wsh || (w[age / 64] >> age % 64 & 1);
}

static void window_shift(const struct gw_srtp_table *t, uint64_t *w, uint64_t by)
{
    unsigned words = t->words;

    if (by >= words * 64u) {
        memset(w, 0, words * sizeof(*w));
        return;
    }
    unsigned far = (unsigned)by / 64, near = by % 64;
    for (unsigned i = words; i-- > 0;) {
        uint64_t v = i >= far ? w[i - far] << near : 0;
        if (near && i > far)
            v |= w[i - far - 1] >> (64 - near);
        w[i] = v;
    }
}

static void window_set(const struct gw_srtp_table *t, uint64_t *w, bool is_first, uint64_t highest, uint64_t index)
{
    if (is_first || index > highest) {
        window_shift(t, w, is_first ? UINT64_MAX : index - highest);
        w[0] |= 1;
    } else {
        w[(highest - index) / 64] |= UINT64_C(1) << (highest - index) % 64;
    }
}

int gw_srtp_place_rtp(struct gw_srtp_table *t, uint32_t ssrc, uint16_t seq, struct gw_srtp_place *out)
{
    struct gw_srtp_entry *e = find(t, ssrc);
    uint64_t roc;
    uint16_t last;

    *out = (struct gw_srtp_place){ e, seq };
    if (!e)
        return is_retired(t, ssrc) ? GW_E_LIMIT : 0;
    if (!e->has_rtp)
        return 0;
    roc = e->rtp_index >> 16;
    last = (uint16_t)e->rtp_index;
    if (last < 0x8000 && seq > last + 0x8000) {
        if (roc == 0)
            return GW_E_REPLAY; /* before the first packet of all */
        roc--;
    } else if (last >= 0x8000 && seq < last - 0x8000) {
        if (roc == UINT32_MAX)
            return GW_E_LIMIT;
        roc++;
    }
    out->index = roc << 16 | seq;
    if (out->index <= e->rtp_index && window_has(t, e->windows, e->rtp_index - out->index))
        return GW_E_REPLAY;
    return 0;
}

int gw_srtp_place_rtcp(struct gw_srtp_table *t, uint32_t ssrc, uint32_t index, struct gw_srtp_place *out)
{
    struct gw_srtp_entry *e = find(t, ssrc);

    *out = (struct gw_srtp_place){ e, index };
    if (!e)
        return is_retired(t, ssrc) ? GW_E_LIMIT : 0;
    if (e->has_rtcp && index <= e->rtcp_index && window_has(t, e->windows + t->words, e->rtcp_index - index))
        return GW_E_REPLAY;
    return 0;
}

int gw_srtp_place_next_rtcp(struct gw_srtp_table *t, uint32_t ssrc, struct gw_srtp_place *out)
{
    struct gw_srtp_entry *e = find(t, ssrc);

    *out = (struct gw_srtp_place){ e, 0 }; /* the first is 0, RFC 3711 s. 3.4 */
    if (!e)
        return is_retired(t, ssrc) ? GW_E_LIMIT : 0;
    if (e->has_rtcp) {
        if (e->rtcp_index == INT32_MAX)
            return GW_E_LIMIT;
        out->index = e->rtcp_index + 1;
    }
    return 0;
}

void gw_srtp_commit_rtp(struct gw_srtp_table *t, uint32_t ssrc, const struct gw_srtp_place *p)
{
    struct gw_srtp_entry *e = p->entry ? p->entry : add(t, ssrc);

    window_set(t, e->windows, !e->has_rtp, e->rtp_index, p->index);
    if (!e->has_rtp || p->index > e->rtp_index)
        e->rtp_index = p->index;
    e->has_rtp = true;
    e->used = ++t->tick;
}

void gw_srtp_commit_rtcp(struct gw_srtp_table *t, uint32_t ssrc, const struct gw_srtp_place *p)
{
    struct gw_srtp_entry *e = p->entry ? p->entry : add(t, ssrc);

    window_set(t, e->windows + t->words, !e->has_rtcp, e->rtcp_index, p->index);
    if (!e->has_rtcp || p->index > e->rtcp_index)
        e->rtcp_index = (uint32_t)p->index;
    e->has_rtcp = true;
    e->used = ++t->tick;
}

int gw_srtp_table_read(const struct gw_srtp_table *t, unsigned i, struct gw_srtp_source *out)
{
    const struct gw_srtp_entry *e;

    if (i >= t->n)
        return GW_E_NOTFOUND;
    e = gw_srtp_table_at(t, i);
    *out = (struct gw_srtp_source){ .ssrc = e->ssrc,
                                    .has_rtp = e->has_rtp,
                                    .has_rtcp = e->has_rtcp,
                                    .rtp_index = e->rtp_index,
                                    .rtcp_index = e->rtcp_index };
    memcpy(out->rtp_window, e->windows, t->words * sizeof(uint64_t));
    memcpy(out->rtcp_window, e->windows + t->words, t->words * sizeof(uint64_t));
    return 0;
}

int gw_srtp_table_write(struct gw_srtp_table *t, const struct gw_srtp_source *in)
{
    struct gw_srtp_entry *e;

    if (in->rtp_index >> 48 || in->rtcp_index > INT32_MAX)
        return GW_E_RANGE;
    e = find(t, in->ssrc);
    if (!e && t->n == GW_SRTP_SOURCES)
        return GW_E_FULL;
    if (!e)
        e = add(t, in->ssrc);
    e->has_rtp = in->has_rtp;
    e->has_rtcp = in->has_rtcp;
    e->rtp_index = in->rtp_index;
    e->rtcp_index = in->rtcp_index;
    memcpy(e->windows, in->rtp_window, t->words * sizeof(uint64_t));
    memcpy(e->windows + t->words, in->rtcp_window, t->words * sizeof(uint64_t));
    e->used = ++t->tick;
    return 0;
}
