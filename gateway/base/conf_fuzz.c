/* A file that parsed parses the same with nothing but its values left. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char *write_back(const struct gw_conf *c, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);

    for (unsigned i = 0; i < GW_CONF_KEYS; i++)
        fprintf(f, "%s = %s\n", gw_conf_name((enum gw_conf_key)i), gw_conf_text(c, (enum gw_conf_key)i));
    fclose(f);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_conf *a = NULL, *b = NULL;
    char why[256] = "";
    char *text;
    size_t n;

    if (gw_conf_parse("fuzz", (const char *)data, len, &a, why, sizeof(why)) != 0) {
        assert(strncmp(why, "fuzz:", 5) == 0);
        return 0;
    }
    text = write_back(a, &n);
    assert(gw_conf_parse("again", text, n, &b, why, sizeof(why)) == 0);
    for (unsigned i = 0; i < GW_CONF_KEYS; i++)
        assert(strcmp(gw_conf_text(a, (enum gw_conf_key)i), gw_conf_text(b, (enum gw_conf_key)i)) == 0);
    free(text);
    gw_conf_free(a);
    gw_conf_free(b);
    return 0;
}
