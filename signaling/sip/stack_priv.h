/* The stack from inside. Three owners of things that live for a while:
 *   gw_sip_stack   flows, both tables of transactions, the sofia agent; everything ends with it
 *   gw_sip_server  owned by the stack from its request to its end; the handler holds a pointer as sip.h says
 *   gw_sip_client  likewise; after the last response it may stay for a while (lingers), unseen by the handler, to
 * answer retransmitted 2xx `is_over` means that the handler's pointer is dead though the object lives on. No callback
 * runs after that. */
#ifndef GW_SIP_STACK_PRIV_H
#define GW_SIP_STACK_PRIV_H

/* nta hands our own pointers back under these names */
#define NTA_AGENT_MAGIC_T struct gw_sip_stack
#define NTA_INCOMING_MAGIC_T struct gw_sip_server
#define NTA_OUTGOING_MAGIC_T struct gw_sip_client
#define NTA_RELIABLE_MAGIC_T struct gw_sip_server

#include <sofia-sip/nta.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/su_wait.h>

#include "gateway/base/mbox.h"
#include "sip_priv.h"

/* ---- a hash table of objects that carry their own links ---- */

struct gw_sip_node {
    struct gw_sip_node *next;
    uint64_t hash;
    bool is_in;
};

struct gw_sip_table {
    struct gw_sip_node **buckets;
    unsigned nbuckets, count;
};

uint64_t gw_sip_hash(uint64_t seed, const char *text);
int gw_sip_table_add(struct gw_sip_table *t, struct gw_sip_node *n, uint64_t hash);
void gw_sip_table_remove(struct gw_sip_table *t, struct gw_sip_node *n);
/* The first with that hash, then the next of them (n: the one before). */
struct gw_sip_node *gw_sip_table_find(const struct gw_sip_table *t, uint64_t hash);
struct gw_sip_node *gw_sip_table_next(const struct gw_sip_node *n);
/* Any, or NULL when empty: for taking everything out. */
struct gw_sip_node *gw_sip_table_any(const struct gw_sip_table *t);
void gw_sip_table_fini(struct gw_sip_table *t);

#define GW_SIP_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* ---- the stack ---- */

struct watch;

struct gw_sip_stack {
    su_root_t *root;
    nta_agent_t *agent;
    const struct gw_conf *conf; /* borrowed */
    struct gw_sip_handler handler;
    struct gw_mbox *mbox; /* events of the front thread */
    const struct gw_sip_ws_ops *ws_ops;
    void *ws;
    int stop_fd;
    struct watch *watches;
    uint32_t t1_ms;
    char core_host[300];

    int udp_fd; /* of phones; -1: none */
    unsigned nudp;
    uint64_t next_udp;
    struct gw_ctl_timer *udp_sweep;
    struct gw_sip_table udp_flows;   /* by address of the phone */
    struct gw_sip_table flows;       /* by id */
    struct gw_sip_table ws_servers;  /* by flow, branch, Call-ID, CSeq number, method */
    struct gw_sip_table ws_accepted; /* those that wait for the ACK to their 2xx, by dialog */
    struct gw_sip_table ws_clients;  /* by flow and branch */
    struct gw_sip_table acks;        /* INVITE clients by dialog, to find them when the ACK to their 2xx is sent */
    struct gw_sip_client *all_clients;
    struct gw_sip_server *all_servers;
    unsigned nservers;
};

struct gw_sip_flow {
    struct gw_sip_node node;
    gw_flow_id id;
    struct gw_flow_info info;
    char *token;  /* behind info.token */
    unsigned bad; /* messages on it that could not be parsed */
    /* UDP */
    bool is_udp;
    bool is_kept; /* registered, or in a call */
    struct gw_sip_node addr_node;
    uint64_t heard_us, rate_us, allowance_us;
};

/* One message of an access flow, whatever brought it. */
void gw_sip_flow_input(struct gw_sip_stack *s, struct gw_sip_flow *f, struct gw_span text);
/* The flow's end, told to everybody. */
void gw_sip_flow_end(struct gw_sip_stack *s, gw_flow_id id);
int gw_sip_flow_add(struct gw_sip_stack *s, struct gw_sip_flow *f); /* told to the handler; NOMEM: f is the caller's */
/* sip_udp.c: phones on UDP. Every datagram of an address is of one flow. */
int gw_sip_udp_new(struct gw_sip_stack *s);
void gw_sip_udp_free(struct gw_sip_stack *s);
int gw_sip_udp_send(struct gw_sip_stack *s, const struct gw_sip_flow *f, struct gw_span text);
void gw_sip_udp_forget(struct gw_sip_stack *s, struct gw_sip_flow *f);
bool gw_sip_flow_is_udp(struct gw_sip_stack *s, gw_flow_id id);

struct gw_sip_flow *gw_sip_flow_find(struct gw_sip_stack *s, gw_flow_id id);
/* One message to a WebSocket; text (heap) is always taken. */
int gw_sip_flow_send(struct gw_sip_stack *s, gw_flow_id id, char *text, size_t len);
int gw_sip_flow_send_msg(struct gw_sip_stack *s, gw_flow_id id, const struct gw_sip_msg *m);
/* To the history (sip_trace.c). `peer` or `hop` says where a core message goes or comes from; either may be NULL. */
void gw_sip_trace_flow(struct gw_sip_stack *s, gw_flow_id id, bool is_out, struct gw_span text);
void gw_sip_trace_core(struct gw_sip_stack *s, bool is_out, const struct gw_addr *peer, const struct gw_sip_msg *m,
                       const char *hop);
void gw_sip_flows_fini(struct gw_sip_stack *s);
/* Takes the events that are queued. */
void gw_sip_flows_on_mbox(void *stack);
/* Checks that hold on either side before anybody sees a request: 483, 416. Sets Max-Forwards if absent. The status to
 * refuse with, or 0. */
int gw_sip_admit(struct gw_sip_msg *req);
void gw_sip_log_refused(const struct gw_addr *from, const struct gw_sip_msg *req, int status);
void gw_sip_log_bad(const char *from, const char *what, const char *why);

/* ---- transactions ---- */

enum gw_sip_server_state {
    GW_SIP_TRYING,    /* no final response */
    GW_SIP_COMPLETED, /* WebSocket: non-2xx sent, an ACK is to be absorbed (timer H) */
    GW_SIP_ACCEPTED,  /* 2xx sent, ACK to come */
};

struct gw_sip_server {
    struct gw_sip_node node, ack_node;
    struct gw_sip_server *next, *prev; /* all of the stack */
    struct gw_sip_stack *stack;
    gw_flow_id flow; /* 0: core */
    struct gw_addr peer;
    nta_incoming_t *irq; /* core */
    struct gw_sip_msg *req;
    char tag[13]; /* To tag of responses made by gw_sip_server_reply */
    enum gw_sip_server_state state;
    int last_status;
    const struct gw_sip_server_events *events;
    void *arg;
    struct gw_ctl_timer *timer; /* 100 Trying, then G, H or the wait for an ACK */
    uint64_t give_up_us;
    uint32_t interval_ms;
    char *final; /* access: the 2xx as sent; on UDP the last response, whatever it was */
    size_t final_len;
    bool is_over, is_cancelled;
    unsigned in_callback;
    bool is_dead; /* to be freed when the callback returns */
};

/* A request has come: makes the transaction and tells the handler. Takes req and (core) irq. */
void gw_sip_server_start(struct gw_sip_stack *s, gw_flow_id flow, const struct gw_addr *peer, nta_incoming_t *irq,
                         struct gw_sip_msg *req);
/* WebSocket: a request that belongs to a transaction there is: retransmission, ACK, CANCEL. False: it is new. */
bool gw_sip_server_take(struct gw_sip_stack *s, gw_flow_id flow, struct gw_sip_msg *m);
void gw_sip_server_free(struct gw_sip_server *t);
/* Dialog events of the core side, from nta. */
int gw_sip_server_on_nta(struct gw_sip_server *t, nta_incoming_t *irq, const sip_t *sip);
int gw_sip_server_on_prack(struct gw_sip_server *t, nta_reliable_t *rel, nta_incoming_t *prack, const sip_t *sip);

struct gw_sip_client {
    struct gw_sip_node node, ack_node;
    struct gw_sip_client *next, *prev;
    struct gw_sip_stack *stack;
    gw_flow_id flow;
    nta_outgoing_t *orq;
    struct gw_sip_msg *req; /* as sent, for responses made here and for CANCEL and ACK */
    char branch[32];        /* WebSocket */
    gw_sip_response_cb *cb;
    void *arg;
    struct gw_ctl_timer *timer; /* B, F, C, or the end of lingering */
    bool has_provisional, is_cancelled, is_cancel_sent, is_accepted;
    char *cancel_reason;
    char *ack; /* access: ACK to the 2xx, on UDP to any final response, sent again when that comes again */
    size_t ack_len;
    bool is_refused;             /* UDP: a non-2xx came; lingers to acknowledge its repetitions (timer D) */
    struct gw_ctl_timer *repeat; /* UDP: timers A and E */
    uint32_t repeat_ms;
    char *sent; /* what is repeated */
    size_t sent_len;
    int local_status; /* core: what could not even be sent, to be told from the timer */
    bool is_over, is_dropped;
    unsigned in_callback;
    bool is_dead;
};

/* A response from a WebSocket; takes m. */
void gw_sip_client_on_ws(struct gw_sip_stack *s, gw_flow_id flow, struct gw_sip_msg *m);
void gw_sip_client_on_flow_closed(struct gw_sip_stack *s, gw_flow_id flow);
void gw_sip_client_free(struct gw_sip_client *t);
int gw_sip_client_on_nta(struct gw_sip_client *t, nta_outgoing_t *orq, const sip_t *sip);
/* The INVITE client that an ACK belongs to (its 2xx came), or NULL. */
struct gw_sip_client *gw_sip_client_for_ack(struct gw_sip_stack *s, gw_flow_id flow, const struct gw_sip_msg *ack);

/* ---- nta (sip_core.c) ---- */

/* Names of the listeners by family: sofia does not see that "[2001:db8::1]" needs one of IPv6 (it does for an address
 * that it found by AAAA), and would take the first. */
#define GW_SIP_IP4 "ip4"
#define GW_SIP_IP6 "ip6"

int gw_sip_core_new(struct gw_sip_stack *s);
void gw_sip_core_free(struct gw_sip_stack *s);
struct gw_sip_msg *gw_sip_core_from_msg(msg_t *msg, struct gw_sip_fault *fault);
/* Where it came from, into *out, which is returned; unset if it cannot be told. */
const struct gw_addr *gw_sip_core_peer(msg_t *msg, struct gw_addr *out);
msg_t *gw_sip_core_to_msg(const struct gw_sip_msg *m);

/* "Call-ID SP number SP tag", hashed: what an ACK to a 2xx has in common with its INVITE. */
uint64_t gw_sip_dialog_hash(gw_flow_id flow, const struct gw_sip_msg *m);
bool gw_sip_same_dialog(const struct gw_sip_msg *a, const struct gw_sip_msg *b);

#endif
