/* Data channels of a browser and their m-lines towards the core, with the whole descriptions on the page. */
#include "signaling/call/interwork_data_test.h"

static const char wic_data[] = WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD MSRP_CHANNEL BFCP_CHANNEL TEXT_CHANNEL
                                             "a=dcmap:6 subprotocol=\"chess\"\r\n";

static const char core_answers[] =
    PHONE_HEAD("1") "m=message 31000 TCP/MSRP "
                    "*\r\na=path:msrp://10.0.0.9:31000/z;tcp\r\na=accept-types:text/plain\r\na=setup:passive\r\n"
                    "m=application 32000 TCP/BFCP *\r\na=floorctrl:s-only\r\na=confid:1\r\na=userid:2\r\na=floorid:3 "
                    "mstrm:10\r\na=setup:active\r\n"
                    "m=text 33000 RTP/AVP 100 97\r\na=rtpmap:97 t140/1000\r\na=rtpmap:100 red/1000\r\na=fmtp:100 "
                    "97/97/97\r\na=fmtp:97 cps=25\r\n";

/* Our random session name of MSRP URIs, made readable. */
static const char *with_token(struct session *s, const char *text)
{
    static char out[8192];
    const char *token = s->ms->now.channels[0].token;
    char *p = out;

    while (*text) {
        if (strncmp(text, token, 16) == 0) {
            p += sprintf(p, "TOKEN");
            text += 16;
        } else {
            *p++ = *text++;
        }
    }
    *p = 0;
    return out;
}

TEST(DC_010_MSRP_012_013_015_one_line_of_channels_becomes_a_line_for_each)
{
    struct session s;

    session_open(&s, "");
    (void)offer(&s, ACCESS, wic_data);
    STR_EQ(
        with_token(&s, s.text),
        TO_CORE(
            "1") "m=message 20004 TCP/MSRP *\r\nc=IN IP4 "
                 "10.0.0.5\r\na=path:msrp://10.0.0.5:20004/TOKEN;tcp\r\na=setup:actpass\r\n"
                 "a=accept-types:text/plain message/cpim\r\na=file-selector:name:\"a;b.txt\" size:5\r\na=sendrecv\r\n"
                 "m=application 20006 TCP/BFCP *\r\nc=IN IP4 10.0.0.5\r\na=setup:actpass\r\na=connection:new\r\n"
                 "a=floorctrl:c-only\r\na=bfcpver:1\r\na=sendrecv\r\n"
                 "m=text 20008 RTP/AVP 99 98\r\nc=IN IP4 10.0.0.5\r\na=rtpmap:98 t140/1000\r\na=rtpmap:99 red/1000\r\n"
                 "a=fmtp:99 98/98/98\r\na=fmtp:98 cps=20\r\na=hlang-send:es eo\r\na=sendrecv\r\n");
    EQ(s.req.nterms, 4);
    CHECK(s.req.terms[0].has_sctp);
    EQ(s.req.terms[0].remote_sctp_port, 5001);
    EQ(s.req.terms[0].remote_max_message, 100000);
    EQ(s.req.terms[1].transport, GW_IQ_TCP);
    EQ(s.req.terms[3].transport, GW_IQ_UDP);
    EQ(s.req.nchannels, 3); /* made with the ports, so that they listen before the core knows them */

    (void)answer(&s, core_answers);
    STR_EQ(
        with_token(&s, s.text),
        TO_ACCESS(
            "1") "a=group:BUNDLE 0\r\na=ice-lite\r\n"
                 "m=application 40000 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 198.51.100.5\r\na=mid:0\r\n" OUR_ICE(
                     "1g1") "a=setup:passive\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
                            "a=dcmap:0 label=\"chat\";subprotocol=\"MSRP\"\r\n"
                            "a=dcsa:0 path:msrps://198.51.100.5:40000/TOKEN;dc\r\na=dcsa:0 msrp-cema\r\na=dcsa:0 "
                            "setup:passive\r\n"
                            "a=dcsa:0 accept-types:text/plain\r\na=dcsa:0 sendrecv\r\n"
                            "a=dcmap:2 subprotocol=\"bfcp\"\r\na=dcsa:2 floorctrl:s-only\r\na=dcsa:2 "
                            "confid:1\r\na=dcsa:2 userid:2\r\n"
                            "a=dcsa:2 floorid:3 mstrm:10\r\na=dcsa:2 sendrecv\r\n"
                            "a=dcmap:4 label=\"rtt\";subprotocol=\"t140\"\r\na=dcsa:4 fmtp:t140 cps=25\r\na=dcsa:4 "
                            "sendrecv\r\n");
    EQ(s.answer_req.nstreams, 0);
    EQ(s.answer_req.nchannels, 3);
    STR_EQ(s.answer_req.channels[0].core_path, "msrp://10.0.0.9:31000/z;tcp");
    STR_EQ(s.answer_req.channels[0].peer_uri, "msrps://b1.invalid:9/s1;dc");
    CHECK(s.answer_req.channels[0].to_core && s.answer_req.channels[0].to_access);
    EQ(s.answer_req.terms[1].tcp_setup, GW_IQ_SETUP_ACTIVE);
    EQ(s.answer_req.terms[2].tcp_setup, GW_IQ_SETUP_PASSIVE);
    EQ(s.answer_req.channels[2].t140_pt, 97);
    EQ(s.answer_req.channels[2].red_pt, 100);
    EQ(s.answer_req.channels[2].core_cps, 25);
    EQ(s.answer_req.channels[2].access_cps, 20);
    session_close(&s);
}

TEST(DC_004_a_refused_channel_is_missing_in_the_answer_and_the_others_live)
{
    struct session s;

    session_open(&s, "");
    (void)offer(&s, ACCESS, wic_data);
    (void)answer(
        &s,
        PHONE_HEAD(
            "1") "m=message 0 TCP/MSRP *\r\n"
                 "m=application 32000 TCP/BFCP *\r\na=floorctrl:s-only\r\na=setup:passive\r\nm=text 0 RTP/AVP 99\r\n");
    CHECK(strstr(s.text, "a=dcmap:2 ") != NULL);
    CHECK(strstr(s.text, "a=dcmap:0 ") == NULL);
    CHECK(strstr(s.text, "a=dcmap:4 ") == NULL);
    session_close(&s);
}

TEST(DC_005_voice_and_a_channel_in_one_bundle_and_another_added_later)
{
    static const char audio[] = "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\nc=IN IP4 0.0.0.0\r\n" ICE
                                "a=setup:actpass\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";
    static const char core_voice[] = "m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
    static const char core_plain[] = "m=text 33000 RTP/AVP 97\r\na=rtpmap:97 t140/1000\r\n";
    char text[4096];
    struct session s;

    session_open(&s, "");
    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0 1\r\n%s%s%s", WIC_HEAD("2"), DATA_HEAD, TEXT_CHANNEL, audio);
    (void)offer(&s, ACCESS, text);
    CHECK(strstr(s.text, "m=text 20004 RTP/AVP 99 98\r\n") < strstr(s.text, "m=audio 20006 RTP/AVP 8\r\n"));
    snprintf(text, sizeof(text), "%s%s%s", PHONE_HEAD("1"), core_plain, core_voice);
    (void)answer(&s, text);
    CHECK(strstr(s.text, "a=group:BUNDLE 0 1\r\n") != NULL);
    EQ(s.answer_req.nstreams, 1);
    EQ(s.answer_req.nchannels, 1);
    EQ(s.answer_req.channels[0].red_pt, 0xff); /* the core takes text without redundancy */
    EQ(s.answer_req.channels[0].access_term, s.answer_req.streams[0].access_term);

    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0 1\r\n%s%s%s%s", WIC_HEAD("3"), DATA_HEAD, TEXT_CHANNEL,
             BFCP_CHANNEL, audio);
    (void)offer(&s, ACCESS, text);
    CHECK(strstr(s.text, "m=text 20004 ") != NULL); /* its port is kept */
    CHECK(strstr(s.text, "m=audio 20006 ") < strstr(s.text, "m=application 20008 TCP/BFCP *\r\n"));
    EQ(s.req.nterms, 1); /* the new one alone */
    snprintf(text, sizeof(text), "%s%s%sm=application 32000 TCP/BFCP *\r\na=setup:passive\r\n", PHONE_HEAD("2"),
             core_plain, core_voice);
    (void)answer(&s, text);
    CHECK(strstr(s.text, "a=dcmap:2 ") != NULL && strstr(s.text, "a=dcmap:4 ") != NULL);
    session_close(&s);
}

TEST(DC_005_the_core_holds_the_call_and_the_channels_stay)
{
    char text[4096];
    struct session s;

    session_open(&s, "");
    (void)offer(&s, ACCESS, wic_data);
    (void)answer(&s, core_answers);
    snprintf(text, sizeof(text), "%s%s", PHONE_HEAD("2"), strstr(core_answers, "m=message"));
    (void)offer(&s, CORE, text);
    CHECK(strstr(s.text, "m=application 40000 UDP/DTLS/SCTP webrtc-datachannel\r\n") != NULL);
    CHECK(strstr(s.text, "a=setup:actpass\r\n") != NULL);
    CHECK(strstr(s.text, "a=dcmap:0 ") && strstr(s.text, "a=dcmap:2 ") && strstr(s.text, "a=dcmap:4 "));
    (void)answer(&s, CLIENT_ANSWERS("0") MSRP_CHANNEL BFCP_CHANNEL TEXT_CHANNEL);
    CHECK(strstr(s.text, "m=message 20004 TCP/MSRP *\r\n") && strstr(s.text, "m=application 20006 TCP/BFCP *\r\n") &&
          strstr(s.text, "m=text 20008 RTP/AVP 100 97\r\n"));
    EQ(s.answer_req.terms[1].tcp_setup, GW_IQ_SETUP_ACTIVE); /* the connection keeps its roles */
    CHECK(!gw_ms_release(s.ms, &s.req));
    session_close(&s);
}

/* ---- offers of the core ---- */

static const char core_chat[] = "m=message 31000 TCP/MSRP *\r\na=path:msrp://10.0.0.9:31000/z;tcp\r\n"
                                "a=accept-types:text/plain\r\na=setup:actpass\r\n";
static const char core_floor[] = "m=application 9 TCP/BFCP *\r\na=floorctrl:c-s\r\na=confid:1\r\na=userid:2\r\n"
                                 "a=floorid:3 m-stream:10 11\r\na=setup:active\r\na=connection:new\r\n";
static const char core_text[] = "m=text 33000 RTP/AVP 100 97\r\na=rtpmap:97 t140/1000\r\na=rtpmap:100 red/1000\r\n"
                                "a=fmtp:100 97/97/97/97\r\na=fmtp:97 cps=25\r\na=sendonly\r\n";
static const char core_audio[] = "m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=label:10\r\n";

static const char *join(const char *a, const char *b, const char *c, const char *d, const char *e)
{
    static char text[8192];

    snprintf(text, sizeof(text), "%s%s%s%s%s", a, b, c, d, e);
    return text;
}

TEST(DC_004_BFCP_006_007_T140_004_lines_of_the_core_become_channels_of_one_line)
{
    struct session s;

    session_open(&s, "");
    (void)offer(&s, CORE, join(PHONE_HEAD("1"), core_chat, core_floor, core_text, ""));
    STR_EQ(with_token(&s, s.text),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\na=ice-lite\r\n"
                          "m=application 40000 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 "
                          "198.51.100.5\r\na=mid:0\r\n" OUR_ICE(
                              "1g1") "a=setup:actpass\r\na=3ge2ae:applied\r\na=sctp-port:5000\r\na=max-message-size:"
                                     "262144\r\n"
                                     "a=dcmap:1 subprotocol=\"msrp\"\r\n"
                                     "a=dcsa:1 path:msrps://198.51.100.5:40000/TOKEN;dc\r\na=dcsa:1 "
                                     "msrp-cema\r\na=dcsa:1 setup:actpass\r\n"
                                     "a=dcsa:1 accept-types:text/plain\r\na=dcsa:1 sendrecv\r\n"
                                     "a=dcmap:3 subprotocol=\"bfcp\"\r\na=dcsa:3 floorctrl:c-only s-only\r\na=dcsa:3 "
                                     "confid:1\r\n"
                                     "a=dcsa:3 userid:2\r\na=dcsa:3 floorid:3 mstrm:10 11\r\na=dcsa:3 sendrecv\r\n"
                                     "a=dcmap:5 subprotocol=\"t140\"\r\na=dcsa:5 fmtp:t140 cps=25\r\na=dcsa:5 "
                                     "sendonly\r\n"); /* T140-004 */
    EQ(s.req.nchannels, 3);
    CHECK(s.req.terms[0].has_sctp && s.req.terms[0].has_ice);
    EQ(s.req.terms[1].transport, GW_IQ_TCP);

    (void)answer(
        &s,
        CLIENT_ANSWERS(
            "0") "a=dcmap:1 subprotocol=\"msrp\"\r\na=dcsa:1 path:msrps://b1.invalid:9/s1;dc\r\na=dcsa:1 msrp-cema\r\n"
                 "a=dcsa:1 setup:active\r\na=dcsa:1 accept-types:text/plain\r\n"
                 "a=dcmap:3 subprotocol=\"bfcp\"\r\na=dcsa:3 floorctrl:c-only\r\n"
                 "a=dcmap:5 subprotocol=\"t140\"\r\na=dcsa:5 fmtp:t140 cps=20\r\na=dcsa:5 recvonly\r\n");
    STR_EQ(with_token(&s, s.text),
           TO_CORE("1") "m=message 20004 TCP/MSRP *\r\nc=IN IP4 "
                        "10.0.0.5\r\na=path:msrp://10.0.0.5:20004/TOKEN;tcp\r\na=setup:active\r\n"
                        "a=accept-types:text/plain\r\na=sendrecv\r\n"
                        "m=application 20006 TCP/BFCP *\r\nc=IN IP4 10.0.0.5\r\na=setup:passive\r\na=connection:new\r\n"
                        "a=floorctrl:c-only\r\na=sendrecv\r\n"
                        "m=text 20008 RTP/AVP 100 97\r\nc=IN IP4 10.0.0.5\r\na=rtpmap:97 t140/1000\r\na=rtpmap:100 "
                        "red/1000\r\n"
                        "a=fmtp:100 97/97/97/97\r\na=fmtp:97 cps=20\r\na=recvonly\r\n");
    EQ(s.answer_req.nchannels, 3);
    EQ(s.answer_req.terms[0].remote_sctp_port, 5001);
    EQ(s.answer_req.terms[1].tcp_setup, GW_IQ_SETUP_ACTIVE); /* MSRP-017 */
    EQ(s.answer_req.terms[2].tcp_setup, GW_IQ_SETUP_PASSIVE);
    EQ(s.answer_req.channels[0].stream, 1);
    STR_EQ(s.answer_req.channels[0].peer_uri, "msrps://b1.invalid:9/s1;dc");
    STR_EQ(s.answer_req.channels[0].core_path, "msrp://10.0.0.9:31000/z;tcp");
    EQ(s.answer_req.channels[2].generations, 3); /* as many as the core asks for */
    CHECK(!s.answer_req.channels[2].to_core && s.answer_req.channels[2].to_access);
    session_close(&s);
}

TEST(DC_004_a_page_that_knows_no_dcmap_declines_the_channels_and_the_call_goes_on)
{
    struct session s;

    session_open(&s, "");
    (void)offer(&s, CORE, join(PHONE_HEAD("1"), core_audio, core_chat, core_text, ""));
    CHECK(strstr(s.text, "a=group:BUNDLE 0 1\r\n") != NULL); /* the core's two are one */
    CHECK(strstr(s.text, "a=label:10\r\n") != NULL);         /* BFCP-007: what floors name */
    (void)answer(&s, WIC_HEAD("2") "a=group:BUNDLE 0 1\r\n" CLIENT_AUDIO("0") CLIENT_DATA("1"));
    CHECK(strstr(s.text, "m=audio 20002 RTP/AVP 8\r\n") != NULL);
    CHECK(strstr(s.text, "m=message 0 TCP/MSRP *\r\n") && strstr(s.text, "m=text 0 RTP/AVP 100\r\n"));
    CHECK(gw_ms_release(s.ms, &s.req));
    EQ(s.req.op, GW_IQ_RELEASE);
    EQ(s.req.nterms, 2);
    CHECK(!gw_ms_release(s.ms, &s.req));

    /* the core asks again for what is there: the association stays, and with it the browser's m-line */
    (void)offer(&s, CORE, join(PHONE_HEAD("2"), core_audio, "m=message 0 TCP/MSRP *\r\n", core_text, ""));
    CHECK(strstr(s.text, "m=application 40000 UDP/DTLS/SCTP webrtc-datachannel\r\n") != NULL);
    CHECK(strstr(s.text, "a=dcmap:5 subprotocol=\"t140\"\r\n") != NULL); /* a new id: 3 was used */
    (void)answer(&s, WIC_HEAD("3") "a=group:BUNDLE 0 1\r\n" CLIENT_AUDIO("0")
                         CLIENT_DATA("1") "a=dcmap:5 subprotocol=\"t140\"\r\n");
    CHECK(strstr(s.text, "m=message 0 TCP/MSRP *\r\n") && strstr(s.text, " RTP/AVP 100 97\r\n"));
    session_close(&s);

    session_open(&s, ""); /* and alone: there is nothing left to call for */
    (void)offer(&s, CORE, join(PHONE_HEAD("1"), core_chat, "", "", ""));
    EQ(gw_ms_answer(s.ms, gw_span_str(CLIENT_ANSWERS("0")), &s.answer_req, &s.why), GW_E_UNSUPPORTED);
    session_close(&s);

    session_open(&s, ""); /* or it rejects the m-line */
    (void)offer(&s, CORE, join(PHONE_HEAD("1"), core_audio, core_chat, "", ""));
    (void)answer(&s, WIC_HEAD("2") "a=group:BUNDLE 0\r\n" CLIENT_AUDIO(
                         "0") "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n");
    CHECK(strstr(s.text, "m=message 0 TCP/MSRP *\r\n") != NULL);
    session_close(&s);
}

TEST(DC_005_the_core_adds_a_channel_and_takes_it_away)
{
    struct session s;
    uint8_t term;

    session_open(&s, "");
    (void)offer(&s, CORE, join(PHONE_HEAD("1"), core_audio, "", "", ""));
    (void)answer(&s, WIC_HEAD("2") "a=group:BUNDLE 0\r\n" CLIENT_AUDIO("0"));
    (void)offer(&s, CORE, join(PHONE_HEAD("2"), core_audio, core_chat, "", ""));
    CHECK(strstr(s.text, "a=group:BUNDLE 0 1\r\n") && strstr(s.text, "a=dcmap:1 "));
    EQ(s.req.nterms, 1); /* the connection alone; the association is of the bundle that is there */
    term = s.req.terms[0].id;
    (void)answer(&s, WIC_HEAD("3") "a=group:BUNDLE 0 1\r\n" CLIENT_AUDIO("0")
                         CLIENT_DATA("1") "a=dcmap:1 subprotocol=\"msrp\"\r\na=dcsa:1 path:msrps://b:9/s;dc\r\n");
    EQ(s.answer_req.nchannels, 1);
    CHECK(s.answer_req.terms[1].has_sctp);
    (void)offer(&s, CORE, join(PHONE_HEAD("3"), core_audio, "m=message 0 TCP/MSRP *\r\n", "", ""));
    CHECK(strstr(s.text, "m=application 40000 ") &&
          !strstr(s.text, "a=dcmap:")); /* the port is kept (RFC 8864 s. 6.6.1) */
    (void)answer(&s, WIC_HEAD("4") "a=group:BUNDLE 0 1\r\n" CLIENT_AUDIO("0") CLIENT_DATA("1"));
    CHECK(strstr(s.text, "m=message 0 TCP/MSRP *\r\n") != NULL);
    CHECK(gw_ms_release(s.ms, &s.req));
    EQ(s.req.nterms, 1);
    EQ(s.req.terms[0].id, term);
    session_close(&s);
}

TEST(DC_005_the_browser_takes_its_channels_away_one_by_one)
{
    struct session s;

    session_open(&s, "");
    (void)offer(&s, ACCESS, wic_data);
    (void)answer(&s, core_answers);
    (void)offer(&s, ACCESS, join(WIC_HEAD("3"), "a=group:BUNDLE 0\r\n", DATA_HEAD, BFCP_CHANNEL, ""));
    CHECK(strstr(s.text, "m=message 0 TCP/MSRP *\r\n") && strstr(s.text, "m=application 20006 TCP/BFCP *\r\n") &&
          strstr(s.text, "m=text 0 RTP/AVP "));
    CHECK(strstr(s.text, "a=connection:existing\r\n") != NULL);
    (void)answer(&s, PHONE_HEAD("2") "m=message 0 TCP/MSRP *\r\nm=application 32000 TCP/BFCP *\r\na=setup:active\r\n"
                                     "m=text 0 RTP/AVP 99\r\n");
    CHECK(gw_ms_release(s.ms, &s.req));
    EQ(s.req.nterms, 2);
    /* the last one: the association stays without any */
    (void)offer(&s, ACCESS, join(WIC_HEAD("4"), "a=group:BUNDLE 0\r\n", DATA_HEAD, "", ""));
    CHECK(strstr(s.text, "m=application 0 TCP/BFCP *\r\n") != NULL);
    (void)answer(&s, PHONE_HEAD("3") "m=message 0 TCP/MSRP *\r\nm=application 0 TCP/BFCP *\r\nm=text 0 RTP/AVP 99\r\n");
    CHECK(strstr(s.text, "m=application 40000 ") && !strstr(s.text, "dcmap"));
    CHECK(gw_ms_release(s.ms, &s.req));
    /* and one anew, at the place of one that was */
    (void)offer(&s, ACCESS, join(WIC_HEAD("5"), "a=group:BUNDLE 0\r\n", DATA_HEAD, TEXT_CHANNEL, ""));
    CHECK(strstr(s.text, "m=text 20010 RTP/AVP 99 98\r\n") < strstr(s.text, "m=application 0 TCP/BFCP *\r\n"));
    EQ(s.req.channels[0].id, 12); /* an id at Iq serves once */
    session_close(&s);
}

TEST(SCTP_003_DC_004_an_association_without_channels_is_taken_beside_other_media)
{
    struct session s;

    session_open(&s, "");
    (void)offer(&s, ACCESS,
                join(WIC_HEAD("2"), "a=group:BUNDLE 0 1\r\n", CLIENT_AUDIO("1"), DATA_HEAD,
                     "a=dcmap:6 subprotocol=\"chess\"\r\n"));
    STR_EQ(s.text, TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\nc=IN IP4 10.0.0.5\r\nb=AS:80\r\na=rtpmap:8 PCMA/8000\r\n"
                                "a=sendrecv\r\n");
    (void)answer(&s, join(PHONE_HEAD("1"), core_audio, "", "", ""));
    CHECK(strstr(s.text, "m=application 40000 ") && strstr(s.text, "a=sctp-port:5000\r\n") && !strstr(s.text, "dcmap"));
    CHECK(s.answer_req.terms[0].has_sctp);
    EQ(s.answer_req.nchannels, 0);
    session_close(&s);
}

TEST(SCTP_005_the_old_syntax_is_read_and_answered_in_kind)
{
    struct session s;

    session_open(&s, "");
    (void)offer(&s, ACCESS,
                WIC_HEAD("2") "a=group:BUNDLE 0\r\nm=application 9 DTLS/SCTP 5002\r\nc=IN IP4 0.0.0.0\r\n" ICE
                              "a=setup:actpass\r\na=mid:0\r\na=sctpmap:5002 webrtc-datachannel 1024\r\n" TEXT_CHANNEL);
    EQ(s.req.terms[0].remote_sctp_port, 5002);
    EQ(s.req.terms[0].remote_max_message, 65536); /* SCTP-004 */
    (void)answer(&s, join(PHONE_HEAD("1"), core_text, "", "", ""));
    CHECK(strstr(s.text, "m=application 40000 DTLS/SCTP 5000\r\n") != NULL);
    CHECK(strstr(s.text, "a=sctpmap:5000 webrtc-datachannel 1024\r\n") && !strstr(s.text, "sctp-port"));
    (void)offer(&s, CORE, join(PHONE_HEAD("2"), core_text, "", "", "")); /* and offered so */
    CHECK(strstr(s.text, "m=application 40000 DTLS/SCTP 5000\r\n") != NULL);
    (void)answer(&s,
                 WIC_HEAD("3") "a=group:BUNDLE 0\r\nm=application 9 DTLS/SCTP 5002\r\nc=IN IP4 0.0.0.0\r\n" ICE
                               "a=setup:active\r\na=mid:0\r\na=sctpmap:5002 webrtc-datachannel 1024\r\n" TEXT_CHANNEL);
    CHECK(strstr(s.text, "m=text 20004 RTP/AVP 100 97\r\n") != NULL);
    session_close(&s);
}

TEST(SCTP_006_tls_id_says_whether_the_association_is_the_one_before)
{
    static const char id[] = "a=tls-id:0123456789abcdefghijklmn\r\n", other[] = "a=tls-id:zyxwvutsrqponmlkjihgfedc\r\n";
    struct session s;

    session_open(&s, "");
    (void)offer(&s, ACCESS, join(WIC_HEAD("2"), "a=group:BUNDLE 0\r\n", DATA_HEAD, id, TEXT_CHANNEL));
    (void)answer(&s, join(PHONE_HEAD("1"), core_text, "", "", ""));
    CHECK(strstr(s.text, "a=tls-id:TLSID\r\n") != NULL);
    (void)offer(&s, ACCESS, join(WIC_HEAD("3"), "a=group:BUNDLE 0\r\n", DATA_HEAD, id, TEXT_CHANNEL));
    (void)answer(&s, join(PHONE_HEAD("2"), core_text, "", "", ""));
    EQ(s.answer_req.terms[0].dtls_generation, 1);
    (void)offer(&s, ACCESS, join(WIC_HEAD("4"), "a=group:BUNDLE 0\r\n", DATA_HEAD, other, TEXT_CHANNEL));
    (void)answer(&s, join(PHONE_HEAD("3"), core_text, "", "", ""));
    EQ(s.answer_req.terms[0].dtls_generation, 2);
    EQ(s.answer_req.nchannels, 1); /* it goes on over the new one */
    session_close(&s);

    session_open(&s, ""); /* absent stays absent */
    (void)offer(&s, ACCESS, join(WIC_HEAD("2"), "a=group:BUNDLE 0\r\n", DATA_HEAD, TEXT_CHANNEL, ""));
    (void)answer(&s, join(PHONE_HEAD("1"), core_text, "", "", ""));
    CHECK(strstr(s.text, "tls-id") == NULL);
    session_close(&s);
}

TEST(SCTP_003_another_port_is_another_association_and_none_ends_it)
{
    char text[8192];
    struct session s;

    session_open(&s, "");
    (void)offer(&s, ACCESS, join(WIC_HEAD("2"), "a=group:BUNDLE 0 1\r\n", CLIENT_AUDIO("1"), DATA_HEAD, TEXT_CHANNEL));
    (void)answer(&s, join(PHONE_HEAD("1"), core_audio, core_text, "", ""));
    EQ(s.answer_req.terms[0].sctp_port, 5000);
    snprintf(text, sizeof(text), "%s",
             join(WIC_HEAD("3"), "a=group:BUNDLE 0 1\r\n", CLIENT_AUDIO("1"), DATA_HEAD, TEXT_CHANNEL));
    memcpy(strstr(text, "a=sctp-port:5001"), "a=sctp-port:5007", 16);
    (void)offer(&s, ACCESS, text);
    (void)answer(&s, join(PHONE_HEAD("2"), core_audio, core_text, "", ""));
    CHECK(strstr(s.text, "a=sctp-port:5001\r\n") != NULL); /* ours is a new one, too */
    EQ(s.answer_req.terms[0].sctp_port, 5001);
    EQ(s.answer_req.terms[0].remote_sctp_port, 5007);
    EQ(s.answer_req.terms[0].dtls_generation, 1);
    snprintf(text, sizeof(text), "%s", join(WIC_HEAD("4"), "a=group:BUNDLE 0 1\r\n", CLIENT_AUDIO("1"), DATA_HEAD, ""));
    memcpy(strstr(text, "a=sctp-port:5001"), "a=sctp-port:0000", 16);
    (void)offer(&s, ACCESS, text);
    (void)answer(&s, join(PHONE_HEAD("3"), core_audio, "m=text 0 RTP/AVP 97\r\n", "", ""));
    CHECK(strstr(s.text, "m=application 0 UDP/DTLS/SCTP ") != NULL);
    EQ(s.answer_req.terms[0].remote_sctp_port, 0);
    session_close(&s);
}

TEST(SCTP_008_a_channel_beyond_the_streams_of_an_association_is_left_out)
{
    struct session s;

    session_open(&s, "");
    (void)offer(
        &s, ACCESS,
        join(WIC_HEAD("2"), "a=group:BUNDLE 0\r\n", DATA_HEAD, TEXT_CHANNEL, "a=dcmap:1024 subprotocol=\"t140\"\r\n"));
    CHECK(strstr(s.text, "m=text ") && !strstr(strstr(s.text, "m=text ") + 1, "m=text "));
    session_close(&s);
}

TEST(DC_005_an_ice_restart_leaves_association_and_channels_alone)
{
    static const char again[] =
        "a=ice-ufrag:Zz9z\r\na=ice-pwd:0123456789abcdefghijkl\r\na=fingerprint:sha-256 " FP "\r\n";
    struct session s;

    session_open(&s, "");
    (void)offer(&s, ACCESS, wic_data);
    (void)answer(&s, core_answers);
    (void)offer(&s, ACCESS,
                join(WIC_HEAD("3") "a=group:BUNDLE 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                                   "c=IN IP4 0.0.0.0\r\n",
                     again, "a=setup:actpass\r\na=mid:0\r\na=sctp-port:5001\r\n", MSRP_CHANNEL BFCP_CHANNEL,
                     TEXT_CHANNEL));
    EQ(s.req.nterms, 0);
    (void)answer(&s, core_answers);
    EQ(s.answer_req.terms[0].ice_generation, 2);
    EQ(s.answer_req.terms[0].dtls_generation, 1);
    EQ(s.answer_req.nchannels, 3);
    EQ(s.answer_req.terms[1].tcp_generation, 0);
    session_close(&s);
}

TEST(MSRP_017_a_new_connection_is_made_when_the_core_asks_for_it)
{
    static const char again[] = "m=application 32500 TCP/BFCP *\r\na=setup:passive\r\na=connection:new\r\n";
    struct session s;

    session_open(&s, "");
    (void)offer(&s, CORE, join(PHONE_HEAD("1"), core_floor, "", "", ""));
    (void)answer(&s, CLIENT_ANSWERS("0") "a=dcmap:1 subprotocol=\"bfcp\"\r\n");
    EQ(s.answer_req.terms[1].tcp_setup, GW_IQ_SETUP_PASSIVE);
    (void)offer(&s, CORE, join(PHONE_HEAD("2"), again, "", "", ""));
    (void)answer(&s, CLIENT_ANSWERS("0") "a=dcmap:1 subprotocol=\"bfcp\"\r\n");
    EQ(s.answer_req.terms[1].tcp_setup, GW_IQ_SETUP_ACTIVE);
    EQ(s.answer_req.terms[1].tcp_generation, 1);
    session_close(&s);
}

TEST(DC_004_forks_have_channels_of_their_own)
{
    struct gw_iq_req req;
    struct session s;
    bool needs;

    session_open(&s, "");
    (void)offer(&s, ACCESS, wic_data);
    (void)answer(&s, PHONE_HEAD("1") "m=message 0 TCP/MSRP *\r\nm=application 0 TCP/BFCP *\r\n"
                                     "m=text 33000 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n");
    EQ(gw_ms_reanswer(s.ms, gw_span_str(core_answers), &req, &needs, &s.why), 0);
    CHECK(needs); /* the browser learns of the others when the call is up */
    EQ(req.nchannels, 3);
    CHECK(!gw_ms_release(s.ms, &req));
    session_close(&s);
}

TEST(SCTP_003_lines_of_the_core_that_cannot_be_channels_are_refused)
{
    offer_refused("", CORE, join(PHONE_HEAD("1"), "m=message 31000 TCP/MSRP *\r\n", "", "", ""), GW_E_UNSUPPORTED, 488,
                  306, "MSRP without a=path");
    offer_refused("", CORE, join(PHONE_HEAD("1"), "m=text 33000 RTP/AVP 97\r\na=rtpmap:97 red/1000\r\n", "", "", ""),
                  GW_E_UNSUPPORTED, 488, 305, "No t140");
    offer_refused("", CORE, join(PHONE_HEAD("1"), core_floor, "a=bfcpver:2\r\n", "", ""), GW_E_UNSUPPORTED, 488, 306,
                  "BFCP version not carried"); /* BFCP-008 */
    offer_refused("data_channels = no", CORE, join(PHONE_HEAD("1"), core_chat, "", "", ""), GW_E_UNSUPPORTED, 488, 304,
                  "Media type not carried");
    offer_refused("core_networks = 10.1.0.0/16", CORE, join(PHONE_HEAD("1"), core_chat, "", "", ""), GW_E_POLICY, 488,
                  399, "Media address outside the core networks");
}

TEST(SCTP_003_lines_without_a_port_or_a_channel_we_know_are_refused)
{
    static const char head[] =
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\na=mid:0\r\n";
    char text[2048];

    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0\r\n%s%s", WIC_HEAD("2"), head, TEXT_CHANNEL);
    offer_refused("", ACCESS, text, GW_E_UNSUPPORTED, 488, 306, "No usable a=sctp-port");
    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0\r\n%s", WIC_HEAD("2"), DATA_HEAD);
    offer_refused("", ACCESS, text, GW_E_UNSUPPORTED, 488, 306, "No data channel with a known sub-protocol");
    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0\r\n%sa=dcmap:0 subprotocol=\"t140\";max-retr=3\r\n", WIC_HEAD("2"),
             DATA_HEAD);
    offer_refused("", ACCESS, text, GW_E_UNSUPPORTED, 488, 306,
                  "Sub-protocol needs an ordered, reliable channel"); /* T140-001 */
    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0\r\n%sa=dcmap:0 subprotocol=\"msrp\"\r\n", WIC_HEAD("2"),
             DATA_HEAD);
    offer_refused("", ACCESS, text, GW_E_UNSUPPORTED, 488, 306, "MSRP channel without a=dcsa path"); /* MSRP-012 */
    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0\r\n%s%s", WIC_HEAD("2"), DATA_HEAD, TEXT_CHANNEL);
    offer_refused("data_channels = no", ACCESS, text, GW_E_UNSUPPORTED, 488, 304, "Media type not carried");
}
