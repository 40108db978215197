#include "test.h"

#include "gateway/base/wire.h"
#include "signaling/demo_core/floor.h"

enum { REQUEST_ID = 3, STATUS = 5 };

struct seat { /* a user and the last messages it was sent */
    struct gw_floor_user user;
    unsigned n;
    struct {
        size_t len;
        uint8_t octets[512];
    } got[8];
};

static struct gw_floor server;
static struct seat ann, bob;

static void on_message(void *arg, struct gw_span m)
{
    struct seat *s = arg;
    struct gw_bfcp_header h;

    EQ(gw_bfcp_check(m, &h), 0); /* whatever is sent is well formed */
    EQ(h.user, s->user.id);
    EQ(h.conference, GW_FLOOR_CONFERENCE);
    CHECK(s->n < 8 && m.len <= sizeof(s->got[0].octets));
    memcpy(s->got[s->n].octets, m.ptr, m.len);
    s->got[s->n++].len = m.len;
}

static void start(void)
{
    server = (struct gw_floor){ 0 };
    ann = (struct seat){ .user = { .send = on_message, .arg = &ann } };
    bob = (struct seat){ .user = { .send = on_message, .arg = &bob } };
    gw_floor_enter(&server, &ann.user);
    gw_floor_enter(&server, &bob.user);
}

/* A request with one attribute of 16 bits (type 0: none). */
static void say(struct seat *s, uint8_t primitive, uint16_t transaction, uint8_t type, uint16_t value)
{
    struct gw_bfcp_header h = { .version = GW_BFCP_RELIABLE,
                                .primitive = primitive,
                                .payload_bytes = type ? 4 : 0,
                                .conference = GW_FLOOR_CONFERENCE,
                                .transaction = transaction,
                                .user = s->user.id };
    uint8_t buf[16] = { 0 };

    EQ(gw_bfcp_write_header(&h, buf, sizeof(buf)), GW_BFCP_HEADER);
    buf[12] = (uint8_t)(type << 1 | 1);
    buf[13] = 4;
    buf[15] = (uint8_t)value;
    ann.n = bob.n = 0;
    gw_floor_message(&server, &s->user, (struct gw_span){ buf, GW_BFCP_HEADER + h.payload_bytes });
}

static struct gw_bfcp_header header(const struct seat *s, unsigned i)
{
    struct gw_bfcp_header h = { 0 };

    CHECK(i < s->n);
    EQ(gw_bfcp_parse_header((struct gw_span){ s->got[i].octets, s->got[i].len }, &h), 0);
    return h;
}

/* Of a FloorRequestStatus: id, status and place, as the figure of RFC 8855 s. 5.2.15 has them. */
static void is_status(const struct seat *s, unsigned i, uint16_t transaction, uint16_t id, uint8_t status,
                      uint8_t place)
{
    const uint8_t *p = s->got[i].octets;

    EQ(header(s, i).primitive, GW_BFCP_FLOOR_REQUEST_STATUS);
    EQ(header(s, i).transaction, transaction);
    EQ(p[14] << 8 | p[15], id);
    EQ(p[16], 18 << 1 | 1);
    EQ(p[20], STATUS << 1 | 1);
    EQ(p[22], status);
    EQ(p[23], place);
    EQ(p[24], 17 << 1 | 1);
    EQ(p[27], GW_FLOOR_ID);
    EQ(p[30], status);
}

TEST(the_floor_goes_to_who_asked_first_and_then_to_the_next)
{
    start();
    say(&ann, GW_BFCP_FLOOR_REQUEST, 7, 2, GW_FLOOR_ID);
    is_status(&ann, 0, 7, 1, 3, 0); /* granted */
    say(&bob, GW_BFCP_FLOOR_REQUEST, 9, 2, GW_FLOOR_ID);
    is_status(&bob, 0, 9, 2, 2, 1); /* accepted, first to follow */
    EQ(ann.n, 0);
    say(&bob, GW_BFCP_FLOOR_RELEASE, 10, REQUEST_ID, 1); /* not his */
    EQ(header(&bob, 0).primitive, GW_BFCP_ERROR);
    EQ(bob.got[0].octets[14], 7);
    say(&ann, GW_BFCP_FLOOR_RELEASE, 8, REQUEST_ID, 1);
    is_status(&ann, 0, 8, 1, 6, 0); /* released */
    is_status(&bob, 0, 0, 2, 3, 0); /* granted, of the server's own accord */
    say(&bob, GW_BFCP_FLOOR_REQUEST_QUERY, 11, REQUEST_ID, 2);
    is_status(&bob, 0, 11, 2, 3, 0);
}

TEST(who_leaves_gives_the_floor_back_and_who_watches_hears_of_it)
{
    start();
    say(&bob, GW_BFCP_FLOOR_QUERY, 3, 2, GW_FLOOR_ID);
    EQ(header(&bob, 0).primitive, GW_BFCP_FLOOR_STATUS);
    EQ(header(&bob, 0).transaction, 3);
    EQ(bob.got[0].len, 16);
    say(&ann, GW_BFCP_FLOOR_REQUEST, 7, 2, GW_FLOOR_ID);
    EQ(header(&bob, 0).primitive, GW_BFCP_FLOOR_STATUS);
    EQ(header(&bob, 0).transaction, 0);
    EQ(bob.got[0].len, 16 + 20);
    say(&bob, GW_BFCP_FLOOR_REQUEST, 4, 2, GW_FLOOR_ID);
    ann.n = bob.n = 0;
    gw_floor_leave(&server, &ann.user);
    EQ(ann.n, 0);
    is_status(&bob, 0, 0, 2, 3, 0);
    say(&bob, GW_BFCP_FLOOR_QUERY, 5, 0, 0); /* no longer interested */
    EQ(bob.n, 1);
    say(&bob, GW_BFCP_FLOOR_RELEASE, 6, REQUEST_ID, 2);
    EQ(bob.n, 1);
}

TEST(hello_names_what_is_supported)
{
    start();
    say(&ann, GW_BFCP_HELLO, 1, 0, 0);
    EQ(header(&ann, 0).primitive, GW_BFCP_HELLO_ACK);
    EQ(ann.got[0].octets[12], 11 << 1 | 1);
    CHECK(memchr(ann.got[0].octets + 14, GW_BFCP_FLOOR_REQUEST, 11) != NULL);
}

TEST(each_wrong_request_gets_the_error_of_its_kind) /* RFC 8855 s. 5.2.6 */
{
    static const struct {
        uint8_t primitive, type, value, code;
    } rows[] = {
        { GW_BFCP_FLOOR_REQUEST, 2, 9, 6 },  { GW_BFCP_FLOOR_REQUEST, 0, 0, 6 },
        { GW_BFCP_FLOOR_RELEASE, 3, 99, 7 }, { GW_BFCP_FLOOR_REQUEST_QUERY, 0, 0, 7 },
        { GW_BFCP_CHAIR_ACTION, 0, 0, 5 },   { 77, 0, 0, 3 },
        { GW_BFCP_FLOOR_QUERY, 2, 9, 6 },
    };
    uint8_t wrong[16] = { 0x20, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 5, 1, 0, 0 }; /* an attribute of length 1 */

    start();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        say(&ann, rows[i].primitive, 5, rows[i].type, rows[i].value);
        EQ(header(&ann, 0).primitive, GW_BFCP_ERROR);
        EQ(ann.got[0].octets[14], rows[i].code);
    }
    ann.n = 0;
    gw_floor_message(&server, &ann.user, GW_SPAN(wrong));
    EQ(ann.got[0].octets[14], GW_BFCP_ERR_UNPARSABLE);
    for (unsigned i = 0; i < GW_FLOOR_USER_REQUESTS; i++)
        say(&ann, GW_BFCP_FLOOR_REQUEST, 5, 2, GW_FLOOR_ID);
    say(&ann, GW_BFCP_FLOOR_REQUEST, 5, 2, GW_FLOOR_ID);
    EQ(ann.got[0].octets[14], 8);
}
