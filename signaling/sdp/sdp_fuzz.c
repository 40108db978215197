/* Parse; what was parsed is written and parsed again to the same. Every attribute codec sees every attribute. */
#include "signaling/sdp/sdp_attr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void codecs(const struct gw_sdp_section *s)
{
    for (unsigned i = 0; i < s->nlines; i++) {
        struct gw_span name, v;
        union {
            struct gw_sdp_rtpmap rtpmap;
            struct gw_sdp_fmtp fmtp;
            struct gw_sdp_rtcp rtcp;
            struct gw_sdp_extmap extmap;
            struct gw_sdp_rtcp_fb fb;
            struct gw_sdp_group group;
            struct gw_sdp_fingerprint fingerprint;
            enum gw_sdp_setup setup;
            struct gw_sdp_crypto crypto;
            struct gw_addr addr;
            struct gw_sdp_dcmap dcmap;
        } u;

        (void)gw_sdp_parse_connection(s->lines[i].value, &u.addr);
        if (!gw_sdp_attr_of(&s->lines[i], &name, &v))
            continue;
        (void)gw_sdp_parse_rtpmap(v, &u.rtpmap);
        if (gw_sdp_parse_fmtp(v, &u.fmtp) == 0)
            (void)gw_sdp_fmtp_param(u.fmtp.params, "apt", &v);
        (void)gw_sdp_parse_rtcp(v, &u.rtcp);
        (void)gw_sdp_parse_extmap(v, &u.extmap);
        (void)gw_sdp_parse_rtcp_fb(v, &u.fb);
        if (gw_sdp_parse_group(v, &u.group) == 0)
            (void)gw_sdp_group_has(&u.group, name);
        (void)gw_sdp_parse_fingerprint(v, &u.fingerprint);
        (void)gw_sdp_parse_setup(v, &u.setup);
        (void)gw_sdp_parse_crypto(v, &u.crypto);
        (void)gw_sdp_parse_dcmap(v, &u.dcmap);
        (void)gw_sdp_parse_msrp_address(v, &u.addr);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_sdp *a, *b;
    struct gw_sdp_error why;
    struct gw_sdp_buf one = { 0 }, two = { 0 };
    struct gw_sdp_sctp sctp;
    struct gw_addr addr;

    if (gw_sdp_parse((struct gw_span){ data, len }, &a, &why))
        return 0;
    codecs(&a->session);
    for (unsigned i = 0; i < a->nmedia; i++) {
        codecs(&a->media[i].section);
        (void)gw_sdp_direction(a, &a->media[i]);
        (void)gw_sdp_3ge2ae(&a->media[i].section);
        (void)gw_sdp_address(a, &a->media[i], &addr);
        (void)gw_sdp_parse_sctp(&a->media[i], &sctp);
    }
    gw_sdp_write(a, &one);
    if (!one.err) { /* LF became CRLF: it may have grown over the limit */
        if (gw_sdp_parse((struct gw_span){ one.text, one.len }, &b, &why))
            abort();
        gw_sdp_write(b, &two);
        if (two.len != one.len || memcmp(one.text, two.text, one.len) != 0 || a->nmedia != b->nmedia)
            abort();
        gw_sdp_free(b);
    }
    gw_sdp_buf_fini(&one);
    gw_sdp_buf_fini(&two);
    gw_sdp_free(a);
    return 0;
}
