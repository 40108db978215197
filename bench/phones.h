/* Many core phones on one socket: phone I is an address 127.x.y.z that counts up from `base`, all on one port. */
#ifndef BENCH_PHONES_H
#define BENCH_PHONES_H

#include <netinet/in.h>

#include "gateway/base/addr.h"
#include "gateway/base/span.h"

struct phones {
    int fd;
    uint32_t base; /* host order */
    uint16_t port;
};

int phones_open(struct phones *p, uint32_t base, uint16_t port);
void phones_close(struct phones *p);
struct gw_addr phones_addr(const struct phones *p, unsigned i);
void phones_send(const struct phones *p, unsigned i, const struct gw_addr *to, struct gw_span data);
/* All that has come; `i` is not checked against how many there are. */
void phones_receive(const struct phones *p, void (*on_data)(void *arg, unsigned i, struct gw_span data), void *arg);

#endif
