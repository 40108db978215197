#include "gateway/base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/err.h"

bool gw_addr_eq(const struct gw_addr *a, const struct gw_addr *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

bool gw_addr_eq_ip(const struct gw_addr *a, const struct gw_addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool gw_addr_is_any(const struct gw_addr *a)
{
    static const uint8_t zero[16];
    return memcmp(a->ip, zero, sizeof(zero)) == 0;
}

bool gw_addr_is_loopback(const struct gw_addr *a)
{
    static const uint8_t one[16] = { [15] = 1 };
    return a->family == 4 ? a->ip[0] == 127 : a->family == 6 && memcmp(a->ip, one, 16) == 0;
}

bool gw_net_has(const struct gw_net *n, const struct gw_addr *a)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;

    if (n->addr.family != a->family || memcmp(n->addr.ip, a->ip, whole) != 0)
        return false;
    return rest == 0 || ((n->addr.ip[whole] ^ a->ip[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

int gw_addr_parse_ip(const char *text, uint16_t port, struct gw_addr *out)
{
    struct gw_addr a = { .port = port };
    char buf[GW_ADDR_TEXT];
    size_t n = strlen(text);

    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n >= sizeof(buf))
        return GW_E_SYNTAX;
    memcpy(buf, text, n);
    buf[n] = 0;
    if (inet_pton(AF_INET, buf, a.ip) == 1) {
        a.family = 4;
    } else if (inet_pton(AF_INET6, buf, a.ip) == 1) {
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
        a.family = 6;
        if (memcmp(a.ip, mapped, 12) == 0) { /* one spelling per address */
            memmove(a.ip, a.ip + 12, 4);
            memset(a.ip + 4, 0, 12);
            a.family = 4;
        }
    } else {
        return GW_E_SYNTAX;
    }
    *out = a;
    return 0;
}

static int parse_port(const char *text, uint16_t *port)
{
    char *end;
    unsigned long v;

    if (*text < '0' || *text > '9')
        return GW_E_SYNTAX;
    v = strtoul(text, &end, 10);
    if (*end || v > 65535)
        return GW_E_SYNTAX;
    *port = (uint16_t)v;
    return 0;
}

int gw_addr_parse(const char *text, struct gw_addr *out)
{
    const char *colon = strrchr(text, ':');
    char host[GW_ADDR_TEXT];
    uint16_t port;
    int err;

    if (!colon || (size_t)(colon - text) >= sizeof(host))
        return GW_E_SYNTAX;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    if (host[0] != '[' && strchr(host, ':')) /* "::1" is not "::" port 1 */
        return GW_E_SYNTAX;
    err = parse_port(colon + 1, &port);
    return err ? err : gw_addr_parse_ip(host, port, out);
}

int gw_net_parse(const char *text, struct gw_net *out)
{
    const char *slash = strchr(text, '/');
    char host[GW_ADDR_TEXT];
    struct gw_net n = { 0 };
    uint16_t bits;
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    int err;

    if (len >= sizeof(host))
        return GW_E_SYNTAX;
    memcpy(host, text, len);
    host[len] = 0;
    err = gw_addr_parse_ip(host, 0, &n.addr);
    if (err)
        return err;
    bits = n.addr.family == 4 ? 32 : 128;
    if (slash) {
        uint16_t most = bits;
        err = parse_port(slash + 1, &bits);
        if (err || bits > most)
            return GW_E_SYNTAX;
    }
    n.bits = (uint8_t)bits;
    *out = n;
    return 0;
}

const char *gw_addr_ip_text(const struct gw_addr *a, char *buf)
{
    if (a->family == 0 || !inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, buf, GW_ADDR_TEXT))
        strcpy(buf, "unset");
    return buf;
}

const char *gw_addr_text(const struct gw_addr *a, char *buf)
{
    char ip[GW_ADDR_TEXT];

    gw_addr_ip_text(a, ip);
    snprintf(buf, GW_ADDR_TEXT, a->family == 6 ? "[%.45s]:%u" : "%.45s:%u", ip, a->port);
    return buf;
}

socklen_t gw_addr_to_sockaddr(const struct gw_addr *a, struct sockaddr_storage *ss)
{
    memset(ss, 0, sizeof(*ss));
    if (a->family == 6) {
        struct sockaddr_in6 *s6 = (struct sockaddr_in6 *)ss;
        s6->sin6_family = AF_INET6;
        s6->sin6_port = htons(a->port);
        memcpy(&s6->sin6_addr, a->ip, 16);
        return sizeof(*s6);
    }
    struct sockaddr_in *s4 = (struct sockaddr_in *)ss;
    s4->sin_family = AF_INET;
    s4->sin_port = htons(a->port);
    memcpy(&s4->sin_addr, a->ip, 4);
    return sizeof(*s4);
}

int gw_addr_from_sockaddr(const struct sockaddr *sa, struct gw_addr *out)
{
    struct gw_addr a = { 0 };

    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *s4 = (const struct sockaddr_in *)sa;
        a.family = 4;
        a.port = ntohs(s4->sin_port);
        memcpy(a.ip, &s4->sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *s6 = (const struct sockaddr_in6 *)sa;
        a.port = ntohs(s6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&s6->sin6_addr)) {
            a.family = 4;
            memcpy(a.ip, (const uint8_t *)&s6->sin6_addr + 12, 4);
        } else {
            a.family = 6;
            memcpy(a.ip, &s6->sin6_addr, 16);
        }
    } else {
        return GW_E_TYPE;
    }
    *out = a;
    return 0;
}
