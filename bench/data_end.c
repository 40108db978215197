#include "bench/data_end.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/stun_client.h"
#include "gateway/base/clock.h"

enum { STREAM = 2, PORT = 5000, CONSENT_US = 5000000 /* RFC 7675 s. 5.1 */ };

static void put(struct data_end *e, const void *p, size_t n)
{
    (void)!sendto(e->fd, p, n, MSG_DONTWAIT, (struct sockaddr *)&e->peer, sizeof(e->peer));
}

static void on_datagram(void *arg, struct gw_span d)
{
    put(arg, d.ptr, d.len);
}

static void on_record(void *arg, struct gw_span r)
{
    struct data_end *e = arg;

    if (e->on_record)
        e->on_record(e, r);
    else if (e->a)
        gw_sctp_input(e->a, r);
}

/* ---- SCTP ---- */

static void on_packet(void *arg, struct gw_span p)
{
    struct data_end *e = arg;
    (void)!gw_dtls_send(e->dtls, p);
}

static void on_up(void *arg, unsigned in, unsigned out)
{
    struct data_end *e = arg;
    e->is_up = in && out;
}

static void on_message(void *arg, uint16_t stream, uint32_t ppid, struct gw_span m)
{
    struct data_end *e = arg;

    (void)stream;
    (void)ppid;
    e->octets += m.len;
    e->messages++;
    if (e->on_message)
        e->on_message(e, m);
}

static void on_stream(void *arg, uint16_t stream)
{
    (void)arg;
    (void)stream;
}

static void on_reset(void *arg, uint16_t stream, int err)
{
    (void)arg;
    (void)stream;
    (void)err;
}

static void on_writable(void *arg)
{
    (void)arg;
}

static void on_down(void *arg, int err)
{
    struct data_end *e = arg;

    (void)err;
    e->is_up = false;
}

static const struct gw_sctp_events events = { on_packet, on_up,    on_message,  on_stream,
                                              on_stream, on_reset, on_writable, on_down };

/* ---- life ---- */

int data_end_init(struct data_end *e, bool is_client, struct gw_dtls_identity *identity, struct gw_sctp_host *host)
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct gw_dtls_config c = { identity, is_client, false, on_datagram, on_record, e };
    int room = 1 << 20, err;

    memset(e, 0, sizeof(*e));
    e->is_client = is_client;
    e->identity = identity;
    e->host = host;
    e->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(e->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    err = bind(e->fd, (struct sockaddr *)&any, sizeof(any)) == 0 ? gw_dtls_new(&c, &e->dtls) : GW_E_IO;
    if (err)
        close(e->fd);
    return err;
}

void data_end_fini(struct data_end *e)
{
    gw_sctp_free(e->a);
    gw_dtls_free(e->dtls);
    close(e->fd);
    memset(e, 0, sizeof(*e));
    e->fd = -1;
}

uint16_t data_end_port(const struct data_end *e)
{
    struct sockaddr_in a;
    socklen_t len = sizeof(a);

    return getsockname(e->fd, (struct sockaddr *)&a, &len) == 0 ? ntohs(a.sin_port) : 0;
}

static void check(struct data_end *e, uint64_t now)
{
    uint8_t out[STUN_MAX], txn[12] = { 1, 2, 3 };

    if (!e->user[0] || now < e->check_us)
        return;
    memcpy(txn + 4, &e, sizeof(e) < 8 ? sizeof(e) : 8);
    put(e, out, stun_request(out, txn, e->user, e->pwd));
    e->check_us = now + (e->is_checked ? CONSENT_US : 50 * GW_MS);
}

static void receive(struct data_end *e, const uint8_t *p, size_t n, const struct sockaddr_in *from, uint64_t now)
{
    if (n && p[0] < 2) {
        e->is_checked |= stun_is_success(p, n);
        return;
    }
    if (!e->is_client && !e->peer.sin_port)
        e->peer = *from;
    (void)!gw_dtls_input(e->dtls, (struct gw_span){ p, n }, now);
    if (e->a || gw_dtls_state(e->dtls) != GW_DTLS_UP)
        return;
    e->is_dtls_up = true;
    if (e->on_record)
        return;
    (void)!gw_sctp_new(e->host, &(struct gw_sctp_config){ PORT, PORT, 0, &events, e }, &e->a);
}

void data_end_turn(struct data_end *e)
{
    uint64_t now = gw_clock_us();
    uint8_t p[2048];

    if (gw_dtls_state(e->dtls) == GW_DTLS_NEW)
        gw_dtls_set_fingerprints(e->dtls, &e->expected, 1);
    check(e, now);
    if (e->is_client && (e->is_checked || !e->user[0]))
        gw_dtls_start(e->dtls, now);
    for (int i = 0; i < 64; i++) {
        struct sockaddr_in from;
        socklen_t len = sizeof(from);
        ssize_t n = recvfrom(e->fd, p, sizeof(p), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
        if (n < 0)
            break;
        receive(e, p, (size_t)n, &from, now);
    }
    if (gw_dtls_deadline_us(e->dtls) <= now)
        gw_dtls_expire(e->dtls, now);
}

int data_end_send(struct data_end *e, struct gw_span m)
{
    struct gw_sctp_send how = { STREAM, GW_PPID_BINARY, false, -1, -1 };

    if (e->on_record)
        return e->is_dtls_up ? gw_dtls_send(e->dtls, m) : GW_E_AGAIN;
    return e->is_up ? gw_sctp_send(e->a, &how, m) : GW_E_AGAIN;
}
