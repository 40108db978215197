#include "ms_fake.h"

#include <stdlib.h>

#include "test.h"

enum step { STABLE, OFFERED, OFFER_OUT, ANSWERED };

struct gw_ms {
    enum step step;
    enum gw_leg from;
    bool is_own, has_context, wants_offer[2];
    char body[512];   /* of the step that waits for its reply */
    char *current[2]; /* last sent to each leg */
    unsigned version;
};

static unsigned live;
static bool needs_reoffer_next;

void gw_ms_fake_need_reoffer(void)
{
    needs_reoffer_next = true;
}

unsigned gw_ms_fake_live(void)
{
    return live;
}

static void expect(const struct gw_ms *ms, enum step step, const char *what)
{
    if (ms->step != step)
        gw_test_fail("ms_fake", 0, "%s in step %d", what, ms->step);
}

int gw_ms_new(const struct gw_conf *conf, const struct gw_e2ae_input *e2ae, const char *call, struct gw_ms **out)
{
    *out = calloc(1, sizeof(**out));
    live += *out != NULL;
    return *out ? 0 : GW_E_NOMEM;
}

void gw_ms_free(struct gw_ms *ms)
{
    if (!ms)
        return;
    free(ms->current[0]);
    free(ms->current[1]);
    free(ms);
    live--;
}

static int take(struct gw_ms *ms, struct gw_span sdp, struct gw_sdp_refusal *why)
{
    if (sdp.len >= 3 && memcmp(sdp.ptr, "bad", 3) == 0) {
        *why = (struct gw_sdp_refusal){ .status = 488, .warn = 304, .text = "No media type" };
        return GW_E_UNSUPPORTED;
    }
    return gw_span_copy(sdp, ms->body, sizeof(ms->body));
}

static void fill(struct gw_ms *ms, struct gw_iq_req *req)
{
    req->op = ms->has_context ? GW_IQ_RESERVE_CONFIGURE : GW_IQ_RESERVE;
    req->ctx = 0;
    req->nterms = 2;
    req->terms[0] = (struct gw_iq_term){ .id = 1, .realm = GW_IQ_ACCESS };
    req->terms[1] = (struct gw_iq_term){ .id = 2, .realm = GW_IQ_CORE };
    req->nstreams = 1;
    req->streams[0] = (struct gw_iq_stream){ .id = 1, .access_term = 1, .core_term = 2 };
}

static int put(struct gw_ms *ms, enum gw_leg to, const char *kind, char **sdp, size_t *len)
{
    char text[600];

    snprintf(text, sizeof(text), "%s:%s", kind, ms->body);
    char *kept = strdup(text), *given = strdup(text);

    if (!kept || !given) {
        free(kept);
        free(given);
        return GW_E_NOMEM;
    }
    free(ms->current[to]);
    ms->current[to] = kept;
    *sdp = given;
    *len = strlen(text);
    return 0;
}

static enum gw_leg other(enum gw_leg l)
{
    return l == GW_LEG_ACCESS ? GW_LEG_CORE : GW_LEG_ACCESS;
}

int gw_ms_offer(struct gw_ms *ms, enum gw_leg from, struct gw_span sdp, struct gw_iq_req *req,
                struct gw_sdp_refusal *why)
{
    expect(ms, STABLE, "offer");
    int err = take(ms, sdp, why);
    if (err)
        return err;
    fill(ms, req);
    ms->from = from;
    ms->step = OFFERED;
    return 0;
}

int gw_ms_offer_out(struct gw_ms *ms, const struct gw_iq_reply *reply, char **sdp, size_t *len)
{
    expect(ms, OFFERED, "offer_out");
    if (reply->err)
        return reply->err;
    int err = put(ms, other(ms->from), "offer", sdp, len);
    if (err)
        return err;
    ms->has_context = true;
    ms->step = OFFER_OUT;
    ms->is_own = false;
    return 0;
}

int gw_ms_answer(struct gw_ms *ms, struct gw_span sdp, struct gw_iq_req *req, struct gw_sdp_refusal *why)
{
    expect(ms, OFFER_OUT, "answer");
    if (gw_span_is(sdp, "none"))
        return GW_E_CLOSED;
    int err = take(ms, sdp, why);
    if (err)
        return err;
    fill(ms, req);
    ms->step = ANSWERED;
    return 0;
}

int gw_ms_answer_out(struct gw_ms *ms, const struct gw_iq_reply *reply, char **sdp, size_t *len)
{
    expect(ms, ANSWERED, "answer_out");
    int err = 0;
    if (!ms->is_own) {
        err = put(ms, ms->from, "answer", sdp, len);
    } else {
        *sdp = NULL;
        *len = 0;
    }
    if (!err)
        ms->step = STABLE;
    return err;
}

int gw_ms_reanswer(struct gw_ms *ms, struct gw_span sdp, struct gw_iq_req *req, bool *needs_reoffer,
                   struct gw_sdp_refusal *why)
{
    expect(ms, STABLE, "reanswer");
    int err = take(ms, sdp, why);
    if (err)
        return err;
    fill(ms, req);
    *needs_reoffer = needs_reoffer_next;
    needs_reoffer_next = false;
    return 0;
}

int gw_ms_early_offer(struct gw_ms *ms, struct gw_span sdp, struct gw_iq_req *req, bool *needs_reoffer,
                      struct gw_sdp_refusal *why)
{
    return gw_ms_reanswer(ms, sdp, req, needs_reoffer, why);
}

int gw_ms_early_answer(struct gw_ms *ms, const struct gw_iq_reply *reply, char **sdp, size_t *len)
{
    expect(ms, STABLE, "early_answer");
    return put(ms, GW_LEG_CORE, "early", sdp, len);
}

int gw_ms_reoffer(struct gw_ms *ms, enum gw_leg to, char **sdp, size_t *len)
{
    expect(ms, STABLE, "reoffer");
    int err = put(ms, to, "offer", sdp, len);
    if (err)
        return err;
    ms->step = OFFER_OUT;
    ms->from = other(to);
    ms->is_own = true;
    ms->wants_offer[to] = false;
    return 0;
}

int gw_ms_rollback(struct gw_ms *ms, struct gw_iq_req *req)
{
    if (ms->step == STABLE)
        gw_test_fail("ms_fake", 0, "rollback without an offer");
    ms->step = STABLE;
    fill(ms, req);
    return 0;
}

int gw_ms_decline(struct gw_ms *ms, struct gw_iq_req *req)
{
    ms->wants_offer[other(ms->from)] = true;
    return gw_ms_rollback(ms, req);
}

bool gw_ms_wants_offer(const struct gw_ms *ms, enum gw_leg to)
{
    return ms->step == STABLE && ms->wants_offer[to];
}

bool gw_ms_wants_lines(const struct gw_ms *ms)
{
    return false;
}

void gw_ms_channel_opened(struct gw_ms *ms, const struct gw_iq_notify *n)
{
}

int gw_ms_offer_own(struct gw_ms *ms, struct gw_iq_req *req)
{
    return GW_E_NOTFOUND;
}

void gw_ms_drop_in_band(struct gw_ms *ms)
{
}

bool gw_ms_channel_closed(struct gw_ms *ms, const struct gw_iq_notify *n)
{
    return false;
}

bool gw_ms_connection_lost(struct gw_ms *ms, unsigned id)
{
    return false;
}

bool gw_ms_release(struct gw_ms *ms, struct gw_iq_req *req)
{
    return false;
}

bool gw_ms_has_open_offer(const struct gw_ms *ms, enum gw_leg *from)
{
    if (ms->step == STABLE)
        return false;
    *from = ms->from;
    return true;
}

const char *gw_ms_current(const struct gw_ms *ms, enum gw_leg to, size_t *len)
{
    *len = ms->current[to] ? strlen(ms->current[to]) : 0;
    return ms->current[to];
}

unsigned gw_ms_video_streams(const struct gw_ms *ms, uint8_t ids[GW_IQ_STREAMS])
{
    ids[0] = 2;
    return 1;
}

uint64_t gw_ms_context(const struct gw_ms *ms)
{
    return 0;
}

bool gw_ms_is_sole_connection(const struct gw_ms *ms, unsigned id)
{
    return false;
}
