/* Data channels of a browser and their m-lines towards the core, with the whole descriptions on the page. */
#include "signaling/call/interwork_test.h"

#define DATA_HEAD                                                                                                      \
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\na=mid:0\r\n"    \
    "a=sctp-port:5001\r\na=max-message-size:100000\r\n"
#define MSRP_CHANNEL                                                                                                   \
    "a=dcmap:0 label=\"chat\";subprotocol=\"MSRP\"\r\n"                                                                \
    "a=dcsa:0 path:msrps://b1.invalid:9/s1;dc\r\na=dcsa:0 msrp-cema\r\na=dcsa:0 setup:active\r\n"                      \
    "a=dcsa:0 accept-types:text/plain message/cpim\r\na=dcsa:0 file-selector:name:\"a;b.txt\" size:5\r\n"
#define BFCP_CHANNEL "a=dcmap:2 subprotocol=\"bfcp\"\r\na=dcsa:2 floorctrl:c-only\r\na=dcsa:2 bfcpver:1\r\n"
#define TEXT_CHANNEL                                                                                                   \
    "a=dcmap:4 label=\"rtt\";subprotocol=\"t140\"\r\na=dcsa:4 fmtp:t140 cps=20\r\na=dcsa:4 hlang-send:es eo\r\n"

static const char wic_data[] = WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD MSRP_CHANNEL BFCP_CHANNEL TEXT_CHANNEL
    "a=dcmap:6 subprotocol=\"chess\"\r\n";

static const char core_answers[] = PHONE_HEAD("1")
    "m=message 31000 TCP/MSRP *\r\na=path:msrp://10.0.0.9:31000/z;tcp\r\na=accept-types:text/plain\r\na=setup:passive\r\n"
    "m=application 32000 TCP/BFCP *\r\na=floorctrl:s-only\r\na=confid:1\r\na=userid:2\r\na=floorid:3 mstrm:10\r\na=setup:active\r\n"
    "m=text 33000 RTP/AVP 100 97\r\na=rtpmap:97 t140/1000\r\na=rtpmap:100 red/1000\r\na=fmtp:100 97/97/97\r\na=fmtp:97 cps=25\r\n";

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

TEST(DC_009_MSRP_015_one_line_of_channels_becomes_a_line_for_each)
{
    struct session s;

    session_open(&s, "");
    (void)offer(&s, ACCESS, wic_data);
    STR_EQ(with_token(&s, s.text), TO_CORE("1")
           "m=message 20004 TCP/MSRP *\r\nc=IN IP4 10.0.0.5\r\na=path:msrp://10.0.0.5:20004/TOKEN;tcp\r\na=setup:actpass\r\n"
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
    STR_EQ(with_token(&s, s.text), TO_ACCESS("1")
           "a=group:BUNDLE 0\r\na=ice-lite\r\n"
           "m=application 40000 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 198.51.100.5\r\na=mid:0\r\n" OUR_ICE("1g1")
           "a=setup:passive\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
           "a=dcmap:0 label=\"chat\";subprotocol=\"MSRP\"\r\n"
           "a=dcsa:0 path:msrps://198.51.100.5:40000/TOKEN;dc\r\na=dcsa:0 msrp-cema\r\na=dcsa:0 setup:passive\r\n"
           "a=dcsa:0 accept-types:text/plain\r\na=dcsa:0 sendrecv\r\n"
           "a=dcmap:2 subprotocol=\"bfcp\"\r\na=dcsa:2 floorctrl:s-only\r\na=dcsa:2 confid:1\r\na=dcsa:2 userid:2\r\n"
           "a=dcsa:2 floorid:3 mstrm:10\r\na=dcsa:2 sendrecv\r\n"
           "a=dcmap:4 label=\"rtt\";subprotocol=\"t140\"\r\na=dcsa:4 fmtp:t140 cps=25\r\na=dcsa:4 sendrecv\r\n");
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
    (void)answer(&s, PHONE_HEAD("1") "m=message 0 TCP/MSRP *\r\n"
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
    static const char core_audio[] = "m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
    static const char core_text[] = "m=text 33000 RTP/AVP 97\r\na=rtpmap:97 t140/1000\r\n";
    char text[4096];
    struct session s;

    session_open(&s, "");
    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0 1\r\n%s%s%s", WIC_HEAD("2"), DATA_HEAD, TEXT_CHANNEL, audio);
    (void)offer(&s, ACCESS, text);
    CHECK(strstr(s.text, "m=text 20004 RTP/AVP 99 98\r\n") < strstr(s.text, "m=audio 20006 RTP/AVP 8\r\n"));
    snprintf(text, sizeof(text), "%s%s%s", PHONE_HEAD("1"), core_text, core_audio);
    (void)answer(&s, text);
    CHECK(strstr(s.text, "a=group:BUNDLE 0 1\r\n") != NULL);
    EQ(s.answer_req.nstreams, 1);
    EQ(s.answer_req.nchannels, 1);
    EQ(s.answer_req.channels[0].red_pt, 0xff); /* the core takes text without redundancy */
    EQ(s.answer_req.channels[0].access_term, s.answer_req.streams[0].access_term);

    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0 1\r\n%s%s%s%s", WIC_HEAD("3"), DATA_HEAD, TEXT_CHANNEL, BFCP_CHANNEL, audio);
    (void)offer(&s, ACCESS, text);
    CHECK(strstr(s.text, "m=text 20004 ") != NULL); /* its port is kept */
    CHECK(strstr(s.text, "m=audio 20006 ") < strstr(s.text, "m=application 20008 TCP/BFCP *\r\n"));
    EQ(s.req.nterms, 1); /* the new one alone */
    snprintf(text, sizeof(text), "%s%s%sm=application 32000 TCP/BFCP *\r\na=setup:passive\r\n", PHONE_HEAD("2"), core_text, core_audio);
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
    (void)answer(&s, WIC_HEAD("3") "a=group:BUNDLE 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                 "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:active\r\na=mid:0\r\na=sctp-port:5001\r\n"); /* a page without our library */
    CHECK(strstr(s.text, "m=message 20004 TCP/MSRP *\r\n") && strstr(s.text, "m=application 20006 TCP/BFCP *\r\n") &&
          strstr(s.text, "m=text 20008 RTP/AVP 100 97\r\n"));
    EQ(s.answer_req.terms[1].tcp_setup, GW_IQ_SETUP_ACTIVE); /* the connection keeps its roles */
    session_close(&s);
}

TEST(SCTP_003_lines_without_a_port_or_a_channel_we_know_are_refused)
{
    static const char head[] = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" ICE
                               "a=setup:actpass\r\na=mid:0\r\n";
    char text[2048];

    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0\r\n%s%s", WIC_HEAD("2"), head, TEXT_CHANNEL);
    offer_refused("", ACCESS, text, GW_E_UNSUPPORTED, 488, 306, "No usable a=sctp-port");
    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0\r\n%s", WIC_HEAD("2"), DATA_HEAD);
    offer_refused("", ACCESS, text, GW_E_UNSUPPORTED, 488, 306, "No data channel with a known sub-protocol");
    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0\r\n%sa=dcmap:0 subprotocol=\"t140\";max-retr=3\r\n", WIC_HEAD("2"), DATA_HEAD);
    offer_refused("", ACCESS, text, GW_E_UNSUPPORTED, 488, 306, "Sub-protocol needs an ordered, reliable channel"); /* T140-001 */
    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0\r\n%sa=dcmap:0 subprotocol=\"msrp\"\r\n", WIC_HEAD("2"), DATA_HEAD);
    offer_refused("", ACCESS, text, GW_E_UNSUPPORTED, 488, 306, "MSRP channel without a=dcsa path"); /* MSRP-012 */
    snprintf(text, sizeof(text), "%sa=group:BUNDLE 0\r\n%s%s", WIC_HEAD("2"), DATA_HEAD, TEXT_CHANNEL);
    offer_refused("data_channels = no", ACCESS, text, GW_E_UNSUPPORTED, 488, 304, "Media type not carried");
}
