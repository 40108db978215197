/* MSRP over TCP (RFC 4975, RFC 6135): one port and one session for each m-line. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "signaling/demo_core/msrp_echo.h"
#include "signaling/demo_core/tcp.h"

struct chat {
    struct gw_demo_media *media;
    struct gw_demo_tcp tcp;
    struct gw_msrp_echo *echo;
    char uri[GW_ADDR_TEXT + 64];
    struct gw_addr remote;
    bool is_active; /* we connect */
};

static void on_up(void *arg)
{
    struct chat *c = arg;

    gw_log(GW_LOG_INFO, "demo", c->media->call_id, "chat: connected");
    gw_msrp_echo_up(c->echo, c->is_active);
}

static bool on_octets(void *arg, struct gw_span octets)
{
    struct chat *c = arg;
    int err = gw_msrp_echo_read(c->echo, octets);

    c->media->heard_us = gw_ctl_now_us(c->media->stack);
    if (err)
        gw_log(GW_LOG_WARNING, "demo", c->media->call_id, "chat: %s", gw_err_text(err));
    return err == 0;
}

static struct gw_span pending(void *arg)
{
    struct chat *c = arg;

    return gw_msrp_echo_pending(c->echo);
}

static void on_written(void *arg, size_t len)
{
    struct chat *c = arg;

    gw_msrp_echo_written(c->echo, len);
}

static void on_lost(void *arg)
{
    struct chat *c = arg;

    gw_log(GW_LOG_INFO, "demo", c->media->call_id, "chat: connection lost");
    gw_msrp_echo_lost(c->echo);
}

static const struct gw_demo_tcp_events tcp_events = { on_up, on_octets, pending, on_written, on_lost };

static void chat_close(struct gw_demo_line *l)
{
    struct chat *c = l->state;

    gw_demo_tcp_close(&c->tcp);
    gw_msrp_echo_free(c->echo);
    free(c);
}

static int chat_open(struct gw_demo_line *l)
{
    struct chat *c = calloc(1, sizeof(*c));
    char text[GW_ADDR_TEXT], token[17];
    int err = c ? gw_demo_tcp_open(&c->tcp, l->media, &tcp_events, c, &l->port) : GW_E_NOMEM;

    if (err) {
        free(c);
        return err;
    }
    c->media = l->media;
    gw_rand_token(token, 16);
    snprintf(c->uri, sizeof(c->uri), "msrp://%s/%s;tcp", gw_addr_text(&c->tcp.local, text), token);
    err = gw_msrp_echo_new(c->uri, &c->echo);
    l->state = c;
    if (err)
        chat_close(l);
    return err;
}

static bool chat_can_take(const struct gw_sdp_media *m)
{
    return gw_span_is(m->type, "message") && gw_span_is_nocase(m->proto, "TCP/MSRP");
}

/* The one to connect to: the leftmost of the path, a relay of theirs (RFC 4975 s. 5.4). */
static int leftmost(struct gw_span path, struct gw_addr *out)
{
    struct gw_msrp_uri uri;
    char host[128];
    int err = gw_msrp_uri_parse(gw_sdp_token(&path), &uri);

    if (!err)
        err = gw_span_copy(uri.host, host, sizeof(host));
    return err ? err : gw_addr_parse_ip(host, uri.port > 0 ? (uint16_t)uri.port : 2855, out);
}

static int chat_apply(struct gw_demo_line *l, const struct gw_sdp *sdp, const struct gw_sdp_media *m, bool is_answer)
{
    struct chat *c = l->state;
    enum gw_sdp_setup setup = GW_SDP_SETUP_ABSENT;
    struct gw_span v;
    unsigned pos = 0;
    int err;

    if (!gw_sdp_attr(&m->section, "path", &pos, &v))
        return GW_E_SYNTAX;
    err = leftmost(v, &c->remote);
    if (!err)
        err = gw_msrp_echo_set_peer(c->echo, v);
    pos = 0;
    if (!err && gw_sdp_attr(&m->section, "setup", &pos, &v))
        err = gw_sdp_parse_setup(v, &setup);
    if (err)
        return err;
    /* without a word who offered connects (s. 5.4); where we may choose, we wait */
    c->is_active = setup == GW_SDP_PASSIVE || (is_answer && setup == GW_SDP_SETUP_ABSENT);
    if (c->is_active && !c->tcp.is_up)
        gw_demo_tcp_connect(&c->tcp, &c->remote);
    return 0;
}

static void chat_write(const struct gw_demo_line *l, const struct gw_sdp_media *offer, struct gw_sdp_buf *b)
{
    const struct chat *c = l->state;

    gw_demo_write_line(l, offer, "message", "TCP/MSRP", "*", b);
    gw_sdp_printf(b, "a=accept-types:*\r\na=max-size:%d\r\na=path:%s\r\na=setup:%s\r\n", GW_MSRP_ECHO_MAX, c->uri,
                  !offer         ? "actpass"
                  : c->is_active ? "active"
                                 : "passive");
}

static bool chat_is_expecting(const struct gw_demo_line *l)
{
    const struct chat *c = l->state;

    return !c->tcp.is_up; /* a connection, but once it stands it may be silent */
}

const struct gw_demo_line_ops gw_demo_line_chat = { "chat",     chat_can_take, chat_open,        chat_close,
                                                    chat_apply, chat_write,    chat_is_expecting };
