/* Our own subscription to the registration state of who registered through us (RFC 3680, TS 24.229 s. 5.2.3): how the
 * network ends a registration. One per binding; off by default, as a plain registrar does not answer it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "signaling/pcscf/pcscf_priv.h"
#include "signaling/pcscf/reginfo.h"

enum {
    EXPIRES_S = 600000, /* TS 24.229 s. 5.2.3 */
    REFRESH_EARLY_S = 600,
    TAG = 16,
};

struct gw_regsub {
    struct gw_table_node node;
    struct gw_pcscf *p;
    struct gw_binding *binding;
    struct gw_sip_client *client; /* SUBSCRIBE under way */
    char *impu;                   /* <uri> */
    char call_id[33], tag[TAG + 1];
    char *remote_to, *target; /* once there is a dialog */
    unsigned nroutes, cseq;
    char *routes[GW_BINDING_ROUTES];
    uint64_t refresh_us;
};

static void regsub_free(struct gw_regsub *s)
{
    if (s->client)
        gw_sip_client_drop(s->client);
    gw_table_remove(&s->p->regsubs, &s->node);
    s->p->nregsubs--;
    free(s->impu);
    free(s->remote_to);
    free(s->target);
    for (unsigned i = 0; i < s->nroutes; i++)
        free(s->routes[i]);
    free(s);
}

void gw_regevent_forget(struct gw_pcscf *p, struct gw_binding *b)
{
    if (!b->regsub)
        return;
    regsub_free(
        b->regsub); /* a NOTIFY that still comes gets 481, which ends the subscription there (RFC 6665 s. 4.1.3) */
    b->regsub = NULL;
}

static void learn(struct gw_regsub *s, const struct gw_sip_msg *resp)
{
    const char *contact = gw_sip_msg_get(resp, "Contact", 0), *v, *to = gw_sip_msg_get(resp, "To", 0);
    char target[1024];
    unsigned total = 0;

    if (s->remote_to || !contact || gw_sip_uri_of(contact, target, sizeof(target)) != 0)
        return;
    s->remote_to = strdup(to);
    s->target = strdup(target);
    while (gw_sip_msg_get(resp, "Record-Route", total))
        total++;
    for (unsigned i = total; i > 0 && s->nroutes < GW_BINDING_ROUTES; i--) {
        v = gw_sip_msg_get(resp, "Record-Route", i - 1);
        s->routes[s->nroutes] = strdup(v);
        if (s->routes[s->nroutes])
            s->nroutes++;
    }
}

static void on_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
    struct gw_regsub *s = arg;
    int status = gw_sip_msg_status(resp);
    const char *expires = gw_sip_msg_get(resp, "Expires", 0);
    unsigned long n = expires ? strtoul(expires, NULL, 10) : EXPIRES_S;

    if (status < 200)
        return;
    s->client = NULL;
    if (!is_last)
        gw_sip_client_drop(t);
    if (status < 300) {
        learn(s, resp);
        n = n > EXPIRES_S ? EXPIRES_S : n;
        n = n > 2 * REFRESH_EARLY_S ? n - REFRESH_EARLY_S : n / 2;
        s->refresh_us = gw_ctl_now_us(s->p->stack) + (n + 1) * UINT64_C(1000000);
        return;
    }
    gw_stats_inc(GW_STAT_REG_EVENT_FAILED);
    gw_log(GW_LOG_WARNING, "pcscf", s->call_id, "registration state of %s not told: %d", s->impu, status);
    gw_regevent_forget(s->p, s->binding); /* the next REGISTER tries again */
}

static struct gw_sip_msg *subscribe(struct gw_regsub *s)
{
    struct gw_pcscf *p = s->p;
    const char *host = gw_sip_stack_host(p->stack, false);
    char uri[1024], text[1200], icid[GW_ICID];
    struct gw_sip_msg *m;
    int err;

    if (gw_sip_uri_of(s->impu, uri, sizeof(uri)) != 0)
        return NULL;
    m = gw_sip_msg_request("SUBSCRIBE", s->target ? s->target : uri);
    if (!m)
        return NULL;
    snprintf(text, sizeof(text), "<sip:%s>;tag=%s", host, s->tag);
    err = gw_sip_msg_set(m, "From", text);
    if (!err)
        err = gw_sip_msg_set(m, "To", s->remote_to ? s->remote_to : s->impu);
    if (!err)
        err = gw_sip_msg_set(m, "Call-ID", s->call_id);
    snprintf(text, sizeof(text), "%u SUBSCRIBE", ++s->cseq);
    if (!err)
        err = gw_sip_msg_set(m, "CSeq", text);
    for (unsigned i = 0; !err && i < s->nroutes; i++)
        err = gw_sip_msg_add(m, "Route", s->routes[i]);
    snprintf(text, sizeof(text), "<sip:%s%s>", host, gw_sip_stack_params(p->stack, false));
    if (!err)
        err = gw_sip_msg_set(m, "Contact", text);
    if (!err)
        err = gw_sip_msg_set(m, "Event", "reg");
    if (!err)
        err = gw_sip_msg_set(m, "Accept", "application/reginfo+xml");
    snprintf(uri, sizeof(uri), "%d", EXPIRES_S);
    if (!err)
        err = gw_sip_msg_set(m, "Expires", uri);
    gw_pcscf_new_icid(icid);
    struct gw_pcscf_stamp stamp = gw_pcscf_stamp(p, text, icid); /* asserted by ourselves, as a network element */
    stamp.access_network_info = NULL;
    if (!err)
        err = gw_pcscf_headers_to_core(m, &stamp);
    if (err) {
        gw_sip_msg_free(m);
        return NULL;
    }
    return m;
}

static void send_subscribe(struct gw_regsub *s)
{
    const char *core = s->p->conf->core_route;
    struct gw_sip_target target = { .uri = s->nroutes ? NULL : s->target ? s->target : core[0] ? core : NULL };
    struct gw_sip_msg *m = subscribe(s);
    struct gw_sip_client *client = NULL;

    s->refresh_us = UINT64_MAX;
    if (m && gw_sip_client_send(s->p->stack, &m, &target, on_response, s, &client) == 0)
        s->client = client;
    else
        gw_stats_inc(GW_STAT_REG_EVENT_FAILED);
    gw_sip_msg_free(m);
}

void gw_regevent_subscribe(struct gw_pcscf *p, struct gw_binding *b)
{
    struct gw_regsub *s;

    if (!p->conf->reg_event || b->nimpus == 0)
        return;
    if (b->regsub) {
        if (b->regsub->refresh_us <= gw_ctl_now_us(p->stack) && !b->regsub->client)
            send_subscribe(b->regsub);
        return;
    }
    s = calloc(1, sizeof(*s));
    if (!s)
        return;
    s->impu = strdup(b->impus[0].value);
    if (!s->impu) {
        free(s);
        return;
    }
    s->p = p;
    s->binding = b;
    gw_rand_token(s->call_id, sizeof(s->call_id) - 1);
    gw_rand_token(s->tag, TAG);
    gw_table_insert(&p->regsubs, &s->node, gw_span_str(s->call_id));
    p->nregsubs++;
    b->regsub = s;
    send_subscribe(s);
}

static struct gw_regsub *find(const struct gw_pcscf *p, const struct gw_sip_msg *notify)
{
    const char *call_id = gw_sip_msg_get(notify, "Call-ID", 0), *to = gw_sip_msg_get(notify, "To", 0);
    uint64_t hash = gw_table_hash(&p->regsubs, gw_span_str(call_id));
    char tag[64];

    for (struct gw_table_node *n = gw_table_first(&p->regsubs, hash); n; n = gw_table_next(n)) {
        struct gw_regsub *s = GW_TABLE_OF(n, struct gw_regsub, node);
        if (strcmp(s->call_id, call_id) == 0 && gw_sip_param(to, "tag", tag, sizeof(tag)) == 0 &&
            strcmp(tag, s->tag) == 0)
            return s;
    }
    return NULL;
}

/* Whether the network ended this binding: its contact, or the identity it was registered with. */
static bool is_ended(const struct gw_binding *b, const struct gw_reginfo *info)
{
    char key[GW_URI_KEY];

    for (unsigned i = 0; i < info->n; i++) {
        const struct gw_reginfo_entry *e = &info->entries[i];
        if (!e->is_terminated || gw_uri_key(e->uri, key, sizeof(key)) != 0)
            continue;
        if (e->is_contact ? strcmp(key, b->contact_key) == 0
                          : strcmp(key, b->aor_key) == 0 || strcmp(key, b->impus[0].key) == 0)
            return true;
    }
    return false;
}

static void end_binding(struct gw_pcscf *p, struct gw_binding *b)
{
    struct gw_pflow *f = b->flow;
    gw_flow_id id = b->flow_id;
    bool is_alone = f && f->nbindings == 1;

    gw_stats_inc(GW_STAT_REGISTRATIONS_TERMINATED);
    gw_log(GW_LOG_INFO, "pcscf", b->regsub->call_id, "registration of %s ended by the network", b->aor);
    gw_register_drop(p, b);
    if (is_alone)
        gw_sip_flow_close(p->stack, id, 1000, "registration ended");
}

bool gw_regevent_on_notify(struct gw_pcscf *p, const struct gw_inbound *in)
{
    struct gw_regsub *s = p->nregsubs ? find(p, in->req) : NULL;
    const char *state = gw_sip_msg_get(in->req, "Subscription-State", 0);
    struct gw_span body = gw_sip_msg_body(in->req);
    struct gw_binding *b;
    struct gw_reginfo *info;
    int err = 0;

    if (!s)
        return false;
    b = s->binding;
    info = calloc(1, sizeof(*info));
    if (!info) {
        gw_pcscf_refuse(p, in, GW_REFUSE_INTERNAL, NULL);
        return true;
    }
    if (body.len)
        err = gw_reginfo_parse(body, info);
    if (err) {
        gw_pcscf_refuse(p, in, GW_REFUSE_MALFORMED, "Bad reginfo");
        goto out;
    }
    gw_stats_inc(GW_STAT_PCSCF_ANSWERED);
    if (gw_sip_server_reply(in->txn, in->req, 200, NULL, NULL, NULL) != 0)
        gw_sip_server_drop(in->txn);
    if (is_ended(b, info))
        end_binding(p, b);
    else if (state && strncasecmp(state, "terminated", 10) == 0)
        gw_regevent_forget(p, b); /* REG-009: a lost subscription ends no registration and no call */
out:
    free(info);
    return true;
}
