/* BFCP over TCP (RFC 8855, RFC 8856): the demo core's one floor control server, and a connection to it for each m-line.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "signaling/demo_core/floor.h"
#include "signaling/demo_core/tcp.h"

enum { OUT = 65536 }; /* statuses that nobody reads */

struct control {
    struct gw_demo_media *media;
    struct gw_demo_tcp tcp;
    struct gw_floor_user user;
    struct gw_addr remote;
    bool is_active, is_overdue;
    size_t in_len, out_len;
    uint8_t in[GW_FLOOR_MESSAGE], out[OUT];
};

static void on_up(void *arg)
{
    struct control *c = arg;

    gw_log(GW_LOG_INFO, "demo", c->media->call_id, "floor: connected, user %u", c->user.id);
    c->in_len = c->out_len = 0;
    c->is_overdue = false;
}

/* Whole messages; what is no BFCP, or larger than any request, ends the connection (RFC 8855 s. 6.1). */
static bool on_octets(void *arg, struct gw_span octets)
{
    struct control *c = arg;
    const uint8_t *p = octets.ptr;
    size_t n, len;

    c->media->heard_us = gw_ctl_now_us(c->media->stack);
    for (size_t at = 0; at < octets.len; at += n) {
        n = octets.len - at < sizeof(c->in) - c->in_len ? octets.len - at : sizeof(c->in) - c->in_len;
        memcpy(c->in + c->in_len, p + at, n);
        c->in_len += n;
        for (;;) {
            if (gw_bfcp_frame((struct gw_span){ c->in, c->in_len }, &len) != 0 || len > sizeof(c->in))
                return false;
            if (len == 0 || len > c->in_len)
                break;
            gw_floor_message(c->media->floor, &c->user, (struct gw_span){ c->in, len });
            c->in_len -= len;
            memmove(c->in, c->in + len, c->in_len);
        }
    }
    return !c->is_overdue;
}

static void on_message(void *arg, struct gw_span message) /* for the other side */
{
    struct control *c = arg;

    if (!c->tcp.is_up)
        return;
    if (message.len > sizeof(c->out) - c->out_len) {
        c->is_overdue = true;
        return;
    }
    memcpy(c->out + c->out_len, message.ptr, message.len);
    c->out_len += message.len;
    gw_demo_tcp_push(&c->tcp);
}

static struct gw_span pending(void *arg)
{
    struct control *c = arg;

    return (struct gw_span){ c->out, c->out_len };
}

static void on_written(void *arg, size_t len)
{
    struct control *c = arg;

    c->out_len -= len;
    memmove(c->out, c->out + len, c->out_len);
}

static void on_lost(void *arg) /* requests stay: the client comes back, or its call ends */
{
    struct control *c = arg;

    gw_log(GW_LOG_INFO, "demo", c->media->call_id, "floor: connection lost");
}

static const struct gw_demo_tcp_events tcp_events = { on_up, on_octets, pending, on_written, on_lost };

static void floor_close(struct gw_demo_line *l)
{
    struct control *c = l->state;

    gw_floor_leave(c->media->floor, &c->user);
    gw_demo_tcp_close(&c->tcp);
    free(c);
}

static int floor_open(struct gw_demo_line *l)
{
    struct control *c = calloc(1, sizeof(*c));
    int err = c ? gw_demo_tcp_open(&c->tcp, l->media, &tcp_events, c, &l->port) : GW_E_NOMEM;

    if (err) {
        free(c);
        return err;
    }
    c->media = l->media;
    c->user.send = on_message;
    c->user.arg = c;
    gw_floor_enter(l->media->floor, &c->user);
    l->state = c;
    return 0;
}

/* Only clients: who offers to be the server alone is in the wrong place. */
static bool floor_can_take(const struct gw_sdp_media *m)
{
    struct gw_span v;
    unsigned pos = 0;

    return gw_span_is(m->type, "application") && gw_span_is_nocase(m->proto, "TCP/BFCP") &&
           !(gw_sdp_attr(&m->section, "floorctrl", &pos, &v) && gw_span_is(v, "s-only"));
}

static int floor_apply(struct gw_demo_line *l, const struct gw_sdp *sdp, const struct gw_sdp_media *m, bool is_answer)
{
    enum gw_sdp_setup setup = GW_SDP_SETUP_ABSENT;
    struct control *c = l->state;
    struct gw_span v;
    unsigned pos = 0;
    int err = gw_sdp_address(sdp, m, &c->remote);

    if (!err && gw_sdp_attr(&m->section, "setup", &pos, &v))
        err = gw_sdp_parse_setup(v, &setup);
    if (err)
        return err;
    /* absent means active of an offer, passive of an answer (RFC 4145 s. 4.1); where we may choose, we wait */
    c->is_active = setup == GW_SDP_PASSIVE || (is_answer && setup == GW_SDP_SETUP_ABSENT);
    if (c->is_active && !c->tcp.is_up)
        gw_demo_tcp_connect(&c->tcp, &c->remote);
    return 0;
}

static void floor_write(const struct gw_demo_line *l, const struct gw_sdp_media *offer, struct gw_sdp_buf *b)
{
    const struct control *c = l->state;

    gw_demo_write_line(l, offer, "application", "TCP/BFCP", "*", b);
    gw_sdp_printf(
        b, "a=floorctrl:s-only\r\na=confid:%u\r\na=userid:%u\r\na=floorid:%u\r\na=setup:%s\r\na=connection:%s\r\n",
        GW_FLOOR_CONFERENCE, c->user.id, GW_FLOOR_ID,
        !offer         ? "actpass"
        : c->is_active ? "active"
                       : "passive",
        c->tcp.is_up ? "existing" : "new");
}

static bool floor_is_expecting(const struct gw_demo_line *l)
{
    const struct control *c = l->state;

    return !c->tcp.is_up;
}

const struct gw_demo_line_ops gw_demo_line_floor = { "floor",     floor_can_take, floor_open,        floor_close,
                                                     floor_apply, floor_write,    floor_is_expecting };
