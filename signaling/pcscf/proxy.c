/* The transaction-stateful proxy (RFC 3261 s. 16) for everything that is not a call: what a request becomes before it
 * is sent on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/crypto.h"
#include "signaling/pcscf/pcscf_priv.h"

struct gw_sip_msg *gw_relay_copy(const struct gw_sip_msg *req)
{
    struct gw_sip_msg *m = gw_sip_msg_dup(req);
    const char *hops = m ? gw_sip_msg_get(m, "Max-Forwards", 0) : NULL;
    unsigned long n = hops ? strtoul(hops, NULL, 10) : 71;
    char text[8];

    if (!m)
        return NULL;
    snprintf(text, sizeof(text), "%lu", n > 255 ? 255 : n ? n - 1 : 0); /* absent: 70; above 255: RFC 3261 s. 20.22 */
    if (gw_sip_msg_set(m, "Max-Forwards", text) != 0) {
        gw_sip_msg_free(m);
        return NULL;
    }
    return m;
}

void gw_pcscf_new_icid(char icid[GW_ICID])
{
    gw_rand_token(icid, GW_ICID - 1); /* 142 bits: unique without asking anybody (REG-003) */
}

struct gw_pcscf_stamp gw_pcscf_stamp(const struct gw_pcscf *p, const char *identity, const char *icid)
{
    const char *ani = p->conf->access_network_info;

    return (struct gw_pcscf_stamp){ identity, icid, gw_sip_stack_host(p->stack, false), p->conf->domain,
                                    ani[0] ? ani : NULL };
}

/* Requests that begin a dialog, or may: they come back the same way (Record-Route, RFC 3261 s. 16.6 item 4). */
static bool may_make_dialog(const struct gw_sip_msg *req)
{
    switch (gw_sip_msg_method(req)) {
    case GW_SIP_MESSAGE:
    case GW_SIP_OPTIONS:
    case GW_SIP_PUBLISH:
    case GW_SIP_REGISTER:
        return false;
    default:
        return !gw_pcscf_has_to_tag(req) && gw_sip_msg_get(req, "Contact", 0);
    }
}

static int record_route(const struct gw_pcscf *p, struct gw_sip_msg *m, gw_flow_id flow)
{
    char uri[512];

    gw_route_write(p, flow, "", uri, sizeof(uri));
    return gw_sip_msg_push(m, "Record-Route", uri);
}

static int put_routes(struct gw_sip_msg *m, char *const *routes, unsigned n)
{
    int err = 0;

    gw_sip_msg_remove(m, "Route"); /* what the client preloaded: it has no say in it (specs 2.3) */
    for (unsigned i = 0; !err && i < n; i++)
        err = gw_sip_msg_add(m, "Route", routes[i]);
    return err;
}

void gw_relay_from_access(struct gw_pcscf *p, const struct gw_inbound *in)
{
    struct gw_relay_plan plan = { .dir = GW_RELAY_TO_CORE, .flow = in->flow_id };
    struct gw_identity who = { 0 };
    struct gw_pdialog *d = NULL;
    struct gw_sip_msg *m;
    char icid[GW_ICID], public[GW_URI_KEY] = "";
    bool is_emergency = gw_pcscf_is_emergency(in->req);
    int err = gw_identity_of_caller(&p->bindings, in->flow, in->req, &who);

    if (err && !is_emergency) {
        gw_pcscf_refuse(p, in, err == GW_E_AUTH ? GW_REFUSE_OTHER_FLOW : GW_REFUSE_NOT_REGISTERED, NULL);
        return;
    }
    if (gw_pcscf_has_to_tag(in->req)) {
        d = gw_pdialog_find(&p->dialogs, in->req, true);
        if (!d || d->binding->flow != in->flow) {
            gw_pcscf_refuse(p, in, d ? GW_REFUSE_OTHER_FLOW : GW_REFUSE_NO_DIALOG, NULL);
            return;
        }
        who.binding = d->binding;
    } else if (!gw_pcscf_public_uri(p, gw_sip_msg_uri(in->req), public, sizeof(public))) {
        gw_pcscf_refuse(p, in, GW_REFUSE_NOT_HERE, gw_sip_msg_uri(in->req));
        return;
    }
    gw_pcscf_new_icid(icid);
    plan.icid = d ? d->icid : icid;
    plan.binding = who.binding;
    m = gw_relay_copy(in->req);
    struct gw_pcscf_stamp stamp = gw_pcscf_stamp(p, who.asserted, plan.icid);
    err = m ? gw_pcscf_headers_to_core(m, &stamp) : GW_E_NOMEM;
    if (!err && public[0])
        err = gw_sip_msg_set_uri(m, public);
    if (!err && d)
        err = put_routes(m, d->routes, d->nroutes);
    else if (!err)
        err = put_routes(m, who.binding ? who.binding->routes : NULL, who.binding ? who.binding->nroutes : 0);
    if (!err && who.binding && may_make_dialog(in->req))
        err = record_route(p, m, in->flow_id);
    if (err) {
        gw_sip_msg_free(m);
        gw_pcscf_refuse(p, in, GW_REFUSE_INTERNAL, gw_err_text(err));
        return;
    }
    if (!gw_sip_msg_get(m, "Route", 0)) {
        const char *core = is_emergency && p->conf->emergency_route[0] ? p->conf->emergency_route : p->conf->core_route;
        plan.target.uri = d ? d->target : core[0] ? core : NULL;
    }
    gw_relay_start(p, in, &m, &plan);
}

/* JsSIP answers 416 to a To or a Request-URI that is not sip:, and hears no request whose From it cannot read
 * (SIG-018).
 */
static int make_sip(const struct gw_pcscf *p, struct gw_sip_msg *m)
{
    static const char *const names[] = { "From", "To" };
    char value[1600];
    int err = 0;

    for (unsigned i = 0; !err && i < 2; i++) {
        err = gw_pcscf_as_sip(gw_sip_msg_get(m, names[i], 0), p->conf->domain, value, sizeof(value));
        if (!err)
            err = gw_sip_msg_set(m, names[i], value);
    }
    if (!err && strncasecmp(gw_sip_msg_uri(m), "sips:", 5) == 0) {
        snprintf(value, sizeof(value), "sip:%s", gw_sip_msg_uri(m) + 5);
        err = gw_sip_msg_set_uri(m, value);
    }
    return err;
}

void gw_relay_to_access(struct gw_pcscf *p, const struct gw_inbound *in, struct gw_sip_msg **routed, struct gw_pflow *f,
                        struct gw_pdialog *d)
{
    struct gw_relay_plan plan = { .dir = GW_RELAY_TO_ACCESS, .flow = f->id, .target = { .flow = f->id } };
    struct gw_identity who = { 0 };
    struct gw_sip_msg *m;
    char icid[256];
    int err = gw_identity_of_callee(f, in->req, &who);

    if (err && !d) {
        gw_sip_msg_free(*routed);
        *routed = NULL;
        gw_pcscf_refuse(p, in, GW_REFUSE_NOT_HERE, "nothing is registered over that connection");
        return;
    }
    if (d)
        who.binding = d->binding;
    plan.binding = who.binding; /* icid: the request's, also in the responses (TS 24.229 s. 4.5) */
    plan.identity = who.asserted;
    if (gw_pcscf_icid_of(in->req, icid, sizeof(icid)) == 0)
        plan.icid = icid;
    m = gw_relay_copy(*routed);
    gw_sip_msg_free(*routed);
    *routed = NULL;
    err = m ? gw_pcscf_headers_to_access(m) : GW_E_NOMEM;
    if (!err)
        err = make_sip(p, m);
    if (!err && may_make_dialog(in->req))
        err = record_route(p, m, f->id);
    if (err) {
        gw_sip_msg_free(m);
        gw_pcscf_refuse(p, in, GW_REFUSE_INTERNAL, gw_err_text(err));
        return;
    }
    gw_relay_start(p, in, &m, &plan);
}
