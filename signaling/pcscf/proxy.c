/* The transaction-stateful proxy (RFC 3261 s. 16) for everything that is not a call: one branch each, as a P-CSCF never
 * forks. Non-INVITE only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "signaling/pcscf/pcscf_priv.h"

enum {
    DIALOG_DEFAULT_S = 3600, /* of a dialog whose messages name no expiry */
    DIALOG_GRACE_S = 32,     /* what is still on its way then: 64*T1 */
    DIALOG_MAX_S = 7 * 86400,
};

struct gw_relay {
    struct gw_relay *next, **link;
    struct gw_pcscf *p;
    struct gw_sip_server *txn;
    struct gw_sip_client *client;
    struct gw_sip_msg *req;    /* as it came */
    enum gw_relay_dir dir;
    gw_flow_id flow;
    uint64_t binding;          /* serial, 0: none */
    char icid[GW_ICID];
    char *icid_long;           /* when the core chose it */
    char *identity;
    bool makes_dialog;
    gw_relay_final_cb *on_final;
};

static const char *relay_icid(const struct gw_relay *r)
{
    return r->icid_long ? r->icid_long : r->icid;
}

static void relay_free(struct gw_relay *r)
{
    struct gw_pflow *f = gw_flow_find(&r->p->bindings, r->flow);

    if (f && f->nrelays)
        f->nrelays--;
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    r->p->nrelays--;
    gw_sip_msg_free(r->req);
    free(r->identity);
    free(r->icid_long);
    free(r);
}

void gw_relay_free_all(struct gw_pcscf *p)
{
    while (p->relays) {
        struct gw_relay *r = p->relays;
        if (r->client)
            gw_sip_client_drop(r->client);
        gw_sip_server_drop(r->txn);
        relay_free(r);
    }
}

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

/* ---- responses ---- */

/* Back to the headers that the requester knows: the copy that went out may have had another To URI, and what the stack
 * made itself has our own Via. */
static int restore(struct gw_sip_msg *resp, const struct gw_sip_msg *req)
{
    const char *v, *to = gw_sip_msg_get(req, "To", 0);
    char tag[256], value[1600];
    int err = 0;
    bool has_tag = gw_sip_param(gw_sip_msg_get(resp, "To", 0), "tag", tag, sizeof(tag)) == 0;

    gw_sip_msg_remove(resp, "Via");
    for (unsigned i = 0; !err && (v = gw_sip_msg_get(req, "Via", i)); i++)
        err = gw_sip_msg_add(resp, "Via", v);
    if (!err)
        err = gw_sip_msg_set(resp, "From", gw_sip_msg_get(req, "From", 0));
    if (!err && !gw_pcscf_has_to_tag(req) && has_tag) {
        int n = snprintf(value, sizeof(value), "%s;tag=%s", to, tag);
        err = n < (int)sizeof(value) ? gw_sip_msg_set(resp, "To", value) : GW_E_LIMIT;
    } else if (!err)
        err = gw_sip_msg_set(resp, "To", to);
    return err;
}

static uint64_t expiry(struct gw_pcscf *p, const struct gw_sip_msg *m, const struct gw_sip_msg *or_m)
{
    const char *v = gw_sip_msg_get(m, "Expires", 0);
    unsigned long s;

    if (!v)
        v = gw_sip_msg_get(or_m, "Expires", 0);
    s = v ? strtoul(v, NULL, 10) : DIALOG_DEFAULT_S;
    if (s > DIALOG_MAX_S)
        s = DIALOG_MAX_S;
    return gw_ctl_now_us(p->stack) + (s + DIALOG_GRACE_S) * UINT64_C(1000000);
}

/* Our Route set towards the peer, from the Record-Route that this 2xx (client called) or the request (core called) has. */
static unsigned learn_routes(const struct gw_pcscf *p, const struct gw_relay *r, const struct gw_sip_msg *resp,
                             const char *routes[GW_BINDING_ROUTES + 1])
{
    const struct gw_sip_msg *m = r->dir == GW_RELAY_TO_CORE ? resp : r->req;
    unsigned n = 0, total = 0;
    struct gw_sip_uri u;
    const char *v;

    while (gw_sip_msg_get(m, "Record-Route", total))
        total++;
    for (unsigned i = 0; i < total && n <= GW_BINDING_ROUTES; i++) {
        v = gw_sip_msg_get(m, "Record-Route", r->dir == GW_RELAY_TO_CORE ? total - 1 - i : i);
        if (i == 0 && r->dir == GW_RELAY_TO_CORE && gw_route_is_ours(p, v, &u))
            continue; /* ours is the first hop of the client, and where this Route set begins */
        routes[n++] = v;
    }
    return n;
}

static void learn_dialog(struct gw_relay *r, const struct gw_sip_msg *resp)
{
    struct gw_pcscf *p = r->p;
    struct gw_binding *b = gw_binding_by_serial(&p->bindings, r->flow, r->binding);
    const struct gw_sip_msg *m = r->dir == GW_RELAY_TO_CORE ? resp : r->req;
    const char *routes[GW_BINDING_ROUTES + 1], *contact = gw_sip_msg_get(m, "Contact", 0);
    struct gw_pdialog *d;
    unsigned n = learn_routes(p, r, resp, routes);
    char target[1024];
    int err;

    if (!b || !contact || !gw_pcscf_has_to_tag(resp) || gw_sip_uri_of(contact, target, sizeof(target)) != 0)
        return;
    err = gw_pdialog_add(&p->dialogs, b, resp, r->dir == GW_RELAY_TO_CORE, routes, n, target, relay_icid(r),
                         expiry(p, resp, r->req), &d);
    if (err) { /* the peer can still reach the client by our Record-Route; the client cannot reach the peer */
        gw_stats_inc(GW_STAT_PCSCF_DIALOGS_LOST);
        gw_log(GW_LOG_WARNING, "pcscf", gw_pcscf_call_id(r->req), "relayed dialog not kept: %s", gw_err_text(err));
    }
}

/* What goes on inside a relayed dialog moves its end and its peer's Contact. */
static void refresh_dialog(struct gw_relay *r, const struct gw_sip_msg *resp)
{
    struct gw_pcscf *p = r->p;
    bool client_asked = r->dir == GW_RELAY_TO_CORE;
    struct gw_pdialog *d = gw_pdialog_find(&p->dialogs, r->req, client_asked);
    const char *contact = gw_sip_msg_get(client_asked ? resp : r->req, "Contact", 0), *state;
    char target[1024], expires[16];

    if (!d)
        return;
    if (contact && gw_sip_uri_of(contact, target, sizeof(target)) == 0)
        (void)gw_pdialog_set_target(d, target);
    state = gw_sip_msg_get(r->req, "Subscription-State", 0);
    if (state && strncasecmp(state, "terminated", 10) == 0)
        d->expires_us = gw_ctl_now_us(p->stack) + DIALOG_GRACE_S * UINT64_C(1000000);
    else if (state && gw_sip_param(state, "expires", expires, sizeof(expires)) == 0)
        d->expires_us = gw_ctl_now_us(p->stack) + (strtoul(expires, NULL, 10) % DIALOG_MAX_S + DIALOG_GRACE_S) * UINT64_C(1000000);
    else if (gw_sip_msg_method(r->req) == GW_SIP_SUBSCRIBE)
        d->expires_us = expiry(p, resp, r->req);
}

static int treat_response(struct gw_relay *r, const struct gw_sip_msg *raw, struct gw_sip_msg *resp)
{
    struct gw_pcscf_stamp stamp = { r->identity, relay_icid(r), gw_sip_stack_host(r->p->stack, false), NULL, NULL };
    int err = restore(resp, r->req);

    if (!err)
        err = r->dir == GW_RELAY_TO_CORE ? gw_pcscf_headers_to_access(resp) : gw_pcscf_headers_to_core(resp, &stamp);
    if (!err && r->on_final)
        r->on_final(r->p, r->req, r->flow, raw, resp);
    return err;
}

static void on_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
    struct gw_relay *r = arg;
    int status = gw_sip_msg_status(resp), err;
    struct gw_sip_msg *back = NULL;

    if (status < 200) /* nothing but 100 is sent for non-INVITE, and 100 is hop by hop (RFC 4320 s. 4.1) */
        return;
    if (status < 300 && r->makes_dialog)
        learn_dialog(r, resp);
    else if (status < 300)
        refresh_dialog(r, resp);
    /* A 503 of one client says nothing about this gateway (RFC 3261 s. 16.7 item 6). */
    if (r->dir == GW_RELAY_TO_ACCESS && status == 503)
        back = gw_sip_msg_response(r->req, 500, NULL, "c503");
    else
        back = gw_sip_msg_dup(resp);
    err = back ? treat_response(r, resp, back) : GW_E_NOMEM;
    if (!err)
        err = gw_sip_server_respond(r->txn, &back);
    if (err) {
        gw_log(GW_LOG_WARNING, "pcscf", gw_pcscf_call_id(r->req), "response %d lost: %s", status, gw_err_text(err));
        gw_sip_server_drop(r->txn);
    }
    gw_sip_msg_free(back);
    if (!is_last) /* a stack that would say more has nobody to say it to */
        gw_sip_client_drop(t);
    relay_free(r);
}

/* ---- requests ---- */

static struct gw_relay *relay_new(struct gw_pcscf *p, const struct gw_inbound *in, const struct gw_relay_plan *plan)
{
    struct gw_relay *r = calloc(1, sizeof(*r));
    bool is_bad = false;

    if (!r)
        return NULL;
    *r = (struct gw_relay){ .p = p, .txn = in->txn, .dir = plan->dir, .flow = plan->flow, .on_final = plan->on_final };
    r->binding = plan->binding ? plan->binding->serial : 0;
    r->req = gw_sip_msg_dup(in->req);
    if (plan->icid && strlen(plan->icid) < sizeof(r->icid))
        snprintf(r->icid, sizeof(r->icid), "%s", plan->icid);
    else if (plan->icid)
        is_bad |= !(r->icid_long = strdup(plan->icid));
    if (plan->identity)
        is_bad |= !(r->identity = strdup(plan->identity));
    if (!r->req || is_bad) {
        gw_sip_msg_free(r->req);
        free(r->identity);
        free(r->icid_long);
        free(r);
        return NULL;
    }
    return r;
}

void gw_relay_start(struct gw_pcscf *p, const struct gw_inbound *in, struct gw_sip_msg **out,
                    const struct gw_relay_plan *plan)
{
    struct gw_pflow *f = gw_flow_find(&p->bindings, plan->flow);
    struct gw_sip_client *client = NULL;
    struct gw_relay *r = NULL;
    int err = GW_E_LIMIT;

    if (p->nrelays < (unsigned)p->conf->transactions_max &&
        (!f || f->nrelays < (unsigned)p->conf->transactions_per_connection)) {
        r = relay_new(p, in, plan);
        err = r ? 0 : GW_E_NOMEM;
    }
    if (err) {
        gw_pcscf_refuse(p, in, err == GW_E_LIMIT ? GW_REFUSE_LIMIT : GW_REFUSE_INTERNAL, gw_err_text(err));
        goto out;
    }
    r->makes_dialog = gw_sip_msg_get(*out, "Record-Route", 0) && !gw_pcscf_has_to_tag(in->req) && plan->binding;
    r->link = &p->relays;
    r->next = p->relays;
    if (r->next)
        r->next->link = &r->next;
    p->relays = r;
    p->nrelays++;
    if (f)
        f->nrelays++;
    err = gw_sip_client_send(p->stack, out, &plan->target, on_response, r, &client);
    if (err) {
        relay_free(r);
        gw_pcscf_refuse(p, in, plan->dir == GW_RELAY_TO_ACCESS ? GW_REFUSE_FLOW_GONE : GW_REFUSE_UNREACHABLE,
                        gw_err_text(err));
        goto out;
    }
    r->client = client;
    gw_stats_inc(GW_STAT_PCSCF_RELAYED);
out:
    gw_sip_msg_free(*out);
    *out = NULL;
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

/* JsSIP answers 416 to a To or a Request-URI that is not sip: (SIG-018). */
static int make_sip(const struct gw_pcscf *p, struct gw_sip_msg *m)
{
    char value[1600];
    int err = gw_pcscf_sip_to(gw_sip_msg_get(m, "To", 0), p->conf->domain, value, sizeof(value));

    if (!err)
        err = gw_sip_msg_set(m, "To", value);
    if (!err && strncasecmp(gw_sip_msg_uri(m), "sips:", 5) == 0) {
        snprintf(value, sizeof(value), "sip:%s", gw_sip_msg_uri(m) + 5);
        err = gw_sip_msg_set_uri(m, value);
    }
    return err;
}

void gw_relay_to_access(struct gw_pcscf *p, const struct gw_inbound *in, struct gw_sip_msg **routed,
                        struct gw_pflow *f, struct gw_pdialog *d)
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
