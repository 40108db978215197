/* Dialogs that are relayed, not ended here: SUBSCRIBE, REFER out of a call, what nobody thought of (RFC 3261 s. 12, s.
 * 16; TS 24.229 s. 5.2.6: a P-CSCF stores the Route set of a dialog and lets its client use no other). No I/O; time is
 * an argument. Thread: control. */
#ifndef GW_PCSCF_PDIALOG_H
#define GW_PCSCF_PDIALOG_H

#include "signaling/pcscf/binding.h"

struct gw_pdialog {
    struct gw_table_node node;
    struct gw_pdialog *next, **link; /* all */
    struct gw_pdialog *next_of_binding, **link_of_binding;
    struct gw_binding *binding; /* of the client on the access side */
    char *call_id, *client_tag, *peer_tag, *icid;
    char *target; /* Contact of the peer; next hop where there is no route */
    unsigned nroutes;
    char *routes[GW_BINDING_ROUTES]; /* from us towards the peer */
    uint64_t expires_us;
};

struct gw_pdialogs {
    struct gw_table table;
    struct gw_pdialog *first;
    unsigned n, max, max_per_binding;
};

int gw_pdialogs_init(struct gw_pdialogs *s, unsigned max, unsigned max_per_binding);
void gw_pdialogs_fini(struct gw_pdialogs *s);

/* The dialog of a message. from_client: the client sent it, or for a response: it answers what the client sent. */
struct gw_pdialog *gw_pdialog_find(const struct gw_pdialogs *s, const struct gw_sip_msg *m, bool from_client);

/* A 2xx made a dialog (or another fork of it). routes: ours not among them. GW_E_LIMIT: too many. */
int gw_pdialog_add(struct gw_pdialogs *s, struct gw_binding *b, const struct gw_sip_msg *resp, bool from_client,
                   const char *const *routes, unsigned nroutes, const char *target, const char *icid,
                   uint64_t expires_us, struct gw_pdialog **out);
void gw_pdialog_remove(struct gw_pdialogs *s, struct gw_pdialog *d);
void gw_pdialog_remove_of(struct gw_pdialogs *s, struct gw_binding *b);
int gw_pdialog_set_target(struct gw_pdialog *d, const char *target);
void gw_pdialog_expire(struct gw_pdialogs *s, uint64_t now_us);

#endif
