/* A look at a STUN message without trusting it (RFC 8489 s. 5): enough to find the ICE agent that it is for. Pure;
 * nothing is authenticated here, that is ice_lite.h. */
#ifndef GW_STUN_H
#define GW_STUN_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum gw_stun_class { GW_STUN_REQUEST, GW_STUN_INDICATION, GW_STUN_SUCCESS, GW_STUN_ERROR };
enum { GW_STUN_BINDING = 1, GW_STUN_HEADER = 20 };

struct gw_stun_peek {
    enum gw_stun_class class;
    uint16_t method;
    struct gw_span local_ufrag, remote_ufrag; /* the halves of USERNAME (RFC 8445 s. 7.2.2) as seen by the receiver;
                                                 local_ufrag is empty without one, both borrow from msg */
    bool has_integrity, has_fingerprint;
};

/* GW_E_TYPE: not STUN (first bits, magic cookie); GW_E_SHORT, GW_E_TRAILING: the lengths do not fit the datagram;
 * GW_E_SYNTAX: attributes after FINGERPRINT. */
int gw_stun_peek(struct gw_span msg, struct gw_stun_peek *out);

#endif
