/* What a P-CSCF does to headers on their way (TS 24.229 s. 5.2, s. 4.4 trust domain; specs/signalling.md 2.3). Pure
 * functions over a message, shared by the proxy (all non-INVITE) and the calls. Thread: control. All return 0 or
 * GW_E_NOMEM; after an error the message is half done and must not be sent. */
#ifndef GW_PCSCF_HEADERS_H
#define GW_PCSCF_HEADERS_H

#include "signaling/sip/sip.h"

struct gw_pcscf_stamp {
    const char *identity;            /* P-Asserted-Identity value, NULL: none */
    const char *icid;                /* NULL: no P-Charging-Vector */
    const char *icid_generated_at;   /* our host; NULL: left out */
    const char *orig_ioi;            /* "Type 1" + domain is made of this domain; NULL: left out (responses) */
    const char *access_network_info; /* NULL: none */
};

/* From the access side to the core: removes what a client outside the trust domain may not say, adds ours. Requests and
 * responses. Also removes cpc, oli and iotl from the Request-URI, and a Bearer Authorization (REG-007). */
int gw_pcscf_headers_to_core(struct gw_sip_msg *m, const struct gw_pcscf_stamp *stamp);
/* From the core to the access side: removes charging, Path and trust-domain headers; P-Asserted-Identity stays unless
 * Privacy: id. */
int gw_pcscf_headers_to_access(struct gw_sip_msg *m);

/* End-to-end headers that a B2BUA carries from a request or response of one leg into that of the other, added after
 * those `to` has: every header that is not of a dialog, a transaction, routing, the body's format, a leg's own
 * negotiation, or removed in both directions by the table. What only one direction removes is copied: run one of the
 * two functions above on `to` afterwards, always. */
int gw_pcscf_copy_end_to_end(struct gw_sip_msg *to, const struct gw_sip_msg *from);

/* A value of To, From or Refer-To with a sip: URI in it, towards browsers: JsSIP answers 416 to any other scheme in To
 * and, as SIP.js, cannot read a request with tel: in From (SIG-018). sips: becomes sip:, tel: becomes
 * sip:NUMBER@domain;user=phone, anything else sip:anonymous@domain. Display name and tag stay. GW_E_LIMIT, GW_E_SYNTAX.
 */
int gw_pcscf_as_sip(const char *to, const char *domain, char *buf, size_t size);

/* icid-value of P-Charging-Vector. GW_E_NOTFOUND: none, or one that could not be written again. */
int gw_pcscf_icid_of(const struct gw_sip_msg *m, char *buf, size_t size);

#endif
