/* The state of a media session: m-lines of either leg, the streams that join them, and their terminations. */
#include "signaling/call/interwork_priv.h"

#include <stdlib.h>

static int copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return from && !*to ? GW_E_NOMEM : 0;
}

/* `to` holds the pointers of `from`, and afterwards its own, or NULL. */
static int copy_codecs(struct ms_stream *to, const struct ms_stream *from)
{
    to->codecs = from->ncodecs ? malloc(from->ncodecs * sizeof(*to->codecs)) : NULL;
    if (from->ncodecs && !to->codecs)
        return GW_E_NOMEM;
    if (from->ncodecs)
        memcpy(to->codecs, from->codecs, from->ncodecs * sizeof(*to->codecs));
    return 0;
}

int ms_state_copy(struct ms_state *to, const struct ms_state *from)
{
    int err = 0;

    memcpy(to, from, sizeof(*to));
    to->terms = NULL;
    to->channels = NULL;
    for (int leg = 0; leg < 2; leg++)
        to->legs[leg].remote = to->legs[leg].local = NULL;
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        err = copy_codecs(&to->streams[i], &from->streams[i]) ? GW_E_NOMEM : err;
    if (from->nterms && !err) {
        to->terms = calloc(from->nterms, sizeof(*to->terms));
        if (!to->terms)
            err = GW_E_NOMEM;
        else
            memcpy(to->terms, from->terms, from->nterms * sizeof(*to->terms));
    }
    if (from->nchannels && !err) {
        to->channels = calloc(from->nchannels, sizeof(*to->channels));
        if (!to->channels)
            err = GW_E_NOMEM;
        else
            memcpy(to->channels, from->channels, from->nchannels * sizeof(*to->channels));
    }
    for (int leg = 0; leg < 2 && !err; leg++) {
        err = copy_text(&to->legs[leg].remote, from->legs[leg].remote);
        if (!err)
            err = copy_text(&to->legs[leg].local, from->legs[leg].local);
    }
    if (err)
        ms_state_fini(to);
    return err;
}

void ms_state_fini(struct ms_state *s)
{
    if (s->terms)
        explicit_bzero(s->terms, s->nterms * sizeof(*s->terms)); /* SDES keys */
    free(s->terms);
    free(s->channels);
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        free(s->streams[i].codecs);
    for (int leg = 0; leg < 2; leg++) {
        free(s->legs[leg].remote);
        free(s->legs[leg].local);
    }
    memset(s, 0, sizeof(*s));
}

struct ms_term *ms_term(struct gw_ms *ms, unsigned id)
{
    for (unsigned i = 0; i < ms->now.nterms; i++)
        if (ms->now.terms[i].want.id == id)
            return &ms->now.terms[i];
    return NULL;
}

int ms_term_new(struct gw_ms *ms, enum gw_leg leg, struct ms_term **out)
{
    struct ms_state *s = &ms->now;
    struct ms_term *terms;

    if (s->nterms == GW_IQ_TERMS || ms->next_term == UINT8_MAX)
        return GW_E_LIMIT;
    terms = calloc(s->nterms + 1, sizeof(*terms));
    if (!terms)
        return GW_E_NOMEM;
    if (s->nterms) {
        memcpy(terms, s->terms, s->nterms * sizeof(*terms));
        explicit_bzero(s->terms, s->nterms * sizeof(*terms));
        free(s->terms);
    }
    s->terms = terms;
    *out = &terms[s->nterms++];
    (*out)->want.id = (uint8_t)++ms->next_term;
    (*out)->want.realm = leg == GW_LEG_ACCESS ? GW_IQ_ACCESS : GW_IQ_CORE;
    return 0;
}

void ms_term_remove(struct gw_ms *ms, unsigned id)
{
    struct ms_state *s = &ms->now;
    unsigned i = 0;

    while (i < s->nterms && s->terms[i].want.id != id)
        i++;
    if (i == s->nterms)
        return;
    s->nterms--;
    memmove(&s->terms[i], &s->terms[i + 1], (s->nterms - i) * sizeof(s->terms[0]));
    explicit_bzero(&s->terms[s->nterms], sizeof(s->terms[0]));
}

void ms_unbind(struct gw_ms *ms, enum gw_leg from, unsigned line)
{
    struct ms_line *l = &ms->now.legs[from].lines[line];
    struct ms_stream *s;

    if (l->stream == MS_NO_STREAM)
        return;
    s = &ms->now.streams[l->stream];
    for (unsigned i = 0; s->kind == MS_DATA && i < ms->now.nchannels; i++) { /* its channels go with it */
        struct ms_channel *c = &ms->now.channels[i];
        if (c->is_used && &ms->now.streams[c->stream] == s)
            c->is_offered = c->is_on = false;
    }
    if (s->line[ms_other(from)] != MS_NO_LINE)
        ms->now.legs[ms_other(from)].lines[s->line[ms_other(from)]].stream = MS_NO_STREAM;
    l->stream = MS_NO_STREAM;
    s->is_used = s->is_offered = s->is_on = s->is_resting = false;
}

/* A free stream, one of that kind first. One that served another m-line keeps its terminations (their ports), but no
 * key: a key is never used on two m-lines (RFC 4568 s. 6.1). */
int ms_take_stream(struct gw_ms *ms, enum gw_iq_kind kind, int *index)
{
    struct ms_stream *s;
    unsigned i = 0;

    while (i < GW_IQ_STREAMS && (ms->now.streams[i].is_used || ms->now.streams[i].kind != kind))
        i++;
    for (unsigned k = 0; i == GW_IQ_STREAMS && k < GW_IQ_STREAMS; k++)
        if (!ms->now.streams[k].is_used)
            i = k;
    if (i == GW_IQ_STREAMS)
        return GW_E_LIMIT;
    s = &ms->now.streams[i];
    s->is_used = true;
    s->is_offered = s->is_on = s->is_resting = false;
    s->kind = (uint8_t)kind;
    s->ncodecs = 0;
    s->pass = MS_NOT_PASSED;
    memset(s->t38, 0, sizeof(s->t38));
    memset(s->ext, 0, sizeof(s->ext));
    memset(s->ext_agreed, 0, sizeof(s->ext_agreed));
    for (int leg = 0; leg < 2; leg++) {
        struct ms_term *t = ms_term(ms, s->term[leg]);
        if (ms_is_tcp(kind) || (t && t->want.transport == GW_IQ_TCP)) {
            s->term[leg] = 0; /* of another transport, or of another connection */
            continue;
        }
        if (!t || t->want.security != GW_IQ_SDES)
            continue;
        t->noffered = 0;
        t->crypto_tag = 0;
        memset(&t->want.local, 0, sizeof(t->want.local));
        memset(&t->want.remote, 0, sizeof(t->want.remote));
    }
    *index = (int)i;
    return 0;
}

/* A place for a new m-line: one that was rejected (RFC 3264 s. 8.2, RFC 9429 s. 5.2.2), else behind the others. */
int ms_take_line(struct ms_leg *leg, unsigned *index)
{
    unsigned i = 0;

    while (i < leg->nlines &&
           !(leg->lines[i].is_dead && leg->lines[i].stream == MS_NO_STREAM && !leg->lines[i].channel))
        i++;
    if (i == GW_SDP_MEDIA)
        return GW_E_LIMIT;
    if (i == leg->nlines) {
        memset(&leg->lines[i], 0, sizeof(leg->lines[i]));
        leg->lines[i].stream = MS_NO_STREAM;
        leg->nlines++;
    }
    leg->lines[i].proto[0] = 0;
    *index = i;
    return 0;
}

static bool is_voice_or_fax(unsigned kind)
{
    return kind == GW_IQ_AUDIO || kind == GW_IQ_IMAGE;
}

/* The m-line changes its type on both legs: fax in place of voice, and back (RFC 3264 s. 8.3.3). */
static int change_media(struct gw_ms *ms, enum gw_leg from, struct ms_line *l, enum gw_iq_kind kind)
{
    struct ms_stream *old = &ms->now.streams[l->stream];
    struct ms_line *other = &ms->now.legs[ms_other(from)].lines[old->line[ms_other(from)]];
    int index, err = ms_take_stream(ms, kind, &index);

    if (err)
        return err;
    memcpy(ms->now.streams[index].line, old->line, sizeof(old->line));
    old->is_used = old->is_offered = old->is_on = false;
    l->stream = other->stream = index;
    other->proto[0] = 0;
    return 0;
}

int ms_bind(struct gw_ms *ms, enum gw_leg from, unsigned line, enum gw_iq_kind kind, struct ms_stream **out)
{
    struct ms_leg *f = &ms->now.legs[from], *t = &ms->now.legs[ms_other(from)];
    struct ms_line *l = &f->lines[line], *other;
    struct ms_stream *s;
    unsigned place;
    int index, err;

    if (l->stream != MS_NO_STREAM && ms->now.streams[l->stream].kind != kind) {
        if (is_voice_or_fax(kind) && is_voice_or_fax(ms->now.streams[l->stream].kind)) {
            err = change_media(ms, from, l, kind);
            if (err)
                return err;
        } else {
            ms_unbind(ms, from, line);
        }
    }
    if (l->stream == MS_NO_STREAM && from == GW_LEG_CORE && kind == GW_IQ_AUDIO)
        l->stream = ms_rest_wake(ms, line);
    if (l->stream == MS_NO_STREAM) {
        err = ms_take_stream(ms, kind, &index);
        if (err)
            return err;
        err = ms_take_line(t, &place);
        if (err) {
            ms->now.streams[index].is_used = false;
            return err;
        }
        l->stream = t->lines[place].stream = index;
        ms->now.streams[index].line[from] = (uint8_t)line;
        ms->now.streams[index].line[ms_other(from)] = (uint8_t)place;
    }
    s = &ms->now.streams[l->stream];
    other = &t->lines[s->line[ms_other(from)]];
    if (other->is_dead)
        other->mid[0] = 0; /* a place used again has a new mid (RFC 9429 s. 5.2.2) */
    *out = s;
    return 0;
}
