/* Bounded reader and writer of big-endian octets. The error is sticky: after an overrun reads give zero and writes do
 * nothing, so a codec reads like the RFC's figure and checks once at the end. */
#ifndef GW_WIRE_H
#define GW_WIRE_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

struct gw_reader {
    const uint8_t *p, *end;
    int err;
};

static inline struct gw_reader gw_reader(struct gw_span s)
{
    return (struct gw_reader){ s.ptr, (const uint8_t *)s.ptr + s.len, 0 };
}

static inline size_t gw_reader_left(const struct gw_reader *r)
{
    return r->err ? 0 : (size_t)(r->end - r->p);
}

static inline const uint8_t *gw_reader_take(struct gw_reader *r, size_t n)
{
    const uint8_t *p = r->p;

    if (r->err)
        return NULL;
    if ((size_t)(r->end - r->p) < n) {
        r->err = GW_E_SHORT;
        return NULL;
    }
    r->p += n;
    return p;
}

static inline uint8_t gw_read_u8(struct gw_reader *r)
{
    const uint8_t *p = gw_reader_take(r, 1);
    return p ? p[0] : 0;
}

static inline uint16_t gw_read_u16(struct gw_reader *r)
{
    const uint8_t *p = gw_reader_take(r, 2);
    return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t gw_read_u24(struct gw_reader *r)
{
    const uint8_t *p = gw_reader_take(r, 3);
    return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

static inline uint32_t gw_read_u32(struct gw_reader *r)
{
    const uint8_t *p = gw_reader_take(r, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline uint64_t gw_read_u64(struct gw_reader *r)
{
    uint64_t hi = gw_read_u32(r);
    return hi << 32 | gw_read_u32(r);
}

static inline struct gw_span gw_read_span(struct gw_reader *r, size_t n)
{
    const uint8_t *p = gw_reader_take(r, n);
    return (struct gw_span){ p, p ? n : 0 };
}

/* GW_E_SHORT after an overrun, GW_E_TRAILING if octets are left, else 0. */
static inline int gw_reader_finish(const struct gw_reader *r)
{
    return r->err ? r->err : r->p != r->end ? GW_E_TRAILING : 0;
}

struct gw_writer {
    uint8_t *start, *p, *end;
    int err;
};

static inline struct gw_writer gw_writer(void *buf, size_t size)
{
    return (struct gw_writer){ buf, buf, (uint8_t *)buf + size, 0 };
}

static inline uint8_t *gw_writer_take(struct gw_writer *w, size_t n)
{
    uint8_t *p = w->p;

    if (w->err)
        return NULL;
    if ((size_t)(w->end - w->p) < n) {
        w->err = GW_E_LIMIT;
        return NULL;
    }
    w->p += n;
    return p;
}

static inline void gw_write_u8(struct gw_writer *w, uint8_t v)
{
    uint8_t *p = gw_writer_take(w, 1);
    if (p)
        p[0] = v;
}

static inline void gw_write_u16(struct gw_writer *w, uint16_t v)
{
    uint8_t *p = gw_writer_take(w, 2);
    if (p) {
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
    }
}

static inline void gw_write_u24(struct gw_writer *w, uint32_t v)
{
    gw_write_u8(w, (uint8_t)(v >> 16));
    gw_write_u16(w, (uint16_t)v);
}

static inline void gw_write_u32(struct gw_writer *w, uint32_t v)
{
    uint8_t *p = gw_writer_take(w, 4);
    if (p) {
        p[0] = (uint8_t)(v >> 24);
        p[1] = (uint8_t)(v >> 16);
        p[2] = (uint8_t)(v >> 8);
        p[3] = (uint8_t)v;
    }
}

static inline void gw_write_u64(struct gw_writer *w, uint64_t v)
{
    gw_write_u32(w, (uint32_t)(v >> 32));
    gw_write_u32(w, (uint32_t)v);
}

static inline void gw_write_bytes(struct gw_writer *w, const void *src, size_t n)
{
    uint8_t *p = gw_writer_take(w, n);
    if (p && n)
        memcpy(p, src, n);
}

/* Octets written so far, 0 after an overrun. */
static inline size_t gw_writer_len(const struct gw_writer *w)
{
    return w->err ? 0 : (size_t)(w->p - w->start);
}

#endif
