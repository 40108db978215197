/* libre's BFCP as floor control server or client, an independent peer for the tests of data channels.
 *   re_bfcp server tcp|udp PORT            grants every request of floor 1 and up to 9, refuses others
 *   re_bfcp client tcp|udp PORT PEER-PORT [USER]  asks as told: "hello", "request FLOOR", "release ID", "query FLOOR"
 * One line of output for each message, with a line for what it holds. Conference 1, user 1 if not told (libre has the
 * words of the protocol; over TCP it has no transport, so framing and answering are done here). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <re/re.h>

enum { CONFERENCE = 1 };

static struct bfcp_conn *conn; /* UDP */
static struct tcp_sock *listener;
static struct tcp_conn *stream; /* TCP */
static struct mbuf *in;
static struct sa peer;
static uint8_t version;
static uint16_t last_request, last_transaction, user = 1;
static bool is_server;

static void tcp_write(struct mbuf *mb)
{
    mb->pos = 0;
    if (stream)
        (void)tcp_send(stream, mb);
}

static int tcp_message(enum bfcp_prim prim, uint32_t confid, uint16_t tid, uint16_t userid, unsigned n, ...)
{
    struct mbuf *mb = mbuf_alloc(512);
    va_list ap;
    int err;

    va_start(ap, n);
    err = bfcp_msg_vencode(mb, version, false, prim, confid, tid, userid, n, &ap);
    va_end(ap);
    if (!err)
        tcp_write(mb);
    mem_deref(mb);
    return err;
}

#define REPLY(msg, prim, ...)                                                                                          \
    (void)(conn ? bfcp_reply(conn, msg, prim, __VA_ARGS__)                                                             \
                : tcp_message(prim, (msg)->confid, (msg)->tid, (msg)->userid, __VA_ARGS__))

static uint16_t number(const struct bfcp_msg *msg, enum bfcp_attrib type)
{
    const struct bfcp_attr *a = bfcp_msg_attr(msg, type);

    return a ? a->v.u16 : 0;
}

static void status(const struct bfcp_msg *msg, uint16_t id, uint16_t floor, enum bfcp_reqstat how)
{
    struct bfcp_reqstatus s = { how, 0 };

    REPLY(msg, BFCP_FLOOR_REQUEST_STATUS, 1, BFCP_FLOOR_REQ_INFO | BFCP_MANDATORY, 2, &id, BFCP_OVERALL_REQ_STATUS, 1,
          &id, BFCP_REQUEST_STATUS, 0, &s, BFCP_FLOOR_REQ_STATUS, 1, &floor, BFCP_REQUEST_STATUS, 0, &s);
}

static void hello_ack(const struct bfcp_msg *msg)
{
    static enum bfcp_prim prims[] = { BFCP_FLOOR_REQUEST, BFCP_FLOOR_RELEASE, BFCP_FLOOR_REQUEST_STATUS, BFCP_HELLO,
                                      BFCP_HELLO_ACK };
    static enum bfcp_attrib attrs[] = { BFCP_FLOOR_ID, BFCP_FLOOR_REQUEST_ID, BFCP_REQUEST_STATUS };
    struct bfcp_supprim p = { prims, sizeof(prims) / sizeof(prims[0]) };
    struct bfcp_supattr a = { attrs, sizeof(attrs) / sizeof(attrs[0]) };

    REPLY(msg, BFCP_HELLO_ACK, 2, BFCP_SUPPORTED_PRIMS, 0, &p, BFCP_SUPPORTED_ATTRS, 0, &a);
}

static void refuse(const struct bfcp_msg *msg, enum bfcp_err code)
{
    struct bfcp_errcode e = { code, NULL, 0 };

    REPLY(msg, BFCP_ERROR, 1, BFCP_ERROR_CODE | BFCP_MANDATORY, 0, &e);
}

static void serve(const struct bfcp_msg *msg)
{
    static uint16_t floor_of[65536];
    uint16_t floor = number(msg, BFCP_FLOOR_ID), id = number(msg, BFCP_FLOOR_REQUEST_ID);

    switch (msg->prim) {
    case BFCP_HELLO:
        hello_ack(msg);
        break;
    case BFCP_FLOOR_REQUEST:
        if (floor < 1 || floor > 9) {
            refuse(msg, BFCP_INVALID_FLOOR_ID);
            break;
        }
        floor_of[++last_request] = floor;
        status(msg, last_request, floor, BFCP_GRANTED);
        break;
    case BFCP_FLOOR_RELEASE:
        if (!floor_of[id]) {
            refuse(msg, BFCP_FLOOR_REQ_ID_NOT_EXIST);
            break;
        }
        status(msg, id, floor_of[id], BFCP_RELEASED);
        floor_of[id] = 0;
        break;
    case BFCP_FLOOR_QUERY: /* and one of our own accord */
        REPLY(msg, BFCP_FLOOR_STATUS, 1, BFCP_FLOOR_ID | BFCP_MANDATORY, 0, &floor);
        if (conn)
            (void)bfcp_notify(conn, &msg->src, version, BFCP_FLOOR_STATUS, msg->confid, msg->userid, 1,
                              BFCP_FLOOR_ID | BFCP_MANDATORY, 0, &floor);
        else
            (void)tcp_message(BFCP_FLOOR_STATUS, msg->confid, 0, msg->userid, 1, BFCP_FLOOR_ID | BFCP_MANDATORY, 0,
                              &floor);
        break;
    case BFCP_GOODBYE:
        REPLY(msg, BFCP_GOODBYE_ACK, 0);
        break;
    case BFCP_FLOOR_REQ_STATUS_ACK:
    case BFCP_FLOOR_STATUS_ACK:
    case BFCP_ERROR:
        break;
    default:
        refuse(msg, BFCP_UNKNOWN_PRIM);
    }
}

static void print(const struct bfcp_msg *msg)
{
    re_printf("%s version %u conference %u transaction %u user %u response %u\n", bfcp_prim_name(msg->prim), msg->ver,
              msg->confid, msg->tid, msg->userid, msg->r);
    re_printf("%H\n", bfcp_msg_print, msg);
    fflush(stdout);
}

static void on_message(const struct bfcp_msg *msg, void *arg)
{
    (void)arg;
    print(msg);
    if (is_server)
        serve(msg);
    else if (conn && !msg->r &&
             (msg->prim == BFCP_FLOOR_STATUS || msg->prim == BFCP_FLOOR_REQUEST_STATUS)) /* RFC 8855 s. 8.3 */
        REPLY(msg, msg->prim == BFCP_FLOOR_STATUS ? BFCP_FLOOR_STATUS_ACK : BFCP_FLOOR_REQ_STATUS_ACK, 0);
}

static void on_answer(int err, const struct bfcp_msg *msg, void *arg)
{
    (void)arg;
    if (err) {
        re_printf("no answer: %m\n", err);
        fflush(stdout);
    } else {
        print(msg);
    }
}

/* ---- TCP ---- */

static void on_octets(struct mbuf *mb, void *arg)
{
    (void)arg;
    in->pos = in->end;
    (void)mbuf_write_mem(in, mbuf_buf(mb), mbuf_get_left(mb));
    in->pos = 0;
    for (;;) {
        size_t left = mbuf_get_left(in), len;
        struct bfcp_msg *msg;
        struct mbuf one;
        int err;

        if (left < 12)
            break;
        len = 12 + 4 * (size_t)(mbuf_buf(in)[2] << 8 | mbuf_buf(in)[3]);
        if (left < len)
            break;
        one = *in;
        one.end = one.pos + len;
        err = bfcp_msg_decode(&msg, &one);
        if (err) {
            re_printf("not understood: %m\n", err);
            fflush(stdout);
        } else {
            on_message(msg, NULL);
            mem_deref(msg);
        }
        in->pos += len;
    }
    memmove(in->buf, mbuf_buf(in), mbuf_get_left(in));
    in->end = mbuf_get_left(in);
}

static void on_estab(void *arg)
{
    (void)arg;
    printf("connected\n");
    fflush(stdout);
}

static void on_close(int err, void *arg)
{
    (void)arg;
    (void)err;
    stream = mem_deref(stream);
    in->pos = in->end = 0;
    printf("closed\n");
    fflush(stdout);
}

static void on_connection(const struct sa *from, void *arg)
{
    (void)from;
    (void)arg;
    if (stream)
        tcp_reject(listener);
    else if (tcp_accept(&stream, listener, on_estab, on_octets, on_close, NULL) == 0)
        on_estab(NULL);
}

/* ---- what a client is told ---- */

static void ask(enum bfcp_prim prim, enum bfcp_attrib type, uint16_t value)
{
    unsigned n = type ? 1 : 0;

    if (conn)
        (void)bfcp_request(conn, &peer, version, prim, CONFERENCE, user, on_answer, NULL, n, type | BFCP_MANDATORY, 0,
                           &value);
    else
        (void)tcp_message(prim, CONFERENCE, ++last_transaction, user, n, type | BFCP_MANDATORY, 0, &value);
}

static void on_stdin(int flags, void *arg)
{
    char line[64];
    unsigned v = 0;

    (void)flags;
    (void)arg;
    if (!fgets(line, sizeof(line), stdin)) {
        re_cancel();
        return;
    }
    if (strncmp(line, "hello", 5) == 0)
        ask(BFCP_HELLO, 0, 0);
    else if (sscanf(line, "request %u", &v) == 1)
        ask(BFCP_FLOOR_REQUEST, BFCP_FLOOR_ID, (uint16_t)v);
    else if (sscanf(line, "release %u", &v) == 1)
        ask(BFCP_FLOOR_RELEASE, BFCP_FLOOR_REQUEST_ID, (uint16_t)v);
    else if (sscanf(line, "query %u", &v) == 1)
        ask(BFCP_FLOOR_QUERY, BFCP_FLOOR_ID, (uint16_t)v);
}

static void on_signal(int number)
{
    (void)number;
    re_cancel();
}

int main(int argc, char **argv)
{
    struct sa local;
    bool is_udp;
    int err;

    if (argc < 4) {
        fprintf(stderr, "usage: re_bfcp server|client tcp|udp PORT [PEER-PORT]\n");
        return 2;
    }
    is_server = strcmp(argv[1], "server") == 0;
    is_udp = strcmp(argv[2], "udp") == 0;
    version = is_udp ? BFCP_VER2 : BFCP_VER1;
    err = libre_init();
    if (!err)
        err = sa_set_str(&local, "127.0.0.1", (uint16_t)atoi(argv[3]));
    if (!err && argc > 4)
        err = sa_set_str(&peer, "127.0.0.1", (uint16_t)atoi(argv[4]));
    if (argc > 5)
        user = (uint16_t)atoi(argv[5]);
    in = mbuf_alloc(4096);
    if (!err && is_udp)
        err = bfcp_listen(&conn, BFCP_UDP, &local, NULL, on_message, NULL);
    else if (!err && is_server)
        err = tcp_listen(&listener, &local, on_connection, NULL);
    else if (!err)
        err = tcp_connect(&stream, &peer, on_estab, on_octets, on_close, NULL);
    setvbuf(stdin, NULL, _IONBF, 0);
    if (!err)
        err = fd_listen(STDIN_FILENO, FD_READ, on_stdin, NULL);
    if (err) {
        re_fprintf(stderr, "re_bfcp: %m\n", err);
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    err = re_main(on_signal);
    fd_close(STDIN_FILENO);
    mem_deref(stream);
    mem_deref(listener);
    mem_deref(conn);
    mem_deref(in);
    libre_close();
    return err ? 1 : 0;
}
