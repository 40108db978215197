/* Who owes whom an answer. */
#include <stdio.h>

#include "datachannel/msrp/msrp_priv.h"

int gw_msrp_chunk_open(struct gw_msrp_session *s, const struct gw_msrp_head *h)
{
    struct gw_span from = h->method == GW_MSRP_SEND ? h->from.uri[0] : h->from.uri[h->from.n - 1];

    for (int i = 0; i < GW_MSRP_OPEN_CHUNKS; i++) {
        struct chunk *c = &s->chunks[i];
        if (c->is_used)
            continue;
        memset(c, 0, sizeof(*c));
        c->is_used = true;
        c->wants_ok = h->method != GW_MSRP_REPORT && h->failure == GW_MSRP_YES;
        c->wants_error = h->method != GW_MSRP_REPORT && h->failure != GW_MSRP_NO;
        c->tid_len = (uint8_t)h->tid.len;
        memcpy(c->tid, h->tid.ptr, h->tid.len);
        c->to_len = (uint16_t)h->to.uri[0].len;
        memcpy(c->to, h->to.uri[0].ptr, h->to.uri[0].len);
        c->from_len = (uint16_t)from.len;
        memcpy(c->from, from.ptr, from.len);
        return i;
    }
    return -1;
}

void gw_msrp_chunk_answer(struct gw_msrp_session *s, int chunk, int status, const char *comment)
{
    struct chunk *c = chunk < 0 ? NULL : &s->chunks[chunk];
    char buf[3 * GW_MSRP_URI_MAX];
    int n;

    if (!c || c->is_answered || !(status == 200 ? c->wants_ok : c->wants_error))
        return;
    c->is_answered = true;
    n = snprintf(buf, sizeof(buf), "MSRP %.*s %03d %s\r\nTo-Path: %.*s\r\nFrom-Path: %.*s\r\n-------%.*s$\r\n",
                 c->tid_len, c->tid, status, comment, c->from_len, c->from, c->to_len, c->to, c->tid_len, c->tid);
    gw_msrp_answer_core(s, (struct gw_span){ buf, (size_t)n });
}

void gw_msrp_chunk_settle(struct gw_msrp_session *s, int chunk)
{
    struct chunk *c = chunk < 0 ? NULL : &s->chunks[chunk];

    if (!c || !c->is_complete || c->pieces)
        return;
    gw_msrp_chunk_answer(s, chunk, 200, "OK");
    c->is_used = false;
}

static struct piece *find_piece(struct gw_msrp_session *s, struct gw_span tid)
{
    for (unsigned i = 0; i < GW_MSRP_OPEN_PIECES; i++) {
        struct piece *p = &s->pieces[i];
        if (p->is_used && gw_span_eq((struct gw_span){ p->tid, p->tid_len }, tid))
            return p;
    }
    return NULL;
}

static void end_piece(struct gw_msrp_session *s, struct piece *p, int status, const char *comment)
{
    int chunk = p->chunk;

    p->is_used = false;
    s->npieces--;
    s->chunks[chunk].pieces--;
    if (status != 200) {
        gw_msrp_chunk_answer(s, chunk, status, comment);
        if (chunk == s->chunk && s->reading == READ_BODY)
            s->is_skipping = true; /* the rest has no reader any more: ended with '#' */
    }
    gw_msrp_chunk_settle(s, chunk);
}

void gw_msrp_piece_answered(struct gw_msrp_session *s, struct gw_span tid, int status, struct gw_span comment)
{
    struct piece *p = find_piece(s, tid);
    char text[128] = "";

    if (!p) {
        s->n.unmatched++;
        return;
    }
    if (comment.len >= sizeof(text))
        comment.len = sizeof(text) - 1;
    (void)gw_span_copy(comment, text, sizeof(text));
    end_piece(s, p, status, text);
}

/* ---- what the channel waits for ---- */

void gw_msrp_await_core(struct gw_msrp_session *s, struct gw_span tid, uint64_t now_us)
{
    struct awaited *a;

    if (s->nawaited == AWAITED) /* the oldest is not timed by us any more; its client does that itself */
        memmove(s->awaited, s->awaited + 1, --s->nawaited * sizeof(s->awaited[0]));
    a = &s->awaited[s->nawaited++];
    a->tid_len = (uint8_t)tid.len;
    memcpy(a->tid, tid.ptr, tid.len);
    a->deadline_us = now_us + GW_MSRP_ANSWER_US;
}

void gw_msrp_core_answered(struct gw_msrp_session *s, struct gw_span tid)
{
    for (unsigned i = 0; i < s->nawaited; i++)
        if (gw_span_eq((struct gw_span){ s->awaited[i].tid, s->awaited[i].tid_len }, tid)) {
            s->nawaited--;
            memmove(s->awaited + i, s->awaited + i + 1, (s->nawaited - i) * sizeof(s->awaited[0]));
            return;
        }
    s->n.unmatched++;
}

static void fail_awaited(struct gw_msrp_session *s, const struct awaited *a, int status, const char *comment)
{
    char buf[3 * GW_MSRP_URI_MAX];
    int n = snprintf(buf, sizeof(buf), "MSRP %.*s %03d %s\r\nTo-Path: %s\r\nFrom-Path: %s\r\n-------%.*s$\r\n",
                     a->tid_len, a->tid, status, comment, s->channel_peer, s->channel_own, a->tid_len, a->tid);

    gw_msrp_answer_channel(s, (struct gw_span){ buf, (size_t)n });
}

void gw_msrp_core_lost(struct gw_msrp_session *s, uint64_t now_us)
{
    s->is_core_lost = true;
    for (unsigned i = 0; i < s->nawaited; i++)
        fail_awaited(s, &s->awaited[i], 481, "Connection lost");
    s->nawaited = 0;
    gw_msrp_core_written(s, s->core_len - s->core_at);
    memset(s->chunks, 0, sizeof(s->chunks)); /* their answers would go to another connection */
    memset(s->pieces, 0, sizeof(s->pieces));
    s->npieces = 0;
    s->chunk = -1;
    if (s->has_piece) /* the browser must not wait for the rest (RFC 4975 s. 7.1) */
        gw_msrp_piece_end(s, '#', now_us);
    s->ncarry = 0;
    s->reading = READ_HEAD;
    s->head_len = 0;
}

void gw_msrp_channel_lost(struct gw_msrp_session *s, uint64_t now_us)
{
    (void)now_us;
    for (int i = 0; i < GW_MSRP_OPEN_CHUNKS; i++) {
        if (!s->chunks[i].is_used)
            continue;
        gw_msrp_chunk_answer(s, i, 481, "Channel lost");
        s->chunks[i].is_used = i == s->chunk;
        s->chunks[i].pieces = 0;
    }
    memset(s->pieces, 0, sizeof(s->pieces));
    s->npieces = 0;
    s->is_skipping = s->reading == READ_BODY;
    s->is_piece_ready = false;
    s->nurgent = 0;
}

uint64_t gw_msrp_deadline_us(const struct gw_msrp_session *s)
{
    uint64_t first = s->nawaited ? s->awaited[0].deadline_us : GW_NEVER;

    for (unsigned i = 0; i < GW_MSRP_OPEN_PIECES && s->npieces; i++)
        if (s->pieces[i].is_used && s->pieces[i].deadline_us < first)
            first = s->pieces[i].deadline_us;
    return first;
}

void gw_msrp_expire(struct gw_msrp_session *s, uint64_t now_us)
{
    while (s->nawaited && s->awaited[0].deadline_us <= now_us) {
        s->n.timeouts++;
        fail_awaited(s, &s->awaited[0], 408, "No answer");
        memmove(s->awaited, s->awaited + 1, --s->nawaited * sizeof(s->awaited[0]));
    }
    for (unsigned i = 0; i < GW_MSRP_OPEN_PIECES; i++)
        if (s->pieces[i].is_used && s->pieces[i].deadline_us <= now_us) {
            s->n.timeouts++;
            end_piece(s, &s->pieces[i], 408, "No answer");
        }
}
