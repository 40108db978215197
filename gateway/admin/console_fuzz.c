/* Any octets as a request from another machine: always one whole answer whose head is ours alone, and without the token
 * nothing is shown and nothing changes. */
#include <stdlib.h>
#include <string.h>

#include "gateway/admin/console_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int do_secret(void *ctx, const char *arg, char **json)
{
    abort();
}

static const struct gw_admin_verb verbs[] = {
    { "look", "", false, "looks", do_secret },
    { "one", "ID", false, "looks at one", do_secret },
    { "change", "HOW", true, "changes", do_secret },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char settings[] = "admin_token = 0123456789abcdef\nconsole_root = /nonexistent";
    static struct gw_conf *conf;
    struct gw_console_answer out = { 0 };
    struct gw_http_req r;
    struct gw_addr peer;
    char why[256];
    int err;

    if (!conf && gw_conf_parse("fuzz", settings, sizeof(settings) - 1, &conf, why, sizeof(why)) != 0)
        abort();
    (void)gw_addr_parse_ip("192.0.2.9", 0, &peer);
    err = gw_http_parse((struct gw_span){ data, len }, &r);
    if (err == GW_E_AGAIN || memmem(data, len, "0123456789abcdef", 16))
        return 0;
    if (err)
        err = gw_console_answer_bad(err, &out);
    else
        err = gw_console_answer(&(struct gw_console_site){ conf, verbs, 3, NULL, false }, &r, &peer, &out);
    if (err || strlen(out.text) != out.len || strncmp(out.text, "HTTP/1.1 ", 9) != 0 || !strstr(out.text, "\r\n\r\n"))
        abort();
    free(out.text);
    return 0;
}
