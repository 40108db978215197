/* End-to-access-edge media security, decided for each m-line by itself (TS 33.328 s. 7, annexes G, L, N; mixed
 * sessions: s. 7.1.1 NOTE 3). A table of rules, the first that matches decides. Pure; any thread. */
#ifndef GW_E2AE_POLICY_H
#define GW_E2AE_POLICY_H

#include "signaling/sdp/sdp_attr.h"

enum gw_client { GW_CLIENT_WIC, GW_CLIENT_UE }; /* browser; classic IMS phone */

/* What the access client registered for (TS 33.328 s. 7.1) and is doing. */
struct gw_e2ae_input {
    enum gw_client client;
    bool has_sdes_srtp, has_msrp_tls, has_bfcp_tls, has_udptl_dtls; /* mediasec, registered by both */
    bool is_emergency;
};

/* What the operator wants. */
struct gw_e2ae_policy {
    bool is_rcs51;      /* protect MSRP of phones that gave no indication (RCS 5.1) */
    bool has_core_sdes; /* end SDES of the core here when the access side is a browser */
};

enum gw_e2ae_media { GW_E2AE_RTP, GW_E2AE_MSRP, GW_E2AE_BFCP, GW_E2AE_UDPTL, GW_E2AE_SCTP, GW_E2AE_OTHER };
enum gw_e2ae_security {
    GW_E2AE_PLAIN,
    GW_E2AE_SDES, /* RTP/SAVP(F) with a=crypto */
    GW_E2AE_DTLS, /* fingerprint: DTLS-SRTP, TLS for MSRP and BFCP, DTLS for UDPTL and SCTP */
    GW_E2AE_KMS,  /* a=key-mgmt alone */
    GW_E2AE_BARE, /* a secure transport without any key or fingerprint */
};

enum gw_e2ae_action {
    GW_E2AE_PROTECT, /* secured between client and gateway; towards the core as the operator says */
    GW_E2AE_PASS,    /* secured end to end: untouched */
    GW_E2AE_CLEAR,   /* no media security anywhere */
    GW_E2AE_REFUSE,
};

struct gw_e2ae_decision {
    enum gw_e2ae_action action;
    int warn;         /* of a REFUSE: warn-code (RFC 3261 s. 20.43) */
    const char *text; /* static: the rule in words; warn-text of a REFUSE */
};

/* The transport of an m-line: what it carries and how it is secured. */
void gw_e2ae_classify(const struct gw_sdp *sdp, const struct gw_sdp_media *m, enum gw_e2ae_media *media,
                      enum gw_e2ae_security *security);

/* has_requested: a=3ge2ae:requested in the m-line; only what comes from the access side counts (E2A-002). */
struct gw_e2ae_decision gw_e2ae_decide(const struct gw_e2ae_policy *policy, const struct gw_e2ae_input *in,
                                       bool from_access, enum gw_e2ae_media media, enum gw_e2ae_security security,
                                       bool has_requested);

#endif
