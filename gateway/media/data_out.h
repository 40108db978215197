/* What waits for the core connection of a channel: a bounded queue of octets. While it is half full, the channel is
 * stopped. */
#ifndef GW_DATA_OUT_H
#define GW_DATA_OUT_H

#include "gateway/media/data.h"

struct gw_data_out {
    uint8_t *octets; /* from at to len */
    size_t at, len;
};

int gw_data_out_init(struct gw_data_out *o);
void gw_data_out_fini(struct gw_data_out *o);
void gw_data_out_clear(struct gw_data_out *o);
/* False: no room, which does not happen to whoever flushes after each. */
bool gw_data_out_put(struct gw_data_out *o, struct gw_span octets);
void gw_data_out_flush(struct gw_data_out *o, struct gw_data *d);
void gw_data_out_write(struct gw_data_out *o, struct gw_tcp *tcp); /* as much as it takes; NULL: nothing */
size_t gw_data_out_room(const struct gw_data_out *o);

#endif
