/* Credentials on their way through (RFC 7616, TS 24.229 s. 7.2A.2). Digest passes end to end; the one thing a P-CSCF
 * writes into it is how the access was protected. Pure. */
#ifndef GW_PCSCF_AUTH_H
#define GW_PCSCF_AUTH_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

/* `Digest a="b", c=d` without any integrity-protected parameter, and with `protection` as that parameter unless it is
 * NULL. Other parameters stay octet for octet. GW_E_SYNTAX: not Digest credentials. GW_E_LIMIT: buf too small. */
int gw_auth_protect(const char *credentials, const char *protection, char *buf, size_t size);

/* A parameter of Digest credentials, quotes and escapes removed. GW_E_NOTFOUND. */
int gw_auth_param(const char *credentials, const char *name, char *buf, size_t size);

#endif
