/* imsgwctl: asks a running imsgw over its admin socket. Exit: 0 done, 1 refused, 2 usage, 3 no imsgw there. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/admin/print.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NOT_THERE = 3 };

static const struct {
    const char *name, *arg, *sentence;
} verbs[] = {
#define X(id, name, arg, changes, sentence) { name, arg, sentence },
#include "gateway/admin/verbs.def"
#undef X
};

static void usage(FILE *f)
{
    fprintf(f, "usage: imsgwctl [--socket PATH] [--json] VERB [ARGUMENT]\n\n");
    for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        fprintf(f, "  %-14s %-6s %s\n", verbs[i].name, verbs[i].arg, verbs[i].sentence);
    fprintf(
        f,
        "\n  -s, --socket PATH  admin socket (default: $IMSGW_ADMIN_SOCKET, /run/imsgw/imsgw.sock or /run/imsgw.sock)\n"
        "  -j, --json         print the reply as JSON\n"
        "  -h, --help         print this\n"
        "  -V, --version      print the version\n");
}

static int connect_to(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof(addr.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(addr.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        fd = -1;
    }
    return fd;
}

/* Sends one request and reads the reply line. NULL: the connection broke. */
static json_t *ask(int fd, const char *verb, const char *arg)
{
    json_t *req = json_pack("{s:s, s:s}", "verb", verb, "arg", arg), *reply = NULL;
    char *line = req ? json_dumps(req, JSON_COMPACT) : NULL, *text = NULL;
    FILE *f = fdopen(fd, "r+");
    size_t size = 0;

    if (f && line && fprintf(f, "%s\n", line) > 0 && fflush(f) == 0 && getline(&text, &size, f) > 0)
        reply = json_loads(text, 0, NULL);
    free(text);
    free(line);
    json_decref(req);
    if (f)
        fclose(f);
    return reply;
}

static int show(const json_t *reply, bool as_json)
{
    if (!json_is_true(json_object_get(reply, "ok"))) {
        const char *error = json_string_value(json_object_get(reply, "error"));
        fprintf(stderr, "imsgwctl: %s\n", error ? error : "reply without an error text");
        return EXIT_REFUSED;
    }
    if (as_json) {
        json_dumpf(json_object_get(reply, "data"), stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
        putchar('\n');
    } else {
        gw_admin_print(stdout, json_object_get(reply, "data"));
    }
    return fflush(stdout) == 0 ? 0 : EXIT_REFUSED;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "socket", required_argument, NULL, 's' },
                                             { "json", no_argument, NULL, 'j' },
                                             { "help", no_argument, NULL, 'h' },
                                             { "version", no_argument, NULL, 'V' },
                                             { 0 } };
    const char *path = getenv("IMSGW_ADMIN_SOCKET");
    bool as_json = false;
    json_t *reply;
    int c, fd, rc;

    if (!path || !*path) /* the service's, or the default of the configuration */
        path = access("/run/imsgw/imsgw.sock", F_OK) == 0 ? "/run/imsgw/imsgw.sock" : "/run/imsgw.sock";
    while ((c = getopt_long(argc, argv, "s:jhV", options, NULL)) != -1) {
        if (c == 's') {
            path = optarg;
        } else if (c == 'j') {
            as_json = true;
        } else if (c == 'h' || c == 'V') {
            if (c == 'h')
                usage(stdout);
            else
                puts("imsgwctl " GW_VERSION);
            return 0;
        } else {
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (argc - optind < 1 || argc - optind > 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    fd = connect_to(path);
    if (fd < 0) {
        fprintf(stderr, "imsgwctl: %s: %s\n", path, strerror(errno));
        return EXIT_NOT_THERE;
    }
    reply = ask(fd, argv[optind], argc - optind == 2 ? argv[optind + 1] : "");
    if (!reply) {
        fprintf(stderr, "imsgwctl: %s: the connection ended without a reply\n", path);
        return EXIT_NOT_THERE;
    }
    rc = show(reply, as_json);
    json_decref(reply);
    return rc;
}
