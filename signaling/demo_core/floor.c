#include "floor.h"

#include "gateway/base/wire.h"

enum { ERR_CONFERENCE = 1, ERR_USER = 2, ERR_UNAUTHORIZED = 5, ERR_FLOOR = 6, ERR_NO_REQUEST = 7, ERR_TOO_MANY = 8 };
enum { ACCEPTED = 2, GRANTED = 3, CANCELLED = 5, RELEASED = 6 };
enum {
    FLOOR_ID = 2,
    FLOOR_REQUEST_ID = 3,
    REQUEST_STATUS = 5,
    SUPPORTED_ATTRIBUTES = 10,
    SUPPORTED_PRIMITIVES = 11,
    FLOOR_REQUEST_INFORMATION = 15,
    FLOOR_REQUEST_STATUS = 17,
    OVERALL_REQUEST_STATUS = 18,
};

/* ---- messages ---- */

struct message {
    uint8_t buf[GW_FLOOR_MESSAGE];
    struct gw_writer w;
};

static void begin(struct message *m)
{
    m->w = gw_writer(m->buf, sizeof(m->buf));
    (void)gw_writer_take(&m->w, GW_BFCP_HEADER);
}

static void attribute(struct message *m, uint8_t type, uint8_t len)
{
    gw_write_u8(&m->w, (uint8_t)(type << 1 | 1)); /* mandatory */
    gw_write_u8(&m->w, len);
}

static void send(struct message *m, const struct gw_floor_user *u, uint8_t primitive, uint16_t transaction)
{
    struct gw_bfcp_header h = { .version = GW_BFCP_RELIABLE,
                                .primitive = primitive,
                                .conference = GW_FLOOR_CONFERENCE,
                                .transaction = transaction,
                                .user = u->id };
    size_t len = gw_writer_len(&m->w);

    if (m->w.err)
        return;
    h.payload_bytes = (uint32_t)(len - GW_BFCP_HEADER);
    (void)gw_bfcp_write_header(&h, m->buf, GW_BFCP_HEADER);
    u->send(u->arg, (struct gw_span){ m->buf, len });
}

/* FLOOR-REQUEST-INFORMATION: the request as a whole, and of its one floor (RFC 8855 s. 5.2.15). */
static void write_request(struct message *m, uint16_t id, uint8_t status, uint8_t position)
{
    attribute(m, FLOOR_REQUEST_INFORMATION, 4 + 8 + 8);
    gw_write_u16(&m->w, id);
    attribute(m, OVERALL_REQUEST_STATUS, 8);
    gw_write_u16(&m->w, id);
    attribute(m, REQUEST_STATUS, 4);
    gw_write_u8(&m->w, status);
    gw_write_u8(&m->w, position);
    attribute(m, FLOOR_REQUEST_STATUS, 8);
    gw_write_u16(&m->w, GW_FLOOR_ID);
    attribute(m, REQUEST_STATUS, 4);
    gw_write_u8(&m->w, status);
    gw_write_u8(&m->w, position);
}

static void tell_request(const struct gw_floor_user *u, uint16_t transaction, uint16_t id, uint8_t status,
                         unsigned position)
{
    struct message m;

    begin(&m);
    write_request(&m, id, status, (uint8_t)position);
    send(&m, u, GW_BFCP_FLOOR_REQUEST_STATUS, transaction);
}

static uint8_t status_at(unsigned i)
{
    return i == 0 ? GRANTED : ACCEPTED;
}

static void tell_floor(const struct gw_floor *f, const struct gw_floor_user *u, uint16_t transaction)
{
    struct message m;

    begin(&m);
    attribute(&m, FLOOR_ID, 4);
    gw_write_u16(&m.w, GW_FLOOR_ID);
    for (unsigned i = 0; i < f->n; i++)
        write_request(&m, f->requests[i].id, status_at(i), (uint8_t)i);
    send(&m, u, GW_BFCP_FLOOR_STATUS, transaction);
}

static void tell_error(const struct gw_floor_user *u, const struct gw_bfcp_header *h, uint8_t code)
{
    uint8_t buf[GW_BFCP_FRAGMENT_HEADER];
    int len = gw_bfcp_write_error(h, code, buf, sizeof(buf));

    if (len > 0)
        u->send(u->arg, (struct gw_span){ buf, (size_t)len });
}

/* ---- state ---- */

static void tell_watchers(const struct gw_floor *f)
{
    for (const struct gw_floor_user *u = f->users; u; u = u->next)
        if (u->is_watching)
            tell_floor(f, u, 0); /* of our own accord: transaction 0 on a reliable transport (s. 8.2) */
}

static void take_out(struct gw_floor *f, unsigned i)
{
    memmove(&f->requests[i], &f->requests[i + 1], (f->n - i - 1) * sizeof(f->requests[0]));
    f->n--;
}

/* Places in the queue changed from `from` on. */
static void moved(const struct gw_floor *f, unsigned from)
{
    for (unsigned i = from; i < f->n; i++)
        tell_request(f->requests[i].user, 0, f->requests[i].id, status_at(i), i);
    tell_watchers(f);
}

void gw_floor_enter(struct gw_floor *f, struct gw_floor_user *u)
{
    u->id = ++f->last_user ? f->last_user : ++f->last_user;
    u->is_watching = false;
    u->next = f->users;
    f->users = u;
}

void gw_floor_leave(struct gw_floor *f, struct gw_floor_user *u)
{
    unsigned first = GW_FLOOR_REQUESTS;

    for (struct gw_floor_user **at = &f->users; *at; at = &(*at)->next) {
        if (*at == u) {
            *at = u->next;
            break;
        }
    }
    for (unsigned i = f->n; i; i--) {
        if (f->requests[i - 1].user != u)
            continue;
        take_out(f, i - 1);
        first = i - 1;
    }
    if (first < GW_FLOOR_REQUESTS)
        moved(f, first);
}

/* ---- what comes ---- */

/* The 16 bits of an attribute that is such a number; 0: none. */
static uint16_t number(struct gw_span attributes, uint8_t type)
{
    struct gw_reader r = gw_reader(attributes);

    while (gw_reader_left(&r)) {
        uint8_t first = gw_read_u8(&r), len = gw_read_u8(&r);

        if (first >> 1 == type && len == 4)
            return gw_read_u16(&r);
        (void)gw_reader_take(&r, (len + 3u) / 4 * 4 - 2); /* checked before: not below 2 */
    }
    return 0;
}

static unsigned find(const struct gw_floor *f, const struct gw_floor_user *u, uint16_t id)
{
    unsigned i = 0;

    while (i < f->n && (f->requests[i].id != id || f->requests[i].user != u))
        i++;
    return i;
}

static int on_request(struct gw_floor *f, struct gw_floor_user *u, const struct gw_bfcp_header *h,
                      struct gw_span attributes)
{
    unsigned own = 0;

    if (number(attributes, FLOOR_ID) != GW_FLOOR_ID)
        return ERR_FLOOR;
    for (unsigned i = 0; i < f->n; i++)
        own += f->requests[i].user == u;
    if (own == GW_FLOOR_USER_REQUESTS || f->n == GW_FLOOR_REQUESTS)
        return ERR_TOO_MANY;
    f->requests[f->n].id = ++f->last_request ? f->last_request : ++f->last_request;
    f->requests[f->n].user = u;
    tell_request(u, h->transaction, f->requests[f->n].id, status_at(f->n), f->n);
    f->n++;
    tell_watchers(f);
    return 0;
}

static int on_release(struct gw_floor *f, struct gw_floor_user *u, const struct gw_bfcp_header *h,
                      struct gw_span attributes)
{
    uint16_t id = number(attributes, FLOOR_REQUEST_ID);
    unsigned i = find(f, u, id);

    if (i == f->n)
        return ERR_NO_REQUEST;
    take_out(f, i);
    tell_request(u, h->transaction, id, i == 0 ? RELEASED : CANCELLED, 0);
    moved(f, i);
    return 0;
}

static int on_request_query(struct gw_floor *f, struct gw_floor_user *u, const struct gw_bfcp_header *h,
                            struct gw_span attributes)
{
    unsigned i = find(f, u, number(attributes, FLOOR_REQUEST_ID));

    if (i == f->n)
        return ERR_NO_REQUEST;
    tell_request(u, h->transaction, f->requests[i].id, status_at(i), i);
    return 0;
}

static int on_user_query(struct gw_floor *f, struct gw_floor_user *u, const struct gw_bfcp_header *h,
                         struct gw_span attributes)
{
    struct message m;

    begin(&m);
    for (unsigned i = 0; i < f->n; i++)
        if (f->requests[i].user == u)
            write_request(&m, f->requests[i].id, status_at(i), (uint8_t)i);
    send(&m, u, GW_BFCP_USER_STATUS, h->transaction);
    return 0;
}

/* Without a floor the user no longer wants to know (RFC 8855 s. 12.1.2). */
static int on_floor_query(struct gw_floor *f, struct gw_floor_user *u, const struct gw_bfcp_header *h,
                          struct gw_span attributes)
{
    uint16_t id = number(attributes, FLOOR_ID);

    if (id && id != GW_FLOOR_ID)
        return ERR_FLOOR;
    u->is_watching = id != 0;
    tell_floor(f, u, h->transaction);
    return 0;
}

static void write_list(struct message *m, uint8_t type, const uint8_t *list, uint8_t n, uint8_t shift)
{
    attribute(m, type, (uint8_t)(2 + n));
    for (unsigned i = 0; i < n; i++)
        gw_write_u8(&m->w, (uint8_t)(list[i] << shift));
    gw_write_bytes(&m->w, "\0\0\0", (4 - (2u + n) % 4) % 4);
}

static int on_hello(struct gw_floor *f, struct gw_floor_user *u, const struct gw_bfcp_header *h,
                    struct gw_span attributes)
{
    static const uint8_t primitives[] = { GW_BFCP_FLOOR_REQUEST,
                                          GW_BFCP_FLOOR_RELEASE,
                                          GW_BFCP_FLOOR_REQUEST_QUERY,
                                          GW_BFCP_FLOOR_REQUEST_STATUS,
                                          GW_BFCP_USER_QUERY,
                                          GW_BFCP_USER_STATUS,
                                          GW_BFCP_FLOOR_QUERY,
                                          GW_BFCP_FLOOR_STATUS,
                                          GW_BFCP_HELLO,
                                          GW_BFCP_HELLO_ACK,
                                          GW_BFCP_ERROR };
    static const uint8_t known[] = { FLOOR_ID,
                                     FLOOR_REQUEST_ID,
                                     REQUEST_STATUS,
                                     SUPPORTED_ATTRIBUTES,
                                     SUPPORTED_PRIMITIVES,
                                     FLOOR_REQUEST_INFORMATION,
                                     FLOOR_REQUEST_STATUS,
                                     OVERALL_REQUEST_STATUS };
    struct message m;

    begin(&m);
    write_list(&m, SUPPORTED_PRIMITIVES, primitives, sizeof(primitives), 0);
    write_list(&m, SUPPORTED_ATTRIBUTES, known, sizeof(known), 1); /* seven bits and a reserved one (s. 5.2.10) */
    send(&m, u, GW_BFCP_HELLO_ACK, h->transaction);
    return 0;
}

static int on_chair(struct gw_floor *f, struct gw_floor_user *u, const struct gw_bfcp_header *h,
                    struct gw_span attributes)
{
    return ERR_UNAUTHORIZED; /* this floor has no chair */
}

static int on_error(struct gw_floor *f, struct gw_floor_user *u, const struct gw_bfcp_header *h,
                    struct gw_span attributes)
{
    return 0; /* never answered */
}

static const struct {
    uint8_t primitive;
    int (*act)(struct gw_floor *f, struct gw_floor_user *u, const struct gw_bfcp_header *h, struct gw_span attributes);
} primitives_taken[] = {
    { GW_BFCP_FLOOR_REQUEST, on_request },
    { GW_BFCP_FLOOR_RELEASE, on_release },
    { GW_BFCP_FLOOR_REQUEST_QUERY, on_request_query },
    { GW_BFCP_USER_QUERY, on_user_query },
    { GW_BFCP_FLOOR_QUERY, on_floor_query },
    { GW_BFCP_HELLO, on_hello },
    { GW_BFCP_CHAIR_ACTION, on_chair },
    { GW_BFCP_ERROR, on_error },
};

void gw_floor_message(struct gw_floor *f, struct gw_floor_user *u, struct gw_span message)
{
    struct gw_span attributes = { (const uint8_t *)message.ptr + GW_BFCP_HEADER, message.len - GW_BFCP_HEADER };
    int code = GW_BFCP_ERR_UNKNOWN_PRIMITIVE;
    struct gw_bfcp_header h;

    if (gw_bfcp_parse_header(message, &h) != 0)
        return;
    if (gw_bfcp_check(message, &h) != 0)
        code = GW_BFCP_ERR_UNPARSABLE;
    else if (h.conference != GW_FLOOR_CONFERENCE)
        code = ERR_CONFERENCE;
    else if (h.user != u->id)
        code = ERR_USER;
    else
        for (unsigned i = 0; i < sizeof(primitives_taken) / sizeof(primitives_taken[0]); i++)
            if (primitives_taken[i].primitive == h.primitive)
                code = primitives_taken[i].act(f, u, &h, attributes);
    if (code)
        tell_error(u, &h, (uint8_t)code);
}
