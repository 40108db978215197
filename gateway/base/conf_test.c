#include "test.h"

#include <stdlib.h>

#include "gateway/base/conf.h"
#include "gateway/base/conf_value.h"

static char why[1024];

static int parse(const char *text, struct gw_conf **out)
{
    *out = NULL;
    why[0] = 0;
    return gw_conf_parse("gw.conf", text, strlen(text), out, why, sizeof(why));
}

static void refused(const char *text, int err, const char *message)
{
    struct gw_conf *c;

    EQ(parse(text, &c), err);
    CHECK(c == NULL);
    STR_EQ(why, message);
}

TEST(an_empty_file_gives_the_defaults)
{
    struct gw_conf *c;
    char where[64];

    EQ(parse("", &c), 0);
    STR_EQ(c->domain, "ims.example");
    EQ(c->workers, 1);
    EQ(c->log_level.v, 2);
    EQ(c->wss_listen.port, 8443);
    EQ(c->core_networks.n, 2);
    EQ(c->access_advertise.n, 0);
    STR_EQ(gw_conf_where(c, GW_CONF_workers, where, sizeof(where)), "default");
    gw_conf_free(c);
}

TEST(values_of_every_kind_are_read)
{
    struct gw_conf *c;
    char where[64];

    EQ(parse("# a comment\n"
             "domain = ims.example.org   # and one after a value\r\n"
             "\tworkers=4\n"
             "log_level = debug\n"
             "wss_listen = [2001:db8::1]:443\n"
             "core_route = sip:core.example#frag;lr\n" /* no blank before it: not a comment */
             "access_address = 192.0.2.1, 2001:db8::1\n"
             "core_networks = 10.0.0.0/8 2001:db8::/32\n"
             "access_advertise =\n"
             "\n"
             "core_port_min = 30000", /* no newline at the end */
             &c),
       0);
    STR_EQ(why, "");
    STR_EQ(c->domain, "ims.example.org");
    EQ(c->workers, 4);
    EQ(c->log_level.v, 3);
    STR_EQ(gw_conf_text(c, GW_CONF_log_level), "debug");
    EQ(c->wss_listen.family, 6);
    STR_EQ(c->core_route, "sip:core.example#frag;lr");
    EQ(c->access_address.n, 2);
    STR_EQ(c->access_address.v[1], "2001:db8::1");
    EQ(c->core_networks.n, 2);
    EQ(c->core_networks.v[0].bits, 8);
    EQ(c->core_port_min, 30000);
    STR_EQ(gw_conf_where(c, GW_CONF_workers, where, sizeof(where)), "gw.conf:3");
    gw_conf_free(c);
}

TEST(errors_name_file_line_key_and_accepted_range)
{
    refused("\nworkers = 65\n", GW_E_RANGE,
            "gw.conf:2: workers: value out of range: \"65\"; accepted: 1 to 64 threads");
    refused("workers = four", GW_E_SYNTAX, "gw.conf:1: workers: syntax error: \"four\"; accepted: 1 to 64 threads");
    refused("workers =", GW_E_SYNTAX, "gw.conf:1: workers: syntax error: \"\"; accepted: 1 to 64 threads");
    refused("workers = 99999999999999999999", GW_E_RANGE,
            "gw.conf:1: workers: value out of range: \"99999999999999999999\"; accepted: 1 to 64 threads");
    refused("log_level = loud", GW_E_SYNTAX,
            "gw.conf:1: log_level: syntax error: \"loud\"; accepted: error, warning, info or debug");
    refused("sip_listen = 5060", GW_E_SYNTAX,
            "gw.conf:1: sip_listen: syntax error: \"5060\"; accepted: ADDRESS:PORT or [IPV6]:PORT, port 0 to 65535");
    refused("core_networks = 10.0.0.0/33", GW_E_SYNTAX,
            "gw.conf:1: core_networks: syntax error: \"10.0.0.0/33\"; accepted: at most 16 networks ADDRESS/BITS "
            "separated by blanks or commas");
    refused("access_address = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", GW_E_LIMIT,
            "gw.conf:1: access_address: configured limit reached: \"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\"; "
            "accepted: at most 16 values separated by blanks or commas");
    refused("nonsense", GW_E_SYNTAX, "gw.conf:1: no '=' after \"nonsense\"; accepted: key = value");
    refused("domain = a\x01", GW_E_SYNTAX, "gw.conf:1: control character 0x01; accepted: text");
}

TEST(an_unknown_key_names_its_nearest_neighbour)
{
    refused("worker = 2", GW_E_NOTFOUND,
            "gw.conf:1: worker: unknown key, did you mean workers?; accepted: the keys of imsgw --help");
    refused("accses_port = 2", GW_E_NOTFOUND,
            "gw.conf:1: accses_port: unknown key, did you mean access_port?; accepted: the keys of imsgw --help");
    refused("zzzz = 2", GW_E_NOTFOUND, "gw.conf:1: zzzz: unknown key; accepted: the keys of imsgw --help");
}

TEST(a_key_given_twice_is_an_error)
{
    refused("workers = 2\n\nworkers = 2\n", GW_E_EXISTS,
            "gw.conf:3: workers: given twice, first in line 1; accepted: one value for each key");
}

TEST(sizes_are_bounded)
{
    static char text[GW_CONF_FILE + 2];
    struct gw_conf *c = NULL;

    memset(text, '#', sizeof(text));
    EQ(gw_conf_parse("gw.conf", text, GW_CONF_FILE + 1, &c, why, sizeof(why)), GW_E_LIMIT);
    EQ(gw_conf_parse("gw.conf", text, GW_CONF_FILE, &c, why, sizeof(why)), 0);
    gw_conf_free(c);
    memset(text, 'a', 4096);
    memcpy(text, "domain = ", 9);
    EQ(gw_conf_parse("gw.conf", text, 9 + GW_CONF_VALUE, &c, why, sizeof(why)), GW_E_LIMIT);
    EQ(gw_conf_parse("gw.conf", text, 9 + GW_CONF_VALUE - 1, &c, why, sizeof(why)), 0);
    EQ(strlen(c->domain), GW_CONF_VALUE - 1);
    gw_conf_free(c);
    EQ(gw_conf_parse("gw.conf", "domain = a\0b", 12, &c, why, sizeof(why)), GW_E_SYNTAX);
}

TEST(the_environment_overrides_the_file_and_is_checked_alike)
{
    struct gw_conf *c = NULL;
    char where[64];

    setenv("IMSGW_WORKERS", "3", 1);
    setenv("IMSGW_SERVICE_HOST", "10.0.0.1", 1); /* as Kubernetes sets: ignored */
    EQ(gw_conf_load(NULL, &c, why, sizeof(why)), 0);
    EQ(c->workers, 3);
    STR_EQ(gw_conf_where(c, GW_CONF_workers, where, sizeof(where)), "environment");
    gw_conf_free(c);
    setenv("IMSGW_WORKERS", "0", 1);
    EQ(gw_conf_load(NULL, &c, why, sizeof(why)), GW_E_RANGE);
    STR_EQ(why, "environment: workers: value out of range: \"0\"; accepted: 1 to 64 threads");
    unsetenv("IMSGW_WORKERS");
    unsetenv("IMSGW_SERVICE_HOST");
}

TEST(a_file_that_is_not_there_is_named)
{
    struct gw_conf *c = NULL;

    EQ(gw_conf_load("/nonexistent/gw.conf", &c, why, sizeof(why)), GW_E_IO);
    STR_EQ(why, "/nonexistent/gw.conf: cannot open: No such file or directory; accepted: a readable file");
}

static char *written(void (*write)(FILE *f))
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    write(f);
    fclose(f);
    return text;
}

TEST(the_example_is_a_file_with_every_default)
{
    char *example = written(gw_conf_write_example), *help = written(gw_conf_write_help);
    struct gw_conf *c, *defaults;

    EQ(parse(example, &c), 0);
    STR_EQ(why, "");
    EQ(parse("", &defaults), 0);
    for (unsigned i = 0; c && i < GW_CONF_KEYS; i++) {
        STR_EQ(gw_conf_text(c, (enum gw_conf_key)i), gw_conf_text(defaults, (enum gw_conf_key)i));
        CHECK(strstr(help, gw_conf_name((enum gw_conf_key)i)));
    }
    gw_conf_free(c);
    gw_conf_free(defaults);
    free(example);
    free(help);
}

TEST(distance_counts_edits_and_swaps)
{
    EQ(gw_conf_distance("", ""), 0);
    EQ(gw_conf_distance("abc", ""), 3);
    EQ(gw_conf_distance("port", "prot"), 1);
    EQ(gw_conf_distance("worker", "workers"), 1);
    EQ(gw_conf_distance("kitten", "sitting"), 3);
}

TEST(a_check_across_keys_names_the_place_of_one)
{
    struct gw_conf *c;

    EQ(parse("\n\ncore_port_min = 40000\n", &c), 0);
    EQ(gw_conf_refuse(c, GW_CONF_core_port_min, GW_E_RANGE, why, sizeof(why), "not below core_port_max %d", 39999),
       GW_E_RANGE);
    STR_EQ(why, "gw.conf:3: core_port_min: not below core_port_max 39999; accepted: 1024 to 65534 port");
    gw_conf_free(c);
}

TEST(a_value_can_be_kept_from_another_configuration)
{
    struct gw_conf *a, *b;

    EQ(parse("access_address = 192.0.2.1 2001:db8::1\nworkers = 3", &a), 0);
    EQ(parse("workers = 5", &b), 0);
    EQ(gw_conf_keep(b, a, GW_CONF_access_address), 0);
    gw_conf_free(a);
    EQ(b->workers, 5);
    EQ(b->access_address.n, 2);
    STR_EQ(b->access_address.v[1], "2001:db8::1");
    gw_conf_free(b);
}
