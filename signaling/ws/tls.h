/* TLS of the front: 1.2 or later, AEAD suites with forward secrecy alone, and the certificate. The one file here with
 * OpenSSL. Front thread, but for gw_ws_tls_load. */
#ifndef GW_WS_TLS_H
#define GW_WS_TLS_H

#include "gateway/base/conf.h"

struct gw_ws_tls; /* certificate chain and key */

/* From tls_cert and tls_key, or made here (ECDSA P-256, for the domain, localhost and the listen addresses) if tls_cert
 * is empty. `why` says what is wrong. */
int gw_ws_tls_load(const struct gw_conf *conf, struct gw_ws_tls **out, char *why, size_t why_size);
void gw_ws_tls_free(struct gw_ws_tls *t);
/* Into an SSL_CTX *; also into one in use: new connections get it. */
int gw_ws_tls_apply(const struct gw_ws_tls *t, void *ssl_ctx);

#endif
