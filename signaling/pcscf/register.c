/* REGISTER on its way to the registrar and its 200 on its way back (TS 24.229 s. 5.2.2, RFC 3261 s. 10, RFC 3327, RFC
 * 3608, RFC 5626). The registrar decides; what it answered is what we keep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/log.h"
#include "signaling/call/call.h"
#include "signaling/pcscf/auth.h"
#include "signaling/pcscf/mediasec.h"
#include "signaling/pcscf/pcscf_priv.h"
#include "signaling/pcscf/weblogin.h"

enum {
    CONTACTS_MAX = 8, /* contacts of one REGISTER */
    EXPIRES_DEFAULT_S = 3600,
    EXPIRES_MAX_S = 604800,
    EXPIRES_GRACE_S = 2, /* for the way the 200 took */
};

/* One Contact of the request, and what the 200 says of it. */
struct contact {
    char uri[1024], instance[256];
    uint32_t reg_id;
    unsigned long expires_s;
};

static unsigned long seconds(const char *text, unsigned long otherwise)
{
    char *end;
    unsigned long n = text ? strtoul(text, &end, 10) : otherwise;

    if (!text || end == text)
        return otherwise;
    return n > EXPIRES_MAX_S ? EXPIRES_MAX_S : n;
}

static int contact_parse(const char *value, unsigned long expires_s, struct contact *out)
{
    char text[32];
    int err = gw_sip_uri_of(value, out->uri, sizeof(out->uri));

    if (err)
        return err;
    if (gw_sip_param(value, "+sip.instance", out->instance, sizeof(out->instance)) != 0)
        out->instance[0] = 0;
    out->reg_id = gw_sip_param(value, "reg-id", text, sizeof(text)) == 0 ? (uint32_t)strtoul(text, NULL, 10) : 0;
    out->expires_s = gw_sip_param(value, "expires", text, sizeof(text)) == 0 ? seconds(text, expires_s) : expires_s;
    return 0;
}

static bool is_same_contact(const struct contact *a, const struct contact *b)
{
    char ka[GW_URI_KEY], kb[GW_URI_KEY];

    if (a->instance[0] && b->instance[0] && a->reg_id && b->reg_id)
        return strcmp(a->instance, b->instance) == 0 && a->reg_id == b->reg_id;
    return gw_uri_key(a->uri, ka, sizeof(ka)) == 0 && gw_uri_key(b->uri, kb, sizeof(kb)) == 0 && strcmp(ka, kb) == 0;
}

/* ---- the request ---- */

/* TS 24.229 s. 5.2.2: SIP digest with TLS says whether this TLS session is already that private identity's. Without TLS
 * nothing is said, and the parameter that the client sent is gone either way (REG-004). */
static const char *protection(const struct gw_pcscf *p, const struct gw_pflow *f, const char *credentials)
{
    char username[256];

    if (!p->conf->integrity_protected || !f->is_tls)
        return NULL;
    if (gw_auth_param(credentials, "username", username, sizeof(username)) == 0)
        for (const struct gw_binding *b = f->bindings; b; b = b->next_of_flow)
            if (strcmp(b->username, username) == 0)
                return "tls-yes";
    return "tls-pending";
}

static int treat_credentials(const struct gw_pcscf *p, const struct gw_pflow *f, struct gw_sip_msg *m)
{
    const char *v;
    char fresh[8][2048];
    unsigned n = 0;
    int err = 0;

    for (; !err && (v = gw_sip_msg_get(m, "Authorization", n)); n++) {
        if (n == 8)
            return GW_E_LIMIT;
        err = gw_auth_protect(v, protection(p, f, v), fresh[n], sizeof(fresh[n]));
        if (err == GW_E_SYNTAX) /* another scheme: not ours to read */
            err = gw_span_copy(gw_span_str(v), fresh[n], sizeof(fresh[n]));
    }
    if (err || n == 0)
        return err;
    gw_sip_msg_remove(m, "Authorization");
    for (unsigned i = 0; !err && i < n; i++)
        err = gw_sip_msg_add(m, "Authorization", fresh[i]);
    return err;
}

static bool asks_outbound(const struct gw_sip_msg *req)
{
    const char *v;
    char text[32];

    if (gw_sip_msg_get(req, "Via", 1)) /* somebody stands between the client and us (RFC 5626 s. 5.1) */
        return false;
    for (unsigned i = 0; (v = gw_sip_msg_get(req, "Contact", i)); i++)
        if (gw_sip_param(v, "reg-id", text, sizeof(text)) == 0)
            return true;
    return false;
}

/* `claims`: of the token that signs in, or NULL for digest. */
static int prepare(struct gw_pcscf *p, const struct gw_inbound *in, struct gw_sip_msg *m, const char *icid,
                   const struct gw_jwt_claims *claims)
{
    const char *visited = p->conf->visited_network[0] ? p->conf->visited_network : p->conf->domain;
    struct gw_pcscf_stamp stamp = gw_pcscf_stamp(p, NULL, icid);
    char text[600];
    int err = gw_pcscf_headers_to_core(m, &stamp);

    gw_sip_msg_remove(m, "Route");
    if (!err)
        err = claims ? gw_weblogin_apply(m, claims) : treat_credentials(p, in->flow, m);
    gw_route_write(p, in->flow_id, asks_outbound(in->req) ? ";ob" : "", text, sizeof(text));
    if (!err)
        err = gw_sip_msg_set(m, "Path", text);
    if (!err && !gw_sip_msg_has_token(m, "Require", "path"))
        err = gw_sip_msg_add(m, "Require", "path");
    if (!err && !gw_sip_msg_has_token(m, "Supported", "path"))
        err = gw_sip_msg_add(m, "Supported", "path");
    snprintf(text, sizeof(text), "\"%s\"", visited);
    if (!err)
        err = gw_sip_msg_set(m, "P-Visited-Network-ID", text);
    return err;
}

static bool serves_domain(const struct gw_pcscf *p, const char *request_uri)
{
    struct gw_sip_uri u;

    if (p->conf->home_domains.n == 0)
        return true;
    if (gw_sip_uri_parse(request_uri, &u) != 0)
        return false;
    for (unsigned i = 0; i < p->conf->home_domains.n; i++)
        if (strcasecmp(u.host, p->conf->home_domains.v[i]) == 0)
            return true;
    return false;
}

/* Requests that would only make something new; what lives is renewed and ended also by a full or draining gateway. */
static bool is_new(const struct gw_pcscf *p, const struct gw_inbound *in, const char *aor_key)
{
    return in->flow->nbindings == 0 && !gw_binding_of_aor(&p->bindings, aor_key, NULL);
}

/* It insists on a security agreement, of which only what TLS gives is there (RFC 3329 s. 2.3.1). */
static bool asks_for_ipsec(const struct gw_sip_msg *req)
{
    const char *v;
    bool has_tls = false, has_ipsec = false;

    for (unsigned i = 0; (v = gw_sip_msg_get(req, "Security-Client", i)); i++) {
        has_tls |= strncasecmp(v, "tls", 3) == 0;
        has_ipsec |= strncasecmp(v, "ipsec-", 6) == 0;
    }
    return has_ipsec && !has_tls &&
           (gw_sip_msg_has_token(req, "Require", "sec-agree") ||
            gw_sip_msg_has_token(req, "Proxy-Require", "sec-agree"));
}

static void on_final(struct gw_pcscf *p, const struct gw_sip_msg *req, gw_flow_id flow, const struct gw_sip_msg *raw,
                     struct gw_sip_msg *resp);

void gw_register_on_request(struct gw_pcscf *p, const struct gw_inbound *in)
{
    struct gw_relay_plan plan = { .dir = GW_RELAY_TO_CORE, .flow = in->flow_id, .on_final = on_final };
    char aor[1024], key[GW_URI_KEY], icid[GW_ICID];
    struct gw_jwt_claims claims;
    enum gw_weblogin login;
    struct gw_sip_msg *m;
    int err;

    if (gw_sip_uri_of(gw_sip_msg_get(in->req, "To", 0), aor, sizeof(aor)) != 0 ||
        gw_uri_key(aor, key, sizeof(key)) != 0) {
        gw_pcscf_refuse(p, in, GW_REFUSE_MALFORMED, "Bad To");
        return;
    }
    if (gw_sip_msg_get(in->req, "Contact", CONTACTS_MAX)) {
        gw_pcscf_refuse(p, in, GW_REFUSE_MALFORMED, "Too Many Contacts");
        return;
    }
    if (!serves_domain(p, gw_sip_msg_uri(in->req))) {
        gw_pcscf_refuse(p, in, GW_REFUSE_DOMAIN, gw_sip_msg_uri(in->req));
        return;
    }
    if (is_new(p, in, key) && (p->is_draining || p->bindings.n >= (unsigned)p->conf->registrations_max)) {
        gw_pcscf_refuse(p, in, p->is_draining ? GW_REFUSE_DRAINING : GW_REFUSE_LIMIT, NULL);
        return;
    }
    if (asks_for_ipsec(in->req)) {
        gw_pcscf_refuse(p, in, GW_REFUSE_SEC_AGREE, "ipsec-3gpp");
        return;
    }
    login = gw_weblogin_check(p, in, key, &claims);
    if (login == GW_WEBLOGIN_REFUSED)
        return;
    gw_pcscf_new_icid(icid);
    plan.icid = icid;
    m = gw_relay_copy(in->req);
    err = m ? prepare(p, in, m, icid, login == GW_WEBLOGIN_ACCEPTED ? &claims : NULL) : GW_E_NOMEM;
    if (err) {
        gw_sip_msg_free(m);
        gw_pcscf_refuse(p, in, err == GW_E_LIMIT ? GW_REFUSE_MALFORMED : GW_REFUSE_INTERNAL, gw_err_text(err));
        return;
    }
    plan.target.uri = p->conf->core_route[0] ? p->conf->core_route : NULL;
    gw_relay_start(p, in, &m, &plan);
}

/* ---- the 200 ---- */

void gw_register_drop(struct gw_pcscf *p, struct gw_binding *b)
{
    gw_regevent_forget(p, b);
    gw_pdialog_remove_of(&p->dialogs, b);
    gw_binding_remove(&p->bindings, b);
    gw_stats_add(GW_STAT_REGISTRATIONS, -1);
}

static void drop_aor(struct gw_pcscf *p, const char *aor_key)
{
    struct gw_binding *b;

    while ((b = gw_binding_of_aor(&p->bindings, aor_key, NULL))) {
        gw_stats_inc(GW_STAT_REGISTRATIONS_REMOVED);
        gw_register_drop(p, b);
    }
}

/* What the 200 says about a contact of the request: false, it is not registered. A 200 without any Contact is an odd
 * registrar's way to say yes. */
static bool find_granted(const struct gw_sip_msg *resp, const struct contact *asked, unsigned long *expires_s)
{
    unsigned long all = seconds(gw_sip_msg_get(resp, "Expires", 0), asked->expires_s);
    struct contact c;
    const char *v;

    if (!gw_sip_msg_get(resp, "Contact", 0)) {
        *expires_s = all;
        return all > 0;
    }
    for (unsigned i = 0; (v = gw_sip_msg_get(resp, "Contact", i)); i++)
        if (contact_parse(v, all, &c) == 0 && is_same_contact(asked, &c)) {
            *expires_s = c.expires_s;
            return c.expires_s > 0;
        }
    return false;
}

static unsigned take(const struct gw_sip_msg *m, const char *name, const char **out, unsigned max)
{
    const char *v;
    unsigned n = 0;

    while (n < max && (v = gw_sip_msg_get(m, name, n)))
        out[n++] = v;
    return n;
}

static void store(struct gw_pcscf *p, struct gw_pflow *f, const struct gw_sip_msg *req,
                  const struct gw_binding_facts *facts)
{
    struct gw_binding *b = gw_binding_match(&p->bindings, facts);
    gw_flow_id old = b ? b->flow_id : 0;
    int err;

    if (!b && (p->bindings.n >= (unsigned)p->conf->registrations_max ||
               f->nbindings >= (unsigned)p->conf->bindings_per_connection))
        err = GW_E_LIMIT;
    else
        err = gw_binding_put(&p->bindings, f, facts, &b);
    if (err) { /* the registrar believes in it, so requests will come and get 404; the client is told nothing it can use
                */
        gw_stats_inc(GW_STAT_REGISTRATIONS_LOST);
        gw_log(GW_LOG_WARNING, "pcscf", gw_pcscf_call_id(req), "registration of %s not kept: %s", facts->aor,
               gw_err_text(err));
        return;
    }
    if (!old) {
        gw_stats_inc(GW_STAT_REGISTRATIONS_NEW);
        gw_stats_add(GW_STAT_REGISTRATIONS, 1);
    } else if (old != f->id) {
        gw_stats_inc(GW_STAT_REGISTRATIONS_MOVED);
        gw_calls_on_flow_moved(p->calls, old, f->id, b->contact);
    } else
        gw_stats_inc(GW_STAT_REGISTRATIONS_RENEWED);
    gw_log(old == f->id ? GW_LOG_DEBUG : GW_LOG_INFO, "pcscf", gw_pcscf_call_id(req), "registered %s flow=%llu%s",
           b->aor, (unsigned long long)f->id, old && old != f->id ? ", moved" : "");
    gw_regevent_subscribe(p, b);
}

static void on_contact(struct gw_pcscf *p, struct gw_pflow *f, const struct gw_sip_msg *req,
                       const struct gw_sip_msg *resp, const char *aor, const struct contact *c)
{
    struct gw_binding_facts facts = { .aor = aor, .contact = c->uri, .instance = c->instance, .reg_id = c->reg_id };
    const char *credentials = gw_sip_msg_get(req, "Authorization", 0);
    uint64_t left_s = gw_weblogin_left_s(p, req, f ? f->id : 0);
    unsigned long granted_s = 0;
    char username[256] = "";
    struct gw_binding *b;
    bool has_others;

    if (!find_granted(resp, c, &granted_s)) {
        b = gw_binding_match(&p->bindings, &facts);
        if (b) {
            gw_stats_inc(GW_STAT_REGISTRATIONS_REMOVED);
            gw_log(GW_LOG_INFO, "pcscf", gw_pcscf_call_id(req), "de-registered %s", b->aor);
            gw_register_drop(p, b);
        }
        return;
    }
    if (!f) /* the connection closed while the registrar thought: its Path leads nowhere (430) */
        return;
    if (credentials)
        (void)gw_auth_param(credentials, "username", username, sizeof(username));
    if (granted_s > left_s) /* a registrar may grant more than it was asked for */
        granted_s = (unsigned long)left_s;
    facts.username = username;
    facts.expires_us = gw_ctl_now_us(p->stack) + (granted_s + EXPIRES_GRACE_S) * UINT64_C(1000000);
    facts.mediasec =
        gw_mediasec_read(req, "Security-Client", &facts.has_mediasec, &has_others) & gw_mediasec_offered(p->conf, req);
    facts.nroutes = take(resp, "Service-Route", facts.routes, GW_BINDING_ROUTES);
    facts.nimpus = take(resp, "P-Associated-URI", facts.impus, GW_BINDING_IMPUS);
    if (facts.nimpus == 0) { /* a plain registrar: who registered is who may ask */
        facts.impus[0] = gw_sip_msg_get(req, "To", 0);
        facts.nimpus = 1;
    }
    store(p, f, req, &facts);
}

/* What we can protect is told to who asks, in the challenge and in the 200, since a client may have missed the first.
 * What it repeats of it is compared, but a mismatch is answered by the list again (TS 24.229 s. 5.2.2). */
static void announce(const struct gw_pcscf *p, const struct gw_pflow *f, const struct gw_sip_msg *req,
                     struct gw_sip_msg *resp)
{
    bool has_client, has_verify, has_others;
    unsigned offered = gw_mediasec_offered(p->conf, req), verified;

    (void)gw_mediasec_read(req, "Security-Client", &has_client, &has_others);
    verified = gw_mediasec_read(req, "Security-Verify", &has_verify, &has_others);
    if (has_verify && verified != offered) {
        gw_stats_inc(GW_STAT_MEDIASEC_MISMATCH);
        gw_log(GW_LOG_WARNING, "pcscf", gw_pcscf_call_id(req), "Security-Verify is not what was announced");
    }
    if (has_client || (p->conf->mediasec_always && f && !f->is_ws))
        (void)gw_mediasec_write(resp, offered);
}

static void on_final(struct gw_pcscf *p, const struct gw_sip_msg *req, gw_flow_id flow, const struct gw_sip_msg *raw,
                     struct gw_sip_msg *resp)
{
    struct gw_pflow *f = gw_flow_find(&p->bindings, flow);
    int status = gw_sip_msg_status(raw);
    char aor[1024], key[GW_URI_KEY], text[16];
    unsigned long expires_s = seconds(gw_sip_msg_get(req, "Expires", 0), EXPIRES_DEFAULT_S);
    struct contact c;
    const char *v;

    if (status == 401 || status / 100 == 2)
        announce(p, f, req, resp);
    if (status >= 300) {
        gw_stats_inc(status == 401 || status == 407 ? GW_STAT_REGISTER_CHALLENGED : GW_STAT_REGISTER_FAILED);
        if (status == 401)
            (void)gw_weblogin_offer(p, resp);
        return;
    }
    if (gw_sip_uri_of(gw_sip_msg_get(req, "To", 0), aor, sizeof(aor)) != 0 || gw_uri_key(aor, key, sizeof(key)) != 0)
        return;
    for (unsigned i = 0; (v = gw_sip_msg_get(req, "Contact", i)); i++) {
        if (strcmp(v, "*") == 0)
            drop_aor(p, key);
        else if (contact_parse(v, expires_s, &c) == 0)
            on_contact(p, f, req, raw, aor, &c);
    }
    if (p->conf->flow_timer && gw_sip_msg_has_token(raw, "Require", "outbound")) {
        snprintf(text, sizeof(text), "%d", (int)p->conf->flow_timer);
        (void)gw_sip_msg_set(resp, "Flow-Timer",
                             text); /* RFC 5626 s. 5.4: an offer; without it clients use their own */
    }
}

void gw_register_sweep(struct gw_pcscf *p)
{
    uint64_t now = gw_ctl_now_us(p->stack);

    for (struct gw_binding *b = p->bindings.first, *next; b; b = next) {
        next = b->next;
        if (b->expires_us > now) {
            if (b->regsub)
                gw_regevent_subscribe(p, b); /* a refresh, when it is due */
            continue;
        }
        gw_stats_inc(GW_STAT_REGISTRATIONS_EXPIRED);
        gw_log(GW_LOG_INFO, "pcscf", NULL, "registration of %s expired flow=%llu", b->aor,
               (unsigned long long)b->flow_id);
        gw_register_drop(p, b);
    }
    gw_pdialog_expire(&p->dialogs, now);
}
