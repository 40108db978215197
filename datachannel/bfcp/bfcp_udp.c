#include "datachannel/bfcp/bfcp_udp.h"

#include <stdlib.h>

enum { SEEN = 32 };

/* A whole message in its form for the channel. */
struct message {
    struct message *next;
    bool is_ours; /* a Hello of ours: its answer is not the channel's */
    size_t len;
    uint8_t octets[];
};

/* A request of the core, or what its server said unasked: done again, it gets the same answer (RFC 8855 s. 8.3.2). */
struct seen {
    uint64_t until_us; /* 0: unused */
    struct gw_bfcp_header h;
    struct message *answer; /* NULL: the channel has not answered yet */
};

/* A message in fragments, one at a time. */
struct parts {
    uint64_t until_us; /* 0: none */
    struct gw_bfcp_header h;
    size_t got;
    uint8_t *octets;                          /* payload */
    uint8_t has[GW_BFCP_UDP_MESSAGE / 4 / 8]; /* by words of the payload */
};

struct gw_bfcp_udp {
    struct gw_bfcp_udp_config c;
    bool is_ended, is_greeted;
    struct gw_bfcp_header greeted; /* conference and user of our Hello */
    uint16_t next_tid;
    struct message *first, **last; /* waiting; the first is under way if sends is not 0 */
    unsigned nwaiting, sends;
    uint16_t tid; /* of the one under way, at the core */
    uint64_t sent_us, deadline_us;
    uint64_t t1_us, srtt_us, rttvar_us; /* RFC 6298; t1 never below 500 ms */
    struct seen seen[SEEN];
    unsigned next_seen;
    struct parts parts;
};

int gw_bfcp_udp_new(const struct gw_bfcp_udp_config *config, struct gw_bfcp_udp **out)
{
    struct gw_bfcp_udp *u = calloc(1, sizeof(*u));

    if (!u)
        return GW_E_NOMEM;
    u->c = *config;
    u->last = &u->first;
    u->next_tid = 1;
    u->t1_us = GW_BFCP_T1_US;
    u->deadline_us = GW_NEVER;
    *out = u;
    return 0;
}

static void drop_parts(struct gw_bfcp_udp *u)
{
    free(u->parts.octets);
    u->parts.octets = NULL;
    u->parts.until_us = 0;
}

static void pop(struct gw_bfcp_udp *u)
{
    struct message *m = u->first;

    u->first = m->next;
    if (!u->first)
        u->last = &u->first;
    u->nwaiting--;
    free(m);
    u->sends = 0;
    u->deadline_us = GW_NEVER;
}

void gw_bfcp_udp_free(struct gw_bfcp_udp *u)
{
    if (!u)
        return;
    while (u->first)
        pop(u);
    for (unsigned i = 0; i < SEEN; i++)
        free(u->seen[i].answer);
    drop_parts(u);
    free(u);
}

static void end(struct gw_bfcp_udp *u, int err)
{
    if (u->is_ended)
        return;
    u->is_ended = true;
    while (u->first)
        pop(u);
    u->c.on_end(u->c.arg, err);
}

/* ---- what a message is ---- */

enum kind { REQUEST, ANSWER, UNASKED, ACK };

/* Of the channel, where no bit tells: by primitive, and by the transaction id that a server's own words do not have. */
static enum kind kind_of(const struct gw_bfcp_header *h)
{
    switch (h->primitive) {
    case GW_BFCP_FLOOR_REQUEST_STATUS:
    case GW_BFCP_FLOOR_STATUS:
        return h->transaction ? ANSWER : UNASKED;
    case GW_BFCP_USER_STATUS:
    case GW_BFCP_CHAIR_ACTION_ACK:
    case GW_BFCP_HELLO_ACK:
    case GW_BFCP_ERROR:
    case GW_BFCP_GOODBYE_ACK:
        return ANSWER;
    case GW_BFCP_FLOOR_REQUEST_STATUS_ACK:
    case GW_BFCP_FLOOR_STATUS_ACK:
        return ACK;
    default:
        return REQUEST;
    }
}

/* ---- out to the core ---- */

static void put(struct gw_bfcp_udp *u, const struct gw_bfcp_header *h, struct gw_span part)
{
    uint8_t out[GW_BFCP_UDP_MTU];
    int n = gw_bfcp_write_header(h, out, sizeof(out));

    if (part.len)
        memcpy(out + n, part.ptr, part.len);
    u->c.to_core(u->c.arg, (struct gw_span){ out, (size_t)n + part.len });
}

/* The message as version 2, in as many datagrams as it needs (RFC 8855 s. 6.2.3). */
static void send_core(struct gw_bfcp_udp *u, struct gw_span m, uint16_t tid, bool is_response)
{
    enum { ROOM = (GW_BFCP_UDP_MTU - GW_BFCP_FRAGMENT_HEADER) / 4 * 4 };
    struct gw_bfcp_header h;
    const uint8_t *p = m.ptr;

    if (gw_bfcp_parse_header(m, &h) != 0)
        return;
    h.version = GW_BFCP_UNRELIABLE;
    h.transaction = tid;
    h.is_response = is_response;
    p += GW_BFCP_HEADER;
    if (m.len <= GW_BFCP_UDP_MTU) {
        put(u, &h, (struct gw_span){ p, h.payload_bytes });
        return;
    }
    h.is_fragment = true;
    for (h.fragment_offset = 0; h.fragment_offset < h.payload_bytes; h.fragment_offset += ROOM) {
        h.fragment_bytes = h.payload_bytes - h.fragment_offset < ROOM ? h.payload_bytes - h.fragment_offset : ROOM;
        put(u, &h, (struct gw_span){ p + h.fragment_offset, h.fragment_bytes });
    }
}

/* The answer is ours: a header alone. */
static struct message *own(const struct gw_bfcp_header *to, uint8_t primitive)
{
    struct gw_bfcp_header h = { .version = GW_BFCP_RELIABLE,
                                .primitive = primitive,
                                .conference = to->conference,
                                .transaction = to->transaction,
                                .user = to->user };
    struct message *m = calloc(1, sizeof(*m) + GW_BFCP_HEADER);

    if (m)
        m->len = (size_t)gw_bfcp_write_header(&h, m->octets, GW_BFCP_HEADER);
    return m;
}

static void transmit(struct gw_bfcp_udp *u, uint64_t now_us)
{
    u->deadline_us = now_us + (u->t1_us << u->sends);
    u->sends++;
    u->sent_us = now_us;
    send_core(u, (struct gw_span){ u->first->octets, u->first->len }, u->tid, false);
}

static void next(struct gw_bfcp_udp *u, uint64_t now_us)
{
    if (!u->first || u->sends || u->is_ended)
        return;
    u->tid = u->next_tid++;
    if (u->next_tid == 0)
        u->next_tid = 1;
    transmit(u, now_us);
}

static int enqueue(struct gw_bfcp_udp *u, struct message *m)
{
    if (!m)
        return GW_E_NOMEM;
    m->next = NULL;
    *u->last = m;
    u->last = &m->next;
    u->nwaiting++;
    return 0;
}

static struct message *copy(struct gw_span octets)
{
    struct message *m = calloc(1, sizeof(*m) + octets.len);

    if (!m)
        return NULL;
    m->len = octets.len;
    memcpy(m->octets, octets.ptr, octets.len);
    return m;
}

/* A client's first message on UDP is Hello (RFC 8855 s. 6.2). */
static int greet(struct gw_bfcp_udp *u, const struct gw_bfcp_header *h)
{
    struct message *hello;

    if (u->is_greeted)
        return 0;
    u->is_greeted = true;
    u->greeted = *h;
    if (h->primitive == GW_BFCP_HELLO)
        return 0;
    hello = own(h, GW_BFCP_HELLO);
    if (hello)
        hello->is_ours = true;
    return enqueue(u, hello);
}

static int answer_core(struct gw_bfcp_udp *u, const struct gw_bfcp_header *h, struct gw_span m)
{
    for (unsigned i = 0; i < SEEN; i++) {
        struct seen *s = &u->seen[i];
        if (!s->until_us || s->answer || s->h.transaction != h->transaction || s->h.conference != h->conference ||
            s->h.user != h->user)
            continue;
        s->answer = copy(m);
        send_core(u, m, h->transaction, true);
        return s->answer ? 0 : GW_E_NOMEM;
    }
    return GW_E_STATE;
}

int gw_bfcp_udp_from_channel(struct gw_bfcp_udp *u, struct gw_span message, uint64_t now_us)
{
    struct gw_bfcp_header h;
    enum kind kind;
    int err = gw_bfcp_parse_header(message, &h);

    if (err)
        return err;
    kind = kind_of(&h);
    if (u->is_ended || kind == ACK || (kind == REQUEST && h.transaction == 0))
        return GW_E_STATE;
    if (kind == ANSWER)
        return answer_core(u, &h, message);
    if (u->nwaiting >= 2 * GW_BFCP_UDP_QUEUE)
        return GW_E_FULL;
    err = kind == REQUEST ? greet(u, &h) : 0;
    if (!err)
        err = enqueue(u, copy(message));
    next(u, now_us);
    return err;
}

bool gw_bfcp_udp_is_full(const struct gw_bfcp_udp *u)
{
    return u->nwaiting >= GW_BFCP_UDP_QUEUE;
}

void gw_bfcp_udp_goodbye(struct gw_bfcp_udp *u)
{
    struct message *m;

    if (!u->is_greeted || u->is_ended)
        return;
    m = own(&u->greeted, GW_BFCP_GOODBYE);
    if (m)
        send_core(u, (struct gw_span){ m->octets, m->len }, u->next_tid++, false);
    free(m);
    u->is_ended = true;
}

/* ---- in from the core ---- */

/* RFC 6298 s. 2, of what was not repeated (Karn). */
static void measure(struct gw_bfcp_udp *u, uint64_t rtt_us)
{
    uint64_t diff = u->srtt_us > rtt_us ? u->srtt_us - rtt_us : rtt_us - u->srtt_us;

    u->rttvar_us = u->srtt_us ? (3 * u->rttvar_us + diff) / 4 : rtt_us / 2;
    u->srtt_us = u->srtt_us ? (7 * u->srtt_us + rtt_us) / 8 : rtt_us;
    u->t1_us = u->srtt_us + 4 * u->rttvar_us > GW_BFCP_T1_US ? u->srtt_us + 4 * u->rttvar_us : GW_BFCP_T1_US;
}

static void set_transaction(uint8_t *m, uint16_t tid)
{
    m[6 + 2] = (uint8_t)(tid >> 8);
    m[6 + 3] = (uint8_t)tid;
}

/* `m` is in the channel's form, and may be written to. */
static int answered(struct gw_bfcp_udp *u, const struct gw_bfcp_header *h, uint8_t *m, size_t len, uint64_t now_us)
{
    struct gw_bfcp_header asked;
    int err = 0;

    if (!u->sends || h->transaction != u->tid)
        return GW_E_STATE; /* a repeated answer */
    if (gw_bfcp_parse_header((struct gw_span){ u->first->octets, u->first->len }, &asked) != 0 ||
        asked.conference != h->conference || asked.user != h->user)
        return GW_E_STATE;
    if (!u->first->is_ours && kind_of(h) != ACK) {
        set_transaction(m, asked.transaction);
        err = u->c.to_channel(u->c.arg, (struct gw_span){ m, len });
    }
    if (err)
        return err; /* it will be asked for again */
    if (u->sends == 1)
        measure(u, now_us - u->sent_us);
    pop(u);
    next(u, now_us);
    return 0;
}

static struct seen *find_seen(struct gw_bfcp_udp *u, const struct gw_bfcp_header *h, uint64_t now_us)
{
    for (unsigned i = 0; i < SEEN; i++) {
        struct seen *s = &u->seen[i];
        if (s->until_us > now_us && s->h.transaction == h->transaction && s->h.user == h->user &&
            s->h.conference == h->conference && s->h.primitive == h->primitive)
            return s;
    }
    return NULL;
}

static struct seen *remember(struct gw_bfcp_udp *u, const struct gw_bfcp_header *h, uint64_t now_us)
{
    struct seen *s = &u->seen[u->next_seen++ % SEEN];

    free(s->answer);
    *s = (struct seen){ .until_us = now_us + GW_BFCP_T2_US, .h = *h };
    return s;
}

/* The acknowledgement that is due here; 0: the channel answers. */
static uint8_t ack_of(uint8_t primitive)
{
    return primitive == GW_BFCP_FLOOR_REQUEST_STATUS ? GW_BFCP_FLOOR_REQUEST_STATUS_ACK
           : primitive == GW_BFCP_FLOOR_STATUS       ? GW_BFCP_FLOOR_STATUS_ACK
           : primitive == GW_BFCP_GOODBYE            ? GW_BFCP_GOODBYE_ACK
                                                     : 0;
}

static int asked(struct gw_bfcp_udp *u, const struct gw_bfcp_header *h, uint8_t *m, size_t len, uint64_t now_us)
{
    struct seen *s = find_seen(u, h, now_us);
    uint8_t ack = ack_of(h->primitive);
    int err = 0;

    if (s) {
        if (s->answer)
            send_core(u, (struct gw_span){ s->answer->octets, s->answer->len }, h->transaction, true);
        return 0;
    }
    if (ack && ack != GW_BFCP_GOODBYE_ACK)
        set_transaction(m, 0);  /* RFC 8855 s. 8.2: so it looks on a reliable transport */
    s = remember(u, h, now_us); /* before the channel can answer it */
    if (ack != GW_BFCP_GOODBYE_ACK)
        err = u->c.to_channel(u->c.arg, (struct gw_span){ m, len });
    if (err) {
        s->until_us = 0;
        return err;
    }
    if (!ack)
        return 0;
    s->answer = own(h, ack);
    if (s->answer)
        send_core(u, (struct gw_span){ s->answer->octets, s->answer->len }, h->transaction, true);
    if (ack == GW_BFCP_GOODBYE_ACK)
        end(u, GW_E_CLOSED);
    return 0;
}

static int refuse(struct gw_bfcp_udp *u, const struct gw_bfcp_header *h, uint8_t code, int err)
{
    uint8_t m[GW_BFCP_FRAGMENT_HEADER + 4];
    int n;

    if (h->is_response || ack_of(h->primitive))
        return err; /* only requests are answered by an Error */
    n = gw_bfcp_write_error(h, code, m, sizeof(m));
    if (n > 0)
        u->c.to_core(u->c.arg, (struct gw_span){ m, (size_t)n });
    return err;
}

/* A whole message, header and payload, which is written over. */
static int take(struct gw_bfcp_udp *u, struct gw_bfcp_header h, uint8_t *m, size_t len, uint64_t now_us)
{
    struct gw_bfcp_header plain = h, checked;

    plain.version = GW_BFCP_RELIABLE;
    plain.is_response = plain.is_fragment = false;
    if (gw_bfcp_write_header(&plain, m, len) < 0 || gw_bfcp_check((struct gw_span){ m, len }, &checked) != 0)
        return refuse(u, &h, GW_BFCP_ERR_UNPARSABLE, GW_E_SYNTAX);
    return h.is_response ? answered(u, &h, m, len, now_us) : asked(u, &h, m, len, now_us);
}

static bool is_of(const struct parts *p, const struct gw_bfcp_header *h, uint64_t now_us)
{
    return p->until_us > now_us && p->h.transaction == h->transaction && p->h.conference == h->conference &&
           p->h.user == h->user && p->h.primitive == h->primitive && p->h.is_response == h->is_response &&
           p->h.payload_bytes == h->payload_bytes;
}

/* False: it lies upon another one. */
static bool mark(struct parts *p, const struct gw_bfcp_header *h)
{
    size_t first = h->fragment_offset / 4, end = first + h->fragment_bytes / 4;

    for (size_t i = first; i < end; i++) {
        if (p->has[i / 8] >> i % 8 & 1)
            return false;
        p->has[i / 8] |= (uint8_t)(1u << i % 8);
    }
    return true;
}

static bool has_same(const struct parts *p, const struct gw_bfcp_header *h, const uint8_t *octets)
{
    for (size_t i = h->fragment_offset / 4; i < (h->fragment_offset + h->fragment_bytes) / 4; i++)
        if (!(p->has[i / 8] >> i % 8 & 1))
            return false;
    return memcmp(p->octets + GW_BFCP_HEADER + h->fragment_offset, octets, h->fragment_bytes) == 0;
}

static int add_part(struct gw_bfcp_udp *u, const struct gw_bfcp_header *h, const uint8_t *octets, uint64_t now_us)
{
    struct parts *p = &u->parts;
    int err;

    if (h->fragment_bytes == 0 || h->payload_bytes > GW_BFCP_UDP_MESSAGE)
        return refuse(u, h, GW_BFCP_ERR_LENGTH, GW_E_LIMIT);
    if (!is_of(p, h, now_us)) { /* the one before stays unfinished: its sender will repeat it */
        drop_parts(u);
        p->octets = malloc(GW_BFCP_HEADER + h->payload_bytes);
        if (!p->octets)
            return GW_E_NOMEM;
        memset(p->has, 0, sizeof(p->has));
        p->h = *h;
        p->got = 0;
        p->until_us = now_us + GW_BFCP_T2_US;
    }
    if (has_same(p, h, octets))
        return 0; /* repeated, with its message */
    if (!mark(p, h)) {
        drop_parts(u);
        return refuse(u, h, GW_BFCP_ERR_LENGTH, GW_E_SYNTAX);
    }
    memcpy(p->octets + GW_BFCP_HEADER + h->fragment_offset, octets, h->fragment_bytes);
    p->got += h->fragment_bytes;
    if (p->got < h->payload_bytes)
        return 0;
    err = take(u, p->h, p->octets, GW_BFCP_HEADER + p->h.payload_bytes, now_us);
    drop_parts(u);
    return err;
}

int gw_bfcp_udp_from_core(struct gw_bfcp_udp *u, struct gw_span datagram, uint64_t now_us)
{
    uint8_t m[GW_BFCP_UDP_MTU * 8]; /* of an unfragmented one, whatever the path takes */
    struct gw_bfcp_header h;
    int err = gw_bfcp_parse_header(datagram, &h);

    if (u->is_ended)
        return GW_E_STATE;
    if (err || h.version != GW_BFCP_UNRELIABLE || h.transaction == 0)
        return GW_E_SYNTAX;
    if (datagram.len != (h.is_fragment ? GW_BFCP_FRAGMENT_HEADER + h.fragment_bytes : GW_BFCP_HEADER + h.payload_bytes))
        return refuse(u, &h, GW_BFCP_ERR_LENGTH, GW_E_SYNTAX);
    if (h.is_fragment)
        return add_part(u, &h, (const uint8_t *)datagram.ptr + GW_BFCP_FRAGMENT_HEADER, now_us);
    if (datagram.len > sizeof(m))
        return GW_E_LIMIT;
    memcpy(m, datagram.ptr, datagram.len);
    return take(u, h, m, datagram.len, now_us);
}

/* ---- time ---- */

uint64_t gw_bfcp_udp_deadline_us(const struct gw_bfcp_udp *u)
{
    return u->deadline_us;
}

void gw_bfcp_udp_expire(struct gw_bfcp_udp *u, uint64_t now_us)
{
    if (now_us < u->deadline_us || !u->sends)
        return;
    if (u->sends > GW_BFCP_UDP_REPEATS)
        end(u, GW_E_TIMEOUT); /* RFC 8855 s. 8.3.1: the connection is broken */
    else
        transmit(u, now_us);
}
