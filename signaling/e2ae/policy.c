#include "signaling/e2ae/policy.h"

enum { NO, YES, ANY };
enum { ACCESS = 1, CORE = 0 };
enum { ALL = -1, NOT_RTP = -2 };

#define WIC GW_CLIENT_WIC
#define UE GW_CLIENT_UE

/* the words of policy.h, short enough for a row on one line */
enum {
    RTP = GW_E2AE_RTP,
    MSRP = GW_E2AE_MSRP,
    BFCP = GW_E2AE_BFCP,
    UDPTL = GW_E2AE_UDPTL,
    SCTP = GW_E2AE_SCTP,
    OTHER = GW_E2AE_OTHER
};
enum { PLAIN = GW_E2AE_PLAIN, SDES = GW_E2AE_SDES, DTLS = GW_E2AE_DTLS, KMS = GW_E2AE_KMS, BARE = GW_E2AE_BARE };
enum { PROTECT = GW_E2AE_PROTECT, PASS = GW_E2AE_PASS, CLEAR = GW_E2AE_CLEAR, REFUSE = GW_E2AE_REFUSE };

/* specs: TS 33.328 s. 7.2.1 (originating), s. 7.3.1 (terminating), s. 7.5 (emergency), N.2.2, N.3.2, G.2, L.3.
 * requested, registered, emergency, rcs51, core_sdes: NO, YES or ANY. The first row that matches decides. */
static const struct rule {
    int from, client, media, security;
    int requested, registered, emergency, rcs51, core_sdes;
    int action, warn; /* enum gw_e2ae_action; the code of the Warning */
    const char *text;
} rules[] = {
    /* clang-format off */
    /* from  who  media    secure req  reg  emg  rcs  cs   decision warn, and why */
    /* originating, browser: always, without asking (E2A-013) */
    { ACCESS, WIC, RTP,     DTLS,  ANY, ANY, ANY, ANY, ANY, PROTECT, 0,   "browser media is always protected" },
    { ACCESS, WIC, SCTP,    DTLS,  ANY, ANY, ANY, ANY, ANY, PROTECT, 0,   "browser data is always protected" },
    { ACCESS, WIC, OTHER,   ALL,   ANY, ANY, ANY, ANY, ANY, REFUSE,  302, "unknown transport protocol" },
    { ACCESS, WIC, ALL,     ALL,   ANY, ANY, ANY, ANY, ANY, REFUSE,  302, "DTLS with a fingerprint is required" },

    /* originating, phone: RTP */
    /* E2A-007 */
    { ACCESS, UE,  RTP,     SDES,  YES, YES, ANY, ANY, ANY, PROTECT, 0,   "e2ae requested and registered" },
    /* E2A-009, NOTE 2a */
    { ACCESS, UE,  RTP,     SDES,  YES, NO,  ANY, ANY, ANY, REFUSE,  399, "e2ae requested but not registered" },
    /* E2A-015 */
    { ACCESS, UE,  RTP,     SDES,  NO,  ANY, YES, ANY, ANY, REFUSE,  399, "no end-to-end security in emergency calls" },
    { ACCESS, UE,  RTP,     KMS,   ANY, ANY, YES, ANY, ANY, REFUSE,  399, "no end-to-end security in emergency calls" },
    /* E2A-008 */
    { ACCESS, UE,  RTP,     SDES,  NO,  ANY, NO,  ANY, ANY, PASS,    0,   "end-to-end SDES" },
    /* E2A-019 */
    { ACCESS, UE,  RTP,     KMS,   ANY, ANY, NO,  ANY, ANY, PASS,    0,   "end-to-end key management" },
    { ACCESS, UE,  RTP,     DTLS,  ANY, ANY, NO,  ANY, ANY, PASS,    0,   "end-to-end DTLS-SRTP" },
    { ACCESS, UE,  RTP,     DTLS,  ANY, ANY, YES, ANY, ANY, REFUSE,  399, "no end-to-end security in emergency calls" },
    { ACCESS, UE,  RTP,     PLAIN, ANY, ANY, ANY, ANY, ANY, CLEAR,   0,   "no media security" },
    { ACCESS, UE,  RTP,     BARE,  ANY, ANY, ANY, ANY, ANY, REFUSE,  399, "no key and no key management" },

    /* originating, phone: MSRP, BFCP, UDPTL (E2A-005: each by its own registration) */
    { ACCESS, UE,  OTHER,   ALL,   ANY, ANY, ANY, ANY, ANY, REFUSE,  302, "unknown transport protocol" },
    { ACCESS, UE,  SCTP,    ALL,   ANY, ANY, ANY, ANY, ANY, REFUSE,  302, "data channels are for browsers" },
    { ACCESS, UE,  NOT_RTP, DTLS,  YES, YES, ANY, ANY, ANY, PROTECT, 0,   "e2ae requested and registered" },
    { ACCESS, UE,  NOT_RTP, DTLS,  YES, NO,  ANY, ANY, ANY, REFUSE,  399, "e2ae requested but not registered" },
    { ACCESS, UE,  NOT_RTP, DTLS,  NO,  ANY, YES, ANY, ANY, REFUSE,  399, "no end-to-end security in emergency calls" },
    /* E2A-012 */
    { ACCESS, UE,  MSRP,    DTLS,  NO,  ANY, ANY, YES, ANY, PROTECT, 0,   "RCS 5.1: MSRP over TLS without indication" },
    { ACCESS, UE,  NOT_RTP, DTLS,  NO,  ANY, ANY, ANY, ANY, PASS,    0,   "end-to-end TLS" },
    { ACCESS, UE,  NOT_RTP, PLAIN, ANY, ANY, ANY, ANY, ANY, CLEAR,   0,   "no media security" },
    { ACCESS, UE,  NOT_RTP, ALL,   ANY, ANY, ANY, ANY, ANY, REFUSE,  399, "no fingerprint" },

    /* terminating, browser */
    { CORE,   WIC, RTP,     PLAIN, ANY, ANY, ANY, ANY, ANY, PROTECT, 0,   "browser media is always protected" },
    { CORE,   WIC, RTP,     SDES,  ANY, ANY, ANY, ANY, YES, PROTECT, 0,   "SDES of the core ends here" },
    { CORE,   WIC, RTP,     SDES,  ANY, ANY, ANY, ANY, NO,  REFUSE,  399, "a browser cannot do SDES" },
    { CORE,   WIC, RTP,     KMS,   ANY, ANY, ANY, ANY, ANY, REFUSE,  399, "a browser cannot do MIKEY" },
    { CORE,   WIC, RTP,     DTLS,  ANY, ANY, ANY, ANY, ANY, REFUSE,  302, "DTLS-SRTP is not expected from the core" },
    { CORE,   WIC, RTP,     BARE,  ANY, ANY, ANY, ANY, ANY, REFUSE,  399, "no acceptable key" },
    { CORE,   WIC, MSRP,    PLAIN, ANY, ANY, ANY, ANY, ANY, PROTECT, 0,   "browser data is always protected" },
    { CORE,   WIC, BFCP,    PLAIN, ANY, ANY, ANY, ANY, ANY, PROTECT, 0,   "browser data is always protected" },
    { CORE,   WIC, MSRP,    DTLS,  ANY, ANY, ANY, ANY, ANY, PROTECT, 0,   "TLS of the core ends here" },
    { CORE,   WIC, BFCP,    DTLS,  ANY, ANY, ANY, ANY, ANY, PROTECT, 0,   "TLS of the core ends here" },
    { CORE,   WIC, UDPTL,   PLAIN, ANY, ANY, ANY, ANY, ANY, PROTECT, 0,   "browser data is always protected" },
    { CORE,   WIC, UDPTL,   DTLS,  ANY, ANY, ANY, ANY, ANY, PROTECT, 0,   "DTLS of the core ends here" },
    { CORE,   WIC, ALL,     ALL,   ANY, ANY, ANY, ANY, ANY, REFUSE,  302, "unknown transport protocol" },

    /* terminating, phone */
    /* E2A-010 */
    { CORE,   UE,  RTP,     PLAIN, ANY, YES, ANY, ANY, ANY, PROTECT, 0,   "registered for e2ae" },
    { CORE,   UE,  RTP,     PLAIN, ANY, NO,  ANY, ANY, ANY, CLEAR,   0,   "no media security" },
    { CORE,   UE,  RTP,     BARE,  ANY, ANY, ANY, ANY, ANY, REFUSE,  399, "no key and no key management" },
    /* E2A-011, NOTE 2 */
    { CORE,   UE,  RTP,     ALL,   ANY, ANY, ANY, ANY, ANY, PASS,    0,   "secured end to end already" },
    { CORE,   UE,  OTHER,   ALL,   ANY, ANY, ANY, ANY, ANY, REFUSE,  302, "unknown transport protocol" },
    { CORE,   UE,  SCTP,    ALL,   ANY, ANY, ANY, ANY, ANY, REFUSE,  302, "data channels are for browsers" },
    { CORE,   UE,  NOT_RTP, PLAIN, ANY, YES, ANY, ANY, ANY, PROTECT, 0,   "registered for e2ae" },
    { CORE,   UE,  MSRP,    PLAIN, ANY, NO,  ANY, YES, ANY, PROTECT, 0,   "RCS 5.1: MSRP over TLS without indication" },
    { CORE,   UE,  NOT_RTP, PLAIN, ANY, NO,  ANY, ANY, ANY, CLEAR,   0,   "no media security" },
    { CORE,   UE,  NOT_RTP, ALL,   ANY, ANY, ANY, ANY, ANY, PASS,    0,   "secured end to end already" },
    /* clang-format on */
};

static bool fits(int want, bool is)
{
    return want == ANY || want == (is ? YES : NO);
}

static bool is_registered(const struct gw_e2ae_input *in, enum gw_e2ae_media media)
{
    switch (media) {
    case GW_E2AE_RTP:
        return in->has_sdes_srtp;
    case GW_E2AE_MSRP:
        return in->has_msrp_tls;
    case GW_E2AE_BFCP:
        return in->has_bfcp_tls;
    case GW_E2AE_UDPTL:
        return in->has_udptl_dtls;
    default:
        return false;
    }
}

struct gw_e2ae_decision gw_e2ae_decide(const struct gw_e2ae_policy *policy, const struct gw_e2ae_input *in,
                                       bool from_access, enum gw_e2ae_media media, enum gw_e2ae_security security,
                                       bool has_requested)
{
    bool registered = is_registered(in, media), requested = from_access && has_requested;

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *r = &rules[i];

        if (r->from != (from_access ? ACCESS : CORE) || r->client != (int)in->client)
            continue;
        if (r->media != ALL && !(r->media == NOT_RTP && media != GW_E2AE_RTP) && r->media != (int)media)
            continue;
        if (r->security != ALL && r->security != (int)security)
            continue;
        if (!fits(r->requested, requested) || !fits(r->registered, registered) ||
            !fits(r->emergency, in->is_emergency) || !fits(r->rcs51, policy->is_rcs51) ||
            !fits(r->core_sdes, policy->has_core_sdes))
            continue;
        return (struct gw_e2ae_decision){ (enum gw_e2ae_action)r->action, r->warn, r->text };
    }
    /* the table is complete (proved by a test over all inputs); should it ever not be, nothing passes */
    return (struct gw_e2ae_decision){ GW_E2AE_REFUSE, 399, "no rule for this m-line" };
}

/* proto -> what it carries, and whether it is a secure transport */
static const struct {
    const char *proto;
    enum gw_e2ae_media media;
    bool is_secure;
} protos[] = {
    { "RTP/AVP", GW_E2AE_RTP, false },         { "RTP/AVPF", GW_E2AE_RTP, false },
    { "RTP/SAVP", GW_E2AE_RTP, true },         { "RTP/SAVPF", GW_E2AE_RTP, true },
    { "UDP/TLS/RTP/SAVP", GW_E2AE_RTP, true }, { "UDP/TLS/RTP/SAVPF", GW_E2AE_RTP, true },
    { "TCP/MSRP", GW_E2AE_MSRP, false },       { "TCP/TLS/MSRP", GW_E2AE_MSRP, true },
    { "TCP/BFCP", GW_E2AE_BFCP, false },       { "UDP/BFCP", GW_E2AE_BFCP, false },
    { "TCP/TLS/BFCP", GW_E2AE_BFCP, true },    { "UDP/TLS/BFCP", GW_E2AE_BFCP, true },
    { "udptl", GW_E2AE_UDPTL, false },         { "UDP/TLS/UDPTL", GW_E2AE_UDPTL, true },
    { "UDP/DTLS/SCTP", GW_E2AE_SCTP, true },   { "TCP/DTLS/SCTP", GW_E2AE_SCTP, true },
    { "DTLS/SCTP", GW_E2AE_SCTP, true },
};

void gw_e2ae_classify(const struct gw_sdp *sdp, const struct gw_sdp_media *m, enum gw_e2ae_media *media,
                      enum gw_e2ae_security *security)
{
    struct gw_span value;

    *media = GW_E2AE_OTHER;
    *security = GW_E2AE_PLAIN;
    for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
        if (!gw_span_is_nocase(m->proto, protos[i].proto))
            continue;
        *media = protos[i].media;
        if (!protos[i].is_secure)
            return;
        if (*media == GW_E2AE_RTP && gw_sdp_has(&m->section, "crypto"))
            *security = GW_E2AE_SDES; /* old browsers and libraries write both: SDES only where no ICE says browser */
        else if (gw_sdp_inherit(sdp, m, "key-mgmt", &value))
            *security = GW_E2AE_KMS;
        else
            *security = GW_E2AE_BARE;
        if (*security != GW_E2AE_KMS && gw_sdp_inherit(sdp, m, "fingerprint", &value) &&
            (*security == GW_E2AE_BARE || m->proto.len > strlen("RTP/SAVPF")))
            *security = GW_E2AE_DTLS;
        return;
    }
}
