/* Web sign-in: a REGISTER with a token of the WAF instead of a digest (TS 24.371 s. 5, 7; RFC 8898). The token comes as
 * `Authorization: Bearer`, or once in the WebSocket request as access_token. The core hears of it as a trusted node
 * does it: Digest credentials with integrity-protected="auth-done" and the private identity, and never sees the token.
 */
#ifndef GW_PCSCF_WEBLOGIN_H
#define GW_PCSCF_WEBLOGIN_H

#include "signaling/pcscf/jwt.h"
#include "signaling/pcscf/pcscf_priv.h"

enum gw_weblogin {
    GW_WEBLOGIN_NONE,     /* no token, and none is asked for: the registrar's digest decides */
    GW_WEBLOGIN_ACCEPTED, /* *out holds who it is */
    GW_WEBLOGIN_REFUSED,  /* answered 401 or 403, counted and logged */
};

enum gw_weblogin gw_weblogin_check(struct gw_pcscf *p, const struct gw_inbound *in, const char *aor_key,
                                   struct gw_jwt_claims *out);
/* What the core gets instead of the token; and no Expires beyond the token's (REG-008). */
int gw_weblogin_apply(struct gw_sip_msg *m, const struct gw_jwt_claims *claims);
/* How long the REGISTER's token still holds, in seconds; UINT64_MAX without one. */
uint64_t gw_weblogin_left_s(struct gw_pcscf *p, const struct gw_sip_msg *req, gw_flow_id flow);
/* Adds our challenge beside the registrar's to a 401, so that a client may choose (RFC 8898 s. 3). */
int gw_weblogin_offer(struct gw_pcscf *p, struct gw_sip_msg *resp);

#endif
