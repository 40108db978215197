#include "signaling/pcscf/token.h"

#include "test.h"

static struct gw_token_key key(const char *secret, uint64_t life)
{
    struct gw_token_key k;

    gw_token_key_init(&k, gw_span_str(secret));
    k.life = life;
    return k;
}

TEST(token_names_its_flow)
{
    struct gw_token_key k = key("s", 7);
    static const uint64_t flows[] = { 1, 2, 0x0123456789abcdefu, UINT64_MAX };

    for (unsigned i = 0; i < 4; i++) {
        char text[GW_TOKEN_TEXT];
        uint64_t flow = 0;
        gw_token_write(&k, flows[i], text);
        EQ(strlen(text), GW_TOKEN_TEXT - 1);
        EQ(gw_token_parse(&k, gw_span_str(text), &flow), 0);
        CHECK(flow == flows[i]);
    }
}

/* SIG-013, SIG-014: no character of a token can be changed, so none can be made up. */
TEST(forged_token_is_a_mismatch_wherever_it_was_changed)
{
    struct gw_token_key k = key("s", 7), other = key("t", 7);
    char text[GW_TOKEN_TEXT];
    uint64_t flow = 42;

    gw_token_write(&k, 9, text);
    for (unsigned i = 0; i < GW_TOKEN_TEXT - 1; i++) {
        char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        EQ(gw_token_parse(&k, gw_span_str(text), &flow), GW_E_MISMATCH);
        text[i] = was;
    }
    EQ(gw_token_parse(&other, gw_span_str(text), &flow), GW_E_MISMATCH);
    EQ(flow, 42); /* written on success only */
}

TEST(token_of_an_earlier_life_is_gone_and_not_forged)
{
    struct gw_token_key before = key("s", 7), after = key("s", 8);
    char text[GW_TOKEN_TEXT];
    uint64_t flow;

    gw_token_write(&before, 9, text);
    EQ(gw_token_parse(&after, gw_span_str(text), &flow), GW_E_CLOSED);
}

TEST(what_is_no_token_is_a_syntax_error)
{
    struct gw_token_key k = key("s", 7);
    char text[GW_TOKEN_TEXT + 1];
    uint64_t flow;

    gw_token_write(&k, 9, text);
    for (size_t n = 0; n < GW_TOKEN_TEXT - 1; n++)
        EQ(gw_token_parse(&k, (struct gw_span){ text, n }, &flow), GW_E_SYNTAX);
    strcat(text, "A");
    EQ(gw_token_parse(&k, gw_span_str(text), &flow), GW_E_SYNTAX);
    text[GW_TOKEN_TEXT - 1] = 0;
    text[3] = '+';
    EQ(gw_token_parse(&k, gw_span_str(text), &flow), GW_E_SYNTAX);
    EQ(gw_token_parse(&k, gw_span_str("alice"), &flow), GW_E_SYNTAX);
}

TEST(without_a_secret_every_process_has_its_own)
{
    struct gw_token_key a, b;

    gw_token_key_init(&a, gw_span_str(""));
    gw_token_key_init(&b, gw_span_str(""));
    CHECK(memcmp(a.secret, b.secret, sizeof(a.secret)) != 0);
    CHECK(a.life != b.life);
}
