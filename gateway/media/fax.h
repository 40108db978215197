/* A stream of T.38 over UDPTL, plain or over DTLS on either side (RFC 7345, TS 33.328 annex L). Thread: the worker. */
#ifndef GW_FAX_H
#define GW_FAX_H

#include "gateway/media/media_priv.h"
#include "t38/relay/t38_relay.h"

int gw_fax_new(struct gw_worker *w, struct gw_stream *s);
void gw_fax_free(struct gw_stream *s); /* of any stream */
void gw_fax_apply(struct gw_stream *s);
void gw_fax_counters(const struct gw_stream *s, struct gw_iq_counters *out);

bool gw_fax_is(const struct gw_termination *t); /* it carries a fax, and nothing else */
/* A packet of UDPTL that came to t, no longer protected; false: not valid. */
bool gw_fax_input(struct gw_termination *t, struct gw_span packet);

/* Shared with the channels that carry a fax. */
struct gw_t38_side gw_fax_side(const struct gw_iq_udptl *u);
bool gw_fax_send(struct gw_termination *t, struct gw_span packet);
void gw_fax_direction(const struct gw_t38_relay *r, unsigned from, struct gw_iq_direction *out);

#endif
