/* One long call in which the nth thing fails, for every n: whatever it is, both sides end and nothing is left. The far
 * ends are patient machines here: every request gets its answer, every 200 its ACK. */
#include "call_world.h"

/* Allocations of the tested side, by the linker's --wrap. */
static unsigned fail_at, allocations;
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static bool is_out_of_memory(void)
{
    return fake_tested_depth && ++allocations == fail_at;
}

void *__wrap_malloc(size_t n)
{
    return is_out_of_memory() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return is_out_of_memory() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return is_out_of_memory() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
    return is_out_of_memory() ? NULL : __real_strdup(s);
}

enum { SERVERS = 16, STEPS = 64 };
enum { REQUESTS = 8, IQ_REQUESTS = 11 }; /* of the call below when nothing fails */

static struct gw_sip_server *servers[SERVERS];
static bool is_acked[SERVERS];
static unsigned nservers, answered;

static void on(struct gw_sip_server *t)
{
    servers[nservers++] = t;
}

static void answer(struct gw_sip_client *c)
{
    bool is_browser = fake_client_flow(c) != 0;
    const char *contact =
        is_browser ? BROWSER_CONTACT "Allow: INVITE, ACK, BYE\n" : CORE_CONTACT "Allow: INVITE, ACK, BYE, UPDATE\n";
    const char *tag = is_browser ? "f1" : "bob";

    if (strcmp(method_of(c), "INVITE") != 0 && strcmp(method_of(c), "UPDATE") != 0) {
        fake_answer(c, 200, tag, contact, NULL);
        return;
    }
    if (fake_client_was_cancelled(c)) {
        fake_answer(c, 487, tag, NULL, NULL);
        return;
    }
    if (c == fake_client(0)) {
        fake_answer(c, 183, "other", "Contact: <sip:other@10.0.0.22>\n", "v9");
        media();
    }
    if (fake_client_was_cancelled(c))
        fake_answer(c, 487, tag, NULL, NULL);
    else
        fake_answer(c, 200, tag, contact, "v2");
}

/* Until nobody has anything to say. */
static void settle(void)
{
    for (unsigned i = 0; i < STEPS; i++) {
        media();
        if (answered < fake_sent()) {
            answer(fake_client(answered++));
            continue;
        }
        bool has_acked = false;
        for (unsigned k = 0; k < nservers; k++) {
            const struct gw_sip_msg *req = fake_server_request(servers[k]);
            if (is_acked[k] || fake_status(servers[k]) != 200 || gw_sip_msg_method(req) != GW_SIP_INVITE)
                continue;
            is_acked[k] = has_acked = true;
            fake_ack(servers[k], strncmp(last_body(servers[k]), "offer:", 6) == 0 ? "v3" : NULL);
        }
        if (!has_acked)
            return;
    }
    gw_test_fail(__FILE__, __LINE__, "they never stop talking");
}

/* A call with two forks, hold, an offerless re-INVITE, an UPDATE, an INFO, a refused offer, a refresh, BYE. */
static void play(void)
{
    nservers = answered = 0;
    memset(is_acked, 0, sizeof(is_acked));
    gw_ms_fake_need_reoffer();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    on(a);
    settle();
    struct gw_sip_client *b = fake_client(0);
    if (b && fake_status(a) == 200) {
        on(from_caller(a, "INVITE", 8, NULL, "hold"));
        settle();
        on(from_callee(b, "bob", "INVITE", 1, NULL, NULL));
        settle();
        on(from_callee(b, "bob", "UPDATE", 2, NULL, "v5"));
        settle();
        on(from_caller(a, "INFO", 9, NULL, NULL));
        settle();
        on(from_caller(a, "INVITE", 10, NULL, "bad"));
        settle();
        fake_sip_advance(900 * 1000);
        settle();
        on(from_caller(a, "BYE", 11, NULL, NULL));
        settle();
    }
    fake_sip_advance(80 * 1000);
    settle();
    for (unsigned i = 0; i < nservers; i++)
        CHECK(fake_status(servers[i]) >= 200 || fake_server_was_dropped(servers[i]));
}

TEST(the_whole_call_without_a_failure)
{
    world_open();
    play();
    EQ(counted(GW_STAT_CALLS_ENDED_ANSWERED), 1);
    EQ(counted(GW_STAT_CALLS_ABANDONED), 0);
    EQ(fake_sent(), REQUESTS);
    EQ(gw_agw_fake_requests(agw), IQ_REQUESTS); /* so many ways to fail below */
    EQ(fake_status(servers[1]), 200);           /* hold */
    EQ(fake_status(servers[2]), 200);
    EQ(fake_status(servers[3]), 200);
    EQ(fake_status(servers[4]), 200);
    EQ(fake_status(servers[5]), 488);
    world_close();
}

TEST(the_nth_request_cannot_be_sent)
{
    for (unsigned n = 1; n <= REQUESTS; n++) {
        world_open();
        fake_sip_fail_nth_send(n, GW_E_IO);
        play();
        EQ(gw_calls_count(calls), 0);
        world_close();
    }
}

TEST(the_nth_request_to_the_media_finds_the_queue_full)
{
    for (unsigned n = 1; n <= IQ_REQUESTS; n++) {
        world_open();
        gw_agw_fake_fail_nth_submit(agw, n);
        play();
        EQ(gw_calls_count(calls), 0);
        world_close();
    }
}

TEST(the_nth_reply_of_the_media_is_an_error)
{
    static const int errors[] = { GW_E_LIMIT, GW_E_TIMEOUT, GW_E_NOTFOUND };

    for (unsigned k = 0; k < 3; k++) {
        for (unsigned n = 1; n <= IQ_REQUESTS; n++) {
            world_open();
            gw_agw_fake_fail_nth_reply(agw, n, errors[k]);
            play();
            EQ(gw_calls_count(calls), 0);
            world_close();
        }
    }
}

TEST(the_nth_allocation_fails)
{
    unsigned n = 1;

    for (;; n++) {
        world_open();
        allocations = 0;
        fail_at = n;
        play();
        fail_at = 0;
        if (gw_test_failures())
            fprintf(stderr, "in allocation %u\n", n);
        EQ(gw_calls_count(calls), 0);
        world_close();
        if (allocations < n) /* there are no more */
            break;
        if (gw_test_failures())
            break;
    }
    CHECK(n > 300); /* so the whole call was gone through */
}
