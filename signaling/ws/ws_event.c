#include <stdlib.h>

#include "signaling/ws/ws_listener.h"

void gw_ws_event_free(struct gw_ws_event *e)
{
    free(e);
}
