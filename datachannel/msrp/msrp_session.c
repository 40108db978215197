#include "datachannel/msrp/msrp_session.h"

#include <stdlib.h>

#include "datachannel/msrp/msrp_priv.h"
#include "gateway/base/crypto.h"

int gw_msrp_session_new(const struct gw_msrp_config *config, struct gw_msrp_session **out)
{
    struct gw_msrp_session *s;

    if (strlen(config->core_peer) >= GW_MSRP_PATH || strlen(config->channel_own) > GW_MSRP_URI_MAX ||
        strlen(config->core_own) > GW_MSRP_URI_MAX ||
        (config->channel_peer && strlen(config->channel_peer) > GW_MSRP_URI_MAX))
        return GW_E_LIMIT;
    s = calloc(1, sizeof(*s));
    if (!s)
        return GW_E_NOMEM;
    s->c = *config;
    strcpy(s->core_peer, config->core_peer);
    strcpy(s->channel_own, config->channel_own);
    strcpy(s->core_own, config->core_own);
    if (config->channel_peer)
        strcpy(s->channel_peer, config->channel_peer);
    s->piece_max = config->channel_max_message < GW_MSRP_PIECE ? config->channel_max_message : GW_MSRP_PIECE;
    *out = s;
    return 0;
}

void gw_msrp_session_free(struct gw_msrp_session *s)
{
    if (!s)
        return;
    free(s->core_queue);
    free(s);
}

void gw_msrp_session_set_directions(struct gw_msrp_session *s, bool may_core_send, bool may_channel_send)
{
    s->c.may_core_send = may_core_send;
    s->c.may_channel_send = may_channel_send;
}

void gw_msrp_core_up(struct gw_msrp_session *s)
{
    s->is_core_lost = false;
}

const struct gw_msrp_counts *gw_msrp_session_counts(const struct gw_msrp_session *s)
{
    return &s->n;
}

/* ---- the queue for the connection ---- */

struct gw_span gw_msrp_core_pending(const struct gw_msrp_session *s)
{
    return (struct gw_span){ s->core_queue + s->core_at, s->core_len - s->core_at };
}

void gw_msrp_core_written(struct gw_msrp_session *s, size_t len)
{
    s->core_at += len;
    if (s->core_at == s->core_len) {
        s->core_at = s->core_len = 0;
        if (s->core_size > GW_MSRP_CORE_LOW) { /* an idle session keeps no large buffer */
            free(s->core_queue);
            s->core_queue = NULL;
            s->core_size = 0;
        }
    }
    if (s->core_len - s->core_at < GW_MSRP_CORE_LOW)
        s->core_is_full = false;
}

bool gw_msrp_core_is_full(const struct gw_msrp_session *s)
{
    return s->core_is_full;
}

/* Room for n octets behind what is queued. */
static uint8_t *core_room(struct gw_msrp_session *s, size_t n)
{
    if (s->core_at && s->core_len + n > s->core_size) {
        memmove(s->core_queue, s->core_queue + s->core_at, s->core_len - s->core_at);
        s->core_len -= s->core_at;
        s->core_at = 0;
    }
    if (s->core_len + n > s->core_size) {
        size_t size = s->core_len + n + 4096;
        uint8_t *grown = realloc(s->core_queue, size);
        if (!grown)
            return NULL;
        s->core_queue = grown;
        s->core_size = size;
    }
    return s->core_queue + s->core_len;
}

static void core_put(struct gw_msrp_session *s, size_t n)
{
    s->core_len += n;
    if (s->core_len - s->core_at > GW_MSRP_CORE_HIGH)
        s->core_is_full = true;
}

/* ---- answers of our own ---- */

void gw_msrp_answer_core(struct gw_msrp_session *s, struct gw_span text)
{
    uint8_t *room = core_room(s, text.len);

    if (!room)
        return; /* without memory the peer times out, as after loss */
    memcpy(room, text.ptr, text.len);
    core_put(s, text.len);
}

/* A small queue that goes before pieces: answers and reports overtake a long message (RFC 4975 s. 7.1.1). */
void gw_msrp_answer_channel(struct gw_msrp_session *s, struct gw_span text)
{
    if (s->nurgent == URGENT || text.len > sizeof(s->urgent[0].text))
        return;
    memcpy(s->urgent[s->nurgent].text, text.ptr, text.len);
    s->urgent[s->nurgent++].len = text.len;
    gw_msrp_flush_urgent(s);
}

bool gw_msrp_flush_urgent(struct gw_msrp_session *s)
{
    unsigned sent = 0;

    while (sent < s->nurgent && s->c.send(s->c.arg, (struct gw_span){ s->urgent[sent].text, s->urgent[sent].len }) == 0)
        sent++;
    memmove(s->urgent, s->urgent + sent, (s->nurgent - sent) * sizeof(s->urgent[0]));
    s->nurgent -= sent;
    return s->nurgent == 0;
}

static void refuse_channel(struct gw_msrp_session *s, const struct gw_msrp_head *h, int status, const char *comment)
{
    char buf[GW_MSRP_PATH + 512];
    int n;

    s->n.refused++;
    if (h->method == GW_MSRP_RESPONSE || h->method == GW_MSRP_REPORT || h->failure == GW_MSRP_NO)
        return; /* no answer is wanted (RFC 4975 s. 7.2) */
    n = gw_msrp_write_response(h, status, comment, buf, sizeof(buf));
    if (n > 0)
        gw_msrp_answer_channel(s, (struct gw_span){ buf, (size_t)n });
}

/* ---- channel -> core ---- */

/* What a message of the channel must satisfy before it may enter the core's stream. 0, or the status. */
static int judge(struct gw_msrp_session *s, const struct gw_msrp_head *h, struct gw_span body, const char **comment)
{
    if (h->method == GW_MSRP_OTHER || h->method == GW_MSRP_AUTH) {
        *comment = "Method not supported";
        return 501;
    }
    /* opened in band: the session is what the client's first message says it is, and stays that */
    if (s->channel_own[0] == 0)
        (void)gw_span_copy(h->to.uri[0], s->channel_own, sizeof(s->channel_own));
    if (s->channel_peer[0] == 0)
        (void)gw_span_copy(h->from.uri[h->from.n - 1], s->channel_peer, sizeof(s->channel_peer));
    if (s->c.has_b2bua) {
        *comment = "No such session";
        if (!gw_msrp_uri_eq(h->to.uri[0], gw_span_str(s->channel_own)))
            return 481;
        *comment = "Not your path";
        if (!gw_msrp_uri_eq(h->from.uri[h->from.n - 1], gw_span_str(s->channel_peer)))
            return 403;
    }
    *comment = "Direction";
    if (h->method == GW_MSRP_SEND && body.len && !s->c.may_channel_send)
        return 403;
    *comment = "Body too long";
    if (h->method != GW_MSRP_SEND && body.len > GW_MSRP_REQUEST_BODY)
        return 400;
    *comment = "Stop sending";
    if (s->c.max_body && h->has_range && h->range_start + body.len - 1 > s->c.max_body)
        return 413;
    if (s->is_core_lost) {
        *comment = "No connection";
        return 481;
    }
    return 0;
}

static int forward_to_core(struct gw_msrp_session *s, const struct gw_msrp_head *h, struct gw_span body, char flag,
                           struct gw_span whole)
{
    size_t most = whole.len + GW_MSRP_PATH + GW_MSRP_URI_MAX + 128;
    uint8_t *room = core_room(s, most);
    struct gw_msrp_rewrite w = { .tid = h->tid,
                                 .to = gw_span_str(s->core_peer),
                                 .from = gw_span_str(s->core_own),
                                 .has_range = h->has_range && body.len > 2048,
                                 .range_start = h->range_start,
                                 .range_end = GW_MSRP_UNKNOWN,
                                 .range_total = h->range_total };
    int head, end;

    if (!room)
        return GW_E_NOMEM;
    if (!s->c.has_b2bua) {
        memcpy(room, whole.ptr, whole.len);
        core_put(s, whole.len);
        return 0;
    }
    head = gw_msrp_write_head(h, &w, room, most);
    if (head < 0)
        return head;
    if (body.len)
        memcpy(room + head, body.ptr, body.len);
    end = gw_msrp_write_end(h->tid, flag, h->has_body, room + head + body.len, most - (size_t)head - body.len);
    if (end < 0)
        return end;
    core_put(s, (size_t)(head + end) + body.len);
    return 0;
}

static int bad_message(struct gw_msrp_session *s, const struct gw_msrp_head *h)
{
    s->n.malformed++;
    s->n.refused++;
    if (h->tid.len && s->channel_peer[0]) { /* enough was read for the 400 */
        struct gw_msrp_head answer = { .method = GW_MSRP_OTHER, .tid = h->tid };
        char buf[GW_MSRP_URI_MAX * 2 + 256];
        int n;
        answer.from.n = answer.to.n = 1;
        answer.from.uri[0] = gw_span_str(s->channel_peer);
        answer.to.uri[0] = gw_span_str(s->channel_own);
        n = gw_msrp_write_response(&answer, 400, "Unintelligible", buf, sizeof(buf));
        if (n > 0)
            gw_msrp_answer_channel(s, (struct gw_span){ buf, (size_t)n });
    }
    return ++s->bad_in_a_row >= GW_MSRP_BAD_IN_A_ROW ? GW_E_CLOSED : GW_E_SYNTAX;
}

int gw_msrp_from_channel(struct gw_msrp_session *s, struct gw_span message, uint64_t now_us)
{
    struct gw_msrp_head h = { 0 };
    struct gw_span body;
    const char *comment;
    char flag;
    int status;

    if (gw_msrp_parse_chunk(message, &h, &body, &flag) != 0)
        return bad_message(s, &h);
    s->bad_in_a_row = 0;
    if (h.method == GW_MSRP_RESPONSE) {
        gw_msrp_piece_answered(s, h.tid, h.status, h.comment);
        (void)gw_msrp_channel_writable(s, now_us); /* a place among the open pieces is free */
        return 0;
    }
    status = judge(s, &h, body, &comment);
    if (status) {
        refuse_channel(s, &h, status, comment);
        return GW_E_POLICY;
    }
    if (forward_to_core(s, &h, body, flag, message) != 0) {
        refuse_channel(s, &h, 400, "Too long");
        return GW_E_LIMIT;
    }
    if (h.method != GW_MSRP_REPORT && h.failure == GW_MSRP_YES)
        gw_msrp_await_core(s, h.tid, now_us);
    s->n.chunks_to_core++;
    s->n.to_core += body.len;
    return 0;
}
