#include "test.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/admin/admin.h"
#include "gateway/admin/print.h"

/* ---- verbs of a gateway that is not there ---- */

static int do_echo(void *ctx, const char *arg, char **json)
{
    json_t *j = json_string(arg);

    ++*(int *)ctx;
    *json = json_dumps(j, JSON_ENCODE_ANY);
    json_decref(j);
    return 0;
}

static int do_nothing(void *ctx, const char *arg, char **json)
{
    return 0;
}

static int do_fail(void *ctx, const char *arg, char **json)
{
    return GW_E_NOTFOUND;
}

static int do_nonsense(void *ctx, const char *arg, char **json)
{
    *json = strdup("{\"open\":");
    return 0;
}

enum { BIG = 3 << 20 };

static int do_big(void *ctx, const char *arg, char **json)
{
    *json = malloc(BIG + 3);
    memset(*json, 'x', BIG + 2);
    (*json)[0] = (*json)[BIG + 1] = '"';
    (*json)[BIG + 2] = 0;
    return 0;
}

static const struct gw_admin_verb verbs[] = {
    { "echo", "TEXT", false, "says it back", do_echo },
    { "nothing", "", true, "does it", do_nothing },
    { "fail", "", false, "fails", do_fail },
    { "nonsense", "", false, "is wrong", do_nonsense },
    { "big", "", false, "says much", do_big },
};
enum { NVERBS = sizeof(verbs) / sizeof(verbs[0]) };

static int calls;

static void answers(const char *line, const char *reply)
{
    char *text = gw_admin_answer(verbs, NVERBS, &calls, line, strlen(line));

    STR_EQ(text, reply);
    free(text);
}

TEST(a_request_is_answered_by_its_handler)
{
    calls = 0;
    answers("{\"verb\":\"echo\",\"arg\":\"gr\xc3\xbc\xc3\x9f\"}", "{\"ok\":true,\"data\":\"gr\xc3\xbc\xc3\x9f\"}\n");
    EQ(calls, 1);
    answers("{\"verb\":\"nothing\"}", "{\"ok\":true,\"data\":null}\n");
    answers("{\"verb\":\"fail\",\"arg\":\"\"}", "{\"ok\":false,\"error\":\"not found\"}\n");
}

TEST(a_bad_request_is_refused_in_words)
{
    static const char *const garbage[] = { "", "status", "[]", "{}", "{\"verb\":7}", "{\"verb\":\"echo\"", "\xff" };

    calls = 0;
    for (unsigned i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
        answers(garbage[i],
                "{\"ok\":false,\"error\":\"not a request: {\\\"verb\\\":\\\"...\\\",\\\"arg\\\":\\\"...\\\"}\"}\n");
    answers("{\"verb\":\"echo\"}", "{\"ok\":false,\"error\":\"argument missing\"}\n");
    answers("{\"verb\":\"echo\",\"arg\":7}", "{\"ok\":false,\"error\":\"arg is not text\"}\n");
    answers("{\"verb\":\"nothing\",\"arg\":\"x\"}", "{\"ok\":false,\"error\":\"takes no argument\"}\n");
    answers("{\"verb\":\"Echo\",\"arg\":\"x\"}",
            "{\"ok\":false,\"error\":\"unknown verb; \\\"help\\\" lists them\"}\n");
    EQ(calls, 0);
}

TEST(a_handler_that_writes_no_json_does_not_break_the_protocol)
{
    answers("{\"verb\":\"nonsense\"}", "{\"ok\":false,\"error\":\"internal error\"}\n");
}

TEST(help_lists_every_verb)
{
    char *text = gw_admin_answer(verbs, NVERBS, NULL, "{\"verb\":\"help\"}", 15);
    json_t *j = json_loads(text, 0, NULL);

    EQ(json_array_size(json_object_get(j, "data")), NVERBS);
    json_decref(j);
    free(text);
}

/* ---- the socket ---- */

static char path[108];

static struct gw_admin *listening(void)
{
    struct gw_admin *a = NULL;
    char why[256] = "";

    snprintf(path, sizeof(path), "/tmp/admin_test.%d.sock", (int)getpid());
    EQ(gw_admin_new(path, verbs, NVERBS, &calls, &a, why, sizeof(why)), 0);
    STR_EQ(why, "");
    return a;
}

static int client(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    strcpy(addr.sun_path, path);
    EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

/* What the gateway's loop does: dispatch while there is something to do. */
static void dispatch(struct gw_admin *a)
{
    struct pollfd p = { .fd = gw_admin_fd(a), .events = POLLIN };

    for (int i = 0; i < 100 && poll(&p, 1, 0) == 1; i++)
        gw_admin_dispatch(a);
}

TEST(the_socket_is_for_its_owner_alone_and_goes_with_the_server)
{
    struct gw_admin *a = listening();
    struct stat st;

    EQ(stat(path, &st), 0);
    EQ(st.st_mode & 0777, 0600);
    gw_admin_free(a);
    EQ(stat(path, &st), -1);
}

TEST(a_leftover_socket_is_replaced_and_a_live_one_is_not)
{
    struct gw_admin *a = listening(), *b = NULL;
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    char why[256] = "", want[256];
    int fd;

    EQ(gw_admin_new(path, verbs, NVERBS, NULL, &b, why, sizeof(why)), GW_E_EXISTS);
    snprintf(want, sizeof(want), "%s: another process answers there", path);
    STR_EQ(why, want);
    gw_admin_free(a);

    fd = socket(AF_UNIX, SOCK_STREAM, 0); /* bound and closed: what a crash leaves */
    strcpy(addr.sun_path, path);
    EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    close(fd);
    a = listening();
    gw_admin_free(a);
}

TEST(requests_come_in_pieces_and_several_at_once)
{
    struct gw_admin *a = listening();
    static const char text[] = "{\"verb\":\"echo\",\"arg\":\"1\"}\n{\"verb\":\"echo\",\"arg\":\"2\"}\n{\"verb\"";
    char reply[256] = "";
    int fd = client();

    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        EQ(send(fd, text + i, 1, 0), 1);
        dispatch(a);
    }
    EQ(send(fd, ":\"fail\"}\n{\"verb\":\"fail\"}\n", 26, 0), 26);
    dispatch(a);
    CHECK(recv(fd, reply, sizeof(reply) - 1, 0) > 0);
    STR_EQ(reply, "{\"ok\":true,\"data\":\"1\"}\n{\"ok\":true,\"data\":\"2\"}\n"
                  "{\"ok\":false,\"error\":\"not found\"}\n{\"ok\":false,\"error\":\"not found\"}\n");
    close(fd);
    dispatch(a);
    gw_admin_free(a);
}

TEST(a_client_that_does_not_read_waits_and_loses_nothing)
{
    struct gw_admin *a = listening();
    size_t got = 0;
    char buf[65536], last[64] = "";
    ssize_t n;
    int fd = client();

    calls = 0;
    EQ(send(fd, "{\"verb\":\"big\"}\n{\"verb\":\"echo\",\"arg\":\"z\"}\n", 42, 0), 42);
    dispatch(a);
    EQ(calls, 0); /* the second request waits for the first reply to leave */
    while (calls == 0 || got < BIG) {
        n = recv(fd, buf, sizeof(buf), 0);
        if (n <= 0 && calls)
            break;
        got += n > 0 ? (size_t)n : 0;
        dispatch(a);
    }
    while ((n = recv(fd, last, sizeof(last) - 1, 0)) > 0)
        got += (size_t)n;
    EQ(got, strlen("{\"ok\":true,\"data\":\"\"}\n") + BIG + strlen("{\"ok\":true,\"data\":\"z\"}\n"));
    close(fd);
    gw_admin_free(a);
}

TEST(clients_and_lines_are_bounded)
{
    struct gw_admin *a = listening();
    static char flood[GW_ADMIN_REQUEST + 1];
    int fd[GW_ADMIN_CLIENTS + 1];
    char reply[128] = "";

    for (int i = 0; i <= GW_ADMIN_CLIENTS; i++) {
        fd[i] = client();
        dispatch(a);
    }
    CHECK(recv(fd[GW_ADMIN_CLIENTS], reply, sizeof(reply) - 1, 0) > 0);
    STR_EQ(reply, "{\"ok\":false,\"error\":\"too many clients\"}\n");
    memset(flood, ' ', sizeof(flood));
    CHECK(send(fd[0], flood, sizeof(flood), 0) > 0);
    dispatch(a);
    EQ(recv(fd[0], reply, sizeof(reply), 0) > 0, 0); /* closed, with or without a reset */
    close(fd[GW_ADMIN_CLIENTS]);
    fd[GW_ADMIN_CLIENTS] = client(); /* there is a place again */
    dispatch(a);
    EQ(send(fd[GW_ADMIN_CLIENTS], "{\"verb\":\"fail\"}\n", 16, 0), 16);
    dispatch(a);
    CHECK(recv(fd[GW_ADMIN_CLIENTS], reply, sizeof(reply) - 1, 0) > 0);
    for (int i = 0; i <= GW_ADMIN_CLIENTS; i++)
        close(fd[i]);
    gw_admin_free(a);
}

/* ---- for people ---- */

static void prints(const char *json, const char *text)
{
    json_t *j = json_loads(json, JSON_DECODE_ANY, NULL);
    char *out = NULL;
    size_t len;
    FILE *f = open_memstream(&out, &len);

    gw_admin_print(f, j);
    fclose(f);
    STR_EQ(out, text);
    free(out);
    json_decref(j);
}

TEST(an_object_prints_as_lines)
{
    prints("{\"state\":\"running\",\"calls\":2,\"draining\":false,\"nothing\":null}",
           "state     running\ncalls     2\ndraining  no\nnothing   -\n");
}

TEST(a_list_prints_as_a_table)
{
    prints("[{\"id\":\"7f3a\",\"from\":\"a\"},{\"id\":\"1\",\"from\":\"sip:b@c\",\"more\":1}]",
           "id    from\n7f3a  a\n1     sip:b@c\n");
    prints("[]", "none\n");
}

TEST(what_is_nested_is_indented)
{
    prints("{\"id\":\"7\",\"legs\":[{\"leg\":\"access\",\"tag\":\"x\"}],\"media\":{\"ctx\":12}}",
           "id     7\nlegs\n  leg     tag\n  access  x\nmedia\n  ctx  12\n");
}

TEST(text_prints_as_it_is)
{
    prints("\"a 1\\nb 2\\n\"", "a 1\nb 2\n");
    prints("\"done\"", "done\n");
    prints("null", "");
}
