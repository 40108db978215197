/* A fax machine: T.30 and T.38 of spandsp, whose packets are UDPTL. Without sockets: packets and `now` in, packets out.
 * Thread: the demo core's. */
#ifndef GW_DEMO_FAX_H
#define GW_DEMO_FAX_H

#include <stdbool.h>

#include "t38/udptl/udptl.h"

struct gw_demo_fax;

struct gw_demo_fax_config {
    bool is_caller;      /* T.30's calling station */
    const char *send;    /* TIFF whose pages it sends; NULL: it receives */
    const char *receive; /* TIFF that it writes */
    int max_pages;       /* it takes no more */
    void (*out)(void *arg, struct gw_span packet);
    /* Once, at its end, not inside gw_demo_fax_free. is_good: every page went over. */
    void (*over)(void *arg, bool is_good, int pages, const char *result);
    void *arg;
};

/* NOMEM, or IO: `send` cannot be read. */
int gw_demo_fax_new(const struct gw_demo_fax_config *config, struct gw_demo_fax **out);
void gw_demo_fax_free(struct gw_demo_fax *f);
/* What the other side wants to be sent (T.38 annex D). max_datagram 0: any. */
void gw_demo_fax_agree(struct gw_demo_fax *f, enum gw_udptl_ec ec, unsigned max_datagram);
void gw_demo_fax_packet(struct gw_demo_fax *f, struct gw_span packet, uint64_t now_us);
void gw_demo_fax_tick(struct gw_demo_fax *f, uint64_t now_us); /* every 20 ms or so */

#endif
