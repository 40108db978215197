/* One MSRP session between two TCP or TLS connections (RFC 4975) that each have a URI of ours as their peer, as a
 * gateway has it that is application-aware (TS 23.334 s. 5.11.3): To-Path and From-Path are rewritten, all else passes
 * as it came, streamed. Transaction ids stay, so the two ends answer each other. Pure; thread: the worker that owns the
 * stream. */
#ifndef GW_MSRP_PATHS_H
#define GW_MSRP_PATHS_H

#include "datachannel/msrp/msrp_parse.h"

/* Octets that one input may become, beyond those that were given: a header block with longer paths, and an answer. */
enum { GW_MSRP_PATHS_MORE = GW_MSRP_HEADERS_MAX + 8192 };

struct gw_msrp_paths;

struct gw_msrp_paths_config {
    struct {
        const char *own;  /* our URI on that connection */
        const char *peer; /* the whole path of who is there, relays first */
        bool may_send;    /* what the direction attributes of the SDP allow (RFC 4975 s. 8.9) */
    } side[2];
    /* Octets for the connection of `side`, all to be taken. */
    void (*out)(void *arg, unsigned side, struct gw_span octets);
    void *arg;
};

struct gw_msrp_paths_counts {
    uint64_t messages[2], octets[2]; /* by who sent them: requests and responses; body octets */
    uint32_t refused[2];             /* requests that the gateway answered */
};

int gw_msrp_paths_new(const struct gw_msrp_paths_config *config, struct gw_msrp_paths **out);
void gw_msrp_paths_free(struct gw_msrp_paths *p);
void gw_msrp_paths_allow(struct gw_msrp_paths *p, unsigned side, bool may_send);
/* Octets of the connection of `from`. 0, or an error after which the connection is to be closed: TYPE not MSRP, SYNTAX
 * or LIMIT beyond repair. */
GW_MUST_CHECK int gw_msrp_paths_input(struct gw_msrp_paths *p, unsigned from, struct gw_span octets);
/* Both connections begin anew. */
void gw_msrp_paths_reset(struct gw_msrp_paths *p);
const struct gw_msrp_paths_counts *gw_msrp_paths_counts(const struct gw_msrp_paths *p);

#endif
