/* The Iq procedures (TS 23.334 clause 8) on the contexts of a worker. A request is first checked whole; then what it
 * needs is reserved, which may fail and is then undone; then it is applied, which does not fail. */
#include <stdlib.h>

#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "gateway/media/data.h"
#include "gateway/media/fax.h"

struct gw_termination *gw_context_term(const struct gw_context *cx, uint8_t id)
{
    for (unsigned i = 0; cx && i < cx->nterms; i++)
        if (cx->terms[i]->id == id)
            return cx->terms[i];
    return NULL;
}

struct gw_stream *gw_context_stream(const struct gw_context *cx, uint8_t id)
{
    for (unsigned i = 0; cx && i < cx->nstreams; i++)
        if (cx->streams[i]->conf.id == id)
            return cx->streams[i];
    return NULL;
}

struct gw_data *gw_context_data(const struct gw_context *cx, uint8_t id)
{
    for (unsigned i = 0; cx && i < cx->ndatas; i++)
        if (cx->datas[i]->conf.id == id)
            return cx->datas[i];
    return NULL;
}

/* ---- joining ---- */

/* Sources learned keep their stream, if it is still there: a browser may not say sdes:mid a second time. */
static void forget_gone(const struct gw_context *cx, struct gw_termination *t)
{
    unsigned n = 0;

    for (unsigned i = 0; i < t->nssrcs; i++)
        for (unsigned k = 0; k < cx->nstreams; k++)
            if (t->ssrcs[i].stream == cx->streams[k] && cx->streams[k]->conf.access_term == t->id) {
                t->ssrcs[n++] = t->ssrcs[i];
                break;
            }
    t->nssrcs = n;
}

/* The lists of streams that terminations keep for the packet path. */
static void join(struct gw_context *cx)
{
    for (unsigned i = 0; i < cx->nterms; i++) {
        cx->terms[i]->nstreams = 0;
        forget_gone(cx, cx->terms[i]);
    }
    for (unsigned i = 0; i < cx->nstreams; i++) {
        struct gw_stream *s = cx->streams[i];
        s->term[0] = gw_context_term(cx, s->conf.access_term);
        s->term[1] = gw_context_term(cx, s->conf.core_term);
        for (unsigned k = 0; k < 2; k++)
            s->term[k]->streams[s->term[k]->nstreams++] = s;
    }
}

static void join_datas(struct gw_context *cx)
{
    for (unsigned i = 0; i < cx->ndatas; i++) {
        cx->datas[i]->access = gw_context_term(cx, cx->datas[i]->conf.access_term);
        cx->datas[i]->core = gw_context_term(cx, cx->datas[i]->conf.core_term);
    }
}

static void remove_data(struct gw_context *cx, unsigned i)
{
    gw_data_free(cx->datas[i]);
    cx->datas[i] = cx->datas[--cx->ndatas];
}

static void leave(struct gw_termination *t, const struct gw_stream *s)
{
    unsigned n = 0;

    for (unsigned i = 0; t && i < t->nstreams; i++)
        if (t->streams[i] != s)
            t->streams[n++] = t->streams[i];
    if (t)
        t->nstreams = n;
}

static void remove_stream(struct gw_context *cx, unsigned i)
{
    leave(cx->streams[i]->term[0], cx->streams[i]); /* what is released after it may still look */
    leave(cx->streams[i]->term[1], cx->streams[i]);
    gw_fax_free(cx->streams[i]);
    free(cx->streams[i]);
    cx->streams[i] = cx->streams[--cx->nstreams];
}

static void remove_term(struct gw_context *cx, unsigned i)
{
    gw_termination_free(cx->terms[i]);
    cx->terms[i] = cx->terms[--cx->nterms];
}

/* ---- context ---- */

static int context_new(struct gw_worker *w, const char *call, bool is_emergency, struct gw_context **out)
{
    struct gw_context *cx;

    if (w->nfree == 0 || (!is_emergency && w->nfree <= GW_DISPATCH_EMERGENCY))
        return GW_E_LIMIT;
    cx = calloc(1, sizeof(*cx));
    if (!cx)
        return GW_E_NOMEM;
    cx->w = w;
    cx->slot = w->free_slots[--w->nfree];
    cx->id = gw_iq_ctx_make(w->index, ++w->serial << 16 | cx->slot);
    memcpy(cx->call, call, sizeof(cx->call));
    gw_rand_token(cx->cname, GW_CNAME);
    w->contexts[cx->slot] = cx;
    atomic_fetch_add_explicit(&w->load, 1, memory_order_relaxed);
    gw_stats_add(GW_STAT_CONTEXTS, 1);
    *out = cx;
    return 0;
}

void gw_context_free(struct gw_context *cx)
{
    struct gw_worker *w;

    if (!cx)
        return;
    w = cx->w;
    while (cx->ndatas)
        remove_data(cx, 0);
    while (cx->nstreams)
        remove_stream(cx, 0);
    while (cx->nterms)
        remove_term(cx, 0);
    w->contexts[cx->slot] = NULL;
    w->free_slots[w->nfree++] = cx->slot;
    atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
    gw_stats_add(GW_STAT_CONTEXTS, -1);
    free(cx);
}

static struct gw_context *find_context(const struct gw_worker *w, uint64_t id)
{
    uint32_t slot = id & 0xffff;
    struct gw_context *cx = slot < w->max_contexts ? w->contexts[slot] : NULL;

    return cx && cx->id == id ? cx : NULL; /* an old id whose slot has been used anew does not fit */
}

/* ---- procedures ---- */

/* New terminations and streams, empty as yet. */
static int reserve(struct gw_context *cx, const struct gw_iq_req *req)
{
    int err = 0;

    for (unsigned i = 0; !err && i < req->nterms; i++)
        if (!gw_context_term(cx, req->terms[i].id)) {
            err = gw_termination_new(cx, &req->terms[i], &cx->terms[cx->nterms]);
            cx->nterms += !err;
        }
    for (unsigned i = 0; !err && i < req->nstreams; i++) {
        struct gw_stream *s = gw_context_stream(cx, req->streams[i].id);
        if (!s) {
            s = malloc(sizeof(*s));
            if (!s)
                return GW_E_NOMEM;
            gw_stream_init(s, &req->streams[i]);
            cx->streams[cx->nstreams++] = s;
        }
        if (req->streams[i].kind == GW_IQ_IMAGE && !s->fax) /* also audio that becomes a fax */
            err = gw_fax_new(cx->w, s);
    }
    for (unsigned i = 0; !err && i < req->nchannels; i++)
        if (!gw_context_data(cx, req->channels[i].id)) {
            err = gw_data_new(cx, &req->channels[i], &cx->datas[cx->ndatas]);
            cx->ndatas += !err;
        }
    return err;
}

/* A picture that goes to another place, or goes on after a closed gate, must begin whole. */
static void ask_keyframe(const struct gw_context *cx, bool was_open[GW_IQ_STREAMS],
                         const struct gw_addr was[GW_IQ_STREAMS])
{
    for (unsigned i = 0; i < cx->nstreams; i++) {
        struct gw_stream *s = cx->streams[i];
        if (s->gate[GW_FROM_ACCESS] && (!was_open[i] || !gw_addr_eq(&was[i], &s->term[1]->rtp.remote)))
            gw_stream_keyframe(s);
    }
}

static void do_configure(struct gw_worker *w, struct gw_context *cx, const struct gw_iq_req *req,
                         struct gw_iq_reply *reply)
{
    unsigned nterms = cx ? cx->nterms : 0, nstreams = cx ? cx->nstreams : 0, ndatas = cx ? cx->ndatas : 0;
    bool is_new = !cx, was_open[GW_IQ_STREAMS] = { false };
    struct gw_addr was[GW_IQ_STREAMS] = { 0 };

    reply->err = gw_context_check(w, cx, req);
    if (!reply->err && is_new)
        reply->err = context_new(w, req->call, req->is_emergency, &cx);
    if (reply->err)
        return;
    reply->err = reserve(cx, req);
    join_datas(cx);
    if (reply->err) { /* nothing has changed */
        while (cx->ndatas > ndatas)
            remove_data(cx, cx->ndatas - 1);
        while (cx->nstreams > nstreams)
            remove_stream(cx, cx->nstreams - 1);
        while (cx->nterms > nterms)
            remove_term(cx, cx->nterms - 1);
        if (is_new)
            gw_context_free(cx);
        return;
    }
    for (unsigned i = 0; i < nstreams; i++) {
        was_open[i] = cx->streams[i]->gate[GW_FROM_ACCESS];
        was[i] = cx->streams[i]->term[1]->rtp.remote;
    }
    for (unsigned i = 0; i < req->nstreams; i++)
        gw_stream_apply(gw_context_stream(cx, req->streams[i].id), &req->streams[i]);
    join(cx);
    for (unsigned i = 0; i < req->nterms; i++) {
        struct gw_termination *t = gw_context_term(cx, req->terms[i].id);
        gw_termination_apply(t, &req->terms[i]);
        gw_termination_local(t, &reply->locals[reply->nlocals++]);
    }
    for (unsigned i = 0; i < req->nterms; i++) /* the association's ports may be known only now */
        gw_data_dtls_up(gw_context_term(cx, req->terms[i].id));
    for (unsigned i = 0; i < req->nchannels; i++)
        gw_data_apply(gw_context_data(cx, req->channels[i].id), &req->channels[i]);
    ask_keyframe(cx, was_open, was);
    reply->ctx = cx->id;
    if (is_new)
        gw_log(GW_LOG_INFO, "media", cx->call, "ctx=%llx made with %u terminations", (unsigned long long)cx->id,
               cx->nterms);
}

static void do_through(struct gw_context *cx, const struct gw_iq_req *req, struct gw_iq_reply *reply)
{
    for (unsigned i = 0; i < req->nstreams; i++)
        if (!gw_context_stream(cx, req->streams[i].id)) {
            reply->err = GW_E_NOTFOUND;
            return;
        }
    for (unsigned i = 0; i < req->nstreams; i++) {
        struct gw_stream *s = gw_context_stream(cx, req->streams[i].id);
        bool opens = req->streams[i].to_core && !s->gate[GW_FROM_ACCESS];
        s->gate[GW_FROM_ACCESS] = s->conf.to_core = req->streams[i].to_core;
        s->gate[GW_FROM_CORE] = s->conf.to_access = req->streams[i].to_access;
        if (opens)
            gw_stream_keyframe(s); /* whoever joins a running picture needs a whole one */
    }
}

static void count(const struct gw_context *cx, struct gw_iq_reply *reply)
{
    for (unsigned i = 0; i < cx->nstreams; i++)
        gw_stream_counters(cx->streams[i], &reply->counters[reply->ncounters++]);
    for (unsigned i = 0; i < cx->ndatas; i++)
        gw_data_counters(cx->datas[i], &reply->counters[reply->ncounters++]);
}

/* Channels that came in band and have nobody to be joined to. */
static void do_refuse(struct gw_context *cx, const struct gw_iq_req *req, struct gw_iq_reply *reply)
{
    for (unsigned i = 0; i < req->nchannels; i++) {
        struct gw_termination *t = gw_context_term(cx, req->channels[i].access_term);
        if (!t || !gw_data_refuse(t, req->channels[i].stream))
            reply->err = GW_E_NOTFOUND;
    }
}

/* The named terminations and every stream that ends at one; or all. */
static void do_release(struct gw_context *cx, const struct gw_iq_req *req, struct gw_iq_reply *reply)
{
    for (unsigned i = 0; i < req->nterms; i++)
        if (!gw_context_term(cx, req->terms[i].id)) {
            reply->err = GW_E_NOTFOUND;
            return;
        }
    if (req->nterms == 0 && req->nchannels) {
        do_refuse(cx, req, reply);
        return;
    }
    if (req->nterms == 0) {
        count(cx, reply);
        gw_log(GW_LOG_INFO, "media", cx->call, "ctx=%llx released", (unsigned long long)cx->id);
        gw_context_free(cx);
        return;
    }
    for (unsigned i = 0; i < req->nterms; i++) {
        uint8_t id = req->terms[i].id;
        for (unsigned k = cx->nstreams; k-- > 0;)
            if (cx->streams[k]->conf.access_term == id || cx->streams[k]->conf.core_term == id) {
                gw_stream_counters(cx->streams[k], &reply->counters[reply->ncounters++]);
                remove_stream(cx, k);
            }
        for (unsigned k = cx->ndatas; k-- > 0;)
            if (cx->datas[k]->conf.access_term == id || cx->datas[k]->conf.core_term == id) {
                gw_data_counters(cx->datas[k], &reply->counters[reply->ncounters++]);
                remove_data(cx, k);
            }
        for (unsigned k = cx->nterms; k-- > 0;)
            if (cx->terms[k]->id == id)
                remove_term(cx, k);
    }
    join(cx);
}

static void do_keyframe(struct gw_context *cx, const struct gw_iq_req *req, struct gw_iq_reply *reply)
{
    for (unsigned i = 0; i < req->nstreams; i++) {
        struct gw_stream *s = gw_context_stream(cx, req->streams[i].id);
        if (s)
            gw_stream_keyframe(s);
        else
            reply->err = GW_E_NOTFOUND;
    }
}

void gw_context_order(struct gw_worker *w, const struct gw_iq_req *req, struct gw_iq_reply *reply)
{
    struct gw_context *cx = req->ctx ? find_context(w, req->ctx) : NULL;
    bool makes = req->ctx == 0 && (req->op == GW_IQ_RESERVE || req->op == GW_IQ_RESERVE_CONFIGURE);

    reply->txn = req->txn;
    reply->ctx = req->ctx;
    if (!cx && !makes)
        reply->err = req->ctx ? GW_E_NOTFOUND : GW_E_INVAL;
    else if (req->nterms > GW_IQ_TERMS || req->nstreams > GW_IQ_STREAMS || req->nchannels > GW_IQ_CHANNELS)
        reply->err = GW_E_INVAL;
    else if (req->op <= GW_IQ_RESERVE_CONFIGURE)
        do_configure(w, cx, req, reply);
    else if (req->op == GW_IQ_THROUGH)
        do_through(cx, req, reply);
    else if (req->op == GW_IQ_RELEASE)
        do_release(cx, req, reply);
    else if (req->op == GW_IQ_AUDIT)
        count(cx, reply);
    else if (req->op == GW_IQ_KEYFRAME)
        do_keyframe(cx, req, reply);
    else
        reply->err = GW_E_INVAL;
    if (reply->err && makes)
        gw_stats_inc(GW_STAT_CONTEXT_REFUSED);
    if (reply->err)
        gw_log(GW_LOG_WARNING, "iq",
               req->call[0] && memchr(req->call, 0, sizeof(req->call)) ? req->call
               : cx                                                    ? cx->call
                                                                       : NULL,
               "request %u refused: %s", req->op, gw_err_text(reply->err));
}
