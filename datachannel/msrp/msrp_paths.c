#include "datachannel/msrp/msrp_paths.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH = 2048, ANSWERS = 4096, REQUEST_BODY = 10240 };

struct way {                  /* from one side to the other */
    bool in_body, is_dropped; /* dropped: it was answered here */
    bool is_small;            /* anything but SEND (RFC 4975 s. 7.1) */
    uint64_t body;
    size_t nhead;
    char head[GW_MSRP_HEADERS_MAX];
    struct gw_msrp_scan scan;
    char tid[GW_MSRP_TID_MAX];
    size_t tid_len;
};

struct gw_msrp_paths {
    struct gw_msrp_paths_config c;
    struct gw_msrp_paths_counts n;
    char own[2][GW_MSRP_URI_MAX + 1], peer[2][PATH];
    struct way way[2];
    size_t nanswers[2]; /* for that side, while a message on its way there is not at its end */
    char answers[2][ANSWERS];
};

static void out(struct gw_msrp_paths *p, unsigned side, struct gw_span octets)
{
    if (octets.len)
        p->c.out(p->c.arg, side, octets);
}

/* Between two messages towards `side`. */
static void flush_answers(struct gw_msrp_paths *p, unsigned side)
{
    out(p, side, (struct gw_span){ p->answers[side], p->nanswers[side] });
    p->nanswers[side] = 0;
}

static void answer(struct gw_msrp_paths *p, unsigned to, const struct gw_msrp_head *h, int status, const char *comment)
{
    size_t room = ANSWERS - p->nanswers[to];
    int n;

    p->n.refused[to]++;
    if (h->method == GW_MSRP_REPORT || (h->method == GW_MSRP_SEND && h->failure == GW_MSRP_NO))
        return; /* nobody waits for one (RFC 4975 s. 7.1.2, 7.2) */
    n = gw_msrp_write_response(h, status, comment, p->answers[to] + p->nanswers[to], room);
    if (n > 0)
        p->nanswers[to] += (size_t)n;
    if (!p->way[1 - to].in_body || p->way[1 - to].is_dropped)
        flush_answers(p, to);
}

/* Why a request is not passed on; 0: it is. */
static int judge(const struct gw_msrp_paths *p, unsigned from, const struct gw_msrp_head *h, const char **why)
{
    if (h->method == GW_MSRP_RESPONSE)
        return 0;
    if (!gw_msrp_uri_eq(h->to.uri[0], gw_span_str(p->own[from]))) {
        *why = "No such session";
        return 481;
    }
    if (h->method == GW_MSRP_AUTH) { /* of a relay, and not for us to answer */
        *why = "Method not supported";
        return 501;
    }
    if (h->method == GW_MSRP_SEND && h->has_body && !p->c.side[from].may_send) {
        *why = "Direction";
        return 403;
    }
    return 0;
}

/* A response to a SEND goes one hop: to the first URI of the path. */
static struct gw_span first_uri(const char *path)
{
    return (struct gw_span){ path, strcspn(path, " ") };
}

static int pass_head(struct gw_msrp_paths *p, unsigned from, const struct gw_msrp_head *h)
{
    struct gw_msrp_rewrite w = { .tid = h->tid,
                                 .to = h->method == GW_MSRP_RESPONSE ? first_uri(p->peer[1 - from])
                                                                     : gw_span_str(p->peer[1 - from]),
                                 .from = gw_span_str(p->own[1 - from]) };
    char buf[GW_MSRP_HEADERS_MAX + 2 * PATH];
    int n = gw_msrp_write_head(h, &w, buf, sizeof(buf));

    if (n > 0)
        out(p, 1 - from, (struct gw_span){ buf, (size_t)n });
    return n < 0 ? n : 0;
}

static void end_message(struct gw_msrp_paths *p, unsigned from, char flag, bool has_body)
{
    struct way *w = &p->way[from];
    char end[GW_MSRP_END_LINE_MAX];
    int n = gw_msrp_write_end((struct gw_span){ w->tid, w->tid_len }, flag, has_body, end, sizeof(end));

    if (!w->is_dropped && n > 0)
        out(p, 1 - from, (struct gw_span){ end, (size_t)n });
    w->in_body = false;
    flush_answers(p, 1 - from);
}

struct body_arg {
    struct gw_msrp_paths *p;
    unsigned from;
};

static void on_body(void *arg, struct gw_span body)
{
    struct body_arg *a = arg;
    struct way *w = &a->p->way[a->from];

    w->body += body.len;
    if (w->is_dropped)
        return;
    a->p->n.octets[a->from] += body.len;
    out(a->p, 1 - a->from, body);
}

/* The header block in w->head is whole. *used: how much of it belongs to this message. */
static int on_head(struct gw_msrp_paths *p, unsigned from, const struct gw_msrp_head *h, size_t *used)
{
    struct way *w = &p->way[from];
    const char *why = NULL;
    int status = judge(p, from, h, &why), flag = '$', err;

    *used = h->len;
    w->is_dropped = status != 0;
    w->is_small = h->method != GW_MSRP_SEND;
    w->body = 0;
    w->tid_len = h->tid.len;
    memcpy(w->tid, h->tid.ptr, h->tid.len);
    if (!h->has_body) {
        size_t end = 0;
        flag = gw_msrp_end_line((struct gw_span){ w->head + h->len, w->nhead - h->len }, h->tid, &end);
        if (flag <= 0)
            return flag ? flag : GW_E_AGAIN;
        *used += end;
    }
    p->n.messages[from]++;
    if (status) {
        answer(p, from, h, status, why);
    } else {
        err = pass_head(p, from, h);
        if (err)
            return err;
    }
    w->in_body = true;
    if (h->has_body)
        gw_msrp_scan_init(&w->scan, h->tid);
    else
        end_message(p, from, (char)flag, false);
    return 0;
}

/* Takes octets for the header block; those behind it stay in *in. */
static int read_head(struct gw_msrp_paths *p, unsigned from, struct gw_span *in)
{
    struct way *w = &p->way[from];
    size_t before = w->nhead, n = GW_MSRP_HEADERS_MAX - before, used = 0;
    struct gw_msrp_head h;
    int err;

    if (n > in->len)
        n = in->len;
    memcpy(w->head + before, in->ptr, n);
    w->nhead += n;
    memset(&h, 0, sizeof(h));
    err = gw_msrp_parse_head((struct gw_span){ w->head, w->nhead }, &h);
    if (!err)
        err = on_head(p, from, &h, &used);
    if (err == GW_E_AGAIN && w->nhead < GW_MSRP_HEADERS_MAX) {
        in->len = 0;
        return 0;
    }
    if (err)
        return err == GW_E_AGAIN ? GW_E_LIMIT : err;
    w->nhead = 0;
    in->ptr = (const char *)in->ptr + (used - before); /* the begin was not a message: some of it is new */
    in->len -= used - before;
    return 0;
}

int gw_msrp_paths_input(struct gw_msrp_paths *p, unsigned from, struct gw_span octets)
{
    struct body_arg a = { p, from };
    struct way *w = &p->way[from];
    int err;

    while (octets.len) {
        if (!w->in_body) {
            err = read_head(p, from, &octets);
            if (err)
                return err;
            continue;
        }
        int flag = gw_msrp_scan(&w->scan, &octets, on_body, &a);
        if (w->is_small && w->body > REQUEST_BODY)
            return GW_E_LIMIT;
        if (flag)
            end_message(p, from, (char)flag, true);
    }
    return 0;
}

int gw_msrp_paths_new(const struct gw_msrp_paths_config *config, struct gw_msrp_paths **result)
{
    struct gw_msrp_paths *p;

    for (unsigned i = 0; i < 2; i++)
        if (strlen(config->side[i].own) > GW_MSRP_URI_MAX || strlen(config->side[i].peer) >= PATH ||
            !config->side[i].own[0] || !config->side[i].peer[0])
            return GW_E_INVAL;
    p = calloc(1, sizeof(*p));
    if (!p)
        return GW_E_NOMEM;
    p->c = *config;
    for (unsigned i = 0; i < 2; i++) {
        snprintf(p->own[i], sizeof(p->own[i]), "%s", config->side[i].own);
        snprintf(p->peer[i], sizeof(p->peer[i]), "%s", config->side[i].peer);
        p->c.side[i].own = p->own[i];
        p->c.side[i].peer = p->peer[i];
    }
    *result = p;
    return 0;
}

void gw_msrp_paths_free(struct gw_msrp_paths *p)
{
    free(p);
}

void gw_msrp_paths_allow(struct gw_msrp_paths *p, unsigned side, bool may_send)
{
    p->c.side[side].may_send = may_send;
}

void gw_msrp_paths_reset(struct gw_msrp_paths *p)
{
    for (unsigned i = 0; i < 2; i++) {
        p->way[i].in_body = false;
        p->way[i].nhead = 0;
        p->nanswers[i] = 0;
    }
}

const struct gw_msrp_paths_counts *gw_msrp_paths_counts(const struct gw_msrp_paths *p)
{
    return &p->n;
}
