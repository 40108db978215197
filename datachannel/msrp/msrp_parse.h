/* MSRP messages (RFC 4975 s. 9), pure: the header block, the search for the end-line across reads, URIs and their
 * comparison. A message is never collected: the header block is parsed when it is there, the body streams past the
 * scanner. */
#ifndef GW_MSRP_PARSE_H
#define GW_MSRP_PARSE_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum {
    GW_MSRP_HEADERS_MAX = 16384, /* octets of start line and headers */
    GW_MSRP_URIS = 16,           /* of one path */
    GW_MSRP_URI_MAX = 512,
    GW_MSRP_TID_MAX = 32,
    GW_MSRP_END_LINE_MAX = 2 + 7 + GW_MSRP_TID_MAX + 1 + 2, /* CRLF, hyphens, tid, flag, CRLF */
};

enum gw_msrp_method { GW_MSRP_RESPONSE, GW_MSRP_SEND, GW_MSRP_REPORT, GW_MSRP_NICKNAME, GW_MSRP_AUTH, GW_MSRP_OTHER };
enum gw_msrp_report { GW_MSRP_YES, GW_MSRP_NO, GW_MSRP_PARTIAL };

#define GW_MSRP_UNKNOWN UINT64_MAX /* "*" in a Byte-Range */

struct gw_msrp_path {
    unsigned n;
    struct gw_span uri[GW_MSRP_URIS];
};

/* Start line and headers of one message; the spans borrow from the text. */
struct gw_msrp_head {
    enum gw_msrp_method method;
    struct gw_span method_name; /* request */
    int status;                 /* response */
    struct gw_span comment;
    struct gw_span tid;
    struct gw_msrp_path to, from;
    struct gw_span message_id; /* empty: none */
    bool has_range;
    uint64_t range_start, range_end, range_total; /* first octet is 1; end and total may be UNKNOWN */
    enum gw_msrp_report success, failure;         /* absent: success NO, failure YES (RFC 4975 s. 7.1) */
    int report_status;                            /* Status header of a REPORT; 0: none */
    struct gw_span content_type;                  /* empty: no body */
    struct gw_span others;                        /* all header lines after From-Path as they came, CRLF at each end */
    size_t len; /* octets up to the first of the body, or to the end-line's first hyphen */
    bool has_body;
};

/* Parses the begin of `text`. AGAIN: not all there yet. LIMIT: longer than GW_MSRP_HEADERS_MAX. TYPE: not MSRP at all
 * (close). SYNTAX: MSRP, but wrong; out->tid and out->method are set if they could be read, for the 400. */
GW_MUST_CHECK int gw_msrp_parse_head(struct gw_span text, struct gw_msrp_head *out);

/* The search for CRLF "-------" tid flag CRLF behind a body, octets in pieces of any size. */
struct gw_msrp_scan {
    uint8_t want_len;
    uint8_t nheld;
    char want[2 + 7 + GW_MSRP_TID_MAX]; /* all but flag and CRLF */
    uint8_t held[GW_MSRP_END_LINE_MAX]; /* may be the begin of the end-line: not yet body */
};

void gw_msrp_scan_init(struct gw_msrp_scan *s, struct gw_span tid);
/* Takes octets from *in. Body octets go to `body` in one or more calls. Returns the flag '$', '+' or '#' once the
 * end-line is complete (*in then starts behind it), 0 while more is needed. */
typedef void gw_msrp_body_cb(void *arg, struct gw_span body);
int gw_msrp_scan(struct gw_msrp_scan *s, struct gw_span *in, gw_msrp_body_cb *cb, void *arg);

/* The end-line of a message without body, at the begin of text: flag, 0 for AGAIN, or SYNTAX. *used: its octets. */
int gw_msrp_end_line(struct gw_span text, struct gw_span tid, size_t *used);

/* Whether hyphens, tid and a flag stand anywhere in a body; not even behind a CRLF may they (RFC 4975 s. 7.1). */
bool gw_msrp_has_end_line(struct gw_span body, struct gw_span tid);

/* One chunk that is a whole SCTP message (RFC 8873 s. 5.4). SYNTAX also for octets behind the end-line or an earlier
 * end-line inside the body: both would let a client write a second request into the stream of the core. */
GW_MUST_CHECK int gw_msrp_parse_chunk(struct gw_span text, struct gw_msrp_head *out, struct gw_span *body, char *flag);

struct gw_msrp_uri {
    bool is_secure;
    struct gw_span host; /* without brackets of IPv6 */
    int port;            /* -1: none */
    bool has_session;
    struct gw_span session, transport;
};
GW_MUST_CHECK int gw_msrp_uri_parse(struct gw_span text, struct gw_msrp_uri *out);
/* RFC 4975 s. 6.1. */
bool gw_msrp_uri_eq(struct gw_span a, struct gw_span b);

/* A header block for another leg: start line and headers of `h` with other paths, transaction id and Byte-Range. The
 * caller adds body and end-line. Octets or LIMIT. */
struct gw_msrp_rewrite {
    struct gw_span tid, to, from; /* whole path values, URIs separated by blanks */
    bool has_range;
    uint64_t range_start, range_end, range_total;
};
int gw_msrp_write_head(const struct gw_msrp_head *h, const struct gw_msrp_rewrite *w, void *buf, size_t size);
/* CRLF (with a body), hyphens, tid, flag, CRLF. */
int gw_msrp_write_end(struct gw_span tid, char flag, bool has_body, void *buf, size_t size);
/* A response to `h` (RFC 4975 s. 7.2): To-Path is the first URI of From-Path of a SEND, all of it otherwise. */
int gw_msrp_write_response(const struct gw_msrp_head *h, int status, const char *comment, void *buf, size_t size);

#endif
