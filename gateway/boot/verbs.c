#include <jansson.h>
#include <stdlib.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/boot/boot_priv.h"
#include "gateway/trace/trace.h"

/* Takes j; a NULL is want of memory. */
static int give(json_t *j, char **json)
{
    char *text = j ? json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    json_decref(j);
    if (!text)
        return GW_E_NOMEM;
    *json = text;
    return 0;
}

static int do_status(void *ctx, const char *arg, char **json)
{
    static const char *const states[] = { "running", "draining", "ending" };
    const struct gw_boot *b = ctx;

    return give(json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:i, s:I}", "version", GW_VERSION, "state", states[b->state],
                          "role", gw_conf_text(gw_boot_conf(b), GW_CONF_role), "uptime_s",
                          (json_int_t)((gw_clock_us() - b->started_us) / GW_S), "calls",
                          b->calls ? (int)gw_calls_count(b->calls) : 0, "contexts", (int)gw_agw_contexts(b->agw),
                          "registrations", b->pcscf ? (int)gw_pcscf_registrations(b->pcscf) : 0, "workers",
                          (json_int_t)(b->role == GW_ROLE_PCSCF ? 0 : gw_boot_conf(b)->workers)),
                json);
}

static int give_text(char *text, int err_if_null, char **json)
{
    if (!text)
        return err_if_null;
    *json = text;
    return 0;
}

/* An access gateway alone has contexts, no calls. */
static int do_calls(void *ctx, const char *arg, char **json)
{
    const struct gw_boot *b = ctx;

    return b->calls ? give_text(gw_calls_list_json(b->calls), GW_E_NOMEM, json) : GW_E_UNSUPPORTED;
}

static int do_call(void *ctx, const char *arg, char **json)
{
    const struct gw_boot *b = ctx;

    return b->calls ? give_text(gw_calls_show_json(b->calls, arg), GW_E_NOTFOUND, json) : GW_E_UNSUPPORTED;
}

static int do_agws(void *ctx, const char *arg, char **json)
{
    const struct gw_boot *b = ctx;

    return give_text(b->listen ? gw_listen_list_json(b->listen) : gw_agw_list_json(b->agw), GW_E_NOMEM, json);
}

static int do_history(void *ctx, const char *arg, char **json)
{
    return give_text(gw_trace_list_json(), GW_E_NOMEM, json);
}

static int do_trace(void *ctx, const char *arg, char **json)
{
    return give_text(gw_trace_call_json(arg), GW_E_NOTFOUND, json);
}

static int do_explain(void *ctx, const char *arg, char **json)
{
    char *text = gw_trace_explain(arg);
    int err = text ? give(json_string(text), json) : GW_E_NOTFOUND;

    free(text);
    return err;
}

static int do_reload(void *ctx, const char *arg, char **json)
{
    return gw_boot_reload(ctx);
}

static int do_registrations(void *ctx, const char *arg, char **json)
{
    const struct gw_boot *b = ctx;

    return b->pcscf ? give_text(gw_pcscf_registrations_json(b->pcscf), GW_E_NOMEM, json) : GW_E_UNSUPPORTED;
}

static int do_drain(void *ctx, const char *arg, char **json)
{
    struct gw_boot *b = ctx;

    if (b->state != GW_BOOT_RUNNING)
        return GW_E_STATE;
    gw_boot_drain(b);
    return 0;
}

static int do_log_level(void *ctx, const char *arg, char **json)
{
    enum gw_log_level level;
    int err = gw_log_level_parse(arg, &level);

    if (err)
        return err;
    gw_log_set_level(level);
    gw_log(GW_LOG_INFO, "admin", NULL, "log level is %s", arg);
    return 0;
}

static int do_metrics(void *ctx, const char *arg, char **json)
{
    char *text = gw_stats_write_prometheus();
    int err = text ? give(json_string(text), json) : GW_E_NOMEM;

    free(text);
    return err;
}

const struct gw_admin_verb gw_boot_verbs[] = {
#define X(id, name, arg, changes, sentence) { name, arg, changes, sentence, do_##id },
#include "gateway/admin/verbs.def"
#undef X
};
const unsigned gw_boot_nverbs = sizeof(gw_boot_verbs) / sizeof(gw_boot_verbs[0]);
