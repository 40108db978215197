/* Media plane security agreed at registration (TS 24.229 s. 7.2A.7, TS 33.328 s. 7.1, L.3, G.2): entries of
 * Security-Client, Security-Server and Security-Verify (RFC 3329) that carry the parameter "mediasec". Each stands for
 * itself. Pure. */
#ifndef GW_MEDIASEC_H
#define GW_MEDIASEC_H

#include "gateway/base/conf.h"
#include "signaling/e2ae/policy.h"
#include "signaling/sip/sip.h"

enum gw_mediasec {
    GW_MEDIASEC_SDES_SRTP = 1,
    GW_MEDIASEC_MSRP_TLS = 2,
    GW_MEDIASEC_BFCP_TLS = 4,
    GW_MEDIASEC_UDPTL_DTLS = 8,
    GW_MEDIASEC_DTLS_SRTP = 16, /* seen in the field; means nothing for a decision here */
};

/* One entry. 0: it is not of the media plane, or of none that we know. */
unsigned gw_mediasec_of(struct gw_span entry);
/* All entries of a header. has_entries: there is one with "mediasec", known or not; has_others: one without. */
unsigned gw_mediasec_read(const struct gw_sip_msg *m, const char *header, bool *has_entries, bool *has_others);
/* An entry of `mediasec` in the configuration: "sdes-srtp", "sdes-srtp@IEEE-802.11@DSL". */
bool gw_mediasec_is_known(const char *entry);
/* What this network offers to that client: each entry of `mediasec` in the configuration that names no access network,
 * or the client's (P-Access-Network-Info, TS 24.229 s. 7.2A.4). */
unsigned gw_mediasec_offered(const struct gw_conf *conf, const struct gw_sip_msg *req);
/* One Security-Server line for each. */
int gw_mediasec_write(struct gw_sip_msg *resp, unsigned set);
void gw_mediasec_apply(unsigned set, struct gw_e2ae_input *out);

#endif
