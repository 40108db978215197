/* imsgw-demo-core: the demo core as a program. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "signaling/demo_core/demo_core.h"

static struct gw_sip_stack *running;

static void on_signal(int signal_number)
{
    if (running)
        gw_sip_stack_stop(running);
}

static int usage(FILE *f, int status)
{
    fprintf(f, "usage: imsgw-demo-core [options]\n"
               "A small IMS core for demonstration: registrar, proxy and endpoints. Any user, one password.\n\n"
               "  --listen ADDRESS:PORT  SIP over UDP and TCP (127.0.0.1:5070)\n"
               "  --domain NAME          SIP domain (ims.example)\n"
               "  --password TEXT        password of every user (demo)\n"
               "  --media ADDRESS        address for RTP (127.0.0.1)\n"
               "  --ports MIN-MAX        ports for RTP and RTCP (30000-30999)\n"
               "  --fax-dir DIRECTORY    where received faxes are laid, as TIFF and PNG (/tmp/imsgw-fax-USER-PORT)\n"
               "  --fax-page FILE        TIFF that it sends when asked to call by fax (a test page)\n"
               "  --verbose              log more\n\n"
               "endpoints of the domain:\n");
    gw_demo_write_endpoints(f);
    return status;
}

struct arguments {
    const char *listen, *domain, *password, *media, *ports, *fax_dir, *fax_page;
    bool is_verbose;
};

static int read_arguments(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        { "listen", required_argument, NULL, 'l' },   { "domain", required_argument, NULL, 'd' },
        { "password", required_argument, NULL, 'p' }, { "media", required_argument, NULL, 'm' },
        { "ports", required_argument, NULL, 'r' },    { "fax-dir", required_argument, NULL, 'f' },
        { "fax-page", required_argument, NULL, 'g' }, { "verbose", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },           { 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'l':
            a->listen = optarg;
            break;
        case 'd':
            a->domain = optarg;
            break;
        case 'p':
            a->password = optarg;
            break;
        case 'm':
            a->media = optarg;
            break;
        case 'r':
            a->ports = optarg;
            break;
        case 'f':
            a->fax_dir = optarg;
            break;
        case 'g':
            a->fax_page = optarg;
            break;
        case 'v':
            a->is_verbose = true;
            break;
        case 'h':
            exit(usage(stdout, 0));
        default:
            return GW_E_INVAL;
        }
    }
    return optind == argc ? 0 : GW_E_INVAL;
}

static int read_options(const struct arguments *a, struct gw_demo_options *o)
{
    unsigned lo, hi;

    o->fax_dir = a->fax_dir;
    o->fax_page = a->fax_page;
    o->domain = a->domain;
    o->password = a->password;
    if (gw_addr_parse_ip(a->media, 0, &o->media)) {
        fprintf(stderr, "--media: an IP address, not %s\n", a->media);
        return GW_E_INVAL;
    }
    if (sscanf(a->ports, "%u-%u", &lo, &hi) != 2 || lo < 1024 || hi > 65535 || hi < lo + 1) {
        fprintf(stderr, "--ports: MIN-MAX within 1024-65535, not %s\n", a->ports);
        return GW_E_INVAL;
    }
    o->port_min = (uint16_t)(lo + lo % 2); /* RTP on even ports */
    o->port_max = (uint16_t)hi;
    return 0;
}

static int run(const struct gw_conf *conf, const struct gw_demo_options *o, const char *listen)
{
    struct gw_sip_handler handler;
    struct gw_sip_stack *stack = NULL;
    struct gw_demo *demo = NULL;
    int err = gw_demo_new(o, &demo);

    if (!err) {
        gw_demo_handler(demo, &handler);
        err = gw_sip_stack_new(conf, &handler, &stack);
    }
    if (!err) {
        running = stack;
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        gw_demo_start(demo, stack);
        gw_log(GW_LOG_INFO, "demo", NULL, "domain %s, listening on %s", o->domain, listen);
        gw_sip_stack_run(stack);
    }
    if (err)
        fprintf(stderr, "imsgw-demo-core: %s: %s\n", listen, gw_err_text(err));
    gw_demo_free(demo);
    running = NULL;
    gw_sip_stack_free(stack);
    return err;
}

int main(int argc, char **argv)
{
    struct arguments a = { "127.0.0.1:5070", "ims.example", "demo", "127.0.0.1", "30000-30999", NULL, NULL, false };
    char fax_dir[64];
    struct gw_demo_options o;
    struct gw_conf *conf;
    char text[1024], why[512];
    int err;

    if (read_arguments(argc, argv, &a))
        return usage(stderr, 2);
    if (!a.fax_dir) { /* of this user's, and of this core alone */
        const char *port = strrchr(a.listen, ':');
        snprintf(fax_dir, sizeof(fax_dir), "/tmp/imsgw-fax-%u-%.5s", (unsigned)getuid(), port ? port + 1 : "");
        a.fax_dir = fax_dir;
    }
    if (read_options(&a, &o))
        return 2;
    gw_log_set_level(a.is_verbose ? GW_LOG_DEBUG : GW_LOG_INFO);
    snprintf(text, sizeof(text), "domain = %s\nsip_listen = %s\n", a.domain, a.listen);
    if (gw_conf_parse("command line", text, strlen(text), &conf, why, sizeof(why))) {
        fprintf(stderr, "imsgw-demo-core: %s\n", why);
        return 2;
    }
    err = run(conf, &o, a.listen);
    gw_conf_free(conf);
    return err ? 1 : 0;
}
