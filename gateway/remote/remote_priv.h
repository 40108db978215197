/* For remote.c and listen.c. */
#ifndef GW_REMOTE_PRIV_H
#define GW_REMOTE_PRIV_H

#include "gateway/base/clock.h"
#include "gateway/remote/remote.h"
#include "gateway/remote/served.h"
#include "gateway/remote/wires.h"

/* iq_cert, iq_key, iq_ca, iq_peers. */
int gw_remote_trust(const struct gw_conf *conf, struct gw_tls_trust **out, char *why, size_t why_size);
int gw_remote_trust_again(struct gw_tls_trust *trust, const struct gw_conf *conf, char *why, size_t why_size);
/* iq_node, or the name of this machine. */
void gw_remote_node(const struct gw_conf *conf, char node[GW_IQ_NODE + 1]);
uint64_t gw_remote_incarnation(void);

#endif
