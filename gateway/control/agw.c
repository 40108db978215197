#include "gateway/control/agw.h"

#include <stddef.h>

int gw_agw_submit(struct gw_agw *a, struct gw_iq_req **req, gw_iq_reply_cb *on_reply, void *arg)
{
    return a->ops->submit(a, req, on_reply, arg);
}

int gw_agw_fd(const struct gw_agw *a)
{
    return a->ops->fd(a);
}

void gw_agw_dispatch(struct gw_agw *a)
{
    a->ops->dispatch(a);
}

unsigned gw_agw_contexts(const struct gw_agw *a)
{
    return a->ops->contexts(a);
}

char *gw_agw_list_json(const struct gw_agw *a)
{
    return a->ops->list_json(a);
}

void gw_agw_free(struct gw_agw *a)
{
    if (a)
        a->ops->free(a);
}
