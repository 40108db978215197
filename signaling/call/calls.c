/* The table of calls and the entries of call.h. */
#include <stdio.h>
#include <string.h>

#include "gateway/trace/trace.h"
#include "signaling/call/call_priv.h"

static void reap(void *arg)
{
    struct gw_calls *cs = arg;
    struct gw_call *next;

    for (struct gw_call *c = cs->first; c; c = next) {
        next = c->next;
        if (gw_call_is_over(c))
            gw_call_free(c);
    }
    if (!cs->first && cs->on_idle) {
        void (*on_idle)(void *) = cs->on_idle;
        cs->on_idle = NULL;
        on_idle(cs->idle_arg);
    }
}

void gw_calls_reap_soon(struct gw_calls *cs)
{
    gw_ctl_timer_start(cs->reaper, 0);
}

int gw_calls_new(const struct gw_conf *conf, struct gw_sip_stack *stack, struct gw_agw *agw, struct gw_calls **out)
{
    struct gw_calls *cs = calloc(1, sizeof(*cs));
    int err;

    if (!cs)
        return GW_E_NOMEM;
    *cs = (struct gw_calls){ .conf = conf, .stack = stack, .agw = agw };
    err = gw_ctl_timer_new(stack, reap, cs, &cs->reaper);
    if (err) {
        gw_calls_free(cs);
        return err;
    }
    *out = cs;
    return 0;
}

void gw_calls_reload(struct gw_calls *cs, const struct gw_conf *conf)
{
    cs->conf = conf;
}

void gw_calls_free(struct gw_calls *cs)
{
    if (!cs)
        return;
    while (cs->first) { /* the process ends before a peer has answered our BYE: the record is due all the same */
        gw_record_write(cs->first);
        gw_call_free(cs->first);
    }
    gw_ctl_timer_free(cs->reaper);
    free(cs);
}

void gw_calls_release_all(struct gw_calls *cs, void (*on_idle)(void *arg), void *arg)
{
    const struct gw_call_end why = { .by = GW_BY_GATEWAY, .status = 503, .cause = 503, .text = "gateway stops" };

    cs->on_idle = on_idle;
    cs->idle_arg = arg;
    for (struct gw_call *c = cs->first; c; c = c->next)
        gw_call_end(c, &why);
    gw_calls_reap_soon(cs);
}

unsigned gw_calls_count(const struct gw_calls *cs)
{
    return cs->n;
}

/* ---- calls by id: it is in every word from the media ---- */

static unsigned hash_of(const char *token)
{
    uint32_t h = 2166136261u; /* FNV-1a; tokens are ours and random, so nobody can aim at a bucket */

    for (; *token; token++)
        h = (h ^ (uint8_t)*token) * 16777619u;
    return h % GW_CALL_BUCKETS;
}

void gw_calls_add(struct gw_calls *cs, struct gw_call *c)
{
    struct gw_call **b = &cs->by_id[hash_of(c->id)];

    c->id_next = *b;
    *b = c;
    c->next = cs->first;
    c->prev = &cs->first;
    if (c->next)
        c->next->prev = &c->next;
    cs->first = c;
    cs->n++;
    gw_stats_add(GW_STAT_CALLS_ACTIVE, 1);
}

void gw_calls_remove(struct gw_calls *cs, struct gw_call *c)
{
    struct gw_call **b = &cs->by_id[hash_of(c->id)];

    while (*b != c)
        b = &(*b)->id_next;
    *b = c->id_next;
    *c->prev = c->next;
    if (c->next)
        c->next->prev = c->prev;
    cs->n--;
    gw_stats_add(GW_STAT_CALLS_ACTIVE, -1);
}

static struct gw_call *find_call(struct gw_calls *cs, const char *id)
{
    struct gw_call *c = cs->by_id[hash_of(id)];

    while (c && strcmp(c->id, id) != 0)
        c = c->id_next;
    return c;
}

/* ---- legs by our tag: it is in every message that belongs to one of our dialogs ---- */

static struct gw_call_leg **bucket(struct gw_calls *cs, const char *tag)
{
    return &cs->hash[hash_of(tag)];
}

struct gw_call_leg *gw_calls_find_leg(struct gw_calls *cs, const char *local_tag)
{
    struct gw_call_leg *leg = *bucket(cs, local_tag);

    while (leg && strcmp(leg->dlg.local_tag, local_tag) != 0)
        leg = leg->hash_next;
    return leg;
}

void gw_calls_index_leg(struct gw_calls *cs, struct gw_call_leg *leg)
{
    struct gw_call_leg **b = bucket(cs, leg->dlg.local_tag);

    leg->hash_next = *b;
    *b = leg;
    gw_trace_leg(leg->call->id, leg->dlg.call_id, leg->side == GW_LEG_ACCESS);
}

void gw_calls_unindex_leg(struct gw_calls *cs, struct gw_call_leg *leg)
{
    for (struct gw_call_leg **p = bucket(cs, leg->dlg.local_tag); *p; p = &(*p)->hash_next) {
        if (*p == leg) {
            *p = leg->hash_next;
            return;
        }
    }
}

static struct gw_call_leg *leg_of(struct gw_calls *cs, const struct gw_sip_msg *m, const char *header)
{
    const char *value = gw_sip_msg_get(m, header, 0), *call_id = gw_sip_msg_get(m, "Call-ID", 0);
    char tag[GW_DIALOG_TAG + 1];

    if (!value || !call_id || gw_sip_param(value, "tag", tag, sizeof(tag)) != 0)
        return NULL;
    struct gw_call_leg *leg = gw_calls_find_leg(cs, tag);
    return leg && strcmp(leg->dlg.call_id, call_id) == 0 ? leg : NULL;
}

/* ---- messages ---- */

void gw_calls_refuse(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req, const char *call,
                     int status, const char *phrase, const char *header, const char *value)
{
    const char *call_id = gw_sip_msg_get(req, "Call-ID", 0);

    gw_stats_inc(GW_STAT_CALL_REQUESTS_REFUSED);
    gw_log(GW_LOG_WARNING, "call", call, "%s refused: %d%s%s%s%s, Call-ID %s", gw_sip_msg_method_name(req), status,
           phrase ? " " : "", phrase ? phrase : "", value ? " " : "", value ? value : "", call_id ? call_id : "-");
    if (gw_sip_server_reply(txn, req, status, phrase, header, value) != 0)
        gw_sip_server_drop(txn);
}

bool gw_calls_on_request(struct gw_calls *cs, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    struct gw_call_leg *leg = leg_of(cs, req, "To");

    if (!leg)
        return false;
    gw_request_on(leg, txn, req);
    return true;
}

/* An ACK of a 2xx we no longer wait for: a repeated one. */
void gw_calls_on_ack(struct gw_calls *cs, gw_flow_id flow, const struct gw_sip_msg *ack)
{
    gw_stats_inc(GW_STAT_CALL_STRAY_ACKS);
}

void gw_calls_on_stray_2xx(struct gw_calls *cs, gw_flow_id flow, const struct gw_sip_msg *resp)
{
    struct gw_call_leg *leg = leg_of(cs, resp, "From");
    const char *to = gw_sip_msg_get(resp, "To", 0);
    char tag[128];

    if (leg && leg->dlg.remote_tag && to && gw_sip_param(to, "tag", tag, sizeof(tag)) == 0 &&
        strcmp(tag, leg->dlg.remote_tag) == 0 && leg->state == GW_LEG_CONFIRMED) {
        gw_leg_ack_again(leg);
        return;
    }
    gw_leg_refuse_2xx(cs, flow, resp);
}

void gw_calls_on_notify(struct gw_calls *cs, const struct gw_iq_notify *n)
{
    struct gw_call *c = find_call(cs, n->call);

    if (c)
        gw_media_on_notify(c, n);
    else
        gw_stats_inc(GW_STAT_CALL_LATE_NOTIFIES);
}

/* ---- connections of the access side ---- */

void gw_calls_on_flow_closed(struct gw_calls *cs, gw_flow_id flow)
{
    for (struct gw_call *c = cs->first; c; c = c->next) {
        struct gw_call_leg *leg = &c->leg[GW_LEG_ACCESS];
        if (leg->flow == flow && flow && !leg->is_flow_lost && c->state != GW_CALL_ENDING)
            gw_call_on_flow_lost(c);
    }
}

void gw_calls_on_flow_moved(struct gw_calls *cs, gw_flow_id old_flow, gw_flow_id new_flow, const char *contact)
{
    for (struct gw_call *c = cs->first; c; c = c->next) {
        struct gw_call_leg *leg = &c->leg[GW_LEG_ACCESS];
        if (leg->flow != old_flow || !old_flow)
            continue;
        leg->flow = new_flow;
        leg->is_flow_lost = false;
        gw_call_timer_set(c, GW_TIMER_FLOW, GW_NEVER);
        char uri[GW_DIALOG_TEXT];
        char *target = contact && gw_sip_uri_of(contact, uri, sizeof(uri)) == 0 ? strdup(uri) : NULL;
        if (target) {
            free(leg->dlg.remote_target);
            leg->dlg.remote_target = target;
        }
        gw_log(GW_LOG_INFO, "call", c->id, "leg=access goes on over another connection");
        gw_trace_step(c->id, "WebSocket", true, "another one");
    }
}

/* ---- dialog ids of one leg in the words of the other ---- */

gw_flow_id gw_calls_flow_of_contact(struct gw_calls *cs, const char *user)
{
    struct gw_call_leg *leg = gw_calls_find_leg(cs, user);

    return leg ? leg->call->leg[GW_LEG_ACCESS].flow : 0;
}

int gw_calls_translate_dialog(struct gw_calls *cs, const char *text, bool is_refer, char *buf, size_t size)
{
    struct gw_dialog_id id;
    int err = gw_dialog_id_parse(text, &id);

    if (err)
        return err;
    /* The to-tag is that of whoever takes the INVITE (RFC 3891 s. 6.1). It is ours when the INVITE goes to the far
     * side's peer, and the peer's of this leg when it goes there, e.g. written by a third party that we told of the
     * dialog. In a REFER the tags of a dialog that its sender did not begin may be the wrong way round (JsSIP): there
     * the peer of the leg is the sender, who does not replace itself. */
    struct gw_call_leg *leg = gw_calls_find_leg(cs, id.to_tag);
    bool is_ours_to = leg != NULL;
    if (!leg)
        leg = gw_calls_find_leg(cs, id.from_tag);
    if (!leg || strcmp(leg->dlg.call_id, id.call_id) != 0 || !leg->dlg.remote_tag)
        return GW_E_NOTFOUND;
    if (strcmp(leg->dlg.remote_tag, is_ours_to ? id.from_tag : id.to_tag) != 0)
        return GW_E_NOTFOUND;
    struct gw_call_leg *far = gw_call_other(leg);
    if (leg->call->state == GW_CALL_ENDING || !far->dlg.call_id || !far->dlg.remote_tag)
        return GW_E_NOTFOUND;
    struct gw_dialog_id out = { .call_id = "" };
    bool is_beyond = is_ours_to || is_refer; /* the far side's peer takes it, else we take it there for this leg's */
    err = gw_span_copy(gw_span_str(far->dlg.call_id), out.call_id, sizeof(out.call_id));
    if (!err)
        err = gw_span_copy(gw_span_str(is_beyond ? far->dlg.remote_tag : far->dlg.local_tag), out.to_tag,
                           sizeof(out.to_tag));
    if (!err)
        err = gw_span_copy(gw_span_str(is_beyond ? far->dlg.local_tag : far->dlg.remote_tag), out.from_tag,
                           sizeof(out.from_tag));
    if (err)
        return err;
    memcpy(out.params, id.params, sizeof(out.params));
    return gw_dialog_id_write(&out, buf, size);
}
