/* What a user asks of an endpoint by MESSAGE: to be called, with which m-lines, and how the call shall change. That is
 * how a page and the tests get offers of the core. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "demo_priv.h"
#include "gateway/base/crypto.h"
#include "gateway/base/log.h"

void gw_demo_user_of(const char *name_addr, char *user, size_t size)
{
    struct gw_sip_uri u;
    char text[512];

    user[0] = 0;
    if (name_addr && gw_sip_uri_of(name_addr, text, sizeof(text)) == 0 && gw_sip_uri_parse(text, &u) == 0)
        (void)gw_span_copy(gw_span_str(u.user), user, size); /* a longer one cannot be registered */
}

static void ack(struct gw_demo_call *c, const struct gw_sip_msg *resp)
{
    struct gw_sip_msg *m = gw_demo_call_request(c, "ACK", (uint32_t)strtoul(gw_sip_msg_get(resp, "CSeq", 0), NULL, 10));
    struct gw_sip_target to = { 0 };

    if (m)
        (void)gw_sip_send_ack(c->demo->stack, &m, &to);
    gw_sip_msg_free(m);
}

/* The dialog is what the 2xx says (RFC 3261 s. 12.1.2). */
static void confirm(struct gw_demo_call *c, const struct gw_sip_msg *resp)
{
    const char *contact = gw_sip_msg_get(resp, "Contact", 0), *route;
    char target[512];
    unsigned n = 0;

    if (contact && gw_sip_uri_of(contact, target, sizeof(target)) == 0)
        gw_demo_call_keep(&c->target, target);
    if (c->is_confirmed)
        return;
    c->is_confirmed = true;
    gw_demo_call_keep(&c->remote, gw_sip_msg_get(resp, "To", 0));
    for (unsigned i = 0; i < c->nroutes; i++)
        free(c->routes[i]);
    while (n < GW_DEMO_ROUTES && gw_sip_msg_get(resp, "Record-Route", n))
        n++;
    for (c->nroutes = 0; c->nroutes < n && (route = gw_sip_msg_get(resp, "Record-Route", n - 1 - c->nroutes)) &&
                         (c->routes[c->nroutes] = strdup(route));)
        c->nroutes++;
}

static void on_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
    struct gw_demo_call *c = arg;
    int status = gw_sip_msg_status(resp), err;
    struct gw_span body;

    if (!is_last)
        return;
    c->calling = NULL;
    if (status >= 300) {
        gw_log(GW_LOG_INFO, "demo", c->call_id, "our INVITE was answered %d", status);
        gw_demo_media_withdraw(&c->media, c->nlines);
        if (!c->is_confirmed)
            gw_demo_call_end(c);
        return;
    }
    confirm(c, resp);
    ack(c, resp);
    err = gw_sip_msg_find_body(resp, "application/sdp", &body) ? gw_demo_media_on_answer(&c->media, body) : GW_E_SYNTAX;
    if (!err)
        return;
    gw_log(GW_LOG_WARNING, "demo", c->call_id, "answer not understood: %s", gw_err_text(err));
    gw_demo_call_hang_up(c);
}

int gw_demo_call_invite(struct gw_demo_call *c, const char *words)
{
    struct gw_sdp_buf b = { 0 };
    struct gw_sip_target to = { 0 };
    struct gw_sip_msg *m = NULL;
    int err;

    c->nlines = c->media.nlines;
    err = gw_demo_media_offer(&c->media, words, &b);
    if (!err) {
        m = gw_demo_call_request(c, "INVITE", ++c->cseq);
        err = m ? gw_demo_call_set_contact(c, m) : GW_E_NOMEM;
    }
    if (!err)
        err = gw_sip_msg_set_body(m, "application/sdp", (struct gw_span){ b.text, b.len });
    gw_sdp_buf_fini(&b);
    if (!err)
        err = gw_sip_client_send(c->demo->stack, &m, &to, on_response, c, &c->calling);
    gw_sip_msg_free(m);
    if (err)
        gw_demo_media_withdraw(&c->media, c->nlines);
    return err;
}

int gw_demo_call_user(struct gw_demo *d, const char *user, const char *words, const char *fax)
{
    const struct gw_demo_binding *b = gw_registrar_find(&d->registrar, user, gw_ctl_now_us(d->stack));
    char call_id[25], local[400], remote[400];
    struct gw_demo_call *c;
    int err;

    if (!b)
        return GW_E_NOTFOUND;
    if (d->ncalls == GW_DEMO_CALLS)
        return GW_E_FULL;
    gw_rand_token(call_id, sizeof(call_id) - 1);
    snprintf(local, sizeof(local), "<sip:echo@%s>", d->options.domain);
    snprintf(remote, sizeof(remote), "<sip:%s@%s>", user, d->options.domain);
    c = gw_demo_call_new(d, GW_DEMO_ECHO, call_id, local, remote, b->uri);
    if (!c)
        return GW_E_NOMEM;
    c->media.fax.is_caller = true;
    snprintf(c->media.fax.send, sizeof(c->media.fax.send), "%s", fax ? fax : d->page);
    for (; c->nroutes < b->npaths && (c->routes[c->nroutes] = strdup(b->paths[c->nroutes])); c->nroutes++)
        ;
    gw_log(GW_LOG_INFO, "demo", call_id, "calling %s with %s", user, words);
    err = gw_demo_call_invite(c, words);
    if (err)
        gw_demo_call_end(c);
    return err;
}

static int do_call(struct gw_demo *d, const char *user, const char *words)
{
    return gw_demo_call_user(d, user, words, NULL);
}

static struct gw_demo_call *call_of(struct gw_demo *d, const char *user)
{
    char other[GW_REGISTRAR_USER];

    for (struct gw_demo_call *c = d->calls; c; c = c->next) {
        gw_demo_user_of(c->remote, other, sizeof(other));
        if (strcasecmp(user, other) == 0)
            return c;
    }
    return NULL;
}

static bool is_busy(const struct gw_demo_call *c)
{
    return c->calling || c->ringing || c->unacked;
}

static int do_add(struct gw_demo *d, const char *user, const char *words)
{
    struct gw_demo_call *c = call_of(d, user);

    return !c ? GW_E_NOTFOUND : is_busy(c) ? GW_E_STATE : gw_demo_call_invite(c, words);
}

static int do_drop(struct gw_demo *d, const char *user, const char *words)
{
    struct gw_demo_call *c = call_of(d, user);
    int err = !c ? GW_E_NOTFOUND : is_busy(c) ? GW_E_STATE : gw_demo_media_drop(&c->media, words);

    return err ? err : gw_demo_call_invite(c, "");
}

static int do_hang_up(struct gw_demo *d, const char *user, const char *words)
{
    struct gw_demo_call *c = call_of(d, user);

    if (!c || c->ringing)
        return GW_E_NOTFOUND;
    gw_demo_call_hang_up(c);
    return 0;
}

static const struct {
    const char *words;
    int (*act)(struct gw_demo *d, const char *user, const char *rest);
} requests[] = { { "call me ", do_call }, { "add ", do_add }, { "drop ", do_drop }, { "hang up", do_hang_up } };

void gw_demo_on_message(struct gw_demo *d, struct gw_sip_server *t, const struct gw_sip_msg *req)
{
    char user[GW_REGISTRAR_USER], text[256] = "";
    struct gw_span body = gw_sip_msg_body(req);
    int err = GW_E_UNSUPPORTED, status;

    gw_demo_user_of(gw_sip_msg_get(req, "From", 0), user, sizeof(user));
    if (gw_span_copy(body, text, sizeof(text)) == 0)
        for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
            if (strncasecmp(text, requests[i].words, strlen(requests[i].words)) == 0)
                err = requests[i].act(d, user, text + strlen(requests[i].words));
    status = !err ? 200 : err == GW_E_NOTFOUND ? 480 : err == GW_E_STATE ? 491 : err == GW_E_UNSUPPORTED ? 488 : 500;
    gw_sip_server_reply(t, req, status, NULL, NULL, NULL);
}
