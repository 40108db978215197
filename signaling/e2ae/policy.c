#include "signaling/e2ae/policy.h"

enum { NO, YES, ANY };
enum { ACCESS = 1, CORE = 0 };
enum { ANY_MEDIA = -1, ANY_SECURITY = -1, NOT_RTP = -2 };

#define WIC GW_CLIENT_WIC
#define UE GW_CLIENT_UE

/* specs: TS 33.328 s. 7.2.1 (originating), s. 7.3.1 (terminating), s. 7.5 (emergency), N.2.2, N.3.2, G.2, L.3.
 * requested, registered, emergency, rcs51, core_sdes: NO, YES or ANY. The first row that matches decides. */
static const struct rule {
    int from, client, media, security;
    int requested, registered, emergency, rcs51, core_sdes;
    enum gw_e2ae_action action;
    int warn;
    const char *text;
} rules[] = {
    /* clang-format off */
    /* from    client media          security       req  reg  emg  rcs  cs */
    /* originating, browser: always, without asking (E2A-013) */
    { ACCESS, WIC, GW_E2AE_RTP,   GW_E2AE_DTLS,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "browser media is always protected" },
    { ACCESS, WIC, GW_E2AE_SCTP,  GW_E2AE_DTLS,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "browser data is always protected" },
    { ACCESS, WIC, GW_E2AE_OTHER, ANY_SECURITY,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 302, "unknown transport protocol" },
    { ACCESS, WIC, ANY_MEDIA,     ANY_SECURITY,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 302, "DTLS with a fingerprint is required" },

    /* originating, phone: RTP */
    { ACCESS, UE,  GW_E2AE_RTP,   GW_E2AE_SDES,  YES, YES, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "e2ae requested and registered" },     /* E2A-007 */
    { ACCESS, UE,  GW_E2AE_RTP,   GW_E2AE_SDES,  YES, NO,  ANY, ANY, ANY, GW_E2AE_REFUSE, 399, "e2ae requested but not registered" }, /* E2A-009, NOTE 2a */
    { ACCESS, UE,  GW_E2AE_RTP,   GW_E2AE_SDES,  NO,  ANY, YES, ANY, ANY, GW_E2AE_REFUSE, 399, "no end-to-end security in emergency calls" }, /* E2A-015 */
    { ACCESS, UE,  GW_E2AE_RTP,   GW_E2AE_KMS,   ANY, ANY, YES, ANY, ANY, GW_E2AE_REFUSE, 399, "no end-to-end security in emergency calls" },
    { ACCESS, UE,  GW_E2AE_RTP,   GW_E2AE_SDES,  NO,  ANY, NO,  ANY, ANY, GW_E2AE_PASS, 0, "end-to-end SDES" },                    /* E2A-008 */
    { ACCESS, UE,  GW_E2AE_RTP,   GW_E2AE_KMS,   ANY, ANY, NO,  ANY, ANY, GW_E2AE_PASS, 0, "end-to-end key management" },          /* E2A-019 */
    { ACCESS, UE,  GW_E2AE_RTP,   GW_E2AE_DTLS,  ANY, ANY, NO,  ANY, ANY, GW_E2AE_PASS, 0, "end-to-end DTLS-SRTP" },
    { ACCESS, UE,  GW_E2AE_RTP,   GW_E2AE_DTLS,  ANY, ANY, YES, ANY, ANY, GW_E2AE_REFUSE, 399, "no end-to-end security in emergency calls" },
    { ACCESS, UE,  GW_E2AE_RTP,   GW_E2AE_PLAIN, ANY, ANY, ANY, ANY, ANY, GW_E2AE_CLEAR, 0, "no media security" },
    { ACCESS, UE,  GW_E2AE_RTP,   GW_E2AE_BARE,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 399, "no key and no key management" },

    /* originating, phone: MSRP, BFCP, UDPTL (E2A-005: each by its own registration) */
    { ACCESS, UE,  GW_E2AE_OTHER, ANY_SECURITY,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 302, "unknown transport protocol" },
    { ACCESS, UE,  GW_E2AE_SCTP,  ANY_SECURITY,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 302, "data channels are for browsers" },
    { ACCESS, UE,  NOT_RTP,       GW_E2AE_DTLS,  YES, YES, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "e2ae requested and registered" },
    { ACCESS, UE,  NOT_RTP,       GW_E2AE_DTLS,  YES, NO,  ANY, ANY, ANY, GW_E2AE_REFUSE, 399, "e2ae requested but not registered" },
    { ACCESS, UE,  GW_E2AE_MSRP,  GW_E2AE_DTLS,  NO,  ANY, ANY, YES, ANY, GW_E2AE_PROTECT, 0, "RCS 5.1: MSRP over TLS without indication" }, /* E2A-012 */
    { ACCESS, UE,  NOT_RTP,       GW_E2AE_DTLS,  NO,  ANY, ANY, ANY, ANY, GW_E2AE_PASS, 0, "end-to-end TLS" },
    { ACCESS, UE,  NOT_RTP,       GW_E2AE_PLAIN, ANY, ANY, ANY, ANY, ANY, GW_E2AE_CLEAR, 0, "no media security" },
    { ACCESS, UE,  NOT_RTP,       ANY_SECURITY,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 399, "no fingerprint" },

    /* terminating, browser */
    { CORE,   WIC, GW_E2AE_RTP,   GW_E2AE_PLAIN, ANY, ANY, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "browser media is always protected" },
    { CORE,   WIC, GW_E2AE_RTP,   GW_E2AE_SDES,  ANY, ANY, ANY, ANY, YES, GW_E2AE_PROTECT, 0, "SDES of the core ends here" },
    { CORE,   WIC, GW_E2AE_RTP,   GW_E2AE_SDES,  ANY, ANY, ANY, ANY, NO,  GW_E2AE_REFUSE, 399, "a browser cannot do SDES" },
    { CORE,   WIC, GW_E2AE_RTP,   GW_E2AE_KMS,   ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 399, "a browser cannot do MIKEY" },
    { CORE,   WIC, GW_E2AE_RTP,   GW_E2AE_DTLS,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 302, "DTLS-SRTP is not expected from the core" },
    { CORE,   WIC, GW_E2AE_RTP,   GW_E2AE_BARE,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 399, "no acceptable key" },
    { CORE,   WIC, GW_E2AE_MSRP,  GW_E2AE_PLAIN, ANY, ANY, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "browser data is always protected" },
    { CORE,   WIC, GW_E2AE_BFCP,  GW_E2AE_PLAIN, ANY, ANY, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "browser data is always protected" },
    { CORE,   WIC, GW_E2AE_MSRP,  GW_E2AE_DTLS,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "TLS of the core ends here" },
    { CORE,   WIC, GW_E2AE_BFCP,  GW_E2AE_DTLS,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "TLS of the core ends here" },
    { CORE,   WIC, GW_E2AE_UDPTL, GW_E2AE_PLAIN, ANY, ANY, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "browser data is always protected" },
    { CORE,   WIC, GW_E2AE_UDPTL, GW_E2AE_DTLS,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "DTLS of the core ends here" },
    { CORE,   WIC, ANY_MEDIA,     ANY_SECURITY,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 302, "unknown transport protocol" },

    /* terminating, phone */
    { CORE,   UE,  GW_E2AE_RTP,   GW_E2AE_PLAIN, ANY, YES, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "registered for e2ae" },                /* E2A-010 */
    { CORE,   UE,  GW_E2AE_RTP,   GW_E2AE_PLAIN, ANY, NO,  ANY, ANY, ANY, GW_E2AE_CLEAR, 0, "no media security" },
    { CORE,   UE,  GW_E2AE_RTP,   GW_E2AE_BARE,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 399, "no key and no key management" },
    { CORE,   UE,  GW_E2AE_RTP,   ANY_SECURITY,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_PASS, 0, "secured end to end already" },           /* E2A-011, NOTE 2 */
    { CORE,   UE,  GW_E2AE_OTHER, ANY_SECURITY,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 302, "unknown transport protocol" },
    { CORE,   UE,  GW_E2AE_SCTP,  ANY_SECURITY,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_REFUSE, 302, "data channels are for browsers" },
    { CORE,   UE,  NOT_RTP,       GW_E2AE_PLAIN, ANY, YES, ANY, ANY, ANY, GW_E2AE_PROTECT, 0, "registered for e2ae" },
    { CORE,   UE,  GW_E2AE_MSRP,  GW_E2AE_PLAIN, ANY, NO,  ANY, YES, ANY, GW_E2AE_PROTECT, 0, "RCS 5.1: MSRP over TLS without indication" },
    { CORE,   UE,  NOT_RTP,       GW_E2AE_PLAIN, ANY, NO,  ANY, ANY, ANY, GW_E2AE_CLEAR, 0, "no media security" },
    { CORE,   UE,  NOT_RTP,       ANY_SECURITY,  ANY, ANY, ANY, ANY, ANY, GW_E2AE_PASS, 0, "secured end to end already" },
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
        if (r->media != ANY_MEDIA && !(r->media == NOT_RTP && media != GW_E2AE_RTP) && r->media != (int)media)
            continue;
        if (r->security != ANY_SECURITY && r->security != (int)security)
            continue;
        if (!fits(r->requested, requested) || !fits(r->registered, registered) ||
            !fits(r->emergency, in->is_emergency) || !fits(r->rcs51, policy->is_rcs51) ||
            !fits(r->core_sdes, policy->has_core_sdes))
            continue;
        return (struct gw_e2ae_decision){ r->action, r->warn, r->text };
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
