#include "site.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/http/file.h"
#include "site_priv.h"

/* ---- addresses ---- */

struct gw_site_addr {
    struct gw_site_addr *next;
    struct gw_addr addr; /* port 0 */
    unsigned n;
};

static struct gw_site_addr **find_addr(struct gw_site *s, const struct gw_addr *a)
{
    unsigned h = 0;
    struct gw_site_addr **p;

    for (unsigned i = 0; i < sizeof(a->ip); i++)
        h = h * 31 + a->ip[i];
    for (p = &s->addrs[h % 1024]; *p && !gw_addr_eq_ip(&(*p)->addr, a); p = &(*p)->next)
        ;
    return p;
}

int gw_site_enter(struct gw_site *s, const struct gw_addr *client)
{
    struct gw_site_addr **p = find_addr(s, client), *e = *p;

    if (s->nws >= (unsigned)s->conf->ws_max || (e && e->n >= (unsigned)s->conf->ws_max_per_address))
        return GW_E_LIMIT;
    if (!e) {
        e = calloc(1, sizeof(*e));
        if (!e)
            return GW_E_NOMEM;
        e->addr = *client;
        *p = e;
    }
    e->n++;
    s->nws++;
    return 0;
}

void gw_site_leave(struct gw_site *s, const struct gw_addr *client)
{
    struct gw_site_addr **p = find_addr(s, client), *e = *p;

    if (!e)
        return;
    s->nws--;
    if (--e->n == 0) {
        *p = e->next;
        free(e);
    }
}

void gw_site_fini(struct gw_site *s)
{
    for (unsigned i = 0; i < 1024; i++) {
        for (struct gw_site_addr *e = s->addrs[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
        s->addrs[i] = NULL;
    }
}

/* ---- answers ---- */

/* The page is all of one origin, opens sockets, and uses camera and microphone; it is in nobody's frame. */
static const char security_headers[] =
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws: wss:; "
    "img-src 'self' data: blob:; "
    "media-src 'self' blob: mediastream:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'\r\n"
    "Permissions-Policy: camera=(self), microphone=(self), geolocation=()\r\n";

int gw_site_write(struct gw_site_answer *out, int status, bool is_head, const char *headers, const char *type,
                  struct gw_span body)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    if (!f)
        return GW_E_NOMEM;
    fprintf(f, "HTTP/1.1 %d %s\r\n%s%s", status, gw_http_phrase(status), security_headers, headers ? headers : "");
    if (type)
        fprintf(f, "Content-Type: %s\r\n", type);
    if (status != 304)
        fprintf(f, "Content-Length: %zu\r\n", body.len);
    if (out->is_closing)
        fputs("Connection: close\r\n", f);
    fputs("\r\n", f);
    if (body.len && !is_head && status != 304)
        fwrite(body.ptr, 1, body.len, f);
    if (fclose(f) != 0) {
        free(text);
        return GW_E_NOMEM;
    }
    out->status = status;
    out->text = text;
    out->len = len;
    return 0;
}

/* A refusal with its sentence as the body; the connection ends. */
static int refuse(struct gw_site_answer *out, int status, const char *headers, const char *why)
{
    char body[200];
    int n = snprintf(body, sizeof(body), "%s\n", why);

    out->is_closing = true;
    return gw_site_write(out, status, false, headers, "text/plain; charset=utf-8", (struct gw_span){ body, (size_t)n });
}

int gw_site_answer_bad(int err, struct gw_site_answer *out)
{
    *out = (struct gw_site_answer){ 0 };
    gw_stats_inc(GW_STAT_HTTP_BAD);
    if (err == GW_E_LIMIT)
        return refuse(out, 431, NULL, "the request head is too large");
    if (err == GW_E_UNSUPPORTED)
        return refuse(out, 400, NULL, "HTTP/1.1 is spoken here");
    return refuse(out, 400, NULL, "the request cannot be read");
}

/* ---- the WebSocket handshake ---- */

static bool is_in_list(const gw_conf_list *list, struct gw_span v)
{
    for (unsigned i = 0; i < list->n; i++)
        if (gw_span_is_nocase(v, list->v[i]))
            return true;
    return false;
}

/* Without a list: the origin's host and port are those of Host, i.e. the page came from here. */
static bool is_same_origin(struct gw_span origin, struct gw_span host)
{
    const char *p = memmem(origin.ptr, origin.len, "://", 3);

    if (!p)
        return false; /* "null" */
    p += 3;
    return (size_t)((const char *)origin.ptr + origin.len - p) == host.len && strncasecmp(p, host.ptr, host.len) == 0;
}

static bool is_origin_allowed(const struct gw_conf *c, const struct gw_http_req *r, struct gw_span host)
{
    struct gw_span origin;

    if (!gw_http_get(r, "Origin", &origin))
        return !c->ws_origin_required;
    if (c->ws_origins.n == 0)
        return is_same_origin(origin, host);
    return is_in_list(&c->ws_origins, origin) || is_in_list(&c->ws_origins, (struct gw_span){ "*", 1 });
}

static bool is_host_allowed(const struct gw_conf *c, struct gw_span host)
{
    const char *p = host.ptr, *colon = host.len ? memrchr(p, ':', host.len) : NULL,
               *bracket = host.len ? memrchr(p, ']', host.len) : NULL;

    if (c->ws_hosts.n == 0)
        return true;
    return is_in_list(&c->ws_hosts, host) ||
           (colon && colon > bracket && is_in_list(&c->ws_hosts, (struct gw_span){ p, (size_t)(colon - p) }));
}

/* The bearer token of the web user: Authorization, or a query parameter, as a browser can set no header. */
static void find_token(const struct gw_http_req *r, char *buf, size_t size)
{
    struct gw_span v;

    buf[0] = '\0';
    if (gw_http_get(r, "Authorization", &v) && v.len > 7 && strncasecmp(v.ptr, "Bearer ", 7) == 0)
        (void)gw_span_copy((struct gw_span){ (const char *)v.ptr + 7, v.len - 7 }, buf, size);
    else if (gw_http_query(r, "access_token", buf, size) && gw_http_query(r, "token", buf, size))
        buf[0] = '\0';
}

/* The last address in X-Forwarded-For that is not one of our proxies: those before it are hearsay. */
static struct gw_addr find_client(const struct gw_conf *c, const struct gw_http_req *r, const struct gw_addr *peer)
{
    struct gw_addr at = *peer;
    struct gw_span v;
    const char *p, *end;
    char text[64];

    if (!gw_http_get(r, "X-Forwarded-For", &v))
        return at;
    p = v.ptr;
    end = p + v.len;
    while (end > p) {
        const char *comma = memrchr(p, ',', (size_t)(end - p)), *from = comma ? comma + 1 : p, *to = end;
        struct gw_addr next;
        bool is_trusted = false;

        for (unsigned i = 0; i < c->trusted_proxies.n; i++)
            is_trusted = is_trusted || gw_net_has(&c->trusted_proxies.v[i], &at);
        if (!is_trusted)
            break;
        while (from < to && *from == ' ')
            from++;
        while (to > from && to[-1] == ' ')
            to--;
        if (gw_span_copy((struct gw_span){ from, (size_t)(to - from) }, text, sizeof(text)) ||
            gw_addr_parse_ip(text, 0, &next))
            break;
        at = next;
        end = comma ? comma : p;
    }
    return at;
}

static int accept_ws(const struct gw_http_req *r, struct gw_site_answer *out, struct gw_span key)
{
    char both[80], value[32];
    uint8_t sha[20];

    snprintf(both, sizeof(both), "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)key.len, (const char *)key.ptr);
    gw_sha1(gw_span_str(both), sha);
    if (gw_base64_write(GW_SPAN(sha), value, sizeof(value)))
        return GW_E_LIMIT;
    if (asprintf(&out->text,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
                 value) < 0) {
        out->text = NULL;
        return GW_E_NOMEM;
    }
    out->len = strlen(out->text);
    out->status = 101;
    find_token(r, out->token, sizeof(out->token));
    return 0;
}

/* Why not; NULL: why indeed not. In the order of the table in section 6. */
static const char *check_ws(struct gw_site *s, const struct gw_http_req *r, struct gw_site_answer *out,
                            struct gw_span *key, int *status, const char **headers)
{
    struct gw_span host, v;
    uint8_t nonce[18];
    size_t n = sizeof(nonce);

    *status = 400;
    *headers = NULL;
    if (r->minor == 0 || !gw_span_is(r->method, "GET"))
        return "a WebSocket is asked for with GET and HTTP/1.1";
    if (gw_http_count(r, "Host") != 1 || !gw_http_get(r, "Host", &host) || host.len == 0 ||
        gw_span_copy(host, out->host, sizeof(out->host)))
        return "one Host header is needed";
    if (!gw_http_has_token(r, "Upgrade", "websocket") || !gw_http_has_token(r, "Connection", "upgrade"))
        return "Upgrade: websocket and Connection: Upgrade are needed";
    if (gw_http_count(r, "Sec-WebSocket-Version") != 1 || !gw_http_get(r, "Sec-WebSocket-Version", &v) ||
        !gw_span_is(v, "13")) {
        *status = 426;
        *headers = "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n";
        return "WebSocket version 13 is spoken here";
    }
    if (gw_http_count(r, "Sec-WebSocket-Key") != 1 || !gw_http_get(r, "Sec-WebSocket-Key", key) || key->len != 24 ||
        gw_base64_parse(*key, nonce, &n) || n != 16)
        return "Sec-WebSocket-Key is no base64 of 16 octets";
    if (!gw_http_has_token(r, "Sec-WebSocket-Protocol",
                           "sip")) { /* sub-protocol names have case, "sip" is registered in lower */
        *headers = "Sec-WebSocket-Protocol: sip\r\n";
        return "the sub-protocol is sip";
    }
    *status = 403;
    if (!is_host_allowed(s->conf, host))
        return "this host is not served here";
    if (!is_origin_allowed(s->conf, r, host))
        return "this origin is not allowed";
    return NULL;
}

static int answer_ws(struct gw_site *s, const struct gw_http_req *r, const struct gw_site_client *who,
                     struct gw_site_answer *out)
{
    const char *headers, *why;
    char text[GW_ADDR_TEXT];
    struct gw_span key;
    int status, err;

    out->client = find_client(s->conf, r, &who->peer);
    why = check_ws(s, r, out, &key, &status, &headers);
    if (why) {
        gw_stats_inc(GW_STAT_WS_REFUSED);
        gw_log(GW_LOG_WARNING, "ws", NULL, "from %s: WebSocket refused: %d %s", gw_addr_ip_text(&out->client, text),
               status, why);
        return refuse(out, status, headers, why);
    }
    err = s->is_draining ? GW_E_STATE : gw_site_enter(s, &out->client);
    if (err) {
        gw_stats_inc(GW_STAT_WS_FULL);
        gw_log(GW_LOG_WARNING, "ws", NULL, "from %s: WebSocket refused: 503 %s", gw_addr_ip_text(&out->client, text),
               s->is_draining ? "draining" : "too many connections");
        return refuse(out, 503, "Retry-After: 30\r\n",
                      s->is_draining ? "this gateway is shutting down" : "too many connections");
    }
    err = accept_ws(r, out, key);
    if (err)
        gw_site_leave(s, &out->client);
    return err;
}

/* ---- the rest ---- */

static int answer_metrics(struct gw_site *s, const struct gw_site_client *who, bool is_head, struct gw_site_answer *out)
{
    char *text;
    int err;

    for (unsigned i = 0;; i++) {
        if (i == s->conf->metrics_networks.n)
            return refuse(out, 403, NULL, "not for this address (metrics_networks)");
        if (gw_net_has(&s->conf->metrics_networks.v[i], &who->peer))
            break;
    }
    text = gw_stats_write_prometheus();
    if (!text)
        return GW_E_NOMEM;
    err = gw_site_write(out, 200, is_head, "Cache-Control: no-store\r\n", "text/plain; version=0.0.4; charset=utf-8",
                        gw_span_str(text));
    free(text);
    return err;
}

static int answer_config(struct gw_site *s, bool is_head, struct gw_site_answer *out)
{
    char *text = gw_site_config_text(s->conf, (uint64_t)time(NULL));
    int err;

    if (!text)
        return GW_E_NOMEM;
    err = gw_site_write(out, 200, is_head, "Cache-Control: no-store\r\n", "application/json", gw_span_str(text));
    free(text);
    return err;
}

static int answer_file(struct gw_site *s, const struct gw_http_req *r, bool is_head, struct gw_site_answer *out)
{
    struct gw_http_file f;
    char headers[160];
    int err = gw_http_file(s->conf->web_root, r, &f);

    if (err)
        return err;
    snprintf(headers, sizeof(headers), "ETag: %s\r\nCache-Control: no-cache\r\n", f.etag);
    if (f.is_seen)
        err = gw_site_write(out, 304, is_head, headers, NULL, (struct gw_span){ 0 });
    else
        err = gw_site_write(out, 200, is_head, headers, f.type, (struct gw_span){ f.data, f.len });
    free(f.data);
    return err;
}

int gw_site_answer(struct gw_site *s, const struct gw_http_req *r, const struct gw_site_client *who,
                   struct gw_site_answer *out)
{
    bool is_head = gw_span_is(r->method, "HEAD"), is_ws_path = gw_span_is(r->path, s->conf->ws_path);
    struct gw_span v;

    *out = (struct gw_site_answer){ 0 };
    if (!is_head && !gw_span_is(r->method, "GET"))
        return refuse(out, 405, "Allow: GET, HEAD\r\n", "GET and HEAD are spoken here");
    if (gw_http_count(r, "Transfer-Encoding") || (gw_http_get(r, "Content-Length", &v) && !gw_span_is(v, "0")))
        return refuse(out, 400, NULL, "a request has no body here");
    if (is_ws_path || (gw_span_is(r->path, "/") && gw_http_count(r, "Upgrade")))
        return answer_ws(s, r, who, out);
    gw_stats_inc(GW_STAT_HTTP_REQUESTS);
    out->is_closing = r->minor == 0 || gw_http_has_token(r, "Connection", "close");
    if (r->minor > 0 && gw_http_count(r, "Host") != 1) /* RFC 9112 s. 3.2 */
        return refuse(out, 400, NULL, "one Host header is needed");
    if (gw_span_is(r->path, "/healthz"))
        return gw_site_write(out, s->is_draining ? 503 : 200, is_head, "Cache-Control: no-store\r\n",
                             "text/plain; charset=utf-8", gw_span_str(s->is_draining ? "draining\n" : "ok\n"));
    if (gw_span_is(r->path, "/metrics"))
        return answer_metrics(s, who, is_head, out);
    if (answer_file(s, r, is_head, out) == 0)
        return 0;
    if (*s->conf->web_root && gw_span_is(r->path, "/config.json"))
        return answer_config(s, is_head, out);
    return gw_site_write(out, 404, is_head, NULL, "text/plain; charset=utf-8", gw_span_str("there is nothing here\n"));
}
