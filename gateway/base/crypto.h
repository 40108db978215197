/* Randomness, digests and text encodings, on OpenSSL. Any thread. */
#ifndef GW_CRYPTO_H
#define GW_CRYPTO_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

/* Cryptographic randomness; aborts the process if the system has none, as nothing may go on without it. */
void gw_rand_bytes(void *buf, size_t len);
uint32_t gw_rand_u32(void);
uint64_t gw_rand_u64(void);
/* `len` characters of [A-Za-z0-9] and a NUL into buf (len + 1 octets): about 5.95 bits each. */
void gw_rand_token(char *buf, size_t len);

/* For what a protocol fixes to it (RFC 6455 s. 4.2.2), not for security. */
void gw_sha1(struct gw_span in, uint8_t out[20]);
void gw_sha256(struct gw_span in, uint8_t out[32]);
/* For HTTP Digest of RFC 7616 alone, where peers have nothing better. */
void gw_md5(struct gw_span in, uint8_t out[16]);
/* For what a protocol fixes to it (credentials of TURN servers). */
void gw_hmac_sha1(struct gw_span key, struct gw_span in, uint8_t out[20]);
void gw_hmac_sha256(struct gw_span key, struct gw_span in, uint8_t out[32]);
/* Constant time. */
bool gw_crypto_eq(const void *a, const void *b, size_t len);

/* Whether two PEM files are readable and belong together: a certificate chain that is valid now, and the private key of
 * its first certificate. GW_E_IO, GW_E_SYNTAX, GW_E_MISMATCH, GW_E_TIMEOUT (expired or not valid yet), with `why`. */
int gw_key_pair_check(const char *cert_path, const char *key_path, char *why, size_t why_size);

/* Base64 (RFC 4648 s. 4), padded. Writes a NUL; size >= 4 * ((len + 2) / 3) + 1, else GW_E_LIMIT. */
int gw_base64_write(struct gw_span in, char *buf, size_t size);
/* Strict: padding required, no line breaks, unused bits zero. *len is the capacity in and the length out. */
int gw_base64_parse(struct gw_span text, uint8_t *buf, size_t *len);

#endif
