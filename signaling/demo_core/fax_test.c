/* The fax machine of the demo core: another machine of the same terminal calls it, and is called, over real sockets on
 * loopback, with the clock in the test's hand. */
#include "fax.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "demo_priv.h"
#include "signaling/demo_core/demo_fixture.h"
#include "test.h"
#include "tests/harness/fax_pages.h"

enum { PAGES = 2, LONGEST_S = 200 };

static struct gw_demo *demo;
static char dir[64], drawn[96], got[96];

static void start(void)
{
    struct gw_demo_options options = { "ims.example", "demo", { 4, 0, 0, { 127, 0, 0, 1 } }, 28500, 28599, dir, drawn };
    struct gw_sip_handler handler;
    struct gw_sip_stack *stack = fake_sip_reset();

    strcpy(dir, "/tmp/imsgw-fax-test-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    snprintf(drawn, sizeof(drawn), "%s/drawn.tif", dir);
    snprintf(got, sizeof(got), "%s/got.tif", dir);
    fax_draw(drawn, PAGES);
    EQ(gw_demo_new(&options, &demo), 0);
    gw_demo_handler(demo, &handler);
    fake_sip_set_handler(&handler);
    gw_demo_start(demo, stack);
}

static void stop(void)
{
    char command[128];

    gw_demo_free(demo);
    demo = NULL;
    fake_sip_reset();
    snprintf(command, sizeof(command), "rm -r %s", dir);
    EQ(system(command), 0);
}

/* ---- the other machine ---- */

static struct phone {
    int fd;
    uint16_t port;
    struct gw_addr to;
    struct gw_demo_fax *machine;
    bool is_over, is_good;
    int pages;
} phone;

static void on_out(void *arg, struct gw_span p)
{
    struct sockaddr_storage ss;
    socklen_t n = gw_addr_to_sockaddr(&phone.to, &ss);

    (void)!sendto(phone.fd, p.ptr, p.len, 0, (struct sockaddr *)&ss, n);
}

static void on_over(void *arg, bool is_good, int pages, const char *result)
{
    phone.is_over = true;
    phone.is_good = is_good;
    phone.pages = pages;
}

static void phone_open(bool sends)
{
    struct gw_demo_fax_config c = { .is_caller = sends, .max_pages = 10, .out = on_out, .over = on_over };
    struct gw_addr a = { 4, 0, 0, { 127, 0, 0, 1 } };
    struct sockaddr_storage ss;
    socklen_t n = gw_addr_to_sockaddr(&a, &ss);

    memset(&phone, 0, sizeof(phone));
    c.send = sends ? drawn : NULL;
    c.receive = got;
    EQ(gw_demo_fax_new(&c, &phone.machine), 0);
    phone.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    EQ(bind(phone.fd, (struct sockaddr *)&ss, n), 0);
    n = sizeof(ss);
    getsockname(phone.fd, (struct sockaddr *)&ss, &n);
    EQ(gw_addr_from_sockaddr((struct sockaddr *)&ss, &a), 0);
    phone.port = a.port;
}

static void phone_close(void)
{
    gw_demo_fax_free(phone.machine);
    close(phone.fd);
}

/* Where the demo core's description wants its fax. 0: nowhere. */
static uint16_t read_sdp(const struct gw_sip_msg *m, char *text, size_t size)
{
    unsigned port = 0;
    const char *at;

    snprintf(text, size, "%.*s", (int)gw_sip_msg_body(m).len, (const char *)gw_sip_msg_body(m).ptr);
    at = strstr(text, "m=image ");
    if (at)
        EQ(sscanf(at, "m=image %u udptl t38", &port), 1);
    phone.to = (struct gw_addr){ 4, 0, (uint16_t)port, { 127, 0, 0, 1 } };
    return (uint16_t)port;
}

/* Until the demo core hangs up. */
static bool run(void)
{
    unsigned sent = fake_sent();

    for (unsigned i = 0; i < LONGEST_S * 50; i++) {
        uint8_t p[2000];
        ssize_t n;

        fake_sip_poll();
        while ((n = recv(phone.fd, p, sizeof(p), 0)) > 0)
            gw_demo_fax_packet(phone.machine, (struct gw_span){ p, (size_t)n }, gw_ctl_now_us(NULL));
        gw_demo_fax_tick(phone.machine, gw_ctl_now_us(NULL));
        fake_sip_advance(20);
        for (unsigned k = sent; k < fake_sent(); k++)
            if (strcmp(gw_sip_msg_method_name(fake_client_request(fake_client(k))), "BYE") == 0)
                return true;
    }
    return false;
}

static const char *describe(bool has_audio, bool has_image, const char *ec)
{
    static char text[600];

    snprintf(text, sizeof(text), "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n%s",
             has_audio ? "m=audio 28590 RTP/AVP 8\r\n" : "");
    if (has_image)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "m=image %u udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:9600\r\na=T38FaxRateManagement:"
                 "transferredTCF\r\na=T38FaxUdpEC:%s\r\n",
                 phone.port, ec);
    return text;
}

static struct gw_sip_server *invite(const char *user, const char *sdp)
{
    char text[2048];

    snprintf(text, sizeof(text),
             "INVITE sip:%s@ims.example SIP/2.0\nFrom: <sip:ann@ims.example>;tag=f1\nTo: <sip:%s@ims.example>\n"
             "Call-ID: c1\nCSeq: 1 INVITE\nContact: <sip:gw@10.0.0.1>\nContent-Type: application/sdp\n\n%s",
             user, user, sdp);
    return fake_request(0, text);
}

static bool is_there(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return access(path, R_OK) == 0;
}

TEST(T38_011_pages_that_come_are_laid_into_the_tray_and_the_machine_hangs_up)
{
    static const char *const ec[] = { "t38UDPRedundancy", "t38UDPFEC" };
    char sdp[1024], name[96];

    for (unsigned i = 0; i < 2; i++) {
        struct gw_sip_server *t;

        start();
        phone_open(true);
        t = invite("fax", describe(false, true, ec[i]));
        EQ(fake_status(t), 200);
        CHECK(read_sdp(fake_last_response(t), sdp, sizeof(sdp)) != 0);
        CHECK(strstr(sdp, ec[i]) && strstr(sdp, "a=T38MaxBitRate:9600\r\n") && strstr(sdp, "transferredTCF"));
        fake_ack(t, NULL);
        CHECK(run());
        CHECK(phone.is_over && phone.is_good);
        EQ(phone.pages, PAGES);
        snprintf(name, sizeof(name), "%s/fax-1.tif", dir);
        EQ(fax_compare(name, PAGES), 0);
        CHECK(is_there("fax-1-1.png") && is_there("fax-1-2.png") && !is_there("fax-1-3.png"));
        phone_close();
        stop();
    }
}

TEST(T38_010_a_call_by_voice_is_switched_in_place_and_goes_on_when_that_is_refused)
{
    char sdp[1024], name[96];
    struct gw_sip_server *t;
    struct gw_sip_client *c;

    start();
    phone_open(true);
    t = invite("fax", describe(true, false, NULL));
    EQ(fake_status(t), 200);
    fake_ack(t, NULL);
    EQ(fake_sent(), 0);
    fake_sip_advance(2000);
    EQ(fake_sent(), 1);
    c = fake_last_client();
    CHECK(read_sdp(fake_client_request(c), sdp, sizeof(sdp)) != 0);
    CHECK(!strstr(sdp, "m=audio"));
    fake_answer(c, 488, NULL, NULL, NULL);
    CHECK(gw_demo_media_has(&demo->calls->media, "audio")); /* as if nothing had been said */
    CHECK(!gw_demo_media_has(&demo->calls->media, "fax"));
    phone_close();
    stop();

    start();
    phone_open(true);
    t = invite("fax", describe(true, false, NULL));
    fake_ack(t, NULL);
    fake_sip_advance(2000);
    c = fake_last_client();
    CHECK(read_sdp(fake_client_request(c), sdp, sizeof(sdp)) != 0);
    fake_answer(c, 200, "f1", "Contact: <sip:gw@10.0.0.1>\n", describe(false, true, "t38UDPRedundancy"));
    CHECK(run());
    CHECK(phone.is_good);
    snprintf(name, sizeof(name), "%s/fax-1.tif", dir); /* the first number was for the one that was refused */
    EQ(fax_compare(name, PAGES), 0);
    phone_close();
    stop();
}

TEST(a_user_who_asks_is_sent_a_page_and_faxback_sends_what_came)
{
    struct gw_sip_server *t;
    struct gw_sip_client *c;
    char sdp[1024];

    start();
    register_ann();
    phone_open(false);
    t = fake_request(0, "MESSAGE sip:echo@ims.example SIP/2.0\nFrom: <sip:ann@ims.example>;tag=m\n"
                        "To: <sip:echo@ims.example>\nContent-Type: text/plain\n\ncall me fax");
    EQ(fake_status(t), 200);
    c = fake_last_client();
    CHECK(read_sdp(fake_client_request(c), sdp, sizeof(sdp)) != 0);
    fake_answer(c, 200, "t1", "Contact: <sip:ann@10.0.0.1>\n", describe(false, true, "t38UDPFEC"));
    CHECK(run());
    CHECK(phone.is_good);
    EQ(fax_compare(got, PAGES), 0);
    phone_close();

    phone_open(true);
    t = invite("faxback", describe(false, true, "t38UDPRedundancy"));
    EQ(fake_status(t), 200);
    CHECK(read_sdp(fake_last_response(t), sdp, sizeof(sdp)) != 0);
    fake_ack(t, NULL);
    CHECK(run());
    phone_close();
    phone_open(false);
    c = NULL;
    for (unsigned i = 0; i < fake_sent(); i++)
        if (strcmp(gw_sip_msg_method_name(fake_client_request(fake_client(i))), "INVITE") == 0)
            c = fake_client(i);
    CHECK(c && c != fake_client(0));
    CHECK(read_sdp(fake_client_request(c), sdp, sizeof(sdp)) != 0);
    fake_answer(c, 200, "t2", "Contact: <sip:ann@10.0.0.1>\n", describe(false, true, "t38UDPRedundancy"));
    CHECK(run());
    CHECK(phone.is_good);
    EQ(fax_compare(got, PAGES), 0);
    phone_close();
    stop();
}

TEST(the_tray_keeps_the_newest_documents_and_the_test_page_can_be_sent)
{
    struct gw_demo_tray tray;
    char path[GW_DEMO_PATH], dir2[] = "/tmp/imsgw-tray-test-XXXXXX", command[128];

    CHECK(mkdtemp(dir2) != NULL);
    EQ(gw_demo_tray_open(&tray, dir2), 0);
    for (unsigned i = 0; i < GW_DEMO_DOCUMENTS + 3; i++) {
        gw_demo_tray_next(&tray, path);
        if (i < 5)
            EQ(gw_demo_paper_draw(path), 0);
    }
    snprintf(path, sizeof(path), "%s/fax-3.tif", dir2);
    CHECK(access(path, R_OK) != 0);
    snprintf(path, sizeof(path), "%s/fax-4.tif", dir2);
    CHECK(access(path, R_OK) == 0);
    EQ(gw_demo_paper_show(path), 1);
    EQ(gw_demo_paper_show("/nowhere/fax-1.tif"), GW_E_IO);
    EQ(gw_demo_tray_open(&tray, "/proc/none"), GW_E_IO);
    snprintf(command, sizeof(command), "rm -r %s", dir2);
    EQ(system(command), 0);
}
