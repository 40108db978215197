#include "gateway/trace/hep.h"

#include <netinet/in.h>
#include <string.h>

/* Generic chunks (vendor 0). */
enum {
    FAMILY = 1,
    PROTOCOL = 2,
    SOURCE_IP4 = 3,
    TARGET_IP4 = 4,
    SOURCE_IP6 = 5,
    TARGET_IP6 = 6,
    SOURCE_PORT = 7,
    TARGET_PORT = 8,
    SECONDS = 9,
    MICROSECONDS = 10,
    PAYLOAD_KIND = 11,
    AGENT = 12,
    PASSWORD = 14,
    PAYLOAD = 15,
    CORRELATION = 17,
};
enum { KIND_SIP = 1, HEAD = 6, CHUNK_HEAD = 6 };

struct out {
    uint8_t *buf;
    size_t n, size;
};

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void chunk(struct out *o, unsigned type, const void *data, size_t len)
{
    if (o->n + CHUNK_HEAD + len <= o->size) {
        uint8_t *p = o->buf + o->n;
        put16(p, 0);
        put16(p + 2, type);
        put16(p + 4, (unsigned)(CHUNK_HEAD + len));
        memcpy(p + CHUNK_HEAD, data, len);
    }
    o->n += CHUNK_HEAD + len;
}

static void chunk_number(struct out *o, unsigned type, uint32_t v, size_t octets)
{
    uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

    chunk(o, type, b + 4 - octets, octets);
}

/* IPv6 when either side is; an address that is not known is all zero. */
static void chunk_addresses(struct out *o, const struct gw_addr *from, const struct gw_addr *to)
{
    static const struct gw_addr unknown;
    unsigned family = from->family == 6 || to->family == 6 ? 6 : 4;
    size_t n = family == 6 ? 16 : 4;

    chunk_number(o, FAMILY, family == 6 ? AF_INET6 : AF_INET, 1);
    chunk(o, family == 6 ? SOURCE_IP6 : SOURCE_IP4, (from->family == family ? from : &unknown)->ip, n);
    chunk(o, family == 6 ? TARGET_IP6 : TARGET_IP4, (to->family == family ? to : &unknown)->ip, n);
    chunk_number(o, SOURCE_PORT, from->port, 2);
    chunk_number(o, TARGET_PORT, to->port, 2);
}

int gw_hep_write(const struct gw_hep *h, const struct gw_trace_message *m, uint8_t *buf, size_t size)
{
    struct out o = { buf, HEAD, size };

    if (size < HEAD)
        return GW_E_LIMIT;
    chunk_number(&o, PROTOCOL, strcmp(m->transport, "UDP") == 0 ? IPPROTO_UDP : IPPROTO_TCP, 1);
    chunk_addresses(&o, m->is_out ? &m->local : &m->peer, m->is_out ? &m->peer : &m->local);
    chunk_number(&o, SECONDS, (uint32_t)(h->wall_us / 1000000), 4);
    chunk_number(&o, MICROSECONDS, (uint32_t)(h->wall_us % 1000000), 4);
    chunk_number(&o, PAYLOAD_KIND, KIND_SIP, 1);
    chunk_number(&o, AGENT, h->agent_id, 4);
    if (*h->password)
        chunk(&o, PASSWORD, h->password, strlen(h->password));
    if (h->correlation && *h->correlation)
        chunk(&o, CORRELATION, h->correlation, strlen(h->correlation));
    chunk(&o, PAYLOAD, m->text.ptr, m->text.len);
    if (o.n > size || o.n > UINT16_MAX)
        return GW_E_LIMIT;
    memcpy(buf, "HEP3", 4);
    put16(buf + 4, (unsigned)o.n);
    return (int)o.n;
}
