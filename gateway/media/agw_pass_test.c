/* Media that is secured end to end passes the gateway as it is (TS 33.328 s. 7.2.2, 7.3.2). */
#include <test.h>
#include <unistd.h>

#include "tests/harness/agw_rig.h"

struct pass {
    struct rig g;
    int rtp, rtcp; /* the phone of the access side */
    struct gw_iq_local access, core;
};

static void pass_start(struct pass *p, bool is_latching)
{
    const struct variant v = { 0 };
    struct gw_iq_req *w = &p->g.want;
    struct gw_iq_term *t = &w->terms[0];

    rig_start(&p->g, &v);
    *t = (struct gw_iq_term){
        .id = RIG_ACCESS, .realm = GW_IQ_ACCESS, .family = 4, .has_remote = true, .is_latching = is_latching
    };
    p->rtp = phone_socket(false, &t->remote_rtp);
    p->rtcp = phone_socket(false, &t->remote_rtcp);
    if (is_latching) /* what its SDP says is behind NAT */
        EQ(gw_addr_parse_ip("127.0.0.9", 9, &t->remote_rtp), 0);
    w->terms[1].has_remote = true;
    w->terms[1].remote_rtp = p->g.rtp_addr;
    w->terms[1].remote_rtcp = p->g.rtcp_addr;
    w->streams[0].is_opaque = true;
    EQ(rig_ask(&p->g, w), 0);
    p->g.ctx = p->g.reply.ctx;
    EQ(p->g.reply.nlocals, 2);
    p->access = p->g.reply.locals[0];
    p->core = p->g.reply.locals[1];
}

static void pass_end(struct pass *p)
{
    close(p->rtp);
    close(p->rtcp);
    rig_end(&p->g);
}

static void goes(int from, const struct gw_addr *to, int at, const char *octets, size_t len)
{
    uint8_t q[512];

    phone_send(from, to, octets, len);
    EQ(phone_recv(at, q, sizeof(q), false), (ssize_t)len);
    MEM_EQ(q, octets, len);
}

/* SRTP with whatever payload type, SRTCP, a STUN check, a DTLS record, noise. */
static const char srtp[] = "\x80\x7f\0\1\0\0\0\1\0\0\0\2encrypted and with a tag", srtcp[] = "\x80\xc8\0\1\0\0\0\1xxxx",
                  stun[] = "\0\1\0\0\x21\x12\xa4\x42\0\0\0\0\0\0\0\0\0\0\0\0",
                  dtls[] = "\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\1\1", noise[] = "\xff?";

TEST(what_is_secured_end_to_end_passes_octet_by_octet)
{
    struct pass p;

    pass_start(&p, false);
    goes(p.rtp, &p.access.rtp, p.g.rtp, srtp, sizeof(srtp));
    goes(p.g.rtp, &p.core.rtp, p.rtp, srtp, sizeof(srtp));
    goes(p.rtcp, &p.access.rtcp, p.g.rtcp, srtcp, sizeof(srtcp));
    goes(p.g.rtcp, &p.core.rtcp, p.rtcp, srtcp, sizeof(srtcp));
    goes(p.rtp, &p.access.rtp, p.g.rtp, srtcp, sizeof(srtcp)); /* rtcp-mux that the two agreed on */
    goes(p.rtp, &p.access.rtp, p.g.rtp, stun, sizeof(stun));
    goes(p.g.rtp, &p.core.rtp, p.rtp, dtls, sizeof(dtls));
    goes(p.rtp, &p.access.rtp, p.g.rtp, noise, sizeof(noise));
    pass_end(&p);
}

TEST(a_closed_gate_closes_it_but_for_reports)
{
    struct pass p;
    uint8_t q[64];

    pass_start(&p, false);
    p.g.want.streams[0].to_core = false;
    p.g.want.op = GW_IQ_CONFIGURE;
    EQ(rig_ask(&p.g, &p.g.want), 0);
    phone_send(p.rtp, &p.access.rtp, srtp, sizeof(srtp));
    goes(p.rtcp, &p.access.rtcp, p.g.rtcp, srtcp, sizeof(srtcp));
    EQ(phone_recv(p.g.rtp, q, sizeof(q), true), -1);
    goes(p.g.rtp, &p.core.rtp, p.rtp, srtp, sizeof(srtp));
    pass_end(&p);
}

TEST(a_phone_behind_nat_is_found_by_its_media_and_strangers_are_not_heard)
{
    struct gw_addr a;
    struct pass p;
    uint8_t q[64];
    int stranger = phone_socket(false, &a);

    pass_start(&p, true);
    phone_send(p.rtp, &p.access.rtp, noise, sizeof(noise)); /* says nothing of where media is */
    EQ(phone_recv(p.g.rtp, q, sizeof(q), false), sizeof(noise));
    goes(p.rtp, &p.access.rtp, p.g.rtp, srtp, sizeof(srtp));
    goes(p.g.rtp, &p.core.rtp, p.rtp, srtp, sizeof(srtp));
    phone_send(stranger, &p.access.rtp, srtp, sizeof(srtp));
    EQ(rig_grew(&p.g, GW_STAT_MEDIA_DROPPED_STRANGER, 1), 1);
    EQ(phone_recv(p.g.rtp, q, sizeof(q), true), -1);
    close(stranger);
    pass_end(&p);
}

TEST(it_needs_terminations_without_security_of_their_own)
{
    const struct variant v = { 0 };
    struct rig g;

    rig_start(&g, &v);
    g.want.streams[0].is_opaque = true; /* towards a browser */
    EQ(rig_ask(&g, &g.want), GW_E_INVAL);
    rig_end(&g);
}
