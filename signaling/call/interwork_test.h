/* What the tests of interworking share: a session with its configuration, and an access gateway that answers each
 * Reserve with addresses and credentials that a reader can follow. Random values in printed SDP are replaced by words.
 */
#ifndef GW_INTERWORK_TEST_H
#define GW_INTERWORK_TEST_H

#include <ctype.h>
#include <stdlib.h>

#include "signaling/call/interwork_priv.h"
#include "test.h"

#define ACCESS GW_LEG_ACCESS
#define CORE GW_LEG_CORE

#define FP "6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08"
#define OURS "CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD"
#define ICE                                                                                                            \
    "a=ice-ufrag:Xy1z\r\n"                                                                                             \
    "a=ice-pwd:0123456789abcdefghijkl\r\n"                                                                             \
    "a=fingerprint:sha-256 " FP "\r\n"

/* First lines of a browser, a phone of the core, a phone of the access side, and ours to either leg; v: o= version. */
#define WIC_HEAD(v) "v=0\r\no=- 4611 " v " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define PHONE_HEAD(v) "v=0\r\no=phone 1 " v " IN IP4 10.0.0.9\r\ns=call\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"
#define UE_HEAD(v) "v=0\r\no=ue 9 " v " IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
#define TO_ACCESS(v) "v=0\r\no=- ID " v " IN IP4 198.51.100.5\r\ns=-\r\nt=0 0\r\n"
#define TO_CORE(v) "v=0\r\no=- ID " v " IN IP4 10.0.0.5\r\ns=-\r\nt=0 0\r\n"
/* Our end of a WebRTC transport; n: termination and ICE generation, "1g1". */
#define OUR_ICE(n)                                                                                                     \
    "a=ice-ufrag:gwU" n "\r\n"                                                                                         \
    "a=ice-pwd:gwgwgwgwgwgwgwgwgwgw" n "\r\n"                                                                          \
    "a=candidate:1 1 udp 2130706431 198.51.100.5 40000 typ host\r\n"                                                   \
    "a=end-of-candidates\r\n"                                                                                          \
    "a=fingerprint:sha-256 " OURS "\r\n"

struct session {
    struct gw_conf *conf;
    struct gw_ms *ms;
    struct gw_iq_req req, answer_req; /* of the last offer and the last answer */
    struct gw_sdp_refusal why;
    char *text; /* what was last given out, random values replaced */
    char *raw;  /* the same as given out */
};

static inline struct gw_conf *test_conf(const char *lines)
{
    struct gw_conf *conf = NULL;
    char why[256] = "", text[1024];

    snprintf(text, sizeof(text), "access_address = 198.51.100.5\ncore_address = 10.0.0.5 2001:db8::5\n%s", lines);
    EQ(gw_conf_parse("test", text, strlen(text), &conf, why, sizeof(why)), 0);
    STR_EQ(why, "");
    return conf;
}

static inline void session_open_as(struct session *s, const char *conf_lines, const struct gw_e2ae_input *in)
{
    memset(s, 0, sizeof(*s));
    s->conf = test_conf(conf_lines);
    EQ(gw_ms_new(s->conf, in, "test", &s->ms), 0);
}

static inline void session_open(struct session *s, const char *conf_lines)
{
    const struct gw_e2ae_input in = { .client = GW_CLIENT_WIC };

    session_open_as(s, conf_lines, &in);
}

static inline void session_close(struct session *s)
{
    gw_ms_free(s->ms);
    gw_conf_free(s->conf);
    free(s->text);
    free(s->raw);
}

/* Termination n: access 198.51.100.5:40000, core 10.0.0.5 or [2001:db8::5], port 20000 + 2n; ufrag
 * gwU<id>g<generation>. */
static inline struct gw_iq_reply test_reply(const struct gw_iq_req *req)
{
    struct gw_iq_reply r = { .ctx = 7 };

    for (unsigned i = 0; i < req->nterms; i++) {
        const struct gw_iq_term *t = &req->terms[i];
        struct gw_iq_local *l = &r.locals[r.nlocals++];

        l->id = t->id;
        if (t->security == GW_IQ_DTLS || t->security == GW_IQ_TLS) {
            l->fingerprint.hash = GW_IQ_SHA256;
            l->fingerprint.len = 32;
            memset(l->fingerprint.value, 0xcd, 32);
        }
        if (t->has_ice) {
            EQ(gw_addr_parse("198.51.100.5:40000", &l->rtp), 0);
            l->rtcp = l->candidates[0] = l->rtp;
            l->ncandidates = 1;
            snprintf(l->ufrag, sizeof(l->ufrag), "gwU%ug%u", t->id, t->ice_generation);
            snprintf(l->pwd, sizeof(l->pwd), "gwgwgwgwgwgwgwgwgwgw%ug%u", t->id, t->ice_generation);
        } else {
            EQ(gw_addr_parse_ip(t->realm == GW_IQ_ACCESS ? "198.51.100.5"
                                : t->family == 6         ? "2001:db8::5"
                                                         : "10.0.0.5",
                                (uint16_t)(20000 + 2 * t->id), &l->rtp),
               0);
            l->rtcp = l->rtp;
            l->rtcp.port++;
        }
    }
    return r;
}

/* Session ids, keys and tls-ids are random: words in their place. */
static inline void put_text(struct session *s, char *raw)
{
    static const char *const marks[] = { "o=- ", "inline:", "tls-id:" };
    static const char *const words[] = { "ID", "KEY", "TLSID" };
    char *out, *p;
    const char *q = raw;

    free(s->text);
    free(s->raw);
    s->raw = raw;
    s->text = out = p = calloc(1, strlen(raw) + 1);
    while (*q) {
        size_t k = 0;
        while (k < 3 && strncmp(q, marks[k], strlen(marks[k])) != 0)
            k++;
        if (k < 3) {
            p += sprintf(p, "%s%s", marks[k], words[k]);
            q += strlen(marks[k]);
            while (*q && !isspace((unsigned char)*q))
                q++;
        } else {
            *p++ = *q++;
        }
    }
    *p = 0;
    (void)out;
}

/* Every text that we write reads back. */
static inline void check_reads(const char *raw)
{
    struct gw_sdp *sdp = NULL;
    struct gw_sdp_error why = { 0, "" };

    EQ(gw_sdp_parse(gw_span_str(raw), &sdp, &why), 0);
    STR_EQ(why.what, "");
    gw_sdp_free(sdp);
}

/* An offer all the way to the other leg: its text, or NULL with the error in *err. */
static inline const char *offer_err(struct session *s, enum gw_leg from, const char *sdp, int *err)
{
    struct gw_iq_reply reply;
    char *out = NULL;
    size_t len = 0;

    memset(&s->why, 0, sizeof(s->why));
    *err = gw_ms_offer(s->ms, from, gw_span_str(sdp), &s->req, &s->why);
    if (*err)
        return NULL;
    reply = test_reply(&s->req);
    *err = gw_ms_offer_out(s->ms, &reply, &out, &len);
    if (*err)
        return NULL;
    EQ(strlen(out), len);
    check_reads(out);
    put_text(s, out);
    return s->text;
}

static inline const char *offer(struct session *s, enum gw_leg from, const char *sdp)
{
    int err = 0;
    const char *text = offer_err(s, from, sdp, &err);

    EQ(err, 0);
    STR_EQ(s->why.status == 500 ? "" : s->why.text, "");
    return text ? text : "";
}

static inline const char *answer(struct session *s, const char *sdp)
{
    struct gw_iq_reply reply;
    char *out = NULL;
    size_t len = 0;

    EQ(gw_ms_answer(s->ms, gw_span_str(sdp), &s->answer_req, &s->why), 0);
    reply = test_reply(&s->answer_req);
    EQ(gw_ms_answer_out(s->ms, &reply, &out, &len), 0);
    if (!out)
        return "";
    EQ(strlen(out), len);
    check_reads(out);
    put_text(s, out);
    return s->text;
}

static inline void offer_refused(const char *conf_lines, enum gw_leg from, const char *sdp, int want, int status,
                                 int warn, const char *text)
{
    struct session s;
    int err = 0;

    session_open(&s, conf_lines);
    CHECK(offer_err(&s, from, sdp, &err) == NULL);
    EQ(err, want);
    EQ(s.why.status, status);
    EQ(s.why.warn, warn);
    STR_EQ(s.why.text, text);
    session_close(&s);
}

#endif
