/* The far end of an MSRP session that answers each message with the same message (RFC 4975): short texts, isComposing,
 * and files, which are kept in a file without a name until they are whole. Octets in, octets out; one chunk is in
 * memory. */
#ifndef GW_DEMO_MSRP_ECHO_H
#define GW_DEMO_MSRP_ECHO_H

#include <stdio.h>

#include "datachannel/msrp/msrp_parse.h"

enum {
    GW_MSRP_ECHO_MESSAGES = 16,   /* coming or going back at a time; past it 413 */
    GW_MSRP_ECHO_MAX = 512 << 20, /* octets of one message */
    GW_MSRP_ECHO_CHUNK = 65536,
    GW_MSRP_ECHO_UNANSWERED = 16, /* chunks */
    GW_MSRP_ECHO_OUT = 1 << 20,   /* answers that nobody reads */
    GW_MSRP_ECHO_PATH = 2048,
};

struct gw_msrp_echo;

int gw_msrp_echo_new(const char *own_uri, struct gw_msrp_echo **out);
void gw_msrp_echo_free(struct gw_msrp_echo *e);
/* The other side's whole path as its SDP has it. LIMIT: too long. */
int gw_msrp_echo_set_peer(struct gw_msrp_echo *e, struct gw_span path);
/* A connection stands. Who made it speaks first (RFC 4975 s. 5.4): with an empty SEND. */
void gw_msrp_echo_up(struct gw_msrp_echo *e, bool is_active);
/* It is gone: what was half there is forgotten, what was half sent is sent again. */
void gw_msrp_echo_lost(struct gw_msrp_echo *e);
/* Octets of the connection. An error: not MSRP, close. */
GW_MUST_CHECK int gw_msrp_echo_read(struct gw_msrp_echo *e, struct gw_span octets);
struct gw_span gw_msrp_echo_pending(struct gw_msrp_echo *e); /* to be written; makes the next chunk */
void gw_msrp_echo_written(struct gw_msrp_echo *e, size_t len);

#endif
