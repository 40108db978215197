/* Whom a TLS connection between our own machines trusts: a certificate of ours, the authorities that the peer's must be
 * signed by, and the names one of which it must bear. Mutual, as TS 33.328 s. 6.2.1.3 asks of Iq. Thread: the loop
 * whose connections use it. */
#ifndef GW_TLS_TRUST_H
#define GW_TLS_TRUST_H

#include <stddef.h>

#include "gateway/base/err.h"

enum { GW_TLS_NAME = 255 };

struct gw_tls_trust;

/* PEM files; key_path may be cert_path. names: one of them must be among the DNS names of the peer's certificate, or be
 * its CN where it has none; without any (n 0) the authority alone decides. Borrowed for life. On error `why` says which
 * file. */
GW_MUST_CHECK int gw_tls_trust_new(const char *cert_path, const char *key_path, const char *ca_path, char *const *names,
                                   unsigned n, struct gw_tls_trust **out, char *why, size_t why_size);
/* Reads the files again, for connections from now on; on an error everything stays. */
GW_MUST_CHECK int gw_tls_trust_reload(struct gw_tls_trust *t, const char *cert_path, const char *key_path,
                                      const char *ca_path, char *why, size_t why_size);
void gw_tls_trust_free(struct gw_tls_trust *t); /* after its connections */

#endif
