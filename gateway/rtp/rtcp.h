/* RTCP: compound packets (RFC 3550 s. 6), reduced-size ones (RFC 5506) and feedback (RFC 4585, 5104), and what a relay
 * does with them between peers of unequal abilities. Pure; any thread. */
#ifndef GW_RTCP_H
#define GW_RTCP_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum gw_rtcp_type {
    GW_RTCP_SR = 200,
    GW_RTCP_RR = 201,
    GW_RTCP_SDES = 202,
    GW_RTCP_BYE = 203,
    GW_RTCP_APP = 204,
    GW_RTCP_RTPFB = 205,
    GW_RTCP_PSFB = 206,
    GW_RTCP_XR = 207,
};
enum gw_rtcp_rtpfb { GW_RTCP_NACK = 1, GW_RTCP_TMMBR = 3, GW_RTCP_TMMBN = 4, GW_RTCP_TRANSPORT_CC = 15 };
enum gw_rtcp_psfb { GW_RTCP_PLI = 1, GW_RTCP_SLI = 2, GW_RTCP_RPSI = 3, GW_RTCP_FIR = 4, GW_RTCP_AFB = 15 };

enum {
    GW_RTCP_CNAME = 64,                                   /* longest CNAME that we put before a reduced-size packet */
    GW_RTCP_HEAD_MAX = 8 + 4 + 4 + 2 + GW_RTCP_CNAME + 4, /* octets that doing so adds at most */
};

/* One packet of a compound; borrows. */
struct gw_rtcp {
    uint8_t type;        /* enum gw_rtcp_type, or another */
    uint8_t count;       /* report or source count, sub-type, or feedback format */
    uint8_t padding;     /* octets at the end */
    struct gw_span all;  /* header, body and padding */
    struct gw_span body; /* after the four octets of header, without padding */
};

/* Walks a compound: *rest is the datagram first and what is left afterwards. GW_E_SHORT, GW_E_TYPE (version),
 * GW_E_RANGE (padding wrong, or elsewhere than in the last packet). */
GW_MUST_CHECK int gw_rtcp_next(struct gw_span *rest, struct gw_rtcp *out);

/* The whole datagram: every packet walked and its body long enough for its type. Compound: begins with SR or RR
 * (RFC 3550 A.2); a reduced-size one is GW_E_UNSUPPORTED unless `is_rsize_ok`. An empty datagram is GW_E_SHORT. */
GW_MUST_CHECK int gw_rtcp_check(struct gw_span datagram, bool is_rsize_ok);

struct gw_rtcp_sender { /* SR */
    uint32_t ssrc;
    uint64_t ntp; /* 32.32 seconds since 1900 */
    uint32_t rtp_ts, packets, octets;
};
struct gw_rtcp_block { /* reception report block of SR and RR */
    uint32_t ssrc;
    uint8_t fraction_lost;
    int32_t lost;
    uint32_t max_seq, jitter, lsr, dlsr; /* dlsr: 1/65536 s */
};
struct gw_rtcp_feedback { /* RTPFB and PSFB */
    uint32_t sender, media;
    struct gw_span fci;
};
/* `p` from gw_rtcp_next. GW_E_TYPE: another packet type. GW_E_SHORT. */
int gw_rtcp_parse_sr(const struct gw_rtcp *p, struct gw_rtcp_sender *out);
int gw_rtcp_parse_block(const struct gw_rtcp *p, unsigned i, struct gw_rtcp_block *out); /* GW_E_NOTFOUND: i >= count */
int gw_rtcp_parse_feedback(const struct gw_rtcp *p, struct gw_rtcp_feedback *out);
/* SSRC at the head of the first packet; `pkt` of 8 octets at least. */
uint32_t gw_rtcp_ssrc(const uint8_t *pkt);

/* What the peer that a datagram goes to understands, as its SDP said. */
struct gw_rtcp_caps {
    bool has_avpf; /* RTPFB and PSFB at all */
    bool has_nack, has_pli, has_fir, has_tmmbr;
    bool has_rsize;
};

/* What a datagram held, for statistics and for signalling. */
struct gw_rtcp_seen {
    bool has_pli, has_fir;    /* asked for a key frame */
    bool is_keyframe_dropped; /* and the peer will not hear it: tell it otherwise */
    uint32_t media;           /* SSRC that should send the key frame */
    bool has_bye;
    uint8_t passed, dropped; /* packets of the compound */
};

/* In place: makes of a datagram what this peer understands. SR, RR, SDES, BYE and APP pass. Feedback passes as `caps`
 * says; REMB, other application feedback and transport-wide congestion control end here, as they describe one hop and
 * nobody beyond answers them. XR and unknown types pass to an AVPF peer only. A peer without reduced-size RTCP gets an
 * empty RR and an SDES with `cname` in front of what does not begin with a report. *len becomes 0 if nothing is left to
 * send. Errors as of gw_rtcp_check (reduced size is accepted), and GW_E_LIMIT if `size` has no room (GW_RTCP_HEAD_MAX
 * is enough); then nothing has changed. */
GW_MUST_CHECK int gw_rtcp_filter(uint8_t *pkt, size_t *len, size_t size, const struct gw_rtcp_caps *caps,
                                 struct gw_span cname, struct gw_rtcp_seen *seen);

/* A key frame request, with the RR and SDES in front that a peer without reduced-size RTCP needs (`caps`). Which of PLI
 * and FIR: PLI if the peer has it, else FIR; GW_E_UNSUPPORTED if neither. `fir_seq`: the caller's counter, one more for
 * each new request (RFC 5104 s. 4.3.1.1). *len: octets written. GW_E_LIMIT. */
GW_MUST_CHECK int gw_rtcp_write_keyframe(uint8_t *buf, size_t *len, size_t size, const struct gw_rtcp_caps *caps,
                                         struct gw_span cname, uint32_t sender, uint32_t media, uint8_t fir_seq);

/* Round-trip time to one side: the SRs that we relayed to it are remembered, and its report blocks tell which one it
 * heard last and how long ago (RFC 3550 s. 6.4.1). */
struct gw_rtcp_rtt {
    struct {
        uint32_t ssrc, lsr;
        uint64_t at_us; /* 0: unused */
    } sent[4];
    uint8_t next;
    uint32_t rtt_us; /* latest; 0: unknown */
};
void gw_rtcp_rtt_on_sent(struct gw_rtcp_rtt *r, struct gw_span datagram, uint64_t now_us);     /* to that side */
void gw_rtcp_rtt_on_received(struct gw_rtcp_rtt *r, struct gw_span datagram, uint64_t now_us); /* from it */

#endif
