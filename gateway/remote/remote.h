/* Iq between machines as the program uses it: a controller whose access gateways are elsewhere (struct gw_agw of
 * gateway/control/agw.h), and an access gateway whose controllers are. Thread: control; nothing blocks.
 *
 * Configuration: iq_agws or iq_listen, iq_cert, iq_key, iq_ca, iq_peers, iq_node, iq_grace. */
#ifndef GW_REMOTE_H
#define GW_REMOTE_H

#include <stddef.h>

#include "gateway/base/conf.h"
#include "gateway/control/agw.h"

/* ---- the controller ---- */

/* Connects to all of iq_agws, again and again. `why` says which setting is wrong. */
GW_MUST_CHECK int gw_remote_new(const struct gw_conf *conf, gw_agw_notify_cb *on_notify, void *arg, struct gw_agw **out,
                                char *why, size_t why_size);

/* Reads the files of iq_cert, iq_key and iq_ca again, for connections from now on. On an error the old ones stay. */
int gw_remote_reload(struct gw_agw *remote, const struct gw_conf *conf, char *why, size_t why_size);

/* ---- the access gateway ---- */

struct gw_listen;
/* `local` carries out what controllers ask for and is borrowed: it is freed first, but after gw_listen_end. */
GW_MUST_CHECK int gw_listen_new(const struct gw_conf *conf, struct gw_agw *local, struct gw_listen **out, char *why,
                                size_t why_size);
void gw_listen_free(struct gw_listen *l);
int gw_listen_fd(const struct gw_listen *l); /* readable: dispatch */
void gw_listen_dispatch(struct gw_listen *l);
void gw_listen_notify(struct gw_listen *l, const struct gw_iq_notify *n); /* of `local` */
int gw_listen_reload(struct gw_listen *l, const struct gw_conf *conf, char *why, size_t why_size);
void gw_listen_drain(struct gw_listen *l); /* no new contexts */
void gw_listen_end(struct gw_listen *l);   /* controllers are told that the contexts are gone */
/* The controllers: a fresh JSON list that the caller frees. */
char *gw_listen_list_json(const struct gw_listen *l);

#endif
