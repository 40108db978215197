#include "signaling/pcscf/pcscf.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/log.h"
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
    int err;

    if (!p)
        return GW_E_NOMEM;
    p->conf = conf;
    gw_token_key_init(&p->key, gw_span_str(conf->flow_secret));
    err = gw_bindings_init(&p->bindings, (unsigned)conf->registrations_max);
    if (!err)
        err = gw_pdialogs_init(&p->dialogs, (unsigned)conf->relayed_dialogs_max, (unsigned)conf->relayed_dialogs_per_binding);
    if (!err)
        err = gw_table_init(&p->regsubs, conf->reg_event ? (unsigned)conf->registrations_max : 1);
    if (err) {
        gw_pcscf_free(p);
        return err;
    }
    *out = p;
    return 0;
}

void gw_pcscf_reload(struct gw_pcscf *p, const struct gw_conf *conf)
{
    p->conf = conf;
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
        err = gw_sip_msg_set(resp, "Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, "
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

/* ---- calls ---- */

/* Whether another call fits; answers if not. Emergency calls always do. */
static bool admits_call(struct gw_pcscf *p, const struct gw_inbound *in, bool is_emergency)
{
    if (is_emergency)
        return true;
    if (p->is_draining) {
        gw_pcscf_refuse(p, in, GW_REFUSE_DRAINING, NULL);
        return false;
    }
    if (gw_calls_count(p->calls) >= (unsigned)p->conf->calls_max) {
        gw_pcscf_refuse(p, in, GW_REFUSE_LIMIT, "calls_max");
        return false;
    }
    return true;
}

/* A contact of the access side is no address (SIG-012): what a client learned of another one, by a REFER, is turned into
 * the public identity behind it. False: `.invalid`, and nobody's. */
bool gw_pcscf_public_uri(const struct gw_pcscf *p, const char *uri, char *buf, size_t size)
{
    struct gw_sip_uri u;
    struct gw_binding *b;
    size_t n;

    buf[0] = 0;
    if (strncasecmp(uri, "sip", 3) != 0 || gw_sip_uri_parse(uri, &u) != 0)
        return true;
    b = gw_binding_by_contact(&p->bindings, uri);
    if (b && b->nimpus)
        return gw_sip_uri_of(b->impus[0].value, buf, size) == 0;
    n = strlen(u.host);
    return n < 8 || strcasecmp(u.host + n - 8, ".invalid") != 0;
}

static void call_from_access(struct gw_pcscf *p, const struct gw_inbound *in)
{
    bool is_emergency = gw_pcscf_is_emergency(in->req);
    struct gw_identity who = { 0 };
    char icid[GW_ICID], public[GW_URI_KEY];
    int err = gw_identity_of_caller(&p->bindings, in->flow, in->req, &who);

    if (err && !is_emergency) {
        gw_pcscf_refuse(p, in, err == GW_E_AUTH ? GW_REFUSE_OTHER_FLOW : GW_REFUSE_NOT_REGISTERED, NULL);
        return;
    }
    if (!gw_pcscf_public_uri(p, gw_sip_msg_uri(in->req), public, sizeof(public))) {
        gw_pcscf_refuse(p, in, GW_REFUSE_NOT_HERE, gw_sip_msg_uri(in->req));
        return;
    }
    if (!admits_call(p, in, is_emergency))
        return;
    gw_pcscf_new_icid(icid);
    const char *ani = p->conf->access_network_info, *core = p->conf->core_route;
    if (is_emergency && p->conf->emergency_route[0])
        core = p->conf->emergency_route;
    struct gw_call_setup setup = {
        .from_access = true,
        .e2ae = { .client = in->flow->is_ws ? GW_CLIENT_WIC : GW_CLIENT_UE, .is_emergency = is_emergency },
        .access_flow = in->flow_id,
        .core_uri = public[0] ? public : NULL,
        .identity = who.asserted,
        .nroutes = who.binding && !is_emergency ? who.binding->nroutes : 0, /* an E-CSCF is not behind the home network */
        .routes = who.binding ? (const char *const *)who.binding->routes : NULL,
        .next_hop = core[0] ? core : NULL,
        .icid = icid,
        .access_network_info = ani[0] ? ani : NULL,
        .is_emergency = is_emergency,
    };
    gw_stats_inc(GW_STAT_PCSCF_CALLS);
    gw_calls_on_invite(p->calls, in->txn, in->req, &setup);
}

static void call_to_access(struct gw_pcscf *p, const struct gw_inbound *in, struct gw_pflow *f)
{
    struct gw_identity who = { 0 };
    char icid[256], fresh[GW_ICID];

    if (gw_identity_of_callee(f, in->req, &who) != 0) {
        gw_pcscf_refuse(p, in, GW_REFUSE_NOT_HERE, "nothing is registered over that connection");
        return;
    }
    if (!admits_call(p, in, false))
        return;
    gw_pcscf_new_icid(fresh);
    struct gw_call_setup setup = {
        .from_access = false,
        .e2ae = { .client = f->is_ws ? GW_CLIENT_WIC : GW_CLIENT_UE },
        .access_flow = f->id,
        .access_uri = who.binding->contact,
        .identity = who.asserted,
        .icid = gw_pcscf_icid_of(in->req, icid, sizeof(icid)) == 0 ? icid : fresh,
    };
    gw_stats_inc(GW_STAT_PCSCF_CALLS);
    gw_calls_on_invite(p->calls, in->txn, in->req, &setup);
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
            call_from_access(p, in);
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

static bool came_through_us(const struct gw_pcscf *p, const struct gw_sip_msg *req)
{
    const char *v;

    for (unsigned i = 0; (v = gw_sip_msg_get(req, "Via", i)); i++) {
        char uri[300];
        struct gw_sip_uri u;
        const char *sent_by = v + strcspn(v, " \t"); /* SIP/2.0/UDP host:port;branch=.. */

        sent_by += strspn(sent_by, " \t");
        snprintf(uri, sizeof(uri), "<sip:%.*s>", (int)strcspn(sent_by, "; \t"), sent_by);
        if (gw_route_is_ours(p, uri, &u))
            return true;
    }
    return false;
}

/* Where a request of the core goes: the connection that our token, a dialog of ours or a registered contact names. */
struct where {
    struct gw_pflow *flow;
    struct gw_pdialog *dialog;
    enum gw_refusal refusal; /* when flow is NULL */
};

static struct where locate(struct gw_pcscf *p, struct gw_sip_msg *m)
{
    struct where w = { .refusal = GW_REFUSE_NOT_HERE };
    struct gw_sip_uri u;
    struct gw_binding *b;
    gw_flow_id id = 0;
    bool has_token;
    int err = gw_route_pop(p, m, &has_token, &id);

    if (err == GW_E_MISMATCH) {
        w.refusal = GW_REFUSE_FORGED;
        return w;
    }
    if (gw_pcscf_has_to_tag(m))
        w.dialog = gw_pdialog_find(&p->dialogs, m, false);
    if (has_token && !err)
        w.flow = gw_flow_find(&p->bindings, id);
    if (!w.flow && w.dialog) /* the client came back over another connection since */
        w.flow = w.dialog->binding->flow;
    if (w.flow)
        return w;
    if (has_token || w.dialog) {
        w.refusal = GW_REFUSE_FLOW_GONE;
        return w;
    }
    if (gw_route_is_ours(p, gw_sip_msg_uri(m), &u) && u.user[0]) { /* our Contact in a call: somebody was referred to it */
        w.flow = gw_flow_find(&p->bindings, gw_calls_flow_of_contact(p->calls, u.user));
        if (w.flow)
            return w;
    }
    b = gw_binding_by_contact(&p->bindings, gw_sip_msg_uri(m)); /* a core without Path support */
    if (b && !b->flow)
        w.refusal = GW_REFUSE_FLOW_GONE;
    else if (b)
        w.flow = b->flow;
    else if (gw_pcscf_has_to_tag(m))
        w.refusal = GW_REFUSE_NO_DIALOG;
    else if (came_through_us(p, m))
        w.refusal = GW_REFUSE_LOOP;
    return w;
}

static void from_core(struct gw_pcscf *p, const struct gw_inbound *in)
{
    enum gw_sip_method method = gw_sip_msg_method(in->req);
    struct gw_sip_msg *m = NULL;
    struct where w;

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
    w = locate(p, m);
    if (!w.flow)
        gw_pcscf_refuse(p, in, w.refusal, gw_sip_msg_uri(in->req));
    else if (gw_pcscf_has_to_tag(m) &&
             (method == GW_SIP_INVITE || method == GW_SIP_BYE || method == GW_SIP_PRACK || method == GW_SIP_UPDATE))
        gw_pcscf_refuse(p, in, GW_REFUSE_NO_DIALOG, NULL); /* the calls did not know it */
    else if (method == GW_SIP_INVITE)
        call_to_access(p, in, w.flow);
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
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:i, s:I, s:b, s:I, s:o, s:o}", "aor", b->aor, "contact", b->contact,
                            "instance", b->instance, "reg_id", (int)b->reg_id, "flow", (json_int_t)b->flow_id,
                            "connected", b->flow != NULL, "expires_s",
                            (json_int_t)(b->expires_us > now ? (b->expires_us - now) / 1000000 : 0), "identities",
                            impus, "service_route", routes));
    }
    text = json_dumps(list, JSON_INDENT(2));
    json_decref(list);
    return text;
}
