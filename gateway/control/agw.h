/* The access gateway as signalling and the program see it, wherever it is: in this process (gateway/media/agw.h makes
 * it) or on other machines (gateway/remote/remote.h). gw_agw_submit is in iq.h.
 *
 * Thread: control, for everything here. No call blocks, but free of one in this process (thread join). */
#ifndef GW_CONTROL_AGW_H
#define GW_CONTROL_AGW_H

#include "gateway/control/iq.h"

/* A notification. `n` is borrowed until the return. Runs inside gw_agw_dispatch; may submit. */
typedef void gw_agw_notify_cb(void *arg, const struct gw_iq_notify *n);

/* Contexts are released, requests still waiting are answered with GW_E_CLOSED first, inside this call. Accepts NULL. */
void gw_agw_free(struct gw_agw *agw);

/* Readable whenever a reply, a notification or a time-out waits for gw_agw_dispatch. Stays the same for life. */
int gw_agw_fd(const struct gw_agw *agw);
/* Runs the callbacks of everything that waits (at most 256 items a call; the descriptor stays readable for the rest).
 */
void gw_agw_dispatch(struct gw_agw *agw);

/* Contexts alive, for drain and for gauges. */
unsigned gw_agw_contexts(const struct gw_agw *agw);
/* What `imsgwctl agws` shows: a fresh JSON list that the caller frees; NULL without memory. */
char *gw_agw_list_json(const struct gw_agw *agw);

/* For those that make one: the first member of theirs. */
struct gw_agw_ops {
    int (*submit)(struct gw_agw *agw, struct gw_iq_req **req, gw_iq_reply_cb *on_reply, void *arg);
    int (*fd)(const struct gw_agw *agw);
    void (*dispatch)(struct gw_agw *agw);
    unsigned (*contexts)(const struct gw_agw *agw);
    char *(*list_json)(const struct gw_agw *agw);
    void (*free)(struct gw_agw *agw);
};

struct gw_agw {
    const struct gw_agw_ops *ops;
};

#endif
