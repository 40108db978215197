/* The access gateway: a listener for its controllers. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/remote/remote_priv.h"

struct gw_listen {
    struct gw_agw *local;
    struct gw_tls_trust *trust;
    struct gw_wires *wires;
    struct gw_served *served;
};

static void on_up(void *arg, unsigned wire, const char *peer_name)
{
    gw_served_opened(((struct gw_listen *)arg)->served, wire, peer_name, gw_clock_us());
}

static void on_message(void *arg, unsigned wire, struct gw_span text)
{
    gw_served_input(((struct gw_listen *)arg)->served, wire, text, gw_clock_us());
}

static void on_down(void *arg, unsigned wire, bool was_up, const char *why)
{
    struct gw_listen *l = arg;

    if (was_up)
        gw_served_closed(l->served, wire, gw_clock_us());
    else
        gw_log(GW_LOG_WARNING, "iq", NULL, "a controller was refused: %s", why);
}

static int do_send(void *arg, unsigned conn, struct gw_span text)
{
    return gw_wires_send(((struct gw_listen *)arg)->wires, conn, text);
}

static void do_drop(void *arg, unsigned conn)
{
    gw_wires_close(((struct gw_listen *)arg)->wires, conn);
}

static int do_submit(void *arg, struct gw_iq_req **req, gw_iq_reply_cb *on_reply, void *reply_arg)
{
    return gw_agw_submit(((struct gw_listen *)arg)->local, req, on_reply, reply_arg);
}

int gw_listen_fd(const struct gw_listen *l)
{
    return gw_wires_fd(l->wires);
}

void gw_listen_dispatch(struct gw_listen *l)
{
    gw_wires_dispatch(l->wires, gw_clock_us());
    gw_served_expire(l->served, gw_clock_us());
    gw_wires_set_timer(l->wires, gw_served_deadline_us(l->served));
}

void gw_listen_notify(struct gw_listen *l, const struct gw_iq_notify *n)
{
    gw_served_notify(l->served, n, gw_clock_us());
}

int gw_listen_reload(struct gw_listen *l, const struct gw_conf *conf, char *why, size_t why_size)
{
    return gw_remote_trust_again(l->trust, conf, why, why_size);
}

void gw_listen_drain(struct gw_listen *l)
{
    gw_served_drain(l->served, gw_clock_us());
}

void gw_listen_end(struct gw_listen *l)
{
    gw_served_end(l->served, gw_clock_us());
}

char *gw_listen_list_json(const struct gw_listen *l)
{
    json_t *j = gw_served_list(l->served, gw_clock_us());
    char *text = json_dumps(j, JSON_COMPACT);

    json_decref(j);
    return text;
}

static int make(struct gw_listen *l, const struct gw_conf *conf, char *why, size_t why_size)
{
    struct gw_wire_events events = { on_up, on_message, on_down, l };
    struct gw_served_world world = { l, do_send, do_drop, do_submit };
    char node[GW_IQ_NODE + 1];
    int err = gw_remote_trust(conf, &l->trust, why, why_size);

    gw_remote_node(conf, node);
    if (!err)
        err = gw_wires_new(l->trust, &events, &l->wires);
    if (!err)
        err = gw_served_new(&world, node, gw_remote_incarnation(), (unsigned)(conf->workers * conf->media_contexts),
                            (uint64_t)conf->iq_grace * GW_S, &l->served);
    if (!err && gw_wires_listen(l->wires, &conf->iq_listen) != 0)
        err = gw_conf_refuse(conf, GW_CONF_iq_listen, GW_E_IO, why, why_size, "cannot listen there");
    return err;
}

int gw_listen_new(const struct gw_conf *conf, struct gw_agw *local, struct gw_listen **out, char *why, size_t why_size)
{
    struct gw_listen *l = calloc(1, sizeof(*l));
    int err;

    snprintf(why, why_size, "out of memory or descriptors");
    if (!l)
        return GW_E_NOMEM;
    l->local = local;
    err = make(l, conf, why, why_size);
    if (err) {
        gw_listen_free(l);
        return err;
    }
    gw_wires_set_timer(l->wires, gw_clock_us());
    *out = l;
    return 0;
}

void gw_listen_free(struct gw_listen *l)
{
    if (!l)
        return;
    gw_wires_free(l->wires);
    gw_served_free(l->served);
    gw_tls_trust_free(l->trust);
    free(l);
}
