/* The operator's console: a page, and what it asks for, over HTTP on admin_listen. /api/VERB[/ARGUMENT] answers as the
 * admin socket does: GET for verbs that only look, POST for those that change something. /healthz and /metrics are as
 * at the front.
 *
 * Who may: looking is free from this machine, from elsewhere it takes admin_token; changing always does. No other site
 * can use a browser to get in: the Host must be an address, localhost or one of admin_hosts (DNS rebinding), there is
 * no CORS, and a token is no cookie.
 *
 * Plain HTTP, for loopback and proxies that have TLS. Thread: control. Nothing blocks but the reading of the page's
 * files from disk: connections, heads and their time are bounded, and a connection ends with its answer. */
#ifndef GW_CONSOLE_H
#define GW_CONSOLE_H

#include "gateway/admin/admin.h"
#include "gateway/base/conf.h"

enum {
    GW_CONSOLE_CLIENTS = 16,    /* at a time; one more takes the place of the oldest */
    GW_CONSOLE_LIFE_MS = 15000, /* of a connection, from its first octet to the last of its answer */
};

struct gw_console;

/* *out is NULL if admin_listen has no port. The rest is borrowed for life; `conf` until gw_console_reload. */
int gw_console_new(const struct gw_conf *conf, const struct gw_admin_verb *verbs, unsigned nverbs, void *ctx,
                   struct gw_console **out, char *why, size_t why_size);
void gw_console_free(struct gw_console *k); /* NULL is fine, here and below */
void gw_console_reload(struct gw_console *k, const struct gw_conf *conf);
/* From now on /healthz says 503. */
void gw_console_drain(struct gw_console *k);

/* Readable whenever gw_console_dispatch has something to do. Stays the same for life. */
int gw_console_fd(const struct gw_console *k);
void gw_console_dispatch(struct gw_console *k);

#endif
