/* Calls: two SIP legs and one media session each, a B2BUA (RFC 3261, RFC 3264, RFC 4028, RFC 3262, RFC 3311). Each leg
 * has its own Call-ID, tags, CSeq, Contact and session timer, so that each gets what its client can do. Thread:
 * control. */
#ifndef GW_CALL_H
#define GW_CALL_H

#include "signaling/call/interwork.h"
#include "signaling/sip/sip.h"

struct gw_calls;

/* What the P-CSCF decided about a new call before the call begins. Strings are borrowed until the call returns. */
struct gw_call_setup {
    bool from_access;          /* the browser or phone calls; else the core does */
    struct gw_e2ae_input e2ae; /* of the access party */
    gw_flow_id access_flow;    /* the access party's connection */
    const char *core_uri;      /* from access: Request-URI towards the core; NULL: that of the request */
    const char *access_uri;    /* from core: Request-URI towards the access party (its registered contact) */
    const char *identity; /* from access: P-Asserted-Identity value for the core; from core: the called IMPU, for our
                             PAI in responses */
    unsigned nroutes;     /* from access: Route set towards the core (Service-Route) */
    const char *const *routes;
    const char *next_hop; /* from access without routes: next hop URI, or NULL for RFC 3263 on the Request-URI */
    const char *icid;     /* P-Charging-Vector icid-value */
    const char *access_network_info; /* P-Access-Network-Info to send, or NULL */
    bool is_emergency;
};

int gw_calls_new(const struct gw_conf *conf, struct gw_sip_stack *stack, struct gw_agw *agw, struct gw_calls **out);
/* Releases every call (BYE both, Iq release); returns when told so by on_idle or after the deadline of the caller. */
void gw_calls_release_all(struct gw_calls *cs, void (*on_idle)(void *arg), void *arg);
void gw_calls_free(struct gw_calls *cs);

/* A reloaded configuration, for calls that begin from now on. Both it and the one before are borrowed for life. */
void gw_calls_reload(struct gw_calls *cs, const struct gw_conf *conf);

/* A new INVITE that the P-CSCF admitted. Takes over txn. */
void gw_calls_on_invite(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req,
                        const struct gw_call_setup *setup);
/* A request inside a dialog of ours (To tag, Call-ID match a leg), or REFER/INFO etc. in it. False: not ours,
 * untouched. */
bool gw_calls_on_request(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req);
void gw_calls_on_ack(struct gw_calls *cs, gw_flow_id flow, const struct gw_sip_msg *ack);
void gw_calls_on_stray_2xx(struct gw_calls *cs, gw_flow_id flow, const struct gw_sip_msg *resp);
/* The connection of an access party is gone: after flow_grace_s its calls end, unless gw_calls_on_flow_moved came. */
void gw_calls_on_flow_closed(struct gw_calls *cs, gw_flow_id flow);
void gw_calls_on_flow_moved(struct gw_calls *cs, gw_flow_id old_flow, gw_flow_id new_flow, const char *contact);
void gw_calls_on_notify(struct gw_calls *cs, const struct gw_iq_notify *n); /* from the media */

/* Dialog ids of one leg, translated to the other: Replaces, Refer-To, Target-Dialog, Join (RFC 3891 ...). text is
 * "call-id;to-tag=..;from-tag=.."; NOTFOUND: 481. */
int gw_calls_translate_dialog(struct gw_calls *cs, const char *text, bool is_refer, char *buf, size_t size);

/* The connection of the access party of the call whose Contact has this user part, as in an INVITE that somebody sends
 * because of a REFER. 0: no such call. */
gw_flow_id gw_calls_flow_of_contact(struct gw_calls *cs, const char *user);

/* Read-only views for the admin side: one JSON text, the caller frees. */
char *gw_calls_list_json(struct gw_calls *cs);
char *gw_calls_show_json(struct gw_calls *cs, const char *call_id); /* NULL: no such call */
unsigned gw_calls_count(const struct gw_calls *cs);

#endif
