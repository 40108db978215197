/* A call either way between a browser and the core, with the whole descriptions on the page. */
#include "signaling/call/interwork_test.h"

/* specs 4.2 (a): what a browser offers, as Chromium does */
static const char wic_audio[] = "v=0\r\n"
                                "o=- 4611 2 IN IP4 127.0.0.1\r\n"
                                "s=-\r\n"
                                "t=0 0\r\n"
                                "a=group:BUNDLE 0\r\n"
                                "a=extmap-allow-mixed\r\n"
                                "a=msid-semantic: WMS s1\r\n"
                                "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 8 13 105 126\r\n"
                                "c=IN IP4 0.0.0.0\r\n"
                                "a=rtcp:9 IN IP4 0.0.0.0\r\n"
                                "a=candidate:1 1 udp 2113937151 5b1e.local 51000 typ host\r\n"
                                "a=ice-options:trickle\r\n" ICE "a=setup:actpass\r\n"
                                "a=mid:0\r\n"
                                "a=3ge2ae:requested\r\n"
                                "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
                                "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
                                "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                                "a=sendrecv\r\n"
                                "a=msid:s1 t1\r\n"
                                "a=rtcp-mux\r\n"
                                "a=rtcp-rsize\r\n"
                                "a=rtpmap:111 opus/48000/2\r\n"
                                "a=rtcp-fb:111 transport-cc\r\n"
                                "a=fmtp:111 minptime=10;useinbandfec=1\r\n"
                                "a=rtpmap:63 red/48000/2\r\n"
                                "a=fmtp:63 111/111\r\n"
                                "a=rtpmap:8 PCMA/8000\r\n"
                                "a=rtpmap:13 CN/8000\r\n"
                                "a=rtpmap:105 CN/16000\r\n"
                                "a=rtpmap:126 telephone-event/8000\r\n"
                                "a=ssrc:1001 cname:c1\r\n"
                                "a=tomorrow:1\r\n";

static const char core_audio_offered[] = "v=0\r\n"
                                         "o=- ID 1 IN IP4 10.0.0.5\r\n"
                                         "s=-\r\n"
                                         "t=0 0\r\n"
                                         "m=audio 20004 RTP/AVP 111 8 13 126\r\n"
                                         "c=IN IP4 10.0.0.5\r\n"
                                         "b=AS:80\r\n"
                                         "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
                                         "a=rtpmap:111 opus/48000/2\r\n"
                                         "a=fmtp:111 minptime=10;useinbandfec=1\r\n"
                                         "a=rtpmap:8 PCMA/8000\r\n"
                                         "a=rtpmap:13 CN/8000\r\n"
                                         "a=rtpmap:126 telephone-event/8000\r\n"
                                         "a=tomorrow:1\r\n"
                                         "a=sendrecv\r\n";

static const char core_audio_answer[] = "v=0\r\n"
                                        "o=phone 1 1 IN IP4 10.0.0.9\r\n"
                                        "s=call\r\n"
                                        "c=IN IP4 10.0.0.9\r\n"
                                        "t=0 0\r\n"
                                        "a=3ge2ae:applied\r\n"
                                        "m=audio 30000 RTP/AVP 8 126\r\n"
                                        "a=3ge2ae:applied\r\n"
                                        "a=rtpmap:126 telephone-event/8000\r\n"
                                        "a=fmtp:126 0-15\r\n"
                                        "a=ptime:20\r\n";

static const char wic_audio_answered[] = "v=0\r\n"
                                         "o=- ID 1 IN IP4 198.51.100.5\r\n"
                                         "s=-\r\n"
                                         "t=0 0\r\n"
                                         "a=group:BUNDLE 0\r\n"
                                         "a=ice-lite\r\n"
                                         "m=audio 40000 UDP/TLS/RTP/SAVPF 8 126\r\n"
                                         "c=IN IP4 198.51.100.5\r\n"
                                         "a=mid:0\r\n"
                                         "a=ice-ufrag:gwU1g1\r\n"
                                         "a=ice-pwd:gwgwgwgwgwgwgwgwgwgw1g1\r\n"
                                         "a=candidate:1 1 udp 2130706431 198.51.100.5 40000 typ host\r\n"
                                         "a=end-of-candidates\r\n"
                                         "a=fingerprint:sha-256 " OURS "\r\n"
                                         "a=setup:passive\r\n"
                                         "a=rtcp-mux\r\n"
                                         "a=msid:imsgw imsgw1\r\n"
                                         "a=rtpmap:8 PCMA/8000\r\n"
                                         "a=rtpmap:126 telephone-event/8000\r\n"
                                         "a=fmtp:126 0-15\r\n"
                                         "a=ptime:20\r\n"
                                         "a=sendrecv\r\n";

TEST(SDP_001_003_E2A_013_a_browser_calls_an_avp_phone)
{
    struct session s;
    const struct gw_iq_term *access, *core;
    const struct gw_iq_stream *st;
    char ip[GW_ADDR_TEXT];

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS, wic_audio), core_audio_offered);
    EQ(s.req.op, GW_IQ_RESERVE_CONFIGURE);
    EQ(s.req.nterms, 2);
    EQ(s.req.nstreams, 0);
    access = &s.req.terms[0];
    core = &s.req.terms[1];
    CHECK(access->realm == GW_IQ_ACCESS && access->security == GW_IQ_DTLS && access->has_ice && access->has_rtcp_mux);
    STR_EQ(access->remote_ufrag, "Xy1z");
    EQ(access->setup, GW_IQ_SETUP_PASSIVE);
    EQ(access->nfingerprints, 1);
    EQ(access->fingerprints[0].value[1], 0x8b);
    CHECK(core->realm == GW_IQ_CORE && core->security == GW_IQ_PLAIN && !core->has_ice && !core->has_remote);

    STR_EQ(answer(&s, core_audio_answer), wic_audio_answered);
    EQ(s.answer_req.op, GW_IQ_CONFIGURE);
    EQ(s.answer_req.ctx, 7);
    core = &s.answer_req.terms[1];
    STR_EQ(gw_addr_text(&core->remote_rtp, ip), "10.0.0.9:30000");
    STR_EQ(gw_addr_text(&core->remote_rtcp, ip), "10.0.0.9:30001");
    EQ(s.answer_req.nstreams, 1);
    st = &s.answer_req.streams[0];
    CHECK(st->to_core && st->to_access && st->kind == GW_IQ_AUDIO);
    EQ(st->access_term, 1);
    EQ(st->core_term, 2);
    STR_EQ(st->mid, "0");
    EQ(st->mid_ext, 4);
    EQ(st->npts, 2);
    EQ(st->pts[0].access, 8);
    EQ(st->pts[1].core, 126);
    EQ(st->nexts, 0); /* the phone did not take the audio level */
    CHECK(!st->core_has_avpf);
    session_close(&s);
}

static const char core_av_offer[] = "v=0\r\n"
                                    "o=phone 1 1 IN IP4 10.0.0.9\r\n"
                                    "s=call\r\n"
                                    "c=IN IP4 10.0.0.9\r\n"
                                    "t=0 0\r\n"
                                    "m=audio 30000 RTP/AVP 0 101\r\n"
                                    "a=3ge2ae:requested\r\n"
                                    "a=rtpmap:101 telephone-event/8000\r\n"
                                    "a=fmtp:101 0-15\r\n"
                                    "a=rtcp:30007\r\n"
                                    "m=video 30002 RTP/AVP 97\r\n"
                                    "i=the camera\r\n"
                                    "b=AS:512\r\n"
                                    "b=RS:0\r\n"
                                    "a=rtpmap:97 H264/90000\r\n"
                                    "a=fmtp:97 profile-level-id=42e01f\r\n";

#define OUR_TRANSPORT(stream)                                                                                          \
    "a=ice-ufrag:gwU2g1\r\n"                                                                                           \
    "a=ice-pwd:gwgwgwgwgwgwgwgwgwgw2g1\r\n"                                                                            \
    "a=candidate:1 1 udp 2130706431 198.51.100.5 40000 typ host\r\n"                                                   \
    "a=end-of-candidates\r\n"                                                                                          \
    "a=fingerprint:sha-256 " OURS "\r\n"                                                                               \
    "a=setup:actpass\r\n"                                                                                              \
    "a=rtcp-mux\r\n"                                                                                                   \
    "a=msid:imsgw imsgw" stream "\r\n"

static const char wic_av_offered[] =
    "v=0\r\n"
    "o=- ID 1 IN IP4 198.51.100.5\r\n"
    "s=-\r\n"
    "t=0 0\r\n"
    "a=group:BUNDLE 0 1\r\n"
    "a=ice-lite\r\n"
    "m=audio 40000 UDP/TLS/RTP/SAVPF 0 101\r\n"
    "c=IN IP4 198.51.100.5\r\n"
    "a=mid:0\r\n" OUR_TRANSPORT("1") "a=3ge2ae:applied\r\n"
                                     "a=rtpmap:0 PCMU/8000\r\n"
                                     "a=rtpmap:101 telephone-event/8000\r\n"
                                     "a=fmtp:101 0-15\r\n"
                                     "a=sendrecv\r\n"
                                     "m=video 40000 UDP/TLS/RTP/SAVPF 97\r\n"
                                     "i=the camera\r\n"
                                     "c=IN IP4 198.51.100.5\r\n"
                                     "b=AS:512\r\n"
                                     "a=mid:1\r\n" OUR_TRANSPORT("2") "a=3ge2ae:applied\r\n"
                                                                      "a=rtpmap:97 H264/90000\r\n"
                                                                      "a=fmtp:97 profile-level-id=42e01f\r\n"
                                                                      "a=rtcp-fb:97 ccm fir\r\n"
                                                                      "a=rtcp-fb:97 nack pli\r\n"
                                                                      "a=sendrecv\r\n";

static const char wic_av_answer[] = "v=0\r\n"
                                    "o=mozilla 1 0 IN IP4 0.0.0.0\r\n"
                                    "s=-\r\n"
                                    "t=0 0\r\n"
                                    "a=fingerprint:sha-256 " FP "\r\n"
                                    "a=group:BUNDLE 0 1\r\n"
                                    "a=ice-options:trickle\r\n"
                                    "m=audio 9 UDP/TLS/RTP/SAVPF 0 101\r\n"
                                    "c=IN IP4 0.0.0.0\r\n"
                                    "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                                    "a=fmtp:101 0-15\r\n"
                                    "a=ice-pwd:0123456789abcdefghijkl\r\n"
                                    "a=ice-ufrag:Xy1z\r\n"
                                    "a=mid:0\r\n"
                                    "a=rtcp-mux\r\n"
                                    "a=rtpmap:0 PCMU/8000\r\n"
                                    "a=rtpmap:101 telephone-event/8000/1\r\n"
                                    "a=setup:active\r\n"
                                    "m=video 9 UDP/TLS/RTP/SAVPF 97\r\n"
                                    "c=IN IP4 0.0.0.0\r\n"
                                    "a=recvonly\r\n"
                                    "a=ice-pwd:0123456789abcdefghijkl\r\n"
                                    "a=ice-ufrag:Xy1z\r\n"
                                    "a=mid:1\r\n"
                                    "a=rtcp-fb:97 nack pli\r\n"
                                    "a=rtcp-fb:97 ccm fir\r\n"
                                    "a=rtcp-mux\r\n"
                                    "a=rtpmap:97 H264/90000\r\n"
                                    "a=fmtp:97 profile-level-id=42e01f\r\n"
                                    "a=setup:active\r\n";

static const char core_av_answered[] = "v=0\r\n"
                                       "o=- ID 1 IN IP4 10.0.0.5\r\n"
                                       "s=-\r\n"
                                       "t=0 0\r\n"
                                       "m=audio 20002 RTP/AVP 0 101\r\n"
                                       "c=IN IP4 10.0.0.5\r\n"
                                       "b=AS:80\r\n"
                                       "a=rtpmap:0 PCMU/8000\r\n"
                                       "a=rtpmap:101 telephone-event/8000\r\n"
                                       "a=fmtp:101 0-15\r\n"
                                       "a=sendrecv\r\n"
                                       "m=video 20006 RTP/AVP 97\r\n"
                                       "c=IN IP4 10.0.0.5\r\n"
                                       "b=AS:1500\r\n"
                                       "a=rtpmap:97 H264/90000\r\n"
                                       "a=fmtp:97 profile-level-id=42e01f\r\n"
                                       "a=recvonly\r\n";

TEST(E2A_002_SDP_012_the_core_calls_a_browser_with_audio_and_video)
{
    struct session s;
    uint8_t video[GW_IQ_STREAMS];
    char ip[GW_ADDR_TEXT];

    session_open(&s, "");
    STR_EQ(offer(&s, CORE, core_av_offer), wic_av_offered);
    EQ(s.req.nterms, 3); /* core audio, the one bundle, core video */
    EQ(s.req.terms[1].setup, GW_IQ_SETUP_PASSIVE);
    EQ(s.req.terms[1].nfingerprints, 0);
    STR_EQ(gw_addr_text(&s.req.terms[0].remote_rtcp, ip), "10.0.0.9:30007");
    STR_EQ(answer(&s, wic_av_answer), core_av_answered);
    EQ(s.answer_req.terms[1].nfingerprints, 1);
    EQ(s.answer_req.terms[1].dtls_generation, s.req.terms[1].dtls_generation);
    STR_EQ(s.answer_req.terms[1].remote_ufrag, "Xy1z");
    EQ(s.answer_req.nstreams, 2);
    CHECK(s.answer_req.streams[0].to_core && s.answer_req.streams[0].to_access);
    CHECK(!s.answer_req.streams[1].to_core && s.answer_req.streams[1].to_access); /* the browser only receives */
    CHECK(s.answer_req.streams[1].access_has_pli && s.answer_req.streams[1].access_has_fir);
    CHECK(!s.answer_req.streams[1].core_has_pli && !s.answer_req.streams[1].access_has_nack);
    EQ(s.answer_req.streams[0].mid_ext, 1);
    EQ(s.answer_req.streams[1].mid_ext, 0); /* not in the browser's answer */
    EQ(gw_ms_video_streams(s.ms, video), 1);
    EQ(video[0], 2);
    EQ(gw_ms_context(s.ms), 7);
    session_close(&s);
}
