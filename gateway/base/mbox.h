/* A bounded queue of pointers between two threads, with an eventfd that is readable while it may hold something.
 * Many threads push, one takes. A full mailbox is an error that the sender handles. */
#ifndef GW_MBOX_H
#define GW_MBOX_H

#include "gateway/base/err.h"

struct gw_mbox;

int gw_mbox_new(unsigned capacity, struct gw_mbox **out);
/* `drop` (may be NULL) frees what is still queued. Only after both sides have stopped. */
void gw_mbox_free(struct gw_mbox *m, void (*drop)(void *item));

/* Takes *item and sets it to NULL on success. GW_E_FULL leaves it. Any thread. */
GW_MUST_CHECK int gw_mbox_push(struct gw_mbox *m, void **item);
/* The oldest item or NULL. The taking thread only. When it returns NULL the eventfd has been cleared. */
void *gw_mbox_take(struct gw_mbox *m);
int gw_mbox_fd(const struct gw_mbox *m);

#endif
