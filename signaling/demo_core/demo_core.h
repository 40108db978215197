/* A small IMS core for demonstration and self-test: registrar, proxy between registered users, and endpoints (echo and
 * others, see endpoints[] in demo_core.c) over real SIP and media sockets. Never the only peer that a feature is tested
 * against. Thread: that of its SIP stack, for everything. */
#ifndef GW_DEMO_CORE_H
#define GW_DEMO_CORE_H

#include <stdio.h>

#include "signaling/sip/sip.h"

struct gw_demo;

struct gw_demo_options {
    const char *domain;          /* borrowed until gw_demo_free, as the password */
    const char *password;        /* of every user */
    struct gw_addr media;        /* address for RTP; the port is not used */
    uint16_t port_min, port_max; /* ports for RTP and RTCP, in pairs */
    const char *fax_dir;         /* where received faxes are laid; made if it is not there */
    const char *fax_page;        /* TIFF that calls of its own send by fax; NULL: a test page */
};

/* IO: fax_dir cannot be written. */
int gw_demo_new(const struct gw_demo_options *options, struct gw_demo **out);
/* Fills the handler of gw_sip_stack_new. */
void gw_demo_handler(struct gw_demo *d, struct gw_sip_handler *out);
void gw_demo_start(struct gw_demo *d, struct gw_sip_stack *stack); /* borrowed */
void gw_demo_free(struct gw_demo *d);                              /* before the stack */

/* The endpoints, one line each, for --help. */
void gw_demo_write_endpoints(FILE *f);

#endif
