/* The admission of calls: what the P-CSCF decides before a call begins. */
#include <stdio.h>

#include "signaling/pcscf/mediasec.h"
#include "signaling/pcscf/pcscf_priv.h"

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

void gw_admit_from_access(struct gw_pcscf *p, const struct gw_inbound *in)
{
    bool is_emergency = gw_pcscf_is_emergency(in->req);
    struct gw_identity who = { 0 };
    char icid[GW_ICID], public[GW_URI_KEY];
    int err = gw_identity_of_caller(&p->bindings, in->flow, in->req, &who);

    if (err && !(is_emergency && p->conf->emergency_unregistered)) {
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
        .nroutes =
            who.binding && !is_emergency ? who.binding->nroutes : 0, /* an E-CSCF is not behind the home network */
        .routes = who.binding ? (const char *const *)who.binding->routes : NULL,
        .next_hop = core[0] ? core : NULL,
        .icid = icid,
        .access_network_info = ani[0] ? ani : NULL,
        .is_emergency = is_emergency,
    };
    gw_mediasec_apply(who.binding ? who.binding->mediasec : 0, &setup.e2ae);
    gw_stats_inc(GW_STAT_PCSCF_CALLS);
    gw_calls_on_invite(p->calls, in->txn, in->req, &setup);
}

void gw_admit_to_access(struct gw_pcscf *p, const struct gw_inbound *in, struct gw_pflow *f)
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
    gw_mediasec_apply(who.binding->mediasec, &setup.e2ae);
    gw_stats_inc(GW_STAT_PCSCF_CALLS);
    gw_calls_on_invite(p->calls, in->txn, in->req, &setup);
}
