/* For the tests of this room: a user who is registered. */
#ifndef GW_DEMO_FIXTURE_H
#define GW_DEMO_FIXTURE_H

#include <stdio.h>

#include "signaling/demo_core/registrar.h"
#include "sip_fake.h"
#include "test.h"

static inline void register_ann(void)
{
    static const char head[] =
        "REGISTER sip:ims.example SIP/2.0\nFrom: <sip:ann@ims.example>;tag=f\nTo: <sip:ann@ims.example>\n"
        "Call-ID: r1\nCSeq: 1 REGISTER\nPath: <sip:token@gw.example;lr;ob>\n"
        "Contact: <sip:u8@k3.invalid;transport=ws>;expires=600\n";
    struct gw_sip_server *t;
    char text[2048], nonce[64] = "", digest[33];
    const char *p;

    snprintf(text, sizeof(text), "%s\n", head);
    t = fake_request(0, text);
    p = strstr(gw_sip_msg_get(fake_last_response(t), "WWW-Authenticate", 0), "nonce=");
    CHECK(p && sscanf(p, "nonce=\"%63[0-9a-f]", nonce) == 1);
    gw_digest_response("ann", "ims.example", "demo", "REGISTER", "sip:ims.example", nonce, "auth", "00000001", "c",
                       digest);
    snprintf(text, sizeof(text),
             "%sAuthorization: Digest username=\"ann\", realm=\"ims.example\", nonce=\"%s\", uri=\"sip:ims.example\", "
             "response=\"%s\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"\n\n",
             head, nonce, digest);
    EQ(fake_status(fake_request(0, text)), 200);
}

#endif
