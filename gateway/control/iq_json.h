/* Iq between two processes: the values of iq.h and what two ends say about themselves, as JSON text. One table
 * describes every field (iq_json_fields.c); writing and reading follow it. The keys of an object are the names of iq.h;
 * a field that is 0, false or empty is left out, one that is missing is read as that, an unknown one is ignored, one of
 * a wrong type or out of range is an error that names it. Enumerations and errors are words, octets are hexadecimal,
 * addresses are text.
 *
 * The text holds SRTP keys and passwords: it is not logged, and its owner wipes it (gw_iq_json_free). Pure; any thread.
 */
#ifndef GW_IQ_JSON_H
#define GW_IQ_JSON_H

#include "gateway/base/span.h"
#include "gateway/control/iq.h"

enum {
    GW_IQ_VERSION = 1,
    GW_IQ_JSON_MAX = 256 * 1024, /* octets of one message; a request with everything in it has less than half */
    GW_IQ_NODE = 63,
    GW_IQ_PAGE = 1000, /* contexts in one answer to an audit */
};

enum gw_iq_msg_type {
    GW_IQ_HELLO,   /* either way: the first message of a connection, and once a second as a sign of life */
    GW_IQ_REQUEST, /* of the controller */
    GW_IQ_REPLY,
    GW_IQ_NOTIFY, /* of the access gateway; repeated until acknowledged */
    GW_IQ_ACK,
    GW_IQ_LIST,     /* of the controller: which contexts do you have for me, those above `after`? */
    GW_IQ_CONTEXTS, /* the answer */
};

struct gw_iq_hello {
    char node[GW_IQ_NODE + 1]; /* which machine of those with the same certificate */
    uint32_t load, limit; /* of the access gateway: contexts in use, and how many there may be; 0 while it drains */
    bool is_ending;       /* the sender ends now: its contexts, or its calls, are gone */
};

struct gw_iq_list {
    uint64_t txn, after;
};

struct gw_iq_contexts {
    uint64_t txn;
    bool is_last;
    uint16_t n;
    struct gw_iq_held {
        uint64_t ctx, txn; /* the context and the request that made it */
    } held[GW_IQ_PAGE];    /* ascending by ctx */
};

/* `from` and `to` are incarnations: a number that is another one after every start. What is from or to another one than
 * the two ends agreed on by HELLO is stale. */
struct gw_iq_msg {
    uint8_t type;      /* enum gw_iq_msg_type */
    uint64_t from, to; /* below 2^63, as every number here */
    uint64_t seq;      /* NOTIFY, ACK */
    union {
        struct gw_iq_hello hello;
        struct gw_iq_req request;
        struct gw_iq_reply reply;
        struct gw_iq_notify notify;
        struct gw_iq_list list;
        struct gw_iq_contexts contexts;
    };
};

/* *text is fresh, of *len octets and a NUL. GW_E_INVAL: a value that no reader would take (an enumeration without such
 * a word, text that is not UTF-8, a count above its bound); GW_E_NOMEM. */
GW_MUST_CHECK int gw_iq_json_write(const struct gw_iq_msg *m, char **text, size_t *len);
void gw_iq_json_free(char *text, size_t len); /* wipes; accepts NULL */

/* *out is written as a whole, on success only. GW_E_SYNTAX: no JSON; GW_E_UNSUPPORTED: another version; GW_E_TYPE,
 * GW_E_RANGE: `why` names the field, without its value. */
GW_MUST_CHECK int gw_iq_json_read(struct gw_span text, struct gw_iq_msg *out, char *why, size_t why_size);

#endif
