/* For the files of this room. One request runs: pcscf.c (what is it?) -> register.c, or locate.c and
 * identity.c and then admit.c or proxy.c. */
#ifndef GW_PCSCF_PRIV_H
#define GW_PCSCF_PRIV_H

#include "gateway/base/stats.h"
#include "signaling/pcscf/binding.h"
#include "signaling/pcscf/headers.h"
#include "signaling/pcscf/identity.h"
#include "signaling/pcscf/pcscf.h"
#include "signaling/pcscf/pdialog.h"
#include "signaling/pcscf/token.h"

enum {
    GW_ICID = 25,       /* characters of an icid-value and its NUL */
    GW_SWEEP_MS = 1000, /* how often expiries are looked for */
};

struct gw_jwt;
struct gw_relay; /* a request on its way through (relay.c) */

struct gw_pcscf {
    const struct gw_conf *conf;
    struct gw_sip_stack *stack;
    struct gw_calls *calls;
    struct gw_token_key key;
    struct gw_bindings bindings;
    struct gw_pdialogs dialogs;
    struct gw_table regsubs; /* reg event subscriptions by Call-ID */
    struct gw_jwt *jwt;      /* NULL: no web tokens */
    struct gw_relay *relays;
    unsigned nrelays, nregsubs;
    struct gw_ctl_timer *sweep;
    bool is_draining;
};

/* A request as it came in. */
struct gw_inbound {
    struct gw_sip_server *txn;
    const struct gw_sip_msg *req;
    gw_flow_id flow_id;    /* 0: from the core */
    struct gw_pflow *flow; /* from the access side; NULL: that connection is closing */
};

/* ---- refusals (refuse.c): one row each: status, phrase, counter ---- */
enum gw_refusal {
    GW_REFUSE_NOT_REGISTERED,
    GW_REFUSE_OTHER_FLOW,
    GW_REFUSE_FORGED,
    GW_REFUSE_FLOW_GONE,
    GW_REFUSE_HOPS,
    GW_REFUSE_LOOP,
    GW_REFUSE_EXTENSION,
    GW_REFUSE_SEC_AGREE,
    GW_REFUSE_LIMIT,
    GW_REFUSE_DRAINING,
    GW_REFUSE_NO_DIALOG,
    GW_REFUSE_NOT_HERE,
    GW_REFUSE_DOMAIN,
    GW_REFUSE_TOKEN_MISSING,
    GW_REFUSE_TOKEN,
    GW_REFUSE_TOKEN_IDENTITY,
    GW_REFUSE_METHOD,
    GW_REFUSE_MALFORMED,
    GW_REFUSE_UNREACHABLE,
    GW_REFUSE_INTERNAL,
};
/* Answers, counts, and writes one log line. `detail` may be NULL; for EXTENSION it is the Unsupported value, for
 * TOKEN* the challenge. */
void gw_pcscf_refuse(struct gw_pcscf *p, const struct gw_inbound *in, enum gw_refusal why, const char *detail);

/* ---- routes (route.c) ---- */
/* Does this Route or Request-URI mean this gateway? `u` gets the parsed URI. */
bool gw_route_is_ours(const struct gw_pcscf *p, const char *value, struct gw_sip_uri *u);
/* "<sip:TOKEN@host;lr>" with further parameters (";ob" or ""). */
void gw_route_write(const struct gw_pcscf *p, gw_flow_id flow, const char *params, char *buf, size_t size);
/* Takes our own entries off the top of Route, with RFC 3261 s. 16.4 for a strict router before us. *has_token: one of
 * them, the last taken, was a flow token. 0, or the error of gw_token_parse for it. */
int gw_route_pop(const struct gw_pcscf *p, struct gw_sip_msg *m, bool *has_token, gw_flow_id *flow);

/* ---- where to (locate.c) ---- */
/* A request of the core: the connection that our token, a dialog of ours, our Contact in a call or a registered contact
 * names. Takes our own entries off its Route. */
struct gw_where {
    struct gw_pflow *flow;
    struct gw_pdialog *dialog;
    enum gw_refusal refusal; /* when flow is NULL */
};
struct gw_where gw_locate(struct gw_pcscf *p, struct gw_sip_msg *m);
/* The Request-URI of a client's request where it may not stay: the identity behind a contact of ours into buf, or "".
 */
bool gw_pcscf_public_uri(const struct gw_pcscf *p, const char *uri, char *buf, size_t size);

/* ---- calls (admit.c) ---- */
void gw_admit_from_access(struct gw_pcscf *p, const struct gw_inbound *in);
void gw_admit_to_access(struct gw_pcscf *p, const struct gw_inbound *in, struct gw_pflow *f);

/* ---- proxy (proxy.c, relay.c) ---- */
enum gw_relay_dir { GW_RELAY_TO_CORE, GW_RELAY_TO_ACCESS };
/* Called with the final response before it is passed on; may change it. */
typedef void gw_relay_final_cb(struct gw_pcscf *p, const struct gw_sip_msg *req, gw_flow_id flow,
                               const struct gw_sip_msg *raw, struct gw_sip_msg *resp);
struct gw_relay_plan {
    enum gw_relay_dir dir;
    gw_flow_id flow;            /* of the access side, either direction */
    struct gw_binding *binding; /* NULL: none (REGISTER, emergency) */
    const char *identity;       /* to access: P-Asserted-Identity of the responses */
    const char *icid;
    struct gw_sip_target target;
    gw_relay_final_cb *on_final;
};
/* Sends *out, made from in->req by the caller, and passes the responses back. Takes *out. */
void gw_relay_start(struct gw_pcscf *p, const struct gw_inbound *in, struct gw_sip_msg **out,
                    const struct gw_relay_plan *plan);
/* A copy of the request with Max-Forwards counted down. */
struct gw_sip_msg *gw_relay_copy(const struct gw_sip_msg *req);
void gw_relay_free_all(struct gw_pcscf *p);
void gw_relay_from_access(struct gw_pcscf *p, const struct gw_inbound *in);
void gw_relay_to_access(struct gw_pcscf *p, const struct gw_inbound *in, struct gw_sip_msg **routed, struct gw_pflow *f,
                        struct gw_pdialog *d);
/* Our part of the stamp for one request. */
struct gw_pcscf_stamp gw_pcscf_stamp(const struct gw_pcscf *p, const char *identity, const char *icid);
void gw_pcscf_new_icid(char icid[GW_ICID]);

/* ---- registration (register.c) ---- */
void gw_register_on_request(struct gw_pcscf *p, const struct gw_inbound *in);
void gw_register_drop(struct gw_pcscf *p, struct gw_binding *b); /* with all that hangs on it */
void gw_register_sweep(struct gw_pcscf *p);

/* ---- registration state event package (regevent.c, RFC 3680) ---- */
void gw_regevent_subscribe(struct gw_pcscf *p, struct gw_binding *b); /* nothing if it is off or already runs */
void gw_regevent_forget(struct gw_pcscf *p, struct gw_binding *b);
bool gw_regevent_on_notify(struct gw_pcscf *p, const struct gw_inbound *in); /* false: not of ours */

/* log and id */
const char *gw_pcscf_call_id(const struct gw_sip_msg *m);
bool gw_pcscf_is_emergency(const struct gw_sip_msg *req);
bool gw_pcscf_has_to_tag(const struct gw_sip_msg *req);

#endif
