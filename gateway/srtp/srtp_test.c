/* Both engines against the RFCs' vectors and against each other. */
#include "gateway/srtp/srtp_session.h"

#include <stdlib.h>

#include "gateway/srtp/srtp_priv.h"
#include "test.h"

static const uint16_t all_suites[] = { GW_IQ_AES_CM_128_HMAC_SHA1_80, GW_IQ_AES_CM_128_HMAC_SHA1_32,
                                       GW_IQ_AES_256_CM_HMAC_SHA1_80, GW_IQ_AES_256_CM_HMAC_SHA1_32,
                                       GW_IQ_AEAD_AES_128_GCM,        GW_IQ_AEAD_AES_256_GCM };
enum { NSUITES = sizeof(all_suites) / sizeof(all_suites[0]), BUF = 2048 };

/* The same numbers in every run, so that a failure can be repeated. */
static uint32_t rnd(void)
{
    static uint64_t x = 0x2545f4914f6cdd1d;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 16);
}

static void from_hex(const char *hex, uint8_t *out)
{
    for (; *hex; hex += 2, out++) {
        unsigned v = 0;
        sscanf(hex, "%2x", &v);
        *out = (uint8_t)v;
    }
}

static struct gw_iq_crypto params(uint16_t suite)
{
    const struct gw_srtp_suite *su = gw_srtp_suite_find(suite);
    struct gw_iq_crypto c = { .suite = suite, .key_len = (uint8_t)(su->key_len + su->salt_len) };

    for (unsigned i = 0; i < c.key_len; i++)
        c.key[i] = (uint8_t)(i * 37 + suite);
    return c;
}

static struct gw_srtp_session *session(enum gw_srtp_direction dir, const struct gw_iq_crypto *c, enum gw_srtp_engine e)
{
    struct gw_srtp_session *s = NULL;

    EQ(gw_srtp_session_new(dir, c, e, &s), 0);
    return s;
}

/* An RTP packet, with CSRCs and an extension now and then. */
static size_t rtp_make(uint8_t *p, uint32_t ssrc, uint16_t seq, size_t payload)
{
    unsigned ncsrc = rnd() % 8 == 0 ? rnd() % 16 : 0, ext = rnd() % 4 == 0 ? rnd() % 5 : UINT32_MAX;
    size_t n = 12;

    p[0] = (uint8_t)(0x80 | ncsrc | (ext != UINT32_MAX ? 0x10 : 0));
    p[1] = (uint8_t)(rnd() & 0xff);
    p[2] = (uint8_t)(seq >> 8);
    p[3] = (uint8_t)seq;
    gw_srtp_put32(p + 4, rnd());
    gw_srtp_put32(p + 8, ssrc);
    for (unsigned i = 0; i < ncsrc; i++, n += 4)
        gw_srtp_put32(p + n, rnd());
    if (ext != UINT32_MAX) {
        gw_srtp_put32(p + n, 0xbede0000 | ext);
        n += 4;
        for (unsigned i = 0; i < ext; i++, n += 4)
            gw_srtp_put32(p + n, rnd());
    }
    for (size_t i = 0; i < payload; i++)
        p[n++] = (uint8_t)rnd();
    return n;
}

static size_t rtcp_make(uint8_t *p, uint32_t ssrc, size_t body)
{
    size_t n = 8;

    gw_srtp_put32(p, 0x80c90001);
    gw_srtp_put32(p + 4, ssrc);
    for (size_t i = 0; i < body; i++)
        p[n++] = (uint8_t)rnd();
    return n;
}

/* RFC 3711 B.3. */
TEST(key_derivation_gives_the_keys_of_rfc_3711_b3)
{
    uint8_t master[30], want[20];
    struct gw_srtp_keys k;

    from_hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6", master);
    EQ(gw_srtp_derive(gw_srtp_suite_find(GW_IQ_AES_CM_128_HMAC_SHA1_80), master, false, &k), 0);
    from_hex("c61e7a93744f39ee10734afe3ff7a087", want);
    MEM_EQ(k.enc, want, 16);
    from_hex("30cbbc08863d8c85d49db34a9ae1", want);
    MEM_EQ(k.salt, want, 14);
    from_hex("cebe321f6ff7716b6fd4ab49af256a156d38baa4", want);
    MEM_EQ(k.auth, want, 20);
}

/* RFC 6188 s. 7.2: 256 bits. */
TEST(key_derivation_gives_the_keys_of_rfc_6188)
{
    uint8_t master[46], want[32];
    struct gw_srtp_keys k;

    from_hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6", master);
    from_hex("3b04803de51ee7c96423ab5b78d2", master + 32);
    EQ(gw_srtp_derive(gw_srtp_suite_find(GW_IQ_AES_256_CM_HMAC_SHA1_80), master, false, &k), 0);
    from_hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4", want);
    MEM_EQ(k.enc, want, 32);
    from_hex("fa31791685ca444a9e07c6c64e93", want);
    MEM_EQ(k.salt, want, 14);
    from_hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05", want);
    MEM_EQ(k.auth, want, 20);
}

TEST(a_packet_under_the_key_of_rfc_3711_b3)
{
    struct gw_iq_crypto c = { .suite = GW_IQ_AES_CM_128_HMAC_SHA1_80, .key_len = 30 };
    uint8_t pkt[64], want[64];

    from_hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6", c.key);
    from_hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb", want);
    for (int e = GW_SRTP_FAST; e <= GW_SRTP_LIB; e++) {
        struct gw_srtp_session *s = session(GW_SRTP_SEND, &c, e);
        size_t len = 28;
        from_hex("800f1234decafbadcafebabeabababababababababababababababab", pkt);
        EQ(gw_srtp_protect_rtp(s, pkt, &len, sizeof(pkt)), 0);
        EQ(len, 38);
        MEM_EQ(pkt, want, 38);
        gw_srtp_session_free(s);
    }
}

/* RFC 7714 s. 16 and 17 name session keys, so the engine is opened with these instead of deriving. */
static struct gw_srtp_session *gcm_session(enum gw_srtp_direction dir, uint16_t suite, bool is_encrypted_rtcp)
{
    struct gw_iq_crypto c = params(suite);
    struct gw_srtp_keys k = { 0 };
    struct gw_srtp_session *s;

    c.is_unencrypted_srtcp = !is_encrypted_rtcp;
    s = session(dir, &c, GW_SRTP_FAST);
    for (unsigned i = 0; i < 32; i++)
        k.enc[i] = (uint8_t)i;
    from_hex("517569642070726f2071756f", k.salt); /* "Quid pro quo" */
    s->ops->close(s);
    EQ(s->ops->open(s, &c, &k, &k), 0);
    return s;
}

TEST(gcm_rtp_packets_of_rfc_7714_s_16)
{
    static const struct {
        uint16_t suite;
        const char *want;
    } rows[] = {
        { GW_IQ_AEAD_AES_128_GCM, "8040f17b8041f8d35501a0b2"
                                  "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
                                  "899d7f27beb16a9152cf765ee4390cce" },
        { GW_IQ_AEAD_AES_256_GCM, "8040f17b8041f8d35501a0b2"
                                  "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
                                  "7aa3db36dfffd6b0f9bb7878d7a76c13" },
    };
    for (unsigned i = 0; i < 2; i++) {
        struct gw_srtp_session *tx = gcm_session(GW_SRTP_SEND, rows[i].suite, true);
        struct gw_srtp_session *rx = gcm_session(GW_SRTP_RECV, rows[i].suite, true);
        uint8_t pkt[128], plain[50], want[66];
        size_t len = 50;
        from_hex("8040f17b8041f8d35501a0b2"
                 "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573",
                 plain);
        memcpy(pkt, plain, sizeof(plain));
        from_hex(rows[i].want, want);
        EQ(gw_srtp_protect_rtp(tx, pkt, &len, sizeof(pkt)), 0);
        EQ(len, 66);
        MEM_EQ(pkt, want, 66);
        EQ(gw_srtp_unprotect_rtp(rx, pkt, &len), 0);
        EQ(len, 50);
        MEM_EQ(pkt, plain, 50);
        gw_srtp_session_free(tx);
        gw_srtp_session_free(rx);
    }
}

TEST(gcm_rtcp_packets_of_rfc_7714_s_17)
{
    /* SRTCP index 0x5d4; AES-128 and AES-256, encrypted, and AES-128 authenticated only */
    static const struct {
        uint16_t suite;
        bool is_encrypted;
        const char *want;
    } rows[] = {
        { GW_IQ_AEAD_AES_128_GCM, true,
          "81c8000d4d617273"
          "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b468630"
          "3ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4" },
        { GW_IQ_AEAD_AES_256_GCM, true,
          "81c8000d4d617273"
          "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61d"
          "e0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4" },
        { GW_IQ_AEAD_AES_128_GCM, false,
          "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
          "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
          "841dd9683dd78ec92ae58790125f62b3000005d4" },
    };
    for (unsigned i = 0; i < 3; i++) {
        struct gw_srtp_session *tx = gcm_session(GW_SRTP_SEND, rows[i].suite, rows[i].is_encrypted);
        struct gw_srtp_session *rx = gcm_session(GW_SRTP_RECV, rows[i].suite, rows[i].is_encrypted);
        struct gw_srtp_source at = { .ssrc = 0x4d617273, .has_rtcp = true, .rtcp_index = 0x5d3 };
        uint8_t pkt[128], plain[56], want[128];
        size_t len = 52;
        from_hex("81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
                 "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
                 plain);
        memcpy(pkt, plain, len);
        from_hex(rows[i].want, want);
        EQ(gw_srtp_session_write_source(tx, &at), 0);
        EQ(gw_srtp_protect_rtcp(tx, pkt, &len, sizeof(pkt)), 0);
        EQ(len, 72);
        MEM_EQ(pkt, want, 72);
        EQ(gw_srtp_unprotect_rtcp(rx, pkt, &len), 0);
        EQ(len, 52);
        MEM_EQ(pkt, plain, 52);
        gw_srtp_session_free(tx);
        gw_srtp_session_free(rx);
    }
}

/* One sender of each engine, one receiver of each: what the senders make is the same octets, and each receiver takes
 * the other's. `c` both. Sequence numbers advance with jumps over the roll-over; delivery is reordered within a window.
 */
static void engines_agree(const struct gw_iq_crypto *c, unsigned packets)
{
    enum { HELD = 24 };
    struct gw_srtp_session *tx[2], *rx[2];
    static uint8_t held[HELD][BUF], plain[HELD][BUF];
    size_t held_len[HELD] = { 0 }, plain_len[HELD];
    uint16_t seq[3] = { (uint16_t)(0x8000 + rnd() % 0x7000), 65200, 0 };
    uint32_t ssrc[3] = { rnd(), rnd(), rnd() };
    struct gw_srtp_source first = { 0 };

    for (int e = 0; e < 2; e++) {
        tx[e] = session(GW_SRTP_SEND, c, e);
        rx[e] = session(GW_SRTP_RECV, c, e);
    }
    /* libsrtp2's first SRTCP index is 1, RFC 3711's is 0 */
    for (int k = 0; k < 3; k++) {
        first.ssrc = ssrc[k];
        first.has_rtcp = true;
        EQ(gw_srtp_session_write_source(tx[0], &first), 0);
    }
    for (unsigned i = 0; i < packets; i++) {
        uint8_t a[BUF], b[BUF];
        unsigned slot = rnd() % HELD, k = rnd() % 3;
        bool is_rtcp = rnd() % 8 == 0;
        size_t la, lb;

        if (held_len[slot]) { /* one that was held back goes to both receivers */
            bool was_rtcp = held[slot][1] >= 192 && held[slot][1] <= 223;
            for (int e = 0; e < 2; e++) {
                memcpy(a, held[slot], held_len[slot]);
                la = held_len[slot];
                EQ(was_rtcp ? gw_srtp_unprotect_rtcp(rx[e], a, &la) : gw_srtp_unprotect_rtp(rx[e], a, &la), 0);
                EQ(la, plain_len[slot]);
                MEM_EQ(a, plain[slot], plain_len[slot]);
                memcpy(a, held[slot], held_len[slot]); /* and is refused the second time */
                la = held_len[slot];
                EQ(was_rtcp ? gw_srtp_unprotect_rtcp(rx[e], a, &la) : gw_srtp_unprotect_rtp(rx[e], a, &la),
                   GW_E_REPLAY);
            }
            held_len[slot] = 0;
            continue;
        }
        if (is_rtcp) {
            la = rtcp_make(a, ssrc[k], 4 * (rnd() % 40));
        } else {
            la = rtp_make(a, ssrc[k], seq[k], rnd() % 16 ? rnd() % 300 : rnd() % 2);
            a[1] = (uint8_t)(a[1] & 0xbf); /* keep RTP apart from RTCP */
            seq[k] = (uint16_t)(seq[k] + 1 + (rnd() % 32 == 0 ? rnd() % 20 : 0));
        }
        memcpy(plain[slot], a, la);
        plain_len[slot] = la;
        memcpy(b, a, lb = la);
        EQ(is_rtcp ? gw_srtp_protect_rtcp(tx[0], a, &la, BUF) : gw_srtp_protect_rtp(tx[0], a, &la, BUF), 0);
        EQ(is_rtcp ? gw_srtp_protect_rtcp(tx[1], b, &lb, BUF) : gw_srtp_protect_rtp(tx[1], b, &lb, BUF), 0);
        EQ(la, lb);
        MEM_EQ(a, b, la);
        memcpy(held[slot], a, la);
        held_len[slot] = la;
        if (gw_test_failures())
            break;
    }
    for (int e = 0; e < 2; e++) {
        gw_srtp_session_free(tx[e]);
        gw_srtp_session_free(rx[e]);
    }
}

TEST(engines_agree_bit_for_bit_on_every_suite)
{
    for (unsigned i = 0; i < NSUITES; i++) {
        struct gw_iq_crypto c = params(all_suites[i]);
        c.wsh = 1024; /* the test holds packets back for long */
        engines_agree(&c, 20000);
    }
}

TEST(engines_agree_with_mki)
{
    static const uint8_t lens[] = { 1, 4, 9 };
    for (unsigned i = 0; i < NSUITES; i++) {
        struct gw_iq_crypto c = params(all_suites[i]);
        c.wsh = 1024;
        c.mki = 0x01020304;
        c.mki_len = lens[i % 3];
        if (gw_srtp_suite_find(c.suite)->rtp_tag == 4) {
            struct gw_srtp_session *s;
            EQ(gw_srtp_session_new(GW_SRTP_RECV, &c, GW_SRTP_LIB, &s), GW_E_UNSUPPORTED);
            continue;
        }
        engines_agree(&c, 1500);
    }
}

TEST(engines_agree_with_the_flags_of_rfc_4568)
{
    for (unsigned i = 0; i < NSUITES; i++) {
        for (unsigned flags = 1; flags < 8; flags++) {
            struct gw_iq_crypto c = params(all_suites[i]);
            c.wsh = 1024;
            c.is_unencrypted_srtp = flags & 1;
            c.is_unencrypted_srtcp = flags & 2;
            c.is_unauthenticated_srtp = flags & 4;
            if (gw_srtp_suite_find(c.suite)->is_aead && (flags & 5)) {
                struct gw_srtp_session *s;
                EQ(gw_srtp_session_new(GW_SRTP_SEND, &c, GW_SRTP_FAST, &s), GW_E_UNSUPPORTED);
                EQ(gw_srtp_session_new(GW_SRTP_SEND, &c, GW_SRTP_LIB, &s), GW_E_UNSUPPORTED);
                continue;
            }
            engines_agree(&c, 600);
        }
    }
}

/* SDP-022: _32 shortens the tag of SRTP, not of SRTCP. */
TEST(tags_have_the_length_of_the_suite)
{
    static const uint8_t rtp[NSUITES] = { 10, 4, 10, 4, 16, 16 }, rtcp[NSUITES] = { 14, 14, 14, 14, 20, 20 };

    for (unsigned i = 0; i < NSUITES; i++) {
        struct gw_iq_crypto c = params(all_suites[i]);
        struct gw_srtp_session *s = session(GW_SRTP_SEND, &c, GW_SRTP_FAST);
        uint8_t p[BUF] = { 0x80, 0, 0, 1 };
        size_t len = 172;
        EQ(gw_srtp_protect_rtp(s, p, &len, 172u + rtp[i] - 1), GW_E_LIMIT);
        EQ(gw_srtp_protect_rtp(s, p, &len, 172u + rtp[i]), 0);
        EQ(len, 172 + rtp[i]);
        len = rtcp_make(p, 1, 20);
        EQ(gw_srtp_protect_rtcp(s, p, &len, 28u + rtcp[i] - 1), GW_E_LIMIT);
        EQ(gw_srtp_protect_rtcp(s, p, &len, 28u + rtcp[i]), 0);
        EQ(len, 28 + rtcp[i]);
        gw_srtp_session_free(s);
    }
}

/* Everything that a source's state holds, of all sources. */
static void state_of(const struct gw_srtp_session *s, struct gw_srtp_source out[GW_SRTP_SOURCES])
{
    memset(out, 0, GW_SRTP_SOURCES * sizeof(*out));
    for (unsigned i = 0; i < gw_srtp_session_sources(s); i++)
        EQ(gw_srtp_session_read_source(s, i, &out[i]), 0);
}

TEST(a_forged_packet_is_refused_and_changes_no_state)
{
    for (unsigned i = 0; i < NSUITES; i++) {
        struct gw_iq_crypto c = params(all_suites[i]);
        struct gw_srtp_session *tx = session(GW_SRTP_SEND, &c, GW_SRTP_FAST);
        struct gw_srtp_session *rx = session(GW_SRTP_RECV, &c, GW_SRTP_FAST);
        struct gw_srtp_source before[GW_SRTP_SOURCES], after[GW_SRTP_SOURCES];

        for (unsigned n = 0; n < 200; n++) {
            uint8_t good[BUF], bad[BUF];
            bool is_rtcp = n % 2;
            size_t len = is_rtcp ? rtcp_make(good, 7, 32) : rtp_make(good, 7, (uint16_t)(n * 300), 50), bad_len;
            good[1] = is_rtcp ? good[1] : (uint8_t)(good[1] & 0x3f);
            EQ(is_rtcp ? gw_srtp_protect_rtcp(tx, good, &len, BUF) : gw_srtp_protect_rtp(tx, good, &len, BUF), 0);
            state_of(rx, before);
            for (unsigned bit = 0; bit < 8 * len; bit += 1 + rnd() % 5) {
                int err;
                memcpy(bad, good, bad_len = len);
                bad[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
                err = is_rtcp ? gw_srtp_unprotect_rtcp(rx, bad, &bad_len) : gw_srtp_unprotect_rtp(rx, bad, &bad_len);
                CHECK(err == GW_E_AUTH || err == GW_E_REPLAY || err == GW_E_SHORT || err == GW_E_TYPE);
                EQ(bad_len, len);
            }
            state_of(rx, after);
            MEM_EQ(before, after, sizeof(before));
            EQ(is_rtcp ? gw_srtp_unprotect_rtcp(rx, good, &len) : gw_srtp_unprotect_rtp(rx, good, &len), 0);
        }
        gw_srtp_session_free(tx);
        gw_srtp_session_free(rx);
    }
}

/* Every truncation, and noise: no octet beyond is touched (the sanitizer sees) and nothing passes. */
TEST(truncated_packets_are_refused)
{
    for (unsigned i = 0; i < NSUITES; i++) {
        for (int e = 0; e < 2; e++) {
            struct gw_iq_crypto c = params(all_suites[i]);
            struct gw_srtp_session *tx = session(GW_SRTP_SEND, &c, e), *rx = session(GW_SRTP_RECV, &c, e);
            uint8_t pkt[BUF];
            size_t len = rtp_make(pkt, 9, 1, 40), n;
            pkt[1] &= 0x3f;
            EQ(gw_srtp_protect_rtp(tx, pkt, &len, BUF), 0);
            for (size_t cut = 0; cut < len; cut++) {
                uint8_t *copy = malloc(cut ? cut : 1);
                memcpy(copy, pkt, n = cut);
                CHECK(gw_srtp_unprotect_rtp(rx, copy, &n) < 0);
                memcpy(copy, pkt, n = cut);
                CHECK(gw_srtp_unprotect_rtcp(rx, copy, &n) < 0);
                free(copy);
            }
            n = 11;
            EQ(gw_srtp_protect_rtp(tx, pkt, &n, BUF), GW_E_SHORT);
            n = 7;
            EQ(gw_srtp_protect_rtcp(tx, pkt, &n, BUF), GW_E_SHORT);
            pkt[0] = 0x40;
            n = 40;
            EQ(gw_srtp_protect_rtp(tx, pkt, &n, BUF), GW_E_TYPE);
            EQ(gw_srtp_protect_rtcp(tx, pkt, &n, BUF), GW_E_TYPE);
            EQ(gw_srtp_unprotect_rtp(tx, pkt, &n), GW_E_STATE);
            gw_srtp_session_free(tx);
            gw_srtp_session_free(rx);
        }
    }
}

static int send_one(struct gw_srtp_session *tx, uint8_t *pkt, size_t *len, uint32_t ssrc, uint16_t seq)
{
    *len = rtp_make(pkt, ssrc, seq, 20);
    pkt[1] &= 0x3f;
    return gw_srtp_protect_rtp(tx, pkt, len, BUF);
}

TEST(the_roll_over_counter_goes_up_and_back_with_reordering_around_the_wrap)
{
    struct gw_iq_crypto c = params(GW_IQ_AES_CM_128_HMAC_SHA1_80);
    struct gw_srtp_session *tx = session(GW_SRTP_SEND, &c, GW_SRTP_FAST), *rx = session(GW_SRTP_RECV, &c, GW_SRTP_FAST);
    static const int order[] = { 0, 2, 1, 5, 4, 3, 6, 9, 7, 8 }; /* of packets 65531 + n */
    static uint8_t pkt[10][BUF];
    size_t len[10];
    struct gw_srtp_source st;

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned n = 0; n < 10; n++)
            EQ(send_one(tx, pkt[n], &len[n], 5, (uint16_t)(65531 + n)), 0);
        for (unsigned n = 0; n < 10; n++)
            EQ(gw_srtp_unprotect_rtp(rx, pkt[order[n]], &len[order[n]]), 0);
        EQ(gw_srtp_session_read_source(rx, 0, &st), 0);
        EQ(st.rtp_index, (uint64_t)(round + 1) << 16 | 4);
        EQ(send_one(tx, pkt[0], &len[0], 5, 30000), 0); /* on to the next wrap in two steps below 2^15 */
        EQ(gw_srtp_unprotect_rtp(rx, pkt[0], &len[0]), 0);
        EQ(send_one(tx, pkt[0], &len[0], 5, 60000), 0);
        EQ(gw_srtp_unprotect_rtp(rx, pkt[0], &len[0]), 0);
    }
    gw_srtp_session_free(tx);
    gw_srtp_session_free(rx);
}

TEST(packets_older_than_the_window_are_refused_and_younger_ones_taken_once)
{
    static const struct {
        uint32_t wsh;
        unsigned window;
    } rows[] = { { 0, 128 }, { 1, 64 }, { 64, 64 }, { 96, 96 }, { 480, 480 }, { 1024, 1024 }, { 100000, 1024 } };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int e = 0; e < 2; e++) {
            struct gw_iq_crypto c = params(GW_IQ_AEAD_AES_128_GCM);
            struct gw_srtp_session *tx, *rx;
            static uint8_t pkt[1500][64];
            size_t len[1500];

            c.wsh = rows[i].wsh;
            tx = session(GW_SRTP_SEND, &c, e);
            rx = session(GW_SRTP_RECV, &c, e);
            for (unsigned n = 0; n < 1500; n++) {
                static const uint8_t head[12] = { 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
                memcpy(pkt[n], head, 12);
                pkt[n][2] = (uint8_t)(n >> 8);
                pkt[n][3] = (uint8_t)n;
                len[n] = 20;
                EQ(gw_srtp_protect_rtp(tx, pkt[n], &len[n], 64), 0);
            }
            EQ(gw_srtp_unprotect_rtp(rx, pkt[1499], &len[1499]), 0);
            EQ(gw_srtp_unprotect_rtp(rx, pkt[1499 - rows[i].window], &len[1499 - rows[i].window]), GW_E_REPLAY);
            for (unsigned age = rows[i].window - 1; age > 0; age--) {
                uint8_t copy[64];
                size_t n = len[1499 - age];
                memcpy(copy, pkt[1499 - age], 64);
                EQ(gw_srtp_unprotect_rtp(rx, pkt[1499 - age], &len[1499 - age]), 0);
                EQ(gw_srtp_unprotect_rtp(rx, copy, &n), GW_E_REPLAY);
            }
            gw_srtp_session_free(tx);
            gw_srtp_session_free(rx);
        }
    }
}

/* The same index twice would be the same key stream twice. */
TEST(a_sender_refuses_to_repeat_the_key_stream)
{
    struct gw_iq_crypto c = params(GW_IQ_AES_CM_128_HMAC_SHA1_80);
    struct gw_srtp_session *tx = session(GW_SRTP_SEND, &c, GW_SRTP_FAST);
    uint8_t pkt[BUF];
    size_t len;

    EQ(send_one(tx, pkt, &len, 5, 1000), 0);
    EQ(send_one(tx, pkt, &len, 5, 1000), GW_E_REPLAY);
    EQ(send_one(tx, pkt, &len, 5, 998), 0); /* late, but its index has not been used */
    EQ(send_one(tx, pkt, &len, 5, 800), GW_E_REPLAY);
    gw_srtp_session_free(tx);
}

TEST(a_key_ends_at_its_last_index)
{
    struct gw_iq_crypto c = params(GW_IQ_AES_CM_128_HMAC_SHA1_80);
    struct gw_srtp_session *tx = session(GW_SRTP_SEND, &c, GW_SRTP_FAST), *rx = session(GW_SRTP_RECV, &c, GW_SRTP_FAST);
    struct gw_srtp_source st = { .ssrc = 5, .has_rtp = true, .has_rtcp = true, .rtp_index = (UINT64_C(1) << 48) - 2 };
    uint8_t pkt[BUF];
    size_t len;

    st.rtcp_index = INT32_MAX - 1;
    EQ(gw_srtp_session_write_source(tx, &st), 0);
    EQ(gw_srtp_session_write_source(rx, &st), 0);
    EQ(send_one(tx, pkt, &len, 5, 65535), 0);
    EQ(gw_srtp_unprotect_rtp(rx, pkt, &len), 0);
    EQ(send_one(tx, pkt, &len, 5, 0), GW_E_LIMIT);
    len = rtcp_make(pkt, 5, 20);
    EQ(gw_srtp_protect_rtcp(tx, pkt, &len, BUF), 0);
    EQ(gw_srtp_unprotect_rtcp(rx, pkt, &len), 0);
    EQ(gw_srtp_protect_rtcp(tx, pkt, &len, BUF), GW_E_LIMIT);
    st.rtp_index++;
    st.rtp_index++;
    EQ(gw_srtp_session_write_source(tx, &st), GW_E_RANGE);
    gw_srtp_session_free(tx);
    gw_srtp_session_free(rx);
}

TEST(the_oldest_source_is_replaced_and_refused_when_it_comes_back)
{
    struct gw_iq_crypto c = params(GW_IQ_AES_CM_128_HMAC_SHA1_80);
    struct gw_srtp_session *tx = session(GW_SRTP_SEND, &c, GW_SRTP_FAST), *rx = session(GW_SRTP_RECV, &c, GW_SRTP_FAST);
    uint8_t pkt[BUF], copy[BUF];
    size_t len, copy_len = 0;

    for (uint32_t ssrc = 1; ssrc <= GW_SRTP_SOURCES; ssrc++) {
        EQ(send_one(tx, pkt, &len, ssrc, 1), 0);
        if (ssrc == 2)
            memcpy(copy, pkt, copy_len = len);
        EQ(gw_srtp_unprotect_rtp(rx, pkt, &len), 0);
    }
    EQ(send_one(tx, pkt, &len, 1, 2), 0); /* 1 is used again: now 2 is the oldest */
    EQ(gw_srtp_unprotect_rtp(rx, pkt, &len), 0);
    EQ(send_one(tx, pkt, &len, 100, 1), 0);
    EQ(gw_srtp_unprotect_rtp(rx, pkt, &len), 0);
    EQ(gw_srtp_session_sources(rx), GW_SRTP_SOURCES);
    EQ(gw_srtp_unprotect_rtp(rx, copy, &copy_len), GW_E_LIMIT); /* a replay that would be new otherwise */
    EQ(send_one(tx, pkt, &len, 2, 1), GW_E_LIMIT);              /* the key stream once more */
    EQ(send_one(tx, pkt, &len, 1, 3), 0);
    gw_srtp_session_free(tx);
    gw_srtp_session_free(rx);
}

/* Design rule 9: a session goes on in another process with the key and the plain values. */
TEST(state_written_out_and_read_back_goes_on_where_it_was)
{
    for (unsigned i = 0; i < NSUITES; i++) {
        struct gw_iq_crypto c = params(all_suites[i]);
        struct gw_srtp_session *tx = session(GW_SRTP_SEND, &c, GW_SRTP_FAST),
                               *tx2 = session(GW_SRTP_SEND, &c, GW_SRTP_FAST);
        struct gw_srtp_session *rx = session(GW_SRTP_RECV, &c, GW_SRTP_FAST),
                               *rx2 = session(GW_SRTP_RECV, &c, GW_SRTP_FAST);
        struct gw_srtp_source st;
        uint8_t pkt[BUF], copy[BUF];
        size_t len, copy_len = 0;

        for (unsigned n = 0; n < 9; n++) { /* three roll-overs */
            EQ(send_one(tx, pkt, &len, 5, (uint16_t)(n * 25000)), 0);
            memcpy(copy, pkt, copy_len = len);
            EQ(gw_srtp_unprotect_rtp(rx, pkt, &len), 0);
            len = rtcp_make(pkt, 5, 20);
            EQ(gw_srtp_protect_rtcp(tx, pkt, &len, BUF), 0);
            EQ(gw_srtp_unprotect_rtcp(rx, pkt, &len), 0);
        }
        EQ(gw_srtp_session_read_source(tx, 0, &st), 0);
        EQ(gw_srtp_session_write_source(tx2, &st), 0);
        EQ(gw_srtp_session_read_source(rx, 0, &st), 0);
        EQ(gw_srtp_session_write_source(rx2, &st), 0);
        EQ(gw_srtp_session_read_source(rx, 1, &st), GW_E_NOTFOUND);
        EQ(gw_srtp_unprotect_rtp(rx2, copy, &copy_len), GW_E_REPLAY);
        EQ(send_one(tx2, pkt, &len, 5, (uint16_t)(9 * 25000)), 0);
        EQ(gw_srtp_unprotect_rtp(rx2, pkt, &len), 0);
        len = rtcp_make(pkt, 5, 20);
        EQ(gw_srtp_protect_rtcp(tx2, pkt, &len, BUF), 0);
        EQ(gw_srtp_unprotect_rtcp(rx2, pkt, &len), 0);
        gw_srtp_session_free(tx);
        gw_srtp_session_free(tx2);
        gw_srtp_session_free(rx);
        gw_srtp_session_free(rx2);
    }
}

TEST(wrong_parameters_are_refused)
{
    struct gw_iq_crypto c = params(GW_IQ_AES_CM_128_HMAC_SHA1_80);
    struct gw_srtp_session *s;

    c.suite = 3;
    EQ(gw_srtp_session_new(GW_SRTP_SEND, &c, GW_SRTP_FAST, &s), GW_E_UNSUPPORTED);
    c.suite = GW_IQ_AES_CM_128_HMAC_SHA1_80;
    c.key_len = 29;
    EQ(gw_srtp_session_new(GW_SRTP_SEND, &c, GW_SRTP_FAST, &s), GW_E_INVAL);
    c.key_len = 30;
    c.mki_len = 129;
    EQ(gw_srtp_session_new(GW_SRTP_SEND, &c, GW_SRTP_FAST, &s), GW_E_INVAL);
    gw_srtp_session_free(NULL);
}

/* Where libsrtp2 cannot be asked: the MKI stands between the index and ten octets of tag, RFC 3711 s. 3.4. */
TEST(srtcp_with_mki_and_a_short_srtp_tag)
{
    struct gw_iq_crypto c = params(GW_IQ_AES_CM_128_HMAC_SHA1_32);
    struct gw_srtp_session *tx, *rx;
    uint8_t pkt[BUF], plain[BUF];
    size_t len = rtcp_make(pkt, 5, 20);

    c.mki_len = 6;
    c.mki = 0xa1b2c3d4;
    tx = session(GW_SRTP_SEND, &c, GW_SRTP_FAST);
    rx = session(GW_SRTP_RECV, &c, GW_SRTP_FAST);
    memcpy(plain, pkt, len);
    EQ(gw_srtp_protect_rtcp(tx, pkt, &len, BUF), 0);
    EQ(len, 28 + 4 + 6 + 10);
    EQ(gw_srtp_get32(pkt + 28), 0x80000000);
    MEM_EQ(pkt + 32, "\x00\x00\xa1\xb2\xc3\xd4", 6);
    EQ(gw_srtp_unprotect_rtcp(rx, pkt, &len), 0);
    EQ(len, 28);
    MEM_EQ(pkt, plain, 28);
    gw_srtp_session_free(tx);
    gw_srtp_session_free(rx);
}

TEST(another_mki_is_refused)
{
    for (unsigned i = 0; i < NSUITES; i++) {
        for (int e = 0; e < 2; e++) {
            struct gw_iq_crypto c = params(all_suites[i]);
            struct gw_srtp_session *tx, *rx;
            uint8_t pkt[BUF];
            size_t len;
            if (e == GW_SRTP_LIB && gw_srtp_suite_find(c.suite)->rtp_tag == 4)
                continue;
            c.mki_len = 4;
            c.mki = 1;
            tx = session(GW_SRTP_SEND, &c, e);
            c.mki = 2;
            rx = session(GW_SRTP_RECV, &c, e);
            EQ(send_one(tx, pkt, &len, 5, 1), 0);
            EQ(gw_srtp_unprotect_rtp(rx, pkt, &len), GW_E_AUTH);
            len = rtcp_make(pkt, 5, 20);
            EQ(gw_srtp_protect_rtcp(tx, pkt, &len, BUF), 0);
            EQ(gw_srtp_unprotect_rtcp(rx, pkt, &len), GW_E_AUTH);
            gw_srtp_session_free(tx);
            gw_srtp_session_free(rx);
        }
    }
}
