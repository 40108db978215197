/* Pieces of SDP that the tests of data channels share. */
#ifndef GW_INTERWORK_DATA_TEST_H
#define GW_INTERWORK_DATA_TEST_H

#include "signaling/call/interwork_test.h"

#define DATA_HEAD_OF(mid)                                                                                              \
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\na=mid:" mid     \
    "\r\na=sctp-port:5001\r\na=max-message-size:100000\r\n"
#define DATA_HEAD DATA_HEAD_OF("0")
#define MSRP_CHANNEL                                                                                                   \
    "a=dcmap:0 label=\"chat\";subprotocol=\"MSRP\"\r\n"                                                                \
    "a=dcsa:0 path:msrps://b1.invalid:9/s1;dc\r\na=dcsa:0 msrp-cema\r\na=dcsa:0 setup:active\r\n"                      \
    "a=dcsa:0 accept-types:text/plain message/cpim\r\na=dcsa:0 file-selector:name:\"a;b.txt\" size:5\r\n"
#define BFCP_CHANNEL "a=dcmap:2 subprotocol=\"bfcp\"\r\na=dcsa:2 floorctrl:c-only\r\na=dcsa:2 bfcpver:1\r\n"
#define TEXT_CHANNEL                                                                                                   \
    "a=dcmap:4 label=\"rtt\";subprotocol=\"t140\"\r\na=dcsa:4 fmtp:t140 cps=20\r\na=dcsa:4 hlang-send:es eo\r\n"

#define CLIENT_DATA(mid)                                                                                               \
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" ICE "a=setup:active\r\na=mid:" mid      \
    "\r\na=sctp-port:5001\r\n"
#define CLIENT_ANSWERS(mid) WIC_HEAD("3") "a=group:BUNDLE " mid "\r\n" CLIENT_DATA(mid)
#define CLIENT_AUDIO(mid)                                                                                              \
    "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\nc=IN IP4 0.0.0.0\r\n" ICE "a=setup:active\r\na=mid:" mid                         \
    "\r\na=rtcp-mux\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"

#endif
