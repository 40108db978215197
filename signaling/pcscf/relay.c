/* A request on its way through and its response on its way back (RFC 3261 s. 16.7): one branch each, as a P-CSCF never
 * forks. Non-INVITE only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
    struct gw_sip_msg *req; /* as it came */
    enum gw_relay_dir dir;
    gw_flow_id flow;
    uint64_t binding; /* serial, 0: none */
    char icid[GW_ICID];
    char *icid_long; /* when the core chose it */
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

/* Our Route set towards the peer, from the Record-Route that this 2xx (client called) or the request (core called) has.
 */
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
        d->expires_us =
            gw_ctl_now_us(p->stack) + (strtoul(expires, NULL, 10) % DIALOG_MAX_S + DIALOG_GRACE_S) * UINT64_C(1000000);
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
