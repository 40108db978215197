/* Rules of the interworking for browser media, each with the whole descriptions before and after (specs 4.1, 4.3). */
#include "signaling/call/interwork_test.h"

TEST(SDP_002_005_006_m_lines_keep_their_places) /* a line of unknown kind keeps its place with port 0; a bundle-only one
                                                   is no rejection; the group holds what was accepted */
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE a0 x v2\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:a0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"
                               "m=model 9 XYZ/ABC 1\r\n"
                               "c=IN IP4 0.0.0.0\r\n"
                               "a=mid:x\r\n"
                               "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:v2\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:96 VP8/90000\r\n"
                               "a=bundle-only\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n"
                        "m=video 20006 RTP/AVP 96\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:1500\r\n"
                        "a=rtpmap:96 VP8/90000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"
                                      "m=video 0 RTP/AVP 96\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE a0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:a0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                        "a=rtcp-mux\r\n"
                                                        "a=msid:imsgw imsgw1\r\n"
                                                        "a=rtpmap:8 PCMA/8000\r\n"
                                                        "a=sendrecv\r\n"
                                                        "m=model 0 XYZ/ABC 1\r\n"
                                                        "c=IN IP4 198.51.100.5\r\n"
                                                        "a=mid:x\r\n"
                                                        "a=inactive\r\n"
                                                        "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"
                                                        "c=IN IP4 198.51.100.5\r\n"
                                                        "a=mid:v2\r\n"
                                                        "a=inactive\r\n");
    session_close(&s);
}

TEST(SDP_004_the_version_rises_only_on_change)
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("2") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendonly\r\n"),
           TO_CORE("2") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendonly\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("2") "m=audio 30000 RTP/AVP 8\r\n"
                                      "a=recvonly\r\n"),
           TO_ACCESS("2") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=recvonly\r\n");
    session_close(&s);
}

TEST(SDP_007_a_browsers_zero_address_is_no_hold) /* port 9 and 0.0.0.0 only say that candidates follow */
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    CHECK(s.answer_req.streams[0].to_core && s.answer_req.streams[0].to_access);
    session_close(&s);
}

TEST(SDP_007_a_phones_zero_address_is_hold) /* as RFC 2543 had it: nothing is sent there (RFC 3264 s. 8.4) */
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    STR_EQ(offer(&s, CORE,
                 "v=0\r\n"
                 "o=phone 1 2 IN IP4 10.0.0.9\r\n"
                 "s=call\r\n"
                 "c=IN IP4 0.0.0.0\r\n"
                 "t=0 0\r\n"
                 "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("2") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:actpass\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=3ge2ae:applied\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendonly\r\n");
    STR_EQ(answer(&s, WIC_HEAD("2") "a=group:BUNDLE 0\r\n"
                                    "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                                    "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:active\r\n"
                                    "a=mid:0\r\n"
                                    "a=rtcp-mux\r\n"
                                    "a=rtpmap:8 PCMA/8000\r\n"
                                    "a=recvonly\r\n"),
           TO_CORE("2") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=recvonly\r\n");
    CHECK(!s.answer_req.streams[0].to_core);
    session_close(&s);
}

TEST(SDP_008_a_browser_m_line_without_rtcp_mux_is_refused) /* the other one keeps the call (SDP-025) */
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"
                               "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:1\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:96 VP8/90000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=video 20004 RTP/AVP 96\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:1500\r\n"
                        "a=rtpmap:96 VP8/90000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=video 30002 RTP/AVP 96\r\n"
                                      "a=rtpmap:96 VP8/90000\r\n"),
           TO_ACCESS("1") "a=ice-lite\r\n"
                          "m=audio 0 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n"
                          "a=inactive\r\n"
                          "m=video 40000 UDP/TLS/RTP/SAVPF 96\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:1\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:96 VP8/90000\r\n"
                                                       "a=sendrecv\r\n");
    session_close(&s);
}

TEST(SDP_009_tls_id_is_answered_where_it_was_offered)
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=tls-id:abc3de65cddef001be82\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=tls-id:TLSID\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    session_close(&s);
}

TEST(SDP_010_011_odd_candidates_are_ignored_and_trickle_is_not_echoed)
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=ice-options:trickle renomination\r\n"
                               "a=candidate:1 1 udp 2113937151 5b1e.local 51000 typ host\r\n"
                               "a=candidate:2 1 tcp 1 192.0.2.1 9 typ host tcptype active\r\n"
                               "a=candidate:nonsense\r\n"
                               "a=candidate:3 2 sctp 1 [::1] 99999 typ odd\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    session_close(&s);
}

TEST(SDP_016_feedback_goes_to_avpf_alone_and_is_not_invented)
{
    struct session s;

    session_open(&s, "core_proto = avpf\n");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:96 VP8/90000\r\n"
                               "a=rtcp-fb:96 goog-remb\r\n"
                               "a=rtcp-fb:96 transport-cc\r\n"
                               "a=rtcp-fb:96 ccm fir\r\n"
                               "a=rtcp-fb:96 nack\r\n"
                               "a=rtcp-fb:96 nack pli\r\n"
                               "a=rtcp-rsize\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=video 20004 RTP/AVPF 96\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:1500\r\n"
                        "a=rtpmap:96 VP8/90000\r\n"
                        "a=rtcp-fb:96 ccm fir\r\n"
                        "a=rtcp-fb:96 nack\r\n"
                        "a=rtcp-fb:96 nack pli\r\n"
                        "a=rtcp-rsize\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=video 30002 RTP/AVPF 96\r\n"
                                      "a=rtpmap:96 VP8/90000\r\n"
                                      "a=rtcp-fb:96 nack pli\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=video 40000 UDP/TLS/RTP/SAVPF 96\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:96 VP8/90000\r\n"
                                                       "a=rtcp-fb:96 nack pli\r\n"
                                                       "a=sendrecv\r\n");
    CHECK(s.answer_req.streams[0].core_has_avpf && s.answer_req.streams[0].core_has_pli &&
          !s.answer_req.streams[0].core_has_nack);
    session_close(&s);
}

TEST(SDP_016_no_feedback_towards_avp)
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:96 VP8/90000\r\n"
                               "a=rtcp-fb:96 goog-remb\r\n"
                               "a=rtcp-fb:96 transport-cc\r\n"
                               "a=rtcp-fb:96 ccm fir\r\n"
                               "a=rtcp-fb:96 nack\r\n"
                               "a=rtcp-fb:96 nack pli\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=video 20004 RTP/AVP 96\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:1500\r\n"
                        "a=rtpmap:96 VP8/90000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=video 30002 RTP/AVP 96\r\n"
                                      "a=rtpmap:96 VP8/90000\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=video 40000 UDP/TLS/RTP/SAVPF 96\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:96 VP8/90000\r\n"
                                                       "a=rtcp-fb:96 ccm fir\r\n"
                                                       "a=rtcp-fb:96 nack pli\r\n"
                                                       "a=sendrecv\r\n");
    session_close(&s);
}

TEST(a_phone_may_send_h264_by_the_number_of_another_profile) /* libre does, as the browser offers one per profile */
{
    struct session s;
    unsigned found = 0;

    session_open(&s, "");
    offer(&s, ACCESS,
          WIC_HEAD("1") "m=video 9 UDP/TLS/RTP/SAVPF 102 104 108 104\r\nc=IN IP4 0.0.0.0\r\n" ICE
                        "a=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:102 H264/90000\r\n"
                        "a=fmtp:102 packetization-mode=1;profile-level-id=42001f\r\na=rtpmap:104 H264/90000\r\n"
                        "a=fmtp:104 packetization-mode=0;profile-level-id=42001f\r\na=rtpmap:108 H264/90000\r\n"
                        "a=fmtp:108 packetization-mode=1;profile-level-id=42e01f\r\n");
    answer(&s, PHONE_HEAD("1") "m=video 30000 RTP/AVP 108\r\na=rtpmap:108 H264/90000\r\n"
                               "a=fmtp:108 packetization-mode=1;profile-level-id=42e01f\r\n");
    for (unsigned i = 0; i < s.answer_req.streams[0].npts; i++) {
        const struct gw_iq_pt *p = &s.answer_req.streams[0].pts[i];
        EQ(p->access, 108);
        CHECK(p->core == 108 || p->core == 102); /* 104 is of another packetization */
        found |= p->core == 102 ? 1 : 2;
    }
    EQ(found, 3);
    session_close(&s);
}
