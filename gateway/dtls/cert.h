/* Our identity towards peers: a self-signed ECDSA P-256 certificate and the DTLS settings that go with it (TS 33.328
 * annex M, RFC 8827 s. 6.5). One serves many associations; a new one is made daily, so that calls far apart are not
 * linked. Refcounted: the control thread makes and replaces it, workers hold it for the associations they were reserved
 * with. */
#ifndef GW_CERT_H
#define GW_CERT_H

#include "gateway/control/iq.h"

struct gw_dtls_identity;

/* profiles: SRTP protection profiles in order of preference (enum gw_iq_suite; those with a DTLS profile number only).
 * Starts with one reference. GW_E_INVAL: no usable profile. */
int gw_dtls_identity_new(const uint16_t *profiles, unsigned nprofiles, struct gw_dtls_identity **out);
struct gw_dtls_identity *gw_dtls_identity_ref(struct gw_dtls_identity *id);
void gw_dtls_identity_unref(struct gw_dtls_identity *id);

/* SHA-256, to be written into SDP. */
const struct gw_iq_fingerprint *gw_dtls_identity_fingerprint(const struct gw_dtls_identity *id);

/* "AEAD_AES_128_GCM" and so on, as in RFC 7714 and RFC 4568; "" if unknown. Parse gives 0 if unknown. */
const char *gw_dtls_profile_name(uint16_t suite);
uint16_t gw_dtls_profile_parse(const char *name);

#endif
