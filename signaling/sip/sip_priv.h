/* For the files of this room only. */
#ifndef GW_SIP_PRIV_H
#define GW_SIP_PRIV_H

#include <stddef.h>

#include "signaling/sip/sip.h"

enum {
    GW_SIP_TEXT_MAX = 64 * 1024, /* octets of a message on a WebSocket, and of a body */
    GW_SIP_HEADERS_MAX = 512,    /* elements of all headers of a message */
};

/* ---- header names ---- */

struct gw_sip_name {
    const char *name;    /* canonical spelling */
    char compact;        /* RFC 3261 s. 7.3.3; 0: none */
    bool is_list : 1;    /* comma-separated elements that may stand on lines of their own (s. 7.3.1) */
    bool is_once : 1;    /* a second one makes the message ambiguous: refused */
    bool is_checked : 1; /* a syntax error that sofia finds in it refuses the message; in others it is carried along */
};

/* NULL: not in the table, to be carried as it is. */
const struct gw_sip_name *gw_sip_name_find(const char *name, size_t len);

/* ---- the message ---- */

struct gw_sip_element {
    const char *name;              /* canonical, or as it came */
    const char *value;             /* one element of a list header, trimmed, unfolded */
    const struct gw_sip_name *row; /* NULL: unknown */
    bool is_continued;             /* stood on the line of the element before it */
};

/* What is wrong with a message that can still be answered. status 0: nothing. */
struct gw_sip_fault {
    int status;    /* 400, 505, 513 */
    char text[64]; /* reason phrase: "Bad CSeq" */
};

struct gw_sip_chunk;

struct gw_sip_msg {
    bool is_request;
    enum gw_sip_method method;
    const char *method_name;
    const char *uri;
    int status;
    const char *phrase;
    unsigned nelements, capacity;
    struct gw_sip_element *elements;
    const char *body;
    size_t body_len;
    struct gw_sip_chunk *chunks; /* every string above; freed with the message */
};

/* A copy of n octets with a NUL, owned by the message. NULL without memory. */
const char *gw_sip_msg_strndup(struct gw_sip_msg *m, const char *s, size_t n);
/* Puts one header line's value in at position `at`, split if the header is a list. */
int gw_sip_msg_insert(struct gw_sip_msg *m, unsigned at, const char *name, size_t name_len, const char *value,
                      size_t value_len);
/* Sets method and method name. */
int gw_sip_msg_set_method(struct gw_sip_msg *m, const char *name, size_t len);
unsigned gw_sip_msg_count(const struct gw_sip_msg *m, const char *name);

/* Like gw_sip_msg_parse, but a message whose start line can be read comes out in spite of faults, so that the fault can
 * be answered. Errors: SYNTAX (no SIP at all), NOMEM. */
int gw_sip_msg_parse_loose(struct gw_span text, struct gw_sip_msg **out, struct gw_sip_fault *fault);
/* Has Via, From, To, Call-ID and CSeq: what an answer is made of. */
bool gw_sip_msg_is_answerable(const struct gw_sip_msg *m);
/* What sofia's grammar says of the header section. */
void gw_sip_check_syntax(struct gw_span head, struct gw_sip_fault *fault);

/* CSeq number and method. SYNTAX if it is not one (the number is less than 2^31, RFC 3261 s. 8.1.1.5). */
int gw_sip_cseq_parse(const char *value, uint32_t *number, char *method, size_t size);
/* The end of the element that starts at p: a comma outside quotes and <>, or end. */
const char *gw_sip_element_end(const char *p, const char *end);
void gw_sip_trim(const char **p, const char **end);
bool gw_sip_is_token(const char *p, size_t len);
const char *gw_sip_status_phrase(int status);

#endif
