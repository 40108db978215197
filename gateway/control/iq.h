/* Iq: what signalling and media say to each other, and all they say (TS 23.334 clause 8, TS 33.328 clause 4.2). Plain
 * values: they can be copied, compared, queued between threads and written as JSON between machines. No pointers.
 *
 * A context is the media of one call. It holds terminations (one transport each: an access bundle, or the core side of
 * one m-line) and streams (one m-line each: which access termination and which core termination it joins). Ids of
 * terminations and streams are chosen by the controller; the context id is the access gateway's.
 *
 * Requests are idempotent by `txn`: the same txn again gives the same reply. A request carries the full wanted state of
 * each termination and stream that it names; unnamed ones stay as they are. An unchanged crypto line, fingerprint, ICE
 * generation or address changes nothing that runs (TS 33.328 s. 7.4). */
#ifndef GW_IQ_H
#define GW_IQ_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/err.h"

enum {
    GW_IQ_CALL_ID = 24, /* characters of a call's id, the one in log lines */
    GW_IQ_TERMS = 16,   /* terminations of a context */
    GW_IQ_STREAMS = 8,  /* streams of a context */
    GW_IQ_CHANNELS = 8, /* data channels of a context that are joined to the core */
    GW_IQ_PTS = 32,     /* payload types of a stream */
    GW_IQ_EXTS = 8,     /* RTP header extensions of a stream that cross the gateway */
    GW_IQ_FINGERPRINTS = 4,
    GW_IQ_UFRAG = 256, /* RFC 8839 s. 5.4: 4 to 256 characters */
    GW_IQ_PWD = 256,
    GW_IQ_MID = 32,
    GW_IQ_URI = 512,   /* one MSRP URI */
    GW_IQ_PATH = 2047, /* an MSRP path: relays first, the endpoint last, separated by blanks */
};

enum gw_iq_op {
    GW_IQ_RESERVE,           /* Reserve AGW Connection Point: new terminations; makes the context if ctx is 0 */
    GW_IQ_CONFIGURE,         /* Configure AGW Connection Point: existing terminations and streams */
    GW_IQ_RESERVE_CONFIGURE, /* either, in one step */
    GW_IQ_THROUGH,           /* Change Through-Connection: only the gates of the named streams */
    GW_IQ_RELEASE,           /* Release AGW Termination: the named ones, with their data channels; or, without a
                              * termination, the named channels by access_term and stream, which came in band and have
                              * nobody to be joined to: their streams are reset; the context if nothing is named */
    GW_IQ_AUDIT,             /* counters of all streams */
    GW_IQ_KEYFRAME,          /* send PLI (or FIR) to the access side of the named streams: a picture_fast_update came */
};

enum gw_iq_realm { GW_IQ_ACCESS, GW_IQ_CORE };
enum gw_iq_security { GW_IQ_PLAIN, GW_IQ_SDES, GW_IQ_DTLS, GW_IQ_TLS }; /* TLS: of a TCP termination */
enum gw_iq_setup { GW_IQ_SETUP_PASSIVE, GW_IQ_SETUP_ACTIVE }; /* our DTLS or TLS role: PASSIVE is the server */
enum gw_iq_kind { GW_IQ_AUDIO, GW_IQ_VIDEO, GW_IQ_IMAGE };    /* IMAGE: T.38 over UDPTL, no RTP */
enum gw_iq_transport { GW_IQ_UDP, GW_IQ_TCP }; /* TCP: of a channel's core, and of a phone's MSRP and BFCP */
enum gw_iq_protocol { GW_IQ_MSRP, GW_IQ_BFCP, GW_IQ_T140, GW_IQ_T38 }; /* of a data channel (TS 33.328 s. N.3.1) */
enum gw_iq_ec { GW_IQ_EC_NONE, GW_IQ_EC_REDUNDANCY, GW_IQ_EC_FEC };    /* UDPTL error correction (T.38 s. 9.1) */
enum gw_iq_hash { GW_IQ_SHA1 = 1, GW_IQ_SHA224, GW_IQ_SHA256, GW_IQ_SHA384, GW_IQ_SHA512 };

/* SRTP suites by their DTLS protection profile numbers where they have one (RFC 5764 s. 4.1.2, RFC 7714 s. 14.2). */
enum gw_iq_suite {
    GW_IQ_SUITE_NONE = 0,
    GW_IQ_AES_CM_128_HMAC_SHA1_80 = 1,
    GW_IQ_AES_CM_128_HMAC_SHA1_32 = 2,
    GW_IQ_AEAD_AES_128_GCM = 7,
    GW_IQ_AEAD_AES_256_GCM = 8,
    GW_IQ_AES_256_CM_HMAC_SHA1_80 = 0x101, /* SDES only (RFC 6188) */
    GW_IQ_AES_256_CM_HMAC_SHA1_32 = 0x102,
};

struct gw_iq_crypto { /* one direction of SDES (RFC 4568, TS 33.328 annex E) */
    uint16_t suite;   /* enum gw_iq_suite; NONE: absent */
    uint8_t key[46];  /* master key, then master salt */
    uint8_t key_len;  /* of both together */
    bool is_unencrypted_srtp, is_unencrypted_srtcp, is_unauthenticated_srtp;
    uint8_t mki_len; /* 0: none */
    uint32_t mki;
    uint32_t wsh; /* replay window, packets; 0: default 128 */
};

struct gw_iq_fingerprint {
    uint8_t hash; /* enum gw_iq_hash */
    uint8_t len;
    uint8_t value[64];
};

struct gw_iq_term {
    uint8_t id;            /* 1..255 */
    uint8_t realm;         /* enum gw_iq_realm */
    uint8_t security;      /* enum gw_iq_security */
    uint8_t family;        /* 4 or 6: family of the local address */
    bool has_ice;          /* access: ICE-lite on the worker's shared port */
    bool has_rtcp_mux;     /* else RTCP on its own port */
    bool is_latching;      /* learn the remote address from the first valid packet (policy) */
    uint16_t inactivity_s; /* notify after this long without media; 0: never */
    uint8_t dscp;

    bool has_remote;                        /* below is valid */
    struct gw_addr remote_rtp, remote_rtcp; /* without ICE. family 0: unknown (nothing is sent) */

    uint32_t ice_generation; /* a new number: ICE restart, new own ufrag and pwd (RFC 8445 s. 9) */
    char remote_ufrag[GW_IQ_UFRAG + 1], remote_pwd[GW_IQ_PWD + 1]; /* empty: not known yet */

    uint32_t dtls_generation; /* a new number: new DTLS association (RFC 8842 s. 5.3) */
    uint8_t setup;            /* enum gw_iq_setup; PASSIVE until configured */
    uint8_t nfingerprints;    /* 0: not known yet; the handshake may run but no media passes */
    struct gw_iq_fingerprint fingerprints[GW_IQ_FINGERPRINTS];

    struct gw_iq_crypto local, remote; /* SDES: local protects what we send */

    uint8_t transport;       /* enum gw_iq_transport */
    uint8_t tcp_setup;       /* TCP: enum gw_iq_setup. ACTIVE connects to remote_rtp once it is known, PASSIVE listens
                              * (TS 23.334 s. 5.11.2); PASSIVE until configured */
    uint32_t tcp_generation; /* a new number: a new connection from the same local port (RFC 4145 s. 5) */

    bool has_sctp;                        /* access: data channels over the DTLS association (RFC 8841) */
    uint16_t sctp_port, remote_sctp_port; /* ours and the peer's; remote 0: not known yet */
    uint32_t remote_max_message;          /* a=max-message-size of the peer; 0: any */
};

struct gw_iq_udptl {       /* one side of a fax: what we send there */
    uint8_t ec;            /* enum gw_iq_ec */
    uint8_t ifp_version;   /* T38FaxVersion of that side: 0 is the form of 1998, 1 and above that of 2002 */
    uint16_t max_datagram; /* T38FaxMaxDatagram of that peer; 0: any that fits a packet */
    uint8_t ec_depth;      /* secondaries, or entries of FEC, as T38FaxUdpECDepth wants; 0: as media likes */
    uint8_t fec_span;      /* packets that an entry covers, as T38FaxUdpFECMaxSpan wants; 0: as media likes */
};

struct gw_iq_pt {
    uint8_t access, core; /* payload type on either side; usually equal */
    uint32_t clock_hz;
};

struct gw_iq_ext {
    uint8_t access, core; /* RTP header extension ids (RFC 8285); those not listed are stripped */
};

struct gw_iq_stream {
    uint8_t id;   /* 1..255 */
    uint8_t kind; /* enum gw_iq_kind */
    uint8_t access_term, core_term;
    bool to_core, to_access; /* gates (through-connection) */
    char mid[GW_IQ_MID + 1]; /* access: to find the stream in a bundle */
    uint8_t mid_ext;         /* header extension id of sdes:mid on the access side; 0: none */
    uint8_t npts, nexts;
    struct gw_iq_pt pts[GW_IQ_PTS]; /* others are dropped and counted */
    struct gw_iq_ext exts[GW_IQ_EXTS];
    bool core_has_avpf; /* RTPFB and PSFB may cross; else PLI and FIR become Notify PICTURE_FAST_UPDATE */
    bool access_has_nack, access_has_pli, access_has_fir, core_has_nack, core_has_pli, core_has_fir;
    bool core_has_rsize, access_has_rsize; /* reduced-size RTCP (RFC 5506); else compound is made */
    struct gw_iq_udptl udptl[2];           /* IMAGE: towards access, towards core */
    bool is_opaque; /* secured end to end, between PLAIN terminations without rtcp-mux: datagrams pass as they are
                     * and nothing above is looked at (TS 33.328 s. 7.2.2) */
};

/* A data channel of an access termination, joined to a core termination of its own: TCP or TLS for MSRP and BFCP (BFCP
 * also UDP, RFC 8855 s. 6.2, or DTLS over it), RTP for T.140, UDPTL (plain or over DTLS) for T.38. Or MSRP or BFCP of
 * an IMS phone: then both terminations are TCP or TLS, each the other's only peer (TS 23.334 s. 5.11.2). Ids are of the
 * same space as those of streams. */
struct gw_iq_channel {
    uint8_t id;                     /* 1..255 */
    uint8_t protocol;               /* enum gw_iq_protocol */
    uint8_t access_term, core_term; /* as long as the channel lives */
    bool to_core, to_access;        /* gates; what the direction attributes of the SDP allow */
    uint16_t stream;                /* SCTP stream id of the dcmap (RFC 8864), or of the channel that came in band */
    bool is_agnostic; /* MSRP, BFCP: octets pass untouched, nothing is parsed (TS 23.334 s. 5.11.3); of a phone BFCP
                       * always, and MSRP unless has_b2bua */
    /* MSRP */
    bool has_b2bua; /* paths are rewritten; else CEMA: paths pass (RFC 6714, RFC 8873 s. 6) */
    char own_uri[GW_IQ_URI + 1], peer_uri[GW_IQ_URI + 1]; /* access leg; peer empty: learnt from its first message */
    char core_uri[GW_IQ_URI + 1];                         /* core leg: ours */
    char core_path[GW_IQ_PATH + 1];                       /* the whole path of the peer there; empty: not known */
    /* T.140 */
    uint8_t t140_pt, red_pt;       /* core payload types; red 0xff: none */
    uint8_t generations;           /* redundant ones that we send */
    uint16_t core_cps, access_cps; /* characters a second that each side takes; 0: 30 */
    /* T.38 */
    struct gw_iq_udptl udptl; /* towards the core */
};

struct gw_iq_req {
    uint64_t txn;
    uint8_t op;
    uint64_t ctx; /* 0 in a RESERVE: make a new context on the least loaded worker */
    char call[GW_IQ_CALL_ID + 1];
    bool is_emergency;
    uint8_t nterms, nstreams, nchannels;
    struct gw_iq_term terms[GW_IQ_TERMS];
    struct gw_iq_stream streams[GW_IQ_STREAMS];
    struct gw_iq_channel channels[GW_IQ_CHANNELS];
};

/* What a Reserve gives for each termination. */
struct gw_iq_local {
    uint8_t id;
    struct gw_addr rtp, rtcp; /* to be written into SDP (the advertised address); equal under rtcp-mux */
    uint8_t ncandidates;
    struct gw_addr candidates[2]; /* ICE: one host candidate per family */
    char ufrag[33], pwd[33];
    struct gw_iq_fingerprint fingerprint; /* SHA-256 of our certificate */
};

/* Counters of one stream, [0] access to core, [1] core to access. */
struct gw_iq_counters {
    uint8_t id;
    bool is_channel; /* then protocol is one of enum gw_iq_protocol */
    uint8_t protocol;
    uint8_t kind; /* of a stream: enum gw_iq_kind */
    struct gw_iq_direction {
        uint64_t packets, octets; /* relayed; of a fax (IMAGE, T38): IFPs */
        uint64_t lost;            /* gaps in sequence numbers seen by us; of a fax: beyond repair */
        uint64_t recovered;       /* of a fax: IFPs that redundancy or FEC brought back */
        uint64_t dropped;         /* replay, forged, gate closed, unknown payload type ... */
        uint32_t jitter_us;       /* RFC 3550 s. 6.4.1 */
        uint32_t duration_ms;     /* of a fax: from its first IFP to the last */
    } dir[2];
    uint32_t rtt_us;        /* to the access side by RTCP; 0 unknown */
    char security[40];      /* access side, e.g. "DTLS-SRTP AEAD_AES_128_GCM" */
    char core_security[40]; /* the other side: "none", "SDES AES_CM_128_HMAC_SHA1_80" */
};

struct gw_iq_reply {
    uint64_t txn;
    uint64_t ctx;
    int err; /* 0 or enum gw_err: LIMIT no worker or port, NOTFOUND no such context, INVAL, POLICY */
    uint8_t nlocals, ncounters;
    struct gw_iq_local locals[GW_IQ_TERMS];
    /* AUDIT, and RELEASE of the context; of a channel: messages and their octets */
    struct gw_iq_counters counters[GW_IQ_STREAMS + GW_IQ_CHANNELS];
};

enum gw_iq_event {
    GW_IQ_ICE_UP,              /* first nominated pair */
    GW_IQ_DTLS_UP,             /* fingerprint verified, keys in place */
    GW_IQ_DTLS_FAILED,         /* handshake failed or alert; cause tells MISMATCH (fingerprint), TIMEOUT, CRYPTO */
    GW_IQ_MEDIA_INACTIVE,      /* inactivity_s passed without media */
    GW_IQ_CONSENT_LOST,        /* no valid check for 30 s (RFC 7675) */
    GW_IQ_PICTURE_FAST_UPDATE, /* browser asked for a key frame and the core is AVP */
    GW_IQ_OUT_OF_SERVICE,      /* the worker is gone; its contexts with it */
    GW_IQ_SCTP_UP,             /* the association of an access termination is up */
    GW_IQ_CHANNEL_OPENED,      /* by the peer, in band (RFC 8832): `sctp_stream`, `protocol`; it waits to be joined */
    GW_IQ_CHANNEL_CLOSED, /* the peer closed the data channel of `stream`, or its association ended; stream 0: that of
                           * `sctp_stream`, which had waited to be joined (TIMEOUT: for too long) */
    GW_IQ_TCP_UP,         /* the connection of `term` of channel `stream` is established */
    GW_IQ_TCP_LOST,       /* it was lost, or could not be established (cause) */
};

struct gw_iq_notify {
    uint64_t ctx;
    uint8_t event;
    uint8_t term, stream; /* 0: the context */
    int cause;            /* enum gw_err */
    uint16_t sctp_stream; /* CHANNEL_OPENED, CHANNEL_CLOSED without stream */
    uint8_t protocol;     /* CHANNEL_OPENED: enum gw_iq_protocol */
    char call[GW_IQ_CALL_ID + 1];
};

/* The access gateway as signalling sees it. */
struct gw_agw;

/* Sends a request; takes *req (heap, from malloc). The reply comes to on_reply, always, once, later, on the control
 * thread: with err TIMEOUT after 2 s without one. GW_E_FULL: nothing was sent and *req is kept. Control thread only. */
typedef void gw_iq_reply_cb(void *arg, const struct gw_iq_reply *reply);
GW_MUST_CHECK int gw_agw_submit(struct gw_agw *agw, struct gw_iq_req **req, gw_iq_reply_cb *on_reply, void *arg);

#endif
