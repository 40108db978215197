#include "bench/phones.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/err.h"

enum { BATCH = 32, MTU = 1600, CTL = 64 };

int phones_open(struct phones *p, uint32_t base, uint16_t port)
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
    int one = 1, size = 16 << 20;

    *p = (struct phones){ socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), base, port };
    if (p->fd < 0)
        return GW_E_IO;
    setsockopt(p->fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
    if (setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (bind(p->fd, (struct sockaddr *)&any, sizeof(any)) == 0)
        return 0;
    phones_close(p);
    return GW_E_IO;
}

void phones_close(struct phones *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

struct gw_addr phones_addr(const struct phones *p, unsigned i)
{
    struct gw_addr a = { .family = 4, .port = p->port };
    uint32_t ip = htonl(p->base + i);

    memcpy(a.ip, &ip, 4);
    return a;
}

void phones_send(const struct phones *p, unsigned i, const struct gw_addr *to, struct gw_span data)
{
    struct in_pktinfo pi = { .ipi_spec_dst.s_addr = htonl(p->base + i) };
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(to->port) };
    _Alignas(struct cmsghdr) char ctl[CMSG_SPACE(sizeof(pi))] = { 0 };
    struct iovec iov = { (void *)(uintptr_t)data.ptr, data.len };
    struct msghdr m = { .msg_name = &sin,
                        .msg_namelen = sizeof(sin),
                        .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = ctl,
                        .msg_controllen = sizeof(ctl) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    memcpy(&sin.sin_addr, to->ip, 4);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(pi));
    memcpy(CMSG_DATA(c), &pi, sizeof(pi));
    (void)!sendmsg(p->fd, &m, MSG_DONTWAIT);
}

void phones_receive(const struct phones *p, void (*on_data)(void *arg, unsigned i, struct gw_span data), void *arg)
{
    static uint8_t buf[BATCH][MTU];
    static _Alignas(struct cmsghdr) char ctl[BATCH][CTL];
    struct mmsghdr m[BATCH];
    struct iovec iov[BATCH];
    int n;

    do {
        for (unsigned k = 0; k < BATCH; k++) {
            iov[k] = (struct iovec){ buf[k], MTU };
            m[k] = (struct mmsghdr){
                .msg_hdr = { .msg_iov = &iov[k], .msg_iovlen = 1, .msg_control = ctl[k], .msg_controllen = CTL }
            };
        }
        n = recvmmsg(p->fd, m, BATCH, MSG_DONTWAIT, NULL);
        for (int k = 0; k < n; k++)
            for (struct cmsghdr *c = CMSG_FIRSTHDR(&m[k].msg_hdr); c; c = CMSG_NXTHDR(&m[k].msg_hdr, c)) {
                struct in_pktinfo pi;
                if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
                    continue;
                memcpy(&pi, CMSG_DATA(c), sizeof(pi));
                on_data(arg, ntohl(pi.ipi_addr.s_addr) - p->base, (struct gw_span){ buf[k], m[k].msg_len });
            }
    } while (n == BATCH);
}
