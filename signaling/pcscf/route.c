/* Our own URIs in Route, Path, Record-Route and the Request-URI (RFC 3261 s. 16.4, RFC 5626 s. 5.3). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "signaling/pcscf/pcscf_priv.h"

enum { SIP_PORT = 5060, SIPS_PORT = 5061, ROUTES_MAX = 32 };

/* "host", "host:port", "[v6]:port" against a parsed URI; an IPv6 host of the URI may or may not have its brackets. */
static bool is_host(const struct gw_sip_uri *u, const char *host)
{
    const char *colon = strrchr(host, ':');
    size_t len = strlen(host);
    char transport[8] = "";
    bool is_tls =
        gw_sip_uri_param(u, "transport", transport, sizeof(transport)) == 0 && strcasecmp(transport, "tls") == 0;
    unsigned default_port = is_tls ? SIPS_PORT : SIP_PORT;
    unsigned port = default_port, uri_port = u->port ? u->port : default_port;
    const char *uri_host = u->host;
    size_t uri_len = strlen(uri_host);

    if (colon && (host[0] != '[' || (colon > host && colon[-1] == ']'))) {
        port = (unsigned)strtoul(colon + 1, NULL, 10);
        len = (size_t)(colon - host);
    }
    if (len > 1 && host[0] == '[') {
        host++;
        len -= 2;
    }
    if (uri_len > 1 && uri_host[0] == '[') {
        uri_host++;
        uri_len -= 2;
    }
    return len == uri_len && strncasecmp(host, uri_host, len) == 0 && port == uri_port;
}

/* One of the addresses that the core side listens on, as the configuration writes them. */
static bool is_listener(const struct gw_pcscf *p, const struct gw_sip_uri *u)
{
    char text[GW_ADDR_TEXT];

    for (unsigned i = 0; i < p->conf->sip_listen_more.n; i++)
        if (is_host(u, p->conf->sip_listen_more.v[i]))
            return true;
    return is_host(u, gw_addr_text(&p->conf->sip_listen, text)) ||
           (p->conf->sips_listen.port && is_host(u, gw_addr_text(&p->conf->sips_listen, text)));
}

/* Where IMS phones reach us. A listener on any address is reached by one that only its clients know. */
static bool is_access_listener(const struct gw_pcscf *p, const struct gw_sip_uri *u)
{
    const struct gw_addr *const listeners[] = { &p->conf->access_udp, &p->conf->access_tcp, &p->conf->access_tls };
    struct gw_addr a;
    char text[GW_ADDR_TEXT];

    for (unsigned i = 0; i < 3; i++) {
        if (!listeners[i]->port)
            continue;
        if (is_host(u, gw_addr_text(listeners[i], text)))
            return true;
        if (gw_addr_is_any(listeners[i]) && u->port == listeners[i]->port && gw_addr_parse_ip(u->host, 0, &a) == 0)
            return true;
    }
    return false;
}

bool gw_route_is_ours(const struct gw_pcscf *p, const char *value, struct gw_sip_uri *u)
{
    char uri[1024];
    gw_flow_id flow;

    if (gw_sip_uri_of(value, uri, sizeof(uri)) != 0 || gw_sip_uri_parse(uri, u) != 0)
        return false;
    if (is_host(u, gw_sip_stack_host(p->stack, false)) || is_host(u, gw_sip_stack_host(p->stack, true)) ||
        is_listener(p, u) || is_access_listener(p, u))
        return true;
    /* the domain may be the home domain as well, whose other URIs are not ours */
    return strcasecmp(u->host, p->conf->domain) == 0 &&
           gw_token_parse(&p->key, gw_span_str(u->user), &flow) != GW_E_SYNTAX;
}

void gw_route_write(const struct gw_pcscf *p, gw_flow_id flow, const char *params, char *buf, size_t size)
{
    char token[GW_TOKEN_TEXT];

    gw_token_write(&p->key, flow, token);
    snprintf(buf, size, "<sip:%s@%s%s;lr%s>", token, gw_sip_stack_host(p->stack, false),
             gw_sip_stack_params(p->stack, false), params);
}

/* A strict router put us into the Request-URI and what was there at the end of Route: undo it (RFC 3261 s. 16.4). */
static void undo_strict(const struct gw_pcscf *p, struct gw_sip_msg *m)
{
    struct gw_sip_uri u;
    gw_flow_id flow;
    char uri[1024];
    unsigned last = 0;

    if (!gw_sip_msg_get(m, "Route", 0) || !gw_route_is_ours(p, gw_sip_msg_uri(m), &u) ||
        gw_token_parse(&p->key, gw_span_str(u.user), &flow) == GW_E_SYNTAX)
        return;
    while (gw_sip_msg_get(m, "Route", last + 1))
        last++;
    if (gw_sip_uri_of(gw_sip_msg_get(m, "Route", last), uri, sizeof(uri)) != 0)
        return;
    char was[1100];
    snprintf(was, sizeof(was), "<%s>", gw_sip_msg_uri(m));
    gw_sip_msg_remove_at(m, "Route", last);
    if (gw_sip_msg_set_uri(m, uri) == 0)
        gw_sip_msg_push(m, "Route", was);
}

int gw_route_pop(const struct gw_pcscf *p, struct gw_sip_msg *m, bool *has_token, gw_flow_id *flow)
{
    struct gw_sip_uri u;
    const char *v;
    int err = 0;

    *has_token = false;
    undo_strict(p, m);
    while ((v = gw_sip_msg_get(m, "Route", 0)) && gw_route_is_ours(p, v, &u)) {
        gw_flow_id id = 0;
        int e = gw_token_parse(&p->key, gw_span_str(u.user), &id);
        gw_sip_msg_remove_at(m, "Route", 0);
        if (!u.user[0])
            continue;
        /* a user part that we did not make is as good as a forged token: nobody has reason to invent one */
        *has_token = true;
        err = e == GW_E_SYNTAX ? GW_E_MISMATCH : e;
        *flow = id;
        break; /* the next one is another connection's, and another pass through us */
    }
    return err;
}
