#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/record.h"
#include "gateway/boot/boot_priv.h"
#include "gateway/boot/check.h"

void gw_boot_apply_log(const struct gw_conf *c)
{
    enum gw_log_level level = GW_LOG_INFO;

    if (gw_log_level_parse(gw_conf_text(c, GW_CONF_log_level), &level) == 0)
        gw_log_set_level(level);
    gw_log_set_json(strcmp(gw_conf_text(c, GW_CONF_log_format), "json") == 0);
}

/* True if it passes; the log tells what does not. */
static bool is_sound(const struct gw_conf *c)
{
    char *problems = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&problems, &len);
    unsigned n = f ? gw_conf_check(c, f) : 1;

    if (f)
        fclose(f);
    for (char *line = problems, *next; n && line && *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = 0;
        gw_log(GW_LOG_ERROR, "conf", NULL, "not reloaded: %s", line);
    }
    free(problems);
    return n == 0;
}

/* How many keys changed that can be reloaded. Those that cannot are named in the log and keep their old value in `new`.
 */
static int merge(const struct gw_conf *old, struct gw_conf *new, unsigned *changed)
{
    int err = 0;

    *changed = 0;
    for (unsigned i = 0; !err && i < GW_CONF_KEYS; i++) {
        enum gw_conf_key key = (enum gw_conf_key)i;
        char where[256];
        if (strcmp(gw_conf_text(old, key), gw_conf_text(new, key)) == 0)
            continue;
        if (gw_conf_can_reload(key)) {
            ++*changed;
        } else {
            gw_log(GW_LOG_WARNING, "conf", NULL, "%s: %s: changed, but needs a restart",
                   gw_conf_where(new, key, where, sizeof(where)), gw_conf_name(key));
            err = gw_conf_keep(new, old, key);
        }
    }
    return err;
}

/* Renewed certificates have their old names. */
static void reload_certificates(struct gw_boot *b, const struct gw_conf *c)
{
    char why[1024];
    int err = 0;

    if (b->ws && gw_ws_reload(b->ws, c, why, sizeof(why)) != 0)
        gw_log(GW_LOG_ERROR, "conf", NULL, "the certificate stays the one before: %s", why);
    if (b->listen)
        err = gw_listen_reload(b->listen, c, why, sizeof(why));
    else if (b->role == GW_ROLE_PCSCF)
        err = gw_remote_reload(b->agw, c, why, sizeof(why));
    if (err)
        gw_log(GW_LOG_ERROR, "conf", NULL, "the certificate of Iq stays the one before: %s", why);
}

int gw_boot_reload(struct gw_boot *b)
{
    struct gw_conf *c = NULL;
    const struct gw_conf *old = gw_boot_conf(b);
    char why[1024];
    unsigned changed;

    if (gw_conf_load(b->path, &c, why, sizeof(why)) != 0) {
        gw_log(GW_LOG_ERROR, "conf", NULL, "not reloaded: %s", why);
        return GW_E_SYNTAX;
    }
    if (!is_sound(c) || b->nconf == GW_BOOT_CONFS) {
        if (b->nconf == GW_BOOT_CONFS)
            gw_log(GW_LOG_ERROR, "conf", NULL, "not reloaded: %d times is the limit, restart", GW_BOOT_CONFS);
        gw_conf_free(c);
        return GW_E_INVAL;
    }
    if (merge(old, c, &changed) != 0) {
        gw_conf_free(c);
        return GW_E_NOMEM;
    }
    if (gw_call_record_open(c->call_record_file) != 0) /* also after the file was rotated away */
        gw_log(GW_LOG_ERROR, "conf", NULL, "%s cannot be opened, the records go on to the file that was open",
               c->call_record_file);
    reload_certificates(b, c);
    gw_boot_apply_log(c);
    gw_log(GW_LOG_INFO, "conf", NULL, "reloaded, %u keys changed", changed);
    if (!changed) {
        gw_conf_free(c);
        return 0;
    }
    b->conf[b->nconf++] = c;
    gw_console_reload(b->console, c);
    if (b->calls) {
        gw_pcscf_reload(b->pcscf, c);
        gw_calls_reload(b->calls, c);
    }
    return 0;
}
