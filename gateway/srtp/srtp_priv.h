/* For the files of this room. */
#ifndef GW_SRTP_PRIV_H
#define GW_SRTP_PRIV_H

#include "gateway/base/span.h"
#include "gateway/srtp/srtp_session.h"

/* A source of a session. The windows follow it in memory: `words` for RTP, then `words` for RTCP. */
struct gw_srtp_entry {
    uint32_t ssrc;
    uint32_t used; /* tick of the session when last used: the oldest is replaced */
    uint64_t rtp_index;
    uint32_t rtcp_index;
    bool has_rtp, has_rtcp;
    uint64_t windows[];
};

struct gw_srtp_table {
    uint32_t tick;
    uint16_t wsh;  /* packets */
    uint8_t words; /* 64-bit words of a window */
    uint8_t n;
    uint8_t last;    /* where the last source was found: nearly always the next one too */
    uint16_t stride; /* octets of an entry with its windows */
    /* Sources that were replaced, one bit each by a hash of the SSRC: they are refused when they come back. A new
     * source that falls on the same bit is refused as well (1 in 512 for each source replaced): closed rather than
     * open. */
    uint64_t retired[8];
    struct gw_srtp_entry *entries;
};

/* Octets that `gw_srtp_table_init` wants for its entries. */
size_t gw_srtp_table_size(uint32_t wsh);
void gw_srtp_table_init(struct gw_srtp_table *t, uint32_t wsh, void *memory);
struct gw_srtp_entry *gw_srtp_table_at(const struct gw_srtp_table *t, unsigned i);

/* Where a packet stands among those of its source. Looking up changes nothing; the entry is made or changed by the
 * commit, after the packet proved authentic. */
struct gw_srtp_place {
    struct gw_srtp_entry *entry; /* NULL: a new source */
    uint64_t index;              /* RTP: 48 bits, RTCP: 31 bits */
};
/* RTP: guesses the roll-over counter (RFC 3711 s. 3.3.1). GW_E_REPLAY, GW_E_LIMIT. */
int gw_srtp_place_rtp(struct gw_srtp_table *t, uint32_t ssrc, uint16_t seq, struct gw_srtp_place *out);
/* RTCP as it was sent, with the index it carries. GW_E_REPLAY, GW_E_LIMIT. */
int gw_srtp_place_rtcp(struct gw_srtp_table *t, uint32_t ssrc, uint32_t index, struct gw_srtp_place *out);
/* RTCP to be sent: the next index. GW_E_LIMIT. */
int gw_srtp_place_next_rtcp(struct gw_srtp_table *t, uint32_t ssrc, struct gw_srtp_place *out);
void gw_srtp_commit_rtp(struct gw_srtp_table *t, uint32_t ssrc, const struct gw_srtp_place *p);
void gw_srtp_commit_rtcp(struct gw_srtp_table *t, uint32_t ssrc, const struct gw_srtp_place *p);

int gw_srtp_table_read(const struct gw_srtp_table *t, unsigned i, struct gw_srtp_source *out);
int gw_srtp_table_write(struct gw_srtp_table *t, const struct gw_srtp_source *in);

/* Session keys (RFC 3711 s. 4.3 with key derivation rate 0, RFC 6188 s. 3, RFC 7714 s. 11). */
struct gw_srtp_keys {
    uint8_t enc[32], auth[20], salt[14];
};
int gw_srtp_derive(const struct gw_srtp_suite *suite, const uint8_t *master, bool is_rtcp, struct gw_srtp_keys *out);

/* What an engine is to srtp_session.c. Lengths and headers have not been looked at. */
struct gw_srtp_ops {
    int (*open)(struct gw_srtp_session *s, const struct gw_iq_crypto *c, const struct gw_srtp_keys *rtp,
                const struct gw_srtp_keys *rtcp);
    void (*close)(struct gw_srtp_session *s);
    int (*protect_rtp)(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size);
    int (*unprotect_rtp)(struct gw_srtp_session *s, uint8_t *pkt, size_t *len);
    int (*protect_rtcp)(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size);
    int (*unprotect_rtcp)(struct gw_srtp_session *s, uint8_t *pkt, size_t *len);
};
extern const struct gw_srtp_ops gw_srtp_fast_cm, gw_srtp_fast_gcm, gw_srtp_lib;

/* HMAC-SHA1 after the key's block: 20 octets each, big state words of SHA-1. */
struct gw_srtp_hmac {
    uint32_t inner[5], outer[5];
};

struct gw_srtp_session {
    const struct gw_srtp_ops *ops;
    const struct gw_srtp_suite *suite;
    uint8_t dir, engine;
    bool is_encrypted_rtp, is_encrypted_rtcp, is_authenticated_rtp;
    uint8_t mki_len;
    uint32_t mki;

    /* FAST */
    void *rtp_cipher, *rtcp_cipher; /* EVP_CIPHER_CTX */
    uint8_t rtp_salt[14], rtcp_salt[14];
    struct gw_srtp_hmac rtp_hmac, rtcp_hmac;
    struct gw_srtp_table table;

    void *lib; /* LIB: srtp_t */
};

/* MKI as it stands in a packet: mki_len octets, big endian. */
void gw_srtp_mki_write(const struct gw_srtp_session *s, uint8_t *at);
bool gw_srtp_mki_is(const struct gw_srtp_session *s, const uint8_t *at);

static inline uint32_t gw_srtp_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void gw_srtp_put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

#endif
