#include "msrp_echo.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "gateway/base/crypto.h"

enum { ID = 16, MIME = 1024 };

struct message { /* free: no file */
    FILE *file;
    bool is_whole, is_abandoned, is_ended, wants_report; /* ended: its last chunk went */
    char id[GW_MSRP_TID_MAX + 1];                        /* as it came; of the answer once it is whole */
    char mime[MIME];                                     /* Content-Type and what belongs to it, lines with CRLF */
    uint64_t size, sent;
    unsigned order, chunks, unanswered;
};

struct unanswered {
    char tid[ID + 1]; /* empty: free */
    unsigned message;
};

struct gw_msrp_echo {
    char own[GW_MSRP_URI_MAX + 1], peer[GW_MSRP_ECHO_PATH + 1];
    bool is_up;
    bool is_bound; /* something came for us on this connection */
    unsigned order;
    struct message messages[GW_MSRP_ECHO_MESSAGES];
    struct unanswered unanswered[GW_MSRP_ECHO_UNANSWERED];

    bool is_in_body;
    size_t head_len;
    char head[GW_MSRP_HEADERS_MAX];
    struct gw_msrp_head h; /* borrows from head */
    struct gw_msrp_scan scan;
    struct message *taking; /* NULL: this chunk was refused, or has nothing to keep */
    int status;             /* of the answer that it gets at its end */

    size_t out_at, out_len, out_size;
    char *out;
};

int gw_msrp_echo_new(const char *own_uri, struct gw_msrp_echo **out)
{
    struct gw_msrp_echo *e = calloc(1, sizeof(*e));

    if (!e)
        return GW_E_NOMEM;
    snprintf(e->own, sizeof(e->own), "%s", own_uri);
    *out = e;
    return 0;
}

static void forget(struct message *m)
{
    if (m->file)
        fclose(m->file);
    *m = (struct message){ 0 };
}

void gw_msrp_echo_free(struct gw_msrp_echo *e)
{
    if (!e)
        return;
    for (unsigned i = 0; i < GW_MSRP_ECHO_MESSAGES; i++)
        forget(&e->messages[i]);
    free(e->out);
    free(e);
}

int gw_msrp_echo_set_peer(struct gw_msrp_echo *e, struct gw_span path)
{
    return gw_span_copy(path, e->peer, sizeof(e->peer));
}

/* ---- what waits to be written ---- */

static char *room(struct gw_msrp_echo *e, size_t len)
{
    size_t size = e->out_size ? e->out_size : 4096;
    char *grown;

    if (e->out_at == e->out_len)
        e->out_at = e->out_len = 0;
    if (e->out_at && e->out_size - e->out_len < len) {
        memmove(e->out, e->out + e->out_at, e->out_len - e->out_at);
        e->out_len -= e->out_at;
        e->out_at = 0;
    }
    while (size - e->out_len < len)
        size *= 2;
    if (size > GW_MSRP_ECHO_OUT)
        return NULL;
    if (size != e->out_size) {
        grown = realloc(e->out, size);
        if (!grown)
            return NULL;
        e->out = grown;
        e->out_size = size;
    }
    return e->out + e->out_len;
}

static int answer(struct gw_msrp_echo *e, int status)
{
    static const struct {
        int status;
        const char *comment;
    } comments[] = {
        { 200, "OK" },
        { 413, "Stop" },
        { 481, "No Such Session" },
        { 501, "Unknown Method" },
    };
    const char *comment = NULL;
    char *p = room(e, GW_MSRP_ECHO_PATH + 1024);
    int n;

    if (e->h.method == GW_MSRP_SEND &&
        (e->h.failure == GW_MSRP_NO || (e->h.failure == GW_MSRP_PARTIAL && status == 200)))
        return 0; /* RFC 4975 s. 7.2 */
    for (unsigned i = 0; i < sizeof(comments) / sizeof(comments[0]); i++)
        if (comments[i].status == status)
            comment = comments[i].comment;
    n = p ? gw_msrp_write_response(&e->h, status, comment, p, GW_MSRP_ECHO_PATH + 1024) : GW_E_NOMEM;
    if (n > 0)
        e->out_len += (size_t)n;
    return n < 0 ? n : 0;
}

/* A request without a body: the empty SEND of who connects, and reports. */
static int say(struct gw_msrp_echo *e, const char *method, const char *headers)
{
    char *p = room(e, GW_MSRP_ECHO_PATH + 1024), tid[ID + 1];

    if (!p)
        return GW_E_NOMEM;
    gw_rand_token(tid, ID);
    e->out_len +=
        (size_t)snprintf(p, GW_MSRP_ECHO_PATH + 1024, "MSRP %s %s\r\nTo-Path: %s\r\nFrom-Path: %s\r\n%s-------%s$\r\n",
                         tid, method, e->peer, e->own, headers, tid);
    return 0;
}

static int report(struct gw_msrp_echo *e, const struct message *m)
{
    char headers[256];

    snprintf(headers, sizeof(headers),
             "Message-ID: %s\r\nByte-Range: 1-%" PRIu64 "/%" PRIu64 "\r\nStatus: 000 200 OK\r\n", m->id, m->size,
             m->size);
    return say(e, "REPORT", headers);
}

void gw_msrp_echo_up(struct gw_msrp_echo *e, bool is_active)
{
    char headers[256], id[ID + 1];

    e->is_up = true;
    gw_rand_token(id, ID);
    snprintf(headers, sizeof(headers), "Message-ID: %s\r\nByte-Range: 1-0/0\r\n", id);
    if (is_active)
        (void)say(e, "SEND", headers);
}

void gw_msrp_echo_lost(struct gw_msrp_echo *e)
{
    e->is_up = e->is_bound = false;
    e->is_in_body = false;
    e->head_len = e->out_at = e->out_len = 0;
    e->taking = NULL;
    memset(e->unanswered, 0, sizeof(e->unanswered));
    for (unsigned i = 0; i < GW_MSRP_ECHO_MESSAGES; i++) {
        struct message *m = &e->messages[i];

        if (!m->is_whole || m->is_abandoned)
            forget(m);
        m->sent = 0;
        m->chunks = m->unanswered = 0;
        m->is_ended = false;
    }
}

/* ---- what comes ---- */

static struct message *find(struct gw_msrp_echo *e, struct gw_span id)
{
    for (unsigned i = 0; i < GW_MSRP_ECHO_MESSAGES; i++)
        if (e->messages[i].file && !e->messages[i].is_whole && gw_span_is(id, e->messages[i].id))
            return &e->messages[i];
    return NULL;
}

/* Content-Type and its like come back as they came, and the last header stays the last. */
static void keep_mime(struct message *m, struct gw_span headers)
{
    const char *p = headers.ptr, *end = p + headers.len;
    size_t len = 0;

    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        size_t n = lf ? (size_t)(lf + 1 - p) : (size_t)(end - p);

        if (strncasecmp(p, "Content-", 8) == 0 && len + n < sizeof(m->mime)) {
            memcpy(m->mime + len, p, n);
            len += n;
        }
        p += n;
    }
    m->mime[len] = 0;
}

static struct message *begin(struct gw_msrp_echo *e, const struct gw_msrp_head *h)
{
    struct message *m = find(e, h->message_id);

    for (unsigned i = 0; !m && i < GW_MSRP_ECHO_MESSAGES && (!h->has_range || h->range_start == 1); i++) {
        if (e->messages[i].file || gw_span_copy(h->message_id, e->messages[i].id, sizeof(e->messages[i].id)) != 0)
            continue;
        e->messages[i].file = tmpfile();
        if (!e->messages[i].file)
            return NULL;
        m = &e->messages[i];
        m->wants_report = h->success == GW_MSRP_YES;
        keep_mime(m, h->others);
    }
    if (m && h->has_range && (h->range_start == 0 || fseeko(m->file, (off_t)(h->range_start - 1), SEEK_SET) != 0))
        m = NULL;
    return m;
}

static void on_response(struct gw_msrp_echo *e)
{
    for (unsigned i = 0; i < GW_MSRP_ECHO_UNANSWERED; i++) {
        struct unanswered *u = &e->unanswered[i];
        struct message *m = &e->messages[u->message];

        if (!u->tid[0] || !gw_span_is(e->h.tid, u->tid))
            continue;
        u->tid[0] = 0;
        m->unanswered--;
        if (e->h.status != 200 && !m->is_abandoned) {
            m->is_abandoned = true;
            m->size = m->sent; /* nothing more of it but the sign of its end, if that was not said yet */
        }
        if (m->unanswered == 0 && m->sent == m->size && (!m->is_abandoned || m->is_ended))
            forget(m);
        return;
    }
}

static int request_status(struct gw_msrp_echo *e)
{
    if (e->h.to.n != 1 || !gw_msrp_uri_eq(e->h.to.uri[0], gw_span_str(e->own)))
        return 481;
    e->is_bound = true;
    if (e->h.method == GW_MSRP_NICKNAME)
        return 200;
    if (e->h.method != GW_MSRP_SEND)
        return 501;
    if (!e->h.has_body)
        return 200;
    e->taking = begin(e, &e->h);
    return e->taking ? 200 : 413;
}

static void on_body(void *arg, struct gw_span body)
{
    struct gw_msrp_echo *e = arg;
    struct message *m = e->taking;

    if (!m)
        return;
    if (ftello(m->file) + (off_t)body.len > GW_MSRP_ECHO_MAX || fwrite(body.ptr, 1, body.len, m->file) != body.len) {
        e->status = 413;
        e->taking = NULL;
        forget(m);
    }
}

static int on_whole(struct gw_msrp_echo *e, struct message *m)
{
    int err = 0;

    m->size = (uint64_t)ftello(m->file); /* the last chunk defines the total (RFC 4975 s. 7.3.1) */
    if (m->wants_report)
        err = report(e, m);
    m->is_whole = true;
    m->order = e->order++;
    gw_rand_token(m->id, ID);
    return err;
}

static int on_end(struct gw_msrp_echo *e, char flag)
{
    int err = 0;

    e->is_in_body = false;
    if (e->h.method == GW_MSRP_RESPONSE)
        on_response(e);
    else if (e->h.method != GW_MSRP_REPORT)
        err = answer(e, e->status);
    e->head_len = 0;
    if (!err && e->taking && flag == '$')
        err = on_whole(e, e->taking);
    else if (e->taking && flag == '#')
        forget(e->taking);
    e->taking = NULL;
    return err;
}

static int read_head(struct gw_msrp_echo *e, struct gw_span *in)
{
    size_t n = sizeof(e->head) - e->head_len, before = e->head_len, used = 0;
    int err, flag = 0;

    n = in->len < n ? in->len : n;
    memcpy(e->head + e->head_len, in->ptr, n);
    e->head_len += n;
    err = gw_msrp_parse_head((struct gw_span){ e->head, e->head_len }, &e->h);
    if (err && (err != GW_E_AGAIN || e->head_len == sizeof(e->head)))
        return err == GW_E_AGAIN ? GW_E_LIMIT : err;
    if (!err && !e->h.has_body) /* its end-line is there, too */
        flag = gw_msrp_end_line((struct gw_span){ e->head + e->h.len, e->head_len - e->h.len }, e->h.tid, &used);
    n = err ? n : e->h.len + used - before; /* of these octets */
    in->ptr = (const char *)in->ptr + n;
    in->len -= n;
    if (err || flag < 0)
        return err ? 0 : flag;
    e->head_len = e->h.len;
    e->status = e->h.method == GW_MSRP_RESPONSE || e->h.method == GW_MSRP_REPORT ? 0 : request_status(e);
    e->is_in_body = e->h.has_body;
    gw_msrp_scan_init(&e->scan, e->h.tid);
    return e->h.has_body ? 0 : on_end(e, (char)flag);
}

int gw_msrp_echo_read(struct gw_msrp_echo *e, struct gw_span in)
{
    int err = 0;

    while (in.len && !err) {
        int flag = e->is_in_body ? gw_msrp_scan(&e->scan, &in, on_body, e) : 0;

        if (flag)
            err = on_end(e, (char)flag);
        else if (!e->is_in_body)
            err = read_head(e, &in);
    }
    return err;
}

/* ---- what goes back ---- */

/* The message that has had the fewest turns, and of those the oldest: a text overtakes a file. */
static struct message *next(struct gw_msrp_echo *e)
{
    struct message *best = NULL;

    for (unsigned i = 0; i < GW_MSRP_ECHO_MESSAGES; i++) {
        struct message *m = &e->messages[i];

        if (m->is_whole && !m->is_ended &&
            (!best || m->chunks < best->chunks || (m->chunks == best->chunks && (int)(m->order - best->order) < 0)))
            best = m;
    }
    return best;
}

static void send_chunk(struct gw_msrp_echo *e, struct message *m, struct unanswered *u)
{
    uint64_t left = m->size - m->sent;
    size_t n = left > GW_MSRP_ECHO_CHUNK ? GW_MSRP_ECHO_CHUNK : (size_t)left, len;
    char *p = room(e, n + GW_MSRP_ECHO_PATH + GW_MSRP_URI_MAX + MIME + 512), range_end[24] = "*";

    if (!p)
        return;
    gw_rand_token(u->tid, ID);
    u->message = (unsigned)(m - e->messages);
    if (n <= 2048)
        snprintf(range_end, sizeof(range_end), "%" PRIu64,
                 m->sent + n); /* longer chunks can be interrupted (s. 7.1.1) */
    len = (size_t)sprintf(p,
                          "MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: %s\r\n%sByte-Range: %" PRIu64
                          "-%s/%" PRIu64 "\r\n%s\r\n",
                          u->tid, e->peer, e->own, m->id, m->wants_report ? "Success-Report: yes\r\n" : "", m->sent + 1,
                          range_end, m->size, m->mime);
    if (fseeko(m->file, (off_t)m->sent, SEEK_SET) != 0 || fread(p + len, 1, n, m->file) != n) {
        m->is_abandoned = true;
        m->size = m->sent;
        n = 0;
    }
    m->sent += n;
    m->chunks++;
    m->unanswered++;
    m->is_ended = m->sent == m->size;
    len += n;
    len += (size_t)sprintf(p + len, "\r\n-------%s%c\r\n", u->tid, m->is_abandoned ? '#' : m->is_ended ? '$' : '+');
    e->out_len += len;
}

struct gw_span gw_msrp_echo_pending(struct gw_msrp_echo *e)
{
    struct message *m;

    for (unsigned i = 0; e->out_at == e->out_len && i < GW_MSRP_ECHO_UNANSWERED && e->is_bound && (m = next(e)); i++)
        if (!e->unanswered[i].tid[0])
            send_chunk(e, m, &e->unanswered[i]);
    return (struct gw_span){ e->out ? e->out + e->out_at : "", e->out_len - e->out_at };
}

void gw_msrp_echo_written(struct gw_msrp_echo *e, size_t len)
{
    e->out_at += len;
}
