/* For the files of this room only. */
#ifndef GW_DEMO_PRIV_H
#define GW_DEMO_PRIV_H

#include "signaling/demo_core/demo_core.h"
#include "signaling/demo_core/floor.h"
#include "signaling/demo_core/media.h"
#include "signaling/demo_core/registrar.h"

enum { GW_DEMO_CALLS = 200, GW_DEMO_ROUTES = 8 };

enum gw_demo_kind {
    GW_DEMO_ECHO,
    GW_DEMO_DTMF,
    GW_DEMO_EARLY,
    GW_DEMO_BUSY,
    GW_DEMO_NOANSWER,
    GW_DEMO_FAX,
    GW_DEMO_FAXBACK,
};

struct gw_demo {
    struct gw_demo_options options;
    struct gw_sip_stack *stack;
    struct gw_registrar registrar;
    struct gw_floor floor; /* of all calls */
    struct gw_demo_tray tray;
    char page[GW_DEMO_PATH];    /* that calls of ours send by fax */
    struct gw_ctl_timer *sweep; /* every few seconds: calls whose caller vanished */
    struct gw_demo_call *calls;
    unsigned ncalls;
    uint16_t next_port;
};

struct gw_demo_call {
    struct gw_demo_call *next;
    struct gw_demo *demo;
    enum gw_demo_kind kind;
    char tag[17];
    char *call_id, *local, *remote, *target; /* Call-ID, To with our tag, From, Contact of the caller */
    char *routes[GW_DEMO_ROUTES];            /* Record-Route, in order */
    unsigned nroutes;
    uint32_t cseq;
    struct gw_sip_server *ringing; /* INVITE that owes a final response */
    struct gw_sip_server *unacked; /* INVITE that was answered 2xx and waits for its ACK */
    bool is_late;                  /* the 2xx has our offer, and its ACK the answer (RFC 3264 s. 4) */
    struct gw_sip_msg *invite;     /* the first request */
    struct gw_ctl_timer *later;    /* the answer after early media; a fax that switches, or hangs up */
    bool is_fax_over;
    char fax_back[GW_DEMO_PATH];   /* TIFF that goes back to the caller after the call; empty: none */
    struct gw_sip_client *calling; /* INVITE of ours that waits for its final response */
    unsigned nlines;               /* before the offer in it */
    bool is_confirmed;             /* its dialog stands, whatever is answered to a request of ours */
    uint64_t began_us;
    struct gw_demo_media media;
};

/* call.c: the endpoints' side of a dialog */
void gw_demo_call_on_invite(struct gw_demo *d, enum gw_demo_kind kind, struct gw_sip_server *t,
                            const struct gw_sip_msg *req);
/* The call that an in-dialog request belongs to, or NULL. */
struct gw_demo_call *gw_demo_call_find(struct gw_demo *d, const struct gw_sip_msg *req);
void gw_demo_call_on_request(struct gw_demo_call *c, struct gw_sip_server *t, const struct gw_sip_msg *req);
/* A call with its dialog: `local` is our address without tag. NULL: no memory. */
struct gw_demo_call *gw_demo_call_new(struct gw_demo *d, enum gw_demo_kind kind, const char *call_id, const char *local,
                                      const char *remote, const char *target);
void gw_demo_call_hang_up(struct gw_demo_call *c); /* BYE, and end */
void gw_demo_call_end(struct gw_demo_call *c);
/* A request within the dialog, without body. NULL: no memory. */
struct gw_sip_msg *gw_demo_call_request(struct gw_demo_call *c, const char *method, uint32_t cseq);
int gw_demo_call_set_contact(struct gw_demo_call *c, struct gw_sip_msg *m);
/* A copy in place of the old one; without memory the old one stays. */
void gw_demo_call_keep(char **at, const char *text);
void gw_demo_calls_sweep(struct gw_demo *d);
void gw_demo_calls_free(struct gw_demo *d);

/* ask.c: MESSAGE to an endpoint: "call me chat", "add text", "drop chat", "hang up" */
/* An INVITE with what there is and `words`. */
int gw_demo_call_invite(struct gw_demo_call *c, const char *words);
/* Calls a user. fax: what a fax line sends, NULL: the test page. NOTFOUND: not registered. */
int gw_demo_call_user(struct gw_demo *d, const char *user, const char *words, const char *fax);
void gw_demo_user_of(const char *name_addr, char *user, size_t size); /* empty: none that can be registered */
void gw_demo_on_message(struct gw_demo *d, struct gw_sip_server *t, const struct gw_sip_msg *req);

/* relay.c: between users, as a stateful proxy that stays in the path */
void gw_demo_relay(struct gw_demo *d, struct gw_sip_server *t, const struct gw_sip_msg *req);
void gw_demo_relay_ack(struct gw_demo *d, const struct gw_sip_msg *ack);

#endif
