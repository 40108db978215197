#include "gateway/media/data_out.h"

#include <stdlib.h>

enum { QUEUE = 524288 };

int gw_data_out_init(struct gw_data_out *o)
{
    *o = (struct gw_data_out){ .octets = malloc(QUEUE) }; /* pages that are never touched cost nothing */
    return o->octets ? 0 : GW_E_NOMEM;
}

void gw_data_out_fini(struct gw_data_out *o)
{
    free(o->octets);
}

void gw_data_out_clear(struct gw_data_out *o)
{
    o->at = o->len = 0;
}

bool gw_data_out_put(struct gw_data_out *o, struct gw_span octets)
{
    if (o->at && o->len + octets.len > QUEUE) {
        memmove(o->octets, o->octets + o->at, o->len - o->at);
        o->len -= o->at;
        o->at = 0;
    }
    if (o->len + octets.len > QUEUE)
        return false;
    memcpy(o->octets + o->len, octets.ptr, octets.len);
    o->len += octets.len;
    return true;
}

size_t gw_data_out_room(const struct gw_data_out *o)
{
    return QUEUE - (o->len - o->at);
}

void gw_data_out_write(struct gw_data_out *o, struct gw_tcp *tcp)
{
    while (tcp && gw_tcp_is_up(tcp) && o->at < o->len) {
        ssize_t n = gw_tcp_write(tcp, (struct gw_span){ o->octets + o->at, o->len - o->at });
        if (n <= 0)
            break;
        o->at += (size_t)n;
    }
    if (o->at == o->len)
        gw_data_out_clear(o);
}

void gw_data_out_flush(struct gw_data_out *o, struct gw_data *d)
{
    gw_data_out_write(o, d->core->tcp);
    if (!d->channel)
        return;
    if (o->len - o->at > QUEUE / 2)
        gw_channel_stop(d->channel);
    else
        gw_channel_start(d->channel);
}
