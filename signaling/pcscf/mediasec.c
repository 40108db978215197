#include "signaling/pcscf/mediasec.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    unsigned bit;
} mechanisms[] = {
    { "sdes-srtp", GW_MEDIASEC_SDES_SRTP }, { "msrp-tls", GW_MEDIASEC_MSRP_TLS },
    { "bfcp-tls", GW_MEDIASEC_BFCP_TLS },   { "udptl-dtls", GW_MEDIASEC_UDPTL_DTLS },
    { "dtls-srtp", GW_MEDIASEC_DTLS_SRTP },
};

enum { N = sizeof(mechanisms) / sizeof(mechanisms[0]) };

/* The next of "a ; b ; c", without blanks. */
static struct gw_span cut(struct gw_span *rest, char mark)
{
    const char *p = rest->ptr, *end = rest->len ? memchr(p, mark, rest->len) : NULL;
    size_t n = end ? (size_t)(end - p) : rest->len;
    struct gw_span out = { p, n };

    rest->ptr = p + n + (end != NULL);
    rest->len -= n + (end != NULL);
    while (out.len && strchr(" \t", *(const char *)out.ptr)) {
        out.ptr = (const char *)out.ptr + 1;
        out.len--;
    }
    while (out.len && strchr(" \t\r\n", ((const char *)out.ptr)[out.len - 1]))
        out.len--;
    return out;
}

static struct gw_span part(struct gw_span *rest)
{
    return cut(rest, ';');
}

static bool is_of_media(struct gw_span entry)
{
    (void)part(&entry);
    while (entry.len)
        if (gw_span_is_nocase(part(&entry), "mediasec"))
            return true;
    return false;
}

static unsigned bit_of(struct gw_span name)
{
    for (unsigned i = 0; i < N; i++)
        if (gw_span_is_nocase(name, mechanisms[i].name))
            return mechanisms[i].bit;
    return 0;
}

unsigned gw_mediasec_of(struct gw_span entry)
{
    struct gw_span rest = entry, name = part(&rest);

    return is_of_media(entry) ? bit_of(name) : 0;
}

unsigned gw_mediasec_read(const struct gw_sip_msg *m, const char *header, bool *has_entries, bool *has_others)
{
    unsigned set = 0;
    const char *v;

    *has_entries = *has_others = false;
    for (unsigned i = 0; (v = gw_sip_msg_get(m, header, i)); i++) {
        bool is_media = is_of_media(gw_span_str(v));
        *has_entries |= is_media;
        *has_others |= !is_media;
        set |= gw_mediasec_of(gw_span_str(v));
    }
    return set;
}

static bool comes_by(const struct gw_sip_msg *req, struct gw_span access)
{
    const char *v;

    for (unsigned i = 0; (v = gw_sip_msg_get(req, "P-Access-Network-Info", i)); i++) {
        struct gw_span rest = gw_span_str(v), type = part(&rest);
        if (type.len == access.len && strncasecmp(type.ptr, access.ptr, type.len) == 0)
            return true;
    }
    return false;
}

unsigned gw_mediasec_offered(const struct gw_conf *conf, const struct gw_sip_msg *req)
{
    unsigned set = 0;

    for (unsigned i = 0; i < conf->mediasec.n; i++) {
        struct gw_span rest = gw_span_str(conf->mediasec.v[i]), name = cut(&rest, '@');
        bool is_offered = !rest.len;

        while (rest.len && !is_offered)
            is_offered = comes_by(req, cut(&rest, '@'));
        if (is_offered)
            set |= bit_of(name);
    }
    return set;
}

bool gw_mediasec_is_known(const char *entry)
{
    struct gw_span rest = gw_span_str(entry);

    return bit_of(cut(&rest, '@')) != 0;
}

int gw_mediasec_write(struct gw_sip_msg *resp, unsigned set)
{
    char text[40];
    int err = 0;

    for (unsigned i = 0; !err && i < N; i++) {
        if (!(set & mechanisms[i].bit))
            continue;
        snprintf(text, sizeof(text), "%s;mediasec", mechanisms[i].name);
        err = gw_sip_msg_add(resp, "Security-Server", text);
    }
    return err;
}

void gw_mediasec_apply(unsigned set, struct gw_e2ae_input *out)
{
    out->has_sdes_srtp = set & GW_MEDIASEC_SDES_SRTP;
    out->has_msrp_tls = set & GW_MEDIASEC_MSRP_TLS;
    out->has_bfcp_tls = set & GW_MEDIASEC_BFCP_TLS;
    out->has_udptl_dtls = set & GW_MEDIASEC_UDPTL_DTLS;
}
