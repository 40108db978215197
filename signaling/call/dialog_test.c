#include "signaling/call/dialog.h"

#include "test.h"

static struct gw_sip_msg *parse(const char *text)
{
    struct gw_sip_msg *m = NULL;
    char why[64] = "";

    if (gw_sip_msg_parse(gw_span_str(text), &m, why, sizeof(why)) != 0)
        gw_test_fail(__FILE__, __LINE__, "cannot parse: %s", why);
    return m;
}

static const char invite[] = "INVITE sip:gw SIP/2.0\r\n"
                             "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\r\n"
                             "From: \"Bob ;tag=no\" <sip:bob@ims.example>;tag=b1\r\n"
                             "To: <sip:ann@ims.example>\r\n"
                             "Call-ID: c1\r\n"
                             "CSeq: 31 INVITE\r\n"
                             "Contact: <sip:bob@10.0.0.9:5070;ob>;expires=5\r\n"
                             "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n\r\n";

TEST(the_callees_dialog) /* RFC 3261 s. 12.1.1 */
{
    struct gw_sip_msg *req = parse(invite);
    struct gw_dialog d;

    EQ(gw_dialog_init_uas(&d, req), 0);
    STR_EQ(d.call_id, "c1");
    STR_EQ(d.remote_tag, "b1");
    STR_EQ(d.remote_uri, "\"Bob ;tag=no\" <sip:bob@ims.example>");
    STR_EQ(d.remote_target, "sip:bob@10.0.0.9:5070;ob");
    EQ(d.remote_cseq, 31);
    EQ(strlen(d.local_tag), GW_DIALOG_TAG);

    struct gw_sip_msg *bye = gw_dialog_request(&d, "BYE");
    STR_EQ(gw_sip_msg_uri(bye), "sip:bob@10.0.0.9:5070;ob");
    STR_EQ(gw_sip_msg_get(bye, "To", 0), "\"Bob ;tag=no\" <sip:bob@ims.example>;tag=b1");
    STR_EQ(gw_sip_msg_get(bye, "CSeq", 0), "1 BYE");
    STR_EQ(gw_sip_msg_get(bye, "Route", 0), "<sip:p2;lr>"); /* as they stand */
    STR_EQ(gw_sip_msg_get(bye, "Route", 1), "<sip:p1;lr>");
    CHECK(!gw_sip_msg_get(bye, "Contact", 0));
    gw_sip_msg_free(bye);
    gw_dialog_fini(&d);
    gw_sip_msg_free(req);
}

TEST(an_addr_spec_gets_brackets_before_our_tag)
{
    struct gw_dialog d;

    EQ(gw_dialog_init_uac(&d, "sip:ann@ims.example", "tel:+49123", "sip:bob@h", "gw"), 0);
    struct gw_sip_msg *m = gw_dialog_request(&d, "INVITE");
    STR_EQ(gw_sip_msg_get(m, "To", 0), "<tel:+49123>");
    CHECK(strncmp(gw_sip_msg_get(m, "From", 0), "<sip:ann@ims.example>;tag=", 26) == 0);
    STR_EQ(gw_sip_msg_get(m, "CSeq", 0), "1 INVITE");
    gw_sip_msg_free(m);
    gw_dialog_fini(&d);
}

TEST(each_to_tag_makes_a_dialog_with_its_own_route_set) /* s. 12.1.2 */
{
    struct gw_dialog base, fork;

    EQ(gw_dialog_init_uac(&base, "<sip:ann@ims.example>", "<sip:bob@ims.example>", "sip:bob@ims.example", "gw"), 0);
    struct gw_sip_msg *inv = gw_dialog_request(&base, "INVITE");
    struct gw_sip_msg *resp = gw_sip_msg_response(inv, 180, NULL, "b7");
    gw_sip_msg_set(resp, "Contact", "<sip:bob@10.0.0.9>");
    gw_sip_msg_add(resp, "Record-Route", "<sip:p2;lr>");
    gw_sip_msg_add(resp, "Record-Route", "<sip:p1;lr>");
    EQ(gw_dialog_fork(&fork, &base, resp), 0);
    STR_EQ(fork.remote_tag, "b7");
    STR_EQ(fork.local_tag, base.local_tag);
    struct gw_sip_msg *prack = gw_dialog_request(&fork, "PRACK");
    STR_EQ(gw_sip_msg_get(prack, "Route", 0), "<sip:p1;lr>"); /* reversed */
    STR_EQ(gw_sip_msg_get(prack, "CSeq", 0), "2 PRACK");
    STR_EQ(gw_sip_msg_uri(prack), "sip:bob@10.0.0.9");
    EQ(base.local_cseq, 1); /* another fork counts for itself */
    struct gw_sip_msg *ack = gw_dialog_ack(&fork, 1);
    STR_EQ(gw_sip_msg_get(ack, "CSeq", 0), "1 ACK");
    gw_sip_msg_free(ack);
    gw_sip_msg_free(prack);
    gw_sip_msg_free(resp);
    resp = gw_sip_msg_response(inv, 180, NULL, NULL); /* no tag: no dialog */
    struct gw_dialog none;
    EQ(gw_dialog_fork(&none, &base, resp), GW_E_NOTFOUND);
    gw_sip_msg_free(resp);
    gw_sip_msg_free(inv);
    gw_dialog_fini(&fork);
    gw_dialog_fini(&base);
}

TEST(requests_of_the_peer_are_matched_and_in_order) /* s. 12.2.2 */
{
    struct gw_sip_msg *req = parse(invite);
    struct gw_dialog d;

    EQ(gw_dialog_init_uas(&d, req), 0);
    EQ(gw_dialog_accept(&d, req), 0);
    gw_sip_msg_set(req, "CSeq", "30 INFO");
    EQ(gw_dialog_accept(&d, req), GW_E_RANGE);
    gw_sip_msg_set(req, "CSeq", "40 INFO");
    EQ(gw_dialog_accept(&d, req), 0);
    EQ(d.remote_cseq, 40);
    gw_sip_msg_set(req, "Call-ID", "c2");
    EQ(gw_dialog_accept(&d, req), GW_E_MISMATCH);
    gw_sip_msg_set(req, "Call-ID", "c1");
    gw_sip_msg_set(req, "From", "<sip:bob@ims.example>;tag=other");
    EQ(gw_dialog_accept(&d, req), GW_E_MISMATCH);
    gw_dialog_fini(&d);
    gw_sip_msg_free(req);
}

TEST(a_request_without_contact_or_tag_makes_no_dialog)
{
    struct gw_sip_msg *req = parse(invite);
    struct gw_dialog d;

    gw_sip_msg_remove(req, "Contact");
    EQ(gw_dialog_init_uas(&d, req), GW_E_NOTFOUND);
    gw_sip_msg_set(req, "Contact", "<sip:bob@10.0.0.9>");
    gw_sip_msg_set(req, "From", "<sip:bob@ims.example>");
    EQ(gw_dialog_init_uas(&d, req), GW_E_NOTFOUND);
    gw_sip_msg_free(req);
}

TEST(too_long_a_route_set_is_refused)
{
    struct gw_sip_msg *req = parse(invite);
    struct gw_dialog d;

    for (unsigned i = 0; i < GW_DIALOG_ROUTES; i++)
        gw_sip_msg_add(req, "Record-Route", "<sip:p;lr>");
    EQ(gw_dialog_init_uas(&d, req), GW_E_LIMIT);
    gw_sip_msg_free(req);
}

TEST(dialog_ids_of_replaces) /* RFC 3891 s. 6.1 */
{
    struct gw_dialog_id id;
    char text[256];

    EQ(gw_dialog_id_parse("98asjd8@h.example;from-tag=f;early-only;to-tag=t", &id), 0);
    STR_EQ(id.call_id, "98asjd8@h.example");
    STR_EQ(id.to_tag, "t");
    STR_EQ(id.from_tag, "f");
    EQ(gw_dialog_id_write(&id, text, sizeof(text)), 0);
    STR_EQ(text, "98asjd8@h.example;to-tag=t;from-tag=f;early-only");
    EQ(gw_dialog_id_write(&id, text, 20), GW_E_LIMIT);
    EQ(gw_dialog_id_parse("x;to-tag=t", &id), GW_E_SYNTAX);
    EQ(gw_dialog_id_parse(";to-tag=t;from-tag=f", &id), GW_E_SYNTAX);
    EQ(gw_dialog_id_parse("", &id), GW_E_SYNTAX);
}
