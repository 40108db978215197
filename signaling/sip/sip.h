/* SIP messages and transactions over every transport: WebSocket flows of browsers and UDP, TCP, TLS of the core and of
 * IMS phones. sofia-sip lives behind this header and nowhere else. Thread: control, for everything here.
 *
 * Messages have one owner. Header access is by name, values are text: `"f"` and `"From"` are the same header.
 *
 * Lifetimes. A message given to a callback is borrowed until it returns (gw_sip_msg_dup to keep). A transaction belongs
 * to the stack; the handler's pointer is good gw_sip_server  from on_request to the end of the gw_sip_server_respond
 * that sends a final response; after a 2xx to INVITE to the end of on_ack or on_no_ack; in either case no longer than
 * to gw_sip_server_drop gw_sip_client  from gw_sip_client_send to the end of the callback with is_last, or to
 * gw_sip_client_drop Callbacks never run inside gw_sip_client_send, _cancel, _drop, gw_sip_server_respond or _drop:
 * what fails at once (no route, no flow) is told from the loop. Inside a callback everything may be called, also on the
 * same transaction. */
#ifndef GW_SIP_H
#define GW_SIP_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/conf.h"
#include "gateway/base/err.h"
#include "gateway/base/span.h"

struct gw_sip_msg;
struct gw_sip_stack;
struct gw_sip_server; /* server transaction: a request that came in and is owed a final response */
struct gw_sip_client; /* client transaction: a request that went out */

enum gw_sip_method {
    GW_SIP_INVITE,
    GW_SIP_ACK,
    GW_SIP_BYE,
    GW_SIP_CANCEL,
    GW_SIP_REGISTER,
    GW_SIP_OPTIONS,
    GW_SIP_PRACK,
    GW_SIP_UPDATE,
    GW_SIP_INFO,
    GW_SIP_REFER,
    GW_SIP_NOTIFY,
    GW_SIP_SUBSCRIBE,
    GW_SIP_MESSAGE,
    GW_SIP_PUBLISH,
    GW_SIP_OTHER,
};

/* ---- messages ---- */

/* One complete message. On error `why` holds the header at fault, for the reason phrase of the 400. */
int gw_sip_msg_parse(struct gw_span text, struct gw_sip_msg **out, char *why, size_t why_size);
/* Text as on the wire; the caller frees. */
char *gw_sip_msg_write(const struct gw_sip_msg *m, size_t *len);
struct gw_sip_msg *gw_sip_msg_dup(const struct gw_sip_msg *m);
void gw_sip_msg_free(struct gw_sip_msg *m);

/* A bare request line; headers are set by the caller. Max-Forwards: 70 and Content-Length are filled in when sent. */
struct gw_sip_msg *gw_sip_msg_request(const char *method, const char *uri);
/* Via, From, To, Call-ID, CSeq (and Record-Route, Timestamp where RFC 3261 s. 8.2.6 says) copied from the request.
 * phrase NULL: the standard one. To gets `to_tag` if it has none and to_tag is given. */
struct gw_sip_msg *gw_sip_msg_response(const struct gw_sip_msg *req, int status, const char *phrase,
                                       const char *to_tag);

bool gw_sip_msg_is_request(const struct gw_sip_msg *m);
enum gw_sip_method gw_sip_msg_method(const struct gw_sip_msg *m); /* of a response: from CSeq */
const char *gw_sip_msg_method_name(const struct gw_sip_msg *m);
const char *gw_sip_msg_uri(const struct gw_sip_msg *m); /* Request-URI as text */
int gw_sip_msg_set_uri(struct gw_sip_msg *m, const char *uri);
int gw_sip_msg_status(const struct gw_sip_msg *m); /* 0 for a request */
const char *gw_sip_msg_phrase(const struct gw_sip_msg *m);

/* The index-th value of a header, comma-separated lists split into their elements; NULL past the last. Valid until the
 * message is changed or freed. */
const char *gw_sip_msg_get(const struct gw_sip_msg *m, const char *name, unsigned index);
int gw_sip_msg_set(struct gw_sip_msg *m, const char *name, const char *value);  /* replaces all of that name */
int gw_sip_msg_add(struct gw_sip_msg *m, const char *name, const char *value);  /* after those there are */
int gw_sip_msg_push(struct gw_sip_msg *m, const char *name, const char *value); /* before those there are */
void gw_sip_msg_remove(struct gw_sip_msg *m, const char *name);
void gw_sip_msg_remove_at(struct gw_sip_msg *m, const char *name, unsigned index);
/* Calls cb for every header line in order (lists not split), also unknown ones. */
void gw_sip_msg_each(const struct gw_sip_msg *m, void (*cb)(void *arg, const char *name, const char *value), void *arg);
/* An option tag in Supported, Require ...: case-insensitive membership in a list header. */
bool gw_sip_msg_has_token(const struct gw_sip_msg *m, const char *name, const char *token);

struct gw_span gw_sip_msg_body(const struct gw_sip_msg *m);                                   /* empty: none */
int gw_sip_msg_set_body(struct gw_sip_msg *m, const char *content_type, struct gw_span body); /* NULL type removes */
/* The part with that content type: the body itself, or the part of a multipart. False: none. */
bool gw_sip_msg_find_body(const struct gw_sip_msg *m, const char *content_type, struct gw_span *out);

/* ---- pieces of header values, pure ---- */

/* <uri> or addr-spec of From, To, Contact, Route ... into buf. */
int gw_sip_uri_of(const char *name_addr, char *buf, size_t size);
/* A header parameter (";tag=", ";expires=") outside the <>; quotes removed. GW_E_NOTFOUND if absent. Flag: "". */
int gw_sip_param(const char *value, const char *param, char *buf, size_t size);
/* user, host, port, and a URI parameter; any out may be NULL. */
struct gw_sip_uri {
    char scheme[16], user[256], host[256];
    uint16_t port;    /* 0: none */
    char params[512]; /* text after the first ';', without it */
};
int gw_sip_uri_parse(const char *uri, struct gw_sip_uri *out);
int gw_sip_uri_param(const struct gw_sip_uri *u, const char *param, char *buf, size_t size);

/* ---- the loop of the control thread (su_root) ---- */

struct gw_ctl_timer; /* one-shot */
uint64_t gw_ctl_now_us(struct gw_sip_stack *s);
int gw_ctl_timer_new(struct gw_sip_stack *s, void (*cb)(void *arg), void *arg, struct gw_ctl_timer **out);
void gw_ctl_timer_start(struct gw_ctl_timer *t, uint32_t in_ms);
void gw_ctl_timer_stop(struct gw_ctl_timer *t);
void gw_ctl_timer_free(struct gw_ctl_timer *t);
/* `cb` whenever fd is readable, e.g. a mailbox. */
int gw_ctl_watch(struct gw_sip_stack *s, int fd, void (*cb)(void *arg), void *arg);
void gw_ctl_unwatch(struct gw_sip_stack *s, int fd);

/* ---- the stack ---- */

/* Identifies a connection of the access side (one WebSocket, later one TCP, TLS or UDP flow of a phone); never reused
 * in a process. 0: the core side. */
typedef uint64_t gw_flow_id;

struct gw_sip_handler {
    /* A new request, also in-dialog ones; not ACK to a 2xx and not CANCEL. The txn is the handler's until a final
     * response. Checked already: syntax, Max-Forwards (present and not 0, to be decremented by who forwards), URI
     * schemes. */
    void (*on_request)(void *arg, struct gw_sip_server *txn, const struct gw_sip_msg *req);
    /* An ACK that matches no INVITE server transaction of ours waiting for it. */
    void (*on_ack)(void *arg, gw_flow_id flow, const struct gw_sip_msg *ack);
    /* A 2xx to INVITE whose client transaction is gone or was dropped: to be acknowledged and ended with BYE. */
    void (*on_stray_2xx)(void *arg, gw_flow_id flow, const struct gw_sip_msg *resp);
    void (*on_flow_open)(void *arg, gw_flow_id flow);
    void (*on_flow_closed)(void *arg, gw_flow_id flow);
    void *arg;
};

struct gw_ws;
struct gw_mbox;
/* conf is borrowed for the stack's life. Opens the sockets of the core side: GW_E_IO if it cannot. sip_listen with port
 * 0 takes any free port. */
int gw_sip_stack_new(const struct gw_conf *conf, const struct gw_sip_handler *handler, struct gw_sip_stack **out);
/* The stack's mailbox for the events of a WebSocket listener, to be given to gw_ws_new; the stack owns and empties it.
 */
struct gw_mbox *gw_sip_stack_ws_events(struct gw_sip_stack *s);
/* WebSocket listener that the stack sends through; borrowed, may be NULL (demo core). */
void gw_sip_stack_set_ws(struct gw_sip_stack *s, struct gw_ws *ws);
/* The same for anything that sends like a listener, e.g. a fake. */
struct gw_sip_ws_ops {
    int (*send)(void *ws, uint64_t conn, char **data, size_t len, bool is_binary); /* as gw_ws_send */
    int (*close)(void *ws, uint64_t conn, uint16_t code, const char *reason);
};
void gw_sip_stack_set_ws_ops(struct gw_sip_stack *s, const struct gw_sip_ws_ops *ops, void *ws);
void gw_sip_stack_run(struct gw_sip_stack *s);                       /* until stopped */
void gw_sip_stack_step(struct gw_sip_stack *s, uint32_t at_most_ms); /* one round of the loop, for tests */
void gw_sip_stack_stop(struct gw_sip_stack *s);                      /* any thread */
void gw_sip_stack_free(struct gw_sip_stack *s);

/* Facts of a flow for identity, Path tokens and logs. */
struct gw_flow_info {
    struct gw_addr peer, local;
    char transport[8]; /* "WSS", "WS", "TLS", "TCP", "UDP" */
    char host[256];    /* Host of the WebSocket handshake */
    const char *token; /* bearer token given at the upgrade, or NULL; until the flow closes */
};
int gw_sip_flow_info(struct gw_sip_stack *s, gw_flow_id flow, struct gw_flow_info *out);
void gw_sip_flow_close(struct gw_sip_stack *s, gw_flow_id flow, uint16_t ws_code, const char *reason);
/* Our own Contact, Path or Record-Route host part towards that side: "192.0.2.1:5060" or domain. */
const char *gw_sip_stack_host(const struct gw_sip_stack *s, bool is_access);
/* What follows the host in those URIs: ";transport=tcp", ";transport=tls" or nothing. */
const char *gw_sip_stack_params(const struct gw_sip_stack *s, bool is_access);

/* ---- server transactions ---- */

struct gw_sip_server_events {
    /* CANCEL came and has been answered 200; the handler now owes 487. */
    void (*on_cancel)(void *arg, const struct gw_sip_msg *cancel);
    /* ACK to our 2xx; it may carry an answer. */
    void (*on_ack)(void *arg, const struct gw_sip_msg *ack);
    /* No ACK in 64*T1 after a 2xx (RFC 3261 s. 13.3.1.4). The stack retransmits the 2xx until then on every transport.
     */
    void (*on_no_ack)(void *arg);
};

void gw_sip_server_bind(struct gw_sip_server *t, const struct gw_sip_server_events *ev,
                        void *arg); /* ev: static storage */
gw_flow_id gw_sip_server_flow(const struct gw_sip_server *t);
/* Takes *resp on success. Its Via headers are made those of the request, and To gets the transaction's tag if it has
 * none, so that a response from another leg can be passed on as it is. A provisional with `Require: 100rel` and no RSeq
 * is sent reliably on the core side (RFC 3262): repeated until its PRACK, which comes as a request. After a final
 * response to anything but INVITE, or a non-2xx, t is gone. After a 2xx to INVITE it is gone when on_ack or on_no_ack
 * returns. 100 is sent by the stack at 200 ms by itself. */
int gw_sip_server_respond(struct gw_sip_server *t, struct gw_sip_msg **resp);
/* Shorthand: a response without body, with an optional header ("Warning", "399 ..."). */
int gw_sip_server_reply(struct gw_sip_server *t, const struct gw_sip_msg *req, int status, const char *phrase,
                        const char *header, const char *value);
/* Gives up interest: events no longer come; a 500 is sent if no final response was. */
void gw_sip_server_drop(struct gw_sip_server *t);

/* ---- client transactions ---- */

struct gw_sip_target {
    gw_flow_id flow; /* not 0: that connection */
    const char *uri; /* else: this next hop (RFC 3263); NULL: topmost Route or the Request-URI */
};

/* Every response, 1xx other than 100 and final; also responses made here when none came: 408 (time-out), 503 (transport
 * failure), 430 (flow gone). `is_last` comes with the first final response: the transaction is gone. Repetitions of a
 * 2xx are answered by the stack with the ACK that gw_sip_send_ack sent; a 2xx of another fork on the core side is
 * acknowledged and ended with BYE by the stack (RFC 3261 s. 13.2.2.4); a 2xx after gw_sip_client_drop comes to
 * on_stray_2xx. */
typedef void gw_sip_response_cb(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last);

/* Puts our Via in place of any other, fills in Max-Forwards, sends; takes *req on success. GW_E_INVAL without From, To,
 * Call-ID, CSeq, or for ACK and CANCEL. `out` may be NULL. A host in .invalid is never resolved: 430. */
int gw_sip_client_send(struct gw_sip_stack *s, struct gw_sip_msg **req, const struct gw_sip_target *to,
                       gw_sip_response_cb *cb, void *arg, struct gw_sip_client **out);
/* CANCEL, as soon as a provisional response allows it (RFC 3261 s. 9.1). Responses keep coming. */
void gw_sip_client_cancel(struct gw_sip_client *t, const char *reason_header_or_null);
/* Gives up interest: cb is not called again. The transaction goes on unseen (ACK, CANCEL) to its end. */
void gw_sip_client_drop(struct gw_sip_client *t);
/* Without a transaction: ACK to 2xx. Takes *req. */
int gw_sip_send_ack(struct gw_sip_stack *s, struct gw_sip_msg **ack, const struct gw_sip_target *to);

#endif
