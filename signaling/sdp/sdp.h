/* A session description as its lines (RFC 8866): what is not understood survives, in order. Parsing keeps every line of
 * the session and of each m-line; nothing is interpreted but the m= lines. Attributes have their own codecs in
 * sdp_attr.h. Pure; any thread. Policy lives elsewhere (signaling/e2ae, signaling/call). */
#ifndef GW_SDP_H
#define GW_SDP_H

#include <stdarg.h>

#include "gateway/base/addr.h"
#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum {
    GW_SDP_MEDIA = 32,   /* m-lines */
    GW_SDP_LINES = 1024, /* lines of the session part, and of each m-line: video of Chromium comes near 250 */
    GW_SDP_LINE = 4096,  /* octets of a line without its end */
    GW_SDP_SIZE = 65536, /* octets of all */
};

struct gw_sdp_line {
    char type;            /* the letter */
    struct gw_span value; /* after "x=", without the line end */
};

struct gw_sdp_section { /* the session part, or an m-line and what follows it (without the m= line itself) */
    unsigned nlines;
    struct gw_sdp_line *lines;
};

struct gw_sdp_media {
    struct gw_span type; /* audio, video, application ... */
    uint16_t port;       /* 0: rejected, or bundle-only (RFC 9143 s. 6) */
    unsigned nports;     /* "49170/2"; 1 if not written */
    struct gw_span proto;
    struct gw_span fmts; /* at least one, separated by blanks; see gw_sdp_token */
    struct gw_sdp_section section;
};

struct gw_sdp {
    struct gw_sdp_section session;
    unsigned nmedia;
    struct gw_sdp_media media[GW_SDP_MEDIA];
};

struct gw_sdp_error {
    unsigned line;    /* from 1 */
    const char *what; /* static text */
};

/* *out owns a copy of the text; spans in it live until gw_sdp_free. Line ends may be CRLF or LF. SYNTAX or LIMIT with
 * *why filled, else 0. Nothing is changed on error. */
GW_MUST_CHECK int gw_sdp_parse(struct gw_span text, struct gw_sdp **out, struct gw_sdp_error *why);
void gw_sdp_free(struct gw_sdp *sdp);

/* Text under construction; grows. The error is sticky (NOMEM, or LIMIT over GW_SDP_SIZE). Zeroed is empty. */
struct gw_sdp_buf {
    char *text; /* with a NUL once something was written */
    size_t len, size;
    int err;
};

void gw_sdp_printf(struct gw_sdp_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gw_sdp_buf_fini(struct gw_sdp_buf *b);
/* The whole description with CRLF line ends: byte for byte what was parsed but for bare LFs and blanks in m= lines. */
void gw_sdp_write(const struct gw_sdp *sdp, struct gw_sdp_buf *b);

/* For printf: "%.*s". */
#define GW_SDP_ARG(span) (int)(span).len, (const char *)(span).ptr

/* --- reading ---------------------------------------------------------------------------------------------------- */

/* Splits off the next token of *rest at blanks; empty when there is none. */
struct gw_span gw_sdp_token(struct gw_span *rest);
/* Splits at the first `c`: what is before it is returned, *rest is what follows (empty if there is none). */
struct gw_span gw_sdp_until(struct gw_span *rest, char c);
/* Decimal digits only. SYNTAX, or RANGE over max. */
int gw_sdp_number(struct gw_span text, uint64_t max, uint64_t *out);
int gw_sdp_u32(struct gw_span text, uint32_t max, uint32_t *out);

/* Name and value of an attribute line ("a=name:value" or "a=name", then the value is empty with ptr NULL). False if the
 * line is no attribute. */
bool gw_sdp_attr_of(const struct gw_sdp_line *line, struct gw_span *name, struct gw_span *value);
/* Iterates over the values of the attribute `name`: *pos starts at 0. Names are case-sensitive (RFC 8866 s. 6). */
bool gw_sdp_attr(const struct gw_sdp_section *s, const char *name, unsigned *pos, struct gw_span *value);
bool gw_sdp_has(const struct gw_sdp_section *s, const char *name);
/* The first value in m, else in the session part: for attributes that a session gives to its m-lines (RFC 8866
 * s. 5.13). */
bool gw_sdp_inherit(const struct gw_sdp *sdp, const struct gw_sdp_media *m, const char *name, struct gw_span *value);
/* The section that has the attribute: m's if it has any, else the session's. Never NULL. */
const struct gw_sdp_section *gw_sdp_section_with(const struct gw_sdp *sdp, const struct gw_sdp_media *m,
                                                 const char *name);
/* First line of that type, or NULL. */
const struct gw_sdp_line *gw_sdp_line(const struct gw_sdp_section *s, char type);

/* The address of an m-line: its own c= line or the session's. NOTFOUND without one; SYNTAX; UNSUPPORTED: a host name or
 * multicast, which are never resolved or joined here. The port is the m-line's. */
int gw_sdp_address(const struct gw_sdp *sdp, const struct gw_sdp_media *m, struct gw_addr *out);
/* "IN IP4 192.0.2.1" with an optional "/ttl". */
int gw_sdp_parse_connection(struct gw_span value, struct gw_addr *out);

#endif
