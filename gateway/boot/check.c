#include "gateway/boot/check.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/crypto.h"
#include "gateway/dtls/cert.h"
#include "signaling/pcscf/jwt.h"
#include "signaling/pcscf/mediasec.h"
#include "signaling/sip/sip.h"

struct check {
    const struct gw_conf *c;
    FILE *out;
    unsigned problems;
};

__attribute__((format(printf, 3, 4))) static void problem(struct check *k, enum gw_conf_key key, const char *fmt, ...)
{
    char what[512], why[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    gw_conf_refuse(k->c, key, GW_E_INVAL, why, sizeof(why), "%s", what);
    fprintf(k->out, "%s\n", why);
    k->problems++;
}

/* ---- addresses ---- */

/* At most one literal per family. Out: what was read, in order; returns how many. */
static unsigned read_addresses(struct check *k, enum gw_conf_key key, const gw_conf_list *l, struct gw_addr out[2])
{
    unsigned n = 0;

    for (unsigned i = 0; i < l->n; i++) {
        struct gw_addr a;
        if (gw_addr_parse_ip(l->v[i], 0, &a) != 0)
            problem(k, key, "\"%s\" is not an IP address", l->v[i]);
        else if ((n > 0 && out[0].family == a.family) || n == 2)
            problem(k, key, "\"%s\" is a second address of its family", l->v[i]);
        else
            out[n++] = a;
    }
    return n;
}

/* Addresses, and those that stand for them behind 1:1 NAT. */
static void check_addresses(struct check *k, enum gw_conf_key own_key, const gw_conf_list *own_list,
                            enum gw_conf_key said_key, const gw_conf_list *said_list)
{
    struct gw_addr own[2], said[2];
    unsigned nown = read_addresses(k, own_key, own_list, own), nsaid = read_addresses(k, said_key, said_list, said);

    if (own_list->n == 0)
        problem(k, own_key, "empty: media needs an address");
    if (nsaid && nsaid != nown)
        problem(k, said_key, "%u addresses for the %u of %s", nsaid, nown, gw_conf_name(own_key));
    for (unsigned i = 0; i < nown; i++) {
        if (i < nsaid && said[i].family != own[i].family)
            problem(k, said_key, "\"%s\" is not of the family of \"%s\" in %s", said_list->v[i], own_list->v[i],
                    gw_conf_name(own_key));
        if (nsaid == 0 && gw_addr_is_any(&own[i]))
            problem(k, own_key, "\"%s\" cannot be written into SDP; name it in %s", own_list->v[i],
                    gw_conf_name(said_key));
    }
    for (unsigned i = 0; i < nsaid; i++)
        if (gw_addr_is_any(&said[i]))
            problem(k, said_key, "\"%s\" cannot be written into SDP", said_list->v[i]);
}

/* ---- ports ---- */

/* Whether a socket on one could take what is meant for the other. */
static bool is_shared(const struct gw_addr *a, const struct gw_addr *b)
{
    if (a->family != b->family)
        return (gw_addr_is_any(a) && a->family == 6) || (gw_addr_is_any(b) && b->family == 6);
    return gw_addr_eq_ip(a, b) || gw_addr_is_any(a) || gw_addr_is_any(b);
}

static bool lists_share(const gw_conf_list *x, const gw_conf_list *y)
{
    struct gw_addr a, b;

    for (unsigned i = 0; i < x->n; i++)
        for (unsigned j = 0; j < y->n; j++)
            if (gw_addr_parse_ip(x->v[i], 0, &a) == 0 && gw_addr_parse_ip(y->v[j], 0, &b) == 0 && is_shared(&a, &b))
                return true;
    return false;
}

static bool list_shares(const gw_conf_list *x, const struct gw_addr *b)
{
    struct gw_addr a;

    for (unsigned i = 0; i < x->n; i++)
        if (gw_addr_parse_ip(x->v[i], 0, &a) == 0 && is_shared(&a, b))
            return true;
    return false;
}

static void check_udp_ports(struct check *k)
{
    const struct gw_conf *c = k->c;
    gw_conf_int first = c->access_port, last = c->access_port + c->workers - 1, sip = c->sip_listen.port;

    if (last > 65535)
        problem(k, GW_CONF_access_port, "%lld workers need the ports up to %lld, past 65535", (long long)c->workers,
                (long long)last);
    if (c->core_port_max - c->core_port_min < 1)
        problem(k, GW_CONF_core_port_max, "below core_port_min %lld + 1: no room for RTP and RTCP",
                (long long)c->core_port_min);
    if (first <= c->core_port_max && last >= c->core_port_min && lists_share(&c->access_address, &c->core_address))
        problem(k, GW_CONF_access_port,
                "%lld to %lld overlaps core_port_min %lld to core_port_max %lld on the same address", (long long)first,
                (long long)last, (long long)c->core_port_min, (long long)c->core_port_max);
    if (c->role.v == GW_ROLE_AGW)
        return; /* no SIP */
    if (sip >= first && sip <= last && list_shares(&c->access_address, &c->sip_listen))
        problem(k, GW_CONF_sip_listen, "port is among the ports of the workers, %lld to %lld, on the same address",
                (long long)first, (long long)last);
    if (sip >= c->core_port_min && sip <= c->core_port_max && list_shares(&c->core_address, &c->sip_listen))
        problem(k, GW_CONF_sip_listen, "port lies in core_port_min %lld to core_port_max %lld on the same address",
                (long long)c->core_port_min, (long long)c->core_port_max);
}

struct listener {
    enum gw_conf_key key;
    struct gw_addr addr;
};

enum { LISTENERS = 5 + 3 * GW_CONF_LIST };

static unsigned add_more(struct check *k, enum gw_conf_key key, const gw_conf_list *l, struct listener *v, unsigned n)
{
    for (unsigned i = 0; i < l->n; i++) {
        v[n].key = key;
        if (gw_addr_parse(l->v[i], &v[n].addr) != 0)
            problem(k, key, "\"%s\" is not ADDRESS:PORT", l->v[i]);
        else
            n++;
    }
    return n;
}

static void check_tcp_ports(struct check *k)
{
    const struct gw_conf *c = k->c;
    struct listener v[LISTENERS] = { { GW_CONF_sip_listen, c->sip_listen },
                                     { GW_CONF_sips_listen, c->sips_listen },
                                     { GW_CONF_wss_listen, c->wss_listen },
                                     { GW_CONF_ws_listen, c->ws_listen },
                                     { GW_CONF_admin_listen, c->admin_listen } };
    unsigned n = add_more(k, GW_CONF_sip_listen_more, &c->sip_listen_more, v, 5);

    n = add_more(k, GW_CONF_wss_listen_more, &c->wss_listen_more, v, n);
    n = add_more(k, GW_CONF_ws_listen_more, &c->ws_listen_more, v, n);
    for (unsigned i = 1; i < n; i++)
        for (unsigned j = 0; j < i; j++)
            if (v[i].addr.port && v[i].addr.port == v[j].addr.port && is_shared(&v[i].addr, &v[j].addr) &&
                v[i].addr.family == v[j].addr.family) /* sockets of IPv6 take no IPv4 here */
                problem(k, v[i].key, "the same address and port as %s", gw_conf_name(v[j].key));
    if (!c->wss_listen.port && !c->ws_listen.port)
        problem(k, GW_CONF_wss_listen, "port 0 as in ws_listen: no browser could connect");
    if (!c->sip_listen.port)
        problem(k, GW_CONF_sip_listen, "port 0: the core could not connect");
}

/* ---- names and files ---- */

static void check_route(struct check *k, enum gw_conf_key key, const char *text)
{
    struct gw_sip_uri uri;

    if (*text && (gw_sip_uri_parse(text, &uri) != 0 || !*uri.host ||
                  (strcasecmp(uri.scheme, "sip") != 0 && strcasecmp(uri.scheme, "sips") != 0)))
        problem(k, key, "\"%.64s\" is not a SIP URI such as sip:icscf.example.org:5060;lr", text);
}

static void check_names(struct check *k)
{
    const struct gw_conf *c = k->c;

    if (!*c->domain ||
        strspn(c->domain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != strlen(c->domain))
        problem(k, GW_CONF_domain, "\"%.64s\" is not a host name", c->domain);
    if (*c->ws_path != '/')
        problem(k, GW_CONF_ws_path, "\"%.64s\" does not begin with /", c->ws_path);
    check_route(k, GW_CONF_core_route, c->core_route);
    check_route(k, GW_CONF_emergency_route, c->emergency_route);
    if (strlen(c->admin_socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        problem(k, GW_CONF_admin_socket, "longer than %zu octets", sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
}

/* DTLS-SRTP profiles (RFC 5764, RFC 7714); SDES has two more (RFC 6188). */
static void check_suites(struct check *k, enum gw_conf_key key, const gw_conf_list *l, bool is_sdes)
{
    if (l->n == 0)
        problem(k, key, "empty: no media could be protected");
    for (unsigned i = 0; i < l->n; i++) {
        const char *name = l->v[i];
        bool is_sdes_only = !strcmp(name, "AES_256_CM_HMAC_SHA1_80") || !strcmp(name, "AES_256_CM_HMAC_SHA1_32");
        if (!gw_dtls_profile_parse(name) && !(is_sdes && is_sdes_only))
            problem(k, key, "\"%s\" is not a suite known here", name);
    }
}

static void check_mediasec(struct check *k)
{
    const gw_conf_list *l = &k->c->mediasec;

    for (unsigned i = 0; i < l->n; i++)
        if (!gw_mediasec_is_known(l->v[i]))
            problem(k, GW_CONF_mediasec, "\"%s\" is not a kind of media security known here", l->v[i]);
}

static void check_files(struct check *k)
{
    const struct gw_conf *c = k->c;
    struct gw_jwt *jwt = NULL;
    char why[256] = "", dir[GW_CONF_VALUE];
    const char *slash = strrchr(c->call_record_file, '/');

    if (*c->tls_key && !*c->tls_cert)
        problem(k, GW_CONF_tls_cert, "empty, but tls_key is not");
    else if (*c->tls_cert &&
             gw_key_pair_check(c->tls_cert, *c->tls_key ? c->tls_key : c->tls_cert, why, sizeof(why)) != 0)
        problem(k, GW_CONF_tls_cert, "%s", why);
    if (*c->web_root && access(c->web_root, R_OK | X_OK) != 0)
        problem(k, GW_CONF_web_root, "%.256s: %s", c->web_root, strerror(errno));
    if (*c->console_root && access(c->console_root, R_OK | X_OK) != 0)
        problem(k, GW_CONF_console_root, "%.256s: %s", c->console_root, strerror(errno));
    if (*c->admin_token && strlen(c->admin_token) < 16)
        problem(k, GW_CONF_admin_token, "shorter than 16 characters");
    if (c->sips_listen.port && !*c->tls_cert)
        problem(k, GW_CONF_sips_listen, "needs tls_cert");
    if (gw_jwt_new(c, &jwt, why, sizeof(why)) != 0)
        problem(k, GW_CONF_token_key, "%s", why);
    gw_jwt_free(jwt);
    if (*c->sips_ca && access(c->sips_ca, R_OK) != 0)
        problem(k, GW_CONF_sips_ca, "%.256s: %s", c->sips_ca, strerror(errno));
    snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - c->call_record_file) + 1 : 1,
             slash ? c->call_record_file : ".");
    if (*c->call_record_file && access(c->call_record_file, W_OK) != 0 &&
        (errno != ENOENT || access(dir, W_OK | X_OK) != 0))
        problem(k, GW_CONF_call_record_file, "%.256s: %s", c->call_record_file, strerror(errno));
}

/* Signalling and media apart: who listens, who connects, and that neither does it without a certificate. */
static void check_iq(struct check *k)
{
    static const enum gw_conf_key files[] = { GW_CONF_iq_cert, GW_CONF_iq_ca };
    const struct gw_conf *c = k->c;
    bool is_pcscf = c->role.v == GW_ROLE_PCSCF;
    char why[256];
    struct gw_addr a;

    if (c->role.v == GW_ROLE_ALL)
        return;
    if (is_pcscf && c->iq_agws.n == 0)
        problem(k, GW_CONF_iq_agws, "empty, but role is pcscf: no call could have media");
    for (unsigned i = 0; i < c->iq_agws.n; i++)
        if (gw_addr_parse(c->iq_agws.v[i], &a) != 0 || !a.port)
            problem(k, GW_CONF_iq_agws, "\"%s\" is not ADDRESS:PORT", c->iq_agws.v[i]);
    if (!is_pcscf && !c->iq_listen.port)
        problem(k, GW_CONF_iq_listen, "port 0, but role is agw: nobody could tell it what to do");
    for (unsigned i = 0; i < 2; i++) {
        const char *path = gw_conf_text(c, files[i]);
        if (!*path)
            problem(k, files[i], "empty: both sides prove who they are");
        else if (access(path, R_OK) != 0)
            problem(k, files[i], "%.256s: %s", path, strerror(errno));
    }
    if (*c->iq_cert && gw_key_pair_check(c->iq_cert, *c->iq_key ? c->iq_key : c->iq_cert, why, sizeof(why)) != 0)
        problem(k, GW_CONF_iq_cert, "%s", why);
}

unsigned gw_conf_check(const struct gw_conf *c, FILE *out)
{
    struct check k = { c, out, 0 };

    check_names(&k);
    check_addresses(&k, GW_CONF_access_address, &c->access_address, GW_CONF_access_advertise, &c->access_advertise);
    check_addresses(&k, GW_CONF_core_address, &c->core_address, GW_CONF_core_advertise, &c->core_advertise);
    if (c->core_networks.n == 0)
        problem(&k, GW_CONF_core_networks, "empty: no call could have media");
    if (c->role.v != GW_ROLE_PCSCF)
        check_udp_ports(&k);
    if (c->role.v != GW_ROLE_AGW)
        check_tcp_ports(&k);
    check_files(&k);
    check_iq(&k);
    check_suites(&k, GW_CONF_srtp_profiles, &c->srtp_profiles, false);
    check_suites(&k, GW_CONF_core_crypto, &c->core_crypto, true);
    check_mediasec(&k);
    return k.problems;
}
