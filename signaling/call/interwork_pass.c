/* m-lines that the two ends secure between themselves: SDES or DTLS without an indication, MIKEY (TS 33.328 s. 7.2.2,
 * 7.2.3, 7.3.2, 7.3.3). What speaks of codecs and keys passes as it is; only where media goes is ours, and not even
 * that when it is not anchored. */
#include "signaling/call/interwork_priv.h"

/* Written anew, or of no meaning on the other side. */
static const char *const never[] = { "3ge2ae",   "group",    "mid",   "bundle-only", "sendrecv", "sendonly",
                                     "recvonly", "inactive", "curr",  "des",         "conf",     "tcap",
                                     "acap",     "pcfg",     "acfg",  "csup",        "creq",     "rmcap",
                                     "omcap",    "mfcap",    "mscap", "lcfg",        "sescap" };
/* Where media goes. */
static const char *const addresses[] = { "candidate",  "remote-candidates", "end-of-candidates",
                                         "ice-ufrag",  "ice-pwd",           "ice-options",
                                         "ice-pacing", "ice-lite",          "ice-mismatch",
                                         "rtcp" };
/* Of the session, and meant for its m-lines. */
static const char *const of_session[] = { "key-mgmt", "fingerprint", "setup", "tls-id", "identity" };

static bool is_in(struct gw_span name, const char *const list[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (gw_span_is(name, list[i]))
            return true;
    return false;
}

#define IS_IN(name, list) is_in(name, list, sizeof(list) / sizeof((list)[0]))

void ms_pass_write_session(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, struct gw_sdp_buf *b)
{
    bool has_passed = false;

    for (unsigned i = 0; i < ms->now.legs[to].nlines; i++) {
        int stream = ms->now.legs[to].lines[i].stream;
        has_passed |= stream != MS_NO_STREAM && ms->now.streams[stream].pass;
    }
    for (unsigned i = 0; has_passed && i < src->session.nlines; i++) {
        struct gw_span name, value;
        if (gw_sdp_attr_of(&src->session.lines[i], &name, &value) && IS_IN(name, of_session))
            gw_sdp_printf(b, "a=%.*s\r\n", GW_SDP_ARG(src->session.lines[i].value));
    }
}

void ms_pass_write(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, const struct ms_stream *s, bool is_offer,
                   struct gw_sdp_buf *b)
{
    const struct gw_sdp_media *m = &src->media[s->line[ms_other(to)]];
    const struct ms_line *l = &ms->now.legs[to].lines[s->line[to]];
    const struct ms_term *t = ms_term(ms, s->term[to]);
    bool is_direct = s->pass == MS_DIRECT;
    struct gw_addr at;

    if (is_direct && gw_sdp_address(src, m, &at) != 0)
        at = ms_leg_address(ms, to); /* it was read before */
    else if (!is_direct)
        at = t->local.rtp;
    gw_sdp_printf(b, "m=%.*s %u %s %.*s\r\n", GW_SDP_ARG(m->type), is_direct ? m->port : at.port, l->proto,
                  GW_SDP_ARG(m->fmts));
    for (unsigned i = 0; i < m->section.nlines; i++)
        if (m->section.lines[i].type == 'i')
            gw_sdp_printf(b, "i=%.*s\r\n", GW_SDP_ARG(m->section.lines[i].value));
    ms_write_c(b, &at);
    for (unsigned i = 0; i < m->section.nlines; i++) {
        const struct gw_sdp_line *line = &m->section.lines[i];
        struct gw_span name, value;

        if (line->type == 'b')
            gw_sdp_printf(b, "b=%.*s\r\n", GW_SDP_ARG(line->value));
        if (!gw_sdp_attr_of(line, &name, &value) || IS_IN(name, never) || (!is_direct && IS_IN(name, addresses)))
            continue;
        gw_sdp_printf(b, "a=%.*s\r\n", GW_SDP_ARG(line->value));
    }
    gw_sdp_printf(b, "a=%s\r\n", gw_sdp_direction_text(ms_direction_out(s, to, is_offer)));
}
