/* The front thread: libwebsockets with its libuv event library gives sockets, TLS and the loop; what is said on them is
 * conn.c's. libwebsockets' own HTTP and WebSocket are not used ("raw" connections): 4.1 takes unmasked frames from
 * clients (RFC 6455 s. 5.1 says close), drops the connection where section 6 of the specs wants an answer, and hides
 * which rule a frame broke. The one file with libwebsockets. */
#include "signaling/ws/ws_listener.h"

#include <libwebsockets.h>
#include <uv.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "tls.h"

enum {
    COMMANDS = 8192,
    BUCKETS = 4096,
    WRITE_OCTETS = 16 * 1024, /* one TLS record */
    RX_OCTETS = 16 * 1024,
    HARD_LIMIT = 1024, /* descriptors that the listeners and other threads may need */
};

enum command_type { SEND, CLOSE, DRAIN, RELOAD, STOP };

struct command {
    enum command_type type;
    uint64_t conn;
    char *data;
    size_t len;
    bool is_binary;
    uint16_t code;
    char reason[124];
    struct gw_ws_tls *tls;
};

/* What libwebsockets keeps for each socket. */
struct session {
    struct gw_ws_conn *conn;
    struct lws *wsi;
    struct session *next; /* in its bucket */
};

struct listener { /* libwebsockets borrows both for its life */
    char ip[GW_ADDR_TEXT], name[GW_ADDR_TEXT + 8];
};

struct gw_ws {
    struct lws_context *ctx; /* NULL again when libwebsockets has finished with it */
    uv_loop_t loop;          /* ours, so that libwebsockets leaves the signals of the process alone */
    uv_async_t wake;         /* commands have come; any thread sends it */
    pthread_t thread;
    struct gw_mbox *events;   /* to the control thread; borrowed */
    struct gw_mbox *commands; /* from it */
    struct gw_site site;
    struct gw_ws_tls *tls;
    struct listener listeners[4 + 2 * GW_CONF_LIST];
    unsigned nlisteners;
    void *ssl_ctx[2 + GW_CONF_LIST]; /* of the TLS listeners */
    unsigned nssl_ctx;
    struct session *buckets[BUCKETS];
    unsigned nsessions;
    struct gw_ws_event *late[256]; /* CLOSED events that found the mailbox full */
    unsigned nlate;
    uint64_t next_id;
    lws_sorted_usec_list_t tick;
    bool has_loop, has_thread, is_stopping;
};

static uint64_t now_us(void)
{
    return gw_clock_us();
}

/* ---- events to the control thread ---- */

static int push_event(void *arg, struct gw_ws_event **e)
{
    struct gw_ws *ws = arg;

    if (ws->nlate && (*e)->type != GW_WS_CLOSED)
        return GW_E_FULL; /* in order */
    return gw_mbox_push(ws->events, (void **)e);
}

static void push_late(struct gw_ws *ws)
{
    unsigned n = 0;

    while (n < ws->nlate && gw_mbox_push(ws->events, (void **)&ws->late[n]) == 0)
        n++;
    memmove(ws->late, ws->late + n, (ws->nlate - n) * sizeof(ws->late[0]));
    ws->nlate -= n;
}

/* ---- sessions ---- */

static struct session *find(struct gw_ws *ws, uint64_t id)
{
    struct session *p = ws->buckets[id % BUCKETS];

    while (p && gw_ws_conn_id(p->conn) != id)
        p = p->next;
    return p;
}

static void get_addrs(struct lws *wsi, struct gw_addr *peer, struct gw_addr *local)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    int fd = lws_get_socket_fd(wsi);

    memset(peer, 0, sizeof(*peer));
    memset(local, 0, sizeof(*local));
    if (getpeername(fd, (struct sockaddr *)&ss, &len) == 0)
        (void)gw_addr_from_sockaddr((struct sockaddr *)&ss, peer);
    len = sizeof(ss);
    if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
        (void)gw_addr_from_sockaddr((struct sockaddr *)&ss, local);
}

static int session_open(struct gw_ws *ws, struct session *p, struct lws *wsi)
{
    struct gw_addr peer, local;

    get_addrs(wsi, &peer, &local);
    bool is_stream = strncmp(lws_get_vhost_name(lws_get_vhost(wsi)), "sip", 3) == 0;

    if (gw_ws_conn_new(&ws->site, ++ws->next_id, &peer, &local, lws_is_ssl(wsi), is_stream, now_us(), &p->conn))
        return -1;
    p->wsi = wsi;
    p->next = ws->buckets[ws->next_id % BUCKETS];
    ws->buckets[ws->next_id % BUCKETS] = p;
    ws->nsessions++;
    return 0;
}

static void session_close(struct gw_ws *ws, struct session *p)
{
    struct gw_ws_event *e;
    uint64_t id;

    if (!p || !p->conn)
        return;
    id = gw_ws_conn_id(p->conn);
    for (struct session **q = &ws->buckets[id % BUCKETS]; *q; q = &(*q)->next) {
        if (*q == p) {
            *q = p->next;
            break;
        }
    }
    ws->nsessions--;
    gw_ws_conn_free(p->conn, &e);
    p->conn = NULL;
    if (e && ws->nlate < sizeof(ws->late) / sizeof(ws->late[0])) {
        ws->late[ws->nlate++] = e;
    } else if (e) {
        gw_log(GW_LOG_ERROR, "ws", NULL, "conn=%llu: its end could not be told", (unsigned long long)id);
        gw_ws_event_free(e);
    }
}

/* After anything happened: what is to be written, or the end. */
static void session_kick(struct session *p)
{
    if (gw_ws_conn_out(p->conn).len)
        lws_callback_on_writable(p->wsi);
    else if (gw_ws_conn_is_done(p->conn))
        lws_set_timeout(p->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

static int session_write(struct session *p)
{
    static _Thread_local uint8_t buf[LWS_PRE + WRITE_OCTETS];
    struct gw_span out = gw_ws_conn_out(p->conn);
    int n;

    if (out.len) {
        n = (int)(out.len < WRITE_OCTETS ? out.len : WRITE_OCTETS);
        memcpy(buf + LWS_PRE, out.ptr, (size_t)n);
        if (lws_write(p->wsi, buf + LWS_PRE, (size_t)n, LWS_WRITE_RAW) < n)
            return -1;
        gw_ws_conn_sent(p->conn, (size_t)n);
    }
    if (gw_ws_conn_is_done(p->conn) && !lws_partial_buffered(p->wsi))
        return -1; /* closes */
    if (gw_ws_conn_out(p->conn).len || gw_ws_conn_is_done(p->conn))
        lws_callback_on_writable(p->wsi);
    return 0;
}

/* ---- commands ---- */

static void command_free(void *item)
{
    struct command *c = item;

    free(c->data);
    gw_ws_tls_free(c->tls);
    free(c);
}

static void reload(struct gw_ws *ws, struct command *c)
{
    for (unsigned i = 0; i < ws->nssl_ctx; i++)
        if (gw_ws_tls_apply(c->tls, ws->ssl_ctx[i]))
            gw_log(GW_LOG_ERROR, "ws", NULL, "the new certificate cannot be used");
    gw_ws_tls_free(ws->tls);
    ws->tls = c->tls;
    c->tls = NULL;
}

/* Everybody gets a 1001, and two seconds to answer it. */
static void stop(struct gw_ws *ws)
{
    ws->is_stopping = true;
    ws->site.is_draining = true;
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct session *p = ws->buckets[i]; p; p = p->next) {
            gw_ws_conn_close(p->conn, GW_WS_GOING_AWAY, "shutting down", now_us());
            session_kick(p);
        }
    }
    if (!ws->nsessions)
        uv_stop(&ws->loop);
}

static void run_commands(struct gw_ws *ws)
{
    struct command *c;

    while ((c = gw_mbox_take(ws->commands))) {
        struct session *p = c->type == SEND || c->type == CLOSE ? find(ws, c->conn) : NULL;

        if (p && c->type == SEND)
            gw_ws_conn_send(p->conn, (struct gw_span){ c->data, c->len }, c->is_binary, now_us());
        if (p && c->type == CLOSE)
            gw_ws_conn_close(p->conn, c->code, c->reason, now_us());
        if (p)
            session_kick(p);
        if (c->type == DRAIN)
            ws->site.is_draining = true;
        if (c->type == RELOAD)
            reload(ws, c);
        if (c->type == STOP)
            stop(ws);
        command_free(c);
    }
}

static void on_wake(uv_async_t *a)
{
    run_commands(a->data);
}

/* ---- libwebsockets ---- */

static void on_tick(lws_sorted_usec_list_t *sul)
{
    struct gw_ws *ws = lws_container_of(sul, struct gw_ws, tick);
    uint64_t now = now_us();

    push_late(ws);
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct session *p = ws->buckets[i]; p; p = p->next) {
            gw_ws_conn_tick(p->conn, now);
            session_kick(p);
        }
    }
    if (ws->is_stopping && !ws->nsessions)
        uv_stop(&ws->loop);
    lws_sul_schedule(ws->ctx, 0, &ws->tick, on_tick, (ws->is_stopping ? 100 : 1000) * LWS_US_PER_MS);
}

/* Before a socket becomes anything: the limit that protects descriptors. */
static bool is_full(const struct gw_ws *ws)
{
    unsigned nhttp = ws->nsessions - ws->site.nws;

    return ws->is_stopping || nhttp >= (unsigned)ws->site.conf->http_max;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct gw_ws *ws = lws_context_user(lws_get_context(wsi));
    struct session *p = user;

    switch (reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: /* user: the SSL_CTX of a listener */
        if (ws->nssl_ctx == sizeof(ws->ssl_ctx) / sizeof(ws->ssl_ctx[0]) || gw_ws_tls_apply(ws->tls, user))
            return -1;
        ws->ssl_ctx[ws->nssl_ctx++] = user;
        return 0;
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        if (!is_full(ws))
            return 0;
        gw_stats_inc(GW_STAT_WS_FULL);
        return -1;
    case LWS_CALLBACK_RAW_ADOPT:
        return session_open(ws, p, wsi);
    case LWS_CALLBACK_RAW_RX:
        lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0); /* libwebsockets' own after a TLS handshake; ours is in conn.c */
        gw_ws_conn_rx(p->conn, (struct gw_span){ in, len }, now_us());
        session_kick(p);
        return 0;
    case LWS_CALLBACK_RAW_WRITEABLE:
        return session_write(p);
    case LWS_CALLBACK_RAW_CLOSE:
        session_close(ws, p);
        if (ws->is_stopping && !ws->nsessions)
            uv_stop(&ws->loop);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    { "raw", on_lws, sizeof(struct session), RX_OCTETS, 0, NULL, 0 },
    { NULL, NULL, 0, 0, 0, NULL, 0 },
};

static void on_lws_log(int level, const char *line)
{
    char text[400];
    size_t n = (size_t)snprintf(text, sizeof(text), "%s", line);

    n = n < sizeof(text) ? n : sizeof(text) - 1;
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        text[--n] = '\0';
    gw_log(GW_LOG_DEBUG, "lws", NULL, "%s", text);
}

static int listen_on(struct gw_ws *ws, const struct gw_addr *a, const char *scheme, char *why, size_t why_size)
{
    size_t n = strlen(scheme);
    bool is_tls = n > 2 && scheme[n - 1] == 's' && strcmp(scheme, "ws") != 0; /* wss, sips */
    struct lws_context_creation_info info;
    struct listener *l = &ws->listeners[ws->nlisteners];
    char text[GW_ADDR_TEXT];

    if (a->port == 0)
        return 0;
    ws->nlisteners++;
    gw_addr_ip_text(a, l->ip);
    snprintf(l->name, sizeof(l->name), "%s %s", scheme, gw_addr_text(a, text));
    memset(&info, 0, sizeof(info));
    info.vhost_name = l->name;
    info.port = a->port;
    info.iface = l->ip;
    info.protocols = protocols;
    info.listen_accept_role = "raw-skt";
    info.listen_accept_protocol = "raw";
    info.alpn = scheme[0] == 'w' ? "http/1.1" : NULL;
    info.options = LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
    if (is_tls)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
    info.options |= a->family == 6 ? LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY | LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE
                                   : LWS_SERVER_OPTION_DISABLE_IPV6;
    if (!lws_create_vhost(ws->ctx, &info)) {
        snprintf(why, why_size, "cannot listen on %s", l->name);
        return GW_E_IO;
    }
    gw_log(GW_LOG_INFO, "ws", NULL, "listening on %s", l->name);
    return 0;
}

static int listen_all(struct gw_ws *ws, char *why, size_t why_size)
{
    const struct gw_conf *c = ws->site.conf;
    int err = listen_on(ws, &c->wss_listen, "wss", why, why_size);
    struct gw_addr a;

    if (!err)
        err = listen_on(ws, &c->ws_listen, "ws", why, why_size);
    if (!err)
        err = listen_on(ws, &c->access_tcp, "sip", why, why_size);
    if (!err)
        err = listen_on(ws, &c->access_tls, "sips", why, why_size);
    for (int k = 0; k < 2; k++) {
        const gw_conf_list *more = k ? &c->ws_listen_more : &c->wss_listen_more;

        for (unsigned i = 0; !err && i < more->n; i++) {
            err = gw_addr_parse(more->v[i], &a);
            if (err)
                snprintf(why, why_size, "%s: %s is no address with a port", k ? "ws_listen_more" : "wss_listen_more",
                         more->v[i]);
            else
                err = listen_on(ws, &a, k ? "ws" : "wss", why, why_size);
        }
    }
    return err;
}

static void *run(void *arg)
{
    struct gw_ws *ws = arg;

    lws_sul_schedule(ws->ctx, 0, &ws->tick, on_tick, LWS_US_PER_SEC);
    uv_run(&ws->loop, UV_RUN_DEFAULT); /* until uv_stop */
    lws_sul_cancel(&ws->tick);
    return NULL;
}

/* libwebsockets closes its handles in the loop, and is done when that has nothing left. */
static void context_free(struct gw_ws *ws)
{
    if (ws->ctx)
        lws_context_destroy(ws->ctx);
    if (ws->has_loop) {
        uv_close((uv_handle_t *)&ws->wake, NULL);
        uv_run(&ws->loop, UV_RUN_DEFAULT);
    }
    if (ws->ctx)
        lws_context_destroy(ws->ctx);
    if (ws->has_loop)
        uv_loop_close(&ws->loop);
}

static int context_new(struct gw_ws *ws)
{
    struct lws_context_creation_info info;
    void *loops[1] = { &ws->loop };

    if (uv_loop_init(&ws->loop))
        return GW_E_IO;
    ws->has_loop = uv_async_init(&ws->loop, &ws->wake, on_wake) == 0;
    if (!ws->has_loop)
        return GW_E_IO;
    ws->wake.data = ws;
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    memset(&info, 0, sizeof(info));
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.user = ws;
    info.foreign_loops = loops;
    info.pcontext = &ws->ctx;
    info.pt_serv_buf_size = RX_OCTETS;
    info.timeout_secs = 10; /* of the TLS handshake */
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    ws->ctx = lws_create_context(&info);
    return ws->ctx ? 0 : GW_E_IO;
}

/* ---- the header ---- */

int gw_ws_new(const struct gw_conf *conf, struct gw_mbox *events, struct gw_ws **out, char *why, size_t why_size)
{
    struct gw_ws *ws = calloc(1, sizeof(*ws));
    int err;

    if (!ws)
        return GW_E_NOMEM;
    ws->events = events;
    ws->site.conf = conf;
    ws->site.on_event = push_event;
    ws->site.arg = ws;
    err = gw_mbox_new(COMMANDS, &ws->commands);
    if (!err)
        err = gw_ws_tls_load(conf, &ws->tls, why, why_size);
    if (!err && (err = context_new(ws)))
        snprintf(why, why_size, "libwebsockets with its libuv event library cannot start");
    if (!err)
        err = listen_all(ws, why, why_size);
    if (!err && pthread_create(&ws->thread, NULL, run, ws)) {
        snprintf(why, why_size, "no thread");
        err = GW_E_NOMEM;
    }
    ws->has_thread = !err;
    if (err) {
        gw_ws_free(ws);
        return err;
    }
    *out = ws;
    return 0;
}

static int post(struct gw_ws *ws, struct command *c)
{
    void *item = c;
    int err;

    if (!c)
        return GW_E_NOMEM;
    err = gw_mbox_push(ws->commands, &item);
    if (!err)
        uv_async_send(&ws->wake);
    return err;
}

static struct command *command_new(enum command_type type, uint64_t conn)
{
    struct command *c = calloc(1, sizeof(*c));

    if (c) {
        c->type = type;
        c->conn = conn;
    }
    return c;
}

int gw_ws_send(struct gw_ws *ws, uint64_t conn, char **data, size_t len, bool is_binary)
{
    struct command *c = command_new(SEND, conn);
    int err;

    if (!c)
        return GW_E_NOMEM;
    c->data = *data;
    c->len = len;
    c->is_binary = is_binary;
    err = post(ws, c);
    if (err)
        free(c); /* not the data */
    else
        *data = NULL;
    return err;
}

int gw_ws_close(struct gw_ws *ws, uint64_t conn, uint16_t code, const char *reason)
{
    struct command *c = command_new(CLOSE, conn);
    int err;

    if (!c)
        return GW_E_NOMEM;
    c->code = code;
    snprintf(c->reason, sizeof(c->reason), "%s", reason ? reason : "");
    err = post(ws, c);
    if (err)
        free(c);
    return err;
}

void gw_ws_drain(struct gw_ws *ws)
{
    struct command *c = command_new(DRAIN, 0);

    if (post(ws, c))
        free(c);
}

int gw_ws_reload(struct gw_ws *ws, const struct gw_conf *conf, char *why, size_t why_size)
{
    struct command *c = command_new(RELOAD, 0);
    int err = c ? gw_ws_tls_load(conf, &c->tls, why, why_size) : GW_E_NOMEM;

    if (!err && (err = post(ws, c)))
        snprintf(why, why_size, "the front thread is behind");
    if (err && c)
        command_free(c);
    return err;
}

void gw_ws_free(struct gw_ws *ws)
{
    struct command *c;

    if (!ws)
        return;
    if (ws->has_thread) {
        c = command_new(STOP, 0);
        while (c && post(ws, c) == GW_E_FULL)
            usleep(1000); /* the thread empties it */
        pthread_join(ws->thread, NULL);
    }
    context_free(ws);
    gw_mbox_free(ws->commands, command_free);
    for (unsigned i = 0; i < ws->nlate; i++)
        gw_ws_event_free(ws->late[i]);
    gw_site_fini(&ws->site);
    gw_ws_tls_free(ws->tls);
    free(ws);
}
