/* Data channels apart from SDP: what came in band and waits for an offer of ours to the core, what the browser closed,
 * whose connection was lost, and what is given back (specs/data-media.md 2.6). */
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "signaling/call/interwork_priv.h"

/* Streams that nobody can be joined to. */
static bool release_orphans(struct gw_ms *ms, struct gw_iq_req *req)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ms->nin_band; i++) {
        const struct ms_in_band *b = &ms->in_band[i];
        if (b->is_orphan && req->nchannels < GW_IQ_CHANNELS) {
            struct gw_iq_channel *q = &req->channels[req->nchannels++];
            q->access_term = b->term;
            q->protocol = b->protocol;
            q->stream = b->stream;
        } else {
            ms->in_band[n++] = *b;
        }
    }
    ms->nin_band = n;
    return req->nchannels > 0;
}

/* What is neither offered nor agreed any more; its port rests until the next call. */
bool gw_ms_release(struct gw_ms *ms, struct gw_iq_req *req)
{
    ms_iq_begin(ms, req, GW_IQ_RELEASE);
    if (ms->oa != GW_OA_STABLE)
        return false;
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        struct ms_term *t = ms_term(ms, c->core_term);
        if (!c->is_used || c->is_on || c->is_waiting || ms_is_tcp(ms->now.streams[c->stream].kind))
            continue; /* those of phones end with the call */
        c->is_used = c->is_offered = false;
        if (c->core_line != MS_NO_LINE)
            ms->now.legs[GW_LEG_CORE].lines[c->core_line].channel = 0;
        if (t && t->is_reserved)
            memcpy(&req->terms[req->nterms++], &t->want, sizeof(t->want));
        ms_term_remove(ms, c->core_term);
    }
    return req->nterms > 0 || release_orphans(ms, req);
}

/* ---- in band ---- */

static void add_in_band(struct gw_ms *ms, struct ms_in_band b)
{
    if (ms->nin_band < 2 * GW_IQ_CHANNELS)
        ms->in_band[ms->nin_band++] = b;
    else
        gw_log(GW_LOG_WARNING, "sdp", ms->call, "channel=%u in band: too many wait", b.stream);
}

static int stream_of(const struct gw_ms *ms, uint8_t term)
{
    for (int i = 0; i < GW_IQ_STREAMS; i++) {
        const struct ms_stream *s = &ms->now.streams[i];
        if (s->is_used && s->kind == MS_DATA && s->term[GW_LEG_ACCESS] == term)
            return i;
    }
    return MS_NO_STREAM;
}

/* MSRP, text and fax have defaults for what a dcsa would say; BFCP needs a conference and a user that nobody named. */
static bool can_be_carried(struct gw_ms *ms, const struct gw_iq_notify *n)
{
    int stream = stream_of(ms, n->term);
    unsigned used = 0;

    for (unsigned i = 0; i < ms->now.nchannels; i++)
        used += ms->now.channels[i].is_used;
    return n->protocol <= GW_IQ_T38 && n->protocol != GW_IQ_BFCP && stream != MS_NO_STREAM &&
           !ms_channel_find(ms, (unsigned)stream, n->sctp_stream) && used + ms->nin_band < GW_IQ_CHANNELS;
}

void gw_ms_channel_opened(struct gw_ms *ms, const struct gw_iq_notify *n)
{
    bool is_orphan = !can_be_carried(ms, n);

    if (is_orphan)
        gw_stats_inc(GW_STAT_SDP_LINE_REFUSED);
    gw_log(is_orphan ? GW_LOG_WARNING : GW_LOG_INFO, "sdp", ms->call, "channel=%u %s in band%s", n->sctp_stream,
           n->protocol <= GW_IQ_T38 ? ms_data_subprotocol((enum gw_iq_protocol)n->protocol) : "?",
           is_orphan ? " cannot be carried" : "");
    add_in_band(ms, (struct ms_in_band){ n->term, n->protocol, n->sctp_stream, is_orphan });
}

bool gw_ms_wants_lines(const struct gw_ms *ms)
{
    for (unsigned i = 0; i < ms->nin_band; i++)
        if (!ms->in_band[i].is_orphan)
            return true;
    for (unsigned i = 0; i < ms->now.nchannels; i++)
        if (ms->now.channels[i].is_used && ms->now.channels[i].is_waiting)
            return true;
    return false;
}

void gw_ms_drop_in_band(struct gw_ms *ms)
{
    for (unsigned i = 0; i < ms->nin_band; i++)
        ms->in_band[i].is_orphan = true;
    for (unsigned i = 0; i < ms->now.nchannels; i++)
        ms->now.channels[i].is_waiting = false;
}

static void offer_again(struct gw_ms *ms)
{
    unsigned place;

    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        if (!c->is_used || !c->is_waiting || ms_take_line(&ms->now.legs[GW_LEG_CORE], &place) != 0)
            continue;
        c->is_waiting = false;
        c->is_offered = true;
        c->core_line = (uint8_t)place;
        ms->now.legs[GW_LEG_CORE].lines[place].channel = (uint8_t)(i + 1);
    }
}

/* Those that cannot be made are given back. */
static void offer_new(struct gw_ms *ms)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ms->nin_band; i++) {
        struct ms_in_band *b = &ms->in_band[i];
        int stream = b->is_orphan ? MS_NO_STREAM : stream_of(ms, b->term);
        struct ms_channel *c;
        if (stream != MS_NO_STREAM && ms_channel_find(ms, (unsigned)stream, b->stream))
            continue; /* named by the browser's SDP meanwhile */
        if (stream == MS_NO_STREAM ||
            ms_channel_new(ms, (unsigned)stream, ms_data_own_row(ms, (enum gw_iq_protocol)b->protocol), MS_NO_LINE,
                           &c) != 0) {
            b->is_orphan = true;
            ms->in_band[n++] = *b;
            continue;
        }
        c->is_in_band = c->is_offered = true;
        c->id = b->stream;
        c->direction[GW_LEG_ACCESS] = GW_SDP_SENDRECV;
        c->setup[GW_LEG_ACCESS] = GW_SDP_ACTIVE;
        c->cps[GW_LEG_ACCESS] = (uint16_t)ms->conf->t140_cps;
    }
    ms->nin_band = n;
}

int gw_ms_offer_own(struct gw_ms *ms, struct gw_iq_req *req)
{
    struct gw_sdp *src;
    int err = gw_ms_wants_lines(ms) ? ms_own_begin(ms, GW_LEG_CORE, GW_OA_OFFER, &src) : GW_E_NOTFOUND;

    if (err)
        return err;
    gw_sdp_free(src);
    offer_again(ms);
    offer_new(ms);
    ms_iq_reserve(ms, req);
    return 0;
}

void ms_in_band_save(struct gw_ms *ms, struct ms_kept *k)
{
    memset(k, 0, sizeof(*k));
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        const struct ms_channel *c = &ms->now.channels[i];
        const struct ms_term *t = ms_term(ms, c->core_term);
        if (!c->is_used || !c->is_in_band || c->was_answered || !t)
            continue;
        if (t->is_reserved) {
            k->channels[k->n] = *c;
            k->terms[k->n++] = *t;
        } else { /* Iq has nothing of it yet */
            add_in_band(
                ms, (struct ms_in_band){ ms->now.streams[c->stream].term[GW_LEG_ACCESS], c->protocol, c->id, false });
        }
    }
}

void ms_in_band_restore(struct gw_ms *ms, const struct ms_kept *k)
{
    for (unsigned i = 0; i < k->n; i++) {
        struct ms_channel *c = NULL;
        for (unsigned n = 0; n < ms->now.nchannels; n++)
            if (ms->now.channels[n].is_used && ms->now.channels[n].iq == k->channels[i].iq)
                c = &ms->now.channels[n]; /* waited before, too */
        if (!c && ms_channel_put(ms, &k->channels[i], &k->terms[i], &c) != 0)
            continue;
        c->is_waiting = true;
        c->is_offered = c->is_on = false;
        c->core_line = MS_NO_LINE;
    }
}

/* ---- what the media says ---- */

static struct ms_channel *by_id(struct gw_ms *ms, unsigned id)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++)
        if (ms->now.channels[i].is_used && ms->now.channels[i].iq == id)
            return &ms->now.channels[i];
    return NULL;
}

/* One that had not been offered yet has no id. */
static void forget_in_band(struct gw_ms *ms, const struct gw_iq_notify *n)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < ms->nin_band; i++)
        if (ms->in_band[i].term != n->term || ms->in_band[i].stream != n->sctp_stream)
            ms->in_band[kept++] = ms->in_band[i];
    ms->nin_band = kept;
}

bool gw_ms_channel_closed(struct gw_ms *ms, const struct gw_iq_notify *n)
{
    struct ms_channel *c = by_id(ms, n->stream);

    if (n->stream == 0)
        forget_in_band(ms, n);
    if (!c)
        return false;
    c->is_closed = true;
    /* of one that it closed the browser's next offer says so; of one that was lost, or that SDP does not know, nobody
     * does */
    ms->wants_offer[GW_LEG_CORE] |= c->is_on && (c->is_in_band || n->cause);
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        if (ms->now.streams[i].is_on && ms->now.streams[i].kind != MS_DATA)
            return false;
    for (unsigned i = 0; i < ms->now.nchannels; i++)
        if (ms->now.channels[i].is_used && ms->now.channels[i].is_on && !ms->now.channels[i].is_closed)
            return false;
    return true;
}

bool gw_ms_connection_lost(struct gw_ms *ms, unsigned id)
{
    struct ms_channel *c = by_id(ms, id);

    if (!c || !c->is_on || c->is_closed || ms_is_tcp(ms->now.streams[c->stream].kind))
        return false; /* of a phone: both connections ended together, and its ends make new ones */
    c->is_lost = true;
    ms->wants_offer[GW_LEG_CORE] = true;
    return true;
}
