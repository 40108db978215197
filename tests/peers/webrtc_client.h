/* A WebRTC client made of parts that nobody here wrote: ICE by NiceAgent (full, controlling), DTLS by OpenSSL over
 * memory BIOs, SRTP by libsrtp2. For tests of the access gateway; single-threaded, driven by wc_run. */
#ifndef WEBRTC_CLIENT_H
#define WEBRTC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wc_options {
    bool is_dtls_client; /* a=setup:active on our side */
    bool is_ipv6;
    bool keeps_dtls_back; /* ICE only, until wc_start_dtls */
    const char *profiles; /* OpenSSL's names; NULL: SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80 */
};

struct wc_packet {
    size_t len;
    uint8_t octets[2048];
};

struct wc {
    char ufrag[64], pwd[128];
    uint8_t fingerprint[32]; /* SHA-256 of our certificate */
    bool is_ice_ready, is_ice_failed, is_dtls_up, is_dtls_failed;
    uint8_t peer_fingerprint[32];
    char profile[64];
    unsigned nrtp, nrtcp, nbad;                            /* received: authentic, not authentic */
    struct wc_packet rtp, rtcp;                            /* the last ones, decrypted */
    void (*on_data)(void *arg, const void *p, size_t len); /* a record of DTLS, e.g. an SCTP packet; may be NULL */
    void *arg;
    unsigned lose_of_10; /* so many of ten datagrams of DTLS are lost on the way out */
    struct wc_inner *in;
};

struct wc *wc_new(const struct wc_options *o);
void wc_free(struct wc *c);
/* The other side's description; again with another ufrag: ICE restart (ours is renewed by wc_restart). */
void wc_set_remote(struct wc *c, const char *ufrag, const char *pwd, const char *ip, unsigned port);
void wc_restart(struct wc *c); /* new own ufrag and pwd */
void wc_start_dtls(struct wc *c);

/* Runs until *flag, or until `n` packets were received (*count >= n), or the time is over. False: time over. */
bool wc_run_until(struct wc *c, const bool *flag, unsigned ms);
bool wc_run_count(struct wc *c, const unsigned *count, unsigned n, unsigned ms);
void wc_run(struct wc *c, unsigned ms);

/* Plain packets; protected here. wc_send_raw: as they are. The result of wc_protect can be changed, or sent twice. */
bool wc_send_rtp(struct wc *c, const void *p, size_t len);
bool wc_send_rtcp(struct wc *c, const void *p, size_t len);
bool wc_send_data(struct wc *c, const void *p, size_t len); /* one record of DTLS */
bool wc_protect(struct wc *c, const void *p, size_t len, struct wc_packet *out);
bool wc_send_raw(struct wc *c, const void *p, size_t len);

#endif
