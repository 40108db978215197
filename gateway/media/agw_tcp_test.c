/* The core connection of a data channel: who connects, who may not, TLS, and how it is lost and made anew. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "tests/harness/data_rig.h"

static const struct gw_addr nobody;

#define SEND(tid, to, from, body)                                                                                      \
    "MSRP " tid " SEND\r\nTo-Path: " to "\r\nFrom-Path: " from                                                         \
    "\r\nMessage-ID: m123\r\nContent-Type: text/plain\r\n\r\n" body "\r\n-------" tid "$\r\n"

static void say(int fd, const char *text)
{
    EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

TEST(msrp_009_a_second_connection_is_answered_506_and_other_octets_close_their_connection_alone)
{
    char buf[1000];
    int fd, second;
    struct rig g;

    data_start(&g, GW_IQ_MSRP, &nobody, NULL);
    fd = tcp_connect(&g.reply.locals[2].rtp);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 1, 2000));
    second = tcp_connect(&g.reply.locals[2].rtp);
    say(second, "MSRP abcd1 SEND\r\nTo-Path: " CORE_OWN "\r\n");
    run_for(50);
    say(second, "From-Path: " CORE_PEER "\r\nMessage-ID: m123\r\n-------abcd1$\r\n");
    CHECK(core_read(second, buf, 60, 2000) == 60);
    EQ(strncmp(buf, "MSRP abcd1 506 ", 15), 0);
    CHECK(core_is_closed(second, 2000));
    close(second);
    second = tcp_connect(&g.reply.locals[2].rtp);
    say(second, "GET / HTTP/1.1\r\n\r\n");
    CHECK(core_is_closed(second, 2000));
    close(second);
    say(fd, SEND("efgh1", CORE_OWN, CORE_PEER, "still here"));
    CHECK(run_until(&b.messages, 1, 2000));
    CHECK(strstr(b.last, "still here") != NULL);
    EQ(g.events[GW_IQ_TCP_LOST], 0);
    run_for(50);
    say(fd, "GET / HTTP/1.1\r\n\r\n"); /* first octets of something else close this connection alone */
    CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 1, 2000));
    CHECK(core_is_closed(fd, 2000));
    media_both_ways(&g, 1);
    close(fd);
    fd = tcp_connect(&g.reply.locals[2].rtp); /* it listens again */
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 2, 2000));
    say(fd, SEND("ijkl1", CORE_OWN, CORE_PEER, "back"));
    CHECK(run_until(&b.messages, 2, 2000));
    close(fd);
    close(second);
    data_end(&g);
}

TEST(iq_002_a_new_generation_makes_the_connection_anew_on_the_same_port)
{
    struct gw_addr core;
    int listener = tcp_listener(&core), fd, again;
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    char buf[1000];
    struct rig g;

    data_start(&g, GW_IQ_MSRP, &core, NULL);
    fd = accept(listener, NULL, NULL);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 1, 2000));
    close(fd);
    CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 1, 2000));
    data_ask_again(&g); /* the same state again makes no connection */
    run_for(100);
    EQ(g.events[GW_IQ_TCP_UP], 1);
    send_message(GW_PPID_BINARY, SEND("abcd1", CH_OWN, CH_PEER, "lost"),
                 strlen(SEND("abcd1", CH_OWN, CH_PEER, "lost")));
    CHECK(run_until(&b.messages, 1, 2000));
    EQ(strncmp(b.last, "MSRP abcd1 481 ", 15), 0);
    g.want.terms[2].tcp_generation++;
    data_ask_again(&g);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 2, 2000));
    fd = accept(listener, (struct sockaddr *)&ss, &len);
    say(fd, SEND("efgh1", CORE_OWN, CORE_PEER, "anew"));
    CHECK(run_until(&b.messages, 2, 2000));
    send_message(GW_PPID_BINARY, SEND("ijkl1", CH_OWN, CH_PEER, "hello"),
                 strlen(SEND("ijkl1", CH_OWN, CH_PEER, "hello")));
    CHECK(core_read(fd, buf, 100, 2000) == 100);
    g.want.terms[2].tcp_generation++; /* while one is up: it ends, without a notification, and another comes */
    data_ask_again(&g);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 3, 2000));
    EQ(g.events[GW_IQ_TCP_LOST], 1);
    CHECK(core_is_closed(fd, 2000));
    again = accept(listener, NULL, NULL);
    g.want.terms[2].tcp_generation++; /* and now the other one connects */
    g.want.terms[2].tcp_setup = GW_IQ_SETUP_PASSIVE;
    data_ask_again(&g);
    CHECK(core_is_closed(again, 2000));
    close(fd);
    close(again);
    fd = tcp_connect(&g.reply.locals[2].rtp);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 4, 2000));
    close(fd);
    close(listener);
    data_end(&g);
}

TEST(msrp_028_a_reset_in_the_middle_of_a_chunk_is_told_to_both_who_wait)
{
    static const struct linger at_once = { 1, 0 };
    static char big[60000];
    int fd, n;
    struct rig g;

    data_start(&g, GW_IQ_MSRP, &nobody, NULL);
    fd = tcp_connect(&g.reply.locals[2].rtp);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 1, 2000));
    say(fd, "MSRP half1 SEND\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\nMessage-ID: m124\r\n"
            "Byte-Range: 1-*/50000\r\nContent-Type: a/b\r\n\r\nthe begin of it");
    n = sprintf(big, "MSRP abcd1 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\nMessage-ID: m123\r\n"
                     "Byte-Range: 1-*/50000\r\nContent-Type: a/b\r\n\r\n");
    memset(big + n, 'x', 50000);
    n += 50000 + sprintf(big + n + 50000, "\r\n-------abcd1$\r\n");
    send_message(GW_PPID_BINARY, big, (size_t)n);
    EQ(core_read(fd, big, 1000, 2000), 1000); /* and no more of it */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
    CHECK(run_until(&b.messages, 2, 2000));
    CHECK(strstr(b.text, "MSRP abcd1 481 ") != NULL);
    CHECK(strstr(b.text, "the begin of it\r\n-------half1#\r\n") != NULL);
    CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 1, 2000));
    media_both_ways(&g, 1);
    data_end(&g);
}

TEST(iq_a_reoffer_with_another_session_goes_on_with_it)
{
    struct gw_addr core, other;
    int listener = tcp_listener(&core), elsewhere = tcp_listener(&other), fd, n;
    char buf[1000];
    struct rig g;

    data_start(&g, GW_IQ_MSRP, &core, NULL);
    fd = accept(listener, NULL, NULL);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 1, 2000));
    send_message(GW_PPID_BINARY, SEND("abcd1", CH_OWN, CH_PEER, "one"), strlen(SEND("abcd1", CH_OWN, CH_PEER, "one")));
    n = (int)strlen(SEND("abcd1", CORE_PEER, CORE_OWN, "one"));
    EQ(core_read(fd, buf, (size_t)n, 2000), n);
    strcpy(g.want.channels[0].core_path, "msrp://10.9.9.9:1/other;tcp");
    g.want.terms[2].remote_rtp = other;
    data_ask_again(&g);
    CHECK(run_until(&b.messages, 1, 2000));
    EQ(strncmp(b.last, "MSRP abcd1 481 ", 15), 0); /* will not be answered any more */
    CHECK(core_is_closed(fd, 2000));
    close(fd);
    fd = accept(elsewhere, NULL, NULL);
    send_message(GW_PPID_BINARY, SEND("abcd2", CH_OWN, CH_PEER, "two"), strlen(SEND("abcd2", CH_OWN, CH_PEER, "two")));
    n = (int)strlen(SEND("abcd2", "msrp://10.9.9.9:1/other;tcp", CORE_OWN, "two"));
    EQ(core_read(fd, buf, (size_t)n, 2000), n);
    STR_EQ(buf, SEND("abcd2", "msrp://10.9.9.9:1/other;tcp", CORE_OWN, "two"));
    close(fd);
    close(listener);
    close(elsewhere);
    data_end(&g);
}

/* Octets pass untouched: no MSRP, no BFCP need be in them. */
static void agnostic(struct rig *g, struct gw_iq_term *t, struct gw_iq_channel *c)
{
    (void)g;
    (void)t;
    c->is_agnostic = true;
}

static uint32_t hash_seen;
static size_t seen_octets;

static void hash_message(uint16_t stream, struct gw_span m)
{
    (void)stream;
    for (size_t i = 0; i < m.len; i++)
        hash_seen = hash_seen * 31 + ((const uint8_t *)m.ptr)[i];
    seen_octets += m.len;
}

TEST(iq_agnostic_mode_passes_octets_untouched_and_a_released_channel_frees_its_port)
{
    static const uint8_t odd[] = {
        0x20, 0x63, 0, 1, 9, 9, 9, 9, 8, 8, 7, 7, 1, 0, 0, 0
    }; /* its attribute has no length */
    static char sent[200000], got[200001];
    struct gw_iq_req release = { .op = GW_IQ_RELEASE, .nterms = 1 };
    uint32_t hash = 0;
    size_t at = 0;
    struct rig g;
    int fd;

    for (size_t i = 0; i < sizeof(sent); i++) {
        sent[i] = (char)(i * 11 + i / 253);
        hash = hash * 31 + (uint8_t)sent[i];
    }
    data_start(&g, GW_IQ_MSRP, &nobody, agnostic);
    b.on_message = hash_message;
    hash_seen = 0;
    seen_octets = 0;
    fd = tcp_connect(&g.reply.locals[2].rtp);
    send_message(GW_PPID_BINARY, sent, 60000);
    EQ(core_read(fd, got, 60000, 5000), 60000);
    MEM_EQ(got, sent, 60000);
    while (at < sizeof(sent)) {
        ssize_t n = send(fd, sent + at, sizeof(sent) - at, MSG_DONTWAIT);
        at += n > 0 ? (size_t)n : 0;
        run_for(2);
    }
    for (int i = 0; i < 300 && seen_octets < sizeof(sent); i++)
        run_for(10);
    EQ(seen_octets, sizeof(sent));
    EQ(hash_seen, hash);
    release.terms[0].id = RIG_CORE_DATA;
    EQ(rig_ask(&g, &release), 0);
    EQ(g.reply.ncounters, 1);
    EQ(g.reply.counters[0].dir[1].octets, sizeof(sent));
    CHECK(core_is_closed(fd, 2000));
    close(fd);
    for (int i = 0; i < 100 && !b.is_reset; i++)
        run_for(20);
    CHECK(b.is_reset); /* the association goes on without the channel (MSRP-026) */
    media_both_ways(&g, 1);
    data_end(&g);

    data_start(&g, GW_IQ_BFCP, &nobody, agnostic);
    fd = tcp_connect(&g.reply.locals[2].rtp);
    send_message(GW_PPID_BINARY, odd, sizeof(odd));
    EQ(core_read(fd, got, sizeof(odd), 3000), sizeof(odd));
    MEM_EQ(got, odd, sizeof(odd));
    EQ(write(fd, odd, sizeof(odd)), sizeof(odd));
    CHECK(run_until(&b.messages, 1, 2000));
    MEM_EQ(b.last, odd, sizeof(odd));
    close(fd);
    data_end(&g);
}

static struct tls_peer peer;
static const struct gw_iq_fingerprint *expected;

/* TLS with the client's role where `remote` makes us connect. */
static void with_tls(struct rig *g, struct gw_iq_term *t, struct gw_iq_channel *c)
{
    (void)g;
    (void)c;
    t->security = GW_IQ_TLS;
    t->setup = t->tcp_setup;
    t->nfingerprints = expected != NULL;
    if (expected)
        t->fingerprints[0] = *expected;
}

/* As the answerer of BFCP: TCP active, TLS server (RFC 8856 s. 8). */
static void with_tls_crossed(struct rig *g, struct gw_iq_term *t, struct gw_iq_channel *c)
{
    with_tls(g, t, c);
    t->setup = GW_IQ_SETUP_PASSIVE;
}

TEST(msrp_019_tls_as_client_and_as_server_passes_messages)
{
    static char big[120000], buf[130000];
    struct gw_iq_fingerprint seen;
    struct gw_addr core;
    int n, listener = tcp_listener(&core);

    for (int is_client = 0; is_client < 2; is_client++) {
        struct rig g;
        int fd;
        tls_peer_new(&peer);
        expected = &peer.fingerprint;
        data_start(&g, GW_IQ_MSRP, is_client ? &core : &nobody, with_tls);
        fd = is_client ? accept(listener, NULL, NULL) : tcp_connect(&g.reply.locals[2].rtp);
        CHECK(tls_peer_shake(&peer, fd, !is_client, &seen));
        MEM_EQ(&seen, &g.reply.locals[2].fingerprint, sizeof(seen));
        CHECK(run_until(&g.events[GW_IQ_TCP_UP], 1, 2000));
        send_message(GW_PPID_BINARY, SEND("abcd1", CH_OWN, CH_PEER, "hello"),
                     strlen(SEND("abcd1", CH_OWN, CH_PEER, "hello")));
        n = (int)strlen(SEND("abcd1", CORE_PEER, CORE_OWN, "hello"));
        EQ(tls_peer_read(&peer, buf, (size_t)n, 3000), n);
        STR_EQ(buf, SEND("abcd1", CORE_PEER, CORE_OWN, "hello"));
        n = sprintf(big, "MSRP tttt1 SEND\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\nMessage-ID: m124\r\n"
                         "Byte-Range: 1-*/100000\r\nContent-Type: a/b\r\n\r\n");
        memset(big + n, 'x', 100000);
        n += 100000 + sprintf(big + n + 100000, "\r\n-------tttt1$\r\n");
        CHECK(tls_peer_write(&peer, big, (size_t)n));
        n = sprintf(big, "MSRP tttt1 200 OK\r\nTo-Path: " CORE_PEER "\r\nFrom-Path: " CORE_OWN "\r\n-------tttt1$\r\n");
        EQ(tls_peer_read(&peer, buf, (size_t)n, 5000), n);
        STR_EQ(buf, big);
        CHECK(b.octets > 100000);
        close(fd);
        CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 1, 2000));
        tls_peer_free(&peer);
        data_end(&g);
    }
    close(listener);
}

TEST(bfcp_009_the_tls_role_is_another_thing_than_who_connects)
{
    static const uint8_t request[] = { 0x20, 0x01, 0, 1, 0, 0, 0x10, 0xe1, 0, 7, 4, 0xd2, 5, 4, 0, 1 };
    struct gw_iq_fingerprint seen;
    struct gw_addr core;
    int listener = tcp_listener(&core), fd;
    char buf[100];
    struct rig g;

    tls_peer_new(&peer);
    expected = NULL; /* the answer with it comes after the connection */
    data_start(&g, GW_IQ_BFCP, &core, with_tls_crossed);
    fd = accept(listener, NULL, NULL);
    CHECK(tls_peer_shake(&peer, fd, true, &seen));
    send_message(GW_PPID_BINARY, request, sizeof(request));
    run_for(100);
    EQ(g.events[GW_IQ_TCP_UP], 0); /* nothing before the fingerprint is known */
    g.want.terms[2].nfingerprints = 1;
    g.want.terms[2].fingerprints[0] = peer.fingerprint;
    data_ask_again(&g);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 1, 2000));
    EQ(tls_peer_read(&peer, buf, sizeof(request), 2000), sizeof(request));
    MEM_EQ(buf, request, sizeof(request));
    close(fd);
    close(listener);
    tls_peer_free(&peer);
    data_end(&g);
}

TEST(tls_a_core_peer_with_another_certificate_is_not_let_in)
{
    struct gw_iq_fingerprint seen, wrong;
    struct rig g;
    int fd;

    tls_peer_new(&peer);
    wrong = peer.fingerprint;
    wrong.value[3] ^= 1;
    expected = &wrong;
    data_start(&g, GW_IQ_MSRP, &nobody, with_tls);
    fd = tcp_connect(&g.reply.locals[2].rtp);
    (void)tls_peer_shake(&peer, fd, true, &seen);
    CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 1, 2000));
    EQ(g.cause[GW_IQ_TCP_LOST], GW_E_MISMATCH);
    EQ(g.events[GW_IQ_TCP_UP], 0);
    CHECK(core_is_closed(fd, 2000));
    close(fd);
    fd = tcp_connect(&g.reply.locals[2].rtp);
    say(fd, SEND("abcd1", CORE_OWN, CORE_PEER, "in the clear"));
    CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 2, 2000));
    EQ(g.cause[GW_IQ_TCP_LOST], GW_E_CRYPTO);
    EQ(b.messages, 0);
    media_both_ways(&g, 1);
    close(fd);
    tls_peer_free(&peer);
    data_end(&g);
}
