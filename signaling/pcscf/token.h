/* Flow tokens (RFC 5626 s. 5.2): the user part of the URI that we put into Path and Record-Route. A token names a
 * connection of the access side; it carries a keyed digest, so that nobody but us can make one, and the life of the
 * process it was made in, so that one from before a restart is known to be gone rather than taken for another
 * connection. Pure. */
#ifndef GW_PCSCF_TOKEN_H
#define GW_PCSCF_TOKEN_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum { GW_TOKEN_TEXT = 45 }; /* characters of a token and its NUL */

struct gw_token_key {
    uint8_t secret[32]; /* kept over restarts if the operator sets one, so that old tokens are 430 and not 403 */
    uint64_t life;      /* another number for every process */
};

/* secret empty: a random one. */
void gw_token_key_init(struct gw_token_key *k, struct gw_span secret);

void gw_token_write(const struct gw_token_key *k, uint64_t flow, char text[GW_TOKEN_TEXT]);

/* 0: ours, *flow is the connection it names. GW_E_SYNTAX: not a token at all. GW_E_MISMATCH: looks like one but the
 * digest is wrong: 403. GW_E_CLOSED: of an earlier life of this gateway: 430. Whether the connection still lives is
 * the caller's question. */
int gw_token_parse(const struct gw_token_key *k, struct gw_span text, uint64_t *flow);

#endif
