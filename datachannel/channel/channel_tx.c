#include "datachannel/channel/channel_priv.h"

enum { QUANTUM = 16384 }; /* octets a turn of a channel of normal priority (256) may take */

const struct gw_channel_config *gw_channel_config(const struct gw_channel *ch)
{
    return &ch->c;
}

enum gw_channel_state gw_channel_state(const struct gw_channel *ch)
{
    return ch->state;
}

size_t gw_channel_queued(const struct gw_channel *ch)
{
    return ch->tx.octets;
}

size_t gw_channel_max_message(const struct gw_channel *ch)
{
    uint32_t peer = ch->cs->config.peer_max_message;
    return peer && peer < GW_SCTP_BUFFER / 2 ? peer : GW_SCTP_BUFFER / 2;
}

int gw_channel_send(struct gw_channel *ch, bool is_string, struct gw_span message)
{
    int err;

    if (ch->state >= GW_CHANNEL_CLOSING)
        return GW_E_STATE;
    if (message.len == 0)
        return 0; /* an empty message says nothing in our sub-protocols */
    if (message.len > gw_channel_max_message(ch))
        return GW_E_LIMIT;
    if (ch->tx.octets && ch->tx.octets + message.len > GW_CHANNEL_QUEUE) {
        ch->is_full = true;
        return GW_E_FULL;
    }
    err = gw_queue_put(&ch->tx, is_string ? GW_PPID_STRING : GW_PPID_BINARY, false, message);
    if (!err)
        gw_channels_pump(ch->cs);
    return err;
}

void gw_channel_close(struct gw_channel *ch)
{
    if (ch->state >= GW_CHANNEL_CLOSING)
        return;
    ch->state = GW_CHANNEL_CLOSING;
    ch->cause = GW_CHANNEL_BY_US;
    gw_channels_pump(ch->cs);
}

static int send_first(struct gw_channel *ch)
{
    const struct queued *m = ch->tx.first;
    struct gw_sctp_send how = { ch->c.stream, m->ppid, !ch->c.is_ordered && !m->is_ordered_once,
                                m->is_ordered_once ? -1 : ch->c.max_retr, m->is_ordered_once ? -1 : ch->c.max_time_ms };

    return gw_sctp_send(ch->cs->a, &how, (struct gw_span){ m->octets, m->len });
}

/* One turn: as much as the channel's priority gives (RFC 8831 s. 6.4). False: the association takes no more. */
static bool take_turn(struct gw_channel *ch)
{
    if (ch->credit <= 0) /* a turn cut short by a full association goes on where it was */
        ch->credit += QUANTUM * ch->c.priority / 256;
    while (ch->tx.first && ch->credit > 0) {
        size_t len = ch->tx.first->len;
        int err = gw_sctp_unsent(ch->cs->a) >= GW_CHANNEL_IN_FLIGHT ? GW_E_AGAIN : send_first(ch);
        if (err == GW_E_AGAIN) {
            gw_sctp_ask_writable(ch->cs->a);
            return false;
        }
        ch->credit -= (int32_t)len;
        gw_queue_pop(&ch->tx); /* sent, or never sendable: a stream that the association does not have */
    }
    if (!ch->tx.first)
        ch->credit = 0;
    return true;
}

static bool has_work(const struct gw_channels *cs)
{
    for (unsigned i = 0; i < cs->n; i++)
        if (cs->list[i]->tx.first && cs->list[i]->state != GW_CHANNEL_OPENING)
            return true;
    return false;
}

static void ask_resets(struct gw_channels *cs)
{
    for (unsigned i = 0; i < cs->n; i++) {
        struct gw_channel *ch = cs->list[i];
        if (ch->state == GW_CHANNEL_CLOSING && !ch->tx.first && !ch->own_reset_asked)
            ch->own_reset_asked = gw_sctp_reset(cs->a, ch->c.stream) == 0; /* else with the next event */
    }
}

static void tell_writable(struct gw_channels *cs)
{
    for (unsigned i = 0; i < cs->n; i++) {
        struct gw_channel *ch = cs->list[i];
        if (!ch->is_full || ch->tx.octets > GW_CHANNEL_QUEUE / 4 || ch->state >= GW_CHANNEL_CLOSING)
            continue;
        ch->is_full = false;
        cs->ev->on_writable(cs->arg, ch);
        i = (unsigned)-1; /* the callback may have changed the list: from the start */
    }
}

void gw_channels_pump(struct gw_channels *cs)
{
    if (!cs->is_up || cs->is_pumping)
        return;
    cs->is_pumping = true;
    while (has_work(cs)) {
        struct gw_channel *ch = cs->list[cs->turn % cs->n];
        if (ch->state != GW_CHANNEL_OPENING && ch->tx.first && !take_turn(ch))
            break;
        cs->turn++;
    }
    ask_resets(cs);
    cs->is_pumping = false;
    tell_writable(cs);
}
