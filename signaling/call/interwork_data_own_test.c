/* Data channels apart from SDP: opened in band, closed without a word, connections lost; what the core is told of them.
 */
#include "signaling/call/interwork_data_test.h"

#define CORE_CHAT "m=message 31000 TCP/MSRP *\r\na=path:msrp://10.0.0.9:31000/z;tcp\r\na=accept-types:text/plain\r\n"
#define CORE_AUDIO "m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"

/* Voice and an association without a channel are up. */
static void voice_up(struct session *s)
{
    session_open(s, "");
    (void)offer(s, ACCESS, WIC_HEAD("2") "a=group:BUNDLE 0 1\r\n" CLIENT_AUDIO("0") DATA_HEAD_OF("1"));
    (void)answer(s, PHONE_HEAD("1") CORE_AUDIO);
    CHECK(strstr(s->text, "m=application 40000 UDP/DTLS/SCTP webrtc-datachannel\r\n") != NULL);
}

static void opened(struct session *s, uint16_t stream, uint8_t protocol)
{
    struct gw_iq_notify n = { .event = GW_IQ_CHANNEL_OPENED, .sctp_stream = stream, .protocol = protocol };

    n.term = s->ms->now.streams[0].term[ACCESS];
    gw_ms_channel_opened(s->ms, &n);
}

static bool closed(struct session *s, unsigned id, uint16_t stream)
{
    struct gw_iq_notify n = { .event = GW_IQ_CHANNEL_CLOSED, .stream = (uint8_t)id, .sctp_stream = stream };

    n.term = s->ms->now.streams[0].term[ACCESS];
    return gw_ms_channel_closed(s->ms, &n);
}

/* The gateway's own offer with new m-lines, as the core sees it. */
static void offer_own(struct session *s)
{
    struct gw_iq_reply reply;
    char *out = NULL;
    size_t len = 0;

    CHECK(gw_ms_wants_offer(s->ms, CORE) && gw_ms_wants_lines(s->ms));
    EQ(gw_ms_offer_own(s->ms, &s->req), 0);
    reply = test_reply(&s->req);
    EQ(gw_ms_offer_out(s->ms, &reply, &out, &len), 0);
    check_reads(out);
    put_text(s, out);
}

TEST(DC_007_DC_009_a_channel_opened_in_band_becomes_a_line_of_the_core_and_is_in_no_sdp_of_the_browser)
{
    struct session s;
    size_t len;

    voice_up(&s);
    opened(&s, 2, GW_IQ_MSRP);
    opened(&s, 4, GW_IQ_T140);
    offer_own(&s);
    CHECK(strstr(s.text, "m=audio 20004 RTP/AVP 8\r\n") != NULL);
    CHECK(strstr(s.text, "m=message 20006 TCP/MSRP *\r\nc=IN IP4 10.0.0.5\r\na=path:msrp://10.0.0.5:20006/") != NULL);
    CHECK(strstr(s.text, "a=setup:actpass\r\na=accept-types:*\r\na=sendrecv\r\n") != NULL);
    CHECK(strstr(s.text, "m=text 20008 RTP/AVP 99 98\r\n") && strstr(s.text, "a=fmtp:98 cps=30\r\n"));
    EQ(s.req.nterms, 2);
    EQ(s.req.nchannels, 2);
    STR_EQ(answer(&s, PHONE_HEAD("2") CORE_AUDIO CORE_CHAT "m=text 0 RTP/AVP 99\r\n"), ""); /* nobody else asked */
    EQ(s.answer_req.nchannels, 2);
    EQ(s.answer_req.channels[0].stream, 2);
    STR_EQ(s.answer_req.channels[0].peer_uri, ""); /* learnt from its first message */
    STR_EQ(s.answer_req.channels[0].own_uri, "");
    CHECK(s.answer_req.channels[0].to_core && s.answer_req.channels[0].to_access);
    CHECK(!s.answer_req.channels[1].to_core);
    CHECK(strstr(gw_ms_current(s.ms, ACCESS, &len), "dcmap") == NULL);
    CHECK(gw_ms_release(s.ms, &s.req)); /* text was refused: its stream is reset */
    EQ(s.req.nterms, 1);
    CHECK(!gw_ms_release(s.ms, &s.req) && !gw_ms_wants_offer(s.ms, CORE));

    /* the browser offers something else: its channel is not concerned */
    (void)offer(&s, ACCESS, WIC_HEAD("3") "a=group:BUNDLE 0 1\r\n" CLIENT_AUDIO("0") DATA_HEAD_OF("1"));
    CHECK(strstr(s.text, "m=message 20006 TCP/MSRP *\r\n") != NULL);
    (void)answer(&s, PHONE_HEAD("3") CORE_AUDIO CORE_CHAT "m=text 0 RTP/AVP 99\r\n");
    EQ(s.answer_req.channels[0].stream, 2);
    CHECK(s.answer_req.channels[0].to_core);

    /* nor when the core holds the call; then it closes, and the core is told */
    (void)offer(&s, CORE, PHONE_HEAD("4") CORE_AUDIO CORE_CHAT "m=text 0 RTP/AVP 99\r\n");
    CHECK(strstr(s.text, "dcmap") == NULL);
    (void)answer(&s, WIC_HEAD("4") "a=group:BUNDLE 0 1\r\n" CLIENT_AUDIO("0") CLIENT_DATA("1"));
    CHECK(strstr(s.text, "m=message 20006 TCP/MSRP *\r\n") != NULL);
    CHECK(!closed(&s, s.answer_req.channels[0].id, 0)); /* there is voice */
    CHECK(gw_ms_wants_offer(s.ms, CORE) && !gw_ms_wants_lines(s.ms));
    session_close(&s);
}

TEST(DC_009_a_channel_in_band_outlives_a_glare_and_ends_with_a_refusal)
{
    struct session s;
    uint8_t term;

    voice_up(&s);
    opened(&s, 2, GW_IQ_MSRP);
    offer_own(&s);
    term = s.req.terms[0].id;
    EQ(gw_ms_rollback(s.ms, &s.req), 0);
    EQ(s.req.nterms, 0); /* its port is kept */
    CHECK(!gw_ms_release(s.ms, &s.req));
    (void)offer(&s, CORE, PHONE_HEAD("2") CORE_AUDIO); /* what it met */
    (void)answer(&s, WIC_HEAD("3") "a=group:BUNDLE 0 1\r\n" CLIENT_AUDIO("0") CLIENT_DATA("1"));
    offer_own(&s);
    EQ(s.req.nterms, 0);
    CHECK(strstr(s.text, "m=message 20006 TCP/MSRP *\r\n") != NULL);
    EQ(gw_ms_rollback(s.ms, &s.req), 0);
    gw_ms_drop_in_band(s.ms); /* 488 */
    CHECK(!gw_ms_wants_offer(s.ms, CORE));
    CHECK(gw_ms_release(s.ms, &s.req));
    EQ(s.req.nterms, 1);
    EQ(s.req.terms[0].id, term);
    session_close(&s);
}

TEST(DC_009_a_channel_in_band_that_cannot_be_carried_is_reset)
{
    struct session s;

    voice_up(&s);
    opened(&s, 2, GW_IQ_BFCP); /* no conference, no user */
    CHECK(!gw_ms_wants_offer(s.ms, CORE));
    CHECK(gw_ms_release(s.ms, &s.req));
    EQ(s.req.nterms, 0);
    EQ(s.req.nchannels, 1);
    EQ(s.req.channels[0].stream, 2);
    EQ(s.req.channels[0].access_term, s.ms->now.streams[0].term[ACCESS]);
    CHECK(!gw_ms_release(s.ms, &s.req));
    opened(&s, 2, GW_IQ_MSRP);
    CHECK(!closed(&s, 0, 2) && !gw_ms_wants_lines(s.ms)); /* the browser changed its mind */
    for (unsigned i = 0; i < 9; i++)
        opened(&s, (uint16_t)(10 + 2 * i), GW_IQ_T140);
    CHECK(gw_ms_release(s.ms, &s.req)); /* the ninth */
    EQ(s.req.channels[0].stream, 26);
    offer_own(&s);
    EQ(s.req.nchannels, 8);
    session_close(&s);
}

TEST(DC_005_the_core_is_told_of_channels_whose_association_is_lost)
{
    struct gw_iq_notify n = { .event = GW_IQ_CHANNEL_CLOSED };
    struct session s;
    char *out = NULL;
    size_t len;

    session_open(&s, "");
    (void)offer(&s, ACCESS, WIC_HEAD("2") "a=group:BUNDLE 0 1\r\n" CLIENT_AUDIO("1") DATA_HEAD MSRP_CHANNEL);
    (void)answer(&s, PHONE_HEAD("1") CORE_AUDIO CORE_CHAT);
    n.stream = s.answer_req.channels[0].id;
    CHECK(!gw_ms_channel_closed(s.ms, &n) &&
          !gw_ms_wants_offer(s.ms, CORE)); /* closed by the browser, which will say so */
    n.cause = GW_E_CLOSED;
    CHECK(!gw_ms_channel_closed(s.ms, &n) && gw_ms_wants_offer(s.ms, CORE));
    EQ(gw_ms_reoffer(s.ms, CORE, &out, &len), 0);
    CHECK(strstr(out, "m=audio 20004 ") && strstr(out, "m=message 0 TCP/MSRP *\r\n"));
    free(out);
    (void)answer(&s, PHONE_HEAD("2") CORE_AUDIO "m=message 0 TCP/MSRP *\r\n");
    CHECK(gw_ms_release(s.ms, &s.req));
    session_close(&s);
}

TEST(MSRP_028_a_lost_connection_is_asked_for_anew)
{
    struct session s;
    unsigned id;
    char *out = NULL;
    size_t len;

    session_open(&s, "");
    (void)offer(&s, ACCESS, WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD MSRP_CHANNEL BFCP_CHANNEL);
    (void)answer(&s,
                 PHONE_HEAD("1") CORE_CHAT "m=application 32000 TCP/BFCP *\r\na=setup:active\r\na=connection:new\r\n");
    id = s.answer_req.channels[1].id;
    CHECK(!gw_ms_connection_lost(s.ms, 99) && !gw_ms_wants_offer(s.ms, CORE));
    CHECK(gw_ms_connection_lost(s.ms, id) && gw_ms_wants_offer(s.ms, CORE));
    EQ(gw_ms_reoffer(s.ms, CORE, &out, &len), 0);
    CHECK(strstr(out, "m=message 20004 ") && strstr(out, "a=setup:actpass\r\na=connection:new\r\n"));
    free(out);
    (void)answer(&s,
                 PHONE_HEAD("2") CORE_CHAT "m=application 32000 TCP/BFCP *\r\na=setup:passive\r\na=connection:new\r\n");
    EQ(s.answer_req.terms[1].tcp_generation, 0);
    EQ(s.answer_req.terms[2].tcp_generation, 1);
    EQ(s.answer_req.terms[2].tcp_setup, GW_IQ_SETUP_ACTIVE); /* roles may be others now */
    CHECK(!gw_ms_wants_offer(s.ms, CORE));
    CHECK(!closed(&s, id, 0));
    CHECK(closed(&s, s.answer_req.channels[0].id, 0)); /* the last one, and no other media */
    session_close(&s);
}
