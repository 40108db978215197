/* A call told to people: the ladder, the SDP before and after the gateway, the steps of its media, the verdict. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/trace/trace_priv.h"

static struct gw_span body_of(const struct gw_trace_event *e)
{
    return (struct gw_span){ e->text + e->body, e->len - e->body };
}

/* The SDP that left on the other leg for the one that came in e; NULL: none did. */
static const struct gw_trace_event *made_of(const struct gw_trace_call *c, const struct gw_trace_event *e)
{
    for (const struct gw_trace_event *o = e + 1; o < c->events + c->nevents; o++) {
        if (o->kind != GW_TRACE_SIP || !o->is_sdp)
            continue;
        if (o->is_out && o->is_access != e->is_access)
            return o;
        if (!o->is_out && o->is_access == e->is_access)
            return NULL; /* the next one came before that left */
    }
    return NULL;
}

/* ---- as JSON ---- */

static json_t *event_json(const struct gw_trace_call *c, const struct gw_trace_event *e)
{
    static const char *const kinds[] = { "sip", "step", "note" };
    const struct gw_trace_event *after = e->kind == GW_TRACE_SIP && e->is_sdp && !e->is_out ? made_of(c, e) : NULL;
    json_t *j = json_pack("{s:s, s:I, s:o}", "kind", kinds[e->kind], "at_ms", (json_int_t)(e->wall_us / 1000), "text",
                          json_stringn_nocheck(e->text, e->len));

    if (!j) /* not UTF-8: said so rather than left out */
        return json_pack("{s:s, s:I, s:s}", "kind", kinds[e->kind], "at_ms", (json_int_t)(e->wall_us / 1000), "text",
                         "(not text)");
    if (e->kind != GW_TRACE_SIP) {
        json_object_set_new(j, "good", json_boolean(e->is_good));
        return j;
    }
    json_object_set_new(j, "leg", json_string(e->is_access ? "access" : "core"));
    json_object_set_new(j, "out", json_boolean(e->is_out));
    json_object_set_new(j, "peer", json_string(e->peer));
    json_object_set_new(j, "transport", json_string(e->transport));
    json_object_set_new(j, "status", json_integer(e->status));
    json_object_set_new(j, "start", json_stringn_nocheck(e->text, e->start));
    if (e->is_sdp)
        json_object_set_new(j, "sdp", json_stringn_nocheck(body_of(e).ptr, body_of(e).len));
    if (after)
        json_object_set_new(j, "sdp_after", json_stringn_nocheck(body_of(after).ptr, body_of(after).len));
    return j;
}

static void append(void *arg, const char *sentence)
{
    json_t *j = json_string(sentence);

    json_array_append_new(arg, j ? j : json_string("(not text)"));
}

static void write_json(const struct gw_trace_call *c, void *arg)
{
    json_t *events = json_array(), *troubles = json_array(), *j;
    char verdict[64];

    for (unsigned i = 0; i < c->nevents; i++)
        json_array_append_new(events, event_json(c, &c->events[i]));
    gw_trace_verdict(c, verdict, sizeof(verdict));
    gw_trace_troubles(c, append, troubles);
    j = json_pack("{s:s, s:[s,s], s:I, s:I, s:i, s:s, s:o, s:i, s:o}", "call", c->id, "call_ids", c->call_id[0],
                  c->call_id[1], "begun_ms", (json_int_t)(c->begun_us / 1000), "ended_ms",
                  (json_int_t)(c->ended_us / 1000), "status", (int)c->status, "verdict", verdict, "troubles", troubles,
                  "left_out", (int)c->left_out, "events", events);
    *(char **)arg = json_dumps(j, JSON_COMPACT);
    json_decref(j);
}

char *gw_trace_call_json(const char *id)
{
    char *text = NULL;

    return gw_trace_with(id, write_json, &text) ? text : NULL;
}

/* ---- as text ---- */

static void write_time(FILE *f, const struct gw_trace_call *c, const struct gw_trace_event *e)
{
    int64_t ms = (int64_t)(e->wall_us - c->begun_us) / 1000;

    fprintf(f, "%5lld.%03lld  ", (long long)(ms / 1000), (long long)(ms % 1000));
}

static void write_lines(FILE *f, struct gw_span text, char mark)
{
    const char *p = text.ptr, *end = p + text.len;

    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        fprintf(f, "    %c %.*s\n", mark, (int)(stop - p - (stop > p && stop[-1] == '\r')), p);
        p = nl ? nl + 1 : end;
    }
}

static void write_ladder(FILE *f, const struct gw_trace_call *c)
{
    fprintf(f, "\n seconds   access                       imsgw                         core\n");
    for (unsigned i = 0; i < c->nevents; i++) {
        const struct gw_trace_event *e = &c->events[i];
        char what[64];
        write_time(f, c, e);
        if (e->kind != GW_TRACE_SIP) {
            fprintf(f, "%s %s\n",
                    e->kind == GW_TRACE_STEP ? (e->is_good ? "  +" : "  !")
                    : e->is_good             ? "   "
                                             : "  !",
                    e->text);
            continue;
        }
        if (e->status)
            snprintf(what, sizeof(what), "%.*s%s", (int)(e->start > 8 && e->start < 40 ? e->start - 8 : 32),
                     e->text + 8, e->is_sdp ? " (SDP)" : "");
        else
            snprintf(what, sizeof(what), "%.*s%s", (int)strcspn(e->text, " "), e->text, e->is_sdp ? " (SDP)" : "");
        if (e->is_access)
            fprintf(f, "|%s %-24.24s %s|                              |  %s %s\n", e->is_out ? "<" : "-", what,
                    e->is_out ? "-" : ">", e->transport, e->peer);
        else
            fprintf(f, "|                             |%s %-25.25s %s|  %s %s\n", e->is_out ? "-" : "<", what,
                    e->is_out ? ">" : "-", e->transport, e->peer);
    }
    if (c->left_out)
        fprintf(f, "           (%u later events were not kept)\n", c->left_out);
}

static void write_sdp(FILE *f, const struct gw_trace_call *c)
{
    for (unsigned i = 0; i < c->nevents; i++) {
        const struct gw_trace_event *e = &c->events[i], *after;
        if (e->kind != GW_TRACE_SIP || !e->is_sdp || e->is_out)
            continue;
        after = made_of(c, e);
        fprintf(f, "\nSDP of the %s, as it came (<)%s\n", e->is_access ? "access" : "core",
                after ? ", and as it went on (>)" : "; nothing went on");
        write_lines(f, body_of(e), '<');
        if (after) {
            fprintf(f, "\n");
            write_lines(f, body_of(after), '>');
        }
    }
}

static void write_trouble(void *arg, const char *sentence)
{
    fprintf(arg, "  ! %s\n", sentence);
}

static void count(void *arg, const char *sentence)
{
    ++*(unsigned *)arg;
}

static void write_verdict(FILE *f, const struct gw_trace_call *c)
{
    char verdict[64];
    unsigned n = 0;

    gw_trace_verdict(c, verdict, sizeof(verdict));
    fprintf(f, "\nverdict: %s\n", verdict);
    gw_trace_troubles(c, count, &n);
    gw_trace_troubles(c, write_trouble, f);
    if (!n)
        fprintf(f, "  nothing went wrong that was seen here\n");
}

static void write_text(const struct gw_trace_call *c, void *arg)
{
    char *text = NULL, stamp[32];
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    time_t begun = (time_t)(c->begun_us / 1000000);
    struct tm tm;

    if (!f)
        return;
    gmtime_r(&begun, &tm);
    strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S UTC", &tm);
    fprintf(f, "call %s, begun %s\n  Call-ID of the access leg  %s\n  Call-ID of the core leg    %s\n",
            c->id[0] ? c->id : "(none was made of it)", stamp, c->call_id[0][0] ? c->call_id[0] : "-",
            c->call_id[1][0] ? c->call_id[1] : "-");
    write_ladder(f, c);
    write_sdp(f, c);
    write_verdict(f, c);
    fclose(f);
    *(char **)arg = text;
}

char *gw_trace_explain(const char *id)
{
    char *text = NULL;

    return gw_trace_with(id, write_text, &text) ? text : NULL;
}
