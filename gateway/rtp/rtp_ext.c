/* Header extension elements (RFC 8285 s. 4.2, 4.3). */
#include "gateway/rtp/rtp.h"

enum { ONE_BYTE = 0xbede, TWO_BYTE = 0x1000 };

struct element {
    uint8_t id;
    unsigned at;        /* of its id octet, from the packet's start */
    unsigned head, len; /* octets of id and length, and of the value */
};

static bool is_one_byte(const struct gw_rtp *h)
{
    return h->ext_profile == ONE_BYTE;
}

static bool is_known(const struct gw_rtp *h)
{
    return h->has_ext && (is_one_byte(h) || (h->ext_profile & 0xfff0) == TWO_BYTE);
}

/* The next element at or after *at. False at the end, at id 15 of the one-byte form, which says stop, and at an element
 * that runs over the end. */
static bool next(const uint8_t *pkt, const struct gw_rtp *h, unsigned *at, struct element *e)
{
    unsigned end = h->ext_at + (unsigned)h->ext_len;

    while (*at < end && pkt[*at] == 0) /* padding */
        ++*at;
    if (*at >= end)
        return false;
    e->at = *at;
    if (is_one_byte(h)) {
        e->id = pkt[*at] >> 4;
        e->head = 1;
        e->len = (pkt[*at] & 0x0f) + 1u;
        if (e->id == 15)
            return false;
    } else {
        if (end - *at < 2)
            return false;
        e->id = pkt[*at];
        e->head = 2;
        e->len = pkt[*at + 1];
    }
    if (end - *at < e->head + e->len)
        return false;
    *at += e->head + e->len;
    return true;
}

int gw_rtp_ext_find(const uint8_t *pkt, const struct gw_rtp *h, uint8_t id, struct gw_span *value)
{
    struct element e;

    if (!is_known(h) || id == 0)
        return GW_E_NOTFOUND;
    for (unsigned at = h->ext_at; next(pkt, h, &at, &e);) {
        if (e.id == id) {
            *value = (struct gw_span){ pkt + e.at + e.head, e.len };
            return 0;
        }
    }
    return GW_E_NOTFOUND;
}

static uint8_t new_id(const struct gw_rtp *h, uint8_t id, const struct gw_rtp_ext_map *map, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (map[i].from == id)
            return is_one_byte(h) && map[i].to > 14 ? 0 : map[i].to;
    return 0;
}

/* Takes `n` octets out at `at`. */
static void cut(uint8_t *pkt, size_t *len, size_t at, size_t n)
{
    memmove(pkt + at, pkt + at + n, *len - at - n);
    *len -= n;
}

void gw_rtp_ext_rewrite(uint8_t *pkt, size_t *len, struct gw_rtp *h, const struct gw_rtp_ext_map *map, unsigned n)
{
    unsigned to = h->ext_at; /* where the next kept element goes: never ahead of where it is read */
    unsigned words, gone;
    struct element e;

    if (!h->has_ext)
        return;
    if (is_known(h)) {
        for (unsigned at = h->ext_at; next(pkt, h, &at, &e);) {
            uint8_t id = e.id ? new_id(h, e.id, map, n) : 0;
            if (id == 0)
                continue;
            memmove(pkt + to, pkt + e.at, e.head + e.len);
            pkt[to] = is_one_byte(h) ? (uint8_t)(id << 4 | (pkt[to] & 0x0f)) : id;
            to += e.head + e.len;
        }
    }
    if (to == h->ext_at) { /* nothing left: no extension */
        cut(pkt, len, h->ext_at - 4u, 4u + h->ext_len);
        pkt[0] &= (uint8_t)~0x10;
        h->header_len = (uint16_t)(h->header_len - 4 - h->ext_len);
        h->has_ext = false;
        h->ext_profile = h->ext_at = h->ext_len = 0;
        return;
    }
    words = (to - h->ext_at + 3) / 4;
    while (to < h->ext_at + words * 4)
        pkt[to++] = 0;
    gone = h->ext_len - words * 4;
    if (gone) {
        cut(pkt, len, to, gone);
        h->ext_len = (uint16_t)(words * 4);
        h->header_len = (uint16_t)(h->header_len - gone);
        pkt[h->ext_at - 2] = (uint8_t)(words >> 8);
        pkt[h->ext_at - 1] = (uint8_t)words;
    }
}
