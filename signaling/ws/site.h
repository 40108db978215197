/* What the front says to a request: the page, /healthz, /metrics, and the WebSocket handshake (RFC 6455 s. 4.2, RFC
 * 7118 s. 4, specs/signalling.md 1.1 and 6). Bytes in, bytes out; the only outside it touches are the files under
 * web_root. Front thread. */
#ifndef GW_WS_SITE_H
#define GW_WS_SITE_H

#include "gateway/base/addr.h"
#include "gateway/base/conf.h"
#include "gateway/http/http.h"

struct gw_ws_event;

struct gw_site_addr;

struct gw_site {
    const struct gw_conf *conf; /* borrowed */
    bool is_draining;
    unsigned nws;                     /* WebSocket connections */
    struct gw_site_addr *addrs[1024]; /* how many of them each address has */
    /* Takes *e on success; GW_E_FULL leaves it. */
    int (*on_event)(void *arg, struct gw_ws_event **e);
    void *arg;
};

/* Who asks. */
struct gw_site_client {
    struct gw_addr peer; /* of the TCP connection */
    bool is_tls;
};

struct gw_site_answer {
    int status;      /* 101: it is a WebSocket now */
    bool is_closing; /* end the connection when this is written */
    char *text;      /* heap: head and body as on the wire */
    size_t len;
    struct gw_addr client;       /* of a 101: peer, or the one that a trusted proxy names */
    char host[256], token[4097]; /* of a 101 */
};

/* Always fills *out, unless memory is out. */
int gw_site_answer(struct gw_site *s, const struct gw_http_req *r, const struct gw_site_client *who,
                   struct gw_site_answer *out);
/* The answer to a head that gw_http_parse refused with err. */
int gw_site_answer_bad(int err, struct gw_site_answer *out);

/* A WebSocket of that address opens (GW_E_LIMIT) and ends. */
int gw_site_enter(struct gw_site *s, const struct gw_addr *client);
void gw_site_leave(struct gw_site *s, const struct gw_addr *client);
void gw_site_fini(struct gw_site *s);

#endif
