/* The one TLS profile (TS 33.328 annex M, TS 33.310 annex E, TS 33.210 s. 6.2), for every TLS and DTLS endpoint:
 * versions 1.2 and 1.3 (DTLS 1.2), ephemeral ECDH with AEAD and no other suite, curves, signature algorithms without
 * SHA-1, no compression, no renegotiation; thereby no PSK, no anonymous and no NULL suite. OpenSSL stays behind it, but
 * for the name of a type. */
#ifndef GW_TLS_PROFILE_H
#define GW_TLS_PROFILE_H

#include <stdbool.h>

#include "gateway/base/err.h"

struct ssl_ctx_st; /* SSL_CTX of OpenSSL */

extern const struct gw_tls_profile {
    const char *suites;       /* of version 1.2 */
    const char *ciphersuites; /* of version 1.3 */
    const char *groups;
    const char *signatures;
} gw_tls_profile;

/* Into a context, also one in use: new connections get it. CRYPTO: the OpenSSL of this machine does not know all of it.
 */
GW_MUST_CHECK int gw_tls_profile_apply(struct ssl_ctx_st *ctx, bool is_datagram);

/* Applies it to every connection that this process makes from now on, also those of libraries that choose their own
 * settings (sofia-sip names suites of its own and has no tag for others). Once, before the first. */
void gw_tls_profile_impose(void);

#endif
