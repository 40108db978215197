/* For the tests of this room: a P-CSCF on the fake SIP stack, with calls that only note what they were asked. */
#ifndef GW_PCSCF_FIXTURE_H
#define GW_PCSCF_FIXTURE_H

#include <stdlib.h>

#include "signaling/pcscf/pcscf_priv.h"
#include "sip_fake.h"
#include "test.h"

static struct {
    unsigned invites, moved, closed, count;
    struct gw_sip_server *txn;
    bool knows_dialogs; /* gw_calls_on_request takes everything */
    struct gw_call_setup setup;
    char identity[256], access_uri[256], core_uri[256], route[256], next_hop[256], icid[64];
    gw_flow_id old_flow, new_flow, leg_flow; /* leg_flow: of the call whose Contact is leg7 */
} calls;

static void keep(char *buf, size_t size, const char *s)
{
    snprintf(buf, size, "%s", s ? s : "");
}

void gw_calls_on_invite(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req,
                        const struct gw_call_setup *setup)
{
    calls.invites++;
    calls.txn = txn;
    calls.setup = *setup;
    keep(calls.identity, sizeof(calls.identity), setup->identity);
    keep(calls.core_uri, sizeof(calls.core_uri), setup->core_uri);
    keep(calls.access_uri, sizeof(calls.access_uri), setup->access_uri);
    keep(calls.route, sizeof(calls.route), setup->nroutes ? setup->routes[0] : NULL);
    keep(calls.next_hop, sizeof(calls.next_hop), setup->next_hop);
    keep(calls.icid, sizeof(calls.icid), setup->icid);
}

bool gw_calls_on_request(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    return calls.knows_dialogs;
}

void gw_calls_on_ack(struct gw_calls *cs, gw_flow_id flow, const struct gw_sip_msg *ack)
{
}

void gw_calls_on_stray_2xx(struct gw_calls *cs, gw_flow_id flow, const struct gw_sip_msg *resp)
{
}

void gw_calls_on_flow_closed(struct gw_calls *cs, gw_flow_id flow)
{
    calls.closed++;
}

void gw_calls_on_flow_moved(struct gw_calls *cs, gw_flow_id old_flow, gw_flow_id new_flow, const char *contact)
{
    calls.moved++;
    calls.old_flow = old_flow;
    calls.new_flow = new_flow;
}

gw_flow_id gw_calls_flow_of_contact(struct gw_calls *cs, const char *user)
{
    return strcmp(user, "leg7") == 0 ? calls.leg_flow : 0;
}

unsigned gw_calls_count(const struct gw_calls *cs)
{
    return calls.count;
}

static struct gw_conf *conf;
static struct gw_pcscf *pcscf;

static inline void setup(const char *more_conf)
{
    struct gw_sip_handler h;
    char text[1024], why[256];
    struct gw_sip_stack *s = fake_sip_reset();

    memset(&calls, 0, sizeof(calls));
    snprintf(text, sizeof(text), "domain = visited.example\ncore_route = sip:core.example;lr\n%s", more_conf);
    if (gw_conf_parse("test", text, strlen(text), &conf, why, sizeof(why)) != 0)
        gw_test_fail(__FILE__, __LINE__, "%s", why);
    EQ(gw_pcscf_new(conf, &pcscf), 0);
    gw_pcscf_handler(pcscf, &h);
    fake_sip_set_handler(&h);
    gw_pcscf_start(pcscf, s, NULL);
}

static inline void teardown(void)
{
    gw_pcscf_free(pcscf);
    fake_sip_reset();
    gw_conf_free(conf);
    EQ(gw_stats_read(GW_STAT_REGISTRATIONS), 0);
}

/* A value of the last request sent, or of a response. */
static inline const char *sent(const char *name)
{
    return gw_sip_msg_get(fake_client_request(fake_last_client()), name, 0);
}

static inline const char *answered(const struct gw_sip_server *t, const char *name)
{
    return fake_last_response(t) ? gw_sip_msg_get(fake_last_response(t), name, 0) : NULL;
}

#define ANN_CONTACT "<sip:u8@k3f9.invalid;transport=ws>;+sip.instance=\"<urn:uuid:0c6>\";reg-id=1"
#define REGISTER(user, contact, expires)                                                                               \
    "REGISTER sip:ims.example SIP/2.0\n"                                                                               \
    "From: <sip:" user "@ims.example>;tag=f1\nTo: <sip:" user "@ims.example>\nMax-Forwards: 69\n"                      \
    "Contact: " contact ";expires=" expires "\nSupported: path, gruu, outbound\n"

/* Registers over that connection with a 200 that has these further headers. */
static inline void register_as(gw_flow_id flow, const char *request, const char *headers_200)
{
    struct gw_sip_server *t = fake_request(flow, request);

    fake_answer(fake_last_client(), 200, "reg", headers_200, NULL);
    EQ(fake_status(t), 200);
}

static inline gw_flow_id registered_ann(void)
{
    gw_flow_id flow = fake_flow_open("WSS");

    register_as(flow, REGISTER("ann", ANN_CONTACT, "600"),
                "Contact: " ANN_CONTACT ";expires=600\n"
                "P-Associated-URI: <sip:ann@ims.example>, \"Ann\" <tel:+4930123>\n"
                "Service-Route: <sip:orig@scscf.ims.example;lr>\n"
                "Require: outbound\n");
    return flow;
}

/* The Path of the last REGISTER, as the core would put it into Route. */
static inline void path_of(gw_flow_id flow, char *buf, size_t size)
{
    gw_route_write(pcscf, flow, ";ob", buf, size);
}

/* A request of the core, with the first line's method and URI and a Route by the token of that connection. */
static inline struct gw_sip_server *from_core_to(gw_flow_id flow, const char *method, const char *uri,
                                                 const char *headers)
{
    char route[300], text[2048];

    path_of(flow, route, sizeof(route));
    snprintf(text, sizeof(text), "%s %s SIP/2.0\nMax-Forwards: 50\nRoute: %s\n%s", method, uri, route, headers);
    return fake_request(0, text);
}

#define FROM_BOB "From: <sip:bob@ims.example>;tag=b1\nTo: <sip:ann@ims.example>\n"
#define FROM_ANN "From: <sip:ann@ims.example>;tag=f2\nTo: <sip:bob@ims.example>\n"

#endif
