#include "signaling/pcscf/pcscf.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/log.h"
#include "signaling/pcscf/jwt.h"
#include "signaling/pcscf/pcscf_priv.h"

const char *gw_pcscf_call_id(const struct gw_sip_msg *m)
{
    return gw_sip_msg_get(m, "Call-ID", 0);
}

bool gw_pcscf_is_emergency(const struct gw_sip_msg *req)
{
    const char *uri = gw_sip_msg_uri(req);

    /* RFC 5031: sos and its sub-services, nothing that only begins alike */
    return uri && strncasecmp(uri, "urn:service:sos", 15) == 0 && (!uri[15] || uri[15] == '.');
}

bool gw_pcscf_has_to_tag(const struct gw_sip_msg *m)
{
    const char *to = gw_sip_msg_get(m, "To", 0);
    char tag[256];

    return to && gw_sip_param(to, "tag", tag, sizeof(tag)) != GW_E_NOTFOUND;
}

/* ---- life ---- */

int gw_pcscf_new(const struct gw_conf *conf, struct gw_pcscf **out)
{
    struct gw_pcscf *p = calloc(1, sizeof(*p));
    char why[256];
    int err;

    if (!p)
        return GW_E_NOMEM;
    p->conf = conf;
    gw_token_key_init(&p->key, gw_span_str(conf->flow_secret));
    err = gw_bindings_init(&p->bindings, (unsigned)conf->registrations_max);
    if (!err)
        err = gw_pdialogs_init(&p->dialogs, (unsigned)conf->relayed_dialogs_max,
                               (unsigned)conf->relayed_dialogs_per_binding);
    if (!err)
        err = gw_table_init(&p->regsubs, conf->reg_event ? (unsigned)conf->registrations_max : 1);
    if (!err)
        err = gw_jwt_new(conf, &p->jwt, why, sizeof(why)); /* what is wrong the check of the configuration told */
    if (err) {
        gw_pcscf_free(p);
        return err;
    }
    *out = p;
    return 0;
}

void gw_pcscf_reload(struct gw_pcscf *p, const struct gw_conf *conf)
{
    struct gw_jwt *jwt = NULL;
    char why[256] = "no memory";

    p->conf = conf;
    if (gw_jwt_new(conf, &jwt, why, sizeof(why)) != 0) {
        gw_log(GW_LOG_ERROR, "pcscf", NULL, "token_key: %s; the keys before stay", why);
        return;
    }
    gw_jwt_free(p->jwt);
    p->jwt = jwt;
}

static void on_sweep(void *arg)
{
    struct gw_pcscf *p = arg;

    gw_register_sweep(p);
    gw_ctl_timer_start(p->sweep, GW_SWEEP_MS);
}

void gw_pcscf_start(struct gw_pcscf *p, struct gw_sip_stack *stack, struct gw_calls *calls)
{
    p->stack = stack;
    p->calls = calls;
    if (!p->sweep && gw_ctl_timer_new(stack, on_sweep, p, &p->sweep) == 0)
        gw_ctl_timer_start(p->sweep, GW_SWEEP_MS);
}

void gw_pcscf_free(struct gw_pcscf *p)
{
    if (!p)
        return;
    gw_relay_free_all(p);
    gw_ctl_timer_free(p->sweep);
    while (p->bindings.first)
        gw_register_drop(p, p->bindings.first);
    gw_pdialogs_fini(&p->dialogs);
    gw_bindings_fini(&p->bindings);
    gw_table_fini(&p->regsubs);
    gw_jwt_free(p->jwt);
    free(p);
}

void gw_pcscf_drain(struct gw_pcscf *p)
{
    p->is_draining = true;
}

/* ---- connections ---- */

static void on_flow_open(void *arg, gw_flow_id flow)
{
    struct gw_pcscf *p = arg;
    struct gw_flow_info info;
    bool is_ws, is_tls;

    if (gw_sip_flow_info(p->stack, flow, &info) != 0)
        return;
    is_ws = strncmp(info.transport, "WS", 2) == 0;
    is_tls = strcmp(info.transport, "WSS") == 0 || strcmp(info.transport, "TLS") == 0;
    if (!gw_flow_add(&p->bindings, flow, is_ws, is_tls))
        gw_sip_flow_close(p->stack, flow, 1013, "no memory");
}

static void on_flow_closed(void *arg, gw_flow_id flow)
{
    struct gw_pcscf *p = arg;
    struct gw_pflow *f = gw_flow_find(&p->bindings, flow);

    if (!f)
        return;
    gw_flow_remove(&p->bindings, f); /* the bindings wait; requests to them get 430 meanwhile (specs 1.4) */
    gw_calls_on_flow_closed(p->calls, flow);
}

/* ---- what every request must pass ---- */

/* Option tags of Proxy-Require that a proxy here understands: sec-agree and mediasec end here, privacy is what
 * P-Asserted-Identity does. Fills the others for Unsupported. */
static bool has_unknown_proxy_require(const struct gw_sip_msg *req, char *unsupported, size_t size)
{
    static const char *const known[] = { "sec-agree", "mediasec", "privacy" };
    const char *v;
    size_t n = 0;

    unsupported[0] = 0;
    for (unsigned i = 0; (v = gw_sip_msg_get(req, "Proxy-Require", i)); i++) {
        bool is_known = false;
        for (unsigned k = 0; k < sizeof(known) / sizeof(known[0]); k++)
            is_known |= strcasecmp(v, known[k]) == 0;
        if (!is_known && n + strlen(v) + 3 < size)
            n += (size_t)snprintf(unsupported + n, size - n, "%s%s", n ? ", " : "", v);
    }
    return n > 0;
}

/* Addressed to this gateway itself: our host and no user. */
static bool is_for_us(const struct gw_pcscf *p, const struct gw_inbound *in)
{
    struct gw_sip_uri u;
    struct gw_flow_info info;
    const char *uri = gw_sip_msg_uri(in->req);
    size_t host;

    if (strncasecmp(uri, "sip", 3) != 0 || gw_sip_uri_parse(uri, &u) != 0 || u.user[0])
        return false;
    if (gw_route_is_ours(p, uri, &u) || strcasecmp(u.host, p->conf->domain) == 0)
        return true;
    if (!in->flow || gw_sip_flow_info(p->stack, in->flow_id, &info) != 0)
        return false;
    host = strcspn(info.host, ":"); /* the name under which the browser found us */
    return host > 0 && strlen(u.host) == host && strncasecmp(u.host, info.host, host) == 0;
}

static void answer_options(const struct gw_inbound *in)
{
    struct gw_sip_msg *resp = gw_sip_msg_response(in->req, 200, NULL, "options");
    int err = resp ? 0 : GW_E_NOMEM;

    if (!err)
        err = gw_sip_msg_set(resp, "Allow",
                             "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, "
                             "SUBSCRIBE, MESSAGE, PUBLISH, REGISTER");
    if (!err)
        err = gw_sip_msg_set(resp, "Accept", "application/sdp");
    if (!err)
        err = gw_sip_msg_set(resp, "Supported", "path, outbound, timer, replaces");
    if (!err)
        err = gw_sip_server_respond(in->txn, &resp);
    if (err)
        gw_sip_server_drop(in->txn);
    gw_sip_msg_free(resp);
    gw_stats_inc(GW_STAT_PCSCF_ANSWERED);
}

/* The checks of RFC 3261 s. 16.3. True: refused or answered, done. */
static bool is_stopped(struct gw_pcscf *p, const struct gw_inbound *in)
{
    const char *hops = gw_sip_msg_get(in->req, "Max-Forwards", 0);
    char unsupported[256];

    if (gw_sip_msg_method(in->req) == GW_SIP_OPTIONS && !gw_pcscf_has_to_tag(in->req) && is_for_us(p, in)) {
        answer_options(in);
        return true;
    }
    if (hops && strtoul(hops, NULL, 10) == 0) {
        gw_pcscf_refuse(p, in, GW_REFUSE_HOPS, NULL);
        return true;
    }
    if (has_unknown_proxy_require(in->req, unsupported, sizeof(unsupported))) {
        gw_pcscf_refuse(p, in, GW_REFUSE_EXTENSION, unsupported);
        return true;
    }
    return false;
}

/* ---- from the access side ---- */

static void from_access(struct gw_pcscf *p, const struct gw_inbound *in)
{
    switch (gw_sip_msg_method(in->req)) {
    case GW_SIP_REGISTER:
        gw_register_on_request(p, in);
        return;
    case GW_SIP_INVITE:
        if (gw_pcscf_has_to_tag(in->req))
            gw_pcscf_refuse(p, in, GW_REFUSE_NO_DIALOG, NULL);
        else
            gw_admit_from_access(p, in);
        return;
    case GW_SIP_BYE:
    case GW_SIP_PRACK:
    case GW_SIP_UPDATE: /* only ever inside a call, and the calls did not know it */
        gw_pcscf_refuse(p, in, GW_REFUSE_NO_DIALOG, NULL);
        return;
    default:
        gw_relay_from_access(p, in);
        return;
    }
}

/* ---- from the core ---- */

static void from_core(struct gw_pcscf *p, const struct gw_inbound *in)
{
    enum gw_sip_method method = gw_sip_msg_method(in->req);
    struct gw_sip_msg *m = NULL;
    struct gw_where w;

    if (method == GW_SIP_NOTIFY && gw_regevent_on_notify(p, in))
        return;
    if (method == GW_SIP_REGISTER) { /* an edge, not a registrar */
        gw_pcscf_refuse(p, in, GW_REFUSE_METHOD, NULL);
        return;
    }
    m = gw_sip_msg_dup(in->req);
    if (!m) {
        gw_pcscf_refuse(p, in, GW_REFUSE_INTERNAL, NULL);
        return;
    }
    w = gw_locate(p, m);
    if (!w.flow)
        gw_pcscf_refuse(p, in, w.refusal, gw_sip_msg_uri(in->req));
    else if (gw_pcscf_has_to_tag(m) &&
             (method == GW_SIP_INVITE || method == GW_SIP_BYE || method == GW_SIP_PRACK || method == GW_SIP_UPDATE))
        gw_pcscf_refuse(p, in, GW_REFUSE_NO_DIALOG, NULL); /* the calls did not know it */
    else if (method == GW_SIP_INVITE)
        gw_admit_to_access(p, in, w.flow);
    else
        gw_relay_to_access(p, in, &m, w.flow, w.dialog);
    gw_sip_msg_free(m);
}

/* ---- the handler of the stack ---- */

static void on_request(void *arg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    struct gw_pcscf *p = arg;
    struct gw_inbound in = { .txn = txn, .req = req, .flow_id = gw_sip_server_flow(txn) };

    gw_stats_inc(in.flow_id ? GW_STAT_PCSCF_REQUESTS_ACCESS : GW_STAT_PCSCF_REQUESTS_CORE);
    if (gw_pcscf_has_to_tag(req) && gw_calls_on_request(p->calls, txn, req)) {
        gw_stats_inc(GW_STAT_PCSCF_IN_CALLS);
        return;
    }
    if (is_stopped(p, &in))
        return;
    if (in.flow_id) {
        in.flow = gw_flow_find(&p->bindings, in.flow_id);
        if (in.flow)
            from_access(p, &in);
        else
            gw_pcscf_refuse(p, &in, GW_REFUSE_INTERNAL, "connection is closing");
    } else
        from_core(p, &in);
}

static void on_ack(void *arg, gw_flow_id flow, const struct gw_sip_msg *ack)
{
    struct gw_pcscf *p = arg;

    gw_calls_on_ack(p->calls, flow, ack);
}

static void on_stray_2xx(void *arg, gw_flow_id flow, const struct gw_sip_msg *resp)
{
    struct gw_pcscf *p = arg;

    gw_calls_on_stray_2xx(p->calls, flow, resp);
}

void gw_pcscf_handler(struct gw_pcscf *p, struct gw_sip_handler *out)
{
    *out = (struct gw_sip_handler){ on_request, on_ack, on_stray_2xx, on_flow_open, on_flow_closed, p };
}

/* ---- views ---- */

unsigned gw_pcscf_registrations(const struct gw_pcscf *p)
{
    return p->bindings.n;
}

char *gw_pcscf_registrations_json(struct gw_pcscf *p)
{
    uint64_t now = p->stack ? gw_ctl_now_us(p->stack) : 0;
    json_t *list = json_array();
    char *text;

    for (const struct gw_binding *b = p->bindings.first; b; b = b->next) {
        json_t *impus = json_array(), *routes = json_array();
        for (unsigned i = 0; i < b->nimpus; i++)
            json_array_append_new(impus, json_string(b->impus[i].value));
        for (unsigned i = 0; i < b->nroutes; i++)
            json_array_append_new(routes, json_string(b->routes[i]));
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:I, s:b, s:I, s:o, s:o}", "aor", b->aor, "contact",
                                              b->contact, "instance", b->instance, "reg_id", (int)b->reg_id, "flow",
                                              (json_int_t)b->flow_id, "connected", b->flow != NULL, "expires_s",
                                              (json_int_t)(b->expires_us > now ? (b->expires_us - now) / 1000000 : 0),
                                              "identities", impus, "service_route", routes));
    }
    text = json_dumps(list, JSON_INDENT(2));
    json_decref(list);
    return text;
}
