/* The responder against checks made by the controlling side of the STUN library. A whole NiceAgent is the peer in
 * tests/scenarios/media_*. */
#include "gateway/ice/ice_lite.h"

#include <stdlib.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>
#include <test.h>

#include "gateway/ice/stun.h"

enum { USE = 1, CONTROLLED = 2, NO_FINGERPRINT = 4 };

struct rig {
    struct gw_ice_stun *stun;
    struct gw_ice_lite ice;
    StunAgent peer;
    uint8_t msg[1024];
    size_t len;
    uint8_t out[GW_ICE_ANSWER];
    struct gw_ice_result r;
    uint64_t now;
};

static const uint16_t peer_knows[] = { STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
                                       STUN_ATTRIBUTE_USERNAME, STUN_ATTRIBUTE_ERROR_CODE, 0 };
static const struct gw_addr alice = { .family = 4, .port = 50000, .ip = { 192, 0, 2, 7 } };

static void rig_init(struct rig *g)
{
    memset(g, 0, sizeof(*g));
    g->now = GW_S;
    CHECK(gw_ice_stun_new(&g->stun) == 0);
    gw_ice_lite_init(&g->ice, 1, 50);
    EQ(gw_ice_lite_set_remote(&g->ice, "peer"), 0);
}

static void make(struct rig *g, const char *name, const char *pwd, int flags)
{
    StunMessage m;

    stun_agent_init(&g->peer, peer_knows, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS |
                        (flags & NO_FINGERPRINT ? 0 : STUN_AGENT_USAGE_USE_FINGERPRINT));
    g->len = stun_usage_ice_conncheck_create(&g->peer, &m, g->msg, sizeof(g->msg), (const uint8_t *)name, strlen(name),
                                             (const uint8_t *)pwd, strlen(pwd), flags & USE, !(flags & CONTROLLED),
                                             0x6e0001ff, 77, NULL, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
    CHECK(g->len > 0);
}

static void feed(struct rig *g, const struct gw_addr *src)
{
    gw_ice_lite_input(g->stun, &g->ice, (struct gw_span){ g->msg, g->len }, src, g->now, g->out, &g->r);
}

static void check(struct rig *g, const struct gw_addr *src, int flags)
{
    char name[64];

    snprintf(name, sizeof(name), "%s:peer", g->ice.gen[0].ufrag);
    make(g, name, g->ice.gen[0].pwd, flags);
    feed(g, src);
}

static int error_code(struct rig *g)
{
    StunMessage m = { .buffer = g->out, .buffer_len = sizeof(g->out) };
    int code = -1;

    if (!g->r.len || stun_message_find_error(&m, &code) != STUN_MESSAGE_RETURN_SUCCESS)
        return -1;
    return code;
}

TEST(tls008_valid_check_is_answered_with_the_mapped_address)
{
    struct rig g;
    StunMessage m;
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct gw_addr mapped;

    rig_init(&g);
    check(&g, &alice, 0);
    EQ(g.r.err, 0);
    EQ(g.r.event, GW_ICE_CHECKED);
    CHECK(g.r.is_new_addr);
    CHECK(!g.ice.has_selected);
    EQ(stun_agent_validate(&g.peer, &m, g.out, g.r.len, NULL, NULL), STUN_VALIDATION_SUCCESS);
    EQ(stun_usage_ice_conncheck_process(&m, &ss, &len, STUN_USAGE_ICE_COMPATIBILITY_RFC5245),
       STUN_USAGE_ICE_RETURN_SUCCESS);
    EQ(gw_addr_from_sockaddr((struct sockaddr *)&ss, &mapped), 0);
    CHECK(gw_addr_eq(&mapped, &alice));
    gw_ice_stun_free(g.stun);
}

TEST(tls008_ipv6_address_is_mapped)
{
    struct rig g;
    StunMessage m;
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct gw_addr src, mapped;

    rig_init(&g);
    EQ(gw_addr_parse("[2001:db8::7]:6000", &src), 0);
    check(&g, &src, USE);
    EQ(g.r.event, GW_ICE_NOMINATED);
    EQ(stun_agent_validate(&g.peer, &m, g.out, g.r.len, NULL, NULL), STUN_VALIDATION_SUCCESS);
    EQ(stun_usage_ice_conncheck_process(&m, &ss, &len, STUN_USAGE_ICE_COMPATIBILITY_RFC5245),
       STUN_USAGE_ICE_RETURN_SUCCESS);
    EQ(gw_addr_from_sockaddr((struct sockaddr *)&ss, &mapped), 0);
    CHECK(gw_addr_eq(&mapped, &src));
    gw_ice_stun_free(g.stun);
}

TEST(tls009_newer_nomination_moves_the_selected_address)
{
    struct rig g;
    struct gw_addr other = alice;

    rig_init(&g);
    other.port = 50002;
    check(&g, &alice, USE);
    EQ(g.r.event, GW_ICE_NOMINATED);
    check(&g, &alice, USE);
    EQ(g.r.event, GW_ICE_CHECKED); /* the same again is no event */
    check(&g, &other, 0);
    EQ(g.r.event, GW_ICE_CHECKED);
    CHECK(gw_addr_eq(&g.ice.selected, &alice));
    check(&g, &other, USE);
    EQ(g.r.event, GW_ICE_NOMINATED);
    CHECK(gw_addr_eq(&g.ice.selected, &other));
    gw_ice_stun_free(g.stun);
}

TEST(tls008_wrong_password_is_401_and_no_event)
{
    struct rig g;
    char name[64];

    rig_init(&g);
    snprintf(name, sizeof(name), "%s:peer", g.ice.gen[0].ufrag);
    make(&g, name, "not-the-password-at-all-", 0);
    feed(&g, &alice);
    EQ(g.r.err, GW_E_AUTH);
    EQ(error_code(&g), 401);
    EQ(g.r.event, GW_ICE_NOTHING);
    EQ(g.ice.checked_us, 0);
    gw_ice_stun_free(g.stun);
}

TEST(tls008_wrong_usernames_are_401)
{
    struct rig g;
    char name[64];

    rig_init(&g);
    snprintf(name, sizeof(name), "%s:other", g.ice.gen[0].ufrag);
    make(&g, name, g.ice.gen[0].pwd, 0);
    feed(&g, &alice);
    EQ(error_code(&g), 401);
    make(&g, "notours1:peer", g.ice.gen[0].pwd, 0);
    feed(&g, &alice);
    EQ(error_code(&g), 401);
    /* the same without an agent, as the worker answers for an unknown ufrag */
    g.r.len = gw_ice_stun_refuse(g.stun, (struct gw_span){ g.msg, g.len }, &alice, g.out, &g.r.err);
    EQ(g.r.err, GW_E_AUTH);
    EQ(error_code(&g), 401);
    gw_ice_stun_free(g.stun);
}

TEST(any_remote_ufrag_is_accepted_before_the_answer_told_it)
{
    struct rig g;

    rig_init(&g);
    EQ(gw_ice_lite_set_remote(&g.ice, ""), 0);
    check(&g, &alice, USE);
    EQ(g.r.event, GW_ICE_NOMINATED);
    gw_ice_stun_free(g.stun);
}

TEST(tls008_without_fingerprint_or_credentials_is_400)
{
    struct rig g;
    char name[64];
    StunMessage m;

    rig_init(&g);
    snprintf(name, sizeof(name), "%s:peer", g.ice.gen[0].ufrag);
    make(&g, name, g.ice.gen[0].pwd, NO_FINGERPRINT);
    feed(&g, &alice);
    EQ(error_code(&g), 400);
    EQ(g.r.err, GW_E_SYNTAX);

    stun_agent_init(&g.peer, peer_knows, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_IGNORE_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    CHECK(stun_agent_init_request(&g.peer, &m, g.msg, sizeof(g.msg), STUN_BINDING));
    g.len = stun_agent_finish_message(&g.peer, &m, NULL, 0);
    feed(&g, &alice);
    EQ(error_code(&g), 400);
    EQ(g.r.event, GW_ICE_NOTHING);
    gw_ice_stun_free(g.stun);
}

TEST(a_peer_that_wants_to_be_controlled_gets_487)
{
    struct rig g;

    rig_init(&g);
    check(&g, &alice, CONTROLLED);
    EQ(error_code(&g), 487);
    EQ(g.r.err, GW_E_ROLE);
    EQ(g.r.event, GW_ICE_NOTHING);
    gw_ice_stun_free(g.stun);
}

TEST(unknown_required_attribute_is_420)
{
    struct rig g;
    StunMessage m;
    char name[64];

    rig_init(&g);
    snprintf(name, sizeof(name), "%s:peer", g.ice.gen[0].ufrag);
    stun_agent_init(&g.peer, peer_knows, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    CHECK(stun_agent_init_request(&g.peer, &m, g.msg, sizeof(g.msg), STUN_BINDING));
    stun_message_append32(&m, (StunAttribute)0x7ff0, 1);
    stun_message_append_bytes(&m, STUN_ATTRIBUTE_USERNAME, name, strlen(name));
    g.len = stun_agent_finish_message(&g.peer, &m, (uint8_t *)g.ice.gen[0].pwd, GW_ICE_PWD);
    feed(&g, &alice);
    EQ(error_code(&g), 420);
    EQ(g.r.event, GW_ICE_NOTHING);
    gw_ice_stun_free(g.stun);
}

TEST(tls010_restart_answers_both_generations_until_the_new_one_is_nominated)
{
    struct rig g;
    char old_name[64], old_pwd[GW_ICE_PWD + 1], old_ufrag[GW_ICE_UFRAG + 1], dropped[GW_ICE_UFRAG + 1];
    struct gw_addr other = alice;

    rig_init(&g);
    other.port = 50002;
    check(&g, &alice, USE);
    snprintf(old_name, sizeof(old_name), "%s:peer", g.ice.gen[0].ufrag);
    memcpy(old_ufrag, g.ice.gen[0].ufrag, sizeof(old_ufrag));
    memcpy(old_pwd, g.ice.gen[0].pwd, sizeof(old_pwd));

    gw_ice_lite_restart(&g.ice, 2, dropped);
    STR_EQ(dropped, "");
    CHECK(strcmp(old_ufrag, g.ice.gen[0].ufrag) != 0);
    CHECK(gw_addr_eq(&g.ice.selected, &alice)); /* media flows on */
    make(&g, old_name, old_pwd, USE);
    feed(&g, &alice);
    EQ(g.r.event, GW_ICE_CHECKED);

    EQ(gw_ice_lite_set_remote(&g.ice, "peer"), 0);
    check(&g, &other, USE);
    EQ(g.r.event, GW_ICE_NOMINATED);
    CHECK(g.r.has_dropped_gen);
    STR_EQ(g.r.dropped_ufrag, old_ufrag);
    make(&g, old_name, old_pwd, USE);
    feed(&g, &alice);
    EQ(error_code(&g), 401);
    CHECK(gw_addr_eq(&g.ice.selected, &other));
    gw_ice_stun_free(g.stun);
}

TEST(a_second_restart_drops_the_oldest_generation)
{
    struct rig g;
    char first[GW_ICE_UFRAG + 1], dropped[GW_ICE_UFRAG + 1];

    rig_init(&g);
    memcpy(first, g.ice.gen[0].ufrag, sizeof(first));
    gw_ice_lite_restart(&g.ice, 2, dropped);
    gw_ice_lite_restart(&g.ice, 3, dropped);
    STR_EQ(dropped, first);
    gw_ice_stun_free(g.stun);
}

TEST(a_restart_that_was_refused_is_taken_back)
{
    struct rig g;
    char first[GW_ICE_UFRAG + 1], second[GW_ICE_UFRAG + 1], dropped[GW_ICE_UFRAG + 1];

    rig_init(&g);
    memcpy(first, g.ice.gen[0].ufrag, sizeof(first));
    gw_ice_lite_restart(&g.ice, 2, dropped);
    memcpy(second, g.ice.gen[0].ufrag, sizeof(second));
    gw_ice_lite_restart(&g.ice, 1, dropped);
    STR_EQ(dropped, second);
    STR_EQ(g.ice.gen[0].ufrag, first);
    check(&g, &alice, USE);
    EQ(g.r.event, GW_ICE_NOMINATED);
    CHECK(!g.r.has_dropped_gen);
    gw_ice_stun_free(g.stun);
}

TEST(checks_over_the_rate_are_not_answered_and_later_ones_are)
{
    struct rig g;
    unsigned answered = 0;

    rig_init(&g);
    for (int i = 0; i < 500; i++) {
        check(&g, &alice, 0);
        answered += g.r.len > 0;
    }
    CHECK(answered >= 100 && answered <= 102); /* 50 a second, bursts of two seconds */
    EQ(g.r.err, GW_E_LIMIT);
    g.now += GW_S;
    check(&g, &alice, 0);
    EQ(g.r.event, GW_ICE_CHECKED);
    gw_ice_stun_free(g.stun);
}

TEST(the_oldest_address_is_forgotten_but_never_the_selected_one)
{
    struct rig g;
    struct gw_addr a = alice;

    rig_init(&g);
    check(&g, &a, USE);
    for (int i = 1; i < GW_ICE_ADDRS; i++) {
        a.port = (uint16_t)(alice.port + i);
        g.now += GW_MS;
        check(&g, &a, 0);
        CHECK(g.r.is_new_addr && !g.r.has_evicted);
    }
    a.port = 9;
    g.now += GW_MS;
    check(&g, &a, 0);
    CHECK(g.r.has_evicted);
    EQ(g.r.evicted.port, alice.port + 1);
    gw_ice_stun_free(g.stun);
}

TEST(answers_indications_and_damaged_checks_make_no_event_and_no_answer)
{
    struct rig g;
    struct gw_stun_peek peek;

    rig_init(&g);
    check(&g, &alice, 0);
    memcpy(g.msg, g.out, g.r.len); /* our own answer comes back */
    g.len = g.r.len;
    feed(&g, &alice);
    EQ(g.r.event, GW_ICE_NOTHING);
    EQ(g.r.len, 0);
    EQ(g.r.err, GW_E_TYPE);

    check(&g, &alice, 0);
    for (size_t n = 0; n < g.len; n++) {
        size_t whole = g.len;
        g.len = n;
        feed(&g, &alice);
        EQ(g.r.event, GW_ICE_NOTHING);
        EQ(g.r.len, 0);
        g.len = whole;
    }
    for (size_t i = 0; i < g.len; i++) { /* one bit wrong anywhere: never valid */
        g.msg[i] ^= 1;
        g.now += GW_S;
        feed(&g, &alice);
        EQ(g.r.event, GW_ICE_NOTHING);
        g.msg[i] ^= 1;
    }
    EQ(gw_stun_peek((struct gw_span){ g.msg, g.len }, &peek), 0);
    EQ(peek.class, GW_STUN_REQUEST);
    EQ(peek.method, GW_STUN_BINDING);
    CHECK(gw_span_is(peek.local_ufrag, g.ice.gen[0].ufrag));
    SPAN_EQ(peek.remote_ufrag, "peer");
    CHECK(peek.has_integrity && peek.has_fingerprint);
    gw_ice_stun_free(g.stun);
}

/* Writes the seed that the fuzz corpus keeps, so that it can be made anew: IMSGW_SEED=path. */
TEST(a_check_with_the_longest_username_is_answered)
{
    struct rig g;
    char name[GW_ICE_UFRAG + 1 + 256 + 1], remote[257];
    const char *path = getenv("IMSGW_SEED");

    rig_init(&g);
    memset(remote, 'r', 256);
    remote[256] = 0;
    EQ(gw_ice_lite_set_remote(&g.ice, remote), 0);
    if (path) {
        memcpy(g.ice.gen[0].ufrag, "SeedUfrg", GW_ICE_UFRAG + 1);
        memcpy(g.ice.gen[0].pwd, "SeedPasswordSeedPassword", GW_ICE_PWD + 1);
    }
    snprintf(name, sizeof(name), "%s:%s", g.ice.gen[0].ufrag, remote);
    make(&g, name, g.ice.gen[0].pwd, USE);
    feed(&g, &alice);
    EQ(g.r.event, GW_ICE_NOMINATED);
    CHECK(g.r.len > 300 && g.r.len <= GW_ICE_ANSWER);
    if (path) {
        FILE *f = fopen(path, "wb");
        fwrite(g.msg, 1, g.len, f);
        fclose(f);
    }
    gw_ice_stun_free(g.stun);
}
