#include "signaling/pcscf/pcscf_fixture.h"

/* ---- from the access side ---- */

/* REG-010, SIG-016 */
TEST(a_message_gets_identity_and_service_route)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    t = fake_request(flow,
                     "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN
                     "Max-Forwards: 69\nRoute: <sip:evil.example;lr>\nP-Asserted-Identity: <sip:evil@ims.example>\n"
                     "Content-Type: text/plain\n\nhello");
    STR_EQ(sent("P-Asserted-Identity"), "<sip:ann@ims.example>");
    STR_EQ(sent("Route"), "<sip:orig@scscf.ims.example;lr>");
    CHECK(gw_sip_msg_get(fake_client_request(fake_last_client()), "Route", 1) == NULL);
    CHECK(fake_client_next_hop(fake_last_client()) == NULL); /* the topmost Route */
    CHECK(sent("Record-Route") == NULL);
    STR_EQ(sent("Max-Forwards"), "68");
    CHECK(sent("P-Charging-Vector") != NULL);
    SPAN_EQ(gw_sip_msg_body(fake_client_request(fake_last_client())), "hello");
    fake_answer(fake_last_client(), 202, "bob", "X-End: yes\nP-Charging-Vector: icid-value=1\n", NULL);
    EQ(fake_status(t), 202);
    STR_EQ(answered(t, "X-End"), "yes");
    CHECK(answered(t, "P-Charging-Vector") == NULL);
    CHECK(gw_sip_msg_get(fake_last_response(t), "Via", 1) == NULL);
    teardown();
}

TEST(the_preferred_identity_is_asserted_if_it_is_registered)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN "P-Preferred-Identity: <tel:+49-30-123>\n");
    STR_EQ(sent("P-Asserted-Identity"), "<tel:+4930123>");
    CHECK(sent("P-Preferred-Identity") == NULL);
    fake_request(flow,
                 "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN "P-Preferred-Identity: <sip:bob@ims.example>\n");
    STR_EQ(sent("P-Asserted-Identity"), "<sip:ann@ims.example>");
    fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\nFrom: <sip:anonymous@anonymous.invalid>;tag=1\n"
                       "To: <sip:bob@ims.example>\nPrivacy: id\n");
    STR_EQ(sent("P-Asserted-Identity"), "<sip:ann@ims.example>"); /* the core, which is trusted, withholds it */
    fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\nFrom: <tel:+4930123>;tag=1\nTo: <sip:bob@ims.example>\n");
    STR_EQ(sent("P-Asserted-Identity"), "<tel:+4930123>");
    teardown();
}

/* REG-012 */
TEST(who_is_not_registered_is_refused)
{
    struct gw_sip_server *t;
    gw_flow_id flow;
    int64_t before = gw_stats_read(GW_STAT_PCSCF_REFUSED_NOT_REGISTERED);

    setup("");
    flow = fake_flow_open("WSS");
    t = fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN);
    EQ(fake_status(t), 403);
    t = fake_request(flow, "INVITE sip:bob@ims.example SIP/2.0\n" FROM_ANN "Contact: <sip:u8@k3f9.invalid>\n");
    EQ(fake_status(t), 403);
    EQ(calls.invites, 0);
    EQ(fake_sent(), 0);
    EQ(gw_stats_read(GW_STAT_PCSCF_REFUSED_NOT_REGISTERED), before + 2);
    teardown();
}

TEST(an_identity_registered_over_another_connection_is_refused)
{
    gw_flow_id eve, mallory;

    setup("");
    registered_ann();
    eve = fake_flow_open("WSS");
    EQ(fake_status(fake_request(eve, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN)), 403);
    mallory = fake_flow_open("WSS");
    register_as(mallory, REGISTER("mal", "<sip:m@x.invalid>", "600"), "Contact: <sip:m@x.invalid>;expires=600\n");
    EQ(fake_status(fake_request(mallory, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN)), 403);
    teardown();
}

TEST(after_a_move_the_old_connection_is_nobody)
{
    gw_flow_id first, second;

    setup("");
    first = registered_ann();
    second = registered_ann();
    EQ(fake_status(fake_request(first, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN)), 403);
    EQ(fake_status(fake_request(second, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN)), 0);
    teardown();
}

TEST(hops_and_extensions_are_checked)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    EQ(fake_status(fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN "Max-Forwards: 0\n")), 483);
    t = fake_request(flow,
                     "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN "Proxy-Require: mediasec, foo, privacy, bar\n");
    EQ(fake_status(t), 420);
    STR_EQ(answered(t, "Unsupported"), "foo");
    STR_EQ(gw_sip_msg_get(fake_last_response(t), "Unsupported", 1), "bar");
    fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN);
    STR_EQ(sent("Max-Forwards"), "70");
    teardown();
}

TEST(options_to_the_gateway_itself_is_answered_here)
{
    struct gw_sip_server *t;
    static const char *const uris[] = { "sip:gw.example", "sip:10.0.0.5:5060", "sip:visited.example",
                                        "sip:10.0.0.5;transport=udp" };

    setup("");
    for (unsigned i = 0; i < 4; i++) {
        char text[300];
        snprintf(text, sizeof(text), "OPTIONS %s SIP/2.0\n" FROM_BOB "Max-Forwards: 0\n", uris[i]);
        t = fake_request(i % 2 ? 0 : fake_flow_open("WSS"), text);
        EQ(fake_status(t), 200);
        CHECK(answered(t, "Allow") != NULL);
    }
    EQ(fake_sent(), 0);
    teardown();
}

TEST(methods_nobody_thought_of_pass)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    fake_request(flow, "FROBNICATE sip:bob@ims.example SIP/2.0\n" FROM_ANN "X-Strange: 1\n");
    STR_EQ(gw_sip_msg_method_name(fake_client_request(fake_last_client())), "FROBNICATE");
    STR_EQ(sent("X-Strange"), "1");
    fake_request(flow,
                 "PUBLISH sip:ann@ims.example SIP/2.0\n" FROM_ANN "Event: presence\nContent-Type: text/plain\n\nx");
    STR_EQ(sent("Event"), "presence");
    teardown();
}

TEST(transactions_of_a_connection_are_bounded)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("transactions_per_connection = 2\n");
    flow = registered_ann();
    fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN);
    fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN);
    t = fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN);
    EQ(fake_status(t), 503);
    STR_EQ(answered(t, "Retry-After"), "10");
    fake_answer(fake_last_client(), 200, "b", NULL, NULL);
    EQ(fake_status(fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN)), 0);
    teardown();
}

/* ---- from the core ---- */

/* SIG-014 */
TEST(a_request_by_our_token_reaches_its_connection_clean)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    t = from_core_to(flow, "MESSAGE", "sip:u8@k3f9.invalid;transport=ws",
                     FROM_BOB "P-Charging-Vector: icid-value=\"core1\"\nP-Served-User: <sip:x@y>\n"
                              "P-Asserted-Identity: <sip:bob@ims.example>\nP-Called-Party-ID: <tel:+4930123>\n"
                              "Content-Type: text/plain\n\nhi");
    EQ(fake_client_flow(fake_last_client()), flow);
    STR_EQ(gw_sip_msg_uri(fake_client_request(fake_last_client())), "sip:u8@k3f9.invalid;transport=ws");
    CHECK(sent("Route") == NULL);
    CHECK(sent("P-Charging-Vector") == NULL); /* REG-003 */
    CHECK(sent("P-Served-User") == NULL);
    STR_EQ(sent("P-Asserted-Identity"), "<sip:bob@ims.example>");
    STR_EQ(sent("Max-Forwards"), "49");
    fake_answer(fake_last_client(), 200, "ann", "P-Asserted-Identity: <sip:evil@ims.example>\n", NULL);
    EQ(fake_status(t), 200);
    STR_EQ(answered(t, "P-Asserted-Identity"), "<tel:+4930123>"); /* REG-010: ours, who was called */
    CHECK(strstr(answered(t, "P-Charging-Vector"), "icid-value=\"core1\""));
    CHECK(strstr(answered(t, "Via"), "10.0.0.9:5060"));
    teardown();
}

TEST(a_forged_token_is_403_and_a_lost_connection_430)
{
    char route[300], text[1000];
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    path_of(flow, route, sizeof(route));
    route[10] = route[10] == 'A' ? 'B' : 'A';
    snprintf(text, sizeof(text), "MESSAGE sip:u8@k3f9.invalid SIP/2.0\nRoute: %s\n" FROM_BOB, route);
    EQ(fake_status(fake_request(0, text)), 403);
    EQ(fake_status(fake_request(0, "MESSAGE sip:u8@k3f9.invalid SIP/2.0\nRoute: <sip:guess@10.0.0.5;lr>\n" FROM_BOB)),
       403);
    fake_flow_close(flow);
    EQ(fake_status(from_core_to(flow, "MESSAGE", "sip:u8@k3f9.invalid", FROM_BOB)), 430);
    EQ(fake_status(from_core_to(flow, "INVITE", "sip:u8@k3f9.invalid", FROM_BOB "Contact: <sip:bob@10.0.0.9>\n")), 430);
    EQ(fake_sent(), 1); /* the REGISTER */
    teardown();
}

TEST(a_connection_that_dies_under_a_request_is_430)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    fake_sip_fail_sends(1, GW_E_CLOSED);
    t = from_core_to(flow, "MESSAGE", "sip:u8@k3f9.invalid", FROM_BOB);
    EQ(fake_status(t), 430);
    teardown();
}

TEST(a_token_without_registration_is_404)
{
    setup("");
    EQ(fake_status(from_core_to(fake_flow_open("WSS"), "MESSAGE", "sip:u8@k3f9.invalid", FROM_BOB)), 404);
    teardown();
}

/* SIG-012: the contact is found among the registrations, its host is never resolved. */
TEST(a_core_without_path_reaches_a_registered_contact)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    fake_request(0, "MESSAGE sip:u8@K3F9.invalid;transport=ws;alias=1~2~3 SIP/2.0\n" FROM_BOB);
    EQ(fake_sent(), 2);
    EQ(fake_client_flow(fake_last_client()), flow);
    EQ(fake_status(fake_request(0, "MESSAGE sip:nobody@k3f9.invalid SIP/2.0\n" FROM_BOB)), 404);
    fake_flow_close(flow);
    EQ(fake_status(fake_request(0, "MESSAGE sip:u8@k3f9.invalid SIP/2.0\n" FROM_BOB)), 430);
    teardown();
}

TEST(the_gateway_is_no_open_relay_and_knows_a_loop)
{
    setup("");
    EQ(fake_status(fake_request(0, "MESSAGE sip:x@elsewhere.example SIP/2.0\n" FROM_BOB)), 404);
    EQ(fake_status(fake_request(0, "MESSAGE sip:x@elsewhere.example SIP/2.0\n" FROM_BOB
                                   "Via: SIP/2.0/UDP core.example;branch=z9hG4bK1\n"
                                   "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK2\n")),
       482);
    EQ(fake_sent(), 0);
    teardown();
}

/* SIG-018 */
TEST(from_and_to_become_sip_for_the_browser_and_come_back_as_they_were)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    t = from_core_to(flow, "MESSAGE", "sips:u8@k3f9.invalid", "From: <tel:+4940>;tag=b\nTo: \"Ann\" <tel:+4930123>\n");
    STR_EQ(sent("To"), "\"Ann\" <sip:+4930123@visited.example;user=phone>");
    STR_EQ(sent("From"), "<sip:+4940@visited.example;user=phone>;tag=b");
    STR_EQ(gw_sip_msg_uri(fake_client_request(fake_last_client())), "sip:u8@k3f9.invalid");
    fake_answer(fake_last_client(), 200, "jssip", NULL, NULL);
    STR_EQ(answered(t, "To"), "\"Ann\" <tel:+4930123>;tag=jssip");
    STR_EQ(answered(t, "From"), "<tel:+4940>;tag=b");
    teardown();
}

TEST(a_503_of_a_client_is_not_ours)
{
    struct gw_sip_server *t;

    setup("");
    t = from_core_to(registered_ann(), "MESSAGE", "sip:u8@k3f9.invalid", FROM_BOB);
    fake_answer(fake_last_client(), 503, "a", NULL, NULL);
    EQ(fake_status(t), 500);
    teardown();
}

TEST(a_strict_router_before_us_is_undone)
{
    char path[300], text[1000];
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    path_of(flow, path, sizeof(path));
    path[strlen(path) - 1] = 0; /* without <> */
    snprintf(text, sizeof(text), "MESSAGE %s SIP/2.0\nRoute: <sip:u8@k3f9.invalid>\n" FROM_BOB, path + 1);
    fake_request(0, text);
    EQ(fake_client_flow(fake_last_client()), flow);
    STR_EQ(gw_sip_msg_uri(fake_client_request(fake_last_client())), "sip:u8@k3f9.invalid");
    CHECK(sent("Route") == NULL);
    teardown();
}

/* ---- relayed dialogs ---- */

static const char subscribe[] = "SUBSCRIBE sip:bob@ims.example SIP/2.0\n" FROM_ANN
                                "Call-ID: sub1\nEvent: presence\nExpires: 600\nContact: <sip:u8@k3f9.invalid>\n";
#define IN_SUB "From: <sip:ann@ims.example>;tag=f2\nTo: <sip:bob@ims.example>;tag=b9\nCall-ID: sub1\n"

TEST(a_subscription_of_the_client_comes_back_both_ways)
{
    char ours[300], text[1000], icid[128];
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    t = fake_request(flow, subscribe);
    gw_route_write(pcscf, flow, "", ours, sizeof(ours));
    STR_EQ(sent("Record-Route"), ours);
    snprintf(icid, sizeof(icid), "%s", sent("P-Charging-Vector"));
    snprintf(text, sizeof(text),
             "Contact: <sip:bob@10.9.9.9>\nRecord-Route: <sip:p2.example;lr>, <sip:p1.example;lr>, %s\nExpires: 300\n",
             ours);
    fake_answer(fake_last_client(), 200, "b9", text, NULL);
    EQ(fake_status(t), 200);

    /* the client's Route set is what we stored, whatever it says; the icid is the dialog's */
    fake_request(flow, "SUBSCRIBE sip:bob@10.9.9.9 SIP/2.0\n" IN_SUB "Route: <sip:evil.example;lr>\nExpires: 0\n");
    STR_EQ(sent("Route"), "<sip:p1.example;lr>");
    STR_EQ(gw_sip_msg_get(fake_client_request(fake_last_client()), "Route", 1), "<sip:p2.example;lr>");
    STR_EQ(sent("P-Charging-Vector"), icid);

    /* the notifier's request, by our Record-Route */
    snprintf(text, sizeof(text),
             "NOTIFY sip:u8@k3f9.invalid SIP/2.0\nRoute: %s\nFrom: <sip:bob@ims.example>;tag=b9\n"
             "To: <sip:ann@ims.example>;tag=f2\nCall-ID: sub1\nSubscription-State: active;expires=100\n",
             ours);
    fake_request(0, text);
    EQ(fake_client_flow(fake_last_client()), flow);

    /* another connection may not use the dialog */
    gw_flow_id eve = fake_flow_open("WSS");
    register_as(eve, REGISTER("eve", "<sip:e@x.invalid>", "600"), "Contact: <sip:e@x.invalid>;expires=600\n");
    EQ(fake_status(fake_request(eve, "SUBSCRIBE sip:bob@10.9.9.9 SIP/2.0\nFrom: <sip:eve@ims.example>;tag=f2\n"
                                     "To: <sip:bob@ims.example>;tag=b9\nCall-ID: sub1\n")),
       403);
    EQ(fake_status(fake_request(eve, "SUBSCRIBE sip:bob@10.9.9.9 SIP/2.0\nFrom: <sip:eve@ims.example>;tag=x\n"
                                     "To: <sip:bob@ims.example>;tag=y\nCall-ID: none\n")),
       481);
    teardown();
}

TEST(a_dialog_without_route_goes_to_the_contact_of_its_peer)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    fake_request(flow, subscribe);
    fake_answer(fake_last_client(), 200, "b9", "Contact: <sip:bob@10.9.9.9:5070>\nExpires: 300\n", NULL);
    fake_request(flow, "SUBSCRIBE sip:x@evil.example SIP/2.0\n" IN_SUB);
    CHECK(sent("Route") == NULL);
    STR_EQ(fake_client_next_hop(fake_last_client()), "sip:bob@10.9.9.9:5070");
    teardown();
}

TEST(a_subscription_to_the_client_is_answered_over_the_stored_route)
{
    gw_flow_id flow;
    char ours[300];

    setup("");
    flow = registered_ann();
    from_core_to(flow, "SUBSCRIBE", "sip:u8@k3f9.invalid",
                 FROM_BOB
                 "Call-ID: s2\nContact: <sip:bob@10.9.9.9>\nRecord-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\n"
                 "Event: presence\n");
    gw_route_write(pcscf, flow, "", ours, sizeof(ours));
    STR_EQ(sent("Record-Route"), ours);
    STR_EQ(gw_sip_msg_get(fake_client_request(fake_last_client()), "Record-Route", 1), "<sip:p1.example;lr>");
    fake_answer(fake_last_client(), 200, "a7", "Contact: <sip:u8@k3f9.invalid>\nExpires: 60\n", NULL);
    fake_request(flow, "NOTIFY sip:bob@10.9.9.9 SIP/2.0\nFrom: <sip:ann@ims.example>;tag=a7\n"
                       "To: <sip:bob@ims.example>;tag=b1\nCall-ID: s2\nSubscription-State: active\n");
    STR_EQ(sent("Route"), "<sip:p1.example;lr>");
    STR_EQ(gw_sip_msg_get(fake_client_request(fake_last_client()), "Route", 1), "<sip:p2.example;lr>");
    teardown();
}

TEST(a_dialog_follows_its_client_to_another_connection)
{
    char ours[300], text[1000];
    gw_flow_id first, second;

    setup("");
    first = registered_ann();
    fake_request(first, subscribe);
    fake_answer(fake_last_client(), 200, "b9", "Contact: <sip:bob@10.9.9.9>\nExpires: 500\n", NULL);
    gw_route_write(pcscf, first, "", ours, sizeof(ours));
    fake_flow_close(first);
    snprintf(text, sizeof(text),
             "NOTIFY sip:u8@k3f9.invalid SIP/2.0\nRoute: %s\nFrom: <sip:bob@ims.example>;tag=b9\n"
             "To: <sip:ann@ims.example>;tag=f2\nCall-ID: sub1\nSubscription-State: active;expires=400\n",
             ours);
    EQ(fake_status(fake_request(0, text)), 430);
    second = registered_ann();
    fake_request(0, text);
    EQ(fake_client_flow(fake_last_client()), second);
    teardown();
}

TEST(a_dialog_ends_with_its_subscription_or_its_registration)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    fake_request(flow, subscribe);
    fake_answer(fake_last_client(), 200, "b9", "Contact: <sip:bob@10.9.9.9>\nExpires: 100\n", NULL);
    EQ(pcscf->dialogs.n, 1);
    fake_sip_advance(131 * 1000);
    EQ(pcscf->dialogs.n, 1);
    fake_sip_advance(3 * 1000);
    EQ(pcscf->dialogs.n, 0);
    fake_request(flow, subscribe);
    fake_answer(fake_last_client(), 200, "b9", "Contact: <sip:bob@10.9.9.9>\nExpires: 100\n", NULL);
    register_as(flow, REGISTER("ann", ANN_CONTACT, "0"), "");
    EQ(pcscf->dialogs.n, 0);
    teardown();
}

TEST(relayed_dialogs_are_bounded)
{
    gw_flow_id flow;

    setup("relayed_dialogs_per_binding = 1\n");
    flow = registered_ann();
    for (int i = 0; i < 3; i++) {
        char text[500];
        snprintf(text, sizeof(text),
                 "SUBSCRIBE sip:bob@ims.example SIP/2.0\n" FROM_ANN "Call-ID: s%d\nContact: <sip:u8@k3f9.invalid>\n",
                 i);
        fake_request(flow, text);
        fake_answer(fake_last_client(), 200, "b9", "Contact: <sip:bob@10.9.9.9>\n", NULL);
    }
    EQ(pcscf->dialogs.n, 1);
    teardown();
}

/* ---- calls ---- */

TEST(an_invite_of_a_registered_client_is_handed_to_the_calls)
{
    gw_flow_id flow;

    setup("access_network_info = IEEE-802.3;network-provided\n");
    flow = registered_ann();
    fake_request(flow, "INVITE sip:bob@ims.example SIP/2.0\n" FROM_ANN "Contact: <sip:u8@k3f9.invalid>\n");
    EQ(calls.invites, 1);
    CHECK(calls.setup.from_access);
    EQ(calls.setup.e2ae.client, GW_CLIENT_WIC);
    EQ(calls.setup.access_flow, flow);
    STR_EQ(calls.identity, "<sip:ann@ims.example>");
    STR_EQ(calls.route, "<sip:orig@scscf.ims.example;lr>");
    STR_EQ(calls.next_hop, "sip:core.example;lr");
    EQ(strlen(calls.icid), GW_ICID - 1);
    gw_sip_server_drop(calls.txn);
    teardown();
}

TEST(an_invite_of_the_core_finds_the_contact_and_who_was_called)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    from_core_to(flow, "INVITE", "sip:ann@ims.example;gr=1",
                 "From: <sip:bob@ims.example>;tag=1\nTo: <tel:+4930123>\nP-Charging-Vector: icid-value=core7\n"
                 "Contact: <sip:bob@10.9.9.9>\n");
    EQ(calls.invites, 1);
    CHECK(!calls.setup.from_access);
    EQ(calls.setup.access_flow, flow);
    STR_EQ(calls.access_uri, "sip:u8@k3f9.invalid;transport=ws");
    STR_EQ(calls.identity, "<tel:+4930123>");
    STR_EQ(calls.icid, "core7");
    gw_sip_server_drop(calls.txn);
    teardown();
}

/* Transfer: what others were referred to is a Contact of ours, or of a client. */
TEST(an_invite_for_our_contact_in_a_call_reaches_its_client)
{
    gw_flow_id flow;

    setup("");
    flow = registered_ann();
    EQ(fake_status(fake_request(0, "INVITE sip:leg7@10.0.0.5:5060 SIP/2.0\n" FROM_BOB "Contact: <sip:bob@10.0.0.9>\n")),
       404);
    calls.leg_flow = flow;
    fake_request(0, "INVITE sip:leg7@10.0.0.5:5060 SIP/2.0\n" FROM_BOB "Contact: <sip:bob@10.0.0.9>\n");
    EQ(calls.invites, 1);
    EQ(calls.setup.access_flow, flow);
    STR_EQ(calls.access_uri, "sip:u8@k3f9.invalid;transport=ws");
    gw_sip_server_drop(calls.txn);
    teardown();
}

/* SIG-012 */
TEST(a_contact_of_the_access_side_never_leaves_as_an_address)
{
    gw_flow_id ann, bob;

    setup("");
    ann = registered_ann();
    bob = fake_flow_open("WSS");
    register_as(bob, REGISTER("bob", "<sip:b@x.invalid>", "600"), "Contact: <sip:b@x.invalid>;expires=600\n");
    fake_request(ann, "INVITE sip:b@x.invalid;transport=ws SIP/2.0\n" FROM_ANN "Contact: <sip:u8@k3f9.invalid>\n");
    STR_EQ(calls.core_uri, "sip:bob@ims.example");
    gw_sip_server_drop(calls.txn);
    fake_request(ann, "MESSAGE sip:b@x.invalid SIP/2.0\n" FROM_ANN);
    STR_EQ(gw_sip_msg_uri(fake_client_request(fake_last_client())), "sip:bob@ims.example");
    EQ(fake_status(fake_request(ann, "MESSAGE sip:z@x.invalid SIP/2.0\n" FROM_ANN)), 404);
    EQ(fake_status(fake_request(ann, "INVITE sip:z@y.INVALID SIP/2.0\n" FROM_ANN)), 404);
    EQ(calls.invites, 1);
    teardown();
}

TEST(emergency_calls_need_no_registration_and_no_room)
{
    gw_flow_id flow;

    setup("emergency_route = sip:ecscf.example;lr\n");
    flow = fake_flow_open("WSS");
    calls.count = 1000000;
    gw_pcscf_drain(pcscf);
    fake_request(flow, "INVITE urn:service:sos.police SIP/2.0\nFrom: <sip:anonymous@anonymous.invalid>;tag=1\n"
                       "To: <urn:service:sos.police>\nContact: <sip:u8@k3f9.invalid>\n");
    EQ(calls.invites, 1);
    CHECK(calls.setup.is_emergency);
    CHECK(calls.setup.identity == NULL);
    EQ(calls.setup.nroutes, 0);
    STR_EQ(calls.next_hop, "sip:ecscf.example;lr");
    gw_sip_server_drop(calls.txn);
    EQ(fake_status(fake_request(flow, "INVITE urn:service:sosx SIP/2.0\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\n")), 403);
    teardown();
}

TEST(calls_are_bounded_and_drained)
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("calls_max = 5\n");
    flow = registered_ann();
    calls.count = 5;
    t = fake_request(flow, "INVITE sip:bob@ims.example SIP/2.0\n" FROM_ANN);
    EQ(fake_status(t), 503);
    STR_EQ(answered(t, "Retry-After"), "10");
    calls.count = 0;
    gw_pcscf_drain(pcscf);
    EQ(fake_status(fake_request(flow, "INVITE sip:bob@ims.example SIP/2.0\n" FROM_ANN)), 503);
    EQ(fake_status(from_core_to(flow, "INVITE", "sip:u8@k3f9.invalid", FROM_BOB)), 503);
    EQ(fake_status(fake_request(flow, "MESSAGE sip:bob@ims.example SIP/2.0\n" FROM_ANN)), 0); /* what lives goes on */
    EQ(calls.invites, 0);
    teardown();
}

TEST(requests_in_calls_go_to_the_calls_and_unknown_ones_get_481)
{
    static const char *const methods[] = { "INVITE", "BYE", "UPDATE", "PRACK" };
    gw_flow_id flow;
    char text[500];

    setup("");
    flow = registered_ann();
    for (unsigned i = 0; i < 4; i++) {
        snprintf(text, sizeof(text), "%s sip:bob@ims.example SIP/2.0\n" IN_SUB, methods[i]);
        EQ(fake_status(fake_request(flow, text)), 481);
        EQ(fake_status(fake_request(0, text)), 481);
        EQ(fake_status(from_core_to(flow, methods[i], "sip:u8@k3f9.invalid", IN_SUB)), 481);
    }
    calls.knows_dialogs = true;
    EQ(fake_status(fake_request(flow, text)), 0);
    EQ(calls.invites, 0);
    teardown();
}

/* The sums of stats.def hold whatever came. */
TEST(requests_are_all_accounted_for)
{
    int64_t in = gw_stats_read(GW_STAT_PCSCF_REQUESTS_ACCESS) + gw_stats_read(GW_STAT_PCSCF_REQUESTS_CORE);
    int64_t out = gw_stats_read(GW_STAT_PCSCF_RELAYED) + gw_stats_read(GW_STAT_PCSCF_CALLS) +
                  gw_stats_read(GW_STAT_PCSCF_IN_CALLS) + gw_stats_read(GW_STAT_PCSCF_ANSWERED);

    for (int s = GW_STAT_PCSCF_REFUSED_NOT_REGISTERED; s <= GW_STAT_PCSCF_REFUSED_INTERNAL; s++)
        out += gw_stats_read((enum gw_stat)s);
    CHECK(in > 50);
    EQ(in, out);
}
