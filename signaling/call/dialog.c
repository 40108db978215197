#include "signaling/call/dialog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/crypto.h"

enum { CALL_ID_TOKEN = 24, CSEQ_FIRST = 1 };

void gw_dialog_fini(struct gw_dialog *d)
{
    free(d->call_id);
    free(d->remote_tag);
    free(d->local_uri);
    free(d->remote_uri);
    free(d->remote_target);
    free(d->contact);
    for (unsigned i = 0; i < d->nroutes; i++)
        free(d->routes[i]);
    memset(d, 0, sizeof(*d));
}

static int set(char **field, const char *value)
{
    char *copy = value ? strdup(value) : NULL;

    if (value && !copy)
        return GW_E_NOMEM;
    free(*field);
    *field = copy;
    return 0;
}

uint32_t gw_dialog_cseq(const struct gw_sip_msg *m)
{
    const char *v = gw_sip_msg_get(m, "CSeq", 0);
    unsigned long n = v ? strtoul(v, NULL, 10) : 0;

    return n > UINT32_MAX ? 0 : (uint32_t)n;
}

int gw_dialog_without_tag(const char *value, char *buf, size_t size)
{
    /* parameters of the header stand after '>'; in the addr-spec form every ';' starts one (s. 20.10) */
    const char *close = strchr(value, '>');
    const char *from = close ? close : value;
    const char *tag = strcasestr(from, ";tag=");
    size_t head = tag ? (size_t)(tag - value) : strlen(value);
    const char *rest = tag ? tag + 5 + strcspn(tag + 5, ";") : "";
    int n = snprintf(buf, size, "%.*s%s", (int)head, value, rest);

    return n < 0 || (size_t)n >= size ? GW_E_LIMIT : 0;
}

static int set_tag(char **field, const char *value)
{
    char tag[128];

    if (!value || gw_sip_param(value, "tag", tag, sizeof(tag)) != 0)
        return GW_E_NOTFOUND; /* RFC 2543 peers have no tag; such a dialog is not made */
    return set(field, tag);
}

static int set_target(struct gw_dialog *d, const struct gw_sip_msg *m)
{
    const char *contact = gw_sip_msg_get(m, "Contact", 0);
    char uri[GW_DIALOG_TEXT];

    if (!contact)
        return GW_E_NOTFOUND;
    int err = gw_sip_uri_of(contact, uri, sizeof(uri));
    return err ? err : set(&d->remote_target, uri);
}

/* Record-Route of the message: as it stands for a request, reversed for a response (s. 12.1.1, 12.1.2). */
static int set_routes(struct gw_dialog *d, const struct gw_sip_msg *m, bool is_reversed)
{
    char *routes[GW_DIALOG_ROUTES] = { NULL };
    unsigned n = 0;
    const char *v;

    for (; (v = gw_sip_msg_get(m, "Record-Route", n)) != NULL; n++) {
        routes[n] = n < GW_DIALOG_ROUTES - 1 ? strdup(v) : NULL;
        if (!routes[n]) {
            while (n-- > 0)
                free(routes[n]);
            return GW_E_LIMIT;
        }
    }
    for (unsigned i = 0; i < d->nroutes; i++)
        free(d->routes[i]);
    d->nroutes = n;
    for (unsigned i = 0; i < n; i++)
        d->routes[i] = routes[is_reversed ? n - 1 - i : i];
    return 0;
}

int gw_dialog_init_uas(struct gw_dialog *d, const struct gw_sip_msg *req)
{
    const char *from = gw_sip_msg_get(req, "From", 0), *to = gw_sip_msg_get(req, "To", 0);
    char text[GW_DIALOG_TEXT];
    int err;

    memset(d, 0, sizeof(*d));
    gw_rand_token(d->local_tag, GW_DIALOG_TAG);
    d->remote_cseq = gw_dialog_cseq(req);
    d->local_cseq = 0;
    err = from && to ? set(&d->call_id, gw_sip_msg_get(req, "Call-ID", 0)) : GW_E_SYNTAX;
    if (!err)
        err = set_tag(&d->remote_tag, from);
    if (!err && !(err = gw_dialog_without_tag(from, text, sizeof(text))))
        err = set(&d->remote_uri, text);
    if (!err && !(err = gw_dialog_without_tag(to, text, sizeof(text))))
        err = set(&d->local_uri, text);
    if (!err)
        err = set_target(d, req);
    if (!err)
        err = set_routes(d, req, false);
    if (err)
        gw_dialog_fini(d);
    return err;
}

int gw_dialog_init_uac(struct gw_dialog *d, const char *local_uri, const char *remote_uri, const char *target,
                       const char *host)
{
    char token[CALL_ID_TOKEN + 1], call_id[CALL_ID_TOKEN + 258];
    int err;

    memset(d, 0, sizeof(*d));
    d->is_uac = true;
    gw_rand_token(d->local_tag, GW_DIALOG_TAG);
    gw_rand_token(token, CALL_ID_TOKEN);
    snprintf(call_id, sizeof(call_id), "%s@%s", token, host);
    d->local_cseq = CSEQ_FIRST - 1;
    err = set(&d->call_id, call_id);
    if (!err)
        err = set(&d->local_uri, local_uri);
    if (!err)
        err = set(&d->remote_uri, remote_uri);
    if (!err)
        err = set(&d->remote_target, target);
    if (err)
        gw_dialog_fini(d);
    return err;
}

int gw_dialog_fork(struct gw_dialog *d, const struct gw_dialog *base, const struct gw_sip_msg *resp)
{
    int err;

    memset(d, 0, sizeof(*d));
    d->is_uac = true;
    memcpy(d->local_tag, base->local_tag, sizeof(d->local_tag));
    d->local_cseq = base->local_cseq;
    err = set(&d->call_id, base->call_id);
    if (!err)
        err = set(&d->local_uri, base->local_uri);
    if (!err)
        err = set(&d->remote_uri, base->remote_uri);
    if (!err)
        err = set(&d->contact, base->contact);
    if (!err)
        err = set(&d->remote_target, base->remote_target);
    if (!err)
        err = set_tag(&d->remote_tag, gw_sip_msg_get(resp, "To", 0));
    if (!err)
        err = gw_dialog_confirm(d, resp, true);
    if (err)
        gw_dialog_fini(d);
    return err;
}

int gw_dialog_refresh_target(struct gw_dialog *d, const struct gw_sip_msg *m)
{
    int err = set_target(d, m);
    return err == GW_E_NOTFOUND ? 0 : err;
}

int gw_dialog_confirm(struct gw_dialog *d, const struct gw_sip_msg *resp, bool is_first)
{
    int err = gw_dialog_refresh_target(d, resp);
    return !err && is_first ? set_routes(d, resp, true) : err;
}

static int add_with_tag(struct gw_sip_msg *m, const char *name, const char *uri, const char *tag)
{
    char text[GW_DIALOG_TEXT + 160];
    /* an addr-spec without <> would take our tag for a parameter of its URI */
    bool is_bare = !strchr(uri, '<');
    int n = snprintf(text, sizeof(text), is_bare ? "<%s>%s%s" : "%s%s%s", uri, tag ? ";tag=" : "", tag ? tag : "");

    return n < 0 || (size_t)n >= sizeof(text) ? GW_E_LIMIT : gw_sip_msg_set(m, name, text);
}

static struct gw_sip_msg *make(const struct gw_dialog *d, const char *method, uint32_t cseq, bool has_contact)
{
    struct gw_sip_msg *m = gw_sip_msg_request(method, d->remote_target);
    char text[64];
    int err;

    if (!m)
        return NULL;
    snprintf(text, sizeof(text), "%u %s", cseq, method);
    err = add_with_tag(m, "From", d->local_uri, d->local_tag);
    if (!err)
        err = add_with_tag(m, "To", d->remote_uri, d->remote_tag);
    if (!err)
        err = gw_sip_msg_set(m, "Call-ID", d->call_id);
    if (!err)
        err = gw_sip_msg_set(m, "CSeq", text);
    for (unsigned i = 0; !err && i < d->nroutes; i++)
        err = gw_sip_msg_add(m, "Route", d->routes[i]);
    if (!err && has_contact && d->contact)
        err = gw_sip_msg_set(m, "Contact", d->contact);
    if (err) {
        gw_sip_msg_free(m);
        return NULL;
    }
    return m;
}

struct gw_sip_msg *gw_dialog_request(struct gw_dialog *d, const char *method)
{
    static const char *const targets[] = { "INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER" };
    bool has_contact = false;

    for (unsigned i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        has_contact |= strcmp(method, targets[i]) == 0;
    return make(d, method, ++d->local_cseq, has_contact);
}

struct gw_sip_msg *gw_dialog_ack(const struct gw_dialog *d, uint32_t invite_cseq)
{
    return make(d, "ACK", invite_cseq, false);
}

int gw_dialog_accept(struct gw_dialog *d, const struct gw_sip_msg *req)
{
    const char *call_id = gw_sip_msg_get(req, "Call-ID", 0), *from = gw_sip_msg_get(req, "From", 0);
    uint32_t cseq = gw_dialog_cseq(req);
    char tag[128];

    if (!call_id || strcmp(call_id, d->call_id) != 0)
        return GW_E_MISMATCH;
    if (!from || gw_sip_param(from, "tag", tag, sizeof(tag)) != 0 || !d->remote_tag || strcmp(tag, d->remote_tag) != 0)
        return GW_E_MISMATCH;
    if (d->remote_cseq && cseq < d->remote_cseq)
        return GW_E_RANGE;
    d->remote_cseq = cseq;
    return 0;
}

int gw_dialog_id_parse(const char *text, struct gw_dialog_id *out)
{
    struct gw_dialog_id id = { .call_id = "" };
    size_t len = strcspn(text, ";");

    while (*text == ' ')
        text++, len -= len > 0;
    if (gw_span_copy((struct gw_span){ text, len }, id.call_id, sizeof(id.call_id)) != 0 || !len)
        return GW_E_SYNTAX;
    for (const char *p = text + len; *p;) {
        const char *param = ++p;
        size_t n = strcspn(param, ";");
        p = param + n;
        int err = 0;
        if (strncasecmp(param, "to-tag=", 7) == 0) {
            err = gw_span_copy((struct gw_span){ param + 7, n - 7 }, id.to_tag, sizeof(id.to_tag));
        } else if (strncasecmp(param, "from-tag=", 9) == 0) {
            err = gw_span_copy((struct gw_span){ param + 9, n - 9 }, id.from_tag, sizeof(id.from_tag));
        } else if (n) {
            size_t have = strlen(id.params);
            int w = snprintf(id.params + have, sizeof(id.params) - have, ";%.*s", (int)n, param);
            err = w < 0 || (size_t)w >= sizeof(id.params) - have ? GW_E_LIMIT : 0;
        }
        if (err)
            return GW_E_SYNTAX;
    }
    if (!id.to_tag[0] || !id.from_tag[0])
        return GW_E_SYNTAX;
    *out = id;
    return 0;
}

int gw_dialog_id_write(const struct gw_dialog_id *id, char *buf, size_t size)
{
    int n = snprintf(buf, size, "%s;to-tag=%s;from-tag=%s%s", id->call_id, id->to_tag, id->from_tag, id->params);
    return n < 0 || (size_t)n >= size ? GW_E_LIMIT : 0;
}
