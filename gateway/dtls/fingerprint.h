/* Certificate fingerprints (RFC 8122 s. 5). The value type is Iq's, as fingerprints go from SDP to here through Iq. */
#ifndef GW_FINGERPRINT_H
#define GW_FINGERPRINT_H

#include "gateway/base/span.h"
#include "gateway/control/iq.h"

enum { GW_FINGERPRINT_TEXT = 8 + 1 + 64 * 3 }; /* "sha-512 AB:..:CD" with its NUL */

/* Digest of a certificate's DER form. GW_E_TYPE: unknown hash. */
int gw_fingerprint_of(struct gw_span der, enum gw_iq_hash hash, struct gw_iq_fingerprint *out);

/* "sha-256 4A:AD:..": hash names and hex digits in any case; upper case is written. GW_E_SYNTAX; GW_E_UNSUPPORTED: a
 * hash that we do not know (md5 and md2 are not to be used); GW_E_RANGE: octets do not fit the hash. */
int gw_fingerprint_parse(struct gw_span text, struct gw_iq_fingerprint *out);
const char *gw_fingerprint_write(const struct gw_iq_fingerprint *f, char *buf); /* GW_FINGERPRINT_TEXT octets */

/* Does the certificate match one of the values under the strongest hash among them (RFC 8122 s. 5)? */
bool gw_fingerprint_match(struct gw_span der, const struct gw_iq_fingerprint *list, unsigned n);

#endif
