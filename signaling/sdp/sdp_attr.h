/* Typed attributes of SDP, each a pure codec: a value without its "a=name:" in, a struct that borrows from it out, and
 * back. Parsers give SYNTAX, RANGE, UNSUPPORTED or LIMIT and leave *out alone on error. Any thread. */
#ifndef GW_SDP_ATTR_H
#define GW_SDP_ATTR_H

#include "signaling/sdp/sdp.h"

/* --- formats (RFC 8866 s. 6.6, 6.15; RFC 3551) ------------------------------------------------------------------- */

struct gw_sdp_rtpmap {
    uint8_t pt;
    struct gw_span name;
    uint32_t clock_hz;
    uint32_t channels; /* 1 if not written */
};
int gw_sdp_parse_rtpmap(struct gw_span value, struct gw_sdp_rtpmap *out);
void gw_sdp_write_rtpmap(struct gw_sdp_buf *b, const struct gw_sdp_rtpmap *r);
/* The static payload types of RFC 3551 s. 6; false for dynamic, reserved and unassigned ones. */
bool gw_sdp_static_rtpmap(uint8_t pt, struct gw_sdp_rtpmap *out);
/* The rtpmap of a payload type in an m-line: its line, else the static one. NOTFOUND. */
int gw_sdp_find_rtpmap(const struct gw_sdp_section *s, uint8_t pt, struct gw_sdp_rtpmap *out);

struct gw_sdp_fmtp {
    struct gw_span fmt; /* a payload type for RTP */
    struct gw_span params;
};
int gw_sdp_parse_fmtp(struct gw_span value, struct gw_sdp_fmtp *out);
/* A parameter of "a=1;b=2" by its name without case; false if absent. */
bool gw_sdp_fmtp_param(struct gw_span params, const char *name, struct gw_span *value);

/* --- direction (RFC 8866 s. 6.7) --------------------------------------------------------------------------------- */

enum gw_sdp_direction { /* bit 0: the writer sends, bit 1: it receives */
                        GW_SDP_INACTIVE = 0,
                        GW_SDP_SENDONLY = 1,
                        GW_SDP_RECVONLY = 2,
                        GW_SDP_SENDRECV = 3,
};
const char *gw_sdp_direction_text(enum gw_sdp_direction d);
/* Of an m-line, from itself or the session; sendrecv if nowhere. */
enum gw_sdp_direction gw_sdp_direction(const struct gw_sdp *sdp, const struct gw_sdp_media *m);
/* The same stream seen from the other end. */
enum gw_sdp_direction gw_sdp_direction_reverse(enum gw_sdp_direction d);

/* --- RTP details ------------------------------------------------------------------------------------------------- */

struct gw_sdp_rtcp { /* RFC 3605 */
    uint16_t port;
    struct gw_addr addr; /* family 0: that of the m-line */
};
int gw_sdp_parse_rtcp(struct gw_span value, struct gw_sdp_rtcp *out);

struct gw_sdp_extmap { /* RFC 8285 s. 5 */
    uint16_t id;       /* 1..14 or 1..255 on the wire, 4096..4351 when only possible */
    bool has_direction;
    enum gw_sdp_direction direction;
    struct gw_span uri, attributes;
};
int gw_sdp_parse_extmap(struct gw_span value, struct gw_sdp_extmap *out);

struct gw_sdp_rtcp_fb { /* RFC 4585 s. 4.2, RFC 5104 s. 7 */
    bool is_wildcard;   /* "*" */
    uint8_t pt;
    struct gw_span type;  /* nack, ccm, transport-cc ... */
    struct gw_span param; /* pli, fir ...; may be empty */
};
int gw_sdp_parse_rtcp_fb(struct gw_span value, struct gw_sdp_rtcp_fb *out);

/* --- bundles and tracks (RFC 5888, RFC 9143, RFC 8830) ----------------------------------------------------------- */

struct gw_sdp_group {
    struct gw_span semantics;
    struct gw_span mids; /* separated by blanks; may be empty */
};
int gw_sdp_parse_group(struct gw_span value, struct gw_sdp_group *out);
bool gw_sdp_group_has(const struct gw_sdp_group *g, struct gw_span mid);
/* A token of 1 to 32 characters. */
int gw_sdp_parse_mid(struct gw_span value, struct gw_span *mid);

/* --- ICE (RFC 8839) ---------------------------------------------------------------------------------------------- */

/* ice-ufrag: 4 to 256, ice-pwd: 22 to 256 ice-chars (s. 5.4). */
int gw_sdp_check_ufrag(struct gw_span value);
int gw_sdp_check_pwd(struct gw_span value);

/* --- security ---------------------------------------------------------------------------------------------------- */

enum gw_sdp_hash { GW_SDP_SHA1 = 1, GW_SDP_SHA224, GW_SDP_SHA256, GW_SDP_SHA384, GW_SDP_SHA512 };
struct gw_sdp_fingerprint { /* RFC 8122 s. 5 */
    enum gw_sdp_hash hash;
    uint8_t len;
    uint8_t value[64];
};
/* UNSUPPORTED: a hash we do not know or must not use (md5, md2). */
int gw_sdp_parse_fingerprint(struct gw_span value, struct gw_sdp_fingerprint *out);
void gw_sdp_write_fingerprint(struct gw_sdp_buf *b, const struct gw_sdp_fingerprint *f);

enum gw_sdp_setup { GW_SDP_SETUP_ABSENT, GW_SDP_ACTIVE, GW_SDP_PASSIVE, GW_SDP_ACTPASS, GW_SDP_HOLDCONN };
int gw_sdp_parse_setup(struct gw_span value, enum gw_sdp_setup *out); /* RFC 4145 s. 4 */
const char *gw_sdp_setup_text(enum gw_sdp_setup s);

/* 20 to 255 characters (RFC 8842 s. 4). */
int gw_sdp_check_tls_id(struct gw_span value);

enum gw_sdp_3ge2ae { GW_SDP_3GE2AE_NONE, GW_SDP_3GE2AE_REQUESTED, GW_SDP_3GE2AE_APPLIED };
/* a=3ge2ae of an m-line; other values and a session-level line are ignored (TS 24.229 s. 7.5.2). */
enum gw_sdp_3ge2ae gw_sdp_3ge2ae(const struct gw_sdp_section *m);

/* --- SDES (RFC 4568, RFC 6188, RFC 7714 s. 14; TS 33.328 annex E) ------------------------------------------------ */

enum gw_sdp_suite {
    GW_SDP_SUITE_UNKNOWN,
    GW_SDP_AES_CM_128_HMAC_SHA1_80,
    GW_SDP_AES_CM_128_HMAC_SHA1_32,
    GW_SDP_F8_128_HMAC_SHA1_80,
    GW_SDP_AES_192_CM_HMAC_SHA1_80,
    GW_SDP_AES_192_CM_HMAC_SHA1_32,
    GW_SDP_AES_256_CM_HMAC_SHA1_80,
    GW_SDP_AES_256_CM_HMAC_SHA1_32,
    GW_SDP_AEAD_AES_128_GCM,
    GW_SDP_AEAD_AES_256_GCM,
    GW_SDP_SUITE_COUNT,
};
size_t gw_sdp_suite_key_len(enum gw_sdp_suite s);       /* master key and salt; 0 for UNKNOWN */
enum gw_sdp_suite gw_sdp_suite_of(struct gw_span name); /* without case (s. 6.2.4 names are upper case; peers differ) */

enum { GW_SDP_CRYPTO_KEYS = 4, GW_SDP_CRYPTO_KEY = 46 };

struct gw_sdp_crypto {
    uint32_t tag; /* 1 to 999999999 */
    enum gw_sdp_suite suite;
    unsigned nkeys;
    struct gw_sdp_crypto_key {
        uint8_t key[GW_SDP_CRYPTO_KEY]; /* master key, then salt. Never log. */
        size_t len;
        uint64_t lifetime; /* packets; 0: not written. 2^64 and more are clamped */
        uint64_t mki;
        uint8_t mki_len; /* octets, 0: none */
    } keys[GW_SDP_CRYPTO_KEYS];
    bool is_unencrypted_srtp, is_unencrypted_srtcp, is_unauthenticated_srtp;
    bool has_kdr;
    uint32_t kdr;     /* exponent, 0..24 */
    uint32_t wsh;     /* replay window, 0: not written */
    bool has_fec;     /* FEC_ORDER or FEC_KEY */
    bool has_unknown; /* a mandatory session parameter that we do not know: the line is not to be chosen */
};
/* UNSUPPORTED: a suite or key method we do not know (the line is well formed and to be skipped). RANGE: the key has
 * another length than the suite's. LIMIT: more than GW_SDP_CRYPTO_KEYS keys. */
int gw_sdp_parse_crypto(struct gw_span value, struct gw_sdp_crypto *out);
/* Without lifetime (TS 33.328 s. 7.2.1 NOTE 1; E2A-018); KDR and FEC are never written. */
void gw_sdp_write_crypto(struct gw_sdp_buf *b, const struct gw_sdp_crypto *c);

/* --- data channels (RFC 8864) ------------------------------------------------------------------------------------ */

struct gw_sdp_dcmap {
    uint16_t id;
    bool is_ordered, has_max_retr, has_max_time;
    char subprotocol[64]; /* lower case */
    char label[256];
    struct gw_span options; /* all that follows the id, as written */
};
/* INVAL: max-retr with max-time, which the offer is to be refused for (s. 5.1.7). */
int gw_sdp_parse_dcmap(struct gw_span value, struct gw_sdp_dcmap *out);
/* Iterates over the attributes of channel `id`: name, value (empty for a flag), and both as written. */
bool gw_sdp_dcsa(const struct gw_sdp_section *s, uint16_t id, unsigned *pos, struct gw_span *name,
                 struct gw_span *value, struct gw_span *whole);

/* The association of an m-line of data channels, in either syntax: "UDP/DTLS/SCTP webrtc-datachannel" (RFC 8841), or
 * "DTLS/SCTP 5000" with a=sctpmap of the drafts before it. */
struct gw_sdp_sctp {
    bool is_old;
    uint16_t port;        /* 0 ends the association (RFC 8841 s. 5.1) */
    uint32_t max_message; /* largest that this side takes; 0: any */
};
bool gw_sdp_is_old_sctp(struct gw_span proto);
/* NOTFOUND: no port, which has no default; UNSUPPORTED: carries something else. */
int gw_sdp_parse_sctp(const struct gw_sdp_media *m, struct gw_sdp_sctp *out);

/* Address of the first URI of an MSRP path, where its connection goes (RFC 4975 s. 6.1, s. 8.3). UNSUPPORTED: a name.
 */
int gw_sdp_parse_msrp_address(struct gw_span path, struct gw_addr *out);

/* --- T.38 (ITU-T T.38 annex D) ----------------------------------------------------------------------------------- */

enum gw_sdp_t38_rate { GW_SDP_T38_RATE_ABSENT, GW_SDP_T38_LOCAL_TCF, GW_SDP_T38_TRANSFERRED_TCF };
enum gw_sdp_t38_ec { GW_SDP_T38_EC_ABSENT, GW_SDP_T38_NO_EC, GW_SDP_T38_REDUNDANCY, GW_SDP_T38_FEC };

enum {
    GW_SDP_T38_VERSION = 2, /* highest that we carry: 3 is V.34. 1 is never written: its form is disputed */
    GW_SDP_T38_BIT_RATE = 14400,
    GW_SDP_T38_BUFFER = 1800,
    GW_SDP_T38_DEPTH = 3, /* of error correction, where the peer has no wish */
    GW_SDP_T38_SPAN = 3,
    GW_SDP_T38_DATAGRAM = 150, /* that every peer takes; some write the length of an IFP instead */
};

/* Attributes of an m=image of T.38, or of a data channel's dcsa. A number of 0 is not written. */
struct gw_sdp_t38 {
    bool has_version;
    uint8_t version; /* 0 when not written */
    uint32_t bit_rate;
    enum gw_sdp_t38_rate rate;
    bool has_fill_bit_removal, has_mmr, has_jbig;
    uint32_t max_buffer, max_datagram, max_ifp;
    enum gw_sdp_t38_ec ec; /* that the writer wants to be sent */
    bool has_depth;
    uint8_t min_depth, max_depth; /* T38FaxUdpECDepth: secondaries, or entries of FEC, that it wants. Read only */
    uint8_t max_span;             /* T38FaxUdpFECMaxSpan: packets that an entry of FEC covers. Read only */
};

bool gw_sdp_is_t38(struct gw_span name);
/* One attribute into *t; others, and values that are none, change nothing. Names and words are read without case. */
void gw_sdp_t38_take(struct gw_sdp_t38 *t, struct gw_span name, struct gw_span value);
void gw_sdp_parse_t38(const struct gw_sdp_section *s, struct gw_sdp_t38 *out); /* all of them */
/* prefix: "a=", or "a=dcsa:2 ". */
void gw_sdp_write_t38(struct gw_sdp_buf *b, const char *prefix, const struct gw_sdp_t38 *t);

/* What one leg's offer becomes in the other leg's. Error correction and datagrams are of a leg alone: not written. */
void gw_sdp_t38_offer(const struct gw_sdp_t38 *offered, struct gw_sdp_t38 *out);
/* The answer to `offered`, when the other leg answered `answered` to gw_sdp_t38_offer of it: the lower of both, no
 * capability that was not offered, the error correction that was. UNSUPPORTED: another rate management. */
int gw_sdp_t38_answer(const struct gw_sdp_t38 *offered, const struct gw_sdp_t38 *answered, struct gw_sdp_t38 *out);

#endif
