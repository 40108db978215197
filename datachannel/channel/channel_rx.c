#include <ctype.h>
#include <stdlib.h>

#include "datachannel/channel/channel_priv.h"
#include "gateway/base/utf8.h"

/* A stream without a channel is reset (RFC 8831 s. 6.6, RFC 8832 s. 6). */
void gw_channels_refuse(struct gw_channels *cs, uint16_t stream, enum gw_channel_cause cause)
{
    (void)gw_sctp_reset(cs->a, stream); /* AGAIN: it is under reset already */
    cs->ev->on_refused(cs->arg, stream, cause);
}

void gw_channel_fail(struct gw_channel *ch, enum gw_channel_cause cause)
{
    if (ch->state >= GW_CHANNEL_CLOSING)
        return;
    ch->state = GW_CHANNEL_CLOSING;
    ch->cause = cause;
    gw_queue_clear(&ch->tx); /* the peer broke the channel: what waits for it has no reader */
    gw_channels_pump(ch->cs);
}

/* Takes an OPEN apart; a channel that nobody can serve is not acknowledged (RFC 8832 s. 6). */
static int judge_open(struct gw_channels *cs, uint16_t stream, struct gw_span m, struct gw_channel_config *c,
                      enum gw_channel_cause *cause)
{
    struct gw_dcep_open open;

    *cause = GW_CHANNEL_BAD_DCEP;
    if (gw_dcep_parse_open(m, &open) != 0)
        return GW_E_SYNTAX;
    *cause = GW_CHANNEL_PARITY;
    if (!gw_dcep_may_open(!cs->config.is_dtls_client, stream))
        return GW_E_ROLE;
    *c = (struct gw_channel_config){
        .stream = stream, .is_ordered = open.is_ordered, .max_retr = -1, .max_time_ms = -1, .priority = open.priority
    };
    *cause = GW_CHANNEL_UNKNOWN_PROTOCOL;
    if (open.protocol.len == 0 || gw_span_copy(open.protocol, c->protocol, sizeof(c->protocol)) != 0)
        return GW_E_UNSUPPORTED;
    for (char *p = c->protocol; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    if (open.kind == GW_DCEP_MAX_RETR)
        c->max_retr = open.limit > INT32_MAX ? INT32_MAX : (int32_t)open.limit;
    if (open.kind == GW_DCEP_MAX_TIME)
        c->max_time_ms = open.limit > INT32_MAX ? INT32_MAX : (int32_t)open.limit;
    *cause = GW_CHANNEL_UNFIT; /* every sub-protocol of ours needs all of its octets in order */
    if (!open.is_ordered || open.kind != GW_DCEP_RELIABLE)
        return GW_E_UNSUPPORTED;
    *cause = GW_CHANNEL_UNKNOWN_PROTOCOL;
    return cs->ev->on_ask(cs->arg, c) ? 0 : GW_E_UNSUPPORTED;
}

static void receive_open(struct gw_channels *cs, uint16_t stream, struct gw_span m)
{
    static const uint8_t ack = GW_DCEP_ACK;
    struct gw_channel *ch = gw_channels_find(cs, stream);
    struct gw_channel_config c;
    enum gw_channel_cause cause;

    if (ch) { /* declared by SDP and opened in band too: acknowledged, the SDP's parameters rule */
        if (ch->is_in_band || ch->state != GW_CHANNEL_OPEN)
            gw_channel_fail(ch, GW_CHANNEL_BAD_DCEP);
        else if (gw_queue_put(&ch->tx, GW_PPID_DCEP, true, (struct gw_span){ &ack, 1 }) == 0)
            ch->is_in_band = true;
        return;
    }
    if (judge_open(cs, stream, m, &c, &cause) != 0) {
        gw_channels_refuse(cs, stream, cause);
        return;
    }
    if (gw_channels_add(cs, &c, &ch) != 0) {
        gw_channels_refuse(cs, stream, GW_CHANNEL_TOO_MANY);
        return;
    }
    ch->is_in_band = true;
    if (gw_queue_put(&ch->tx, GW_PPID_DCEP, true, (struct gw_span){ &ack, 1 }) != 0) {
        gw_channel_fail(ch, GW_CHANNEL_TOO_MANY);
        return;
    }
    cs->ev->on_open(cs->arg, ch);
}

static void receive_dcep(struct gw_channels *cs, uint16_t stream, struct gw_span m)
{
    struct gw_channel *ch = gw_channels_find(cs, stream);

    if (gw_dcep_is_ack(m)) {
        /* we open none in band: an ACK has nothing to acknowledge */
        if (ch)
            gw_channel_fail(ch, GW_CHANNEL_BAD_DCEP);
        else
            gw_channels_refuse(cs, stream, GW_CHANNEL_BAD_DCEP);
        return;
    }
    receive_open(cs, stream, m);
}

/* Delivers, or keeps while the channel is stopped. */
static void hand_on(struct gw_channel *ch, uint32_t ppid, struct gw_span m)
{
    if (!ch->is_stopped && !ch->rx.first) {
        ch->cs->ev->on_message(ch->cs->arg, ch, ppid == GW_PPID_STRING, m);
        return;
    }
    if (gw_queue_put(&ch->rx, ppid, false, m) != 0) {
        gw_channel_fail(ch, GW_CHANNEL_TOO_MANY);
        return;
    }
    if (ch->rx.octets > GW_CHANNEL_QUEUE) /* one window for all channels: now all wait (RFC 9260 s. 6.2) */
        gw_sctp_pause(ch->cs->a);
}

void gw_channels_receive(struct gw_channels *cs, uint16_t stream, uint32_t ppid, struct gw_span m)
{
    struct gw_channel *ch;

    if (ppid == GW_PPID_DCEP) {
        receive_dcep(cs, stream, m);
        return;
    }
    ch = gw_channels_find(cs, stream);
    if (!ch) {
        gw_channels_refuse(cs, stream, GW_CHANNEL_NO_CHANNEL);
        return;
    }
    if (ch->state != GW_CHANNEL_OPEN && !(ch->state == GW_CHANNEL_CLOSING && ch->cause == GW_CHANNEL_BY_US))
        return; /* refused already; what comes before the peer sees the reset is not wanted */
    switch (ppid) {
    case GW_PPID_STRING:
        if (!gw_utf8_is_valid(m) && strcmp(ch->c.protocol, "t140") != 0) { /* T.140 marks what it cannot read */
            gw_channel_fail(ch, GW_CHANNEL_BAD_PPID);
            break;
        }
        hand_on(ch, ppid, m);
        break;
    case GW_PPID_BINARY:
        hand_on(ch, ppid, m);
        break;
    case GW_PPID_STRING_EMPTY:
    case GW_PPID_BINARY_EMPTY:
        break; /* nothing to say, in all of our sub-protocols */
    default:
        gw_channel_fail(ch, GW_CHANNEL_BAD_PPID);
        break;
    }
}

void gw_channel_stop(struct gw_channel *ch)
{
    ch->is_stopped = true;
}

void gw_channel_start(struct gw_channel *ch)
{
    struct gw_channels *cs = ch->cs;
    uint16_t stream = ch->c.stream;

    ch->is_stopped = false;
    while (ch && ch->rx.first && !ch->is_stopped) {
        struct queued *m = ch->rx.first;
        bool is_string = m->ppid == GW_PPID_STRING;
        ch->rx.first = m->next;
        ch->rx.octets -= m->len;
        cs->ev->on_message(cs->arg, ch, is_string, (struct gw_span){ m->octets, m->len });
        free(m);
        ch = gw_channels_find(cs, stream); /* the callback may have ended it */
    }
    for (unsigned i = 0; i < cs->n; i++)
        if (cs->list[i]->rx.octets > GW_CHANNEL_QUEUE)
            return;
    gw_sctp_resume(cs->a);
}
