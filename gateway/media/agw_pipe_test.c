/* MSRP and BFCP of IMS phones between two connections, TLS or not (TS 33.328 s. 7.2.1, G.2; TS 23.334 s. 5.11.2). */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "tests/harness/data_rig.h"

enum { PIPE = 40 };

#define OWN "msrp://127.0.0.1:21002/own;tcp"
#define PHONE "msrp://192.0.2.9:49152/phone;tcp"
#define SEND(tid, to, from, body)                                                                                      \
    "MSRP " tid " SEND\r\nTo-Path: " to "\r\nFrom-Path: " from                                                         \
    "\r\nMessage-ID: m123\r\nContent-Type: text/plain\r\n\r\n" body "\r\n-------" tid "$\r\n"

struct pipe_conf {
    enum gw_iq_protocol protocol;
    bool has_b2bua;
    struct gw_addr access, core;  /* where we connect to; family 0: we listen */
    const struct tls_peer *phone; /* TLS with that certificate */
    bool is_server;               /* we are, of TLS */
};

static struct gw_addr at[2]; /* ours */
static struct gw_iq_fingerprint ours;

static void pipe_start(struct rig *g, const struct pipe_conf *c)
{
    const struct variant v = { 0 };
    struct gw_iq_req *w = &g->want;
    struct gw_iq_term *t = w->terms;

    memset(&b, 0, sizeof(b));
    rig_start(g, &v);
    b.g = g;
    w->nstreams = 0;
    t[0] = (struct gw_iq_term){ .id = 1, .realm = GW_IQ_ACCESS, .family = 4, .transport = GW_IQ_TCP };
    t[1] = (struct gw_iq_term){ .id = 2, .realm = GW_IQ_CORE, .family = 4, .transport = GW_IQ_TCP };
    for (unsigned i = 0; i < 2; i++) {
        const struct gw_addr *to = i ? &c->core : &c->access;
        t[i].has_remote = to->family != 0;
        t[i].remote_rtp = *to;
        t[i].tcp_setup = to->family ? GW_IQ_SETUP_ACTIVE : GW_IQ_SETUP_PASSIVE;
    }
    if (c->phone) {
        t[0].security = GW_IQ_TLS;
        t[0].setup = c->is_server ? GW_IQ_SETUP_PASSIVE : GW_IQ_SETUP_ACTIVE;
        t[0].nfingerprints = 1;
        t[0].fingerprints[0] = c->phone->fingerprint;
    }
    w->nchannels = 1;
    w->channels[0] = (struct gw_iq_channel){ .id = PIPE,
                                             .protocol = (uint8_t)c->protocol,
                                             .access_term = 1,
                                             .core_term = 2,
                                             .to_core = true,
                                             .to_access = true,
                                             .is_agnostic = !c->has_b2bua,
                                             .has_b2bua = c->has_b2bua };
    strcpy(w->channels[0].own_uri, OWN);
    strcpy(w->channels[0].peer_uri, PHONE);
    strcpy(w->channels[0].core_uri, CORE_OWN);
    strcpy(w->channels[0].core_path, CORE_PEER);
    EQ(rig_ask(g, w), 0);
    g->ctx = g->reply.ctx;
    EQ(g->reply.nlocals, 2);
    at[0] = g->reply.locals[0].rtp;
    at[1] = g->reply.locals[1].rtp;
    ours = g->reply.locals[0].fingerprint;
}

static void say(int fd, const char *text)
{
    EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void hears(int fd, const char *text)
{
    static char buf[70000];

    EQ(core_read(fd, buf, strlen(text), 2000), strlen(text));
    STR_EQ(buf, text);
}

TEST(msrp_of_a_phone_has_the_paths_of_each_leg)
{
    const struct pipe_conf c = { .protocol = GW_IQ_MSRP, .has_b2bua = true };
    struct rig g;
    int phone, core;

    pipe_start(&g, &c);
    phone = tcp_connect(&at[0]);
    say(phone, SEND("abcd1", OWN, PHONE, "waits for the core"));
    core = tcp_connect(&at[1]);
    hears(core, SEND("abcd1", CORE_PEER, CORE_OWN, "waits for the core"));
    say(core, "MSRP abcd1 200 OK\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\n-------abcd1$\r\n");
    hears(phone, "MSRP abcd1 200 OK\r\nTo-Path: " PHONE "\r\nFrom-Path: " OWN "\r\n-------abcd1$\r\n");
    say(core, SEND("efgh1", CORE_OWN, CORE_PEER, "hello"));
    hears(phone, SEND("efgh1", PHONE, OWN, "hello"));
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 2, 2000)); /* told by a mailbox, not in order with octets */
    say(phone, SEND("last1", OWN, PHONE, "and gone"));
    close(phone); /* what it said is still delivered, then the other connection ends */
    hears(core, SEND("last1", CORE_PEER, CORE_OWN, "and gone"));
    CHECK(core_is_closed(core, 2000));
    CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 1, 2000));
    EQ(g.last.term, 1);
    close(core);
    g.want.op = GW_IQ_AUDIT;
    EQ(rig_ask(&g, &g.want), 0);
    EQ(g.reply.ncounters, 1);
    EQ(g.reply.counters[0].dir[0].packets, 2);
    EQ(g.reply.counters[0].dir[1].packets, 2);
    STR_EQ(g.reply.counters[0].security, "none");
    rig_end(&g);
}

TEST(bfcp_passes_untouched_and_a_new_connection_of_the_phone_brings_one_to_the_core)
{
    struct pipe_conf c = { .protocol = GW_IQ_BFCP };
    int listener = tcp_listener(&c.core), phone, core;
    struct rig g;

    pipe_start(&g, &c);
    core = accept(listener, NULL, NULL); /* on request of signalling */
    phone = tcp_connect(&at[0]);
    say(phone, "\x20\x0b floor");
    hears(core, "\x20\x0b floor");
    say(core, "granted");
    hears(phone, "granted");
    close(phone);
    CHECK(core_is_closed(core, 2000));
    close(core);
    run_for(50);
    phone = tcp_connect(&at[0]);
    say(phone, "again");
    core = accept(listener, NULL, NULL); /* triggered by the incoming one */
    hears(core, "again");
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 4, 2000));
    close(core);
    CHECK(core_is_closed(phone, 2000));
    close(phone);
    close(listener);
    rig_end(&g);
}

TEST(tls_of_a_phone_ends_here_in_either_role)
{
    for (int is_server = 0; is_server < 2; is_server++) {
        struct pipe_conf c = { .protocol = GW_IQ_MSRP, .is_server = is_server };
        int listener = tcp_listener(&c.access), phone, core;
        struct gw_iq_fingerprint seen = { 0 };
        struct tls_peer tls;
        char buf[100];
        struct rig g;

        tls_peer_new(&tls);
        c.phone = &tls;
        if (is_server)
            memset(&c.access, 0, sizeof(c.access));
        pipe_start(&g, &c);
        phone = is_server ? tcp_connect(&at[0]) : accept(listener, NULL, NULL);
        CHECK(tls_peer_shake(&tls, phone, is_server, &seen));
        EQ(seen.len, ours.len);
        MEM_EQ(seen.value, ours.value, ours.len);
        core = tcp_connect(&at[1]);
        CHECK(tls_peer_write(&tls, "from the phone", 14));
        hears(core, "from the phone");
        say(core, "from the core");
        EQ(tls_peer_read(&tls, buf, 13, 2000), 13);
        STR_EQ(buf, "from the core");
        g.want.op = GW_IQ_AUDIT;
        EQ(rig_ask(&g, &g.want), 0);
        CHECK(strncmp(g.reply.counters[0].security, "TLS ", 4) == 0);
        close(core);
        CHECK(core_is_closed(phone, 2000)); /* TCP is released with TLS */
        close(phone);
        close(listener);
        tls_peer_free(&tls);
        rig_end(&g);
    }
}

TEST(another_certificate_ends_tls_and_tcp_and_is_reported)
{
    struct pipe_conf c = { .protocol = GW_IQ_MSRP, .is_server = true };
    struct gw_iq_fingerprint seen = { 0 };
    struct tls_peer right, wrong;
    struct rig g;
    int phone, core;

    tls_peer_new(&right);
    tls_peer_new(&wrong);
    c.phone = &right;
    pipe_start(&g, &c);
    core = tcp_connect(&at[1]);
    phone = tcp_connect(&at[0]);
    (void)tls_peer_shake(&wrong, phone, true, &seen);
    CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 1, 2000));
    EQ(g.last.term, 1);
    EQ(g.cause[GW_IQ_TCP_LOST], GW_E_MISMATCH);
    EQ(rig_grew(&g, GW_STAT_TLS_MISMATCH, 1), 1);
    CHECK(core_is_closed(phone, 2000));
    CHECK(core_is_closed(core, 2000));
    close(phone);
    close(core);
    tls_peer_free(&right);
    tls_peer_free(&wrong);
    rig_end(&g);
}

TEST(a_slow_reader_slows_the_writer_and_nothing_is_lost)
{
    enum { TOTAL = 128 << 20, PIECE = 1 << 16 };
    const struct pipe_conf c = { .protocol = GW_IQ_BFCP };
    static uint8_t out[PIECE], in[PIECE];
    size_t sent = 0, got = 0;
    struct rig g;
    int phone, core, stalled = 0;

    pipe_start(&g, &c);
    phone = tcp_connect(&at[0]);
    core = tcp_connect(&at[1]);
    while (sent < TOTAL && stalled < 20) { /* nobody reads */
        ssize_t n;
        for (size_t i = 0; i < PIECE; i++)
            out[i] = (uint8_t)((sent + i) * 31 >> 3);
        n = send(phone, out, PIECE, MSG_DONTWAIT);
        if (n > 0)
            sent += (size_t)n;
        else
            stalled++;
        run_for(2);
    }
    EQ(stalled, 20);
    while (got < sent) {
        ssize_t n = recv(core, in, PIECE, 0);
        CHECK(n > 0);
        if (n <= 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            if (in[i] != (uint8_t)((got + (size_t)i) * 31 >> 3)) {
                EQ(got + (size_t)i, -1);
                n = 0;
            }
        got += (size_t)n;
        if (n == 0)
            break;
    }
    EQ(got, sent);
    close(phone);
    close(core);
    rig_end(&g);
}

TEST(a_pipe_has_tcp_on_both_sides)
{
    const struct pipe_conf c = { .protocol = GW_IQ_BFCP };
    struct rig g;

    pipe_start(&g, &c);
    g.want.op = GW_IQ_RESERVE_CONFIGURE;
    g.want.terms[2] = (struct gw_iq_term){ .id = 3, .realm = GW_IQ_CORE, .family = 4 };
    g.want.nterms = 3;
    g.want.channels[0].id = PIPE + 1;
    g.want.channels[0].core_term = 3;
    EQ(rig_ask(&g, &g.want), GW_E_INVAL);
    g.want.channels[0].core_term = 2;
    g.want.channels[0].protocol = GW_IQ_T140;
    EQ(rig_ask(&g, &g.want), GW_E_INVAL);
    rig_end(&g);
}
