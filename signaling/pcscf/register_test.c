#include "signaling/pcscf/pcscf_fixture.h"

/* REG-001, REG-002, REG-003, SIG-013, SIG-015: what the core sees of a REGISTER. */
TEST(register_gets_path_visited_network_and_charging)
{
    struct gw_sip_server *t;
    gw_flow_id flow;
    char path[300];

    setup("");
    flow = fake_flow_open("WSS");
    t = fake_request(
        flow,
        REGISTER("ann", ANN_CONTACT,
                 "600") "P-Visited-Network-ID: evil\nP-Charging-Vector: icid-value=evil\nRoute: <sip:gw.example;lr>\n"
                        "P-Access-Network-Info: IEEE-802.11;network-provided\nRequire: mediasec\n");
    EQ(fake_sent(), 1);
    path_of(flow, path, sizeof(path));
    STR_EQ(sent("Path"), path);
    CHECK(strstr(path, ";lr;ob>"));
    STR_EQ(sent("Require"), "path");
    CHECK(gw_sip_msg_has_token(fake_client_request(fake_last_client()), "Supported", "outbound"));
    STR_EQ(sent("P-Visited-Network-ID"), "\"visited.example\"");
    CHECK(strncmp(sent("P-Charging-Vector"), "icid-value=\"", 12) == 0);
    CHECK(strstr(sent("P-Charging-Vector"), ";icid-generated-at=10.0.0.5:5060;orig-ioi=\"Type 1visited.example\""));
    STR_EQ(sent("Contact"), ANN_CONTACT ";expires=600");
    STR_EQ(sent("Max-Forwards"), "68");
    CHECK(sent("Route") == NULL);
    CHECK(sent("P-Access-Network-Info") == NULL);
    STR_EQ(fake_client_next_hop(fake_last_client()), "sip:core.example;lr");
    EQ(fake_status(t), 0);
    teardown();
}

TEST(icid_differs_from_register_to_register)
{
    char first[256];
    gw_flow_id flow;

    setup("");
    flow = fake_flow_open("WSS");
    fake_request(flow, REGISTER("ann", ANN_CONTACT, "600"));
    snprintf(first, sizeof(first), "%s", sent("P-Charging-Vector"));
    fake_request(flow, REGISTER("ann", ANN_CONTACT, "600"));
    CHECK(strcmp(first, sent("P-Charging-Vector")) != 0);
    teardown();
}

TEST(path_has_no_ob_without_reg_id_or_behind_another_hop)
{
    gw_flow_id flow;

    setup("");
    flow = fake_flow_open("WSS");
    fake_request(flow, REGISTER("ann", "<sip:u8@k3f9.invalid;transport=ws>", "600"));
    CHECK(sent("Path") && !strstr(sent("Path"), ";ob"));
    fake_request(
        flow,
        REGISTER(
            "ann", ANN_CONTACT,
            "600") "Via: SIP/2.0/WSS proxy.example;branch=z9hG4bK1\nVia: SIP/2.0/WSS k3f9.invalid;branch=z9hG4bK2\n");
    CHECK(sent("Path") && !strstr(sent("Path"), ";ob"));
    teardown();
}

/* REG-005, REG-004: the digest passes but for the one parameter that is ours. */
TEST(digest_passes_end_to_end)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = fake_flow_open("WSS");
    t = fake_request(flow, REGISTER("ann", ANN_CONTACT, "600"));
    fake_answer(fake_last_client(), 401, "reg",
                "WWW-Authenticate: Digest realm=\"ims.example\", nonce=\"n0\", qop=\"auth\"\n", NULL);
    EQ(fake_status(t), 401);
    STR_EQ(answered(t, "WWW-Authenticate"), "Digest realm=\"ims.example\", nonce=\"n0\", qop=\"auth\"");
    EQ(gw_pcscf_registrations(pcscf), 0);

    fake_request(flow, REGISTER("ann", ANN_CONTACT, "600") "Authorization: Digest username=\"ann\", nonce=\"n0\", "
                                                           "response=\"ff\", integrity-protected=\"yes\"\n"
                                                           "Authorization: Bearer abc\n");
    STR_EQ(sent("Authorization"),
           "Digest username=\"ann\", nonce=\"n0\", response=\"ff\", integrity-protected=\"tls-pending\"");
    CHECK(gw_sip_msg_get(fake_client_request(fake_last_client()), "Authorization", 1) == NULL); /* REG-007 */
    fake_answer(fake_last_client(), 200, "reg", "Contact: " ANN_CONTACT ";expires=600\n", NULL);

    /* from now on this TLS connection is that private identity's */
    fake_request(flow, REGISTER("ann", ANN_CONTACT, "600") "Authorization: Digest username=\"ann\", response=\"ee\"\n");
    STR_EQ(sent("Authorization"), "Digest username=\"ann\", response=\"ee\", integrity-protected=\"tls-yes\"");
    fake_request(flow, REGISTER("ann", ANN_CONTACT, "600") "Authorization: Digest username=\"eve\", response=\"ee\"\n");
    STR_EQ(sent("Authorization"), "Digest username=\"eve\", response=\"ee\", integrity-protected=\"tls-pending\"");
    teardown();
}

TEST(protection_is_not_claimed_without_tls_or_when_turned_off)
{
    gw_flow_id flow;

    setup("");
    flow = fake_flow_open("WS");
    fake_request(flow,
                 REGISTER("ann", ANN_CONTACT, "600") "Authorization: Digest username=\"a\", integrity-protected=yes\n");
    STR_EQ(sent("Authorization"), "Digest username=\"a\"");
    teardown();
    setup("integrity_protected = no\n");
    flow = fake_flow_open("WSS");
    fake_request(flow,
                 REGISTER("ann", ANN_CONTACT, "600") "Authorization: Digest username=\"a\", integrity-protected=yes\n");
    STR_EQ(sent("Authorization"), "Digest username=\"a\"");
    teardown();
}

/* SIG-015, SIG-016: Contact as the registrar wrote it, the client's Via alone, our headers gone. */
TEST(a_200_makes_a_binding_and_reaches_the_client_clean)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = fake_flow_open("WSS");
    t = fake_request(flow, REGISTER("ann", ANN_CONTACT, "600"));
    fake_answer(fake_last_client(), 200, "reg",
                "Contact: <sip:other@x.invalid>;expires=30, " ANN_CONTACT
                ";pub-gruu=\"sip:ann@ims.example;gr=1\";expires=590\n"
                "Path: <sip:x@10.0.0.5;lr>\nP-Charging-Vector: icid-value=1\nP-Charging-Function-Addresses: ccf=1\n"
                "Service-Route: <sip:orig@scscf.ims.example;lr>\nRequire: outbound\n",
                NULL);
    EQ(fake_status(t), 200);
    STR_EQ(gw_sip_msg_get(fake_last_response(t), "Contact", 1),
           ANN_CONTACT ";pub-gruu=\"sip:ann@ims.example;gr=1\";expires=590");
    CHECK(answered(t, "Path") == NULL);
    CHECK(answered(t, "P-Charging-Vector") == NULL);
    CHECK(answered(t, "P-Charging-Function-Addresses") == NULL);
    STR_EQ(answered(t, "Service-Route"), "<sip:orig@scscf.ims.example;lr>");
    STR_EQ(answered(t, "Flow-Timer"), "120");
    CHECK(strstr(answered(t, "Via"), "SIP/2.0/WSS k3f9.invalid"));
    CHECK(gw_sip_msg_get(fake_last_response(t), "Via", 1) == NULL); /* SIG-011 */
    EQ(gw_pcscf_registrations(pcscf), 1);
    EQ(pcscf->bindings.first->nroutes, 1);
    EQ(pcscf->bindings.first->reg_id, 1);
    teardown();
}

TEST(flow_timer_is_only_for_outbound)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = fake_flow_open("WSS");
    t = fake_request(flow, REGISTER("ann", ANN_CONTACT, "600"));
    fake_answer(fake_last_client(), 200, "reg", "Contact: " ANN_CONTACT ";expires=600\n", NULL);
    CHECK(answered(t, "Flow-Timer") == NULL);
    teardown();
}

TEST(failures_of_the_registrar_pass_and_bind_nothing)
{
    static const int statuses[] = { 403, 404, 408, 420, 423, 480, 500, 503, 600 };

    for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct gw_sip_server *t;
        setup("");
        t = fake_request(fake_flow_open("WSS"), REGISTER("ann", ANN_CONTACT, "600"));
        fake_answer(fake_last_client(), statuses[i], "reg", "Min-Expires: 1800\nRetry-After: 3\n", NULL);
        EQ(fake_status(t), statuses[i]);
        STR_EQ(answered(t, "Min-Expires"), "1800");
        EQ(gw_pcscf_registrations(pcscf), 0);
        teardown();
    }
}

TEST(a_contact_missing_from_the_200_is_not_registered)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    EQ(gw_pcscf_registrations(pcscf), 1);
    register_as(flow, REGISTER("ann", ANN_CONTACT, "600"), "Contact: <sip:someone@else.invalid>;expires=600\n");
    EQ(gw_pcscf_registrations(pcscf), 0);
    teardown();
}

TEST(expires_zero_and_star_de_register)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    register_as(flow, REGISTER("ann", ANN_CONTACT, "0"), "");
    EQ(gw_pcscf_registrations(pcscf), 0);
    flow = registered_ann();
    register_as(flow,
                "REGISTER sip:ims.example SIP/2.0\nFrom: <sip:ann@ims.example>;tag=f\nTo: <sip:ann@ims.example>\n"
                "Contact: *\nExpires: 0\n",
                "");
    EQ(gw_pcscf_registrations(pcscf), 0);
    teardown();
}

TEST(a_query_changes_nothing)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    register_as(flow,
                "REGISTER sip:ims.example SIP/2.0\nFrom: <sip:ann@ims.example>;tag=f\nTo: <sip:ann@ims.example>\n",
                "Contact: <sip:someone@else.invalid>;expires=600\n");
    EQ(gw_pcscf_registrations(pcscf), 1);
    teardown();
}

TEST(a_binding_expires_unless_renewed)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    fake_sip_advance(500 * 1000);
    register_as(flow, REGISTER("ann", ANN_CONTACT, "600"), "Contact: " ANN_CONTACT ";expires=600\n");
    fake_sip_advance(500 * 1000);
    EQ(gw_pcscf_registrations(pcscf), 1);
    fake_sip_advance(105 * 1000);
    EQ(gw_pcscf_registrations(pcscf), 0);
    teardown();
}

/* SIG-017 */
TEST(same_instance_and_reg_id_on_a_new_connection_replaces_the_flow)
{
    gw_flow_id first, second;

    setup("");
    first = registered_ann();
    fake_flow_close(first);
    EQ(calls.closed, 1);
    EQ(gw_pcscf_registrations(pcscf), 1); /* kept: the client may come back */
    second = registered_ann();
    CHECK(first != second);
    EQ(gw_pcscf_registrations(pcscf), 1);
    EQ(calls.moved, 1);
    EQ(calls.old_flow, first);
    EQ(calls.new_flow, second);
    teardown();
}

TEST(another_reg_id_is_a_second_flow)
{
    gw_flow_id second;

    setup("");
    registered_ann();
    second = fake_flow_open("WSS");
    register_as(second,
                REGISTER("ann", "<sip:u8@k3f9.invalid;transport=ws>;+sip.instance=\"<urn:uuid:0c6>\";reg-id=2", "600"),
                "Contact: " ANN_CONTACT ";expires=600, "
                "<sip:u8@k3f9.invalid;transport=ws>;+sip.instance=\"<urn:uuid:0c6>\";reg-id=2;expires=600\n");
    EQ(gw_pcscf_registrations(pcscf), 2);
    EQ(calls.moved, 0);
    teardown();
}

TEST(a_200_after_the_connection_closed_binds_nothing)
{
    gw_flow_id flow;

    setup("");
    flow = fake_flow_open("WSS");
    fake_request(flow, REGISTER("ann", ANN_CONTACT, "600"));
    fake_flow_close(flow);
    fake_answer(fake_last_client(), 200, "reg", "Contact: " ANN_CONTACT ";expires=600\n", NULL);
    EQ(gw_pcscf_registrations(pcscf), 0);
    teardown();
}

TEST(bounds_of_registrations_are_answered_503)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("registrations_max = 1\n");
    flow = registered_ann();
    t = fake_request(fake_flow_open("WSS"), REGISTER("bob", "<sip:b@x.invalid>", "600"));
    EQ(fake_status(t), 503);
    STR_EQ(answered(t, "Retry-After"), "10");
    t = fake_request(flow, REGISTER("ann", ANN_CONTACT, "600")); /* who is in stays in */
    EQ(fake_status(t), 0);
    teardown();
}

TEST(draining_refuses_new_registrations_and_renews_old_ones)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    gw_pcscf_drain(pcscf);
    t = fake_request(fake_flow_open("WSS"), REGISTER("bob", "<sip:b@x.invalid>", "600"));
    EQ(fake_status(t), 503);
    register_as(flow, REGISTER("ann", ANN_CONTACT, "600"), "Contact: " ANN_CONTACT ";expires=600\n");
    teardown();
}

TEST(other_domains_are_refused_when_domains_are_named)
{
    setup("home_domains = ims.example other.example\n");
    EQ(fake_status(fake_request(fake_flow_open("WSS"), REGISTER("ann", ANN_CONTACT, "600"))), 0);
    EQ(fake_status(fake_request(fake_flow_open("WSS"),
                                "REGISTER sip:evil.example SIP/2.0\nFrom: <sip:a@evil.example>;tag=1\n"
                                "To: <sip:a@evil.example>\nContact: <sip:a@x.invalid>\n")),
       403);
    EQ(fake_sent(), 1);
    teardown();
}

TEST(the_core_cannot_register_here)
{
    struct gw_sip_server *t;

    setup("");
    t = fake_request(0, REGISTER("ann", ANN_CONTACT, "600"));
    EQ(fake_status(t), 405);
    CHECK(answered(t, "Allow") != NULL);
    teardown();
}

TEST(a_registrar_that_cannot_be_reached_is_503_or_408)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = fake_flow_open("WSS");
    fake_sip_fail_sends(1, GW_E_IO);
    t = fake_request(flow, REGISTER("ann", ANN_CONTACT, "600"));
    EQ(fake_status(t), 503);
    t = fake_request(flow, REGISTER("ann", ANN_CONTACT, "600"));
    fake_client_end(fake_last_client());
    EQ(fake_status(t), 408);
    teardown();
}

/* ---- registration state event (REG-009) ---- */

#define REGINFO(state)                                                                                                 \
    "<reginfo><registration aor=\"sip:ann@ims.example\" state=\"active\"><contact state=\"" state                      \
    "\"><uri>sip:u8@k3f9.invalid;transport=ws</uri></contact></registration></reginfo>"

static struct gw_sip_server *notify(const char *body)
{
    const struct gw_sip_msg *sub = fake_client_request(fake_last_client());
    char text[2048];

    snprintf(
        text, sizeof(text),
        "NOTIFY sip:10.0.0.5 SIP/2.0\nFrom: <sip:ann@ims.example>;tag=scscf\nTo: %s\nCall-ID: %s\nMax-Forwards: 70\n"
        "Event: reg\nSubscription-State: active;expires=600000\nContent-Type: application/reginfo+xml\n\n%s",
        gw_sip_msg_get(sub, "From", 0), gw_sip_msg_get(sub, "Call-ID", 0), body);
    return fake_request(0, text);
}

TEST(the_network_ends_a_registration_by_reg_event)
{
    gw_flow_id flow;
    uint16_t code = 0;

    setup("reg_event = yes\n");
    flow = registered_ann();
    EQ(fake_sent(), 2);
    STR_EQ(gw_sip_msg_method_name(fake_client_request(fake_last_client())), "SUBSCRIBE");
    STR_EQ(gw_sip_msg_uri(fake_client_request(fake_last_client())), "sip:ann@ims.example");
    STR_EQ(sent("Event"), "reg");
    STR_EQ(sent("Expires"), "600000");
    STR_EQ(sent("P-Asserted-Identity"), "<sip:10.0.0.5:5060>");
    fake_answer(fake_last_client(), 200, "scscf", "Contact: <sip:scscf.ims.example>\nExpires: 600000\n", NULL);
    EQ(fake_status(notify(REGINFO("active"))), 200);
    EQ(gw_pcscf_registrations(pcscf), 1);
    EQ(fake_status(notify(REGINFO("terminated"))), 200);
    EQ(gw_pcscf_registrations(pcscf), 0);
    CHECK(fake_flow_was_closed_by_us(flow, &code));
    EQ(code, 1000);
    teardown();
}

TEST(a_bad_reginfo_is_400_and_a_lost_subscription_ends_nothing)
{
    setup("reg_event = yes\n");
    registered_ann();
    fake_answer(fake_last_client(), 200, "scscf", "Contact: <sip:scscf.ims.example>\nExpires: 600000\n", NULL);
    EQ(fake_status(notify("<reginfo>")), 400);
    EQ(gw_pcscf_registrations(pcscf), 1);
    teardown();

    setup("reg_event = yes\n");
    registered_ann();
    fake_answer(fake_last_client(), 489, "scscf", NULL, NULL);
    EQ(gw_pcscf_registrations(pcscf), 1);
    EQ(fake_status(notify(REGINFO("terminated"))), 481); /* a subscription that is not ours any more */
    EQ(gw_pcscf_registrations(pcscf), 1);
    teardown();
}

TEST(the_subscription_is_refreshed_in_its_dialog)
{
    gw_flow_id flow;

    setup("reg_event = yes\n");
    flow = registered_ann();
    fake_answer(fake_last_client(), 200, "scscf",
                "Contact: <sip:scscf.ims.example>\nRecord-Route: <sip:p2;lr>, <sip:p1;lr>\nExpires: 1200\n", NULL);
    fake_sip_advance(590 * 1000);
    register_as(flow, REGISTER("ann", ANN_CONTACT, "600"), "Contact: " ANN_CONTACT ";expires=600\n");
    unsigned before = fake_sent();
    fake_sip_advance(20 * 1000);
    EQ(fake_sent(), before + 1);
    STR_EQ(gw_sip_msg_uri(fake_client_request(fake_last_client())), "sip:scscf.ims.example");
    STR_EQ(sent("Route"), "<sip:p1;lr>");
    CHECK(strstr(sent("To"), ";tag=scscf"));
    CHECK(strncmp(sent("CSeq"), "2 ", 2) == 0);
    teardown();
}
