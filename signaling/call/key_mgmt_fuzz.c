/* What two ends agree on by a=key-mgmt (RFC 4567, MIKEY-TICKET) is theirs: whatever its octets are, they pass at the
 * session and at the m-line as they came, or the offer is refused (TS 33.328 s. 7.2.3, E2A-019), and no key of ours
 * joins them. The input is the value of both lines, divided by its first NUL. */
#include "signaling/call/interwork_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool has_line(const struct gw_sdp_section *s, struct gw_span value)
{
    struct gw_span found;
    unsigned pos = 0;

    return gw_sdp_attr(s, "key-mgmt", &pos, &found) && gw_span_eq(found, value) &&
           !gw_sdp_attr(s, "key-mgmt", &pos, &found);
}

static bool is_one_line(struct gw_span s)
{
    return s.len && !memchr(s.ptr, '\r', s.len) && !memchr(s.ptr, '\n', s.len) && !memchr(s.ptr, '\0', s.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct gw_conf *conf; /* once for all runs */
    const uint8_t *nul = len ? memchr(data, 0, len) : NULL;
    struct gw_span first = { data, nul ? (size_t)(nul - data) : len };
    struct gw_span second = { nul ? nul + 1 : data, nul ? len - first.len - 1 : len };
    struct gw_sdp_buf b = { 0 };
    struct gw_sdp *out;
    struct walk w;

    if (!conf)
        conf = walk_conf("");
    walk_open(&w, conf, GW_CLIENT_UE);
    gw_sdp_printf(&b,
                  "v=0\r\no=ue 9 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\na=key-mgmt:%.*s\r\n"
                  "m=audio 49170 RTP/SAVP 8\r\na=key-mgmt:%.*s\r\n",
                  GW_SDP_ARG(first), GW_SDP_ARG(second));
    MUST(b.text && !b.err);
    if (walk_offer(&w, GW_LEG_ACCESS, gw_span_str(b.text), false) && is_one_line(first) && is_one_line(second)) {
        out = walk_parse(w.last[GW_LEG_CORE]);
        MUST(out->nmedia == 1 && has_line(&out->session, first) && has_line(&out->media[0].section, second));
        MUST(!gw_sdp_has(&out->media[0].section, "crypto"));
        for (unsigned i = 0; i < w.req.nstreams; i++)
            MUST(w.req.streams[i].is_opaque);
        gw_sdp_free(out);
    }
    free(b.text);
    walk_close(&w);
    return 0;
}
