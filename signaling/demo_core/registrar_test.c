#include "test.h"

#include "registrar.h"

TEST(digest_of_rfc_2617_section_3_5)
{
    char out[33];

    gw_digest_response("Mufasa", "testrealm@host.com", "Circle Of Life", "GET", "/dir/index.html",
                       "dcd98b7102dd2f0e8b11d0f600bfb0c093", "auth", "00000001", "0a4f113b", out);
    STR_EQ(out, "6629fae49393a05397450978507c4ef1");
}

static const char request[] =
    "REGISTER sip:ims.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1\r\n"
    "From: <sip:ann@ims.example>;tag=f\r\nTo: <sip:ann@ims.example>\r\nCall-ID: c1\r\nCSeq: 1 REGISTER\r\n"
    "Path: <sip:token@gw.example;lr;ob>\r\n"
    "Contact: <sip:u8@k3.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;expires=600\r\n"
    "%s\r\n";

/* The answer to that REGISTER with these credentials. */
static struct gw_sip_msg *answer(struct gw_registrar *r, const char *authorization, uint64_t now_us)
{
    char text[4096], why[128];
    struct gw_sip_msg *req = NULL, *resp = NULL;
    int n = snprintf(text, sizeof(text), request, authorization);

    EQ(gw_sip_msg_parse((struct gw_span){ text, (size_t)n }, &req, why, sizeof(why)), 0);
    EQ(gw_registrar_on_register(r, req, "10.0.0.9:5060", now_us, &resp), 0);
    gw_sip_msg_free(req);
    return resp;
}

/* Authorization for the challenge in `resp`. */
static void authorize(const struct gw_sip_msg *resp, const char *password, char *out, size_t size)
{
    const char *challenge = gw_sip_msg_get(resp, "WWW-Authenticate", 0),
               *p = challenge ? strstr(challenge, "nonce=\"") : NULL;
    char nonce[64] = "", digest[33];

    CHECK(p && sscanf(p, "nonce=\"%63[0-9a-f]", nonce) == 1);
    gw_digest_response("ann", "ims.example", password, "REGISTER", "sip:ims.example", nonce, "auth", "00000001", "c",
                       digest);
    snprintf(out, size,
             "Authorization: Digest username=\"ann\", realm=\"ims.example\", nonce=\"%s\", uri=\"sip:ims.example\", "
             "response=\"%s\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"\r\n",
             nonce, digest);
}

TEST(a_user_registers_after_a_challenge_and_is_found_behind_the_path)
{
    struct gw_registrar r;
    char authorization[512];
    uint64_t now = 1000000;
    const struct gw_demo_binding *b;
    struct gw_sip_msg *resp;

    gw_registrar_init(&r, "ims.example", "demo");
    resp = answer(&r, "", now);
    EQ(gw_sip_msg_status(resp), 401);
    authorize(resp, "demo", authorization, sizeof(authorization));
    gw_sip_msg_free(resp);

    resp = answer(&r, authorization, now + 1);
    EQ(gw_sip_msg_status(resp), 200);
    STR_EQ(gw_sip_msg_get(resp, "Contact", 0),
           "<sip:u8@k3.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;expires=600");
    STR_EQ(gw_sip_msg_get(resp, "Service-Route", 0), "<sip:orig@10.0.0.9:5060;lr>");
    gw_sip_msg_free(resp);
    b = gw_registrar_find(&r, "ann", now + 2);
    CHECK(b != NULL);
    if (b) {
        STR_EQ(b->uri, "sip:u8@k3.invalid;transport=ws");
        STR_EQ(b->paths[0], "<sip:token@gw.example;lr;ob>");
    }

    gw_sip_msg_free(answer(&r, authorization, now + 3)); /* renewed, not doubled */
    EQ(r.n, 1);
    CHECK(gw_registrar_find(&r, "ann", now + 601 * 1000000ull) == NULL); /* expired */
    EQ(r.n, 0);
    gw_registrar_fini(&r);
}

TEST(a_wrong_password_is_403_and_an_old_nonce_is_stale)
{
    struct gw_registrar r;
    char authorization[512];
    uint64_t now = 1000000;
    struct gw_sip_msg *resp;

    gw_registrar_init(&r, "ims.example", "demo");
    resp = answer(&r, "", now);
    authorize(resp, "guess", authorization, sizeof(authorization));
    gw_sip_msg_free(answer(&r, authorization, now));
    EQ(r.n, 0);
    authorize(resp, "demo", authorization, sizeof(authorization));
    gw_sip_msg_free(resp);
    resp = answer(&r, authorization, now + 301 * 1000000ull);
    EQ(gw_sip_msg_status(resp), 401);
    CHECK(strstr(gw_sip_msg_get(resp, "WWW-Authenticate", 0), "stale=true") != NULL);
    gw_sip_msg_free(resp);
    gw_registrar_fini(&r);
}
