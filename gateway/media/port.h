/* Ports towards the core, in pairs (even: RTP, odd: RTCP, RFC 3550 s. 11), and the sockets on them. Each worker has its
 * own slice of the range, so nothing is shared. */
#ifndef GW_PORT_H
#define GW_PORT_H

#include "gateway/base/addr.h"
#include "gateway/base/err.h"

struct gw_ports {
    uint16_t *free; /* ring of even ports; given back at the end, so that a port rests before it is used anew */
    unsigned size, head, count;
};

/* The index-th of n slices of [min, max]. GW_E_INVAL: no pair in it. */
int gw_ports_init(struct gw_ports *p, unsigned min, unsigned max, unsigned index, unsigned n);
void gw_ports_fini(struct gw_ports *p);

/* Opens the pair on that address: fds[0] RTP, fds[1] RTCP (or -1 if `is_mux`). Ports that others use are passed over.
 * GW_E_LIMIT: none is left, or no descriptor; GW_E_IO: the address is not ours. */
GW_MUST_CHECK int gw_ports_open(struct gw_ports *p, const struct gw_addr *ip, bool is_mux, uint16_t *port, int fds[2]);
/* A pair for TCP: *fd is bound to the even port, not listening. */
GW_MUST_CHECK int gw_ports_open_tcp(struct gw_ports *p, const struct gw_addr *ip, uint16_t *port, int *fd);
/* Closes both (-1: none) and gives the pair back. */
void gw_ports_close(struct gw_ports *p, uint16_t port, int fds[2]);

/* One bound, nonblocking UDP socket. */
int gw_port_socket(const struct gw_addr *addr, int *fd);
/* One bound, nonblocking TCP socket. */
int gw_port_tcp(const struct gw_addr *addr, int *fd);
/* family 0: dissolves the connection, the port stays. */
int gw_port_connect(int fd, const struct gw_addr *remote);
void gw_port_set_dscp(int fd, uint8_t family, uint8_t dscp);

#endif
