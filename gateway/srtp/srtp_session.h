/* SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714) behind one header, with two engines that give the same octets:
 *   FAST  OpenSSL ciphers with precomputed HMAC states: what the packet path uses
 *   LIB   libsrtp2: the second engine, and the oracle of the tests
 *
 * A session is one direction of one key: it protects what we send or unprotects what we receive, for all the sources
 * (SSRC) of a stream or a bundle. A key must never be used by two sending sessions at a time (RFC 3711 s. 9.1).
 *
 * Thread: the worker that owns it. Never blocks, calls back, logs or, after _new, allocates (the LIB engine allocates
 * for a new source). Packets are changed in place; a packet that is refused changes no state of the session, but its
 * payload may have been overwritten: drop it. */
#ifndef GW_SRTP_SESSION_H
#define GW_SRTP_SESSION_H

#include "gateway/base/err.h"
#include "gateway/control/iq.h"

enum {
    GW_SRTP_MKI_MAX = 128,                   /* octets, RFC 4568 s. 6.1 */
    GW_SRTP_TAIL = 16 + 4 + GW_SRTP_MKI_MAX, /* octets that protecting adds at most: tag, SRTCP index, MKI */
    GW_SRTP_SOURCES = 16,                    /* SSRCs of a session */
    GW_SRTP_WINDOW = 128,                    /* default replay window, packets */
    GW_SRTP_WINDOW_MIN = 64,                 /* RFC 3711 s. 3.3.2; smaller wishes get this */
    GW_SRTP_WINDOW_MAX = 1024,               /* larger wishes get this */
    GW_SRTP_WINDOW_WORDS = GW_SRTP_WINDOW_MAX / 64,
};

enum gw_srtp_direction { GW_SRTP_SEND, GW_SRTP_RECV };
enum gw_srtp_engine { GW_SRTP_FAST, GW_SRTP_LIB };

struct gw_srtp_session;

/* What a suite consists of. */
struct gw_srtp_suite {
    uint16_t id;               /* enum gw_iq_suite */
    const char *name;          /* as in SDES and, with SRTP_ before it, in DTLS */
    uint8_t key_len, salt_len; /* octets of master key and master salt */
    uint8_t rtp_tag, rtcp_tag; /* octets; _32 has 10 for SRTCP (RFC 4568 s. 6.2.2) */
    bool is_aead;
};
/* NULL if we do not have it; NULL cipher and NULL authentication are not suites here. */
const struct gw_srtp_suite *gw_srtp_suite_find(uint16_t id);

/* Keys are copied and derived at once (key derivation rate 0); the caller wipes its own. `crypto` as in Iq: key, salt,
 * MKI, window, flags. GW_E_UNSUPPORTED: suite unknown, or flags that the suite does not allow (GCM without encryption
 * or authentication of RTP, RFC 7714 s. 14). GW_E_INVAL: key_len or mki_len is wrong. GW_E_NOMEM, GW_E_CRYPTO. */
GW_MUST_CHECK int gw_srtp_session_new(enum gw_srtp_direction dir, const struct gw_iq_crypto *crypto,
                                      enum gw_srtp_engine engine, struct gw_srtp_session **out);
void gw_srtp_session_free(struct gw_srtp_session *s); /* wipes the keys */

/* In place: *len octets of a packet in a buffer of `size`; *len is changed on success only.
 * protect:   GW_E_LIMIT no room (GW_SRTP_TAIL is always enough), or the key's packets are used up (2^48 RTP, 2^31
 * RTCP). GW_E_REPLAY the same index once more, or one older than the window: it would repeat the key stream. unprotect:
 * GW_E_AUTH forged, or another MKI; GW_E_REPLAY seen before or older than the window. Both:      GW_E_SHORT header
 * beyond the end; GW_E_TYPE not version 2; GW_E_LIMIT a source comes back that had been replaced when the table of
 * sources was full (its state is gone, so nothing could be promised about it); GW_E_STATE wrong direction. */
GW_MUST_CHECK int gw_srtp_protect_rtp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size);
GW_MUST_CHECK int gw_srtp_unprotect_rtp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len);
GW_MUST_CHECK int gw_srtp_protect_rtcp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len, size_t size);
GW_MUST_CHECK int gw_srtp_unprotect_rtcp(struct gw_srtp_session *s, uint8_t *pkt, size_t *len);

/* The state of a source as plain values, to be written out and read back (keys are the caller's to keep). */
struct gw_srtp_source {
    uint32_t ssrc;
    bool has_rtp, has_rtcp;                    /* a packet of it has been seen */
    uint64_t rtp_index;                        /* highest: roll-over counter << 16 | sequence number */
    uint32_t rtcp_index;                       /* highest */
    uint64_t rtp_window[GW_SRTP_WINDOW_WORDS]; /* bit n of the whole: index - n has been seen */
    uint64_t rtcp_window[GW_SRTP_WINDOW_WORDS];
};

unsigned gw_srtp_session_sources(const struct gw_srtp_session *s);
/* `i` < gw_srtp_session_sources(). GW_E_NOTFOUND; GW_E_UNSUPPORTED by the LIB engine, which does not tell. */
int gw_srtp_session_read_source(const struct gw_srtp_session *s, unsigned i, struct gw_srtp_source *out);
/* Adds the source or replaces its state. GW_E_FULL, GW_E_RANGE, GW_E_UNSUPPORTED. */
int gw_srtp_session_write_source(struct gw_srtp_session *s, const struct gw_srtp_source *in);

const struct gw_srtp_suite *gw_srtp_session_suite(const struct gw_srtp_session *s);

#endif
