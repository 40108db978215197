/* The SDP side of a call, pure: offers and answers of the two legs in, SDP for the other leg and Iq requests out. It is
 * the only place that knows how WebRTC SDP and IMS SDP correspond (specs: TS 33.328 annex N, TS 23.334 s. 5.11, RFC
 * 3264). No I/O, no clock, no sockets. Thread: control.
 *
 * One exchange:                              what the call does with it
 *   gw_ms_offer(leg A's SDP)     -> Iq req   submit, wait for the reply
 *   gw_ms_offer_out(reply)       -> SDP      INVITE, UPDATE or 2xx to leg B
 *   gw_ms_answer(leg B's SDP)    -> Iq req   submit, wait for the reply
 *   gw_ms_answer_out(reply)      -> SDP      answer to leg A
 * or gw_ms_rollback() when the offer is refused (RFC 3264 s. 8: the state before the offer stands).
 *
 * A request with nterms == nstreams == 0 and op CONFIGURE asks for nothing: it need not be submitted, and the next step
 * takes reply NULL. No other call but gw_ms_current and the views between a request and its reply. */
#ifndef GW_INTERWORK_H
#define GW_INTERWORK_H

#include "gateway/base/conf.h"
#include "gateway/base/span.h"
#include "gateway/control/iq.h"
#include "signaling/e2ae/policy.h"

enum gw_leg { GW_LEG_ACCESS, GW_LEG_CORE };

/* Why SDP was refused, in SIP's words. */
struct gw_sdp_refusal {
    int status;     /* 400 not parsable, 488 nothing acceptable */
    int warn;       /* warn-code of RFC 3261 s. 20.43: 301 to 307, 370, 399; 0: none */
    char text[128]; /* warn-text or reason phrase */
};

struct gw_ms; /* media session */

/* conf is borrowed for the session's life. call: id for log and Iq. */
int gw_ms_new(const struct gw_conf *conf, const struct gw_e2ae_input *e2ae, const char *call, struct gw_ms **out);
void gw_ms_free(struct gw_ms *ms);

/* req is filled but for txn (and ctx, before a reply told it). All return 0 or an error with *why filled, and the state
 * is then as before the call: SYNTAX -> 400, UNSUPPORTED/POLICY/LIMIT -> 488, STATE: an offer is open already (491 or
 * 500 is the caller's choice) or none is. After a refused answer the offer is still open: roll back. */
GW_MUST_CHECK int gw_ms_offer(struct gw_ms *ms, enum gw_leg from, struct gw_span sdp, struct gw_iq_req *req,
                              struct gw_sdp_refusal *why);
/* *sdp is fresh (the caller frees), NUL-terminated. The error of the reply is returned as it came (LIMIT: 503). */
GW_MUST_CHECK int gw_ms_offer_out(struct gw_ms *ms, const struct gw_iq_reply *reply, char **sdp, size_t *len);
GW_MUST_CHECK int gw_ms_answer(struct gw_ms *ms, struct gw_span sdp, struct gw_iq_req *req, struct gw_sdp_refusal *why);
/* The exchange is over: the new state stands. *sdp is NULL and *len 0 if the gateway itself had offered
 * (gw_ms_reoffer). */
GW_MUST_CHECK int gw_ms_answer_out(struct gw_ms *ms, const struct gw_iq_reply *reply, char **sdp, size_t *len);

/* Another early dialog's answer to the same initial offer (forking), or the final one: re-points the core terminations;
 * the access leg keeps the answer it has. Only when no offer is open. *needs_reoffer: codecs, directions or m-lines
 * differ from that answer, so the call must re-INVITE the access leg once confirmed (with gw_ms_reoffer). req with
 * nothing to do has nterms == nstreams == 0; its reply need not be given back. */
GW_MUST_CHECK int gw_ms_reanswer(struct gw_ms *ms, struct gw_span sdp, struct gw_iq_req *req, bool *needs_reoffer,
                                 struct gw_sdp_refusal *why);
/* The core offers anew inside an early dialog (UPDATE, or PRACK; RFC 3311, RFC 3262 s. 5), which a browser cannot be
 * asked about: as gw_ms_reanswer, whoever of the two made the call. The answer to it is written from what the access
 * leg has said. UNSUPPORTED: it asks for more than that. */
GW_MUST_CHECK int gw_ms_early_offer(struct gw_ms *ms, struct gw_span sdp, struct gw_iq_req *req, bool *needs_reoffer,
                                    struct gw_sdp_refusal *why);
GW_MUST_CHECK int gw_ms_early_answer(struct gw_ms *ms, const struct gw_iq_reply *reply, char **sdp, size_t *len);
/* A new offer towards `to` made by the gateway itself from what the other leg last said. Needs no Iq before it is sent;
 * its answer goes to gw_ms_answer and gw_ms_answer_out. STATE if an offer is open or there was no exchange yet. */
GW_MUST_CHECK int gw_ms_reoffer(struct gw_ms *ms, enum gw_leg to, char **sdp, size_t *len);

/* gw_ms_answer said CLOSED: the answer takes none of the media that an offer of a call that is up brought, such as a
 * fax in place of voice. As gw_ms_rollback; but the answerer has seen that offer, and wants another of what there
 * was. */
GW_MUST_CHECK int gw_ms_decline(struct gw_ms *ms, struct gw_iq_req *req);
/* The open offer failed or was refused: back to the state before. req closes or restores what Iq had reserved for it;
 * it may have nothing to do, and its reply need not be given back. STATE if no offer is open. */
GW_MUST_CHECK int gw_ms_rollback(struct gw_ms *ms, struct gw_iq_req *req);
/* That leg is to be told of what changed without it: by gw_ms_offer_own where new m-lines need Iq first, else by
 * gw_ms_reoffer. Taken by the next offer to it. */
bool gw_ms_wants_offer(const struct gw_ms *ms, enum gw_leg to);
bool gw_ms_wants_lines(const struct gw_ms *ms);
/* Data channels that ended or were refused, to be given back when no other answer to their offer can come: req is a
 * RELEASE whose reply need not be given back. Called until false: there is no more, or an offer is open. */
bool gw_ms_release(struct gw_ms *ms, struct gw_iq_req *req);

/* A data channel came in band (CHANNEL_OPENED). It becomes an m-line of the core by gw_ms_offer_own, and outlives an
 * offer that is rolled back; or it is given back by gw_ms_release, as one that cannot be carried. */
void gw_ms_channel_opened(struct gw_ms *ms, const struct gw_iq_notify *n);
/* An offer of the gateway's own towards the core that brings new m-lines; as gw_ms_offer; gw_ms_offer_out follows. */
GW_MUST_CHECK int gw_ms_offer_own(struct gw_ms *ms, struct gw_iq_req *req);
/* Channels that wait for such an offer do so no longer. */
void gw_ms_drop_in_band(struct gw_ms *ms);
/* CHANNEL_CLOSED. True: it was the last, and the call has no other media. */
bool gw_ms_channel_closed(struct gw_ms *ms, const struct gw_iq_notify *n);
/* TCP_LOST of a channel: the next offer to the core asks for another connection. False: it is none of ours. */
bool gw_ms_connection_lost(struct gw_ms *ms, unsigned id);
/* It is of a phone's MSRP or BFCP, and the call has no other media. */
bool gw_ms_is_sole_connection(const struct gw_ms *ms, unsigned id);
/* *from: the leg that offered. */
bool gw_ms_has_open_offer(const struct gw_ms *ms, enum gw_leg *from);

/* The SDP last sent to that leg, unchanged (same o= version), for refreshes and for repeating an answer in the 2xx;
 * NULL before there is one. Valid until the next call. */
const char *gw_ms_current(const struct gw_ms *ms, enum gw_leg to, size_t *len);

/* Streams for the call record and for picture_fast_update: Iq stream ids of active video. */
unsigned gw_ms_video_streams(const struct gw_ms *ms, uint8_t ids[GW_IQ_STREAMS]);
uint64_t gw_ms_context(const struct gw_ms *ms); /* Iq context, 0 before the first reply */

#endif
