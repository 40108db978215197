/* A SIP dialog as plain values (RFC 3261 s. 12): made from a request and its responses, makes requests. Pure: no
 * transactions, no clock. One owner; strings are the dialog's. */
#ifndef GW_DIALOG_H
#define GW_DIALOG_H

#include "signaling/sip/sip.h"

enum { GW_DIALOG_TAG = 20, GW_DIALOG_ROUTES = 16, GW_DIALOG_TEXT = 2048 };

struct gw_dialog {
    char *call_id;
    char local_tag[GW_DIALOG_TAG + 1];
    char *remote_tag; /* NULL before the first response with one */
    char *local_uri;  /* From or To of ours, without tag, as it goes on the wire */
    char *remote_uri;
    char *remote_target; /* Request-URI of what we send */
    char *contact;       /* our own Contact header value */
    unsigned nroutes;
    char *routes[GW_DIALOG_ROUTES]; /* route set, first hop first */
    uint32_t local_cseq;            /* last used */
    uint32_t remote_cseq;           /* 0: none seen */
    bool is_uac;
};

void gw_dialog_fini(struct gw_dialog *d); /* a zeroed one is fine; zeroes it */

/* The callee's side, from an INVITE. A fresh local tag is made. contact: ours, may be set later. */
int gw_dialog_init_uas(struct gw_dialog *d, const struct gw_sip_msg *req);
/* The caller's side, before anything is sent: fresh Call-ID (`host` after its @) and local tag. */
int gw_dialog_init_uac(struct gw_dialog *d, const char *local_uri, const char *remote_uri, const char *target,
                       const char *host);
/* A dialog that a response to the INVITE of `base` makes (one per To tag; s. 12.1.2). */
int gw_dialog_fork(struct gw_dialog *d, const struct gw_dialog *base, const struct gw_sip_msg *resp);
/* A 2xx renews target and, for the first INVITE, the route set (s. 13.2.2.4). */
int gw_dialog_confirm(struct gw_dialog *d, const struct gw_sip_msg *resp, bool is_first);
/* Target refresh by a request or 2xx of a re-INVITE or UPDATE (s. 12.2). Without a Contact nothing changes. */
int gw_dialog_refresh_target(struct gw_dialog *d, const struct gw_sip_msg *m);

/* A new request in the dialog with From, To, Call-ID, CSeq, Route and, if it may refresh the target, Contact. */
struct gw_sip_msg *gw_dialog_request(struct gw_dialog *d, const char *method);
/* ACK to a 2xx of the INVITE with that CSeq (s. 13.2.2.4). */
struct gw_sip_msg *gw_dialog_ack(const struct gw_dialog *d, uint32_t invite_cseq);

/* A request of the peer: 0 and its CSeq is remembered; MISMATCH if the tags or Call-ID are another dialog's (481),
 * RANGE if its CSeq is lower than one seen (500, s. 12.2.2). */
int gw_dialog_accept(struct gw_dialog *d, const struct gw_sip_msg *req);

/* Number of a CSeq header; 0 if there is none. */
uint32_t gw_dialog_cseq(const struct gw_sip_msg *m);
/* The header value without its tag parameter, into buf. */
int gw_dialog_without_tag(const char *value, char *buf, size_t size);

/* "call-id;to-tag=..;from-tag=.." of Replaces, Join, Target-Dialog (RFC 3891 s. 6.1). Other parameters are kept aside.
 */
struct gw_dialog_id {
    char call_id[256], to_tag[128], from_tag[128];
    char params[64]; /* ";early-only" ... */
};
int gw_dialog_id_parse(const char *text, struct gw_dialog_id *out);
int gw_dialog_id_write(const struct gw_dialog_id *id, char *buf, size_t size);

#endif
