/* A new INVITE: refused at once, or made into a call with its two legs. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "signaling/call/call_priv.h"
#include "signaling/pcscf/headers.h"

enum { RETRY_AFTER_S = 30 };

/* Option tags that we understand, and which of them the other side has to understand too. */
static const struct {
    const char *tag;
    bool is_passed;
} options[] = {
    { "100rel", false },   { "timer", false },     { "outbound", false },         { "path", false },
    { "gruu", false },     { "replaces", true },   { "norefersub", false },       { "tdialog", true },
    { "join", true },      { "privacy", true },    { "histinfo", true },          { "answermode", true },
    { "mediasec", false }, { "sec-agree", false }, { "resource-priority", true },
};

bool gw_invite_knows_option(const char *tag, bool *is_passed)
{
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcasecmp(options[i].tag, tag) == 0) {
            *is_passed = options[i].is_passed;
            return true;
        }
    }
    return false;
}

/* True: refused, and answered. */
static bool refuse(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    const char *v, *hops = gw_sip_msg_get(req, "Max-Forwards", 0);
    struct gw_session_ask ask;
    struct gw_span sdp;
    char text[32];
    bool is_passed;

    if (cs->n >= (uint64_t)cs->conf->calls_max) {
        snprintf(text, sizeof(text), "%d", RETRY_AFTER_S);
        gw_calls_refuse(cs, txn, req, NULL, 503, NULL, "Retry-After", text);
        return true;
    }
    if (hops && strtol(hops, NULL, 10) <= 0) {
        gw_calls_refuse(cs, txn, req, NULL, 483, NULL, NULL, NULL);
        return true;
    }
    for (unsigned i = 0; (v = gw_sip_msg_get(req, "Require", i)) != NULL; i++) {
        if (!gw_invite_knows_option(v, &is_passed)) {
            gw_calls_refuse(cs, txn, req, NULL, 420, NULL, "Unsupported", v);
            return true;
        }
    }
    v = gw_sip_msg_get(req, "Content-Encoding", 0);
    if (v && strcasecmp(v, "identity") != 0) {
        gw_calls_refuse(cs, txn, req, NULL, 415, NULL, "Accept-Encoding", "identity");
        return true;
    }
    if (gw_sip_msg_body(req).len && !gw_sip_msg_find_body(req, "application/sdp", &sdp)) {
        gw_calls_refuse(cs, txn, req, NULL, 415, NULL, "Accept", "application/sdp");
        return true;
    }
    if (gw_sip_server_flow(txn) == 0 && !gw_transfer_is_known(cs, req)) {
        gw_calls_refuse(cs, txn, req, NULL, 481, NULL, NULL, NULL);
        return true;
    }
    gw_session_ask_read(req, &ask);
    if (ask.has_timer && ask.interval_s && ask.interval_s < GW_SESSION_MIN_SE && gw_sip_server_flow(txn) == 0) {
        snprintf(text, sizeof(text), "%d", GW_SESSION_MIN_SE);
        gw_calls_refuse(cs, txn, req, NULL, 422, NULL, "Min-SE", text);
        return true;
    }
    return false;
}

/* A name of From or To, as that leg can read it: the SIP libraries of browsers know no tel: (SIG-018). */
static int name_for(const struct gw_call_leg *leg, const char *name, char *buf, size_t size)
{
    return leg->is_browser ? gw_pcscf_as_sip(name, leg->call->cs->conf->domain, buf, size)
                           : gw_span_copy(gw_span_str(name), buf, size);
}

static int init_legs(struct gw_call *c, struct gw_sip_server *txn, const struct gw_sip_msg *req,
                     const struct gw_call_setup *setup)
{
    struct gw_call_leg *a = gw_call_caller(c), *b = gw_call_other(a);
    const char *target = !setup->from_access ? setup->access_uri
                         : setup->core_uri   ? setup->core_uri
                                             : gw_sip_msg_uri(req);
    char from[GW_DIALOG_TEXT], to[GW_DIALOG_TEXT];
    int err = gw_dialog_init_uas(&a->dlg, req);

    if (err)
        return err;
    gw_calls_index_leg(c->cs, a);
    a->state = GW_LEG_INVITED;
    a->uas = (struct gw_call_uas){ .txn = txn, .req = gw_sip_msg_dup(req), .is_invite = true };
    if (!a->uas.req || !target)
        return GW_E_NOMEM;
    err = gw_leg_set_contact(a);
    if (!err)
        err = name_for(b, a->dlg.remote_uri, from, sizeof(from));
    if (!err)
        err = name_for(b, a->dlg.local_uri, to, sizeof(to));
    if (!err)
        err = gw_dialog_init_uac(&b->dlg, from, to, target, gw_sip_stack_host(c->cs->stack, b->flow != 0));
    if (err)
        return err;
    gw_calls_index_leg(c->cs, b);
    err = gw_leg_set_contact(b);
    for (unsigned i = 0; !err && setup->from_access && i < setup->nroutes && i < GW_DIALOG_ROUTES; i++) {
        b->dlg.routes[i] = strdup(setup->routes[i]);
        err = b->dlg.routes[i] ? 0 : GW_E_NOMEM;
        b->dlg.nroutes += !err;
    }
    if (!err && setup->next_hop && !(b->next_hop = strdup(setup->next_hop)))
        err = GW_E_NOMEM;
    c->caller = strdup(a->dlg.remote_uri);
    c->callee = strdup(a->dlg.local_uri);
    return err;
}

void gw_calls_on_invite(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req,
                        const struct gw_call_setup *setup)
{
    struct gw_session_ask ask;
    struct gw_call *c = NULL;

    if (refuse(cs, txn, req))
        return;
    int err = gw_call_new(cs, setup, &c);
    if (!err)
        err = init_legs(c, txn, req, setup);
    if (err) {
        if (c) { /* nothing was sent and nothing reserved: the answer below is the whole story of this call */
            gw_leg_uas_clear(gw_call_caller(c));
            gw_call_free(c);
        }
        gw_calls_refuse(cs, txn, req, NULL, err == GW_E_NOMEM ? 500 : 400, NULL, NULL, NULL);
        return;
    }
    struct gw_call_leg *a = gw_call_caller(c);
    gw_stats_inc(setup->from_access ? GW_STAT_CALLS_FROM_ACCESS : GW_STAT_CALLS_FROM_CORE);
    gw_log(GW_LOG_INFO, "call", c->id, "from %s, Call-ID %s, icid %s", gw_leg_name(a), a->dlg.call_id,
           c->icid ? c->icid : "-");
    gw_sip_server_bind(txn, &gw_offer_server_events, a);
    gw_leg_learn(a, req);
    a->peer_wants_100rel = gw_sip_msg_has_token(req, "Require", "100rel");
    gw_session_ask_read(req, &ask);
    gw_session_timer_on_request(&a->timer, &ask, a->side == GW_LEG_CORE ? (uint32_t)cs->conf->session_expires : 0,
                                a->is_browser, gw_call_now_us(c));
    c->ex.is_first = true;
    gw_offer_begin(a);
}
