/* imsgw: the command line, the configuration, and the order of beginning and end. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/conf.h"
#include "gateway/base/log.h"
#include "gateway/boot/boot.h"
#include "gateway/boot/check.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void usage(FILE *f)
{
    fprintf(f, "usage: imsgw [-c FILE] [--role ROLE] [--check | --print-example | --help | --version]\n\n"
               "  -c, --config FILE    configuration file; without one, defaults and environment\n"
               "      --role ROLE      all, pcscf (signalling alone) or agw (media alone); instead of the key `role`\n"
               "      --check          check the configuration, start nothing; exit 0 if it is sound\n"
               "      --print-example  print a complete commented configuration file\n"
               "  -h, --help           print this and every configuration key\n"
               "  -V, --version        print the version\n\n"
               "SIGTERM drains: no new calls, the end comes with the last one. A second SIGTERM, or SIGINT, releases "
               "all calls.\n"
               "SIGHUP reloads the configuration and opens call_record_file anew.\n");
}

static int run(struct gw_conf *conf, const char *path)
{
    struct gw_boot *b = NULL;
    char why[1024] = "no thread for the log";
    int err;

    gw_boot_prepare();
    err = gw_log_start();
    if (!err)
        err = gw_boot_new(&conf, path, &b, why, sizeof(why));
    if (err) {
        gw_log(GW_LOG_ERROR, "boot", NULL, "cannot start: %s", why);
        gw_conf_free(conf);
    } else {
        gw_boot_run(b);
        gw_boot_free(b);
        gw_log(GW_LOG_INFO, "boot", NULL, "ended");
    }
    gw_log_stop();
    return err ? EXIT_FAILED : 0;
}

int main(int argc, char **argv)
{
    enum { CHECK = 256, EXAMPLE, ROLE };
    static const struct option options[] = { { "config", required_argument, NULL, 'c' },
                                             { "check", no_argument, NULL, CHECK },
                                             { "role", required_argument, NULL, ROLE },
                                             { "print-example", no_argument, NULL, EXAMPLE },
                                             { "help", no_argument, NULL, 'h' },
                                             { "version", no_argument, NULL, 'V' },
                                             { 0 } };
    const char *path = NULL;
    bool only_check = false;
    struct gw_conf *conf = NULL;
    char why[1024] = "out of memory";
    unsigned problems;
    int o;

    while ((o = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        if (o == 'c') {
            path = optarg;
        } else if (o == ROLE) { /* as the environment does, so that a reload sees it too */
            if (setenv("IMSGW_ROLE", optarg, 1) != 0)
                return EXIT_FAILED;
        } else if (o == CHECK) {
            only_check = true;
        } else if (o == EXAMPLE) {
            gw_conf_write_example(stdout);
            return 0;
        } else if (o == 'V') {
            puts("imsgw " GW_VERSION);
            return 0;
        } else {
            usage(o == 'h' ? stdout : stderr);
            if (o != 'h')
                return EXIT_USAGE;
            puts("\nConfiguration keys (key = value; the environment variable IMSGW_<KEY IN CAPITALS> overrides):");
            gw_conf_write_help(stdout);
            return 0;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (gw_conf_load(path, &conf, why, sizeof(why)) != 0) {
        fprintf(stderr, "%s\n", why);
        return EXIT_FAILED;
    }
    problems = gw_conf_check(conf, stderr);
    if (problems || only_check) {
        gw_conf_free(conf);
        return problems ? EXIT_FAILED : 0;
    }
    return run(conf, path);
}
