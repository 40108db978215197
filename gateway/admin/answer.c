#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/admin/admin.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"

/* Takes data (may be NULL). */
static char *finish(bool is_ok, json_t *data, const char *error)
{
    json_t *reply = is_ok ? json_pack("{s:b, s:o}", "ok", 1, "data", data ? data : json_null())
                          : json_pack("{s:b, s:s}", "ok", 0, "error", error);
    char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
    size_t len = text ? strlen(text) : 0;
    char *line = text ? realloc(text, len + 2) : NULL;

    json_decref(reply);
    if (!line) {
        free(text);
        return NULL;
    }
    line[len] = '\n';
    line[len + 1] = 0;
    return line;
}

static char *refuse(const char *error)
{
    gw_stats_inc(GW_STAT_ADMIN_REFUSED);
    return finish(false, NULL, error);
}

static char *help(const struct gw_admin_verb *verbs, unsigned nverbs)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < nverbs; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "verb", verbs[i].name, "argument", verbs[i].arg,
                                              "what", verbs[i].sentence));
    return finish(true, list, NULL);
}

static char *run(const struct gw_admin_verb *v, void *ctx, const char *arg, int *err)
{
    json_t *data = NULL;
    char *json = NULL;

    *err = GW_E_INVAL;
    if (*v->arg && !*arg)
        return refuse("argument missing");
    if (!*v->arg && *arg)
        return refuse("takes no argument");
    *err = v->run(ctx, arg, &json);
    if (*err)
        return refuse(gw_err_text(*err));
    if (json) {
        data = json_loads(json, JSON_DECODE_ANY, NULL);
        free(json);
        if (!data) {
            gw_log(GW_LOG_ERROR, "admin", NULL, "the answer to %s is not JSON", v->name);
            *err = GW_E_TYPE;
            return refuse("internal error");
        }
    }
    return finish(true, data, NULL);
}

const struct gw_admin_verb *gw_admin_find(const struct gw_admin_verb *verbs, unsigned nverbs, const char *name)
{
    for (unsigned i = 0; i < nverbs; i++)
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    return NULL;
}

char *gw_admin_run(const struct gw_admin_verb *verbs, unsigned nverbs, void *ctx, const char *verb, const char *arg,
                   int *err)
{
    const struct gw_admin_verb *v = gw_admin_find(verbs, nverbs, verb);

    *err = 0;
    if (strcmp(verb, "help") == 0)
        return help(verbs, nverbs);
    if (v)
        return run(v, ctx, arg, err);
    *err = GW_E_NOTFOUND;
    return refuse("unknown verb; \"help\" lists them");
}

char *gw_admin_answer(const struct gw_admin_verb *verbs, unsigned nverbs, void *ctx, const char *line, size_t len)
{
    json_t *req = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL), *a = json_object_get(req, "arg");
    const char *verb = json_string_value(json_object_get(req, "verb"));
    const char *arg = a ? json_string_value(a) : "";
    char *reply;
    int err;

    gw_stats_inc(GW_STAT_ADMIN_REQUEST);
    if (!req || !verb)
        reply = refuse("not a request: {\"verb\":\"...\",\"arg\":\"...\"}");
    else if (!arg)
        reply = refuse("arg is not text");
    else
        reply = gw_admin_run(verbs, nverbs, ctx, verb, arg, &err);
    json_decref(req);
    return reply;
}
