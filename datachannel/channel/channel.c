#include <stdlib.h>

#include "datachannel/channel/channel_priv.h"

/* ---- queues ---- */

int gw_queue_put(struct queue *q, uint32_t ppid, bool is_ordered_once, struct gw_span m)
{
    struct queued *m2 = malloc(sizeof(*m2) + m.len);

    if (!m2)
        return GW_E_NOMEM;
    m2->next = NULL;
    m2->len = m.len;
    m2->ppid = ppid;
    m2->is_ordered_once = is_ordered_once;
    memcpy(m2->octets, m.ptr, m.len);
    if (!q->first)
        q->last = &q->first;
    *q->last = m2;
    q->last = &m2->next;
    q->octets += m.len;
    return 0;
}

void gw_queue_pop(struct queue *q)
{
    struct queued *m = q->first;

    q->first = m->next;
    q->octets -= m->len;
    free(m);
}

void gw_queue_clear(struct queue *q)
{
    while (q->first)
        gw_queue_pop(q);
}

/* ---- the table ---- */

struct gw_channel *gw_channels_find(struct gw_channels *cs, uint16_t stream)
{
    for (unsigned i = 0; i < cs->n; i++)
        if (cs->list[i]->c.stream == stream)
            return cs->list[i];
    return NULL;
}

int gw_channels_add(struct gw_channels *cs, const struct gw_channel_config *c, struct gw_channel **out)
{
    struct gw_channel *ch;

    if (cs->n == GW_CHANNELS_MAX || c->stream >= GW_SCTP_STREAMS || (cs->is_up && c->stream >= cs->streams))
        return GW_E_LIMIT;
    ch = calloc(1, sizeof(*ch));
    if (!ch)
        return GW_E_NOMEM;
    ch->cs = cs;
    ch->c = *c;
    if (ch->c.priority == 0)
        ch->c.priority = 256;
    ch->state = cs->is_up ? GW_CHANNEL_OPEN : GW_CHANNEL_OPENING;
    cs->list[cs->n++] = ch;
    *out = ch;
    return 0;
}

int gw_channels_declare(struct gw_channels *cs, const struct gw_channel_config *c, struct gw_channel **out)
{
    struct gw_channel *ch = gw_channels_find(cs, c->stream);
    int err;

    if (ch) {
        if (ch->state >= GW_CHANNEL_CLOSING || strcmp(ch->c.protocol, c->protocol) != 0)
            return GW_E_EXISTS;
        *out = ch;
        return 0;
    }
    if (cs->config.is_parity_strict && !gw_dcep_may_open(!cs->config.is_dtls_client, c->stream) &&
        !gw_dcep_may_open(cs->config.is_dtls_client, c->stream))
        return GW_E_ROLE;
    err = gw_channels_add(cs, c, &ch);
    if (err)
        return err;
    *out = ch;
    if (ch->state == GW_CHANNEL_OPEN)
        cs->ev->on_open(cs->arg, ch);
    return 0;
}

static void remove_channel(struct gw_channel *ch)
{
    struct gw_channels *cs = ch->cs;

    for (unsigned i = 0; i < cs->n; i++)
        if (cs->list[i] == ch) {
            cs->list[i] = cs->list[--cs->n];
            break;
        }
    gw_queue_clear(&ch->tx);
    gw_queue_clear(&ch->rx);
    free(ch);
}

void gw_channel_finish(struct gw_channel *ch)
{
    struct gw_channels *cs = ch->cs;

    if (!(ch->peer_has_reset && ch->own_reset_done) && !cs->is_down)
        return;
    if (ch->state == GW_CHANNEL_CLOSED)
        return;
    ch->state = GW_CHANNEL_CLOSED;
    cs->ev->on_close(cs->arg, ch, ch->cause);
    remove_channel(ch);
}

/* ---- events of the association ---- */

static void on_send(void *arg, struct gw_span packet)
{
    struct gw_channels *cs = arg;
    cs->ev->send(cs->arg, packet);
}

static void on_up(void *arg, unsigned in, unsigned out)
{
    struct gw_channels *cs = arg;

    cs->is_up = true;
    cs->streams = in < out ? in : out;
    cs->ev->on_up(cs->arg);
    for (unsigned i = 0; i < cs->n; i++) {
        struct gw_channel *ch = cs->list[i];
        if (ch->state != GW_CHANNEL_OPENING)
            continue;
        ch->state = GW_CHANNEL_OPEN;
        cs->ev->on_open(cs->arg, ch);
    }
    gw_channels_pump(cs);
}

static void on_message(void *arg, uint16_t stream, uint32_t ppid, struct gw_span m)
{
    struct gw_channels *cs = arg;

    gw_channels_receive(cs, stream, ppid, m);
    gw_channels_pump(cs);
}

static void on_oversize(void *arg, uint16_t stream)
{
    struct gw_channels *cs = arg;
    struct gw_channel *ch = gw_channels_find(cs, stream);

    if (ch)
        gw_channel_fail(ch, GW_CHANNEL_OVERSIZE);
    else
        gw_channels_refuse(cs, stream, GW_CHANNEL_OVERSIZE);
}

/* The peer has closed its direction: ours follows after what is queued (RFC 8831 s. 6.7). */
static void on_peer_reset(void *arg, uint16_t stream)
{
    struct gw_channels *cs = arg;
    struct gw_channel *ch = gw_channels_find(cs, stream);

    if (!ch)
        return;
    ch->peer_has_reset = true;
    if (ch->state < GW_CHANNEL_CLOSING) {
        ch->state = GW_CHANNEL_CLOSING;
        ch->cause = GW_CHANNEL_BY_PEER;
    }
    gw_channels_pump(cs);
    ch = gw_channels_find(cs, stream);
    if (ch)
        gw_channel_finish(ch);
}

static void on_own_reset(void *arg, uint16_t stream, int err)
{
    struct gw_channels *cs = arg;
    struct gw_channel *ch = gw_channels_find(cs, stream);

    if (!ch || !ch->own_reset_asked)
        return;
    ch->own_reset_asked = err == 0;
    ch->own_reset_done = err == 0;
    gw_channel_finish(ch);
    gw_channels_pump(cs);
}

static void on_writable(void *arg)
{
    gw_channels_pump(arg);
}

static void on_down(void *arg, int err)
{
    struct gw_channels *cs = arg;

    cs->is_down = true;
    cs->is_up = false;
    while (cs->n) {
        struct gw_channel *ch = cs->list[cs->n - 1];
        if (ch->state < GW_CHANNEL_CLOSING)
            ch->cause = GW_CHANNEL_ASSOCIATION;
        gw_channel_finish(ch);
    }
    cs->ev->on_down(cs->arg, err);
}

static const struct gw_sctp_events sctp_events = { on_send,       on_up,        on_message,  on_oversize,
                                                   on_peer_reset, on_own_reset, on_writable, on_down };

int gw_channels_new(struct gw_sctp_host *host, const struct gw_channels_config *config, struct gw_channels **out)
{
    struct gw_channels *cs = calloc(1, sizeof(*cs));
    struct gw_sctp_config c = { config->local_port, config->remote_port, config->max_message, &sctp_events, cs };
    int err;

    if (!cs)
        return GW_E_NOMEM;
    cs->ev = config->events;
    cs->arg = config->arg;
    cs->config = *config;
    err = gw_sctp_new(host, &c, &cs->a);
    if (err) {
        free(cs);
        return err;
    }
    *out = cs;
    return 0;
}

void gw_channels_free(struct gw_channels *cs)
{
    if (!cs)
        return;
    gw_sctp_free(cs->a);
    while (cs->n)
        remove_channel(cs->list[cs->n - 1]);
    free(cs);
}

void gw_channels_input(struct gw_channels *cs, struct gw_span packet)
{
    gw_sctp_input(cs->a, packet);
}
