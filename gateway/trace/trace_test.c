#include "test.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/trace/mask.h"
#include "gateway/trace/trace.h"

static struct gw_conf *conf;

static void start(const char *text)
{
    char why[256];

    EQ(gw_conf_parse("t", text, strlen(text), &conf, why, sizeof(why)), 0);
    EQ(gw_trace_start(conf), 0);
}

static void stop(void)
{
    gw_trace_stop();
    gw_conf_free(conf);
}

static void message(bool is_access, bool is_out, const char *text)
{
    struct gw_trace_message m = { is_access, is_out, is_access ? "WSS" : "UDP", { 0 }, { 0 }, gw_span_str(text) };

    gw_addr_parse(is_access ? "192.0.2.7:4000" : "10.0.0.9:5060", &m.peer);
    gw_addr_parse("10.0.0.5:5060", &m.local);
    gw_trace_sip(&m);
}

#define SDP "Content-Type: application/sdp\r\n\r\nv=0\r\n"

/* An INVITE of the access side that the core refuses. */
static void refused_call(void)
{
    message(true, false, "INVITE sip:bob@x SIP/2.0\r\nCall-ID: a1\r\nCSeq: 1 INVITE\r\n" SDP "a=ice-pwd:secret\r\n");
    gw_trace_leg("k7", "a1", true);
    gw_trace_leg("k7", "c1", false);
    message(false, true, "INVITE sip:bob@x SIP/2.0\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n" SDP "a=core\r\n");
    message(false, false, "SIP/2.0 486 Busy Here\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\r\n");
    message(true, true, "SIP/2.0 486 Busy Here\r\nCall-ID: a1\r\nCSeq: 1 INVITE\r\n\r\n");
}

static void has(const char *text, const char *what)
{
    if (!text || !strstr(text, what))
        gw_test_fail(__FILE__, __LINE__, "no \"%s\" in\n%s", what, text ? text : "(nothing)");
}

TEST(keys_credentials_and_bodies_are_masked_octet_for_octet)
{
    char text[] = "INVITE sip:b@x SIP/2.0\r\nAuthorization: Digest username=\"ann\", response=\"ff\"\r\n"
                  "Call-ID: c1\r\nCSeq: 7 INVITE\r\n" SDP "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abcd|2^20\r\n"
                  "a=ice-ufrag:u\r\na=ice-pwd:p4ss\r\n";
    char body[] = "MESSAGE sip:b@x SIP/2.0\r\nAuthorization: Bearer abc.def\r\nc: text/plain\r\n\r\nhello\r\nyou";
    size_t n = strlen(text);
    struct gw_trace_facts f;

    gw_trace_mask(text, n, &f);
    EQ(strlen(text), n);
    SPAN_EQ(f.call_id, "c1");
    SPAN_EQ(f.cseq, "INVITE");
    CHECK(f.is_sdp);
    has(text, "username=\"ann\"****");
    has(text, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 ****************\r\n");
    has(text, "a=ice-ufrag:u\r\na=ice-pwd:****\r\n");
    CHECK(!strstr(text, "ff\""));
    gw_trace_mask(body, strlen(body), &f);
    has(body, "Authorization: Bearer *******\r\n");
    has(body, "\r\n\r\n*****\r\n***");
}

TEST(a_refused_call_explains_itself_by_any_of_its_names)
{
    static const char *const names[] = { "k7", "a1", "c1" };

    start("");
    refused_call();
    gw_trace_step("k7", "DTLS", false, "failed: does not match");
    gw_log(GW_LOG_WARNING, "call", "k7", "too bad");
    for (unsigned i = 0; i < 3; i++) {
        char *text = gw_trace_explain(names[i]);
        has(text, "INVITE (SDP)");
        has(text, "486 Busy Here");
        has(text, "< a=ice-pwd:******");
        has(text, "> a=core");
        has(text, "! DTLS: failed: does not match");
        has(text, "! call: too bad");
        has(text, "verdict: refused with 486");
        has(text, "the core said SIP/2.0 486 Busy Here");
        CHECK(!strstr(text, "secret"));
        free(text);
    }
    CHECK(gw_trace_explain("nobody") == NULL);
    stop();
}

TEST(the_same_as_json_pairs_the_sdp_before_and_after)
{
    char *text, *list;

    start("");
    refused_call();
    text = gw_trace_call_json("k7");
    has(text, "\"sdp\":\"v=0\\r\\na=ice-pwd:******\\r\\n\"");
    has(text, "\"sdp_after\":\"v=0\\r\\na=core\\r\\n\"");
    has(text, "\"status\":486");
    list = gw_trace_list_json();
    has(list, "\"call\":\"k7\"");
    has(list, "\"verdict\":\"refused with 486\",\"troubles\":1");
    has(text, "\"troubles\":[\"the core said SIP/2.0 486 Busy Here\"]");
    free(text);
    free(list);
    stop();
}

/* Whatever a call carries: no key, no credential and no text of its users is in anything that a console can ask for. */
TEST(no_secret_is_in_any_answer)
{
    static const char *const secrets[] = { "SDESKEY",         "ICEPWD", "DIGEST", "eyJhbGci",
                                           "words of a user", "MIKEY",  "KLINE" };
    char *(*const asked[])(const char *) = { gw_trace_call_json, gw_trace_explain };
    char *list;

    start("");
    message(true, false,
            "INVITE sip:bob@x SIP/2.0\r\nCall-ID: a1\r\nCSeq: 1 INVITE\r\nAuthorization: Bearer eyJhbGci.x.y\r\n"
            "Proxy-Authorization: Digest username=\"ann\", nonce=\"n\", response=\"DIGEST\"\r\n" SDP
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SDESKEY|2^31\r\na=ice-pwd:ICEPWD\r\na=key-mgmt:mikey MIKEY\r\n"
            "k=clear:KLINE\r\n");
    gw_trace_leg("k9", "a1", true);
    message(true, false,
            "INFO sip:bob@x SIP/2.0\r\nCall-ID: a1\r\nCSeq: 2 INFO\r\nContent-Type: text/plain\r\n\r\n"
            "words of a user");
    message(true, false,
            "MESSAGE sip:bob@x SIP/2.0\r\nCall-ID: a1\r\nCSeq: 3 MESSAGE\r\n"
            "Content-Type: message/cpim\r\n\r\nFrom: <im:a@x>\r\n\r\nwords of a user");
    list = gw_trace_list_json();
    for (unsigned i = 0; i < 2; i++) {
        char *text = asked[i]("k9");
        has(text, "INVITE");
        for (unsigned s = 0; s < sizeof(secrets) / sizeof(secrets[0]); s++) {
            if (strstr(text, secrets[s]) || strstr(list, secrets[s]))
                gw_test_fail(__FILE__, __LINE__, "\"%s\" is in\n%s\n%s", secrets[s], text, list);
        }
        free(text);
    }
    free(list);
    stop();
}

TEST(a_challenge_that_the_caller_answers_is_no_refusal)
{
    static const char invite[] = "INVITE sip:b@x SIP/2.0\r\nCall-ID: a1\r\nCSeq: 1 INVITE\r\n\r\n";
    char *list;

    start("");
    message(true, false, invite);
    message(true, true, "SIP/2.0 407 Proxy Authentication Required\r\nCall-ID: a1\r\nCSeq: 1 INVITE\r\n\r\n");
    list = gw_trace_list_json();
    has(list, "\"verdict\":\"refused with 407\"");
    free(list);
    message(true, false, invite);
    for (int i = 0; i < GW_TRACE_EVENTS; i++) /* its end is seen all the same */
        message(true, false, "INFO sip:b@x SIP/2.0\r\nCall-ID: a1\r\nCSeq: 2 INFO\r\n\r\n");
    message(true, true, "SIP/2.0 200 OK\r\nCall-ID: a1\r\nCSeq: 1 INVITE\r\n\r\n");
    list = gw_trace_list_json();
    has(list, "\"verdict\":\"answered with 200, goes on\"");
    free(list);
    message(true, false, "BYE sip:b@x SIP/2.0\r\nCall-ID: a1\r\nCSeq: 3 BYE\r\n\r\n");
    list = gw_trace_list_json();
    has(list, "\"verdict\":\"answered with 200\"");
    free(list);
    stop();
}

/* An answered call without a single valid check: what did not come is told, once the call is over. */
TEST(media_that_never_came_is_missed)
{
    char *text;

    start("");
    message(true, false,
            "INVITE sip:bob@x SIP/2.0\r\nFrom: Ann <sip:ann@x>;tag=1\r\nt: sip:bob@x;tag=2\r\nCall-ID: a1\r\nCSeq: 1 "
            "INVITE\r\n" SDP "a=ice-ufrag:u\r\na=fingerprint:sha-256 00\r\n");
    gw_trace_leg("k8", "a1", true);
    message(true, true, "SIP/2.0 200 OK\r\nCall-ID: a1\r\nCSeq: 1 INVITE\r\n\r\n");
    text = gw_trace_explain("k8");
    has(text, "answered with 200, goes on");
    CHECK(!strstr(text, "ICE:"));
    free(text);
    message(true, false, "BYE sip:bob@x SIP/2.0\r\nCall-ID: a1\r\nCSeq: 2 BYE\r\n\r\n");
    text = gw_trace_explain("k8");
    has(text, "verdict: answered with 200\n  ! ICE: no valid connectivity check");
    free(text);
    gw_trace_step("k8", "ICE", true, "connected");
    text = gw_trace_explain("k8");
    has(text, "! DTLS: ICE was up, but no handshake");
    free(text);
    gw_trace_step("k8", "DTLS", true, "up");
    text = gw_trace_explain("k8");
    has(text, "nothing went wrong");
    free(text);
    text = gw_trace_list_json();
    has(text, "\"caller\":\"sip:ann@x\",\"callee\":\"sip:bob@x\"");
    free(text);
    stop();
}

TEST(the_ring_and_each_call_are_bounded)
{
    char text[256];
    char *json;

    start("trace_calls = 2");
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "INVITE sip:b@x SIP/2.0\r\nCall-ID: n%d\r\nCSeq: 1 INVITE\r\n\r\n", i);
        message(true, false, text);
    }
    CHECK(gw_trace_call_json("n0") == NULL);
    for (int i = 0; i < GW_TRACE_EVENTS + 9; i++)
        message(true, false, "INFO sip:b@x SIP/2.0\r\nCall-ID: n2\r\nCSeq: 2 INFO\r\n\r\n");
    json = gw_trace_call_json("n2");
    has(json, "\"left_out\":10");
    free(json);
    message(true, false, "REGISTER sip:x SIP/2.0\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n\r\n"); /* no call */
    CHECK(gw_trace_call_json("r") == NULL);
    stop();
}

TEST(a_hep_collector_gets_every_message_masked)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(in);
    char buf[4096], text[128];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    ssize_t n;

    EQ(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    EQ(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    snprintf(text, sizeof(text), "trace_calls = 0\nhep_address = 127.0.0.1:%u\nhep_password = pw", ntohs(in.sin_port));
    start(text);
    message(true, false, "MESSAGE sip:b@x SIP/2.0\r\nCall-ID: m\r\nCSeq: 1 MESSAGE\r\n\r\nhello");
    n = recv(fd, buf, sizeof(buf), 0);
    CHECK(n > 6);
    EQ(memcmp(buf, "HEP3", 4), 0);
    EQ(((uint8_t)buf[4] << 8) | (uint8_t)buf[5], n);
    CHECK(memmem(buf, (size_t)n, "\0\0\0\x0e\0\x08pw", 8));
    CHECK(memmem(buf, (size_t)n, "\r\n\r\n*****", 9));
    close(fd);
    stop();
}
