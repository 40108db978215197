/* The call record, a JSON line per call, and the views of live calls for the operator. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/base/record.h"
#include "signaling/call/call_priv.h"

static json_t *time_json(uint64_t wall_us)
{
    time_t t = (time_t)(wall_us / 1000000);
    struct tm tm;
    char text[40], with_ms[48];

    if (!wall_us || !gmtime_r(&t, &tm))
        return json_null();
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(with_ms, sizeof(with_ms), "%s.%03uZ", text, (unsigned)(wall_us / 1000 % 1000));
    return json_string(with_ms);
}

/* Text of a peer may be no UTF-8; jansson would then give NULL. */
static json_t *text_json(const char *s)
{
    json_t *j = s ? json_string(s) : json_null();
    return j ? j : json_string("?");
}

static json_t *leg_json(const struct gw_call_leg *leg)
{
    static const char *const states[] = { "new",      "invited",   "calling", "cancelled",
                                          "accepted", "confirmed", "closing", "done" };
    return json_pack("{s:o, s:s, s:b, s:I, s:i, s:b}", "call_id", text_json(leg->dlg.call_id), "state",
                     states[leg->state], "is_caller", leg->is_caller, "flow", (json_int_t)leg->flow,
                     "session_expires_s", (int)leg->timer.interval_s, "we_refresh", leg->timer.is_refresher);
}

static const char *const names[2] = { "to_core", "to_access" };

/* What a fax is worth: packets of T.38, how many of them error correction brought back, and how long it went on. */
static void fax_json(json_t *j, const struct gw_iq_counters *k)
{
    for (unsigned d = 0; j && d < 2; d++) {
        const struct gw_iq_direction *dir = &k->dir[d];
        json_object_set_new(j, names[d],
                            json_pack("{s:I, s:I, s:I, s:I, s:I, s:f}", "ifps", (json_int_t)dir->packets, "octets",
                                      (json_int_t)dir->octets, "recovered", (json_int_t)dir->recovered, "lost",
                                      (json_int_t)dir->lost, "dropped", (json_int_t)dir->dropped, "duration_s",
                                      dir->duration_ms / 1000.0));
    }
}

static json_t *stream_json(const struct gw_iq_counters *k)
{
    static const char *const kinds[] = { "audio", "video", "fax" }; /* enum gw_iq_kind */
    json_t *j =
        json_pack("{s:i, s:s, s:o, s:o, s:f}", "stream", k->id, "media", kinds[k->kind % 3], "security",
                  text_json(k->security), "core_security", text_json(k->core_security), "rtt_ms", k->rtt_us / 1000.0);

    if (k->kind == GW_IQ_IMAGE) {
        fax_json(j, k);
        return j;
    }
    for (unsigned d = 0; j && d < 2; d++) {
        json_object_set_new(j, names[d],
                            json_pack("{s:I, s:I, s:I, s:I, s:f}", "packets", (json_int_t)k->dir[d].packets, "octets",
                                      (json_int_t)k->dir[d].octets, "lost", (json_int_t)k->dir[d].lost, "dropped",
                                      (json_int_t)k->dir[d].dropped, "jitter_ms", k->dir[d].jitter_us / 1000.0));
    }
    return j;
}

static json_t *channel_json(const struct gw_iq_counters *k)
{
    static const char *const protocols[] = { "msrp", "bfcp", "t140", "t38" }; /* enum gw_iq_protocol */
    json_t *j = json_pack("{s:i, s:s, s:o, s:o}", "channel", k->id, "protocol", protocols[k->protocol & 3], "security",
                          text_json(k->security), "core_security", text_json(k->core_security));

    if (k->protocol == GW_IQ_T38) {
        fax_json(j, k);
        return j;
    }
    for (unsigned d = 0; j && d < 2; d++)
        json_object_set_new(j, names[d],
                            json_pack("{s:I, s:I, s:I}", "messages", (json_int_t)k->dir[d].packets, "octets",
                                      (json_int_t)k->dir[d].octets, "dropped", (json_int_t)k->dir[d].dropped));
    return j;
}

static json_t *call_json(const struct gw_call *c)
{
    static const char *const states[] = { "setup", "up", "ended" }, *const by[] = { "gateway", "access", "core" };
    json_t *j = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "call", c->id, "state", states[c->state],
                          "caller", text_json(c->caller), "callee", text_json(c->callee), "icid", text_json(c->icid),
                          "access", leg_json(&c->leg[GW_LEG_ACCESS]), "core", leg_json(&c->leg[GW_LEG_CORE]), "started",
                          time_json(c->started_wall_us), "answered", time_json(c->answered_wall_us));

    if (!j || c->state != GW_CALL_ENDING)
        return j;
    json_object_set_new(j, "ended", time_json(c->ended_wall_us));
    json_object_set_new(j, "ended_by", json_string(by[c->ended_by]));
    json_object_set_new(j, "cause", json_integer(c->cause));
    json_object_set_new(j, "why", text_json(c->why));
    double s = c->answered_wall_us ? (double)(c->ended_wall_us - c->answered_wall_us) / 1e6 : 0;
    json_object_set_new(j, "duration_s", json_real(s));
    json_t *streams = json_array(), *channels = json_array();
    for (unsigned i = 0; i < c->ncounters; i++) {
        const struct gw_iq_counters *k = &c->counters[i];
        if (k->is_channel)
            json_array_append_new(channels, channel_json(k));
        else
            json_array_append_new(streams, stream_json(k));
    }
    json_object_set_new(j, "streams", streams);
    json_object_set_new(j, "channels", channels);
    return j;
}

static char *dump(json_t *j)
{
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

    json_decref(j);
    return text;
}

void gw_record_write(struct gw_call *c)
{
    if (c->has_record)
        return;
    c->has_record = true;
    char *text = dump(call_json(c));
    if (text)
        gw_call_record_write(text);
    free(text);
}

char *gw_calls_list_json(struct gw_calls *cs)
{
    json_t *list = json_array();

    for (const struct gw_call *c = cs->first; c; c = c->next)
        json_array_append_new(list, call_json(c));
    return dump(list);
}

char *gw_calls_show_json(struct gw_calls *cs, const char *call_id)
{
    for (const struct gw_call *c = cs->first; c; c = c->next) {
        if (strcmp(c->id, call_id) == 0)
            return dump(call_json(c));
    }
    return NULL;
}
