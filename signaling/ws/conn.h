/* One connection of the front, without its socket: HTTP requests, then perhaps a WebSocket; or SIP over TCP or TLS from
 * the beginning (is_stream). Octets and `now` in; octets to write, events for the control thread and the wish to end
 * out. Front thread. */
#ifndef GW_WS_CONN_H
#define GW_WS_CONN_H

#include "frame.h"
#include "gateway/base/clock.h"
#include "signaling/ws/ws_listener.h"
#include "site.h"

struct gw_ws_conn;

int gw_ws_conn_new(struct gw_site *site, uint64_t id, const struct gw_addr *peer, const struct gw_addr *local,
                   bool is_tls, bool is_stream, uint64_t now_us, struct gw_ws_conn **out);
/* The socket is gone. A WebSocket's CLOSED event goes out; if the control thread's mailbox is full it comes back here,
 * for the caller to push later. */
void gw_ws_conn_free(struct gw_ws_conn *c, struct gw_ws_event **undelivered);

void gw_ws_conn_rx(struct gw_ws_conn *c, struct gw_span in, uint64_t now_us);
/* Deadlines, pings; about once a second. */
void gw_ws_conn_tick(struct gw_ws_conn *c, uint64_t now_us);
/* Queues a message. Nothing happens on what is no open WebSocket. */
void gw_ws_conn_send(struct gw_ws_conn *c, struct gw_span message, bool is_binary, uint64_t now_us);
void gw_ws_conn_close(struct gw_ws_conn *c, uint16_t code, const char *reason, uint64_t now_us);

/* What to write next; empty: nothing. */
struct gw_span gw_ws_conn_out(const struct gw_ws_conn *c);
void gw_ws_conn_sent(struct gw_ws_conn *c, size_t n);
/* Everything is written and nothing more is wanted: close the socket. */
bool gw_ws_conn_is_done(const struct gw_ws_conn *c);
uint64_t gw_ws_conn_id(const struct gw_ws_conn *c);

#endif
