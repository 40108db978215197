/* A UDP path that loses, repeats and reorders datagrams in both directions, by dice that fall the same in every run. It
 * stands between one client and one server on loopback, with a thread of its own. */
#ifndef BAD_LINK_H
#define BAD_LINK_H

#include "gateway/base/addr.h"

struct bad_link;
struct bad_link_odds {
    unsigned loss, repeat, reorder; /* per cent; a reordered datagram comes after the next 1 to 3, or after 30 ms */
    uint32_t seed;
};

/* The client sends to *front. */
struct bad_link *bad_link_new(const struct gw_addr *server, const struct bad_link_odds *odds, struct gw_addr *front);
void bad_link_free(struct bad_link *l);

#endif
