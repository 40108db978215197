#include "signaling/pcscf/headers.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

static struct gw_sip_msg *message(const char *method, const char *uri)
{
    struct gw_sip_msg *m = gw_sip_msg_request(method, uri);

    gw_sip_msg_set(m, "From", "<sip:ann@ims.example>;tag=f1");
    gw_sip_msg_set(m, "To", "<sip:bob@ims.example>");
    gw_sip_msg_set(m, "Call-ID", "c1");
    gw_sip_msg_set(m, "CSeq", "1 MESSAGE");
    return m;
}

static const char *get(const struct gw_sip_msg *m, const char *name)
{
    return gw_sip_msg_get(m, name, 0);
}

/* REG-011, REG-010: what a client outside the trust domain may not say is gone, whatever it is. */
TEST(trust_domain_headers_of_a_client_are_removed)
{
    static const char *const names[] = {
        "P-Asserted-Identity",   "P-Preferred-Identity",
        "P-Asserted-Service",    "P-Served-User",
        "P-Profile-Key",         "P-Private-Network-Indication",
        "P-Early-Media",         "Resource-Priority",
        "History-Info",          "Feature-Caps",
        "Restoration-Info",      "Relayed-Charge",
        "Service-Interact-Info", "Cellular-Network-Info",
        "Response-Source",       "Attestation-Info",
        "Origination-Id",        "Additional-Identity",
        "P-Charging-Vector",     "P-Charging-Function-Addresses",
        "P-Visited-Network-ID",  "Path",
        "Service-Route",         "P-Associated-URI",
        "Security-Client",       "Security-Server",
        "Security-Verify",
    };
    struct gw_sip_msg *m = message("MESSAGE", "sip:bob@ims.example");

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        gw_sip_msg_add(m, names[i], "<sip:evil@example.com>");
    gw_sip_msg_add(m, "Subject", "kept");
    gw_sip_msg_add(m, "X-Own", "kept too");
    EQ(gw_pcscf_headers_to_core(m, &(struct gw_pcscf_stamp){ 0 }), 0);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (get(m, names[i]))
            gw_test_fail(__FILE__, __LINE__, "%s left", names[i]);
    STR_EQ(get(m, "Subject"), "kept");
    STR_EQ(get(m, "X-Own"), "kept too");
    gw_sip_msg_free(m);
}

TEST(our_stamp_is_put_on)
{
    struct gw_sip_msg *m = message("MESSAGE", "sip:bob@ims.example");
    struct gw_pcscf_stamp stamp = { "<sip:ann@ims.example>", "abc", "10.0.0.5", "visited.example",
                                    "IEEE-802.3;network-provided" };

    gw_sip_msg_add(m, "P-Asserted-Identity", "<sip:evil@example.com>");
    gw_sip_msg_add(m, "P-Charging-Vector", "icid-value=evil");
    EQ(gw_pcscf_headers_to_core(m, &stamp), 0);
    STR_EQ(get(m, "P-Asserted-Identity"), "<sip:ann@ims.example>");
    CHECK(gw_sip_msg_get(m, "P-Asserted-Identity", 1) == NULL);
    STR_EQ(get(m, "P-Charging-Vector"),
           "icid-value=\"abc\";icid-generated-at=10.0.0.5;orig-ioi=\"Type 1visited.example\"");
    STR_EQ(get(m, "P-Access-Network-Info"), "IEEE-802.3;network-provided");
    gw_sip_msg_free(m);
}

TEST(a_client_may_tell_its_access_network_but_not_as_the_network)
{
    struct gw_sip_msg *m = message("MESSAGE", "sip:bob@ims.example");

    gw_sip_msg_add(m, "P-Access-Network-Info", "IEEE-802.11;i-wlan-node-id=0011");
    gw_sip_msg_add(m, "P-Access-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1;Network-Provided");
    EQ(gw_pcscf_headers_to_core(m, &(struct gw_pcscf_stamp){ 0 }), 0);
    STR_EQ(get(m, "P-Access-Network-Info"), "IEEE-802.11;i-wlan-node-id=0011");
    CHECK(gw_sip_msg_get(m, "P-Access-Network-Info", 1) == NULL);
    gw_sip_msg_free(m);
}

/* REG-007 */
TEST(bearer_never_reaches_the_core_and_digest_does)
{
    struct gw_sip_msg *m = message("REGISTER", "sip:ims.example");

    gw_sip_msg_add(m, "Authorization", "Bearer eyJhbGciOi.J9.x");
    gw_sip_msg_add(m, "Authorization", "Digest username=\"ann\", realm=\"r\"");
    gw_sip_msg_add(m, "Proxy-Authorization", "bearer x");
    EQ(gw_pcscf_headers_to_core(m, &(struct gw_pcscf_stamp){ 0 }), 0);
    STR_EQ(get(m, "Authorization"), "Digest username=\"ann\", realm=\"r\"");
    CHECK(gw_sip_msg_get(m, "Authorization", 1) == NULL);
    CHECK(get(m, "Proxy-Authorization") == NULL);
    gw_sip_msg_free(m);
}

TEST(sec_agree_and_mediasec_end_here)
{
    struct gw_sip_msg *m = message("REGISTER", "sip:ims.example");

    gw_sip_msg_add(m, "Require", "sec-agree, gruu, MediaSec");
    gw_sip_msg_add(m, "Proxy-Require", "mediasec");
    EQ(gw_pcscf_headers_to_core(m, &(struct gw_pcscf_stamp){ 0 }), 0);
    STR_EQ(get(m, "Require"), "gruu");
    CHECK(gw_sip_msg_get(m, "Require", 1) == NULL);
    CHECK(get(m, "Proxy-Require") == NULL);
    gw_sip_msg_free(m);
}

TEST(cpc_oli_and_iotl_are_taken_from_the_request_uri)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "tel:+4930123;cpc=operator;phone-context=x", "tel:+4930123;phone-context=x" },
        { "sip:+4930;cpc=ordinary;OLI=62@ims.example;user=phone;iotl=homeA-homeB", "sip:+4930@ims.example;user=phone" },
        { "sip:bob@ims.example;cpcx=1", "sip:bob@ims.example;cpcx=1" },
    };

    for (unsigned i = 0; i < 3; i++) {
        struct gw_sip_msg *m = message("MESSAGE", rows[i].in);
        EQ(gw_pcscf_headers_to_core(m, &(struct gw_pcscf_stamp){ 0 }), 0);
        STR_EQ(gw_sip_msg_uri(m), rows[i].out);
        gw_sip_msg_free(m);
    }
}

/* REG-003, REG-013 */
TEST(a_client_hears_no_charging_and_no_withheld_identity)
{
    struct gw_sip_msg *m = message("MESSAGE", "sip:u8@k3f9.invalid");

    gw_sip_msg_add(m, "P-Charging-Vector", "icid-value=x");
    gw_sip_msg_add(m, "P-Charging-Function-Addresses", "ccf=10.0.0.1");
    gw_sip_msg_add(m, "P-Access-Network-Info", "x");
    gw_sip_msg_add(m, "P-Served-User", "<sip:x@y>");
    gw_sip_msg_add(m, "P-Asserted-Identity", "<sip:ann@ims.example>");
    gw_sip_msg_add(m, "P-Called-Party-ID", "<sip:bob@ims.example>");
    EQ(gw_pcscf_headers_to_access(m), 0);
    CHECK(get(m, "P-Charging-Vector") == NULL);
    CHECK(get(m, "P-Charging-Function-Addresses") == NULL);
    CHECK(get(m, "P-Access-Network-Info") == NULL);
    CHECK(get(m, "P-Served-User") == NULL);
    STR_EQ(get(m, "P-Asserted-Identity"), "<sip:ann@ims.example>");
    STR_EQ(get(m, "P-Called-Party-ID"), "<sip:bob@ims.example>");

    gw_sip_msg_set(m, "Privacy", "critical; ID ;user");
    EQ(gw_pcscf_headers_to_access(m), 0);
    CHECK(get(m, "P-Asserted-Identity") == NULL);
    gw_sip_msg_free(m);
}

TEST(privacy_of_another_kind_does_not_withhold_the_identity)
{
    struct gw_sip_msg *m = message("MESSAGE", "sip:u8@k3f9.invalid");

    gw_sip_msg_add(m, "Privacy", "session;none;idx");
    gw_sip_msg_add(m, "P-Asserted-Identity", "<sip:ann@ims.example>");
    EQ(gw_pcscf_headers_to_access(m), 0);
    STR_EQ(get(m, "P-Asserted-Identity"), "<sip:ann@ims.example>");
    gw_sip_msg_free(m);
}

TEST(a_b2bua_carries_what_is_end_to_end_and_nothing_of_the_leg)
{
    static const char in[] = "INVITE sip:bob@ims.example SIP/2.0\r\n"
                             "v: SIP/2.0/WSS k3f9.invalid;branch=z9hG4bKa1\r\n"
                             "Max-Forwards: 69\r\nFrom: <sip:ann@ims.example>;tag=f\r\nt: <sip:bob@ims.example>\r\n"
                             "i: c\r\nCSeq: 1 INVITE\r\nm: <sip:u8@k3f9.invalid>\r\nk: timer, replaces\r\n"
                             "x: 90\r\nRoute: <sip:gw.example;lr>\r\nRecord-Route: <sip:p.example;lr>\r\n"
                             "P-Charging-Vector: icid-value=1\r\nP-Early-Media: supported\r\n"
                             "Replaces: a;to-tag=b;from-tag=c\r\n"
                             "s: hello\r\nPrivacy: id\r\nReason: SIP;cause=200\r\nAccept-Contact: *;audio, *;video\r\n"
                             "X-Unknown: one, two\r\nX-Unknown: three\r\nGeolocation: <sip:l@x>\r\n"
                             "Content-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0";
    struct gw_sip_msg *from = NULL, *to = message("INVITE", "sip:bob@ims.example");
    char why[64];
    static const char *const gone[] = { "Contact",      "Supported",    "Session-Expires",   "Route",
                                        "Record-Route", "Via",          "P-Charging-Vector", "P-Early-Media",
                                        "Replaces",     "Max-Forwards", "Content-Type" };

    EQ(gw_sip_msg_parse(gw_span_str(in), &from, why, sizeof(why)), 0);
    EQ(gw_pcscf_copy_end_to_end(to, from), 0);
    for (unsigned i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        if (get(to, gone[i]))
            gw_test_fail(__FILE__, __LINE__, "%s carried", gone[i]);
    STR_EQ(get(to, "Call-ID"), "c1");
    CHECK(gw_sip_msg_get(to, "From", 1) == NULL);
    STR_EQ(get(to, "Subject"), "hello");
    STR_EQ(get(to, "Privacy"), "id");
    STR_EQ(get(to, "Reason"), "SIP;cause=200");
    STR_EQ(gw_sip_msg_get(to, "Accept-Contact", 1), "*;video");
    STR_EQ(gw_sip_msg_get(to, "X-Unknown", 0), "one, two");
    STR_EQ(gw_sip_msg_get(to, "X-Unknown", 1), "three");
    STR_EQ(get(to, "Geolocation"), "<sip:l@x>");
    gw_sip_msg_free(from);
    gw_sip_msg_free(to);
}

/* SIG-018 */
TEST(to_towards_a_browser_has_a_sip_uri)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "<sip:bob@ims.example>;tag=1", "<sip:bob@ims.example>;tag=1" },
        { "sip:bob@ims.example;tag=1", "sip:bob@ims.example;tag=1" },
        { "\"Bob <x>\" <sips:bob@ims.example;a=b>;tag=1", "\"Bob <x>\" <sip:bob@ims.example;a=b>;tag=1" },
        { "<tel:+49-30;phone-context=x>", "<sip:+49-30@gw.example;user=phone>" },
        { "tel:+4930;tag=2", "<sip:+4930@gw.example;user=phone>;tag=2" },
        { "Sos <urn:service:sos>", "Sos <sip:anonymous@gw.example>" },
    };
    char buf[256];

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EQ(gw_pcscf_as_sip(rows[i].in, "gw.example", buf, sizeof(buf)), 0);
        STR_EQ(buf, rows[i].out);
    }
    EQ(gw_pcscf_as_sip("<tel:+4930>", "gw.example", buf, 10), GW_E_LIMIT);
    EQ(gw_pcscf_as_sip("nonsense", "gw.example", buf, sizeof(buf)), GW_E_SYNTAX);
}

TEST(icid_is_read_wherever_it_stands)
{
    struct gw_sip_msg *m = message("MESSAGE", "sip:bob@ims.example");
    char icid[64];

    EQ(gw_pcscf_icid_of(m, icid, sizeof(icid)), GW_E_NOTFOUND);
    gw_sip_msg_set(m, "P-Charging-Vector", "icid-value=\"a.b\";orig-ioi=x");
    EQ(gw_pcscf_icid_of(m, icid, sizeof(icid)), 0);
    STR_EQ(icid, "a.b");
    gw_sip_msg_set(m, "P-Charging-Vector", "orig-ioi=x;icid-value=77");
    EQ(gw_pcscf_icid_of(m, icid, sizeof(icid)), 0);
    STR_EQ(icid, "77");
    gw_sip_msg_set(m, "P-Charging-Vector", "icid-value=\"a\\\"b\"");
    EQ(gw_pcscf_icid_of(m, icid, sizeof(icid)), GW_E_NOTFOUND);
    gw_sip_msg_free(m);
}
