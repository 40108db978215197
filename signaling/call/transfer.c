/* Transfer: a REFER and its Replaces speak of dialogs and targets as one leg knows them; the other leg knows them by
 * other names (RFC 3515, RFC 3891, RFC 5589; CAL-010). NOTIFYs of the subscription that a REFER makes name it by the
 * CSeq of the REFER (RFC 3515 s. 2.4.6), which differs per leg too. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "signaling/call/call_priv.h"
#include "signaling/pcscf/headers.h"

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

static int unescape(struct gw_span in, char *out, size_t size)
{
    const char *p = in.ptr;
    size_t n = 0;

    for (size_t i = 0; i < in.len; i++) {
        int c = (unsigned char)p[i];
        if (p[i] == '%' && i + 2 < in.len && hex(p[i + 1]) >= 0 && hex(p[i + 2]) >= 0) {
            c = hex(p[i + 1]) * 16 + hex(p[i + 2]);
            i += 2;
        }
        if (n + 1 >= size || c == 0)
            return GW_E_LIMIT;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return 0;
}

/* hnv-unreserved and unreserved of RFC 3261 s. 25.1 stay; the rest is escaped. */
static int escape(const char *in, char *out, size_t size)
{
    size_t n = 0;

    for (; *in; in++) {
        bool is_plain = isalnum((unsigned char)*in) || strchr("-_.!~*'()[]/?:+$", *in);
        if (n + 4 > size)
            return GW_E_LIMIT;
        n += (size_t)snprintf(out + n, size - n, is_plain ? "%c" : "%%%02X", (unsigned char)*in);
    }
    out[n] = '\0';
    return 0;
}

/* Our Contact of some leg, as a URI: what it stands for on the other leg is that leg's remote target. */
static const char *map_target(struct gw_calls *cs, const char *uri)
{
    struct gw_sip_uri u;

    if (gw_sip_uri_parse(uri, &u) != 0)
        return NULL;
    struct gw_call_leg *leg = gw_calls_find_leg(cs, u.user);
    struct gw_call_leg *far = leg ? gw_call_other(leg) : NULL;
    return far ? far->dlg.remote_target : NULL;
}

/* The Replaces among the headers of a URI ("?Replaces=..&.."), translated. is_strict: one that is not ours is an error.
 */
static int map_headers(struct gw_calls *cs, const char *headers, bool is_strict, char *out, size_t size)
{
    size_t n = 0;
    char sep = '?';

    out[0] = '\0';
    for (const char *p = headers; *p; sep = '&') {
        size_t len = strcspn(p, "&");
        char id[640], mapped[640], escaped[1800];
        int w;
        if (len > 9 && strncasecmp(p, "Replaces=", 9) == 0) {
            int err = unescape((struct gw_span){ p + 9, len - 9 }, id, sizeof(id));
            if (!err)
                err = gw_calls_translate_dialog(cs, id, true, mapped, sizeof(mapped));
            if (err == GW_E_NOTFOUND && !is_strict) /* a dialog between others, e.g. the transferor's in the core */
                err = gw_span_copy(gw_span_str(id), mapped, sizeof(mapped));
            if (!err)
                err = escape(mapped, escaped, sizeof(escaped));
            if (err)
                return err;
            w = snprintf(out + n, size - n, "%cReplaces=%s", sep, escaped);
        } else {
            w = snprintf(out + n, size - n, "%c%.*s", sep, (int)len, p);
        }
        if (w < 0 || (size_t)w >= size - n)
            return GW_E_LIMIT;
        n += (size_t)w;
        p += len + (p[len] == '&');
    }
    return 0;
}

int gw_transfer_map_refer(struct gw_call_leg *from, struct gw_sip_msg *out)
{
    struct gw_calls *cs = from->call->cs;
    const char *v = gw_sip_msg_get(out, "Refer-To", 0), *target;
    char uri[GW_DIALOG_TEXT], headers[GW_DIALOG_TEXT] = "", text[2 * GW_DIALOG_TEXT], as_sip[sizeof(text)];
    int err = v ? gw_sip_uri_of(v, uri, sizeof(uri)) : GW_E_SYNTAX;

    if (err)
        return err;
    char *query = strchr(uri, '?');
    if (query) {
        *query = '\0';
        /* A browser's dialogs all go through us; the core may name dialogs that we never saw. */
        err = map_headers(cs, query + 1, from->side == GW_LEG_ACCESS, headers, sizeof(headers));
    }
    if (err)
        return err;
    target = map_target(cs, uri);
    const char *params = strchr(v, '>');
    int w = snprintf(text, sizeof(text), "<%s%s>%s", target ? target : uri, headers, params ? params + 1 : "");
    if (w < 0 || (size_t)w >= sizeof(text))
        return GW_E_LIMIT;
    if (!gw_call_other(from)->is_browser || target || strncasecmp(uri, "sip:", 4) == 0)
        return gw_sip_msg_set(out, "Refer-To", text);
    err = gw_pcscf_as_sip(text, cs->conf->domain, as_sip, sizeof(as_sip)); /* JsSIP transfers to sip: alone */
    return err ? err : gw_sip_msg_set(out, "Refer-To", as_sip);
}

/* One that is not ours stays: a browser was told of it by a REFER of the core, about a dialog of others. */
int gw_transfer_map_invite(struct gw_calls *cs, struct gw_sip_msg *out)
{
    static const char *const names[] = { "Replaces", "Join", "Target-Dialog" };
    char mapped[640];
    int err = 0;

    for (unsigned i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *v = gw_sip_msg_get(out, names[i], 0);
        if (v && gw_calls_translate_dialog(cs, v, false, mapped, sizeof(mapped)) == 0)
            err = gw_sip_msg_set(out, names[i], mapped);
    }
    return err;
}

bool gw_transfer_is_known(struct gw_calls *cs, const struct gw_sip_msg *invite)
{
    static const char *const names[] = { "Replaces", "Join" };
    char mapped[640];

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *v = gw_sip_msg_get(invite, names[i], 0);
        if (v && gw_calls_translate_dialog(cs, v, false, mapped, sizeof(mapped)) != 0)
            return false;
    }
    return true;
}

/* ---- subscriptions made by REFER ---- */

void gw_transfer_remember(struct gw_call_leg *from, const struct gw_sip_msg *req, const struct gw_sip_msg *out)
{
    struct gw_call *c = from->call;
    unsigned i = c->nrefers++ % GW_CALL_REFERS; /* the oldest is forgotten */

    c->refers[i].from_side = from->side;
    c->refers[i].from_cseq = gw_dialog_cseq(req);
    c->refers[i].to_cseq = gw_dialog_cseq(out);
}

void gw_transfer_map_notify(struct gw_call_leg *from, struct gw_sip_msg *out)
{
    struct gw_call *c = from->call;
    const char *event = gw_sip_msg_get(out, "Event", 0);
    char id[16], text[64];

    if (!event || strncasecmp(event, "refer", 5) != 0 || gw_sip_param(event, "id", id, sizeof(id)) != 0)
        return;
    for (unsigned i = 0; i < c->nrefers && i < GW_CALL_REFERS; i++) {
        if (c->refers[i].from_side != from->side && c->refers[i].to_cseq == strtoul(id, NULL, 10)) {
            snprintf(text, sizeof(text), "refer;id=%u", c->refers[i].from_cseq);
            gw_sip_msg_set(out, "Event", text);
            return;
        }
    }
}
