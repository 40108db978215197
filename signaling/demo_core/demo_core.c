#include "demo_core.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "demo_priv.h"
#include "gateway/base/log.h"

enum { SWEEP_MS = 5000 };

static const struct {
    const char *user;
    enum gw_demo_kind kind;
    const char *sentence;
} endpoints[] = {
    { "echo", GW_DEMO_ECHO, "sends audio and video back to the caller" },
    { "dtmf", GW_DEMO_DTMF, "echo that answers each digit with the same digit, by INFO" },
    { "early", GW_DEMO_EARLY, "echo that is heard before it answers, for five seconds" },
    { "busy", GW_DEMO_BUSY, "is busy" },
    { "fax", GW_DEMO_FAX, "receives a fax by T.38; switches to it by itself when called by voice" },
    { "faxback", GW_DEMO_FAXBACK, "receives a fax and sends it back, in a call of its own" },
    { "noanswer", GW_DEMO_NOANSWER, "rings, and gives up after two minutes" },
};

void gw_demo_write_endpoints(FILE *f)
{
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
        fprintf(f, "  %-10s %s\n", endpoints[i].user, endpoints[i].sentence);
    fprintf(f, "A MESSAGE to echo makes it call: \"call me audio chat\", \"call me fax\"; in the call: \"add chat\", "
               "\"drop chat\", \"hang up\".\n");
}

static void on_sweep(void *arg)
{
    struct gw_demo *d = arg;

    gw_demo_calls_sweep(d);
    gw_ctl_timer_start(d->sweep, SWEEP_MS);
}

static void on_register(struct gw_demo *d, struct gw_sip_server *t, const struct gw_sip_msg *req)
{
    struct gw_sip_msg *resp = NULL;

    if (gw_registrar_on_register(&d->registrar, req, gw_sip_stack_host(d->stack, false), gw_ctl_now_us(d->stack),
                                 &resp)) {
        gw_sip_server_reply(t, req, 500, NULL, NULL, NULL);
        return;
    }
    gw_log(GW_LOG_INFO, "demo", NULL, "REGISTER %s: %d", gw_sip_msg_get(req, "To", 0), gw_sip_msg_status(resp));
    gw_sip_server_respond(t, &resp);
    gw_sip_msg_free(resp);
}

static void on_request(void *arg, struct gw_sip_server *t, const struct gw_sip_msg *req)
{
    struct gw_demo *d = arg;
    struct gw_demo_call *call = gw_demo_call_find(d, req);
    enum gw_sip_method method = gw_sip_msg_method(req);
    struct gw_sip_uri u;
    char tag[64];

    if (call) {
        gw_demo_call_on_request(call, t, req);
        return;
    }
    if (method == GW_SIP_REGISTER) {
        on_register(d, t, req);
        return;
    }
    if (gw_sip_uri_parse(gw_sip_msg_uri(req), &u) == 0 &&
        gw_sip_param(gw_sip_msg_get(req, "To", 0), "tag", tag, sizeof(tag))) {
        for (size_t i = 0; method == GW_SIP_INVITE && i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
            if (strcasecmp(u.user, endpoints[i].user) == 0 && strcasecmp(u.host, d->options.domain) == 0) {
                gw_demo_call_on_invite(d, endpoints[i].kind, t, req);
                return;
            }
        }
        if (method == GW_SIP_MESSAGE && strcasecmp(u.user, endpoints[0].user) == 0 &&
            strcasecmp(u.host, d->options.domain) == 0) {
            gw_demo_on_message(d, t, req);
            return;
        }
        if (method == GW_SIP_OPTIONS && !*u.user) {
            gw_sip_server_reply(t, req, 200, NULL, NULL, NULL);
            return;
        }
    } else if (!gw_sip_msg_get(req, "Route", 0)) {
        gw_sip_server_reply(t, req, 481, NULL, NULL, NULL); /* a dialog that we do not know */
        return;
    }
    if (method == GW_SIP_SUBSCRIBE || method == GW_SIP_PUBLISH) {
        gw_sip_server_reply(t, req, 489, NULL, NULL, NULL); /* no event package */
        return;
    }
    gw_demo_relay(d, t, req);
}

static void on_ack(void *arg, gw_flow_id flow, const struct gw_sip_msg *ack)
{
    if (gw_sip_msg_get(ack, "Route", 0))
        gw_demo_relay_ack(arg, ack);
}

static void on_stray_2xx(void *arg, gw_flow_id flow, const struct gw_sip_msg *resp)
{
}

static void on_flow(void *arg, gw_flow_id flow)
{
}

int gw_demo_new(const struct gw_demo_options *options, struct gw_demo **out)
{
    struct gw_demo *d = calloc(1, sizeof(*d));
    int err;

    if (!d)
        return GW_E_NOMEM;
    d->options = *options;
    d->next_port = options->port_min;
    gw_registrar_init(&d->registrar, options->domain, options->password);
    err = gw_demo_tray_open(&d->tray, options->fax_dir);
    if (!err && options->fax_page)
        snprintf(d->page, sizeof(d->page), "%s", options->fax_page);
    else if (!err && (size_t)snprintf(d->page, sizeof(d->page), "%s/page.tif", options->fax_dir) < sizeof(d->page))
        err = gw_demo_paper_draw(d->page);
    if (err) {
        gw_demo_free(d);
        return err;
    }
    *out = d;
    return 0;
}

void gw_demo_handler(struct gw_demo *d, struct gw_sip_handler *out)
{
    *out = (struct gw_sip_handler){ on_request, on_ack, on_stray_2xx, on_flow, on_flow, d };
}

void gw_demo_start(struct gw_demo *d, struct gw_sip_stack *stack)
{
    d->stack = stack;
    if (gw_ctl_timer_new(stack, on_sweep, d, &d->sweep) == 0)
        gw_ctl_timer_start(d->sweep, SWEEP_MS);
}

void gw_demo_free(struct gw_demo *d)
{
    if (!d)
        return;
    gw_demo_calls_free(d);
    gw_ctl_timer_free(d->sweep);
    gw_registrar_fini(&d->registrar);
    free(d);
}
