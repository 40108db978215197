/* The stream of the core, cut into pieces for the channel. */
#include <stdio.h>

#include "datachannel/msrp/msrp_priv.h"
#include "gateway/base/crypto.h"

enum { END_ROOM = 2 + 7 + GW_MSRP_TID_MAX + 3 };

/* A message of the core that could not be remembered would never be answered. */
static bool has_free_chunk(const struct gw_msrp_session *s)
{
    for (int i = 0; i < GW_MSRP_OPEN_CHUNKS; i++)
        if (!s->chunks[i].is_used)
            return true;
    return false;
}

static bool is_channel_ready(const struct gw_msrp_session *s)
{
    bool is_known = !s->c.has_b2bua || s->channel_peer[0]; /* else the core waits until its client has said who it is */

    return is_known && !s->is_piece_ready && s->nurgent < URGENT / 2 && s->npieces < GW_MSRP_OPEN_PIECES &&
           (s->reading != READ_HEAD || has_free_chunk(s));
}

/* ---- pieces ---- */

static struct gw_span own_tid(const struct gw_msrp_session *s)
{
    return (struct gw_span){ s->piece_tid, s->piece_tid_len };
}

static void choose_tid(struct gw_msrp_session *s)
{
    if (s->is_first_piece) { /* kept: the stream's end-line shows that no body octets of this chunk contain it */
        s->piece_tid_len = (uint8_t)s->h.tid.len;
        memcpy(s->piece_tid, s->h.tid.ptr, s->h.tid.len);
        return;
    }
    gw_rand_token(s->piece_tid, 16); /* 95 bits (RFC 4975 s. 7.1): it occurs in no body */
    s->piece_tid_len = 16;
}

/* The whole value, relays included, as it came. */
static struct gw_span path_text(const struct gw_msrp_path *p)
{
    struct gw_span last = p->uri[p->n - 1];

    return (struct gw_span){ p->uri[0].ptr, (size_t)((const char *)last.ptr + last.len - (const char *)p->uri[0].ptr) };
}

/* Writes the head of a piece that begins at s->offset of the chunk. */
static int begin_piece(struct gw_msrp_session *s)
{
    struct gw_msrp_rewrite w = { .has_range = s->h.method == GW_MSRP_SEND && (s->h.has_range || s->offset),
                                 .range_end = GW_MSRP_UNKNOWN,
                                 .range_total = GW_MSRP_UNKNOWN };
    uint64_t start = s->h.has_range ? s->h.range_start : 1;
    int n;

    choose_tid(s);
    w.tid = own_tid(s);
    w.to = s->c.has_b2bua ? gw_span_str(s->channel_peer) : path_text(&s->h.to);
    w.from = s->c.has_b2bua ? gw_span_str(s->channel_own) : path_text(&s->h.from);
    w.range_start = start + s->offset;
    if (s->h.has_range)
        w.range_total = s->h.range_total;
    n = gw_msrp_write_head(&s->h, &w, s->piece, s->piece_max - END_ROOM);
    if (n < 0)
        return GW_E_LIMIT; /* no room for a body: a header block as large as the channel's messages */
    s->piece_head = s->piece_len = (size_t)n;
    s->piece_room = s->piece_max - END_ROOM - (size_t)n;
    s->has_piece = true;
    return s->piece_room > sizeof(s->carry) || !s->h.has_body ? 0 : GW_E_LIMIT; /* else no piece would get ahead */
}

static void track_piece(struct gw_msrp_session *s, uint64_t now_us)
{
    if (s->chunk < 0 || !s->chunks[s->chunk].wants_ok)
        return; /* no answer will come for it (RFC 4975 s. 7.2) */
    for (unsigned i = 0; i < GW_MSRP_OPEN_PIECES; i++) {
        struct piece *p = &s->pieces[i];
        if (p->is_used)
            continue;
        p->is_used = true;
        p->chunk = (uint8_t)s->chunk;
        p->tid_len = s->piece_tid_len;
        memcpy(p->tid, s->piece_tid, s->piece_tid_len);
        p->deadline_us = now_us + GW_MSRP_ANSWER_US;
        s->npieces++;
        s->chunks[s->chunk].pieces++;
        return;
    }
}

static void push_piece(struct gw_msrp_session *s)
{
    if (!gw_msrp_flush_urgent(s))
        return;
    if (s->c.send(s->c.arg, (struct gw_span){ s->piece, s->piece_len }) == 0)
        s->is_piece_ready = false;
}

/* A piece may hold what looked harmless in the stream, where another octet followed; then it gets another tid. */
static void avoid_clash(struct gw_msrp_session *s)
{
    struct gw_span body = { s->piece + s->piece_head, s->piece_len - s->piece_head };

    while (gw_msrp_has_end_line(body, own_tid(s))) {
        gw_rand_token(s->piece_tid, s->piece_tid_len);        /* the same length: the head stays where it is */
        memcpy(s->piece + 5, s->piece_tid, s->piece_tid_len); /* behind "MSRP " */
    }
}

void gw_msrp_piece_end(struct gw_msrp_session *s, char flag, uint64_t now_us)
{
    int n;

    avoid_clash(s);
    n = gw_msrp_write_end(own_tid(s), flag, s->h.has_body, s->piece + s->piece_len, sizeof(s->piece) - s->piece_len);

    s->n.to_channel += s->piece_len - s->piece_head;
    s->offset += s->piece_len - s->piece_head;
    s->piece_len += (size_t)n;
    s->n.pieces++;
    s->has_piece = false;
    s->is_first_piece = false;
    s->is_piece_ready = true;
    track_piece(s, now_us);
    push_piece(s);
}

bool gw_msrp_channel_writable(struct gw_msrp_session *s, uint64_t now_us)
{
    (void)now_us;
    (void)gw_msrp_flush_urgent(s);
    if (s->is_piece_ready)
        push_piece(s);
    return is_channel_ready(s);
}

/* ---- heads ---- */

static void refuse(struct gw_msrp_session *s, int status, const char *comment)
{
    s->n.refused++;
    gw_msrp_chunk_answer(s, s->chunk, status, comment);
    s->is_skipping = true;
}

static void judge(struct gw_msrp_session *s)
{
    const struct gw_msrp_head *h = &s->h;

    if (h->method == GW_MSRP_OTHER || h->method == GW_MSRP_AUTH)
        refuse(s, 501, "Method not supported");
    else if (s->c.has_b2bua && !gw_msrp_uri_eq(h->to.uri[0], gw_span_str(s->core_own)))
        refuse(s, 481, "No such session");
    else if (h->method == GW_MSRP_SEND && h->has_body && !s->c.may_core_send)
        refuse(s, 403, "Direction");
    else if (s->c.max_body && h->has_range && h->range_total != GW_MSRP_UNKNOWN && h->range_total > s->c.max_body)
        refuse(s, 413, "Stop sending");
    else if (begin_piece(s) != 0)
        refuse(s, 400, "Header too long");
}

/* A response of the core goes to the channel as it is, but for the paths. */
static void pass_response(struct gw_msrp_session *s)
{
    struct gw_msrp_rewrite w = { .tid = s->h.tid,
                                 .to = s->c.has_b2bua ? gw_span_str(s->channel_peer) : path_text(&s->h.to),
                                 .from = s->c.has_b2bua ? gw_span_str(s->channel_own) : path_text(&s->h.from) };
    char buf[GW_MSRP_PATH + 1024];
    int n = gw_msrp_write_head(&s->h, &w, buf, sizeof(buf) - GW_MSRP_END_LINE_MAX), e;

    gw_msrp_core_answered(s, s->h.tid);
    if (n < 0)
        return;
    e = gw_msrp_write_end(s->h.tid, '$', false, buf + n, sizeof(buf) - (size_t)n);
    gw_msrp_answer_channel(s, (struct gw_span){ buf, (size_t)(n + e) });
}

static int on_head(struct gw_msrp_session *s)
{
    s->is_skipping = s->is_unread = false;
    s->is_first_piece = true;
    s->has_piece = false;
    s->offset = 0;
    s->piece_body = 0;
    s->chunk = -1;
    if (s->h.method != GW_MSRP_RESPONSE) {
        s->chunk = gw_msrp_chunk_open(s, &s->h);
        judge(s);
    } else if (s->h.has_body) {
        return GW_E_SYNTAX;
    }
    if (s->h.has_body) {
        gw_msrp_scan_init(&s->scan, s->h.tid);
        s->reading = READ_BODY;
    }
    return 0;
}

/* ---- bodies ---- */

struct body_state {
    struct gw_msrp_session *s;
    uint64_t now_us;
};

/* Begins the next piece with what the one before had no room for. */
static void next_piece(struct gw_msrp_session *s)
{
    if (begin_piece(s) != 0) {
        refuse(s, 400, "Header too long");
    } else {
        memcpy(s->piece + s->piece_len, s->carry, s->ncarry);
        s->piece_len += s->ncarry;
        s->piece_room -= s->ncarry;
    }
    s->ncarry = 0;
}

static void on_body(void *arg, struct gw_span body)
{
    struct body_state *b = arg;
    struct gw_msrp_session *s = b->s;
    size_t n = body.len < s->piece_room ? body.len : s->piece_room;

    s->piece_body += body.len;
    if (s->is_skipping)
        return;
    if ((s->h.method != GW_MSRP_SEND && s->piece_body > GW_MSRP_REQUEST_BODY) ||
        (s->c.max_body && s->piece_body > s->c.max_body)) {
        refuse(s, s->h.method == GW_MSRP_SEND ? 413 : 400, "Body too long");
        return;
    }
    if (s->ncarry)
        n = 0; /* the piece it belongs to has not begun */
    memcpy(s->piece + s->piece_len, body.ptr, n);
    s->piece_len += n;
    s->piece_room -= n;
    if (n == body.len)
        return;
    /* at most what the scanner had held: read_body gives no more than the piece has room for */
    memcpy(s->carry + s->ncarry, (const uint8_t *)body.ptr + n, body.len - n);
    if (s->ncarry == 0)
        gw_msrp_piece_end(s, '+', b->now_us);
    s->ncarry = (uint8_t)(s->ncarry + body.len - n);
    if (!s->is_piece_ready && !s->is_skipping)
        next_piece(s);
}

static void on_end(struct gw_msrp_session *s, char flag, uint64_t now_us)
{
    if (s->h.method == GW_MSRP_RESPONSE) {
        pass_response(s);
    } else if (s->is_skipping) {
        if (s->has_piece) /* begun, and then refused: the browser is told that it ends here */
            gw_msrp_piece_end(s, '#', now_us);
    } else {
        gw_msrp_piece_end(s, flag, now_us);
        s->n.chunks_to_channel++;
    }
    if (s->chunk >= 0) {
        s->chunks[s->chunk].is_complete = true;
        gw_msrp_chunk_settle(s, s->chunk);
    }
    s->chunk = -1;
    s->reading = READ_HEAD;
    s->head_len = 0;
}

static void answer_unread(struct gw_msrp_session *s)
{
    struct gw_span first = { s->core_peer, strcspn(s->core_peer, " ") };
    char buf[3 * GW_MSRP_URI_MAX];
    int n =
        snprintf(buf, sizeof(buf), "MSRP %.*s 400 Unintelligible\r\nTo-Path: %.*s\r\nFrom-Path: %s\r\n-------%.*s$\r\n",
                 (int)s->h.tid.len, (const char *)s->h.tid.ptr, (int)first.len, (const char *)first.ptr, s->core_own,
                 (int)s->h.tid.len, (const char *)s->h.tid.ptr);

    s->n.refused++;
    if (n > 0 && (size_t)n < sizeof(buf))
        gw_msrp_answer_core(s, (struct gw_span){ buf, (size_t)n });
}

/* A wrong head with a transaction id: 400, and its end-line tells where the next message begins (RFC 4975 s. 7.3). `n`
 * octets have just come. */
static ssize_t skip_unread(struct gw_msrp_session *s, size_t n, uint64_t now_us)
{
    const char *line_end = memchr(s->head, '\r', s->head_len);
    struct gw_span in = { line_end, s->head_len - (size_t)(line_end - s->head) };
    struct body_state b = { s, now_us };
    int flag;

    if (++s->unread_in_a_row > GW_MSRP_BAD_IN_A_ROW || !s->c.has_b2bua)
        return GW_E_SYNTAX;
    if (s->h.method != GW_MSRP_RESPONSE && s->h.method != GW_MSRP_REPORT)
        answer_unread(s);
    s->h.method = GW_MSRP_OTHER;
    s->is_unread = s->is_skipping = true;
    s->has_piece = false;
    s->piece_body = 0;
    s->chunk = -1;
    s->reading = READ_BODY;
    gw_msrp_scan_init(&s->scan, s->h.tid);
    flag = gw_msrp_scan(&s->scan, &in, on_body, &b);
    if (in.len > n)
        return GW_E_SYNTAX;
    if (flag)
        on_end(s, (char)flag, now_us);
    return (ssize_t)(n - in.len);
}

/* Collects octets until the head parses. What is behind it is given back. */
static ssize_t read_head(struct gw_msrp_session *s, struct gw_span in, uint64_t now_us)
{
    size_t before = s->head_len, n = sizeof(s->head) - before < in.len ? sizeof(s->head) - before : in.len, used = 0;
    int err, flag;

    memcpy(s->head + before, in.ptr, n);
    s->head_len += n;
    err = gw_msrp_parse_head((struct gw_span){ s->head, s->head_len }, &s->h);
    if (err == GW_E_AGAIN)
        return (ssize_t)n;
    if (err) {
        s->n.malformed++;
        return err == GW_E_SYNTAX && s->h.tid.len ? skip_unread(s, n, now_us)
                                                  : err; /* no MSRP at all: the connection ends */
    }
    s->unread_in_a_row = 0;
    err = on_head(s);
    if (err)
        return err;
    if (s->h.has_body)
        return (ssize_t)(s->h.len - before);
    /* without a body the end-line was needed to see where the head ends: it is here whole, and part of it may have come
     * earlier */
    flag = gw_msrp_end_line((struct gw_span){ s->head + s->h.len, s->head_len - s->h.len }, s->h.tid, &used);
    if (flag <= 0)
        return GW_E_SYNTAX;
    on_end(s, (char)flag, now_us);
    return (ssize_t)(s->h.len + used - before);
}

/* Takes no more body than the piece at hand has room for, so that a full channel leaves the rest unread; what the
 * scanner had held and gives back goes over into the next piece. */
static ssize_t read_body(struct gw_msrp_session *s, struct gw_span in, uint64_t now_us)
{
    struct body_state b = { s, now_us };
    size_t most = s->is_skipping ? in.len : s->piece_room ? s->piece_room : 1;
    struct gw_span part = { in.ptr, in.len < most ? in.len : most };
    size_t given = part.len;
    int flag = gw_msrp_scan(&s->scan, &part, on_body, &b);

    if (s->is_unread && s->piece_body > GW_MSRP_HEADERS_MAX)
        return GW_E_SYNTAX; /* no end in sight */
    if (flag && s->ncarry) {
        s->end_flag = (char)flag;
        s->reading = READ_CARRY;
    } else if (flag) {
        on_end(s, (char)flag, now_us);
    }
    return (ssize_t)(given - part.len);
}

ssize_t gw_msrp_from_core(struct gw_msrp_session *s, struct gw_span octets, uint64_t now_us)
{
    size_t taken = 0;

    (void)gw_msrp_channel_writable(s, now_us);
    while ((taken < octets.len || s->reading == READ_CARRY) && is_channel_ready(s)) {
        struct gw_span rest = { (const uint8_t *)octets.ptr + taken, octets.len - taken };
        ssize_t n;

        if (s->ncarry)
            next_piece(s);
        if (s->reading == READ_CARRY) {
            on_end(s, s->end_flag, now_us);
            continue;
        }
        n = s->reading == READ_HEAD ? read_head(s, rest, now_us) : read_body(s, rest, now_us);
        if (n < 0)
            return n;
        taken += (size_t)n;
    }
    return (ssize_t)taken;
}
