/* N SIP users over WebSocket and the core behind the gateway, in one thread: users "uI" register and call "cI", whom
 * the core's end answers with the address of phone I of the load (load.h). Media is the load's. */
#ifndef BENCH_USERS_H
#define BENCH_USERS_H

#include "bench/load.h"

struct users;

struct users_conf {
    unsigned n;
    bool has_tls;
    uint16_t ws_port, core_port;
    struct load *load;
    uint8_t pt;
};

int users_new(const struct users_conf *conf, struct users **out);
void users_free(struct users *u);
/* Each for the first n users that are ready for it, `parallel` at a time; returns how many succeeded. */
unsigned users_register(struct users *u, unsigned n, unsigned parallel, unsigned timeout_ms);
unsigned users_call(struct users *u, unsigned n, unsigned parallel, unsigned timeout_ms);
unsigned users_hang_up(struct users *u, unsigned n, unsigned parallel, unsigned timeout_ms);
void users_idle(struct users *u, unsigned ms); /* answers what comes */

#endif
