/* The full-ICE side of a connectivity check (RFC 8445 s. 7.2), as small as a load generator needs it, and written apart
 * from the gateway's own code. */
#ifndef BENCH_STUN_CLIENT_H
#define BENCH_STUN_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STUN_MAX = 256 };

/* A Binding request, controlling, with USE-CANDIDATE. Returns its length. `user`: "remote:local". */
size_t stun_request(uint8_t out[STUN_MAX], const uint8_t txn[12], const char *user, const char *pwd);
/* The success response to a request from `from`. */
size_t stun_success(uint8_t out[STUN_MAX], const uint8_t *request, const struct sockaddr_in *from, const char *pwd);
bool stun_is_request(const uint8_t *p, size_t len);
bool stun_is_success(const uint8_t *p, size_t len);

#endif
