#include "gateway/media/port.h"

#include <string.h>
#include <test.h>
#include <unistd.h>

/* A loopback address of this process alone, so that its ports are free whatever runs beside it. */
static struct gw_addr loopback = { .family = 4, .ip = { 127, 0, 0, 1 } };
__attribute__((constructor)) static void choose_loopback(void)
{
    loopback.ip[1] = (uint8_t)(1 + (getpid() >> 16 & 0x7f));
    loopback.ip[2] = (uint8_t)(getpid() >> 8);
    loopback.ip[3] = (uint8_t)(1 + getpid() % 253);
}

TEST(rtp_is_even_and_rtcp_the_next_port)
{
    struct gw_ports p;
    int fds[2];
    uint16_t port;
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct gw_addr a;

    EQ(gw_ports_init(&p, 23001, 23012, 0, 1), 0);
    EQ(p.count, 5); /* 23002 to 23010; 23012 has no pair */
    EQ(gw_ports_open(&p, &loopback, false, &port, fds), 0);
    EQ(port, 23002);
    EQ(getsockname(fds[1], (struct sockaddr *)&ss, &len), 0);
    EQ(gw_addr_from_sockaddr((struct sockaddr *)&ss, &a), 0);
    EQ(a.port, 23003);
    gw_ports_close(&p, port, fds);
    EQ(p.count, 5);
    EQ(gw_ports_open(&p, &loopback, true, &port, fds), 0);
    EQ(port, 23004); /* the one given back rests */
    EQ(fds[1], -1);
    gw_ports_close(&p, port, fds);
    gw_ports_fini(&p);
}

TEST(ports_in_use_are_passed_over_and_the_range_has_an_end)
{
    struct gw_ports p;
    struct gw_addr a = loopback;
    int other, fds[3][2];
    uint16_t port[3];

    a.port = 23021;
    EQ(gw_port_socket(&a, &other), 0);
    EQ(gw_ports_init(&p, 23020, 23025, 0, 1), 0);
    EQ(gw_ports_open(&p, &loopback, false, &port[0], fds[0]), 0);
    EQ(gw_ports_open(&p, &loopback, false, &port[1], fds[1]), 0);
    EQ(port[0], 23022);
    EQ(port[1], 23024);
    EQ(gw_ports_open(&p, &loopback, false, &port[2], fds[2]), GW_E_LIMIT);
    EQ(p.count, 1); /* the one that another has is still in the pool */
    gw_ports_close(&p, port[0], fds[0]);
    gw_ports_close(&p, port[1], fds[1]);
    close(other);
    gw_ports_fini(&p);
}

TEST(workers_get_disjoint_slices)
{
    struct gw_ports p[3];
    unsigned sum = 0;

    for (unsigned i = 0; i < 3; i++) {
        EQ(gw_ports_init(&p[i], 20000, 20019, i, 3), 0);
        sum += p[i].count;
        if (i)
            CHECK(p[i].free[0] > p[i - 1].free[p[i - 1].count - 1]);
    }
    for (unsigned i = 0; i < 3; i++)
        gw_ports_fini(&p[i]);
    EQ(sum, 10);
    EQ(gw_ports_init(&p[0], 20000, 20001, 0, 2), GW_E_INVAL);
}

TEST(a_connected_socket_refuses_strangers_and_nobody_else_gets_its_port)
{
    struct gw_addr a = loopback, peer = loopback, strange = loopback;
    int fd, p, s, one_more;
    char c;

    a.port = 23040;
    peer.port = 23041;
    strange.port = 23042;
    EQ(gw_port_socket(&a, &fd), 0);
    EQ(gw_port_socket(&peer, &p), 0);
    EQ(gw_port_socket(&strange, &s), 0);
    EQ(gw_port_connect(fd, &peer), 0);
    EQ(gw_port_socket(&a, &one_more), GW_E_EXISTS);
    EQ(gw_port_connect(p, &a), 0);
    EQ(gw_port_connect(s, &a), 0);
    EQ(send(s, "s", 1, 0), 1);
    EQ(send(p, "p", 1, 0), 1);
    EQ(recv(fd, &c, 1, 0), 1);
    EQ(c, 'p');
    EQ(recv(fd, &c, 1, 0), -1);
    peer.family = 0;
    EQ(gw_port_connect(fd, &peer), 0);
    EQ(send(s, "s", 1, 0), -1); /* tells of the one before (ICMP), and is not sent */
    EQ(send(s, "s", 1, 0), 1);
    EQ(recv(fd, &c, 1, 0), 1);
    EQ(c, 's');
    close(fd);
    close(p);
    close(s);
}
