/* What passes through a call: INFO, MESSAGE, REFER and its NOTIFY, Replaces. */
#include <stdlib.h>

#include "call_world.h"

TEST(other_requests_pass_end_to_end)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *info =
        from_caller(a, "INFO", 8, "Content-Type: application/dtmf-relay\nX-Other: 1\n", "Signal=5\nDuration=160\n");
    struct gw_sip_client *out = last_sent("INFO");
    STR_EQ(body_of(fake_client_request(out)), "Signal=5\nDuration=160\n");
    STR_EQ(header_of(fake_client_request(out), "Content-Type"), "application/dtmf-relay");
    STR_EQ(header_of(fake_client_request(out), "X-Other"), "1");
    STR_EQ(header_of(fake_client_request(out), "Max-Forwards"), "69");
    fake_answer(out, 200, "bob", "X-Answer: yes\n", NULL);
    EQ(fake_status(info), 200);
    STR_EQ(header_of(fake_last_response(info), "X-Answer"), "yes");

    struct gw_sip_server *message = from_callee(b, "bob", "MESSAGE", 1, "Content-Type: text/plain\n", "hello");
    out = last_sent("MESSAGE");
    EQ(fake_client_flow(out), browser);
    STR_EQ(body_of(fake_client_request(out)), "hello");
    fake_answer(out, 415, "f1", "Accept: text/html\n", NULL);
    EQ(fake_status(message), 415);

    struct gw_sip_server *odd = from_caller(a, "FROBNICATE", 9, NULL, NULL); /* a method nobody thought of */
    fake_answer(last_sent("FROBNICATE"), 501, "bob", NULL, NULL);
    EQ(fake_status(odd), 501);
    EQ(fake_status(from_caller(a, "PUBLISH", 10, NULL, NULL)), 405);

    struct gw_sip_server *loop = from_caller(a, "INFO", 11, "Max-Forwards: 0\n", NULL);
    EQ(fake_status(loop), 483);
    struct gw_sip_server *unanswered = from_caller(a, "INFO", 12, NULL, NULL);
    hang_up(a);
    EQ(fake_status(unanswered), 487);
    world_close();
}

/* RFC 8840: clients that trickle do so in the early dialog too, where nothing could be passed on. */
TEST(trickled_candidates_of_a_client_end_here)
{
    static const char more[] = "Info-Package: trickle-ice\nContent-Disposition: Info-Package\n"
                               "Content-Type: application/trickle-ice-sdpfrag\n";

    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    fake_answer(last_sent("INVITE"), 180, "bob", CORE_CONTACT, NULL);
    unsigned sent = fake_sent();
    EQ(fake_status(from_caller(a, "INFO", 8, more, "a=ice-ufrag:8hhY\r\na=end-of-candidates\r\n")), 200);
    EQ(fake_sent(), sent);
    fake_answer(last_sent("INVITE"), 603, "bob", NULL, NULL);
    media();
    world_close();
}

TEST(requests_on_their_way_are_bounded)
{
    struct gw_sip_server *a, *t = NULL;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    for (unsigned i = 0; i < 9; i++)
        t = from_caller(a, "INFO", 8 + i, NULL, NULL);
    EQ(fake_status(t), 500);
    STR_EQ(header_of(fake_last_response(t), "Retry-After"), "1");
    hang_up(a);
    world_close();
}

TEST(blind_transfer_by_the_browser) /* RFC 3515 */
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *refer =
        from_caller(a, "REFER", 8, "Refer-To: <sip:carol@ims.example>\nReferred-By: <sip:ann@ims.example>\n", NULL);
    struct gw_sip_client *out = last_sent("REFER");
    STR_EQ(header_of(fake_client_request(out), "Refer-To"), "<sip:carol@ims.example>");
    STR_EQ(header_of(fake_client_request(out), "Referred-By"), "<sip:ann@ims.example>");
    STR_EQ(header_of(fake_client_request(out), "CSeq"), "2 REFER");
    fake_answer(out, 202, "bob", CORE_CONTACT, NULL);
    EQ(fake_status(refer), 202);
    /* the subscription has the CSeq of the REFER as its name, on each leg another */
    struct gw_sip_server *notify = from_callee(b, "bob", "NOTIFY", 1,
                                               "Event: refer;id=2\nSubscription-State: active;expires=60\n"
                                               "Content-Type: message/sipfrag\n",
                                               "SIP/2.0 100 Trying");
    struct gw_sip_client *told = last_sent("NOTIFY");
    EQ(fake_client_flow(told), browser);
    STR_EQ(header_of(fake_client_request(told), "Event"), "refer;id=8");
    STR_EQ(header_of(fake_client_request(told), "Subscription-State"), "active;expires=60");
    STR_EQ(header_of(fake_client_request(told), "Content-Type"), "message/sipfrag");
    STR_EQ(body_of(fake_client_request(told)), "SIP/2.0 100 Trying");
    fake_answer(told, 200, "f1", NULL, NULL);
    EQ(fake_status(notify), 200);
    hang_up(a);
    world_close();
}

/* The browser has two calls, to bob and to dave, and joins them: its Replaces names the call to dave as the browser
 * knows it; the core has to read it as the core knows it. */
TEST(attended_transfer_by_the_browser) /* CAL-010 */
{
    struct gw_sip_server *a, *a2;
    struct gw_sip_client *b, *b2;
    char text[1024], expected[1024];

    world_open();
    call_up(&a, &b);
    a2 = browser_invite("v1", NULL);
    media();
    b2 = last_sent("INVITE");
    fake_answer(b2, 200, "dave", "Contact: <sip:dave@10.0.0.30>\n", "v2");
    media();
    fake_ack(a2, NULL);
    const char *access_tag = param_of(header_of(fake_last_response(a2), "To"), "tag");
    const char *contact = header_of(fake_last_response(a2), "Contact"); /* SIP.js refers to the remote target */
    char uri[256];
    EQ(gw_sip_uri_of(contact, uri, sizeof(uri)), 0);
    snprintf(text, sizeof(text), "Refer-To: <%s?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3Df1&X=1>\n", uri,
             header_of(fake_server_request(a2), "Call-ID"), access_tag);
    struct gw_sip_server *refer = from_caller(a, "REFER", 8, text, NULL);
    struct gw_sip_client *out = last_sent("REFER");
    const char *core_tag = param_of(header_of(fake_client_request(b2), "From"), "tag");
    char call_id[128];
    const char *id = header_of(fake_client_request(b2), "Call-ID");
    snprintf(call_id, sizeof(call_id), "%.*s%%40%s", (int)strcspn(id, "@"), id, strchr(id, '@') + 1);
    snprintf(expected, sizeof(expected), "<sip:dave@10.0.0.30?Replaces=%s%%3Bto-tag%%3Ddave%%3Bfrom-tag%%3D%s&X=1>",
             call_id, core_tag);
    STR_EQ(header_of(fake_client_request(out), "Refer-To"), expected);
    fake_answer(out, 202, "bob", CORE_CONTACT, NULL);
    EQ(fake_status(refer), 202);
    struct gw_sip_server *unknown =
        from_caller(a, "REFER", 9, "Refer-To: <sip:x@h?Replaces=none%3Bto-tag%3Da%3Bfrom-tag%3Db>\n", NULL);
    EQ(fake_status(unknown), 481);
    hang_up(a);
    hang_up(a2);
    world_close();
}

TEST(a_refer_of_the_core_names_its_dialogs_and_ours)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;
    char text[1024];

    world_open();
    call_up(&a, &b);
    /* a dialog between others in the core: left as it is */
    struct gw_sip_server *refer = from_callee(
        b, "bob", "REFER", 1, "Refer-To: <sip:q@ims.example?Replaces=z%3Bto-tag%3Da%3Bfrom-tag%3Db>\n", NULL);
    STR_EQ(header_of(fake_client_request(last_sent("REFER")), "Refer-To"),
           "<sip:q@ims.example?Replaces=z%3Bto-tag%3Da%3Bfrom-tag%3Db>");
    fake_answer(last_sent("REFER"), 202, "f1", BROWSER_CONTACT, NULL);
    EQ(fake_status(refer), 202);
    /* a number: sip: for the browser (SIG-018) */
    from_callee(b, "bob", "REFER", 2, "Refer-To: \"Q\" <tel:+4940>\n", NULL);
    STR_EQ(header_of(fake_client_request(last_sent("REFER")), "Refer-To"), "<sip:+4940@ims.example;user=phone>");
    fake_answer(last_sent("REFER"), 603, "f1", NULL, NULL);
    /* what was left as it is the browser's INVITE may carry */
    struct gw_sip_server *third = browser_invite("v1", "Require: replaces\nReplaces: z;to-tag=a;from-tag=b\n");
    media();
    const struct gw_sip_msg *inv = fake_client_request(last_sent("INVITE"));
    STR_EQ(header_of(inv, "Replaces"), "z;to-tag=a;from-tag=b");
    CHECK(gw_sip_msg_has_token(inv, "Require", "replaces"));
    fake_answer(last_sent("INVITE"), 603, "q", NULL, NULL);
    EQ(fake_status(third), 603);
    /* an INVITE that replaces this call, from the core, in the core's words */
    snprintf(text, sizeof(text), "Replaces: %s;to-tag=%s;from-tag=bob;early-only\n",
             header_of(fake_client_request(b), "Call-ID"), param_of(header_of(fake_client_request(b), "From"), "tag"));
    struct gw_sip_server *taker = core_invite("v1", text);
    media();
    snprintf(text, sizeof(text), "%s;to-tag=f1;from-tag=%s;early-only", header_of(fake_server_request(a), "Call-ID"),
             param_of(header_of(fake_last_response(a), "To"), "tag"));
    STR_EQ(header_of(fake_client_request(last_sent("INVITE")), "Replaces"), text);
    fake_answer(last_sent("INVITE"), 486, "x", NULL, NULL);
    EQ(fake_status(taker), 486);
    struct gw_sip_server *lost = core_invite("v1", "Replaces: nobody;to-tag=a;from-tag=b\n");
    media();
    EQ(fake_status(lost), 481);
    hang_up(a);
    world_close();
}

TEST(replaces_written_by_a_third_browser_names_the_same_dialog_in_the_core) /* RFC 3891 s. 6.1 */
{
    struct gw_sip_server *a, *third;
    struct gw_sip_client *b;
    char headers[600], wanted[600], ours[128], core_ours[128];

    world_open();
    call_up_from_core(&a, &b);
    /* the browser's dialog, as another browser was told of it: the browser takes the INVITE, so its tag is the to-tag
     */
    gw_sip_param(header_of(fake_client_request(b), "From"), "tag", ours, sizeof(ours));
    gw_sip_param(header_of(fake_last_response(a), "To"), "tag", core_ours, sizeof(core_ours));
    snprintf(headers, sizeof(headers), "Replaces: %s;to-tag=ann;from-tag=%s\n",
             header_of(fake_client_request(b), "Call-ID"), ours);
    third = browser_invite("v7", headers);
    media();
    struct gw_sip_client *out = last_sent("INVITE");
    snprintf(wanted, sizeof(wanted), "%s;to-tag=%s;from-tag=c1", header_of(fake_last_response(a), "Call-ID"),
             core_ours);
    STR_EQ(header_of(fake_client_request(out), "Replaces"), wanted);
    fake_answer(out, 486, "x", NULL, NULL);
    media();
    EQ(fake_status(third), 486);
    hang_up(a);
    world_close();
}
