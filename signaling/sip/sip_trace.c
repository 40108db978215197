/* Every message in and out, for the history of calls and the HEP collector (gateway/trace). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/trace/trace.h"
#include "stack_priv.h"

void gw_sip_trace_flow(struct gw_sip_stack *s, gw_flow_id id, bool is_out, struct gw_span text)
{
    const struct gw_sip_flow *f = gw_trace_is_on() ? gw_sip_flow_find(s, id) : NULL;

    if (f)
        gw_trace_sip(&(struct gw_trace_message){ true, is_out, strcmp(f->info.transport, "WS") ? "WSS" : "WS",
                                                 f->info.peer, f->info.local, text });
}

/* Our own Via is not in it yet when a request leaves: its protocol is that of the next hop. */
void gw_sip_trace_core(struct gw_sip_stack *s, bool is_out, const struct gw_addr *peer, const struct gw_sip_msg *m,
                       const char *hop)
{
    struct gw_trace_message t = { .is_out = is_out, .local = s->conf->sip_listen, .transport = "UDP" };
    const char *via = gw_sip_msg_get(m, "Via", 0);
    struct gw_sip_uri u;
    char param[16];
    size_t len;
    char *text;

    if (!gw_trace_is_on())
        return;
    if (peer)
        t.peer = *peer;
    if (hop && gw_sip_uri_parse(hop, &u) == 0) {
        (void)gw_addr_parse_ip(u.host, u.port ? u.port : 5060, &t.peer);
        if (gw_sip_uri_param(&u, "transport", param, sizeof(param)) == 0)
            t.transport = strcasecmp(param, "tcp") == 0 ? "TCP" : strcasecmp(param, "tls") == 0 ? "TLS" : "UDP";
    } else if (via) {
        t.transport = strncasecmp(via, "SIP/2.0/TCP", 11) == 0   ? "TCP"
                      : strncasecmp(via, "SIP/2.0/TLS", 11) == 0 ? "TLS"
                                                                 : "UDP";
    }
    text = gw_sip_msg_write(m, &len);
    if (!text)
        return;
    t.text = (struct gw_span){ text, len };
    gw_trace_sip(&t);
    free(text);
}
