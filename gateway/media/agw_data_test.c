/* Data channels through the access gateway, one of each sub-protocol. */
#include <stdio.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "datachannel/bfcp/bfcp_msg.h"
#include "datachannel/t140/t140_red.h"
#include "tests/harness/data_rig.h"

TEST(msrp_passes_both_ways_between_a_channel_and_a_connection_of_ours)
{
    static char big[120000], buf[130000];
    struct gw_addr core;
    int listener = tcp_listener(&core), fd, n;
    struct rig g;

    data_start(&g, GW_IQ_MSRP, &core, NULL);
    media_both_ways(&g, 1); /* voice and data on one transport */
    fd = accept(listener, NULL, NULL);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 1, 2000));

    n = sprintf(big, "MSRP abcd1234 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\nMessage-ID: m123\r\n"
                     "Content-Type: text/plain\r\n\r\nhello\r\n-------abcd1234$\r\n");
    send_message(GW_PPID_BINARY, big, (size_t)n);
    n = sprintf(big, "MSRP abcd1234 SEND\r\nTo-Path: " CORE_PEER "\r\nFrom-Path: " CORE_OWN "\r\nMessage-ID: m123\r\n"
                     "Content-Type: text/plain\r\n\r\nhello\r\n-------abcd1234$\r\n");
    EQ(core_read(fd, buf, (size_t)n, 3000), n);
    STR_EQ(buf, big);

    n = sprintf(big, "MSRP tttt1 SEND\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\nMessage-ID: m124\r\n"
                     "Byte-Range: 1-*/100000\r\nContent-Type: a/b\r\n\r\n");
    memset(big + n, 'x', 100000);
    n += 100000;
    n += sprintf(big + n, "\r\n-------tttt1$\r\n");
    EQ(write(fd, big, (size_t)n), n);
    n = sprintf(big, "MSRP tttt1 200 OK\r\nTo-Path: " CORE_PEER "\r\nFrom-Path: " CORE_OWN "\r\n-------tttt1$\r\n");
    EQ(core_read(fd, buf, (size_t)n, 5000), n); /* answered once, when every piece was */
    STR_EQ(buf, big);
    EQ(b.messages, 7); /* of 16 KiB at most */
    close(fd);
    CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 1, 2000));
    close(listener);
    data_end(&g);
}

TEST(bfcp_011_messages_pass_octet_for_octet_and_wrong_ones_are_answered)
{
    static const uint8_t request[] = { 0x20, 0x01, 0, 1, 0, 0, 0x10, 0xe1, 0, 7, 4, 0xd2, 5, 4, 0, 1 };
    static const uint8_t status[] = { 0x20, 0x04, 0, 3, 0,    0, 0, 1, 0,    7, 0, 2,
                                      0x1f, 0x0c, 0, 5, 0x25, 8, 0, 5, 0x0b, 4, 3, 0 };
    struct gw_addr core;
    int listener = tcp_listener(&core), fd;
    struct gw_bfcp_header h;
    char buf[200];
    struct rig g;

    data_start(&g, GW_IQ_BFCP, &core, NULL);
    fd = accept(listener, NULL, NULL);
    send_message(GW_PPID_BINARY, request, sizeof(request));
    EQ(core_read(fd, buf, sizeof(request), 3000), sizeof(request));
    MEM_EQ(buf, request, sizeof(request));
    for (size_t i = 0; i < sizeof(status); i++) { /* however TCP cuts it */
        EQ(write(fd, status + i, 1), 1);
        run_until(&(unsigned){ 0 }, 1, 3);
    }
    CHECK(run_until(&b.messages, 1, 2000));
    EQ(b.last_len, sizeof(status));
    MEM_EQ(b.last, status, sizeof(status));
    send_message(GW_PPID_BINARY, request, sizeof(request) - 4); /* shorter than it says */
    CHECK(run_until(&b.messages, 2, 2000));
    EQ(gw_bfcp_check((struct gw_span){ b.last, b.last_len }, &h), 0);
    EQ(h.primitive, GW_BFCP_ERROR);
    EQ(b.last[14], GW_BFCP_ERR_LENGTH);
    close(fd);
    close(listener);
    data_end(&g);
}

static void over_udp(struct rig *g, struct gw_iq_term *t, struct gw_iq_channel *c)
{
    (void)g;
    (void)c;
    t->transport = GW_IQ_UDP;
    t->has_rtcp_mux = true;
}

/* The next datagram of the gateway while the rest of the rig goes on. */
static ssize_t core_datagram(int fd, uint8_t *p, size_t size, unsigned ms)
{
    ssize_t n = -1;

    for (unsigned i = 0; i < ms / 10 && n < 0; i++) {
        n = phone_recv(fd, p, size, true);
        if (n < 0)
            run_for(10);
    }
    return n;
}

TEST(bfcp_005_over_udp_the_gateway_greets_repeats_and_acknowledges)
{
    static const uint8_t request[] = { 0x20, 0x01, 0, 1, 0, 0, 0x10, 0xe1, 0, 7, 4, 0xd2, 5, 4, 0, 1 };
    struct gw_bfcp_header h;
    struct gw_addr phone;
    int fd = phone_socket(false, &phone);
    uint8_t p[1500];
    struct rig g;

    data_start(&g, GW_IQ_BFCP, &phone, over_udp);
    send_message(GW_PPID_BINARY, request, sizeof(request));
    for (int i = 0; i < 2; i++) { /* the first Hello is not answered: another comes after T1 */
        EQ(core_datagram(fd, p, sizeof(p), 3000), GW_BFCP_HEADER);
        EQ(p[0], 0x40);
        EQ(p[1], GW_BFCP_HELLO);
    }
    p[0] = 0x50;
    p[1] = GW_BFCP_HELLO_ACK;
    phone_send(fd, &g.reply.locals[2].rtp, p, GW_BFCP_HEADER);
    EQ(core_datagram(fd, p, sizeof(p), 3000), sizeof(request));
    EQ(p[0], 0x40);
    MEM_EQ(p + 10, request + 10, sizeof(request) - 10);
    p[0] = 0x50;
    p[1] = GW_BFCP_FLOOR_REQUEST_STATUS;
    phone_send(fd, &g.reply.locals[2].rtp, p, sizeof(request));
    CHECK(run_until(&b.messages, 1, 2000));
    EQ(gw_bfcp_check((struct gw_span){ b.last, b.last_len }, &h), 0);
    EQ(h.version, GW_BFCP_RELIABLE);
    EQ(h.primitive, GW_BFCP_FLOOR_REQUEST_STATUS);
    EQ(h.transaction, 7);
    memcpy(p, "\x40\x08\x00\x00\x00\x00\x10\xe1\x00\x63\x04\xd2", 12); /* FloorStatus, unasked */
    phone_send(fd, &g.reply.locals[2].rtp, p, 12);
    EQ(core_datagram(fd, p, sizeof(p), 3000), 12);
    EQ(p[1], GW_BFCP_FLOOR_STATUS_ACK);
    CHECK(run_until(&b.messages, 2, 2000));
    phone_send(fd, &g.reply.locals[2].rtp, "\x80\x08 not BFCP at all", 18);
    media_both_ways(&g, 1);
    data_end(&g); /* and says Goodbye */
    EQ(phone_recv(fd, p, sizeof(p), false), 12);
    EQ(p[1], GW_BFCP_GOODBYE);
    close(fd);
}

TEST(t140_text_becomes_rtp_with_redundancy_and_back)
{
    struct gw_addr phone;
    int fd = phone_socket(false, &phone);
    struct gw_t140_red red;
    uint8_t p[500], *text = p;
    char seen[100] = "";
    struct rig g;
    ssize_t n;

    data_start(&g, GW_IQ_T140, &phone, NULL);
    send_message(GW_PPID_STRING, "gr\xc3\xbc\xc3\x9f", 6);
    for (int i = 0; i < 60 && strlen(seen) < 6; i++) {
        run_until(&(unsigned){ 0 }, 1, 20);
        while ((n = phone_recv(fd, p, sizeof(p), true)) > 12) {
            EQ(p[1] & 0x7f, 100);
            EQ(gw_t140_red_parse((struct gw_span){ p + 12, (size_t)n - 12 }, 98, &red), 0);
            if (red.primary.len && memcmp(red.primary.ptr, "\xef\xbb\xbf", 3) != 0)
                strncat(seen, red.primary.ptr, red.primary.len);
        }
    }
    STR_EQ(seen, "gr\xc3\xbc\xc3\x9f");

    memcpy(p, "\x80\xe4\x00\x01\x00\x00\x00\x01\x00\x00\x00\x07\x62hello", 18);
    phone_send(fd, &g.reply.locals[2].rtp, p, 18);
    /* the second packet is lost; the third has its text */
    text = p;
    memcpy(text, "\x80\x64\x00\x03\x00\x00\x02\x58\x00\x00\x00\x07\xe2\x09\x60\x05\xe2\x04\xb0\x03\x62hello, you", 31);
    phone_send(fd, &g.reply.locals[2].rtp, p, 31);
    for (int i = 0; i < 100 && strlen(b.text) < 10; i++)
        run_until(&(unsigned){ 0 }, 1, 20);
    STR_EQ(b.text, "hello, you");
    EQ(b.ppid, GW_PPID_STRING);
    close(fd);
    data_end(&g);
}

/* DATA_CHANNEL_OPEN of a reliable channel without a label. */
static void open_in_band(uint16_t stream, const char *protocol)
{
    uint8_t m[64] = { 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)strlen(protocol) };

    memcpy(m + 12, protocol, strlen(protocol));
    send_on(stream, GW_PPID_DCEP, m, 12 + strlen(protocol));
}

/* No channel of ours: the core termination waits for one. */
static void without_channel(struct rig *g, struct gw_iq_term *t, struct gw_iq_channel *c)
{
    (void)t;
    (void)c;
    g->want.nchannels = 0;
}

TEST(dc_009_a_known_sub_protocol_opened_in_band_waits_to_be_joined_and_others_are_reset)
{
    static char text[300000];
    struct gw_addr core;
    int listener = tcp_listener(&core), fd, n;
    struct gw_iq_req refusal = { .op = GW_IQ_RELEASE, .nchannels = 1 };
    struct rig g;

    data_start(&g, GW_IQ_MSRP, &core, without_channel);
    open_in_band(4, "chess");
    for (int i = 0; i < 100 && !b.is_reset; i++)
        run_for(20);
    CHECK(b.is_reset); /* and the call goes on */
    media_both_ways(&g, 1);
    EQ(g.events[GW_IQ_CHANNEL_OPENED], 0);

    open_in_band(RIG_SCTP_STREAM, "MSRP");
    CHECK(run_until(&g.events[GW_IQ_CHANNEL_OPENED], 1, 2000));
    EQ(g.last.sctp_stream, RIG_SCTP_STREAM);
    EQ(g.last.protocol, GW_IQ_MSRP);
    EQ(g.last.term, RIG_ACCESS);
    EQ(b.acks, 1);
    for (int i = 0; i < 4; i++) { /* more than may be kept: the rest waits at the client */
        n = sprintf(text,
                    "MSRP abcd%d SEND\r\nTo-Path: msrps://any:1/s;dc\r\nFrom-Path: " CH_PEER "\r\nMessage-ID: m123\r\n"
                    "Failure-Report: no\r\nByte-Range: 1-*/*\r\nContent-Type: a/b\r\n\r\n",
                    i);
        memset(text + n, 'a' + i, 100000);
        n += 100000 + sprintf(text + n + 100000, "\r\n-------abcd%d$\r\n", i);
        while (gw_sctp_send(b.a, &(struct gw_sctp_send){ RIG_SCTP_STREAM, GW_PPID_BINARY, false, -1, -1 },
                            (struct gw_span){ text, (size_t)n }) == GW_E_AGAIN)
            run_for(5);
    }
    run_for(50);
    g.want.nchannels = 1;
    g.want.channels[0].own_uri[0] = g.want.channels[0].peer_uri[0] = 0;
    data_ask_again(&g);
    fd = accept(listener, NULL, NULL);
    for (int i = 0; i < 4; i++) {
        n = sprintf(text,
                    "MSRP abcd%d SEND\r\nTo-Path: " CORE_PEER "\r\nFrom-Path: " CORE_OWN "\r\nMessage-ID: m123\r\n"
                    "Failure-Report: no\r\nByte-Range: 1-*/*\r\nContent-Type: a/b\r\n\r\n",
                    i);
        n += 100000 + 9 + 5 + 3;
        EQ(core_read(fd, text + 150000, (size_t)n, 5000), n);
        MEM_EQ(text + 150000, text, (size_t)n - 100017);
        EQ(text[150000 + n - 18], 'a' + i);
    }

    open_in_band(6, "bfcp"); /* of which signalling has no use */
    CHECK(run_until(&g.events[GW_IQ_CHANNEL_OPENED], 2, 2000));
    EQ(g.last.protocol, GW_IQ_BFCP);
    b.is_reset = false;
    refusal.channels[0].access_term = RIG_ACCESS;
    refusal.channels[0].stream = 6;
    EQ(rig_ask(&g, &refusal), 0);
    for (int i = 0; i < 100 && !b.is_reset; i++)
        run_for(20);
    CHECK(b.is_reset);
    EQ(rig_ask(&g, &refusal), GW_E_NOTFOUND);
    EQ(g.events[GW_IQ_CHANNEL_CLOSED], 0);

    open_in_band(8, "t140"); /* and one whose client thinks better of it */
    CHECK(run_until(&g.events[GW_IQ_CHANNEL_OPENED], 3, 2000));
    EQ(gw_sctp_reset(b.a, 8), 0);
    CHECK(run_until(&g.events[GW_IQ_CHANNEL_CLOSED], 1, 2000));
    EQ(g.last.sctp_stream, 8);
    EQ(g.last.stream, 0);
    close(fd);
    close(listener);
    data_end(&g);
}

static void new_association(uint16_t own, uint16_t peer)
{
    gw_sctp_free(b.a);
    b.is_up = b.is_down = false;
    b.a = data_associate(own, peer);
}

TEST(sctp_003_another_port_is_another_association_and_channels_live_on_in_it)
{
    struct gw_addr core;
    int listener = tcp_listener(&core), fd;
    char buf[20];
    struct rig g;
    static const uint8_t request[] = { 0x20, 0x01, 0, 1, 0, 0, 0x10, 0xe1, 0, 7, 4, 0xd2, 5, 4, 0, 1 };

    data_start(&g, GW_IQ_BFCP, &core, NULL);
    fd = accept(listener, NULL, NULL);
    g.want.terms[0].remote_sctp_port = 5003;
    g.want.terms[0].sctp_port = 5002;
    data_ask_again(&g);
    new_association(5003, 5002);
    for (int i = 0; i < 500 && !b.is_up; i++)
        run_for(10);
    CHECK(b.is_up);
    send_message(GW_PPID_BINARY, request, sizeof(request));
    EQ(core_read(fd, buf, sizeof(request), 3000), sizeof(request));
    EQ(g.events[GW_IQ_CHANNEL_CLOSED], 0);
    g.want.terms[0].remote_sctp_port = 0; /* none any more */
    data_ask_again(&g);
    for (int i = 0; i < 200 && !b.is_down; i++)
        run_for(10);
    CHECK(b.is_down);
    media_both_ways(&g, 1);
    close(fd);
    close(listener);
    data_end(&g);
}

static void unknown_fingerprint(struct rig *g, struct gw_iq_term *t, struct gw_iq_channel *c)
{
    (void)t;
    (void)c;
    g->want.terms[0].fingerprints[0].value[0] ^= 1;
}

TEST(sctp_001_no_association_with_a_peer_of_another_fingerprint)
{
    static const struct gw_addr nobody;
    struct rig g;

    data_refused = true;
    data_start(&g, GW_IQ_MSRP, &nobody, unknown_fingerprint);
    CHECK(rig_wait_event(&g, GW_IQ_DTLS_FAILED, 1, 3000));
    EQ(g.cause[GW_IQ_DTLS_FAILED], GW_E_MISMATCH);
    EQ(g.events[GW_IQ_SCTP_UP], 0);
    data_end(&g);
    data_refused = false;
}
