#include "tests/harness/bad_link.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"

enum { LATE = 16, HOLD_MS = 30 };

struct late {   /* datagrams that wait for later ones to overtake them */
    size_t len; /* 0: free */
    int way;
    unsigned behind;
    uint64_t until_us;
    uint8_t octets[2048];
};

struct bad_link {
    int fd[2]; /* [0] towards the client, [1] towards the server, connected */
    struct sockaddr_storage client;
    socklen_t client_len;
    struct bad_link_odds odds;
    struct late late[LATE];
    atomic_bool is_over;
    pthread_t thread;
};

static unsigned dice(struct bad_link *l)
{
    l->odds.seed = l->odds.seed * 1664525u + 1013904223u;
    return (l->odds.seed >> 8) % 100;
}

static void pass(struct bad_link *l, int way, const uint8_t *p, size_t len)
{
    ssize_t n =
        way ? sendto(l->fd[0], p, len, 0, (struct sockaddr *)&l->client, l->client_len) : send(l->fd[1], p, len, 0);
    (void)n; /* lost, as datagrams are */
}

static void release(struct bad_link *l, int way, uint64_t now_us)
{
    for (unsigned i = 0; i < LATE; i++) {
        struct late *x = &l->late[i];
        if (!x->len)
            continue;
        if (x->way == way && x->behind)
            x->behind--;
        if (x->behind == 0 || now_us >= x->until_us) {
            pass(l, x->way, x->octets, x->len);
            x->len = 0;
        }
    }
}

static void on_datagram(struct bad_link *l, int way, const uint8_t *p, size_t len)
{
    uint64_t now_us = gw_clock_us();

    if (dice(l) < l->odds.loss)
        return;
    if (dice(l) < l->odds.reorder)
        for (unsigned i = 0; i < LATE; i++)
            if (!l->late[i].len) {
                l->late[i].len = len;
                l->late[i].way = way;
                l->late[i].behind = 1 + dice(l) % 3;
                l->late[i].until_us = now_us + HOLD_MS * GW_MS;
                memcpy(l->late[i].octets, p, len);
                return;
            }
    pass(l, way, p, len);
    if (dice(l) < l->odds.repeat)
        pass(l, way, p, len);
    release(l, way, now_us);
}

static void *run(void *arg)
{
    struct bad_link *l = arg;
    uint8_t p[2048];

    while (!atomic_load(&l->is_over)) {
        struct pollfd f[2] = { { l->fd[0], POLLIN, 0 }, { l->fd[1], POLLIN, 0 } };

        poll(f, 2, 10);
        for (int way = 0; way < 2; way++) {
            struct sockaddr_storage from;
            socklen_t n = sizeof(from);
            ssize_t len = recvfrom(l->fd[way], p, sizeof(p), MSG_DONTWAIT, (struct sockaddr *)&from, &n);
            if (len <= 0)
                continue;
            if (way == 0) {
                l->client = from;
                l->client_len = n;
            }
            if (way == 0 || l->client_len)
                on_datagram(l, way, p, (size_t)len);
        }
        release(l, -1, gw_clock_us());
    }
    return NULL;
}

struct bad_link *bad_link_new(const struct gw_addr *server, const struct bad_link_odds *odds, struct gw_addr *front)
{
    struct bad_link *l = calloc(1, sizeof(*l));
    struct gw_addr any = { .family = 4, .ip = { 127, 0, 0, 1 } };
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(&any, &ss);

    l->odds = *odds;
    for (int i = 0; i < 2; i++) {
        l->fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (bind(l->fd[i], (struct sockaddr *)&ss, len) != 0)
            abort();
    }
    len = sizeof(ss);
    getsockname(l->fd[0], (struct sockaddr *)&ss, &len);
    gw_addr_from_sockaddr((struct sockaddr *)&ss, front);
    len = gw_addr_to_sockaddr(server, &ss);
    if (connect(l->fd[1], (struct sockaddr *)&ss, len) != 0 || pthread_create(&l->thread, NULL, run, l) != 0)
        abort();
    return l;
}

void bad_link_free(struct bad_link *l)
{
    if (!l)
        return;
    atomic_store(&l->is_over, true);
    pthread_join(l->thread, NULL);
    close(l->fd[0]);
    close(l->fd[1]);
    free(l);
}
