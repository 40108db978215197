/* Who is asking (TS 24.229 s. 5.2.6.3, RFC 3325): the identity that the network hears is one that was registered over
 * the same connection. Pure over the bindings. Thread: control. */
#ifndef GW_PCSCF_IDENTITY_H
#define GW_PCSCF_IDENTITY_H

#include "signaling/pcscf/binding.h"

struct gw_identity {
    struct gw_binding *binding;
    const char *asserted; /* value for P-Asserted-Identity, of the binding; NULL: it has no usable identity */
};

/* A request from the access side: P-Preferred-Identity if it is registered, else From if that is and no other was
 * preferred, else the default identity. GW_E_NOTFOUND: nothing is registered over this connection. GW_E_AUTH: From is
 * registered, but over another connection only. Both 403. */
int gw_identity_of_caller(const struct gw_bindings *s, const struct gw_pflow *f, const struct gw_sip_msg *req,
                          struct gw_identity *out);

/* A request to the access side: the binding of `f` that the Request-URI, P-Called-Party-ID or To names, else its first,
 * and the identity that was called. GW_E_NOTFOUND: nothing is registered over it. */
int gw_identity_of_callee(const struct gw_pflow *f, const struct gw_sip_msg *req, struct gw_identity *out);

#endif
