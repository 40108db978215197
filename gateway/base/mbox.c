#include "gateway/base/mbox.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct gw_mbox {
    pthread_mutex_t lock;
    int fd;
    unsigned capacity, head, count;
    void *items[];
};

int gw_mbox_new(unsigned capacity, struct gw_mbox **out)
{
    struct gw_mbox *m = calloc(1, sizeof(*m) + capacity * sizeof(m->items[0]));

    if (!m)
        return GW_E_NOMEM;
    m->capacity = capacity;
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (m->fd < 0) {
        free(m);
        return GW_E_IO;
    }
    pthread_mutex_init(&m->lock, NULL);
    *out = m;
    return 0;
}

void gw_mbox_free(struct gw_mbox *m, void (*drop)(void *item))
{
    void *item;

    if (!m)
        return;
    while ((item = gw_mbox_take(m)))
        if (drop)
            drop(item);
    close(m->fd);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

int gw_mbox_push(struct gw_mbox *m, void **item)
{
    bool was_empty;

    pthread_mutex_lock(&m->lock);
    if (m->count == m->capacity) {
        pthread_mutex_unlock(&m->lock);
        return GW_E_FULL;
    }
    was_empty = m->count == 0;
    m->items[(m->head + m->count++) % m->capacity] = *item;
    *item = NULL;
    if (was_empty) { /* one write per burst; under the lock, so that a clear cannot fall between */
        uint64_t one = 1;
        ssize_t n = write(m->fd, &one, sizeof(one));
        (void)n; /* an eventfd write of 1 cannot fail here */
    }
    pthread_mutex_unlock(&m->lock);
    return 0;
}

void *gw_mbox_take(struct gw_mbox *m)
{
    void *item = NULL;

    pthread_mutex_lock(&m->lock);
    if (m->count) {
        item = m->items[m->head];
        m->head = (m->head + 1) % m->capacity;
        m->count--;
    }
    if (m->count == 0) {
        uint64_t v;
        ssize_t n = read(m->fd, &v, sizeof(v));
        (void)n; /* EAGAIN: already clear */
    }
    pthread_mutex_unlock(&m->lock);
    return item;
}

int gw_mbox_fd(const struct gw_mbox *m)
{
    return m->fd;
}
