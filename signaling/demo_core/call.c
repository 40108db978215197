/* The endpoints' side of a dialog: answers, keeps the dialog's names, and ends when told to or when nothing comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo_priv.h"
#include "gateway/base/crypto.h"
#include "gateway/base/log.h"

enum {
    SILENCE_S = 60,
    RING_S = 120,
    EARLY_MS = 5000,
    SWITCH_MS = 1500,
    FAX_END_MS = 3000 /* its peer ends by itself, mostly */
};

static void call_free(struct gw_demo_call *c)
{
    gw_demo_media_fini(&c->media);
    gw_ctl_timer_free(c->later);
    if (c->ringing)
        gw_sip_server_drop(c->ringing);
    if (c->unacked)
        gw_sip_server_drop(c->unacked);
    if (c->calling) {
        gw_sip_client_cancel(c->calling, NULL);
        gw_sip_client_drop(c->calling);
    }
    for (unsigned i = 0; i < c->nroutes; i++)
        free(c->routes[i]);
    gw_sip_msg_free(c->invite);
    free(c->call_id);
    free(c->local);
    free(c->remote);
    free(c->target);
    free(c);
}

void gw_demo_call_keep(char **at, const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        return;
    free(*at);
    *at = copy;
}

void gw_demo_call_end(struct gw_demo_call *c)
{
    for (struct gw_demo_call **at = &c->demo->calls; *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            c->demo->ncalls--;
            break;
        }
    }
    call_free(c);
}

/* ---- requests of ours within the dialog ---- */

static void ignore_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
}

struct gw_sip_msg *gw_demo_call_request(struct gw_demo_call *c, const char *method, uint32_t cseq)
{
    struct gw_sip_msg *m = gw_sip_msg_request(method, c->target);
    char text[128];
    int err = m ? 0 : GW_E_NOMEM;

    for (unsigned i = 0; !err && i < c->nroutes; i++)
        err = gw_sip_msg_add(m, "Route", c->routes[i]);
    if (!err)
        err = gw_sip_msg_set(m, "From", c->local);
    if (!err)
        err = gw_sip_msg_set(m, "To", c->remote);
    if (!err)
        err = gw_sip_msg_set(m, "Call-ID", c->call_id);
    snprintf(text, sizeof(text), "%u %s", cseq, method);
    if (!err)
        err = gw_sip_msg_set(m, "CSeq", text);
    if (!err)
        return m;
    gw_sip_msg_free(m);
    return NULL;
}

static void request(struct gw_demo_call *c, const char *method, const char *type, const char *body)
{
    struct gw_sip_msg *m = gw_demo_call_request(c, method, ++c->cseq);
    struct gw_sip_target to = { 0 };
    struct gw_sip_client *client;
    int err = m ? 0 : GW_E_NOMEM;

    if (!err && type)
        err = gw_sip_msg_set_body(m, type, gw_span_str(body));
    if (!err)
        err = gw_sip_client_send(c->demo->stack, &m, &to, ignore_response, NULL, &client);
    if (err)
        gw_log(GW_LOG_WARNING, "demo", c->call_id, "%s not sent: %s", method, gw_err_text(err));
    gw_sip_msg_free(m);
}

void gw_demo_call_hang_up(struct gw_demo_call *c)
{
    request(c, "BYE", NULL, NULL);
    gw_demo_call_end(c);
}

static void on_digit(void *arg, char digit)
{
    struct gw_demo_call *c = arg;
    char body[64];

    gw_log(GW_LOG_INFO, "demo", c->call_id, "digit %c", digit);
    snprintf(body, sizeof(body), "Signal=%c\r\nDuration=160\r\n", digit);
    if (c->kind == GW_DEMO_DTMF)
        request(c, "INFO", "application/dtmf-relay", body);
}

static void on_picture(void *arg) /* RFC 5168 */
{
    request(arg, "INFO", "application/media_control+xml",
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<media_control><vc_primitive><to_encoder>"
            "<picture_fast_update/></to_encoder></vc_primitive></media_control>\r\n");
}

int gw_demo_call_set_contact(struct gw_demo_call *c, struct gw_sip_msg *m)
{
    char contact[300];
    int err;

    snprintf(contact, sizeof(contact), "<sip:endpoint@%s>", gw_sip_stack_host(c->demo->stack, false));
    err = gw_sip_msg_set(m, "Contact", contact);
    return err ? err : gw_sip_msg_set(m, "Allow", "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, OPTIONS");
}

/* ---- fax ---- */

/* Ends the call; what faxback received goes back then, as most phones have one line. */
static void end_fax(struct gw_demo_call *c, void (*end)(struct gw_demo_call *c))
{
    char user[GW_REGISTRAR_USER], tiff[GW_DEMO_PATH];
    struct gw_demo *d = c->demo;
    int err;

    gw_demo_user_of(c->remote, user, sizeof(user));
    memcpy(tiff, c->fax_back, sizeof(tiff));
    end(c);
    if (!tiff[0])
        return;
    err = gw_demo_call_user(d, user, "fax", tiff);
    if (err)
        gw_log(GW_LOG_WARNING, "demo", NULL, "no fax back to %s: %s", user, gw_err_text(err));
}

/* A fax gateway switches an audio call when it hears the tones; this one does so by itself (T.38 s. D.2.2.4). */
static void on_fax_time(void *arg)
{
    struct gw_demo_call *c = arg;
    int err = 0;

    if (c->is_fax_over) {
        end_fax(c, gw_demo_call_hang_up);
        return;
    }
    if (c->unacked || c->calling) {
        gw_ctl_timer_start(c->later, FAX_END_MS);
        return;
    }
    err = gw_demo_media_switch(&c->media, "fax");
    if (!err)
        err = gw_demo_call_invite(c, "");
    if (err && err != GW_E_STATE)
        gw_log(GW_LOG_WARNING, "demo", c->call_id, "not switched to fax: %s", gw_err_text(err));
}

static void on_fax(void *arg, bool is_good, const char *tiff)
{
    struct gw_demo_call *c = arg;

    c->is_fax_over = true;
    if (c->kind == GW_DEMO_FAXBACK && is_good)
        snprintf(c->fax_back, sizeof(c->fax_back), "%s", tiff);
    if (!c->later && gw_ctl_timer_new(c->demo->stack, on_fax_time, c, &c->later) != 0)
        return;                               /* its peer hangs up, or silence ends it */
    gw_ctl_timer_start(c->later, FAX_END_MS); /* the last packets are repeated meanwhile */
}

/* ---- answering ---- */

static void refuse(struct gw_demo_call *c, struct gw_sip_server *t, const struct gw_sip_msg *req, int err)
{
    int status = err == GW_E_FULL || err == GW_E_NOMEM ? 503 : err == GW_E_SYNTAX ? 400 : 488;

    gw_log(GW_LOG_WARNING, "demo", c->call_id, "offer refused: %s", gw_err_text(err));
    gw_sip_server_reply(t, req, status, NULL, NULL, NULL);
}

/* A response with the answer to the offer in `req`. Without one an INVITE gets an offer of ours, of what there is or of
 * voice, and a refreshing UPDATE no body. */
static int accept_offer(struct gw_demo_call *c, struct gw_sip_server *t, const struct gw_sip_msg *req, int status)
{
    struct gw_sdp_buf b = { 0 };
    struct gw_sip_msg *resp = NULL;
    struct gw_span offer;
    bool has_offer = gw_sip_msg_find_body(req, "application/sdp", &offer);
    unsigned nlines = c->media.nlines;
    int err = 0;

    c->is_late = !has_offer && gw_sip_msg_method(req) == GW_SIP_INVITE;
    if (has_offer)
        err = gw_demo_media_answer(&c->media, offer, &b);
    else if (c->is_late)
        err = status == 200 ? gw_demo_media_offer(&c->media, nlines ? "" : "audio", &b) : GW_E_UNSUPPORTED;
    if (!err) {
        resp = gw_sip_msg_response(req, status, NULL, c->tag);
        err = resp ? 0 : GW_E_NOMEM;
    }
    if (!err)
        err = gw_demo_call_set_contact(c, resp);
    if (!err && b.len)
        err = gw_sip_msg_set_body(resp, "application/sdp", (struct gw_span){ b.text, b.len });
    gw_sdp_buf_fini(&b);
    if (err) {
        if (c->is_late)
            gw_demo_media_withdraw(&c->media, nlines);
        refuse(c, t, req, err);
        gw_sip_msg_free(resp);
        return err;
    }
    err = gw_sip_server_respond(t, &resp);
    if (!err && status == 200 && gw_sip_msg_method(req) == GW_SIP_INVITE) {
        if (c->unacked)
            gw_sip_server_drop(c->unacked);
        c->unacked = t;
    }
    gw_sip_msg_free(resp);
    return err;
}

static void on_cancel(void *arg, const struct gw_sip_msg *cancel)
{
    struct gw_demo_call *c = arg;
    struct gw_sip_server *t = c->ringing;

    c->ringing = NULL;
    if (t)
        gw_sip_server_reply(t, c->invite, 487, NULL, NULL, NULL);
    gw_demo_call_end(c);
}

static void on_ack(void *arg, const struct gw_sip_msg *ack)
{
    struct gw_demo_call *c = arg;
    bool is_late = c->is_late;
    struct gw_span answer;

    c->unacked = NULL;
    c->is_late = false;
    if (!is_late ||
        (gw_sip_msg_find_body(ack, "application/sdp", &answer) && !gw_demo_media_on_answer(&c->media, answer)))
        return;
    gw_log(GW_LOG_WARNING, "demo", c->call_id, "ACK without an answer that is understood");
    gw_demo_call_hang_up(c);
}

static void on_no_ack(void *arg) /* RFC 3261 s. 13.3.1.4 */
{
    struct gw_demo_call *c = arg;

    c->unacked = NULL;
    gw_demo_call_hang_up(c);
}

static const struct gw_sip_server_events ringing_events = { on_cancel, on_ack, on_no_ack };

static void on_early_over(void *arg)
{
    struct gw_demo_call *c = arg;
    struct gw_sip_server *t = c->ringing;

    c->ringing = NULL;
    c->media.version--; /* the answer that was given, so the version that it had */
    if (t && accept_offer(c, t, c->invite, 200))
        gw_demo_call_end(c);
}

/* The same answer twice: in a 183, and in the 200 after some seconds. */
static int answer_early(struct gw_demo_call *c, struct gw_sip_server *t, const struct gw_sip_msg *req)
{
    int err = gw_ctl_timer_new(c->demo->stack, on_early_over, c, &c->later);

    if (err) {
        refuse(c, t, req, err);
        return err;
    }
    err = accept_offer(c, t, req, 183);
    if (err)
        return err;
    c->ringing = t;
    gw_ctl_timer_start(c->later, EARLY_MS);
    return 0;
}

struct gw_demo_call *gw_demo_call_new(struct gw_demo *d, enum gw_demo_kind kind, const char *call_id, const char *local,
                                      const char *remote, const char *target)
{
    struct gw_demo_call *c = calloc(1, sizeof(*c));
    char text[1024];

    if (!c)
        return NULL;
    c->demo = d;
    c->kind = kind;
    c->began_us = gw_ctl_now_us(d->stack);
    gw_rand_token(c->tag, sizeof(c->tag) - 1);
    snprintf(text, sizeof(text), "%s;tag=%s", local, c->tag);
    c->call_id = strdup(call_id);
    c->local = strdup(text);
    c->remote = strdup(remote);
    c->target = strdup(target);
    if (!c->call_id || !c->local || !c->remote || !c->target) {
        call_free(c);
        return NULL;
    }
    c->media = (struct gw_demo_media){ .stack = d->stack,
                                       .floor = &d->floor,
                                       .call_id = c->call_id,
                                       .addr = d->options.media,
                                       .ports = { d->options.port_min, d->options.port_max, &d->next_port },
                                       .is_event_dropped = kind == GW_DEMO_DTMF,
                                       .on_digit = on_digit,
                                       .on_picture = on_picture,
                                       .on_fax = on_fax,
                                       .fax = { .tray = &d->tray },
                                       .arg = c };
    c->next = d->calls;
    d->calls = c;
    d->ncalls++;
    return c;
}

static struct gw_demo_call *called(struct gw_demo *d, enum gw_demo_kind kind, const struct gw_sip_msg *req)
{
    const char *route, *contact = gw_sip_msg_get(req, "Contact", 0);
    struct gw_demo_call *c;
    char target[512];

    if (!contact || gw_sip_uri_of(contact, target, sizeof(target)))
        return NULL;
    c = gw_demo_call_new(d, kind, gw_sip_msg_get(req, "Call-ID", 0), gw_sip_msg_get(req, "To", 0),
                         gw_sip_msg_get(req, "From", 0), target);
    if (!c)
        return NULL;
    c->is_confirmed = true; /* as soon as it is answered, which is before any request of ours */
    while (c->nroutes < GW_DEMO_ROUTES && (route = gw_sip_msg_get(req, "Record-Route", c->nroutes)) &&
           (c->routes[c->nroutes] = strdup(route)))
        c->nroutes++;
    c->invite = gw_sip_msg_dup(req);
    if (c->invite)
        return c;
    gw_demo_call_end(c);
    return NULL;
}

void gw_demo_call_on_invite(struct gw_demo *d, enum gw_demo_kind kind, struct gw_sip_server *t,
                            const struct gw_sip_msg *req)
{
    struct gw_demo_call *c;
    struct gw_sip_msg *resp;

    if (kind == GW_DEMO_BUSY || d->ncalls == GW_DEMO_CALLS) {
        gw_sip_server_reply(t, req, kind == GW_DEMO_BUSY ? 486 : 503, NULL, "Retry-After", "10");
        return;
    }
    c = called(d, kind, req);
    if (!c) {
        gw_sip_server_reply(t, req, 400, "Contact Missing Or No Memory", NULL, NULL);
        return;
    }
    gw_log(GW_LOG_INFO, "demo", c->call_id, "call from %s", c->remote);
    gw_sip_server_bind(t, &ringing_events, c);
    if (kind == GW_DEMO_NOANSWER) {
        c->ringing = t;
        resp = gw_sip_msg_response(req, 180, NULL, c->tag);
        if (resp)
            gw_sip_server_respond(t, &resp);
        gw_sip_msg_free(resp);
    } else if (kind == GW_DEMO_EARLY ? answer_early(c, t, req) : accept_offer(c, t, req, 200)) {
        gw_demo_call_end(c);
    } else if ((kind == GW_DEMO_FAX || kind == GW_DEMO_FAXBACK) && !gw_demo_media_has(&c->media, "fax") &&
               gw_ctl_timer_new(d->stack, on_fax_time, c, &c->later) == 0) {
        gw_ctl_timer_start(c->later, SWITCH_MS);
    }
}

struct gw_demo_call *gw_demo_call_find(struct gw_demo *d, const struct gw_sip_msg *req)
{
    const char *call_id = gw_sip_msg_get(req, "Call-ID", 0), *to = gw_sip_msg_get(req, "To", 0);
    char tag[64];

    if (!call_id || !to || gw_sip_param(to, "tag", tag, sizeof(tag)))
        return NULL;
    for (struct gw_demo_call *c = d->calls; c; c = c->next)
        if (strcmp(c->call_id, call_id) == 0 && strcmp(c->tag, tag) == 0)
            return c;
    return NULL;
}

void gw_demo_call_on_request(struct gw_demo_call *c, struct gw_sip_server *t, const struct gw_sip_msg *req)
{
    const char *contact = gw_sip_msg_get(req, "Contact", 0);
    char target[512];
    struct gw_span body;

    switch (gw_sip_msg_method(req)) {
    case GW_SIP_INVITE: /* the target of the dialog is refreshed (RFC 3261 s. 12.2.2) */
    case GW_SIP_UPDATE:
        if (c->calling) { /* an offer of ours is out (RFC 3261 s. 14.2) */
            gw_sip_server_reply(t, req, 491, NULL, NULL, NULL);
            break;
        }
        if (contact && gw_sip_uri_of(contact, target, sizeof(target)) == 0)
            gw_demo_call_keep(&c->target, target);
        if (gw_sip_msg_method(req) == GW_SIP_INVITE)
            gw_sip_server_bind(t, &ringing_events, c);
        accept_offer(c, t, req, 200);
        break;
    case GW_SIP_INFO:
        gw_sip_server_reply(t, req, 200, NULL, NULL, NULL);
        if (gw_sip_msg_find_body(req, "application/media_control+xml", &body) && !gw_demo_rtp_ask_picture(&c->media))
            on_picture(c);
        break;
    case GW_SIP_OPTIONS:
        gw_sip_server_reply(t, req, 200, NULL, NULL, NULL);
        break;
    case GW_SIP_BYE:
        gw_sip_server_reply(t, req, 200, NULL, NULL, NULL);
        gw_log(GW_LOG_INFO, "demo", c->call_id, "ended by the caller");
        end_fax(c, gw_demo_call_end);
        break;
    default:
        gw_sip_server_reply(t, req, 405, NULL, "Allow", "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, OPTIONS");
    }
}

void gw_demo_calls_sweep(struct gw_demo *d)
{
    uint64_t now = gw_ctl_now_us(d->stack);

    for (struct gw_demo_call *c = d->calls, *next; c; c = next) {
        next = c->next;
        if (c->ringing && now - c->began_us > RING_S * 1000000ull) {
            struct gw_sip_server *t = c->ringing;

            c->ringing = NULL;
            gw_sip_server_reply(t, c->invite, 480, NULL, NULL, NULL);
            gw_demo_call_end(c);
        } else if (c->calling && !c->is_confirmed && now - c->began_us > RING_S * 1000000ull) {
            gw_demo_call_end(c);
        } else if (!c->ringing && !c->calling && gw_demo_media_is_sending(&c->media) &&
                   now - c->media.heard_us > SILENCE_S * 1000000ull) {
            gw_log(GW_LOG_INFO, "demo", c->call_id, "nothing received for %u s, ending", SILENCE_S);
            gw_demo_call_hang_up(c);
        }
    }
}

void gw_demo_calls_free(struct gw_demo *d)
{
    while (d->calls)
        gw_demo_call_end(d->calls);
}
