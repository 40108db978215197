/* The table: every field of every value of iq.h, once. */
#include "gateway/control/iq_json.h"
#include "gateway/control/iq_json_priv.h"

#define SIZE(t, f) sizeof(((struct gw_iq_##t *)0)->f)
#define AT(t, f) offsetof(struct gw_iq_##t, f)

#define NUMBER(t, f)                                                                                                   \
    {                                                                                                                  \
        .name = #f, .kind = GW_IQ_F_NUMBER, .offset = AT(t, f), .size = SIZE(t, f)                                     \
    }
#define FLAG(t, f)                                                                                                     \
    {                                                                                                                  \
        .name = #f, .kind = GW_IQ_F_FLAG, .offset = AT(t, f), .size = SIZE(t, f)                                       \
    }
#define WORD(t, f, w)                                                                                                  \
    {                                                                                                                  \
        .name = #f, .kind = GW_IQ_F_WORD, .offset = AT(t, f), .size = SIZE(t, f), .words = w                           \
    }
#define TEXT(t, f)                                                                                                     \
    {                                                                                                                  \
        .name = #f, .kind = GW_IQ_F_TEXT, .offset = AT(t, f), .size = SIZE(t, f)                                       \
    }
#define ADDRESS(t, f)                                                                                                  \
    {                                                                                                                  \
        .name = #f, .kind = GW_IQ_F_ADDRESS, .offset = AT(t, f), .size = SIZE(t, f)                                    \
    }
#define OBJECT(t, f, ty)                                                                                               \
    {                                                                                                                  \
        .name = #f, .kind = GW_IQ_F_OBJECT, .offset = AT(t, f), .size = SIZE(t, f), .type = &ty                        \
    }
#define OCTETS(t, f, n)                                                                                                \
    {                                                                                                                  \
        .name = #f, .kind = GW_IQ_F_OCTETS, .offset = AT(t, f), .size = SIZE(t, f), .count = AT(t, n),                 \
        .count_size = SIZE(t, n)                                                                                       \
    }
#define LIST(t, f, k, n, ty)                                                                                           \
    {                                                                                                                  \
        .name = #f, .kind = k, .offset = AT(t, f), .size = SIZE(t, f[0]), .max = SIZE(t, f) / SIZE(t, f[0]),           \
        .count = AT(t, n), .count_size = SIZE(t, n), .type = ty                                                        \
    }
#define BOTH(t, f, ty)                                                                                                 \
    {                                                                                                                  \
        .name = #f, .kind = GW_IQ_F_OBJECT, .offset = AT(t, f), .size = SIZE(t, f[0]), .max = 2, .count = GW_IQ_F_ALL, \
        .type = &ty                                                                                                    \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

#define TYPE(t, fields_) static const struct gw_iq_type t##_type = { #t, sizeof(struct gw_iq_##t), fields_ }

/* ---- words ---- */

#define W static const struct gw_iq_word
#define NO_MORE                                                                                                        \
    {                                                                                                                  \
        0, NULL                                                                                                        \
    }

W ops[] = { { GW_IQ_RESERVE, "reserve" },
            { GW_IQ_CONFIGURE, "configure" },
            { GW_IQ_RESERVE_CONFIGURE, "reserve-configure" },
            { GW_IQ_THROUGH, "through" },
            { GW_IQ_RELEASE, "release" },
            { GW_IQ_AUDIT, "audit" },
            { GW_IQ_KEYFRAME, "keyframe" },
            NO_MORE };
W realms[] = { { GW_IQ_ACCESS, "access" }, { GW_IQ_CORE, "core" }, NO_MORE };
W securities[] = {
    { GW_IQ_PLAIN, "plain" }, { GW_IQ_SDES, "sdes" }, { GW_IQ_DTLS, "dtls" }, { GW_IQ_TLS, "tls" }, NO_MORE
};
W setups[] = { { GW_IQ_SETUP_PASSIVE, "passive" }, { GW_IQ_SETUP_ACTIVE, "active" }, NO_MORE };
W kinds[] = { { GW_IQ_AUDIO, "audio" }, { GW_IQ_VIDEO, "video" }, { GW_IQ_IMAGE, "image" }, NO_MORE };
W transports[] = { { GW_IQ_UDP, "udp" }, { GW_IQ_TCP, "tcp" }, NO_MORE };
W protocols[] = {
    { GW_IQ_MSRP, "msrp" }, { GW_IQ_BFCP, "bfcp" }, { GW_IQ_T140, "t140" }, { GW_IQ_T38, "t38" }, NO_MORE
};
W ecs[] = { { GW_IQ_EC_NONE, "none" }, { GW_IQ_EC_REDUNDANCY, "redundancy" }, { GW_IQ_EC_FEC, "fec" }, NO_MORE };
W hashes[] = { { 0, "" },
               { GW_IQ_SHA1, "sha-1" },
               { GW_IQ_SHA224, "sha-224" },
               { GW_IQ_SHA256, "sha-256" },
               { GW_IQ_SHA384, "sha-384" },
               { GW_IQ_SHA512, "sha-512" },
               NO_MORE };
W suites[] = { { GW_IQ_SUITE_NONE, "none" },
               { GW_IQ_AES_CM_128_HMAC_SHA1_80, "AES_CM_128_HMAC_SHA1_80" },
               { GW_IQ_AES_CM_128_HMAC_SHA1_32, "AES_CM_128_HMAC_SHA1_32" },
               { GW_IQ_AEAD_AES_128_GCM, "AEAD_AES_128_GCM" },
               { GW_IQ_AEAD_AES_256_GCM, "AEAD_AES_256_GCM" },
               { GW_IQ_AES_256_CM_HMAC_SHA1_80, "AES_256_CM_HMAC_SHA1_80" },
               { GW_IQ_AES_256_CM_HMAC_SHA1_32, "AES_256_CM_HMAC_SHA1_32" },
               NO_MORE };
W events[] = { { GW_IQ_ICE_UP, "ice-up" },
               { GW_IQ_DTLS_UP, "dtls-up" },
               { GW_IQ_DTLS_FAILED, "dtls-failed" },
               { GW_IQ_MEDIA_INACTIVE, "media-inactive" },
               { GW_IQ_CONSENT_LOST, "consent-lost" },
               { GW_IQ_PICTURE_FAST_UPDATE, "picture-fast-update" },
               { GW_IQ_OUT_OF_SERVICE, "out-of-service" },
               { GW_IQ_SCTP_UP, "sctp-up" },
               { GW_IQ_CHANNEL_OPENED, "channel-opened" },
               { GW_IQ_CHANNEL_CLOSED, "channel-closed" },
               { GW_IQ_TCP_UP, "tcp-up" },
               { GW_IQ_TCP_LOST, "tcp-lost" },
               NO_MORE };
/* By name, as the numbers change when a row is added. */
W errors[] = { { 0, "ok" },
#define X(name, text) { GW_E_##name, #name },
#include "gateway/base/err.def"
#undef X
               NO_MORE };

/* ---- fields ---- */

static const struct gw_iq_field crypto_fields[] = { WORD(crypto, suite, suites),
                                                    OCTETS(crypto, key, key_len),
                                                    FLAG(crypto, is_unencrypted_srtp),
                                                    FLAG(crypto, is_unencrypted_srtcp),
                                                    FLAG(crypto, is_unauthenticated_srtp),
                                                    NUMBER(crypto, mki_len),
                                                    NUMBER(crypto, mki),
                                                    NUMBER(crypto, wsh),
                                                    END };
TYPE(crypto, crypto_fields);

static const struct gw_iq_field fingerprint_fields[] = { WORD(fingerprint, hash, hashes),
                                                         OCTETS(fingerprint, value, len), END };
TYPE(fingerprint, fingerprint_fields);

static const struct gw_iq_field term_fields[] = { NUMBER(term, id),
                                                  WORD(term, realm, realms),
                                                  WORD(term, security, securities),
                                                  NUMBER(term, family),
                                                  FLAG(term, has_ice),
                                                  FLAG(term, has_rtcp_mux),
                                                  FLAG(term, is_latching),
                                                  NUMBER(term, inactivity_s),
                                                  NUMBER(term, dscp),
                                                  FLAG(term, has_remote),
                                                  ADDRESS(term, remote_rtp),
                                                  ADDRESS(term, remote_rtcp),
                                                  NUMBER(term, ice_generation),
                                                  TEXT(term, remote_ufrag),
                                                  TEXT(term, remote_pwd),
                                                  NUMBER(term, dtls_generation),
                                                  WORD(term, setup, setups),
                                                  LIST(term, fingerprints, GW_IQ_F_OBJECT, nfingerprints,
                                                       &fingerprint_type),
                                                  OBJECT(term, local, crypto_type),
                                                  OBJECT(term, remote, crypto_type),
                                                  WORD(term, transport, transports),
                                                  WORD(term, tcp_setup, setups),
                                                  NUMBER(term, tcp_generation),
                                                  FLAG(term, has_sctp),
                                                  NUMBER(term, sctp_port),
                                                  NUMBER(term, remote_sctp_port),
                                                  NUMBER(term, remote_max_message),
                                                  END };
TYPE(term, term_fields);

static const struct gw_iq_field udptl_fields[] = { WORD(udptl, ec, ecs),        NUMBER(udptl, ifp_version),
                                                   NUMBER(udptl, max_datagram), NUMBER(udptl, ec_depth),
                                                   NUMBER(udptl, fec_span),     END };
TYPE(udptl, udptl_fields);

static const struct gw_iq_field pt_fields[] = { NUMBER(pt, access), NUMBER(pt, core), NUMBER(pt, clock_hz), END };
TYPE(pt, pt_fields);

static const struct gw_iq_field ext_fields[] = { NUMBER(ext, access), NUMBER(ext, core), END };
TYPE(ext, ext_fields);

static const struct gw_iq_field stream_fields[] = { NUMBER(stream, id),
                                                    WORD(stream, kind, kinds),
                                                    NUMBER(stream, access_term),
                                                    NUMBER(stream, core_term),
                                                    FLAG(stream, to_core),
                                                    FLAG(stream, to_access),
                                                    TEXT(stream, mid),
                                                    NUMBER(stream, mid_ext),
                                                    LIST(stream, pts, GW_IQ_F_OBJECT, npts, &pt_type),
                                                    LIST(stream, exts, GW_IQ_F_OBJECT, nexts, &ext_type),
                                                    FLAG(stream, core_has_avpf),
                                                    FLAG(stream, access_has_nack),
                                                    FLAG(stream, access_has_pli),
                                                    FLAG(stream, access_has_fir),
                                                    FLAG(stream, core_has_nack),
                                                    FLAG(stream, core_has_pli),
                                                    FLAG(stream, core_has_fir),
                                                    FLAG(stream, core_has_rsize),
                                                    FLAG(stream, access_has_rsize),
                                                    BOTH(stream, udptl, udptl_type),
                                                    FLAG(stream, is_opaque),
                                                    END };
TYPE(stream, stream_fields);

static const struct gw_iq_field channel_fields[] = { NUMBER(channel, id),
                                                     WORD(channel, protocol, protocols),
                                                     NUMBER(channel, access_term),
                                                     NUMBER(channel, core_term),
                                                     FLAG(channel, to_core),
                                                     FLAG(channel, to_access),
                                                     NUMBER(channel, stream),
                                                     FLAG(channel, is_agnostic),
                                                     FLAG(channel, has_b2bua),
                                                     TEXT(channel, own_uri),
                                                     TEXT(channel, peer_uri),
                                                     TEXT(channel, core_uri),
                                                     TEXT(channel, core_path),
                                                     NUMBER(channel, t140_pt),
                                                     NUMBER(channel, red_pt),
                                                     NUMBER(channel, generations),
                                                     NUMBER(channel, core_cps),
                                                     NUMBER(channel, access_cps),
                                                     OBJECT(channel, udptl, udptl_type),
                                                     END };
TYPE(channel, channel_fields);

static const struct gw_iq_field req_fields[] = { NUMBER(req, txn),
                                                 WORD(req, op, ops),
                                                 NUMBER(req, ctx),
                                                 TEXT(req, call),
                                                 FLAG(req, is_emergency),
                                                 LIST(req, terms, GW_IQ_F_OBJECT, nterms, &term_type),
                                                 LIST(req, streams, GW_IQ_F_OBJECT, nstreams, &stream_type),
                                                 LIST(req, channels, GW_IQ_F_OBJECT, nchannels, &channel_type),
                                                 END };

static const struct gw_iq_field local_fields[] = { NUMBER(local, id),
                                                   ADDRESS(local, rtp),
                                                   ADDRESS(local, rtcp),
                                                   LIST(local, candidates, GW_IQ_F_ADDRESS, ncandidates, NULL),
                                                   TEXT(local, ufrag),
                                                   TEXT(local, pwd),
                                                   OBJECT(local, fingerprint, fingerprint_type),
                                                   END };
TYPE(local, local_fields);

static const struct gw_iq_field direction_fields[] = { NUMBER(direction, packets),     NUMBER(direction, octets),
                                                       NUMBER(direction, lost),        NUMBER(direction, recovered),
                                                       NUMBER(direction, dropped),     NUMBER(direction, jitter_us),
                                                       NUMBER(direction, duration_ms), END };
TYPE(direction, direction_fields);

static const struct gw_iq_field counters_fields[] = {
    NUMBER(counters, id),        FLAG(counters, is_channel),          WORD(counters, protocol, protocols),
    WORD(counters, kind, kinds), BOTH(counters, dir, direction_type), NUMBER(counters, rtt_us),
    TEXT(counters, security),    TEXT(counters, core_security),       END
};
TYPE(counters, counters_fields);

static const struct gw_iq_field reply_fields[] = { NUMBER(reply, txn),
                                                   NUMBER(reply, ctx),
                                                   WORD(reply, err, errors),
                                                   LIST(reply, locals, GW_IQ_F_OBJECT, nlocals, &local_type),
                                                   LIST(reply, counters, GW_IQ_F_OBJECT, ncounters, &counters_type),
                                                   END };

static const struct gw_iq_field notify_fields[] = { NUMBER(notify, ctx),
                                                    WORD(notify, event, events),
                                                    NUMBER(notify, term),
                                                    NUMBER(notify, stream),
                                                    WORD(notify, cause, errors),
                                                    NUMBER(notify, sctp_stream),
                                                    WORD(notify, protocol, protocols),
                                                    TEXT(notify, call),
                                                    END };

static const struct gw_iq_field hello_fields[] = { TEXT(hello, node), NUMBER(hello, load), NUMBER(hello, limit),
                                                   FLAG(hello, is_ending), END };

static const struct gw_iq_field list_fields[] = { NUMBER(list, txn), NUMBER(list, after), END };

static const struct gw_iq_field held_fields[] = { NUMBER(held, ctx), NUMBER(held, txn), END };
TYPE(held, held_fields);

static const struct gw_iq_field contexts_fields[] = { NUMBER(contexts, txn), FLAG(contexts, is_last),
                                                      LIST(contexts, held, GW_IQ_F_OBJECT, n, &held_type), END };

static const struct gw_iq_field no_fields[] = { END };

/* ---- messages ---- */

const struct gw_iq_word gw_iq_msg_words[] = { { GW_IQ_HELLO, "hello" },       { GW_IQ_REQUEST, "request" },
                                              { GW_IQ_REPLY, "reply" },       { GW_IQ_NOTIFY, "notify" },
                                              { GW_IQ_ACK, "ack" },           { GW_IQ_LIST, "list" },
                                              { GW_IQ_CONTEXTS, "contexts" }, NO_MORE };

#define MSG(t, n)                                                                                                      \
    &(const struct gw_iq_type)                                                                                         \
    {                                                                                                                  \
        n, sizeof(struct gw_iq_##t), t##_fields                                                                        \
    }

const struct gw_iq_type *const gw_iq_msg_types[] = {
    [GW_IQ_HELLO] = MSG(hello, "hello"),
    [GW_IQ_REQUEST] = MSG(req, "request"),
    [GW_IQ_REPLY] = MSG(reply, "reply"),
    [GW_IQ_NOTIFY] = MSG(notify, "notify"),
    [GW_IQ_ACK] = &(const struct gw_iq_type){ "ack", 0, no_fields },
    [GW_IQ_LIST] = MSG(list, "list"),
    [GW_IQ_CONTEXTS] = MSG(contexts, "contexts"),
};
