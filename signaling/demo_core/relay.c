/* Between users: a stateful proxy that record-routes, to one contact (the newest) of the called user. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "demo_priv.h"
#include "gateway/base/log.h"

struct relay {
    struct gw_demo *demo;
    struct gw_sip_server *server; /* NULL: answered */
    struct gw_sip_client *client; /* NULL: over */
    struct gw_sip_msg *req;       /* as received: its Vias are those of the responses */
};

static void relay_free(struct relay *r)
{
    gw_sip_msg_free(r->req);
    free(r);
}

static bool is_ours(const struct gw_demo *d, const char *name_addr)
{
    struct gw_sip_uri u;
    char text[512], host[300];

    if (gw_sip_uri_of(name_addr, text, sizeof(text)) || gw_sip_uri_parse(text, &u))
        return false;
    if (strcasecmp(u.host, d->options.domain) == 0)
        return true;
    snprintf(host, sizeof(host), "%s:%u", u.host, u.port ? u.port : 5060);
    return strcasecmp(host, gw_sip_stack_host(d->stack, false)) == 0;
}

static void on_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
    struct relay *r = arg;
    struct gw_sip_msg *m = r->server ? gw_sip_msg_dup(resp) : NULL;
    int err = m ? 0 : GW_E_NOMEM;
    const char *via;

    if (is_last)
        r->client = NULL;
    if (m) {
        gw_sip_msg_remove(m, "Via");
        for (unsigned i = 0; !err && (via = gw_sip_msg_get(r->req, "Via", i)); i++)
            err = gw_sip_msg_add(m, "Via", via);
        if (!err)
            err = gw_sip_server_respond(r->server, &m);
        if (gw_sip_msg_status(resp) >= 200 &&
            (gw_sip_msg_method(resp) != GW_SIP_INVITE || gw_sip_msg_status(resp) >= 300))
            r->server = NULL;
    }
    gw_sip_msg_free(m);
    if (err && r->server)
        gw_log(GW_LOG_WARNING, "demo", gw_sip_msg_get(r->req, "Call-ID", 0), "response not passed on: %s",
               gw_err_text(err));
    if (!r->client && !r->server)
        relay_free(r);
}

static void on_cancel(void *arg, const struct gw_sip_msg *cancel)
{
    struct relay *r = arg;

    if (r->client)
        gw_sip_client_cancel(r->client, gw_sip_msg_get(cancel, "Reason", 0));
}

static void over(struct relay *r)
{
    r->server = NULL;
    if (!r->client)
        relay_free(r);
}

static void on_ack(void *arg, const struct gw_sip_msg *ack)
{
    struct relay *r = arg;

    gw_demo_relay_ack(r->demo, ack);
    over(r);
}

static void on_no_ack(void *arg)
{
    over(arg);
}

static const struct gw_sip_server_events relay_events = { on_cancel, on_ack, on_no_ack };

/* Where it goes: routes of ours off, a user's URI turned into the contact behind its Path. A status, or 0. */
static int retarget(struct gw_demo *d, struct gw_sip_msg *m)
{
    const struct gw_demo_binding *b;
    struct gw_sip_uri u;
    const char *route;

    while ((route = gw_sip_msg_get(m, "Route", 0)) && is_ours(d, route))
        gw_sip_msg_remove_at(m, "Route", 0);
    if (gw_sip_uri_parse(gw_sip_msg_uri(m), &u))
        return 416;
    if (strncmp(u.scheme, "sip", 3) == 0 && !is_ours(d, gw_sip_msg_uri(m)))
        return 0; /* of another domain; a number (tel:) is a user of this one, or nobody's */
    b = gw_registrar_find(&d->registrar, u.user, gw_ctl_now_us(d->stack));
    if (!b)
        return *u.user ? 404 : 484;
    if (gw_sip_msg_set_uri(m, b->uri))
        return 500;
    for (unsigned i = b->npaths; i; i--)
        if (gw_sip_msg_push(m, "Route", b->paths[i - 1]))
            return 500;
    return 0;
}

static int prepare(struct gw_demo *d, struct gw_sip_msg *m, bool is_ack)
{
    const char *hops = gw_sip_msg_get(m, "Max-Forwards", 0);
    long left = hops ? strtol(hops, NULL, 10) : 70;
    char text[300], tag[64];
    int status;

    if (left <= 0)
        return 483;
    status = retarget(d, m);
    if (status)
        return status;
    snprintf(text, sizeof(text), "%ld", left - 1);
    if (gw_sip_msg_set(m, "Max-Forwards", text))
        return 500;
    snprintf(text, sizeof(text), "<sip:%s;lr>", gw_sip_stack_host(d->stack, false));
    if (!is_ack && gw_sip_param(gw_sip_msg_get(m, "To", 0), "tag", tag, sizeof(tag)) &&
        gw_sip_msg_push(m, "Record-Route", text))
        return 500;
    return 0;
}

void gw_demo_relay(struct gw_demo *d, struct gw_sip_server *t, const struct gw_sip_msg *req)
{
    struct gw_sip_msg *m = gw_sip_msg_dup(req);
    struct relay *r = calloc(1, sizeof(*r));
    struct gw_sip_target to = { 0 };
    int status = m && r ? prepare(d, m, false) : 500, err;

    if (status) {
        gw_sip_server_reply(t, req, status, NULL, NULL, NULL);
        gw_sip_msg_free(m);
        free(r);
        return;
    }
    r->demo = d;
    r->server = t;
    r->req = gw_sip_msg_dup(req);
    gw_sip_server_bind(t, &relay_events, r);
    err = r->req ? gw_sip_client_send(d->stack, &m, &to, on_response, r, &r->client) : GW_E_NOMEM;
    if (err) {
        gw_sip_server_reply(t, req, 503, NULL, NULL, NULL);
        gw_sip_msg_free(m);
        relay_free(r);
    }
}

void gw_demo_relay_ack(struct gw_demo *d, const struct gw_sip_msg *ack)
{
    struct gw_sip_msg *m = gw_sip_msg_dup(ack);
    struct gw_sip_target to = { 0 };

    if (m && prepare(d, m, true) == 0)
        (void)gw_sip_send_ack(d->stack, &m, &to);
    gw_sip_msg_free(m);
}
