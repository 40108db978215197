#include "conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "stream.h"

enum {
    HEAD_S = 10,       /* a request head must be whole by then */
    KEEP_ALIVE_S = 15, /* between requests */
    CLOSE_WAIT_S = 2,  /* for the peer's Close after ours, or for the end of what it sends and we do not read */
    DEAF_S = 10,       /* at most of the latter */
    BURST_S = 4,       /* of ws_message_rate */
    PINGS_MAX = 2,     /* without an answer */
};

enum state {
    HTTP,
    STREAM,  /* of SIP, on which nothing came yet */
    WS,      /* or a stream of SIP: messages come and go */
    CLOSING, /* our Close is queued or sent; waiting for the peer's */
    ENDING,  /* close when written */
};

struct chunk {
    struct chunk *next;
    size_t len, off;
    uint8_t data[];
};

struct gw_ws_conn {
    struct gw_site *site;
    uint64_t id;
    struct gw_addr peer, local, client;
    bool is_tls, is_stream;
    struct gw_ws_stream stream;
    enum state state;
    uint8_t *head; /* HTTP octets not used up; NULL if none */
    size_t nhead;
    uint64_t deadline_us; /* HTTP, CLOSING */
    struct gw_ws_rx rx;
    struct chunk *out, **out_tail;
    size_t queued;
    bool is_deaf; /* CLOSING: input is thrown away */
    uint64_t deaf_since_us;
    bool is_open;    /* OPEN was delivered, CLOSED is owed; counted in the site */
    bool has_spoken; /* a SIP message came */
    uint64_t silent_at_us, ping_at_us, rate_at_us;
    unsigned pings;        /* not answered */
    uint64_t allowance_us; /* of ws_message_rate, in time */
};

static void log_it(const struct gw_ws_conn *c, enum gw_log_level level, const char *what)
{
    char text[GW_ADDR_TEXT];

    gw_log(level, "ws", NULL, "conn=%llu from %s: %s", (unsigned long long)c->id, gw_addr_text(&c->client, text), what);
}

int gw_ws_conn_new(struct gw_site *site, uint64_t id, const struct gw_addr *peer, const struct gw_addr *local,
                   bool is_tls, bool is_stream, uint64_t now_us, struct gw_ws_conn **out)
{
    struct gw_ws_conn *c = calloc(1, sizeof(*c));

    if (!c)
        return GW_E_NOMEM;
    c->site = site;
    c->id = id;
    c->peer = c->client = *peer;
    c->local = *local;
    c->is_tls = is_tls;
    c->is_stream = is_stream;
    c->state = is_stream ? STREAM : HTTP;
    c->out_tail = &c->out;
    c->deadline_us = now_us + HEAD_S * GW_S;
    gw_stats_inc(GW_STAT_HTTP_CONNECTIONS);
    *out = c;
    return 0;
}

static struct gw_ws_event *make_event(const struct gw_ws_conn *c, enum gw_ws_event_type type, struct gw_span data)
{
    struct gw_ws_event *e = calloc(1, sizeof(*e) + data.len + 1);

    if (!e)
        return NULL;
    e->type = type;
    e->conn = c->id;
    e->peer = c->client;
    e->local = c->local;
    e->is_tls = c->is_tls;
    e->is_stream = c->is_stream;
    e->len = data.len;
    if (data.len)
        memcpy(e->data, data.ptr, data.len);
    return e;
}

void gw_ws_conn_free(struct gw_ws_conn *c, struct gw_ws_event **undelivered)
{
    *undelivered = NULL;
    if (!c)
        return;
    if (c->is_open) {
        struct gw_ws_event *e = make_event(c, GW_WS_CLOSED, (struct gw_span){ 0 });

        if (e && c->site->on_event(c->site->arg, &e))
            *undelivered = e;
        gw_site_leave(c->site, &c->client);
        gw_stats_add(GW_STAT_WS_CONNECTIONS, -1);
    } else {
        gw_stats_add(GW_STAT_HTTP_CONNECTIONS, -1);
    }
    gw_ws_rx_fini(&c->rx);
    gw_ws_stream_fini(&c->stream);
    while (c->out) {
        struct chunk *k = c->out;

        c->out = k->next;
        free(k);
    }
    free(c->head);
    free(c);
}

/* ---- output ---- */

static struct chunk *append(struct gw_ws_conn *c, size_t len)
{
    struct chunk *k = malloc(sizeof(*k) + len);

    if (!k) {
        c->state = ENDING;
        return NULL;
    }
    *k = (struct chunk){ .len = len };
    *c->out_tail = k;
    c->out_tail = &k->next;
    c->queued += len;
    return k;
}

static void put_frame(struct gw_ws_conn *c, enum gw_ws_opcode opcode, struct gw_span payload)
{
    uint8_t head[GW_WS_HEADER_MAX];
    size_t n = c->is_stream ? 0 : gw_ws_frame_head(head, opcode, payload.len);
    struct chunk *k = append(c, n + payload.len);

    if (!k)
        return;
    memcpy(k->data, head, n);
    if (payload.len)
        memcpy(k->data + n, payload.ptr, payload.len);
}

struct gw_span gw_ws_conn_out(const struct gw_ws_conn *c)
{
    return c->out ? (struct gw_span){ c->out->data + c->out->off, c->out->len - c->out->off } : (struct gw_span){ 0 };
}

void gw_ws_conn_sent(struct gw_ws_conn *c, size_t n)
{
    struct chunk *k = c->out;

    c->queued -= n;
    k->off += n;
    if (k->off < k->len)
        return;
    c->out = k->next;
    if (!c->out)
        c->out_tail = &c->out;
    free(k);
}

bool gw_ws_conn_is_done(const struct gw_ws_conn *c)
{
    return c->state == ENDING && !c->out;
}

uint64_t gw_ws_conn_id(const struct gw_ws_conn *c)
{
    return c->id;
}

static void close_as(struct gw_ws_conn *c, uint16_t code, const char *reason, uint64_t now_us)
{
    uint8_t payload[125] = { (uint8_t)(code >> 8), (uint8_t)code };
    size_t n = strlen(reason) < 123 ? strlen(reason) : 123;

    if (c->state != WS)
        return;
    if (c->is_stream) { /* a stream has no words for why */
        c->state = ENDING;
        c->deadline_us = now_us;
        return;
    }
    memcpy(payload + 2, reason, n);
    put_frame(c, GW_WS_CLOSE, (struct gw_span){ payload, 2 + n });
    if (c->state == WS)
        c->state = CLOSING;
    c->deadline_us = now_us + CLOSE_WAIT_S * GW_S;
}

void gw_ws_conn_close(struct gw_ws_conn *c, uint16_t code, const char *reason, uint64_t now_us)
{
    if (c->state == HTTP || c->state == STREAM)
        c->state = ENDING;
    close_as(c, code, reason, now_us);
}

/* Ends it for a reason of ours: counted and logged once. */
static void give_up(struct gw_ws_conn *c, uint16_t code, enum gw_stat stat, const char *why, uint64_t now_us)
{
    if (c->state != WS)
        return;
    gw_stats_inc(stat);
    log_it(c, GW_LOG_WARNING, why);
    close_as(c, code, why, now_us);
}

void gw_ws_conn_send(struct gw_ws_conn *c, struct gw_span message, bool is_binary, uint64_t now_us)
{
    if (c->state != WS)
        return;
    if (c->queued + message.len > (size_t)c->site->conf->ws_send_queue * 1024) {
        /* a Close behind all that would not arrive either: what waits and is not begun goes */
        while (c->out && c->out->next) {
            struct chunk *k = c->out->next;

            c->out->next = k->next;
            c->queued -= k->len;
            free(k);
        }
        c->out_tail = c->out ? &c->out->next : &c->out;
        give_up(c, GW_WS_OVERLOAD, GW_STAT_WS_CLOSED_SLOW, "too slow", now_us);
        return;
    }
    gw_stats_inc(GW_STAT_WS_TX);
    put_frame(c, is_binary ? GW_WS_BINARY : GW_WS_TEXT, message);
}

/* ---- WebSocket input ---- */

/* A bucket that holds BURST_S seconds' worth of messages. */
static bool is_too_fast(struct gw_ws_conn *c, uint64_t now_us)
{
    uint64_t price = GW_S / (uint64_t)c->site->conf->ws_message_rate;

    c->allowance_us += now_us - c->rate_at_us;
    c->rate_at_us = now_us;
    if (c->allowance_us > BURST_S * GW_S)
        c->allowance_us = BURST_S * GW_S;
    if (c->allowance_us < price)
        return true;
    c->allowance_us -= price;
    return false;
}

static void on_message(struct gw_ws_conn *c, const struct gw_ws_rx_event *ev, uint64_t now_us)
{
    struct gw_ws_event *e;

    if (is_too_fast(c, now_us)) {
        give_up(c, GW_WS_POLICY, GW_STAT_WS_CLOSED_RATE, "too many messages", now_us);
        return;
    }
    if (gw_span_is(ev->data, "\r\n\r\n")) { /* RFC 5626 s. 4.4.1 */
        gw_stats_inc(GW_STAT_WS_KEEPALIVE);
        put_frame(c, ev->opcode, (struct gw_span){ "\r\n", 2 });
        return;
    }
    if (gw_span_is(ev->data, "\r\n") || ev->data.len == 0)
        return;
    gw_stats_inc(GW_STAT_WS_RX);
    c->has_spoken = true;
    e = make_event(c, GW_WS_MESSAGE, ev->data);
    if (e)
        e->is_binary = ev->opcode == GW_WS_BINARY;
    if (!e || c->site->on_event(c->site->arg, &e)) {
        free(e);
        give_up(c, GW_WS_OVERLOAD, GW_STAT_WS_CLOSED_OVERLOAD, "overloaded", now_us);
    }
}

static void on_frame(struct gw_ws_conn *c, const struct gw_ws_rx_event *ev, uint64_t now_us)
{
    switch (ev->opcode) {
    case GW_WS_PING:
        if (c->state == WS)
            put_frame(c, GW_WS_PONG, ev->data);
        break;
    case GW_WS_PONG:
        c->pings = 0;
        break;
    case GW_WS_CLOSE:
        if (c->state == WS) /* the same code back (s. 5.5.1) */
            close_as(c, ev->code == GW_WS_NO_STATUS ? GW_WS_NORMAL : ev->code, "", now_us);
        c->state = ENDING;
        break;
    default:
        if (c->state == WS)
            on_message(c, ev, now_us);
    }
}

static void rx_ws(struct gw_ws_conn *c, struct gw_span in, uint64_t now_us)
{
    struct gw_ws_rx_event ev;
    uint16_t code = 0;
    int err = 0;

    while ((c->state == WS || c->state == CLOSING) && !(err = gw_ws_rx_next(&c->rx, &in, &ev, &code)))
        on_frame(c, &ev, now_us);
    if (err == 0 || err == GW_E_AGAIN)
        return;
    if (code == GW_WS_TOO_BIG)
        give_up(c, code, GW_STAT_WS_CLOSED_BIG, "message too big", now_us);
    else if (code == GW_WS_NOT_UTF8)
        give_up(c, code, GW_STAT_WS_CLOSED_UTF8, "text is not UTF-8", now_us);
    else
        give_up(c, code, GW_STAT_WS_CLOSED_PROTOCOL, "frame against the protocol", now_us);
    c->deaf_since_us = now_us;
    c->is_deaf = true; /* what follows cannot be read, so neither can a Close; closing with it unread would reset */
}

/* ---- HTTP input ---- */

/* Has its place in the site. */
static void become_open(struct gw_ws_conn *c, const char *host, const char *token, uint64_t now_us)
{
    struct gw_ws_event *e;

    gw_stats_add(GW_STAT_HTTP_CONNECTIONS, -1);
    gw_stats_inc(GW_STAT_WS_CONNECTIONS);
    gw_stats_inc(GW_STAT_WS_OPENED);
    c->state = WS;
    c->rate_at_us = now_us;
    c->allowance_us = BURST_S * GW_S;
    c->ping_at_us = now_us + (uint64_t)c->site->conf->ws_ping_interval * GW_S;
    c->silent_at_us = now_us + (uint64_t)c->site->conf->ws_silence * GW_S;
    e = make_event(c, GW_WS_OPEN, gw_span_str(token));
    if (e)
        snprintf(e->host, sizeof(e->host), "%s", host);
    c->is_open = true;
    if (!e || c->site->on_event(c->site->arg, &e)) {
        free(e);
        give_up(c, GW_WS_OVERLOAD, GW_STAT_WS_CLOSED_OVERLOAD, "overloaded", now_us);
        return; /* a CLOSED for what was never OPEN is ignored by its reader */
    }
    log_it(c, GW_LOG_INFO, "open");
}

/* Answers one head. Octets of it used up; 0: not whole yet. */
static size_t answer_one(struct gw_ws_conn *c, struct gw_span in, uint64_t now_us)
{
    static _Thread_local struct gw_http_req req; /* large, and of no use after this call */
    struct gw_site_client who = { c->peer, c->is_tls };
    struct gw_site_answer a;
    struct chunk *k;
    int err, err_parse = gw_http_parse(in, &req);

    if (err_parse == GW_E_AGAIN)
        return 0;
    err = err_parse ? gw_site_answer_bad(err_parse, &a) : gw_site_answer(c->site, &req, &who, &a);
    if (err) {
        c->state = ENDING;
        return in.len;
    }
    k = append(c, a.len);
    if (k)
        memcpy(k->data, a.text, a.len);
    free(a.text);
    if (!k && a.status == 101)
        gw_site_leave(c->site, &a.client);
    else if (a.status == 101) {
        c->client = a.client;
        c->client.port = c->peer.port;
        become_open(c, a.host, a.token, now_us);
    } else if (err_parse) {
        c->state = CLOSING; /* with the rest of the request unread the answer could be lost in a reset */
        c->is_deaf = true;
        c->deaf_since_us = now_us;
    } else if (a.is_closing)
        c->state = ENDING;
    c->deadline_us = now_us + (c->state == CLOSING ? CLOSE_WAIT_S : KEEP_ALIVE_S) * GW_S;
    return c->state == HTTP || c->state == WS ? req.len : in.len;
}

static void rx_http(struct gw_ws_conn *c, struct gw_span in, uint64_t now_us)
{
    uint8_t *p = realloc(c->head, c->nhead + in.len);
    size_t used = 0, n = 1;

    if (!p) {
        c->state = ENDING;
        return;
    }
    c->head = p;
    if (c->nhead == 0)
        c->deadline_us = now_us + HEAD_S * GW_S;
    memcpy(p + c->nhead, in.ptr, in.len);
    c->nhead += in.len;
    while (c->state == HTTP && n && used < c->nhead && c->queued < GW_HTTP_HEAD_MAX) {
        n = answer_one(c, (struct gw_span){ p + used, c->nhead - used }, now_us);
        used += n;
    }
    if (c->state == HTTP && n) /* answers wait to be written: no reading ahead of a client that does not read */
        c->state = used < c->nhead ? ENDING : HTTP;
    if (c->state == WS && used < c->nhead)
        rx_ws(c, (struct gw_span){ p + used, c->nhead - used }, now_us);
    c->nhead = c->state == HTTP ? c->nhead - used : 0;
    if (c->nhead && used)
        memmove(p, p + used, c->nhead);
    if (!c->nhead) {
        free(c->head);
        c->head = NULL;
    }
}

/* ---- SIP over TCP and TLS ---- */

static void rx_stream(struct gw_ws_conn *c, struct gw_span in, uint64_t now_us)
{
    struct gw_ws_rx_event ev = { .opcode = GW_WS_TEXT };
    int what;

    if (c->state == STREAM && (c->site->is_draining || gw_site_enter(c->site, &c->client) != 0)) {
        gw_stats_inc(GW_STAT_WS_FULL);
        c->state = ENDING;
        return;
    }
    if (c->state == STREAM)
        become_open(c, "", "", now_us);
    what = gw_ws_stream_put(&c->stream, in);
    while (c->state == WS && what >= 0 && (what = gw_ws_stream_next(&c->stream, &ev.data)) > 0) {
        if (what == GW_WS_STREAM_PING)
            ev.data = gw_span_str("\r\n\r\n");
        on_message(c, &ev, now_us);
    }
    if (what < 0)
        give_up(c, GW_WS_PROTOCOL, GW_STAT_WS_CLOSED_PROTOCOL, "not SIP, or a message too large", now_us);
}

void gw_ws_conn_rx(struct gw_ws_conn *c, struct gw_span in, uint64_t now_us)
{
    if (c->is_stream && (c->state == STREAM || c->state == WS))
        rx_stream(c, in, now_us);
    else if (c->state == HTTP)
        rx_http(c, in, now_us);
    else if (c->is_deaf && now_us < c->deaf_since_us + (DEAF_S - CLOSE_WAIT_S) * GW_S)
        c->deadline_us = now_us + CLOSE_WAIT_S * GW_S; /* a slow sender has not got to our Close yet */
    else if (c->state != ENDING && !c->is_deaf)
        rx_ws(c, in, now_us);
}

void gw_ws_conn_tick(struct gw_ws_conn *c, uint64_t now_us)
{
    if (c->state == STREAM && now_us >= c->deadline_us) {
        c->state = ENDING;
    } else if (c->state == HTTP && now_us >= c->deadline_us) {
        if (c->nhead)
            gw_stats_inc(GW_STAT_HTTP_BAD);
        c->state = ENDING;
    } else if (c->state != WS && now_us >= c->deadline_us + KEEP_ALIVE_S * GW_S) {
        while (c->out) /* it does not read what it waits for */
            gw_ws_conn_sent(c, c->out->len - c->out->off);
        c->state = ENDING;
    } else if (c->state == CLOSING && now_us >= c->deadline_us) {
        c->state = ENDING;
    }
    if (c->state != WS)
        return;
    if (!c->has_spoken && now_us >= c->silent_at_us) {
        give_up(c, GW_WS_POLICY, GW_STAT_WS_CLOSED_SILENT, "no SIP came", now_us);
    } else if (c->is_stream) {
        return; /* its client pings */
    } else if (now_us >= c->ping_at_us && c->pings == PINGS_MAX) {
        give_up(c, GW_WS_GOING_AWAY, GW_STAT_WS_CLOSED_NO_PONG, "pings are not answered", now_us);
    } else if (now_us >= c->ping_at_us) {
        c->pings++;
        c->ping_at_us = now_us + (uint64_t)c->site->conf->ws_ping_interval * GW_S;
        put_frame(c, GW_WS_PING, (struct gw_span){ 0 });
    }
}
