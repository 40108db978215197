/* Where requests go: those of the core to a connection, those for a client's contact to its public identity. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "signaling/pcscf/pcscf_priv.h"

static bool came_through_us(const struct gw_pcscf *p, const struct gw_sip_msg *req)
{
    const char *v;

    for (unsigned i = 0; (v = gw_sip_msg_get(req, "Via", i)); i++) {
        char uri[300];
        struct gw_sip_uri u;
        const char *sent_by = v + strcspn(v, " \t"); /* SIP/2.0/UDP host:port;branch=.. */

        sent_by += strspn(sent_by, " \t");
        snprintf(uri, sizeof(uri), "<sip:%.*s>", (int)strcspn(sent_by, "; \t"), sent_by);
        if (gw_route_is_ours(p, uri, &u))
            return true;
    }
    return false;
}

struct gw_where gw_locate(struct gw_pcscf *p, struct gw_sip_msg *m)
{
    struct gw_where w = { .refusal = GW_REFUSE_NOT_HERE };
    struct gw_sip_uri u;
    struct gw_binding *b;
    gw_flow_id id = 0;
    bool has_token;
    int err = gw_route_pop(p, m, &has_token, &id);

    if (err == GW_E_MISMATCH) {
        w.refusal = GW_REFUSE_FORGED;
        return w;
    }
    if (gw_pcscf_has_to_tag(m))
        w.dialog = gw_pdialog_find(&p->dialogs, m, false);
    if (has_token && !err)
        w.flow = gw_flow_find(&p->bindings, id);
    if (!w.flow && w.dialog) /* the client came back over another connection since */
        w.flow = w.dialog->binding->flow;
    if (w.flow)
        return w;
    if (has_token || w.dialog) {
        w.refusal = GW_REFUSE_FLOW_GONE;
        return w;
    }
    if (gw_route_is_ours(p, gw_sip_msg_uri(m), &u) &&
        u.user[0]) { /* our Contact in a call: somebody was referred to it */
        w.flow = gw_flow_find(&p->bindings, gw_calls_flow_of_contact(p->calls, u.user));
        if (w.flow)
            return w;
    }
    b = gw_binding_by_contact(&p->bindings, gw_sip_msg_uri(m)); /* a core without Path support */
    if (b && !b->flow)
        w.refusal = GW_REFUSE_FLOW_GONE;
    else if (b)
        w.flow = b->flow;
    else if (gw_pcscf_has_to_tag(m))
        w.refusal = GW_REFUSE_NO_DIALOG;
    else if (came_through_us(p, m))
        w.refusal = GW_REFUSE_LOOP;
    return w;
}

/* A contact of the access side is no address (SIG-012): what a client learned of another one, by a REFER, is turned
 * into the public identity behind it. False: `.invalid`, and nobody's. */
bool gw_pcscf_public_uri(const struct gw_pcscf *p, const char *uri, char *buf, size_t size)
{
    struct gw_sip_uri u;
    struct gw_binding *b;
    size_t n;

    buf[0] = 0;
    if (strncasecmp(uri, "sip", 3) != 0 || gw_sip_uri_parse(uri, &u) != 0)
        return true;
    b = gw_binding_by_contact(&p->bindings, uri);
    if (b && b->nimpus)
        return gw_sip_uri_of(b->impus[0].value, buf, size) == 0;
    n = strlen(u.host);
    return n < 8 || strcasecmp(u.host + n - 8, ".invalid") != 0;
}
