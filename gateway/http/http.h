/* The head of an HTTP/1.1 request (RFC 9112), pure: bytes in, spans into them out. What a WebSocket handshake and a
 * page need, and no more: no bodies, no pipelining. */
#ifndef GW_HTTP_H
#define GW_HTTP_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum {
    GW_HTTP_HEAD_MAX = 16 * 1024,
    GW_HTTP_HEADERS_MAX = 100,
};

struct gw_http_header {
    struct gw_span name, value;
};

struct gw_http_req {
    struct gw_span method, path, query; /* path: before '?', as sent, not decoded */
    unsigned minor;                     /* of HTTP/1.x */
    unsigned nheaders;
    struct gw_http_header headers[GW_HTTP_HEADERS_MAX];
    size_t len; /* octets of the head with its blank line */
};

/* GW_E_AGAIN: not complete yet. GW_E_LIMIT: longer than GW_HTTP_HEAD_MAX or too many headers (431). GW_E_UNSUPPORTED:
 * not HTTP/1.x (400). GW_E_SYNTAX: 400. */
int gw_http_parse(struct gw_span in, struct gw_http_req *out);

/* The value of a header, of the first if there are several; false: none. */
bool gw_http_get(const struct gw_http_req *r, const char *name, struct gw_span *out);
unsigned gw_http_count(const struct gw_http_req *r, const char *name);
/* Membership in a comma-separated list over all lines of that header, without case. */
bool gw_http_has_token(const struct gw_http_req *r, const char *name, const char *token);
/* A parameter of the query, %HH decoded into buf. GW_E_NOTFOUND, GW_E_SYNTAX (bad escape), GW_E_LIMIT. */
int gw_http_query(const struct gw_http_req *r, const char *name, char *buf, size_t size);
/* %HH decoded, with a NUL. GW_E_SYNTAX on a bad escape or %00, GW_E_LIMIT. */
int gw_http_unescape(struct gw_span in, char *buf, size_t size);

const char *gw_http_phrase(int status);

#endif
