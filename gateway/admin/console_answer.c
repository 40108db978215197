/* What the console says to a request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/admin/console_priv.h"
#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/http/file.h"

static const char json_type[] = "application/json";

/* The page is all of one origin and in nobody's frame; nothing of it is for pages of others. */
static const char security_headers[] =
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";

static int put(struct gw_console_answer *out, int status, const char *headers, const char *type, struct gw_span body)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    if (!f)
        return GW_E_NOMEM;
    fprintf(f, "HTTP/1.1 %d %s\r\n%s%sConnection: close\r\n", status, gw_http_phrase(status), security_headers,
            headers);
    if (status != 304)
        fprintf(f, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body.len);
    fputs("\r\n", f);
    if (body.len)
        fwrite(body.ptr, 1, body.len, f);
    if (fclose(f) != 0) {
        free(text);
        return GW_E_NOMEM;
    }
    *out = (struct gw_console_answer){ status, text, len };
    return 0;
}

static int put_text(struct gw_console_answer *out, int status, const char *type, const char *text)
{
    return put(out, status, "Cache-Control: no-store\r\n", type, gw_span_str(text));
}

/* `why` is a sentence of ours: nothing in it needs an escape. */
static int refuse(struct gw_console_answer *out, int status, const char *headers, const char *why)
{
    char body[256];

    gw_stats_inc(GW_STAT_ADMIN_REFUSED);
    snprintf(body, sizeof(body), "{\"ok\":false,\"error\":\"%s\"}\n", why);
    return put(out, status, headers, json_type, gw_span_str(body));
}

int gw_console_answer_bad(int err, struct gw_console_answer *out)
{
    if (err == GW_E_LIMIT)
        return refuse(out, 431, "", "the request head is too large");
    return refuse(out, 400, "", err == GW_E_UNSUPPORTED ? "HTTP/1.1 is spoken here" : "the request cannot be read");
}

/* ---- who may ---- */

/* What no page of another name can make a browser send: an address, localhost, or a name that the operator gave. */
static bool is_host_ours(const struct gw_conf *c, struct gw_span host)
{
    char text[256], *end;
    struct gw_addr a;

    if (gw_span_copy(host, text, sizeof(text)) != 0)
        return false;
    if (gw_addr_parse(text, &a) == 0 || gw_addr_parse_ip(text, 0, &a) == 0)
        return true;
    end = strrchr(text, ':');
    if (end && strspn(end + 1, "0123456789") == strlen(end + 1))
        *end = 0;
    for (unsigned i = 0; i < c->admin_hosts.n; i++)
        if (strcasecmp(text, c->admin_hosts.v[i]) == 0)
            return true;
    return strcasecmp(text, "localhost") == 0;
}

/* Digests are compared, so that neither length nor beginning of the token show in the time it takes. */
static bool is_token(const struct gw_conf *c, struct gw_span authorization)
{
    const char *p = authorization.ptr;
    uint8_t a[32], b[32];

    if (!*c->admin_token || authorization.len <= 7 || strncasecmp(p, "Bearer ", 7) != 0)
        return false;
    gw_sha256(gw_span_str(c->admin_token), a);
    gw_sha256((struct gw_span){ p + 7, authorization.len - 7 }, b);
    return gw_crypto_eq(a, b, sizeof(a));
}

/* 0, or why not as a status. A token that is given must be right, also where none is needed: so the page can ask. */
static int check_access(const struct gw_conf *c, const struct gw_http_req *r, const struct gw_addr *peer, bool changes)
{
    struct gw_span authorization;

    if (gw_http_get(r, "Authorization", &authorization) && is_token(c, authorization))
        return 0;
    if (!gw_http_count(r, "Authorization") && !changes && gw_addr_is_loopback(peer) &&
        !gw_http_count(r, "X-Forwarded-For") && !gw_http_count(r, "Forwarded")) /* a proxy here, its client elsewhere */
        return 0;
    return *c->admin_token ? 401 : 403;
}

static int refuse_access(struct gw_console_answer *out, int status, const char *what, const struct gw_addr *peer)
{
    const char *why = status == 401 ? "wrong or no token (admin_token)" : "no admin_token is configured";
    char from[GW_ADDR_TEXT];

    gw_log(GW_LOG_WARNING, "console", NULL, "from %s: %s refused: %s", gw_addr_ip_text(peer, from), what, why);
    return refuse(out, status, status == 401 ? "WWW-Authenticate: Bearer realm=\"imsgw\"\r\n" : "", why);
}

/* ---- the interface ---- */

static int status_of(int err)
{
    switch (err) {
    case 0:
        return 200;
    case GW_E_NOTFOUND:
        return 404;
    case GW_E_INVAL:
    case GW_E_SYNTAX:
    case GW_E_RANGE:
        return 400;
    case GW_E_STATE:
        return 409;
    case GW_E_UNSUPPORTED:
        return 501;
    default:
        return 500;
    }
}

/* /api/VERB[/ARGUMENT]; `path` is what stands behind /api/. */
static int answer_verb(const struct gw_console_site *s, const struct gw_http_req *r, const struct gw_addr *peer,
                       char *path, struct gw_console_answer *out)
{
    char *arg = strchr(path, '/'), *reply;
    bool is_post = gw_span_is(r->method, "POST"), changes;
    const struct gw_admin_verb *v;
    int err;

    if (arg)
        *arg++ = 0;
    v = gw_admin_find(s->verbs, s->nverbs, path);
    if (!v && strcmp(path, "help") != 0)
        return refuse(out, 404, "", "there is no such verb; /api/help lists them");
    changes = v && v->changes;
    if (changes && !is_post)
        return refuse(out, 405, "Allow: POST\r\n", "this changes something: POST");
    if (!changes && is_post)
        return refuse(out, 405, "Allow: GET\r\n", "this only looks: GET");
    err = check_access(s->conf, r, peer, changes);
    if (err)
        return refuse_access(out, err, v ? v->name : path, peer);
    if (changes)
        gw_log(GW_LOG_INFO, "console", NULL, "%s %s", path, arg ? arg : "");
    reply = gw_admin_run(s->verbs, s->nverbs, s->ctx, path, arg ? arg : "", &err);
    if (!reply)
        return GW_E_NOMEM;
    err = put_text(out, status_of(err), json_type, reply);
    free(reply);
    return err;
}

static int answer_metrics(const struct gw_console_site *s, const struct gw_http_req *r, const struct gw_addr *peer,
                          struct gw_console_answer *out)
{
    bool is_near = false;
    char *text;
    int err;

    for (unsigned i = 0; i < s->conf->metrics_networks.n; i++)
        is_near = is_near || gw_net_has(&s->conf->metrics_networks.v[i], peer);
    if (!is_near && check_access(s->conf, r, peer, true) != 0)
        return refuse(out, 403, "", "not for this address (metrics_networks)");
    text = gw_stats_write_prometheus();
    if (!text)
        return GW_E_NOMEM;
    err = put_text(out, 200, "text/plain; version=0.0.4; charset=utf-8", text);
    free(text);
    return err;
}

static int answer_file(const struct gw_console_site *s, const struct gw_http_req *r, struct gw_console_answer *out)
{
    struct gw_http_file f;
    char headers[160];
    int err;

    if (gw_http_file(s->conf->console_root, r, &f) != 0)
        return refuse(out, 404, "", *s->conf->console_root ? "there is nothing here" : "no console_root is configured");
    snprintf(headers, sizeof(headers), "ETag: %s\r\nCache-Control: no-cache\r\n", f.etag);
    err = put(out, f.is_seen ? 304 : 200, headers, f.type, (struct gw_span){ f.data, f.is_seen ? 0 : f.len });
    free(f.data);
    return err;
}

int gw_console_answer(const struct gw_console_site *s, const struct gw_http_req *r, const struct gw_addr *peer,
                      struct gw_console_answer *out)
{
    bool is_post = gw_span_is(r->method, "POST");
    char path[1024], from[GW_ADDR_TEXT];
    struct gw_span v;

    gw_stats_inc(GW_STAT_ADMIN_REQUEST);
    if (!is_post && !gw_span_is(r->method, "GET"))
        return refuse(out, 405, "Allow: GET, POST\r\n", "GET and POST are spoken here");
    if (gw_http_count(r, "Transfer-Encoding") || gw_http_count(r, "Content-Length") > 1 ||
        (gw_http_get(r, "Content-Length", &v) && !gw_span_is(v, "0")))
        return refuse(out, 413, "", "a request has no body here");
    if (gw_http_count(r, "Host") != 1 || !gw_http_get(r, "Host", &v))
        return refuse(out, 400, "", "one Host header is needed");
    if (!is_post && gw_span_is(r->path, "/healthz"))
        return put_text(out, s->is_draining ? 503 : 200, "text/plain; charset=utf-8",
                        s->is_draining ? "draining\n" : "ok\n");
    if (!is_post && gw_span_is(r->path, "/metrics"))
        return answer_metrics(s, r, peer, out);
    if (!is_host_ours(s->conf, v)) {
        gw_log(GW_LOG_WARNING, "console", NULL, "from %s: refused: its Host is not in admin_hosts",
               gw_addr_ip_text(peer, from));
        return refuse(out, 403, "", "call the console by its address, or name this host in admin_hosts");
    }
    if (gw_http_unescape(r->path, path, sizeof(path)) != 0)
        return refuse(out, 400, "", "the path cannot be read");
    if (strncmp(path, "/api/", 5) == 0)
        return answer_verb(s, r, peer, path + 5, out);
    if (is_post)
        return refuse(out, 405, "Allow: GET\r\n", "this only looks: GET");
    return answer_file(s, r, out);
}
