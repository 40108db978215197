#include "call_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma weak gw_ms_fake_live /* absent where the real interworking is linked */

struct gw_calls *calls;
struct gw_agw *agw;
gw_flow_id browser;
struct gw_call_setup world_setup;
static struct gw_conf *conf;
static struct gw_sip_stack *stack;
static int64_t stats_before[GW_STAT_COUNT];

static void on_request(void *arg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    const char *to = gw_sip_msg_get(req, "To", 0);
    char tag[64];

    if (gw_calls_on_request(calls, txn, req))
        return;
    if (gw_sip_msg_method(req) != GW_SIP_INVITE || gw_sip_param(to, "tag", tag, sizeof(tag)) == 0) {
        gw_sip_server_reply(txn, req, 481, NULL, NULL, NULL);
        return;
    }
    world_setup.from_access = gw_sip_server_flow(txn) != 0;
    gw_calls_on_invite(calls, txn, req, &world_setup);
}

static void on_flow_closed(void *arg, gw_flow_id flow)
{
    gw_calls_on_flow_closed(calls, flow);
}

void world_open_with(const char *text)
{
    char why[256] = "";

    stack = fake_sip_reset();
    agw = gw_agw_fake_new();
    if (gw_conf_parse("test", text, strlen(text), &conf, why, sizeof(why)) != 0 ||
        gw_calls_new(conf, stack, agw, &calls) != 0) {
        fprintf(stderr, "call_world: %s\n", why);
        abort();
    }
    fake_sip_set_handler(&(struct gw_sip_handler){ .on_request = on_request, .on_flow_closed = on_flow_closed });
    browser = fake_flow_open("WSS");
    static const char *const routes[] = { "<sip:orig@scscf.ims.example;lr>" };
    world_setup = (struct gw_call_setup){
        .e2ae = { .client = GW_CLIENT_WIC },
        .access_flow = browser,
        .access_uri = "sip:u8@k3f9.invalid;transport=ws",
        .identity = "<sip:ann@ims.example>",
        .nroutes = 1,
        .routes = routes,
        .icid = "icid-1",
    };
    for (unsigned i = 0; i < GW_STAT_COUNT; i++)
        stats_before[i] = gw_stats_read((enum gw_stat)i);
}

void world_open(void)
{
    world_open_with("");
}

int64_t counted(enum gw_stat stat)
{
    return gw_stats_read(stat) - stats_before[stat];
}

void media(void)
{
    do
        fake_sip_advance(0);
    while (gw_agw_fake_reply_all(agw));
    fake_sip_advance(0);
}

void world_close(void)
{
    media();
    EQ(gw_calls_count(calls), 0);
    EQ(counted(GW_STAT_CALLS_ACTIVE), 0);
    EQ(counted(GW_STAT_CALLS_FROM_ACCESS) + counted(GW_STAT_CALLS_FROM_CORE),
       counted(GW_STAT_CALLS_ENDED_ANSWERED) + counted(GW_STAT_CALLS_ENDED_UNANSWERED));
    EQ(gw_agw_fake_bad_releases(agw), 0);
    EQ(fake_sip_timers(), 0);
    gw_calls_free(calls);
    EQ(gw_agw_fake_free(agw), 0);
    if (gw_ms_fake_live)
        EQ(gw_ms_fake_live(), 0);
    fake_sip_reset();
    gw_conf_free(conf);
}

/* ---- reading ---- */

const char *header_of(const struct gw_sip_msg *m, const char *name)
{
    const char *v = m ? gw_sip_msg_get(m, name, 0) : NULL;
    return v ? v : "";
}

static char *scratch(void)
{
    static char bufs[4][2048];
    static unsigned n;

    return bufs[n++ % 4];
}

const char *body_of(const struct gw_sip_msg *m)
{
    struct gw_span s = m ? gw_sip_msg_body(m) : (struct gw_span){ 0 };
    char *buf = scratch();

    snprintf(buf, 2048, "%.*s", (int)s.len, s.len ? (const char *)s.ptr : "");
    return buf;
}

const char *last_body(const struct gw_sip_server *t)
{
    return body_of(fake_last_response(t));
}

const char *param_of(const char *value, const char *param)
{
    char *buf = scratch();

    if (gw_sip_param(value, param, buf, 2048) != 0)
        buf[0] = '\0';
    return buf;
}

const char *method_of(const struct gw_sip_client *c)
{
    return c ? gw_sip_msg_method_name(fake_client_request(c)) : "";
}

struct gw_sip_client *last_sent(const char *method)
{
    struct gw_sip_client *c = fake_last_client();
    STR_EQ(method_of(c), method);
    return c;
}

/* ---- saying ---- */

static struct gw_sip_server *say(gw_flow_id flow, const char *headers, const char *body, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static struct gw_sip_server *say(gw_flow_id flow, const char *headers, const char *body, const char *fmt, ...)
{
    char text[8192];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    bool has_hops = headers && strstr(headers, "Max-Forwards:");
    bool has_type = headers && strstr(headers, "Content-Type:");
    snprintf(text + n, sizeof(text) - (size_t)n, "%s%s%s\n%s", has_hops ? "" : "Max-Forwards: 70\n",
             headers ? headers : "", body && !has_type ? "Content-Type: application/sdp\n" : "", body ? body : "");
    return fake_request(flow, text);
}

struct gw_sip_server *browser_invite(const char *sdp, const char *headers)
{
    return say(browser, headers, sdp,
               "INVITE sip:bob@ims.example SIP/2.0\nFrom: <sip:ann@ims.example>;tag=f1\nTo: <sip:bob@ims.example>\n"
               "CSeq: 7 INVITE\n" BROWSER_CONTACT);
}

struct gw_sip_server *core_invite(const char *sdp, const char *headers)
{
    return say(0, headers, sdp,
               "INVITE sip:token@10.0.0.5:5060 SIP/2.0\nFrom: \"Carol\" <tel:+4915112345>;tag=c1\n"
               "To: <tel:+491234567;phone-context=x>\nCSeq: 3 INVITE\nP-Asserted-Identity: <sip:carol@ims.example>\n"
               "P-Charging-Vector: icid-value=\"their\"\n" CORE_CALLER_CONTACT);
}

struct gw_sip_server *from_caller(const struct gw_sip_server *t, const char *method, unsigned cseq, const char *headers,
                                  const char *body)
{
    const struct gw_sip_msg *req = fake_server_request(t), *resp = fake_last_response(t);

    return say(gw_sip_server_flow(t), headers, body,
               "%s sip:gw SIP/2.0\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %u %s\n%s", method, header_of(req, "From"),
               header_of(resp, "To"), header_of(req, "Call-ID"), cseq, method,
               gw_sip_server_flow(t) ? BROWSER_CONTACT : CORE_CALLER_CONTACT);
}

struct gw_sip_server *from_callee(const struct gw_sip_client *c, const char *tag, const char *method, unsigned cseq,
                                  const char *headers, const char *body)
{
    const struct gw_sip_msg *req = fake_client_request(c);

    return say(fake_client_flow(c), headers, body,
               "%s sip:gw SIP/2.0\nFrom: %s;tag=%s\nTo: %s\nCall-ID: %s\nCSeq: %u %s\n%s", method, header_of(req, "To"),
               tag, header_of(req, "From"), header_of(req, "Call-ID"), cseq, method,
               fake_client_flow(c) ? BROWSER_CONTACT : CORE_CONTACT);
}

/* ---- whole beginnings ---- */

void call_up(struct gw_sip_server **a, struct gw_sip_client **b)
{
    *a = browser_invite("v1", NULL);
    media();
    *b = last_sent("INVITE");
    fake_answer(*b, 200, "bob", CORE_CONTACT "Allow: INVITE, ACK, BYE, UPDATE, INFO\n", "v2");
    media();
    EQ(fake_status(*a), 200);
    fake_ack(*a, NULL);
}

void call_up_from_core(struct gw_sip_server **a, struct gw_sip_client **b)
{
    *a = core_invite("v1", NULL);
    media();
    *b = last_sent("INVITE");
    fake_answer(*b, 200, "ann", BROWSER_CONTACT "Allow: INVITE, ACK, BYE, INFO\n", "v2");
    media();
    EQ(fake_status(*a), 200);
    fake_ack(*a, NULL);
}

void hang_up(struct gw_sip_server *a)
{
    struct gw_sip_server *bye = from_caller(a, "BYE", 900, NULL, NULL);

    EQ(fake_status(bye), 200);
    fake_answer(last_sent("BYE"), 200, "x", NULL, NULL);
    media();
}
