/* For interwork*.c and their tests alone. The media session is plain values: a state that an exchange works on, and a
 * copy of the state before it. Indices by leg are enum gw_leg; F is the leg that offers, T the other. */
#ifndef GW_INTERWORK_PRIV_H
#define GW_INTERWORK_PRIV_H

#include "signaling/call/interwork.h"
#include "signaling/call/offer_answer.h"
#include "signaling/sdp/sdp_attr.h"

enum { MS_NO_PT = 255, MS_NO_STREAM = -1, MS_SUITES = 8, MS_TLS_ID = 32 };

/* Header extensions that the gateway knows; those before EXT_MID cross it, sdes:mid ends on the access side. */
enum ms_ext { EXT_AUDIO_LEVEL, EXT_VIDEO_ORIENTATION, EXT_MID, EXT_COUNT };
extern const char *const ms_ext_uri[EXT_COUNT];

/* A payload type of a stream as offered, with its number on either leg. */
struct ms_codec {
    uint8_t pt[2];
    uint8_t answer_pt;     /* the answerer's number for it, MS_NO_PT: not in the answer */
    uint8_t answer_rank;   /* position in the answer */
    uint8_t packetization; /* H264: its packetization-mode (RFC 6184 s. 8.1) */
    char name[20];
    uint32_t clock_hz, channels;
};

/* RTCP feedback of an m-line, as bits. */
enum { FB_NACK = 1, FB_PLI = 2, FB_FIR = 4, FB_TMMBR = 8 };

/* Media that the two ends secure between themselves (TS 33.328 s. 7.2.2, 7.2.3, 7.3.2, 7.3.3). */
enum ms_pass {
    MS_NOT_PASSED,
    MS_ANCHORED, /* through our ports, as it is */
    MS_DIRECT,   /* from end to end: we have no part in it (e2e_anchor = no) */
};

struct ms_stream {
    bool is_used;        /* some m-line belongs to it */
    bool is_offered;     /* in the last or open offer */
    bool is_on;          /* and in its answer */
    bool was_configured; /* Iq knows it */
    bool is_resting;     /* a browser's voice whose m-line of the core is a fax now: no line there (MS_NO_LINE) */
    uint8_t kind;        /* enum gw_iq_kind */
    uint8_t pass;        /* enum ms_pass */
    uint8_t line[2];
    uint8_t term[2];      /* ids; 0: none yet */
    uint8_t direction[2]; /* enum gw_sdp_direction as that leg's last SDP says */
    uint8_t fb[2];        /* what that leg's last SDP says */
    bool has_rsize[2];
    unsigned ncodecs;
    struct ms_codec *codecs;   /* owned */
    uint8_t ext[EXT_COUNT][2]; /* ids, 0: not offered */
    bool ext_agreed[EXT_COUNT];
    struct gw_sdp_t38 t38[2]; /* of a fax, as that leg's last SDP says */
};

struct ms_line {                       /* an m-line of one leg; its place never changes (RFC 3264 s. 8) */
    int stream;                        /* index, MS_NO_STREAM */
    uint8_t channel;                   /* core: index of its data channel + 1; 0: none */
    bool is_dead;                      /* negotiated with port 0: its place may be used again */
    bool is_taken;                     /* its peer's last answer had a port, whatever came of it here */
    char type[16], proto[24], fmt[32]; /* of the last description; fmt: one, for a rejected line */
    char mid[GW_IQ_MID + 1];           /* empty: none */
    bool in_bundle;
};

/* Kind of the stream that stands for an m-line of data channels. It has no line on the core leg (MS_NO_LINE): each of
 * its channels has one of its own. */
enum { MS_DATA = 100, MS_NO_LINE = 255, MS_DCMAP = 320, MS_SCTP_PORT = 5000, MS_SCTP_STREAMS = 1024 };

/* Kinds of streams of phones: MSRP, BFCP, with a line on each leg. */
enum { MS_TCP_MSRP = 101, MS_TCP_BFCP = 102 };
static inline bool ms_is_tcp(unsigned kind)
{
    return kind == MS_TCP_MSRP || kind == MS_TCP_BFCP;
}

struct ms_data_row;

/* A data channel of the browser and its m-line towards the core (specs/data-media.md 2). */
struct ms_channel {
    bool is_used, is_offered, is_on, was_configured, was_answered;
    bool is_lost;                  /* its core connection: the next offer makes another */
    bool is_moved;                 /* another connection was agreed in the last exchange */
    bool is_in_band;               /* opened by DCEP: never in the browser's SDP (RFC 8864 s. 6.1) */
    bool is_waiting;               /* came in band, its offer was rolled back and is made again */
    bool is_closed;                /* by the browser, without a word of SDP */
    bool has_cema;                 /* MSRP: paths and roles pass (RFC 6714, RFC 8873 s. 6), else they are ours */
    uint8_t protocol;              /* enum gw_iq_protocol */
    const struct ms_data_row *row; /* of its m-line */
    uint8_t iq;                    /* id at Iq; never given again */
    uint16_t id;                   /* of the SCTP stream */
    uint8_t stream;                /* index of its MS_DATA stream */
    uint8_t core_line, core_term;  /* core_line MS_NO_LINE: its m-line serves something else now */
    uint8_t phone_term;            /* of a phone: its own on the access side; 0: a browser's, that of its stream */
    uint8_t direction[2];          /* enum gw_sdp_direction, as that leg said */
    uint8_t setup[2];              /* enum gw_sdp_setup: MSRP role (dcsa) of the browser; TCP role of the core */
    uint8_t t140_pt, red_pt, generations;
    uint16_t cps[2];
    struct gw_sdp_t38 t38[2]; /* as that leg's last SDP says */
    char options[MS_DCMAP];   /* of its dcmap, as first written */
    char token[17];           /* of our MSRP URIs */
    char client_uri[GW_IQ_URI + 1], core_path[GW_IQ_PATH + 1];
};

/* What a core m-line carries and over what: one row for each transport. */
struct ms_data_row {
    const char *type, *proto;
    uint8_t protocol;            /* enum gw_iq_protocol */
    uint8_t transport, security; /* of its termination */
};

struct ms_term {
    struct gw_iq_term want;
    bool is_reserved; /* local is known */
    struct gw_iq_local local;
    char tls_id[MS_TLS_ID + 1]; /* ours, when the peer has one */
    char remote_tls_id[256];
    uint32_t crypto_tag; /* of the chosen line */
    unsigned noffered;   /* SDES lines we offered */
    struct ms_offered {
        uint32_t tag;
        uint8_t suite; /* enum gw_sdp_suite */
        uint8_t key[GW_SDP_CRYPTO_KEY];
    } offered[MS_SUITES];
};

struct ms_leg {
    unsigned nlines;
    struct ms_line lines[GW_SDP_MEDIA];
    unsigned next_mid;         /* a mid is never used again */
    uint8_t ext_id[EXT_COUNT]; /* access: an id keeps its meaning for the whole session (RFC 8285 s. 5) */
    bool has_bundle;           /* the leg's last description groups its m-lines */
    char *remote, *local;      /* SDP last received and last sent; owned */
    size_t local_len;
    uint64_t o_version;
    struct gw_addr o_addr;
};

struct ms_state {
    enum gw_leg from;  /* of the open or last offer */
    bool is_self_made; /* gw_ms_reoffer */
    struct ms_leg legs[2];
    unsigned nstreams;
    struct ms_stream streams[GW_IQ_STREAMS];
    unsigned nterms;
    struct ms_term *terms; /* owned */
    unsigned nchannels;
    struct ms_channel *channels; /* owned */
};

enum { MS_CEMA_AUTO, MS_CEMA_FIRST, MS_CEMA_NO }; /* core_cema of the configuration */

struct gw_ms {
    const struct gw_conf *conf;
    struct gw_e2ae_input e2ae;
    char call[GW_IQ_CALL_ID + 1];
    uint64_t ctx;
    uint64_t o_id[2];
    unsigned next_term, next_channel; /* ids given out, never taken back */
    bool wants_offer[2];              /* that leg is to be told of what changed without it */
    struct ms_in_band {               /* not offered yet; or orphans, whose streams are to be reset */
        uint8_t term, protocol;
        uint16_t stream;
        bool is_orphan;
    } in_band[2 * GW_IQ_CHANNELS];
    unsigned nin_band;
    unsigned next_sctp; /* the same of SCTP streams: ours are odd, as we end as the DTLS server */
    enum gw_oa_state oa;
    uint8_t told[32];             /* ms_access_view of the last whole exchange */
    struct ms_state now, *before; /* before: owned, NULL unless an offer is open */
};

/* --- interwork.c: words */
void ms_refuse(struct gw_sdp_refusal *why, int status, int warn, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static inline enum gw_leg ms_other(enum gw_leg leg)
{
    return leg == GW_LEG_ACCESS ? GW_LEG_CORE : GW_LEG_ACCESS;
}
static inline bool ms_is_webrtc(const struct gw_ms *ms, enum gw_leg leg)
{
    return leg == GW_LEG_ACCESS && ms->e2ae.client == GW_CLIENT_WIC;
}
bool ms_is_secure(const char *proto); /* SAVP(F), with or without DTLS */
bool ms_is_avpf(const char *proto);

/* --- interwork_state.c */
int ms_state_copy(struct ms_state *to, const struct ms_state *from);
void ms_state_fini(struct ms_state *s);
struct ms_term *ms_term(struct gw_ms *ms, unsigned id); /* NULL for 0 */
int ms_term_new(struct gw_ms *ms, enum gw_leg leg, struct ms_term **out);
void ms_term_remove(struct gw_ms *ms, unsigned id);
/* The stream of an offered m-line and its place on the other leg: found, or made. */
int ms_bind(struct gw_ms *ms, enum gw_leg from, unsigned line, enum gw_iq_kind kind, struct ms_stream **out);
/* A free stream; a place for a new m-line. */
int ms_take_stream(struct gw_ms *ms, enum gw_iq_kind kind, int *index);
int ms_take_line(struct ms_leg *leg, unsigned *index);
void ms_unbind(struct gw_ms *ms, enum gw_leg from, unsigned line);

/* --- interwork_again.c */
/* A digest of what the access leg knows of the session: streams, directions, codecs, channels. */
void ms_access_view(const struct gw_ms *ms, uint8_t out[32]);

/* --- interwork_codec.c */
/* Fills codecs and extensions of s from an offered m-line; refused when no codec is left. */
int ms_codecs_offer(struct gw_ms *ms, enum gw_leg from, struct ms_stream *s, const struct gw_sdp_media *m,
                    struct gw_sdp_refusal *why);
int ms_codecs_answer(struct gw_ms *ms, enum gw_leg from, struct ms_stream *s, const struct gw_sdp_media *m,
                     struct gw_sdp_refusal *why);
unsigned ms_feedback(const struct gw_sdp_section *m);
/* Rows of the answer in its order. */
/* A browser offers H.264 once per profile; phones of libre answer one of them and send with the number of another. The
 * agreed row that such packets mean; NULL: none. */
const struct ms_codec *ms_codec_twin(const struct ms_stream *s, const struct ms_codec *c);
unsigned ms_codecs_agreed(const struct ms_stream *s, const struct ms_codec *rows[GW_IQ_PTS]);

/* --- interwork_transport.c: addresses, ICE, DTLS and SDES of a received m-line, into its termination */
int ms_transport_offer(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line, struct ms_stream *s,
                       struct gw_sdp_refusal *why);
int ms_transport_answer(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line,
                        struct ms_stream *s, struct gw_sdp_refusal *why);
/* The termination towards the answerer, made when it is new. is_protected: e2ae, so a phone gets SDES. */
int ms_transport_out(struct gw_ms *ms, enum gw_leg to, struct ms_stream *s, bool is_protected);

/* --- interwork_tcp.c: MSRP and BFCP of phones, streams of kind MS_TCP_MSRP and MS_TCP_BFCP */
int ms_tcp_offer(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line, bool is_protected,
                 enum ms_pass pass, struct gw_sdp_refusal *why);
int ms_tcp_answer(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line, struct ms_stream *s,
                  struct gw_sdp_refusal *why);
void ms_tcp_keep(struct gw_ms *ms, struct ms_stream *s); /* in an offer of our own */
void ms_tcp_write(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, const struct ms_stream *s, bool is_offer,
                  struct gw_sdp_buf *b);

/* --- interwork_pass.c: m-lines that are secured end to end */
/* Session attributes that such m-lines rest on, if there is one of them. */
void ms_pass_write_session(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, struct gw_sdp_buf *b);
void ms_pass_write(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, const struct ms_stream *s, bool is_offer,
                   struct gw_sdp_buf *b);
/* The direction that is told to a leg (RFC 3264 s. 6.1). */
enum gw_sdp_direction ms_direction_out(const struct ms_stream *s, enum gw_leg to, bool is_offer);

struct ms_dtls { /* of a received m-line */
    unsigned nfingerprints;
    struct gw_iq_fingerprint fingerprints[GW_IQ_FINGERPRINTS];
    struct gw_span tls_id;
    enum gw_sdp_setup setup;
};
int ms_read_dtls(const struct gw_sdp *sdp, const struct gw_sdp_media *m, struct ms_dtls *d, struct gw_sdp_refusal *why);
void ms_take_dtls(struct ms_term *t, const struct ms_dtls *d, bool is_offer);
void ms_take_ice(struct ms_term *t, struct gw_span ufrag, struct gw_span pwd, bool is_offer);

/* --- interwork_sdes.c (RFC 4568 s. 5, 7; TS 33.328 annex E) */
int ms_sdes_offer(struct gw_ms *ms, struct ms_term *t, const struct gw_sdp_media *m, struct gw_sdp_refusal *why);
int ms_sdes_answer(struct gw_ms *ms, struct ms_term *t, const struct gw_sdp_media *m, struct gw_sdp_refusal *why);
void ms_sdes_out(struct gw_ms *ms, struct ms_term *t); /* the lines that we offer; the same ones again later */
void ms_sdes_clear(struct ms_term *t);
void ms_sdes_write(struct gw_sdp_buf *b, const struct ms_term *t, bool is_offer);

/* Addresses of a core m-line, of a core network. */
int ms_core_address(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_addr *rtp,
                    struct gw_addr *rtcp, struct gw_sdp_refusal *why);
uint8_t ms_core_family(const struct gw_ms *ms);
struct gw_addr ms_leg_address(const struct gw_ms *ms, enum gw_leg leg); /* our first one there */
unsigned ms_read_fingerprints(const struct gw_sdp_section *s, struct gw_iq_fingerprint out[GW_IQ_FINGERPRINTS]);

struct ms_kept {
    unsigned n;
    struct ms_channel channels[GW_IQ_CHANNELS];
    struct ms_term terms[GW_IQ_CHANNELS];
};

/* --- interwork_data.c: the life of data channels, each with an m-line towards the core */
const struct ms_data_row *ms_data_row(const struct gw_sdp_media *m); /* of a core m-line; NULL: carries no channel */
/* The row of our own offers. NULL: a protocol that no browser opens. */
const struct ms_data_row *ms_data_own_row(const struct gw_ms *ms, enum gw_iq_protocol protocol);
const struct ms_data_row *ms_data_tcp_row(enum gw_iq_protocol protocol, enum gw_iq_security security);
const char *ms_data_subprotocol(enum gw_iq_protocol protocol);
int ms_data_protocol(const char *subprotocol); /* enum gw_iq_protocol, or negative */
/* A new channel with its termination. line: its m-line of the core, MS_NO_LINE: one is found. LIMIT, NOMEM: no trace.
 */
int ms_channel_new(struct gw_ms *ms, unsigned stream, const struct ms_data_row *row, unsigned line,
                   struct ms_channel **out);
/* The channel of a phone's stream, whose lines and terminations are there. */
int ms_channel_join(struct gw_ms *ms, const struct ms_stream *s, const struct ms_data_row *row,
                    struct ms_channel **out);
/* One that was, with its termination, in a state that has neither. */
int ms_channel_put(struct gw_ms *ms, const struct ms_channel *was, const struct ms_term *its, struct ms_channel **out);
struct ms_channel *ms_channel_of(struct gw_ms *ms, const struct ms_line *l, bool is_offer); /* active, or NULL */
struct ms_channel *ms_channel_find(struct gw_ms *ms, unsigned stream, unsigned id);
void ms_channel_leave(struct gw_ms *ms, struct ms_line *l); /* its m-line serves something else */
bool ms_data_is_offered(const struct gw_ms *ms);            /* any channel */
/* Associations go on, and with them their channels, in an offer that does not speak of them. False: there is none. */
bool ms_data_keep(struct gw_ms *ms, bool has_channels);
void ms_data_iq(struct gw_ms *ms, struct gw_iq_req *req, bool is_configure);
void ms_data_uri(struct gw_ms *ms, const struct ms_channel *c, enum gw_leg leg, char *buf, size_t size);

const char *ms_data_format(const struct ms_channel *c); /* of its core m-line, one of them */

/* --- interwork_data_own.c: what happens to channels without SDP */
/* Before and after the state is put back: new channels that came in band stay. */
void ms_in_band_save(struct gw_ms *ms, struct ms_kept *k);
void ms_in_band_restore(struct gw_ms *ms, const struct ms_kept *k);

int ms_data_refuse(struct gw_sdp_refusal *why, int warn, const char *text);
/* Of "98 cps=20" or "t140 cps=20"; the default without one. */
uint16_t ms_data_cps(const struct gw_ms *ms, struct gw_span params);
bool ms_data_has_token(struct gw_span list, const char *word);

/* --- interwork_data_client.c, interwork_data_core.c */
int ms_data_offer(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_sdp_refusal *why);
int ms_data_core_offer(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_sdp_refusal *why);
int ms_data_answer(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_sdp_refusal *why);
/* The browser's answer for an m-line of channels: which of them it has, and how many. */
int ms_data_client_answer(struct gw_ms *ms, const struct gw_sdp_media *m, struct ms_stream *s, unsigned *n,
                          struct gw_sdp_refusal *why);

/* --- interwork_fax.c: T.38 between the legs (specs/data-media.md 6) */
/* What is written for a leg of what both have said. An answer of UNSUPPORTED rate management is refused before. */
void ms_fax_write(struct gw_sdp_buf *b, const char *prefix, const struct gw_sdp_t38 t38[2], enum gw_leg to,
                  bool is_offer, bool is_udptl);
int ms_fax_check(const struct gw_sdp_t38 t38[2], enum gw_leg offerer, struct gw_sdp_refusal *why);
/* How we send to a leg. */
struct gw_iq_udptl ms_fax_udptl(const struct gw_sdp_t38 t38[2], enum gw_leg to);
static inline bool ms_is_fax(const struct ms_stream *s) /* between phones; a browser's is a channel */
{
    return s->kind == GW_IQ_IMAGE && !s->pass;
}
bool ms_fax_is_dtls(const char *proto);
const char *ms_fax_profile(const struct gw_ms *ms, enum gw_leg to, bool is_protected);
bool ms_fax_has_ice(const struct gw_sdp *sdp, const struct gw_sdp_media *m); /* of a full agent */
/* What a received m-line says of DTLS and ICE, into its termination. */
int ms_fax_transport(const struct gw_sdp *sdp, const struct gw_sdp_media *m, struct ms_term *t,
                     const struct gw_addr *remote, bool is_offer, struct gw_sdp_refusal *why);
int ms_fax_answer(struct ms_stream *s, enum gw_leg from, const struct gw_sdp_media *m, struct gw_sdp_refusal *why);
void ms_fax_write_media(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, const struct ms_stream *s,
                        bool is_offer, struct gw_sdp_buf *b);
int ms_fax_read(const struct gw_sdp_media *m, struct gw_sdp_t38 *out, struct gw_sdp_refusal *why); /* an m=image */
void ms_fax_write_bandwidth(struct gw_sdp_buf *b, const struct gw_addr *a);
/* RFC 7345 s. 4: what a peer says of DTLS without ICE, and where it is. */
int ms_fax_take_dtls(struct ms_term *t, const struct ms_dtls *d, const struct gw_addr *remote, bool is_offer,
                     struct gw_sdp_refusal *why);

/* --- interwork_rest.c: a browser's voice while the core has a fax in its place (T38-010) */
void ms_rest_begin(struct gw_ms *ms, unsigned line); /* the stream of that core line, if it is voice, leaves it */
void ms_rest_keep(struct gw_ms *ms);                 /* in an offer that says nothing of them */
/* After the lines of an offer, or of the core's answer, were read: voice that goes to rest, or comes back. */
int ms_rest_after_offer(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, struct gw_sdp_refusal *why);
void ms_rest_after_answer(struct gw_ms *ms);
/* Voice that rests, for a core line that is free; MS_NO_STREAM: none. */
int ms_rest_wake(struct gw_ms *ms, unsigned line);
void ms_rest_write(struct gw_ms *ms, const struct ms_stream *s, bool is_offer, struct gw_sdp_buf *b);

/* --- interwork_data_write.c */
/* Whether an attribute of a channel means the same on both sides and passes. */
bool ms_data_is_passing(const struct ms_channel *c, const struct ms_term *core, struct gw_span name);
void ms_data_write_core(struct gw_ms *ms, const struct gw_sdp *src, unsigned line, bool is_offer, struct gw_sdp_buf *b);
void ms_data_write_client(struct gw_ms *ms, const struct gw_sdp *src, const struct ms_stream *s, bool is_offer,
                          struct gw_sdp_buf *b);
void ms_write_c(struct gw_sdp_buf *b, const struct gw_addr *a);
void ms_write_fingerprint(struct gw_sdp_buf *b, const struct ms_term *t);         /* of our certificate */
void ms_write_dtls(struct gw_sdp_buf *b, const struct ms_term *t, bool is_offer); /* fingerprint, setup, tls-id */
bool ms_write_ends_here(struct gw_span name); /* an attribute that does not pass to the other leg */
/* ICE, fingerprint, setup, tls-id and, unless NULL, mid of an m-line with ICE. */
void ms_write_transport(struct gw_sdp_buf *b, const struct ms_term *t, const char *mid, bool is_offer);

/* --- interwork.c: what every exchange needs */
int ms_step(struct gw_ms *ms, enum gw_oa_event event, struct gw_sdp_refusal *why); /* the next state, or STATE */
int ms_parse(struct gw_ms *ms, struct gw_span text, struct gw_sdp **out, struct gw_sdp_refusal *why);
int ms_remember(struct ms_leg *leg, struct gw_span text);
/* What an open offer can be taken back to: kept, dropped, put back. */
int ms_keep_before(struct gw_ms *ms);
void ms_drop_before(struct gw_ms *ms);
void ms_restore(struct gw_ms *ms);
void ms_log_refused(const struct gw_ms *ms, enum gw_leg leg, unsigned line, const struct gw_sdp_refusal *why);
void ms_commit(struct gw_ms *ms);
bool ms_has_bundle(const struct ms_leg *leg);
int ms_write_leg(struct gw_ms *ms, enum gw_leg to, bool is_offer);
int ms_hand_out(struct gw_ms *ms, enum gw_leg leg, char **sdp, size_t *len);

/* --- interwork_offer.c, interwork_answer.c, interwork_reoffer.c */
int ms_offer_lines(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, struct gw_sdp_refusal *why);
/* Reads an answer of leg `from` into the state; on error the state is as before. */
int ms_take_answer(struct gw_ms *ms, enum gw_leg from, struct gw_span text, struct gw_sdp_refusal *why);
/* Opens an offer of our own from what the other leg last said, which is *src. On error nothing was changed. */
int ms_own_begin(struct gw_ms *ms, enum gw_leg to, enum gw_oa_event event, struct gw_sdp **src);

/* --- interwork_iq.c */
void ms_iq_begin(const struct gw_ms *ms, struct gw_iq_req *req, enum gw_iq_op op);
void ms_iq_reserve(struct gw_ms *ms, struct gw_iq_req *req);                /* terminations that are new */
void ms_iq_configure(struct gw_ms *ms, struct gw_iq_req *req);              /* everything */
void ms_iq_difference(struct gw_iq_req *req, const struct gw_iq_req *from); /* takes out what `from` has alike */
int ms_iq_absorb(struct gw_ms *ms, const struct gw_iq_reply *reply);

/* --- interwork_write.c. src: the other leg's last SDP. The text is stored as the leg's current one. */
int ms_write(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, bool is_offer);

#endif
