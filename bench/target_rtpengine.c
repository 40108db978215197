/* Debian's rtpengine as a child process, userspace, one media thread, driven by its ng protocol. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ng.h"
#include "bench/target.h"
#include "gateway/base/crypto.h"

static double control;

static const char *name_of(uint16_t suite)
{
    return suite == GW_IQ_AEAD_AES_128_GCM ? "AEAD_AES_128_GCM" : "AES_CM_128_HMAC_SHA1_80";
}

static int offer_sdes(struct load *l, const struct load_local *me, const struct load_conf *lc, unsigned i,
                      struct load_remote *r)
{
    char sdp[1000], ip[GW_ADDR_TEXT], key[80], port[16];
    struct gw_iq_crypto up;
    int n;

    load_static_key(lc->suite, i, 0, &up);
    if (gw_base64_write((struct gw_span){ up.key, up.key_len }, key, sizeof(key)) != 0)
        return GW_E_LIMIT;
    gw_addr_ip_text(&me->browser, ip);
    n = snprintf(
        sdp, sizeof(sdp),
        "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nt=0 0\r\nm=audio %u RTP/SAVP %u\r\nc=IN IP4 %s\r\na=rtpmap:%u PCMA/8000\r\n"
        "a=crypto:1 %s inline:%s\r\na=sendrecv\r\n",
        ip, me->browser.port, lc->pt, ip, lc->pt, name_of(lc->suite), key);
    (void)l;
    if (ng_command(
            "d7:command5:offer7:call-id13:bench%08u8:from-tag1:a3:ICE6:remove18:transport-protocol7:RTP/AVP3:sdp%d:%se",
            i, n, sdp) != 0 ||
        !ng_find("m=audio ", port, sizeof(port)))
        return GW_E_IO;
    gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &r->core);
    return 0;
}

static int answer_sdes(struct load *l, const struct load_local *me, const struct load_conf *lc, unsigned i,
                       struct load_remote *r)
{
    char sdp[1000], ip[GW_ADDR_TEXT], port[16], key[80];
    struct gw_iq_crypto up, down = { .suite = lc->suite };
    size_t len = sizeof(down.key);
    int n;

    gw_addr_ip_text(&me->phone, ip);
    n = snprintf(
        sdp, sizeof(sdp),
        "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nt=0 0\r\nm=audio %u RTP/AVP %u\r\nc=IN IP4 %s\r\na=rtpmap:%u PCMA/8000\r\n"
        "a=sendrecv\r\n",
        ip, me->phone.port, lc->pt, ip, lc->pt);
    if (ng_command(
            "d7:command6:answer7:call-id13:bench%08u8:from-tag1:a6:to-tag1:b18:transport-protocol8:RTP/SAVP3:sdp%d:%se",
            i, n, sdp) != 0 ||
        !ng_find("m=audio ", port, sizeof(port)) || !ng_find(" inline:", key, sizeof(key) - 3))
        return GW_E_IO;
    while (strlen(key) % 4) /* it leaves the padding out */
        strcat(key, "=");
    if (gw_base64_parse(gw_span_str(key), down.key, &len) != 0)
        return GW_E_IO;
    down.key_len = (uint8_t)len;
    gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &r->access);
    load_remote(l, i, r);
    load_static_key(lc->suite, i, 0, &up);
    return load_keys(l, i, &up, &down);
}

static int offer(const struct load_local *me, const struct load_conf *lc, unsigned i, struct load_remote *r)
{
    char sdp[2000], ip[GW_ADDR_TEXT], fp[200] = "", port[16];
    int n;

    for (unsigned k = 0; k < me->fingerprint.len; k++)
        sprintf(fp + strlen(fp), "%s%02X", k ? ":" : "", me->fingerprint.value[k]);
    gw_addr_ip_text(&me->browser, ip);
    n = snprintf(
        sdp, sizeof(sdp),
        "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nt=0 0\r\nm=audio %u UDP/TLS/RTP/SAVPF %u\r\nc=IN IP4 %s\r\n"
        "a=rtpmap:%u PCMA/8000\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:actpass\r\n"
        "a=rtcp-mux\r\na=sendrecv\r\na=candidate:1 1 udp 2130706431 %s %u typ host\r\na=end-of-candidates\r\n",
        ip, me->browser.port, lc->pt, ip, lc->pt, me->ufrag, me->pwd, fp, ip, me->browser.port);
    if (ng_command("d7:command5:offer7:call-id13:bench%08u8:from-tag1:a3:ICE6:remove18:transport-protocol7:RTP/"
                   "AVP8:rtcp-muxl5:demuxe"
                   "3:sdp%d:%se",
                   i, n, sdp) != 0 ||
        !ng_find("m=audio ", port, sizeof(port)))
        return GW_E_IO;
    gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &r->core);
    return 0;
}

static int answer_call(const struct load_local *me, const struct load_conf *lc, unsigned i, struct load_remote *r)
{
    char sdp[1000], ip[GW_ADDR_TEXT], port[16], fp[128];
    int n;

    gw_addr_ip_text(&me->phone, ip);
    n = snprintf(
        sdp, sizeof(sdp),
        "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nt=0 0\r\nm=audio %u RTP/AVP %u\r\nc=IN IP4 %s\r\na=rtpmap:%u PCMA/8000\r\n"
        "a=sendrecv\r\n",
        ip, me->phone.port, lc->pt, ip, lc->pt);
    if (ng_command("d7:command6:answer7:call-id13:bench%08u8:from-tag1:a6:to-tag1:b3:ICE5:force18:transport-protocol17:"
                   "UDP/TLS/RTP/SAVPF"
                   "4:DTLS7:passive3:sdp%d:%se",
                   i, n, sdp) != 0 ||
        !ng_find("m=audio ", port, sizeof(port)) || !ng_find("a=ice-ufrag:", r->ufrag, sizeof(r->ufrag)) ||
        !ng_find("a=ice-pwd:", r->pwd, sizeof(r->pwd)))
        return GW_E_IO;
    if (!ng_find("a=fingerprint:sha-256 ", fp, sizeof(fp)))
        return GW_E_IO;
    r->fingerprint.hash = GW_IQ_SHA256;
    r->fingerprint.len = 32;
    for (unsigned k = 0; k < 32; k++)
        r->fingerprint.value[k] = (uint8_t)strtoul(fp + 3 * k, NULL, 16);
    gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), &r->access);
    return 0;
}

static int start(struct load *l, const struct load_conf *lc, int core)
{
    int err = ng_start(core);
    double before = err ? 0 : task_cpu_s(ng_pid(), 0);

    for (unsigned i = 0; i < lc->calls && !err; i++) {
        struct load_local local;
        struct load_remote remote = { 0 };
        load_local(l, i, &local);
        if (lc->has_sdes)
            err = offer_sdes(l, &local, lc, i, &remote);
        else
            err = offer(&local, lc, i, &remote);
        if (!err)
            err = lc->has_sdes ? answer_sdes(l, &local, lc, i, &remote) : answer_call(&local, lc, i, &remote);
        if (err) {
            fprintf(stderr, "rtpengine: call %u: %.600s\n", i, ng_answer());
            ng_stop();
        } else if (!lc->has_sdes) {
            load_remote(l, i, &remote);
        }
    }
    if (!err)
        control = task_cpu_s(ng_pid(), 0) - before;
    return err;
}

static double control_s(void)
{
    return control;
}

static double cpu_s(void)
{
    return task_cpu_s(ng_pid(), 0);
}

static long rss_kb(void)
{
    return task_pss_kb(ng_pid());
}

const struct target target_rtpengine = { "rtpengine", start, control_s, cpu_s, rss_kb, ng_stop };
