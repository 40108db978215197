#include "gateway/media/port.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 64, BUFFER = 512 * 1024 /* a burst of video while the worker sleeps or shakes hands */ };

int gw_ports_init(struct gw_ports *p, unsigned min, unsigned max, unsigned index, unsigned n)
{
    unsigned first = (min + 1) / 2, pairs = max > first * 2 ? (max + 1) / 2 - first : 0, from, to;

    from = first + pairs * index / n;
    to = first + pairs * (index + 1) / n;
    if (to <= from)
        return GW_E_INVAL;
    p->size = p->count = to - from;
    p->head = 0;
    p->free = malloc(p->size * sizeof(*p->free));
    if (!p->free)
        return GW_E_NOMEM;
    for (unsigned i = 0; i < p->size; i++)
        p->free[i] = (uint16_t)((from + i) * 2);
    return 0;
}

void gw_ports_fini(struct gw_ports *p)
{
    free(p->free);
    p->free = NULL;
}

static uint16_t take(struct gw_ports *p)
{
    uint16_t port = p->free[p->head];

    p->head = (p->head + 1) % p->size;
    p->count--;
    return port;
}

static void give(struct gw_ports *p, uint16_t port)
{
    p->free[(p->head + p->count++) % p->size] = port;
}

int gw_port_socket(const struct gw_addr *addr, int *fd)
{
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(addr, &ss);
    int one = 1, buffer = BUFFER, s = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (s < 0)
        return errno == EAFNOSUPPORT ? GW_E_IO : GW_E_LIMIT;
    if (addr->family == 6)
        setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) != 0)
        setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)); /* not allowed beyond rmem_max */
    if (bind(s, (struct sockaddr *)&ss, len) != 0) {
        int err = errno == EADDRINUSE ? GW_E_EXISTS : GW_E_IO;
        close(s);
        return err;
    }
    *fd = s;
    return 0;
}

int gw_port_connect(int fd, const struct gw_addr *remote)
{
    struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof(struct sockaddr);

    if (remote->family)
        len = gw_addr_to_sockaddr(remote, &ss);
    return connect(fd, (struct sockaddr *)&ss, len) == 0 ? 0 : GW_E_IO;
}

void gw_port_set_dscp(int fd, uint8_t family, uint8_t dscp)
{
    int tos = dscp << 2;

    if (family == 6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
    else
        setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

int gw_ports_open(struct gw_ports *p, const struct gw_addr *ip, bool is_mux, uint16_t *port, int fds[2])
{
    struct gw_addr a = *ip;
    int err = GW_E_LIMIT, rtp = -1, rtcp = -1;

    for (unsigned i = 0; i < TRIES && p->count; i++) {
        a.port = take(p);
        err = gw_port_socket(&a, &rtp);
        if (!err && !is_mux) {
            a.port++;
            err = gw_port_socket(&a, &rtcp);
            a.port--;
            if (err)
                close(rtp);
        }
        if (!err) {
            *port = a.port;
            fds[0] = rtp;
            fds[1] = rtcp;
            return 0;
        }
        give(p, a.port);
        if (err != GW_E_EXISTS)
            return err;
    }
    return GW_E_LIMIT;
}

int gw_port_tcp(const struct gw_addr *addr, int *fd)
{
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(addr, &ss);
    int one = 1, s = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (s < 0)
        return errno == EAFNOSUPPORT ? GW_E_IO : GW_E_LIMIT;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)); /* connections of before may still be in TIME-WAIT */
    if (addr->family == 6)
        setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (bind(s, (struct sockaddr *)&ss, len) != 0) {
        int err = errno == EADDRINUSE ? GW_E_EXISTS : GW_E_IO;
        close(s);
        return err;
    }
    *fd = s;
    return 0;
}

int gw_ports_open_tcp(struct gw_ports *p, const struct gw_addr *ip, uint16_t *port, int *fd)
{
    struct gw_addr a = *ip;

    for (unsigned i = 0; i < TRIES && p->count; i++) {
        int err;
        a.port = take(p);
        err = gw_port_tcp(&a, fd);
        if (!err) {
            *port = a.port;
            return 0;
        }
        give(p, a.port);
        if (err != GW_E_EXISTS)
            return err;
    }
    return GW_E_LIMIT;
}

void gw_ports_close(struct gw_ports *p, uint16_t port, int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
    give(p, port);
}
