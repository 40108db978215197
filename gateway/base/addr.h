/* A transport address as a plain value: comparable with memcmp, hashable, writable to a file. */
#ifndef GW_ADDR_H
#define GW_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { GW_ADDR_TEXT = 64 }; /* "[ipv6]:port" with its NUL */

struct gw_addr {
    uint8_t family; /* 0 unset, 4 or 6 */
    uint8_t zero;
    uint16_t port;  /* host order */
    uint8_t ip[16]; /* network order; the rest of an IPv4 address is zero */
};

/* A network, e.g. 10.0.0.0/8. */
struct gw_net {
    struct gw_addr addr;
    uint8_t bits;
};

bool gw_addr_eq(const struct gw_addr *a, const struct gw_addr *b);    /* address and port */
bool gw_addr_eq_ip(const struct gw_addr *a, const struct gw_addr *b); /* address alone */
bool gw_addr_is_any(const struct gw_addr *a);                         /* 0.0.0.0, :: or unset */
bool gw_addr_is_loopback(const struct gw_addr *a);
bool gw_net_has(const struct gw_net *n, const struct gw_addr *a);

/* An address literal without a port ("192.0.2.1", "2001:db8::1", brackets allowed). GW_E_SYNTAX otherwise; never
 * resolves names. The port of *out becomes `port`. */
int gw_addr_parse_ip(const char *text, uint16_t port, struct gw_addr *out);
/* "192.0.2.1:5060", "[2001:db8::1]:5060". */
int gw_addr_parse(const char *text, struct gw_addr *out);
int gw_net_parse(const char *text, struct gw_net *out); /* without "/bits": one address */

/* Text into buf (GW_ADDR_TEXT octets), returned for use in a format. */
const char *gw_addr_text(const struct gw_addr *a, char *buf);    /* with port */
const char *gw_addr_ip_text(const struct gw_addr *a, char *buf); /* without port and brackets */

/* To and from the kernel. An IPv4-mapped IPv6 address becomes family 4. */
socklen_t gw_addr_to_sockaddr(const struct gw_addr *a, struct sockaddr_storage *ss);
int gw_addr_from_sockaddr(const struct sockaddr *sa, struct gw_addr *out);

#endif
