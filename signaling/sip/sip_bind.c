/* Joins the stack to the WebSocket listener; alone in its file, so that programs without one do not link it. */
#include "signaling/sip/sip.h"
#include "signaling/ws/ws_listener.h"

static int send_on(void *ws, uint64_t conn, char **data, size_t len, bool is_binary)
{
    return gw_ws_send(ws, conn, data, len, is_binary);
}

static int close_it(void *ws, uint64_t conn, uint16_t code, const char *reason)
{
    return gw_ws_close(ws, conn, code, reason);
}

void gw_sip_stack_set_ws(struct gw_sip_stack *s, struct gw_ws *ws)
{
    static const struct gw_sip_ws_ops ops = { send_on, close_it };

    gw_sip_stack_set_ws_ops(s, ws ? &ops : NULL, ws);
}
