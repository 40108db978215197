/* Makes a SIP message fit to be shown: keys in SDP, credentials and every body that is not SDP become asterisks, octet
 * for octet, so that lengths stay true. Reads what a history wants to know on the way. Pure. */
#ifndef GW_TRACE_MASK_H
#define GW_TRACE_MASK_H

#include "gateway/base/span.h"

struct gw_trace_facts {
    struct gw_span start;   /* first line */
    struct gw_span call_id; /* empty: none */
    struct gw_span cseq;    /* method alone */
    struct gw_span from, to;
    struct gw_span body;
    bool is_sdp, is_response;
    unsigned status;
};

/* Masks `text` in place; the spans of *out point into it. */
void gw_trace_mask(char *text, size_t len, struct gw_trace_facts *out);

#endif
