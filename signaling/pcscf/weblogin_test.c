/* Web sign-in as the core and the web user see it (REG-006, REG-007, REG-008). */
#include <jwt.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "signaling/pcscf/jwt_keys.h"
#include "signaling/pcscf/pcscf_fixture.h"

static char token[2048], bearer[2200];

/* With a verifier of ec_public; `more` as of setup(). */
static void setup_tokens(const char *more)
{
    char path[] = "/tmp/weblogin_test.XXXXXX", text[512];
    int fd = mkstemp(path);

    EQ(write(fd, ec_public, sizeof(ec_public) - 1), (long)sizeof(ec_public) - 1);
    close(fd);
    snprintf(text, sizeof(text), "token_key = %s\ntoken_issuer = waf\ntoken_audience = imsgw\n%s", path, more);
    fake_flow_token = NULL;
    setup(text);
    unlink(path);
    (void)rsa_private, (void)rsa_public, (void)jwks, (void)secret;
}

static void make_token(const char *impu, long seconds)
{
    jwt_t *jwt = NULL;
    char *text;

    jwt_new(&jwt);
    jwt_add_grant(jwt, "iss", "waf");
    jwt_add_grant(jwt, "aud", "imsgw");
    jwt_add_grant(jwt, "impu", impu);
    jwt_add_grant(jwt, "impi", "ann.private@ims.example");
    jwt_add_grant_int(jwt, "exp", (long)(gw_clock_wall_us() / 1000000) + seconds);
    jwt_set_alg(jwt, JWT_ALG_ES256, (const unsigned char *)ec_private, sizeof(ec_private) - 1);
    text = jwt_encode_str(jwt);
    snprintf(token, sizeof(token), "%s", text);
    snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s\n", text);
    free(text);
    jwt_free(jwt);
}

static struct gw_sip_server *registers(gw_flow_id flow, const char *expires, const char *headers)
{
    char text[4096];

    snprintf(text, sizeof(text),
             "REGISTER sip:ims.example SIP/2.0\nTo: <sip:ann@ims.example>\nFrom: <sip:ann@ims.example>;tag=1\n"
             "Contact: " ANN_CONTACT ";expires=%s\nExpires: %s\n%s",
             expires, expires, headers);
    return fake_request(flow, text);
}

/* The core hears of a user whom a trusted node signed in, and never sees the token. */
static void expect_signed_in(void)
{
    STR_EQ(sent("Authorization"), "Digest username=\"ann.private@ims.example\", realm=\"ims.example\", "
                                  "uri=\"sip:ims.example\", nonce=\"\", response=\"\", "
                                  "integrity-protected=\"auth-done\"");
    CHECK(gw_sip_msg_get(fake_client_request(fake_last_client()), "Authorization", 1) == NULL);
}

TEST(REG_006_007_a_token_signs_in_and_stays_here)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup_tokens("");
    flow = fake_flow_open("WSS");
    make_token("sip:ann@ims.example", 3600);
    t = registers(flow, "600", bearer);
    EQ(fake_sent(), 1);
    expect_signed_in();
    STR_EQ(sent("Contact"), ANN_CONTACT ";expires=600");
    STR_EQ(sent("Expires"), "600");
    fake_answer(fake_last_client(), 200, "reg", "Contact: " ANN_CONTACT ";expires=600\n", NULL);
    EQ(fake_status(t), 200);
    EQ(gw_pcscf_registrations(pcscf), 1);
    teardown();
}

TEST(a_token_of_the_websocket_request_does_as_well_and_digest_goes_before_it)
{
    gw_flow_id flow;

    setup_tokens("token_required = yes\n");
    make_token("sip:ann@ims.example", 3600);
    fake_flow_token = token;
    flow = fake_flow_open("WSS");
    registers(flow, "600", "");
    EQ(fake_sent(), 1);
    expect_signed_in();
    teardown();
    setup_tokens("");
    fake_flow_token = token;
    flow = fake_flow_open("WSS");
    registers(flow, "600", "Authorization: Digest username=\"ann\", integrity-protected=\"auth-done\"\n");
    STR_EQ(sent("Authorization"), "Digest username=\"ann\", integrity-protected=\"tls-pending\"");
    teardown();
}

TEST(a_bad_token_is_401_with_the_reason_and_goes_no_further)
{
    struct gw_sip_server *t;
    gw_flow_id flow;
    int64_t refused;

    setup_tokens("token_authz_server = https://waf.example/\n");
    flow = fake_flow_open("WSS");
    refused = gw_stats_read(GW_STAT_PCSCF_REFUSED_TOKEN);
    make_token("sip:ann@ims.example", -60);
    t = registers(flow, "600", bearer);
    EQ(fake_status(t), 401);
    STR_EQ(answered(t, "WWW-Authenticate"),
           "Bearer realm=\"visited.example\", authz_server=\"https://waf.example/\", scope=\"sip\", "
           "error=\"invalid_token\", error_description=\"expired\"");
    t = registers(flow, "600", "Authorization: Bearer abc\n");
    EQ(fake_status(t), 401);
    CHECK(strstr(answered(t, "WWW-Authenticate"), "error_description=\"not a JSON web token\""));
    make_token("sip:eve@ims.example", 3600);
    t = registers(flow, "600", bearer);
    EQ(fake_status(t), 403);
    CHECK(strstr(answered(t, "WWW-Authenticate"), "error=\"insufficient_scope\""));
    EQ(fake_sent(), 0);
    EQ(gw_stats_read(GW_STAT_PCSCF_REFUSED_TOKEN), refused + 2);
    teardown();
}

TEST(without_a_token_the_registrar_s_digest_decides_unless_one_is_required)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup_tokens("");
    flow = fake_flow_open("WSS");
    t = registers(flow, "600", "");
    fake_answer(fake_last_client(), 401, "reg", "WWW-Authenticate: Digest realm=\"ims.example\", nonce=\"n0\"\n", NULL);
    EQ(fake_status(t), 401);
    STR_EQ(answered(t, "WWW-Authenticate"), "Bearer realm=\"visited.example\", scope=\"sip\"");
    STR_EQ(gw_sip_msg_get(fake_last_response(t), "WWW-Authenticate", 1),
           "Digest realm=\"ims.example\", nonce=\"n0\""); /* last: pages' SIP libraries know the last one alone */
    teardown();
    setup_tokens("token_required = yes\n");
    flow = fake_flow_open("WSS");
    t = registers(flow, "600", "Authorization: Digest username=\"ann\"\n");
    EQ(fake_status(t), 401);
    STR_EQ(answered(t, "WWW-Authenticate"), "Bearer realm=\"visited.example\", scope=\"sip\"");
    EQ(fake_sent(), 0);
    teardown();
}

TEST(REG_008_a_registration_does_not_outlast_its_token)
{
    gw_flow_id flow;

    setup_tokens("token_leeway = 0\n");
    flow = fake_flow_open("WSS");
    make_token("sip:ann@ims.example", 100);
    registers(flow, "600", bearer);
    CHECK(atoi(sent("Expires")) <= 100 && atoi(sent("Expires")) >= 90);
    CHECK(strncmp(sent("Contact"), ANN_CONTACT ";expires=", strlen(ANN_CONTACT) + 9) == 0);
    CHECK(atoi(sent("Contact") + strlen(ANN_CONTACT) + 9) <= 100);
    fake_answer(fake_last_client(), 200, "reg", "Contact: " ANN_CONTACT ";expires=600\n",
                NULL); /* granted for longer */
    EQ(gw_pcscf_registrations(pcscf), 1);
    fake_sip_advance(104000);
    EQ(gw_pcscf_registrations(pcscf), 0);
    teardown();
}
