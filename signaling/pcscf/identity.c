#include "signaling/pcscf/identity.h"

#include <string.h>

enum { PREFERRED_MAX = 4 }; /* RFC 3325 s. 9.2: one sip and one tel */

static bool key_of(const char *value, char key[GW_URI_KEY])
{
    char uri[GW_URI_KEY];

    return value && gw_sip_uri_of(value, uri, sizeof(uri)) == 0 && gw_uri_key(uri, key, GW_URI_KEY) == 0;
}

/* The identity among those of a connection. */
static bool find(const struct gw_pflow *f, const char *value, struct gw_identity *out)
{
    char key[GW_URI_KEY];

    if (!key_of(value, key))
        return false;
    for (struct gw_binding *b = f->bindings; b; b = b->next_of_flow) {
        const struct gw_impu *i = gw_binding_impu(b, key);
        if (i) {
            *out = (struct gw_identity){ b, i->value };
            return true;
        }
    }
    return false;
}

static const char *default_of(const struct gw_binding *b)
{
    return b->nimpus ? b->impus[0].value : NULL;
}

int gw_identity_of_caller(const struct gw_bindings *s, const struct gw_pflow *f, const struct gw_sip_msg *req,
                          struct gw_identity *out)
{
    const char *preferred, *from = gw_sip_msg_get(req, "From", 0);
    struct gw_identity by_from = { 0 };
    char key[GW_URI_KEY];
    unsigned i;

    if (!find(f, from, &by_from) && key_of(from, key) && gw_binding_by_impu(s, key))
        return GW_E_AUTH;
    if (!f->bindings)
        return GW_E_NOTFOUND;
    for (i = 0; i < PREFERRED_MAX && (preferred = gw_sip_msg_get(req, "P-Preferred-Identity", i)); i++)
        if (find(f, preferred, out))
            return 0;
    if (!by_from.binding)
        by_from = (struct gw_identity){ f->bindings, default_of(f->bindings) };
    else if (i > 0) /* what was preferred is not theirs: the default identity, not a guess (s. 5.2.6.3.3) */
        by_from.asserted = default_of(by_from.binding);
    *out = by_from;
    return 0;
}

int gw_identity_of_callee(const struct gw_pflow *f, const struct gw_sip_msg *req, struct gw_identity *out)
{
    char key[GW_URI_KEY];
    struct gw_identity called = { 0 };
    struct gw_binding *b = NULL;

    if (!f->bindings)
        return GW_E_NOTFOUND;
    if (gw_uri_key(gw_sip_msg_uri(req), key, sizeof(key)) == 0)
        for (b = f->bindings; b && strcmp(b->contact_key, key) != 0; b = b->next_of_flow)
            ;
    if (!find(f, gw_sip_msg_get(req, "P-Called-Party-ID", 0), &called))
        (void)find(f, gw_sip_msg_get(req, "To", 0), &called);
    if (!b)
        b = called.binding ? called.binding : f->bindings;
    *out = (struct gw_identity){ b, called.binding == b ? called.asserted : default_of(b) };
    return 0;
}
