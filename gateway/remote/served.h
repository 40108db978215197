/* The access gateway's end of Iq between machines: requests of controllers become requests of this process, replies and
 * notifications go back, and what belongs to whom is remembered. Pure: messages and the time in, messages and a
 * deadline out; lost, repeated and disordered messages are allowed for, though TLS brings none.
 *
 * A request that comes again gets the reply that was given, if it is among the last GW_IQ_WINDOW; what is older is
 * stale.
 *
 * A notification is repeated until acknowledged, for GW_SERVED_NOTIFY_S at most.
 *
 * A controller with another incarnation has no contexts: those of the one before are released. So are those of one that
 * is gone for longer than `grace`.
 *
 * A controller is one by the name in its certificate and its node name; it sees its own contexts alone.
 * Thread: control. Callbacks run inside any call here; `send` must not come back. */
#ifndef GW_SERVED_H
#define GW_SERVED_H

#include <jansson.h>

#include "gateway/control/agw.h"
#include "gateway/control/iq_json.h"

enum {
    GW_IQ_WINDOW = 1024,       /* requests, and notifications, of one pair that may wait for their answers at once */
    GW_IQ_ALIVE_MS = 1000,     /* HELLO is said so often */
    GW_IQ_DEAD_MS = 4000,      /* a connection on which nothing came for so long is closed */
    GW_IQ_REPEAT_MS = 700,     /* what has no answer is said again */
    GW_SERVED_OWNERS = 32,     /* controllers at once */
    GW_SERVED_NOTIFIES = 4096, /* notifications of one controller that wait; more are lost and counted */
    GW_SERVED_NOTIFY_S = 30,
};

struct gw_served_world {
    void *arg;
    /* Octets of one message to connection `conn`; borrowed. FULL: it is as if lost. */
    int (*send)(void *arg, unsigned conn, struct gw_span text);
    void (*drop)(void *arg, unsigned conn); /* close it; gw_served_closed is not called */
    /* The access gateway of this process. */
    int (*submit)(void *arg, struct gw_iq_req **req, gw_iq_reply_cb *on_reply, void *reply_arg);
};

struct gw_served;
/* incarnation: not 0, below 2^63, another one at every start. limit: contexts that may be. */
int gw_served_new(const struct gw_served_world *world, const char *node, uint64_t incarnation, unsigned limit,
                  uint64_t grace_us, struct gw_served **out);
/* Requests that wait must have been answered (the access gateway is freed before). */
void gw_served_free(struct gw_served *s);

void gw_served_opened(struct gw_served *s, unsigned conn, const char *peer_name, uint64_t now_us);
void gw_served_closed(struct gw_served *s, unsigned conn, uint64_t now_us);
void gw_served_input(struct gw_served *s, unsigned conn, struct gw_span text, uint64_t now_us);
void gw_served_notify(struct gw_served *s, const struct gw_iq_notify *n, uint64_t now_us);
uint64_t gw_served_deadline_us(const struct gw_served *s);
void gw_served_expire(struct gw_served *s, uint64_t now_us);

/* No new contexts: controllers are told a limit of 0. */
void gw_served_drain(struct gw_served *s, uint64_t now_us);
/* Tells the controllers that the contexts are gone. */
void gw_served_end(struct gw_served *s, uint64_t now_us);
unsigned gw_served_contexts(const struct gw_served *s);
json_t *gw_served_list(const struct gw_served *s, uint64_t now_us); /* the controllers, for imsgwctl */

#endif
