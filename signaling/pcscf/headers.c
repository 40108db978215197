#include "signaling/pcscf/headers.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What happens to a header on its way in one direction. */
enum action {
    PASS,
    DROP,
    DROP_IF_NETWORK, /* P-Access-Network-Info claiming network-provided: only we may say that */
    DROP_IF_PRIVATE, /* P-Asserted-Identity under Privacy: id (RFC 3325 s. 7) */
    DROP_IF_BEARER,  /* credentials for us, not for the core (REG-007) */
    DROP_SEC_AGREE,  /* option tags that end here: sec-agree (RFC 3329), mediasec */
};
/* Whether a B2BUA carries it to the other leg. */
enum carry { END_TO_END, LEG };

static const struct row {
    const char *name;
    enum action to_core, to_access;
    enum carry carry;
} rows[] = {
    /* the dialog, the transaction, the way */
    { "Via", PASS, PASS, LEG },
    { "From", PASS, PASS, LEG },
    { "To", PASS, PASS, LEG },
    { "Call-ID", PASS, PASS, LEG },
    { "CSeq", PASS, PASS, LEG },
    { "Contact", PASS, PASS, LEG },
    { "Route", PASS, PASS, LEG },
    { "Record-Route", PASS, PASS, LEG },
    { "Max-Forwards", PASS, PASS, LEG },
    { "Timestamp", PASS, PASS, LEG },
    { "Max-Breadth", PASS, PASS, LEG },
    /* the body: set by whoever sets the body */
    { "Content-Length", PASS, PASS, LEG },
    { "Content-Type", PASS, PASS, LEG },
    { "Content-Encoding", PASS, PASS, LEG },
    { "MIME-Version", PASS, PASS, LEG },
    /* what one leg agrees by itself */
    { "Supported", PASS, PASS, LEG },
    { "Require", DROP_SEC_AGREE, DROP_SEC_AGREE, LEG },
    { "Proxy-Require", DROP_SEC_AGREE, DROP_SEC_AGREE, LEG },
    { "Unsupported", PASS, PASS, LEG },
    { "Allow", PASS, PASS, LEG },
    { "Session-Expires", PASS, PASS, LEG },
    { "Min-SE", PASS, PASS, LEG },
    { "RSeq", PASS, PASS, LEG },
    { "RAck", PASS, PASS, LEG },
    { "Flow-Timer", PASS, PASS, LEG },
    /* dialog ids of one leg, translated by the calls */
    { "Replaces", PASS, PASS, LEG },
    { "Join", PASS, PASS, LEG },
    { "Target-Dialog", PASS, PASS, LEG },
    { "Refer-To", PASS, PASS, LEG },
    { "In-Reply-To", PASS, PASS, LEG },
    /* registration (RFC 3327, RFC 3608, RFC 7315) */
    { "Path", DROP, DROP, LEG },
    { "Service-Route", DROP, PASS, LEG },
    { "P-Associated-URI", DROP, PASS, LEG },
    { "P-Visited-Network-ID", DROP, DROP, LEG },
    { "Security-Client", DROP, DROP, LEG },
    { "Security-Server", DROP, DROP, LEG },
    { "Security-Verify", DROP, DROP, LEG },
    { "Authorization", DROP_IF_BEARER, PASS, END_TO_END },
    { "Proxy-Authorization", DROP_IF_BEARER, PASS, END_TO_END },
    /* charging (RFC 7315, TS 24.229 s. 4.5) */
    { "P-Charging-Vector", DROP, DROP, LEG },
    { "P-Charging-Function-Addresses", DROP, DROP, LEG },
    { "Relayed-Charge", DROP, DROP, LEG },
    /* identity and access (RFC 3325, RFC 7315) */
    { "P-Preferred-Identity", DROP, DROP, LEG },
    { "P-Asserted-Identity", DROP, DROP_IF_PRIVATE, END_TO_END },
    { "P-Access-Network-Info", DROP_IF_NETWORK, DROP, END_TO_END },
    { "P-Called-Party-ID", DROP, PASS, END_TO_END },
    { "Cellular-Network-Info", DROP, DROP, LEG },
    /* the trust domain (TS 24.229 s. 4.4): a client outside it neither says nor hears these */
    { "P-Asserted-Service", DROP, DROP, LEG },
    { "P-Served-User", DROP, DROP, LEG },
    { "P-Profile-Key", DROP, DROP, LEG },
    { "P-User-Database", DROP, DROP, LEG },
    { "P-Private-Network-Indication", DROP, DROP, LEG },
    { "P-Early-Media", DROP, DROP, LEG },
    { "Resource-Priority", DROP, DROP, LEG },
    { "History-Info", DROP, DROP, LEG },
    { "Feature-Caps", DROP, DROP, LEG },
    { "Restoration-Info", DROP, DROP, LEG },
    { "Service-Interact-Info", DROP, DROP, LEG },
    { "Response-Source", DROP, DROP, LEG },
    { "Attestation-Info", DROP, DROP, LEG },
    { "Origination-Id", DROP, DROP, LEG },
    { "Additional-Identity", DROP, DROP, LEG },
    { "Priority-Verstat", DROP, DROP, LEG },
};
enum { NROWS = sizeof(rows) / sizeof(rows[0]) };

/* Compact forms (RFC 3261 s. 7.3.3 and later) of the headers that have a row. */
static const struct {
    char letter;
    const char *name;
} compact[] = {
    { 'v', "Via" },          { 'f', "From" },
    { 't', "To" },           { 'i', "Call-ID" },
    { 'm', "Contact" },      { 'l', "Content-Length" },
    { 'c', "Content-Type" }, { 'e', "Content-Encoding" },
    { 'k', "Supported" },    { 'x', "Session-Expires" },
    { 'r', "Refer-To" },
};

static const struct row *find_row(const char *name)
{
    if (name[0] && !name[1])
        for (unsigned i = 0; i < sizeof(compact) / sizeof(compact[0]); i++)
            if ((name[0] | 0x20) == compact[i].letter)
                name = compact[i].name;
    for (unsigned i = 0; i < NROWS; i++)
        if (strcasecmp(name, rows[i].name) == 0)
            return &rows[i];
    return NULL;
}

/* priv-value "id" in Privacy (RFC 3323 s. 4.2: values are separated by semicolons). */
static bool asks_id_privacy(const struct gw_sip_msg *m)
{
    const char *v;

    for (unsigned i = 0; (v = gw_sip_msg_get(m, "Privacy", i)); i++)
        for (const char *p = v; *p;) {
            size_t n = strcspn(p, "; \t,");
            if (n == 2 && strncasecmp(p, "id", 2) == 0)
                return true;
            p += n + (p[n] != 0);
        }
    return false;
}

static bool is_network_provided(const char *value)
{
    char buf[8];

    return gw_sip_param(value, "network-provided", buf, sizeof(buf)) != GW_E_NOTFOUND ||
           strcasestr(value, "network-provided");
}

static bool is_bearer(const char *value)
{
    return strncasecmp(value, "Bearer", 6) == 0 && (!value[6] || strchr(" \t,", value[6]));
}

static bool is_sec_agree(const char *value)
{
    return strcasecmp(value, "sec-agree") == 0 || strcasecmp(value, "mediasec") == 0;
}

static void drop_if(struct gw_sip_msg *m, const char *name, bool (*bad)(const char *value))
{
    const char *v;

    for (unsigned i = 0; (v = gw_sip_msg_get(m, name, i));)
        if (bad(v))
            gw_sip_msg_remove_at(m, name, i);
        else
            i++;
}

static void apply(struct gw_sip_msg *m, const struct row *r, enum action a)
{
    switch (a) {
    case PASS:
        break;
    case DROP:
        gw_sip_msg_remove(m, r->name);
        break;
    case DROP_IF_NETWORK:
        drop_if(m, r->name, is_network_provided);
        break;
    case DROP_IF_PRIVATE:
        if (asks_id_privacy(m))
            gw_sip_msg_remove(m, r->name);
        break;
    case DROP_IF_BEARER:
        drop_if(m, r->name, is_bearer);
        break;
    case DROP_SEC_AGREE:
        drop_if(m, r->name, is_sec_agree);
        break;
    }
}

/* tel and sip parameters that only the network may set (TS 24.229 s. 7.2A.12, s. 7.2A.25; TS 29.163 for cpc): removed
 * from the Request-URI wherever they stand, also in the user part of sip:+..;cpc=..@host;user=phone. */
static int strip_uri_params(struct gw_sip_msg *m)
{
    static const char *const names[] = { "cpc", "oli", "iotl" };
    const char *uri = gw_sip_msg_uri(m);
    char out[2048];
    size_t n = 0;
    bool changed = false;

    if (!uri || strlen(uri) >= sizeof(out))
        return 0;
    for (const char *p = uri; *p;) {
        if (*p == ';') {
            size_t name = strcspn(p + 1, ";=@?>"), whole = 1 + strcspn(p + 1, ";@?>");
            bool is_ours = false;
            for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                is_ours |= strlen(names[i]) == name && strncasecmp(p + 1, names[i], name) == 0;
            if (is_ours) {
                p += whole;
                changed = true;
                continue;
            }
        }
        out[n++] = *p++;
    }
    out[n] = 0;
    return changed ? gw_sip_msg_set_uri(m, out) : 0;
}

static int add_charging_vector(struct gw_sip_msg *m, const struct gw_pcscf_stamp *s)
{
    char v[1024];
    int n = snprintf(v, sizeof(v), "icid-value=\"%s\"", s->icid);

    if (s->icid_generated_at && n > 0 && (size_t)n < sizeof(v))
        n += snprintf(v + n, sizeof(v) - (size_t)n, ";icid-generated-at=%s", s->icid_generated_at);
    if (s->orig_ioi && n > 0 && (size_t)n < sizeof(v))
        n += snprintf(v + n, sizeof(v) - (size_t)n, ";orig-ioi=\"Type 1%s\"", s->orig_ioi);
    if (n < 0 || (size_t)n >= sizeof(v))
        return GW_E_LIMIT;
    return gw_sip_msg_set(m, "P-Charging-Vector", v);
}

int gw_pcscf_headers_to_core(struct gw_sip_msg *m, const struct gw_pcscf_stamp *stamp)
{
    int err = 0;

    for (unsigned i = 0; i < NROWS; i++)
        apply(m, &rows[i], rows[i].to_core);
    if (gw_sip_msg_is_request(m))
        err = strip_uri_params(m);
    if (!err && stamp->identity)
        err = gw_sip_msg_set(m, "P-Asserted-Identity", stamp->identity);
    if (!err && stamp->icid)
        err = add_charging_vector(m, stamp);
    if (!err && stamp->access_network_info)
        err = gw_sip_msg_add(m, "P-Access-Network-Info", stamp->access_network_info);
    return err;
}

int gw_pcscf_headers_to_access(struct gw_sip_msg *m)
{
    for (unsigned i = 0; i < NROWS; i++)
        apply(m, &rows[i], rows[i].to_access);
    return 0;
}

struct copy {
    struct gw_sip_msg *to;
    int err;
};

static void copy_line(void *arg, const char *name, const char *value)
{
    struct copy *c = arg;
    const struct row *r = find_row(name);

    if (!c->err && (!r || r->carry == END_TO_END))
        c->err = gw_sip_msg_add(c->to, name, value);
}

int gw_pcscf_copy_end_to_end(struct gw_sip_msg *to, const struct gw_sip_msg *from)
{
    struct copy c = { to, 0 };

    gw_sip_msg_each(from, copy_line, &c);
    return c.err;
}

int gw_pcscf_as_sip(const char *to, const char *domain, char *buf, size_t size)
{
    char uri[1024], sip[1280];
    const char *at, *rest;
    bool has_angle;
    int n, err = gw_sip_uri_of(to, uri, sizeof(uri));

    if (err)
        return err;
    if (strncasecmp(uri, "sip:", 4) == 0) {
        n = snprintf(buf, size, "%s", to);
        return n >= 0 && (size_t)n < size ? 0 : GW_E_LIMIT;
    }
    at = strstr(to, uri); /* quoted display names cannot hold it earlier: it would need its '<' */
    if (!at)
        return GW_E_SYNTAX;
    has_angle = at > to && at[-1] == '<';
    rest = has_angle ? strchr(at, '>') : at + strlen(uri);
    if (!rest)
        return GW_E_SYNTAX;
    rest += has_angle;
    if (strncasecmp(uri, "sips:", 5) == 0)
        n = snprintf(sip, sizeof(sip), "sip:%s", uri + 5);
    else if (strncasecmp(uri, "tel:", 4) == 0)
        n = snprintf(sip, sizeof(sip), "sip:%.*s@%s;user=phone", (int)strcspn(uri + 4, ";"), uri + 4, domain);
    else
        n = snprintf(sip, sizeof(sip), "sip:anonymous@%s", domain);
    if (n < 0 || (size_t)n >= sizeof(sip))
        return GW_E_LIMIT;
    n = snprintf(buf, size, "%.*s<%s>%s", (int)(at - to - has_angle), to, sip, rest);
    return n >= 0 && (size_t)n < size ? 0 : GW_E_LIMIT;
}

int gw_pcscf_icid_of(const struct gw_sip_msg *m, char *buf, size_t size)
{
    const char *v = gw_sip_msg_get(m, "P-Charging-Vector", 0);
    char params[1024], icid[512];
    int n, err;

    if (!v)
        return GW_E_NOTFOUND;
    n = snprintf(params, sizeof(params), ";%s", v); /* the header is nothing but parameters */
    err = n < 0 || (size_t)n >= sizeof(params) ? GW_E_LIMIT : gw_sip_param(params, "icid-value", icid, sizeof(icid));
    if (err || !icid[0] || strpbrk(icid, "\"\\"))
        return GW_E_NOTFOUND;
    return gw_span_copy(gw_span_str(icid), buf, size) == 0 ? 0 : GW_E_NOTFOUND;
}
