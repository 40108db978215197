/* The access gateway in this process: its worker threads, the choice of a worker for a new context, and the way of Iq
 * requests, replies and notifications between the control thread and the workers. Only this header and
 * gateway/control/agw.h are needed to use it.
 *
 *   gw_agw_new(conf, on_notify, arg, &agw, why, sizeof(why));    sockets are bound, nothing runs
 *   gw_agw_start(agw);                                           one thread per worker
 *   gw_ctl_watch(stack, gw_agw_fd(agw), dispatch, agw);          dispatch calls gw_agw_dispatch(agw)
 *   gw_agw_submit(agw, &req, on_reply, arg);                     iq.h
 *   gw_agw_free(agw);                                            stops and joins the workers
 *
 * Thread: control, for everything here. No call blocks, but start and free (thread create and join). */
#ifndef GW_AGW_H
#define GW_AGW_H

#include <stddef.h>

#include "gateway/base/conf.h"
#include "gateway/control/agw.h"

/* Makes the certificate, the workers and their sockets. conf is borrowed for the life of *out. On error `why` says
 * which address or setting it was: GW_E_INVAL (setting), GW_E_IO (address in use or not of this machine), GW_E_NOMEM.
 */
GW_MUST_CHECK int gw_agw_new(const struct gw_conf *conf, gw_agw_notify_cb *on_notify, void *arg, struct gw_agw **out,
                             char *why, size_t why_size);
GW_MUST_CHECK int gw_agw_start(struct gw_agw *agw);

#endif
