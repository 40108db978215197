/* The controller: connections to its access gateways, made again with back-off. */
#include "gateway/remote/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "gateway/remote/pool.h"
#include "gateway/remote/remote_priv.h"

enum { BACKOFF_MIN_MS = 200, BACKOFF_MAX_MS = 10000 };

struct remote {
    struct gw_agw agw;
    struct gw_tls_trust *trust;
    struct gw_wires *wires;
    struct gw_pool *pool;
    unsigned n;
    struct peer {
        struct gw_addr addr;
        bool is_open;  /* connected, or on the way */
        char told[80]; /* why it failed, as logged: not again at every try */
        uint64_t try_us;
        unsigned backoff_ms;
    } peers[GW_POOL_AGWS];
    char *const *names;
};

/* ---- what both ends are made of ---- */

static const char *key_of(const struct gw_conf *c)
{
    return *c->iq_key ? c->iq_key : c->iq_cert;
}

int gw_remote_trust_again(struct gw_tls_trust *trust, const struct gw_conf *c, char *why, size_t why_size)
{
    return gw_tls_trust_reload(trust, c->iq_cert, key_of(c), c->iq_ca, why, why_size);
}

int gw_remote_trust(const struct gw_conf *c, struct gw_tls_trust **out, char *why, size_t why_size)
{
    char what[600];
    int err = gw_tls_trust_new(c->iq_cert, key_of(c), c->iq_ca, c->iq_peers.v, c->iq_peers.n, out, what, sizeof(what));

    return err ? gw_conf_refuse(c, GW_CONF_iq_cert, err, why, why_size, "%s", what) : 0;
}

void gw_remote_node(const struct gw_conf *c, char node[GW_IQ_NODE + 1])
{
    if (*c->iq_node)
        snprintf(node, GW_IQ_NODE + 1, "%s", c->iq_node);
    else if (gethostname(node, GW_IQ_NODE) != 0)
        snprintf(node, GW_IQ_NODE + 1, "unnamed");
    node[GW_IQ_NODE] = 0;
}

uint64_t gw_remote_incarnation(void)
{
    return (gw_rand_u64() >> 1) | 1;
}

/* ---- connections ---- */

/* Later and later, and not all at once. */
static void later(struct peer *p, uint64_t now_us)
{
    p->is_open = false;
    p->backoff_ms = p->backoff_ms ? p->backoff_ms * 2 : BACKOFF_MIN_MS;
    if (p->backoff_ms > BACKOFF_MAX_MS)
        p->backoff_ms = BACKOFF_MAX_MS;
    p->try_us = now_us + (p->backoff_ms / 2 + gw_rand_u32() % (p->backoff_ms / 2 + 1)) * GW_MS;
}

static void complain(struct remote *r, unsigned i, const char *why)
{
    char *told = r->peers[i].told;

    if (strncmp(told, why, sizeof(r->peers[i].told) - 1) == 0)
        return;
    snprintf(told, sizeof(r->peers[i].told), "%s", why);
    gw_log(GW_LOG_ERROR, "iq", NULL, "no connection to access gateway %s: %s; tried again and again", r->names[i], why);
}

static void connect_all(struct remote *r, uint64_t now_us)
{
    for (unsigned i = 0; i < r->n; i++) {
        struct peer *p = &r->peers[i];
        if (p->is_open || p->try_us > now_us)
            continue;
        p->is_open = gw_wires_connect(r->wires, i, &p->addr, now_us) == 0;
        if (!p->is_open) {
            complain(r, i, "no route");
            later(p, now_us);
        }
    }
}

static void on_up(void *arg, unsigned wire, const char *peer_name)
{
    struct remote *r = arg;

    r->peers[wire].backoff_ms = 0;
    r->peers[wire].told[0] = 0;
    gw_pool_opened(r->pool, wire, gw_clock_us());
}

static void on_message(void *arg, unsigned wire, struct gw_span text)
{
    gw_pool_input(((struct remote *)arg)->pool, wire, text, gw_clock_us());
}

static void on_down(void *arg, unsigned wire, bool was_up, const char *why)
{
    struct remote *r = arg;
    uint64_t now = gw_clock_us();

    if (was_up)
        gw_pool_closed(r->pool, wire, now);
    else
        complain(r, wire, why);
    later(&r->peers[wire], now);
}

static int do_send(void *arg, unsigned agw, struct gw_span text)
{
    return gw_wires_send(((struct remote *)arg)->wires, agw, text);
}

static void do_drop(void *arg, unsigned agw)
{
    struct remote *r = arg;

    gw_wires_close(r->wires, agw);
    later(&r->peers[agw], gw_clock_us());
}

/* ---- struct gw_agw ---- */

static struct remote *of(const struct gw_agw *a)
{
    return (struct remote *)(uintptr_t)a; /* its first member */
}

int gw_remote_reload(struct gw_agw *agw, const struct gw_conf *conf, char *why, size_t why_size)
{
    return gw_remote_trust_again(of(agw)->trust, conf, why, why_size);
}

static void set_timer(struct remote *r)
{
    uint64_t at = gw_pool_deadline_us(r->pool);

    for (unsigned i = 0; i < r->n; i++)
        if (!r->peers[i].is_open && r->peers[i].try_us < at)
            at = r->peers[i].try_us;
    gw_wires_set_timer(r->wires, at);
}

static int submit(struct gw_agw *agw, struct gw_iq_req **req, gw_iq_reply_cb *on_reply, void *arg)
{
    struct remote *r = of(agw);
    int err = gw_pool_submit(r->pool, req, on_reply, arg, gw_clock_us());

    set_timer(r);
    return err;
}

static int get_fd(const struct gw_agw *agw)
{
    return gw_wires_fd(of(agw)->wires);
}

static void dispatch(struct gw_agw *agw)
{
    struct remote *r = of(agw);

    gw_wires_dispatch(r->wires, gw_clock_us());
    gw_pool_expire(r->pool, gw_clock_us());
    connect_all(r, gw_clock_us());
    set_timer(r);
}

static unsigned contexts(const struct gw_agw *agw)
{
    return gw_pool_contexts(of(agw)->pool);
}

static char *list_json(const struct gw_agw *agw)
{
    json_t *j = gw_pool_list(of(agw)->pool);
    char *text = json_dumps(j, JSON_COMPACT);

    json_decref(j);
    return text;
}

static void stop(struct gw_agw *agw)
{
    struct remote *r = of(agw);

    gw_pool_free(r->pool);
    gw_wires_free(r->wires);
    gw_tls_trust_free(r->trust);
    free(r);
}

static const struct gw_agw_ops ops = { submit, get_fd, dispatch, contexts, list_json, stop };

static int make(struct remote *r, const struct gw_conf *conf, gw_agw_notify_cb *on_notify, void *arg, char *why,
                size_t why_size)
{
    struct gw_wire_events events = { on_up, on_message, on_down, r };
    struct gw_pool_world world = { r, do_send, do_drop, on_notify, arg };
    char node[GW_IQ_NODE + 1];
    int err = 0;

    for (unsigned i = 0; !err && i < r->n; i++)
        err = gw_addr_parse(conf->iq_agws.v[i], &r->peers[i].addr);
    if (err || r->n == 0)
        return gw_conf_refuse(conf, GW_CONF_iq_agws, GW_E_INVAL, why, why_size, "not ADDRESS:PORT of access gateways");
    err = gw_remote_trust(conf, &r->trust, why, why_size);
    if (!err)
        err = gw_wires_new(r->trust, &events, &r->wires);
    gw_remote_node(conf, node);
    if (!err)
        err = gw_pool_new(&world, conf->iq_agws.v, r->n, node, gw_remote_incarnation(), (uint64_t)conf->iq_grace * GW_S,
                          &r->pool);
    return err;
}

int gw_remote_new(const struct gw_conf *conf, gw_agw_notify_cb *on_notify, void *arg, struct gw_agw **out, char *why,
                  size_t why_size)
{
    struct remote *r = calloc(1, sizeof(*r));
    int err;

    snprintf(why, why_size, "out of memory or descriptors");
    if (!r)
        return GW_E_NOMEM;
    r->agw.ops = &ops;
    r->n = conf->iq_agws.n;
    r->names = conf->iq_agws.v;
    err = make(r, conf, on_notify, arg, why, why_size);
    if (err) {
        stop(&r->agw);
        return err;
    }
    gw_wires_set_timer(r->wires, gw_clock_us());
    *out = &r->agw;
    return 0;
}
