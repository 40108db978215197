/* The records of a DTLS 1.2 association once its handshake is done (RFC 6347 s. 4.1; AES-GCM: RFC 5288,
 * ChaCha20-Poly1305: RFC 7905). OpenSSL shakes hands and is then given up: it would keep 42 kB per association for what
 * fits into 200 octets. Pure. Thread: the owner's. */
#ifndef GW_DTLS_RECORD_H
#define GW_DTLS_RECORD_H

#include <openssl/ssl.h>

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum gw_dtls_type { GW_DTLS_CCS = 20, GW_DTLS_ALERT, GW_DTLS_HANDSHAKE_MSG, GW_DTLS_DATA };
enum {
    GW_DTLS_PLAIN_MAX = 16384,
    GW_DTLS_RECORD_OVERHEAD = 37, /* at most: header, explicit nonce, tag */
};

struct gw_dtls_half {    /* one direction */
    EVP_CIPHER_CTX *ctx; /* NULL until the first record: most calls never have one */
    uint8_t key[32], iv[12];
};

struct gw_dtls_records {
    int nid; /* of the cipher; 0: none yet */
    bool has_explicit_nonce;
    uint8_t key_len;
    struct gw_dtls_half rx, tx;
    uint64_t next_seq, next_nonce; /* what comes after the last record that was sent, by whomever */
    uint64_t top, seen;            /* replay window: bit i is sequence number top - i */
};

/* A datagram that OpenSSL made: its records under the keys count, so that no sequence number or nonce comes twice. */
void gw_dtls_records_sent(struct gw_dtls_records *r, struct gw_span datagram);
/* Takes over the keys of a handshake that is done. GW_E_UNSUPPORTED: not a suite of our profile. */
int gw_dtls_records_begin(struct gw_dtls_records *r, SSL *ssl, bool is_client);
/* Gives back what the next record makes anew: after the handshake most calls have none until they end. */
void gw_dtls_records_rest(struct gw_dtls_records *r);
void gw_dtls_records_wipe(struct gw_dtls_records *r);

/* Writes one record; its length, or GW_E_CRYPTO, GW_E_NOMEM. out has room for GW_DTLS_RECORD_OVERHEAD more than plain.
 */
int gw_dtls_seal(struct gw_dtls_records *r, enum gw_dtls_type type, struct gw_span plain, uint8_t *out);
/* Takes the next record off the datagram. Its plain length in out (GW_DTLS_PLAIN_MAX octets) and *type; GW_E_AGAIN:
 * none is left; GW_E_MISMATCH: to be ignored (not authentic, repeated, too old, in the clear). */
int gw_dtls_open(struct gw_dtls_records *r, struct gw_span *datagram, uint8_t *type, uint8_t *out);

#endif
