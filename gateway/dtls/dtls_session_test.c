/* Two sessions over a link in memory that loses, repeats and reorders, on a clock that is a number. A peer that nobody
 * here wrote is in tests/scenarios/media_*. */
#include "gateway/dtls/dtls_session.h"

#include <stdlib.h>
#include <test.h>

enum { LINK = 256 };

struct side {
    struct gw_dtls *d;
    struct side *peer;
    struct link *link;
    unsigned sent;
    size_t largest, data_len;
    uint8_t data[2048];
};

struct link {
    struct packet {
        struct side *to;
        uint64_t at_us;
        size_t len;
        uint8_t octets[2048];
    } q[LINK];
    unsigned n;
    uint64_t now;
    uint32_t random;
    unsigned loss, repeat, reorder; /* per cent */
};

static struct gw_dtls_identity *ida, *idb;

static uint32_t dice(struct link *l)
{
    l->random = l->random * 1664525u + 1013904223u;
    return (l->random >> 8) % 100;
}

static void put(struct link *l, struct side *to, struct gw_span p)
{
    if (l->n == LINK || p.len > sizeof(l->q[0].octets)) {
        gw_test_fail(__FILE__, __LINE__, "the link is full");
        return;
    }
    l->q[l->n].to = to;
    l->q[l->n].at_us = l->now + 1000 + (dice(l) < l->reorder ? 20000 : 0);
    l->q[l->n].len = p.len;
    memcpy(l->q[l->n].octets, p.ptr, p.len);
    l->n++;
}

static void on_send(void *arg, struct gw_span p)
{
    struct side *s = arg;

    s->sent++;
    if (p.len > s->largest)
        s->largest = p.len;
    if (dice(s->link) < s->link->loss)
        return;
    put(s->link, s->peer, p);
    if (dice(s->link) < s->link->repeat)
        put(s->link, s->peer, p);
}

static void on_data(void *arg, struct gw_span p)
{
    struct side *s = arg;

    memcpy(s->data, p.ptr, p.len);
    s->data_len = p.len;
}

/* One event: the next packet or deadline. False: nothing is left to happen. */
static bool step(struct link *l, struct side *a, struct side *b)
{
    uint64_t da = gw_dtls_deadline_us(a->d), db = gw_dtls_deadline_us(b->d), at = da < db ? da : db;
    unsigned first = LINK;

    for (unsigned i = 0; i < l->n; i++)
        if (l->q[i].at_us <= at && (first == LINK || l->q[i].at_us < l->q[first].at_us))
            first = i;
    if (first < LINK) {
        struct packet p = l->q[first];
        memmove(&l->q[first], &l->q[first + 1], (l->n - first - 1) * sizeof(l->q[0]));
        l->n--;
        l->now = p.at_us;
        gw_dtls_input(p.to->d, (struct gw_span){ p.octets, p.len }, l->now);
        return true;
    }
    if (at == GW_NEVER)
        return false;
    l->now = at;
    gw_dtls_expire(da <= db ? a->d : b->d, l->now);
    return true;
}

static void setup(struct link *l, struct side *a, struct side *b)
{
    static const uint16_t profiles[] = { GW_IQ_AEAD_AES_128_GCM, GW_IQ_AES_CM_128_HMAC_SHA1_80 };

    memset(l, 0, sizeof(*l));
    memset(a, 0, sizeof(*a));
    memset(b, 0, sizeof(*b));
    l->now = 5 * GW_S;
    l->random = 1;
    a->link = b->link = l;
    a->peer = b;
    b->peer = a;
    if (!ida) {
        EQ(gw_dtls_identity_new(profiles, 2, &ida), 0);
        EQ(gw_dtls_identity_new(profiles, 2, &idb), 0);
    }
    struct gw_dtls_config ca = { ida, true, true, on_send, on_data, a };
    struct gw_dtls_config cb = { idb, false, true, on_send, on_data, b };
    EQ(gw_dtls_new(&ca, &a->d), 0);
    EQ(gw_dtls_new(&cb, &b->d), 0);
}

static void know(struct side *a, struct side *b)
{
    gw_dtls_set_fingerprints(a->d, gw_dtls_identity_fingerprint(idb), 1);
    gw_dtls_set_fingerprints(b->d, gw_dtls_identity_fingerprint(ida), 1);
}

static void run(struct link *l, struct side *a, struct side *b)
{
    for (int i = 0; i < 4000 && step(l, a, b); i++)
        ;
}

static void end(struct side *a, struct side *b)
{
    gw_dtls_free(a->d);
    gw_dtls_free(b->d);
}

TEST(tls006_both_sides_export_the_same_keys_by_role)
{
    struct link l;
    struct side a, b;
    struct gw_dtls_keys ka, kb;

    setup(&l, &a, &b);
    know(&a, &b);
    EQ(gw_dtls_keys(a.d, &ka), GW_E_STATE);
    gw_dtls_start(a.d, l.now);
    run(&l, &a, &b);
    EQ(gw_dtls_state(a.d), GW_DTLS_UP);
    EQ(gw_dtls_state(b.d), GW_DTLS_UP);
    EQ(gw_dtls_keys(a.d, &ka), 0);
    EQ(gw_dtls_keys(b.d, &kb), 0);
    EQ(ka.suite, GW_IQ_AEAD_AES_128_GCM);
    EQ(ka.key_len, 28);
    MEM_EQ(ka.local, kb.remote, 28);
    MEM_EQ(ka.remote, kb.local, 28);
    CHECK(memcmp(ka.local, ka.remote, 28) != 0);
    CHECK(a.largest <= GW_DTLS_MTU && b.largest <= GW_DTLS_MTU);
    CHECK(a.sent == 2 && b.sent == 2); /* no retransmission on a clean link: two flights each */
    EQ(gw_dtls_deadline_us(a.d), GW_NEVER);
    EQ(gw_dtls_deadline_us(b.d), GW_NEVER);
    end(&a, &b);
}

TEST(tls001_wrong_fingerprint_fails_before_keys_exist_at_either_role)
{
    for (int client_checks = 0; client_checks < 2; client_checks++) {
        struct link l;
        struct side a, b, *checker;
        struct gw_dtls_keys k;
        struct gw_iq_fingerprint wrong;

        setup(&l, &a, &b);
        know(&a, &b);
        checker = client_checks ? &a : &b;
        wrong = *gw_dtls_identity_fingerprint(client_checks ? idb : ida);
        wrong.value[31] ^= 1;
        gw_dtls_set_fingerprints(checker->d, &wrong, 1);
        gw_dtls_start(a.d, l.now);
        run(&l, &a, &b);
        EQ(gw_dtls_state(checker->d), GW_DTLS_FAILED);
        EQ(gw_dtls_cause(checker->d), GW_E_MISMATCH);
        EQ(gw_dtls_keys(checker->d, &k), GW_E_STATE);
        CHECK(gw_dtls_state(checker->peer->d) != GW_DTLS_UP); /* an alert told it */
        end(&a, &b);
    }
}

TEST(tls001_early_handshake_is_held_until_the_fingerprint_is_known)
{
    for (int is_wrong = 0; is_wrong < 2; is_wrong++) {
        struct link l;
        struct side a, b;
        struct gw_dtls_keys k;
        struct gw_iq_fingerprint f;

        setup(&l, &a, &b);
        gw_dtls_set_fingerprints(a.d, gw_dtls_identity_fingerprint(idb), 1);
        gw_dtls_start(a.d, l.now);
        run(&l, &a, &b);
        EQ(gw_dtls_state(a.d), GW_DTLS_UP);
        EQ(gw_dtls_state(b.d), GW_DTLS_UNVERIFIED);
        EQ(gw_dtls_keys(b.d, &k), GW_E_STATE);
        EQ(gw_dtls_send(a.d, (struct gw_span){ "early", 5 }), 0);
        run(&l, &a, &b);
        EQ(b.data_len, 0); /* no data before it either */
        f = *gw_dtls_identity_fingerprint(ida);
        f.value[0] ^= (uint8_t)is_wrong;
        gw_dtls_set_fingerprints(b.d, &f, 1);
        EQ(gw_dtls_state(b.d), is_wrong ? GW_DTLS_FAILED : GW_DTLS_UP);
        EQ(gw_dtls_keys(b.d, &k), is_wrong ? GW_E_STATE : 0);
        end(&a, &b);
    }
}

TEST(handshake_survives_loss_repetition_and_reordering)
{
    unsigned up = 0;

    for (uint32_t seed = 1; seed <= 60; seed++) {
        struct link l;
        struct side a, b;

        setup(&l, &a, &b);
        know(&a, &b);
        l.random = seed * 7919;
        l.loss = 30;
        l.repeat = 20;
        l.reorder = 30;
        gw_dtls_start(a.d, l.now);
        run(&l, &a, &b);
        up += gw_dtls_state(a.d) == GW_DTLS_UP && gw_dtls_state(b.d) == GW_DTLS_UP;
        end(&a, &b);
    }
    EQ(up, 60);
}

TEST(the_last_flight_is_repeated_when_it_was_lost)
{
    struct link l;
    struct side a, b;
    unsigned before;

    setup(&l, &a, &b);
    know(&a, &b);
    gw_dtls_start(a.d, l.now);
    while (gw_dtls_state(b.d) != GW_DTLS_UP && step(&l, &a, &b))
        ;
    CHECK(gw_dtls_state(a.d) != GW_DTLS_UP);
    l.n = 0; /* the server's Finished gets lost */
    before = b.sent;
    run(&l, &a, &b);
    EQ(gw_dtls_state(a.d), GW_DTLS_UP);
    CHECK(b.sent > before);
    end(&a, &b);
}

TEST(silence_is_retried_with_growing_pauses_and_given_up_after_30_s)
{
    struct link l;
    struct side a, b;
    uint64_t start, last = 0, pause = 0;

    setup(&l, &a, &b);
    know(&a, &b);
    l.loss = 100;
    start = l.now;
    gw_dtls_start(a.d, l.now);
    while (gw_dtls_state(a.d) == GW_DTLS_HANDSHAKE) {
        unsigned sent = a.sent;
        CHECK(gw_dtls_deadline_us(a.d) != GW_NEVER);
        if (gw_dtls_deadline_us(a.d) == GW_NEVER)
            break;
        l.now = gw_dtls_deadline_us(a.d);
        gw_dtls_expire(a.d, l.now);
        if (a.sent > sent) {
            CHECK(l.now - start - last >= pause);
            pause = l.now - start - last;
            last = l.now - start;
        }
    }
    EQ(gw_dtls_state(a.d), GW_DTLS_FAILED);
    EQ(gw_dtls_cause(a.d), GW_E_TIMEOUT);
    CHECK(a.sent >= 10 && a.sent <= 13);
    CHECK(l.now - start <= 30 * GW_S);
    end(&a, &b);
}

/* Splits the one message of a datagram into fragments of n octets, each in a record of its own (RFC 6347 s. 4.2.3). */
static unsigned fragment(const struct packet *in, struct packet *out, size_t n, unsigned max)
{
    const uint8_t *body = in->octets + 25;
    size_t len = in->len - 25, at = 0;
    unsigned k = 0;

    for (; at < len && k < max; k++) {
        size_t part = len - at < n ? len - at : n;
        uint8_t *p = out[k].octets;
        memcpy(p, in->octets, 25);
        p[10] = (uint8_t)(k ? 40 + k : 0); /* sequence numbers that the client will not use */
        p[11] = (uint8_t)((part + 12) >> 8);
        p[12] = (uint8_t)(part + 12);
        p[19] = 0;
        p[20] = (uint8_t)(at >> 8);
        p[21] = (uint8_t)at;
        p[22] = 0;
        p[23] = (uint8_t)(part >> 8);
        p[24] = (uint8_t)part;
        memcpy(p + 25, body + at, part);
        out[k].len = part + 25;
        at += part;
    }
    return k;
}

TEST(fragmented_client_hello_is_put_together_in_any_order)
{
    for (int backwards = 0; backwards < 2; backwards++) {
        struct link l;
        struct side a, b;
        struct packet f[16];
        unsigned n;

        setup(&l, &a, &b);
        know(&a, &b);
        gw_dtls_start(a.d, l.now);
        EQ(l.n, 1);
        CHECK(gw_dtls_is_client_hello((struct gw_span){ l.q[0].octets, l.q[0].len }));
        n = fragment(&l.q[0], f, 60, 16);
        CHECK(n >= 2);
        l.n = 0;
        for (unsigned i = 0; i < n; i++) {
            struct packet *p = &f[backwards ? n - 1 - i : i];
            CHECK(gw_dtls_is_client_hello((struct gw_span){ p->octets, p->len }));
            EQ(gw_dtls_input(b.d, (struct gw_span){ p->octets, p->len }, l.now), 0);
        }
        run(&l, &a, &b);
        EQ(gw_dtls_state(a.d), GW_DTLS_UP);
        EQ(gw_dtls_state(b.d), GW_DTLS_UP);
        end(&a, &b);
    }
}

TEST(application_records_cross_both_ways)
{
    struct link l;
    struct side a, b;
    uint8_t big[1100];

    setup(&l, &a, &b);
    know(&a, &b);
    EQ(gw_dtls_send(a.d, (struct gw_span){ "x", 1 }), GW_E_STATE);
    gw_dtls_start(a.d, l.now);
    run(&l, &a, &b);
    memset(big, 7, sizeof(big));
    EQ(gw_dtls_send(a.d, GW_SPAN(big)), 0);
    EQ(gw_dtls_send(b.d, (struct gw_span){ "pong", 4 }), 0);
    run(&l, &a, &b);
    EQ(b.data_len, sizeof(big));
    MEM_EQ(b.data, big, sizeof(big));
    EQ(a.data_len, 4);
    CHECK(a.largest <= GW_DTLS_MTU);
    gw_dtls_close(a.d);
    EQ(gw_dtls_state(a.d), GW_DTLS_CLOSED);
    run(&l, &a, &b);
    EQ(gw_dtls_state(b.d), GW_DTLS_CLOSED);
    EQ(gw_dtls_input(b.d, GW_SPAN(big), l.now), GW_E_CLOSED);
    end(&a, &b);
}

TEST(replayed_damaged_and_foreign_datagrams_change_nothing_after_up)
{
    struct link l;
    struct side a, b;
    struct packet hello;

    setup(&l, &a, &b);
    know(&a, &b);
    gw_dtls_start(a.d, l.now);
    hello = l.q[0];
    run(&l, &a, &b);
    EQ(gw_dtls_input(b.d, (struct gw_span){ hello.octets, hello.len }, l.now), 0); /* TLS-005: no renegotiation */
    for (size_t i = 0; i < hello.len; i++) {
        hello.octets[i] ^= 0x55;
        (void)!gw_dtls_input(b.d, (struct gw_span){ hello.octets, hello.len }, l.now);
        hello.octets[i] ^= 0x55;
    }
    for (size_t n = 0; n < hello.len; n++)
        (void)!gw_dtls_input(b.d, (struct gw_span){ hello.octets, n }, l.now);
    /* an alert "handshake failure" that anyone could send, in the clear */
    static const uint8_t alert[] = { 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 60, 0, 2, 2, 40 };
    EQ(gw_dtls_input(b.d, GW_SPAN(alert), l.now), 0);
    EQ(gw_dtls_state(b.d), GW_DTLS_UP);
    EQ(gw_dtls_send(a.d, (struct gw_span){ "still", 5 }), 0);
    run(&l, &a, &b);
    EQ(b.data_len, 5);
    end(&a, &b);
}

/* The server was UP at once and has no OpenSSL any more when the client's Finished comes again. */
TEST(a_last_flight_that_is_lost_again_and_again_is_repeated)
{
    struct link l;
    struct side a, b;

    setup(&l, &a, &b);
    know(&a, &b);
    gw_dtls_start(a.d, l.now);
    while (gw_dtls_state(b.d) != GW_DTLS_UP && step(&l, &a, &b))
        ;
    for (int i = 0; i < 3; i++) {
        unsigned before = b.sent;
        l.n = 0;
        while (b.sent == before && step(&l, &a, &b))
            ;
        EQ(b.sent, before + 1);
        CHECK(gw_dtls_state(a.d) != GW_DTLS_UP);
    }
    run(&l, &a, &b);
    EQ(gw_dtls_state(a.d), GW_DTLS_UP);
    EQ(gw_dtls_send(b.d, (struct gw_span){ "data", 4 }), 0);
    run(&l, &a, &b);
    EQ(a.data_len, 4);
    end(&a, &b);
}

TEST(no_common_srtp_profile_fails)
{
    static const uint16_t only[] = { GW_IQ_AEAD_AES_256_GCM };
    struct gw_dtls_identity *id;
    struct link l;
    struct side a, b;

    setup(&l, &a, &b);
    gw_dtls_free(a.d);
    EQ(gw_dtls_identity_new(only, 1, &id), 0);
    struct gw_dtls_config c = { id, true, true, on_send, NULL, &a };
    EQ(gw_dtls_new(&c, &a.d), 0);
    gw_dtls_set_fingerprints(a.d, gw_dtls_identity_fingerprint(idb), 1);
    gw_dtls_set_fingerprints(b.d, gw_dtls_identity_fingerprint(id), 1);
    gw_dtls_start(a.d, l.now);
    run(&l, &a, &b);
    EQ(gw_dtls_state(b.d), GW_DTLS_FAILED);
    EQ(gw_dtls_cause(b.d), GW_E_UNSUPPORTED);
    end(&a, &b);
    gw_dtls_identity_unref(id);
}

TEST(profile_order_is_ours_and_names_are_the_registered_ones)
{
    static const uint16_t reverse[] = { GW_IQ_AES_CM_128_HMAC_SHA1_80, GW_IQ_AEAD_AES_128_GCM };
    static const uint16_t none[] = { GW_IQ_AES_256_CM_HMAC_SHA1_80 };
    struct gw_dtls_identity *id;
    struct gw_dtls_keys k;
    struct link l;
    struct side a, b;

    setup(&l, &a, &b);
    gw_dtls_free(b.d);
    EQ(gw_dtls_identity_new(reverse, 2, &id), 0);
    struct gw_dtls_config c = { id, false, true, on_send, NULL, &b };
    EQ(gw_dtls_new(&c, &b.d), 0);
    gw_dtls_set_fingerprints(a.d, gw_dtls_identity_fingerprint(id), 1);
    gw_dtls_set_fingerprints(b.d, gw_dtls_identity_fingerprint(ida), 1);
    gw_dtls_start(a.d, l.now);
    run(&l, &a, &b);
    EQ(gw_dtls_keys(b.d, &k), 0);
    EQ(k.suite, GW_IQ_AES_CM_128_HMAC_SHA1_80);
    EQ(k.key_len, 30);
    end(&a, &b);
    gw_dtls_identity_unref(id);
    EQ(gw_dtls_identity_new(none, 1, &id), GW_E_INVAL);
    STR_EQ(gw_dtls_profile_name(GW_IQ_AEAD_AES_256_GCM), "AEAD_AES_256_GCM");
    EQ(gw_dtls_profile_parse("AES_CM_128_HMAC_SHA1_80"), 1);
    EQ(gw_dtls_profile_parse("NULL"), 0);
}
