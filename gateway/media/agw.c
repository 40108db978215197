#include "gateway/media/agw.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/media/media_priv.h"

enum { ITEMS_PER_CALL = 256 };
#define IDENTITY_LIFE_US (24 * 3600 * GW_S)

struct local {
    struct gw_agw agw;
    const struct gw_conf *conf;
    gw_agw_notify_cb *on_notify;
    void *arg;
    int epoll_fd, timer_fd;
    uint64_t timer_us; /* what timer_fd is set to */
    uint64_t rotate_us;
    struct gw_identities ids;
    struct gw_dispatch *dispatch;
    unsigned nworkers;
    struct gw_worker *workers[GW_DISPATCH_WORKERS];
};

/* ---- certificate ---- */

struct gw_dtls_identity *gw_identities_get(struct gw_identities *ids)
{
    struct gw_dtls_identity *id;

    pthread_mutex_lock(&ids->lock); /* when a call is reserved, never for a packet */
    id = gw_dtls_identity_ref(ids->current);
    pthread_mutex_unlock(&ids->lock);
    return id;
}

static int rotate(struct local *a)
{
    uint16_t profiles[GW_CONF_LIST];
    struct gw_dtls_identity *fresh, *old;
    int err;

    for (unsigned i = 0; i < a->conf->srtp_profiles.n; i++) {
        profiles[i] = gw_dtls_profile_parse(a->conf->srtp_profiles.v[i]);
        if (!profiles[i])
            return GW_E_INVAL;
    }
    err = gw_dtls_identity_new(profiles, a->conf->srtp_profiles.n, &fresh);
    if (err)
        return err;
    pthread_mutex_lock(&a->ids.lock);
    old = a->ids.current;
    a->ids.current = fresh;
    pthread_mutex_unlock(&a->ids.lock);
    gw_dtls_identity_unref(old); /* calls that were reserved with it hold their own */
    a->rotate_us = gw_clock_us() + IDENTITY_LIFE_US;
    return 0;
}

/* ---- the one descriptor ---- */

static void set_timer(struct local *a)
{
    uint64_t at = gw_dispatch_deadline_us(a->dispatch);
    struct itimerspec t = { 0 };

    if (a->rotate_us < at)
        at = a->rotate_us;
    if (at == a->timer_us)
        return;
    a->timer_us = at;
    t.it_value.tv_sec = (time_t)(at / GW_S);
    t.it_value.tv_nsec = (long)(at % GW_S * 1000) + 1; /* never 0, which would stop it */
    timerfd_settime(a->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static int make_fd(struct local *a)
{
    struct epoll_event ev = { .events = EPOLLIN };

    a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    a->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (a->epoll_fd < 0 || a->timer_fd < 0 || epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, a->timer_fd, &ev) != 0 ||
        epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, gw_mbox_fd(gw_dispatch_inbox(a->dispatch)), &ev) != 0)
        return GW_E_LIMIT;
    return 0;
}

static struct local *of(const struct gw_agw *a)
{
    return (struct local *)(uintptr_t)a; /* its first member */
}

static int get_fd(const struct gw_agw *agw)
{
    return of(agw)->epoll_fd;
}

static void dispatch(struct gw_agw *agw)
{
    struct local *a = of(agw);
    uint64_t now = gw_clock_us(), count;

    if (read(a->timer_fd, &count, sizeof(count)) == sizeof(count))
        a->timer_us = 0; /* it has fired: set anew below */
    gw_dispatch_run(a->dispatch, ITEMS_PER_CALL, a->on_notify, a->arg);
    gw_dispatch_expire(a->dispatch, now);
    if (now >= a->rotate_us && rotate(a) != 0) {
        gw_log(GW_LOG_ERROR, "dtls", NULL, "no new certificate could be made; the old one stays for an hour");
        a->rotate_us = now + 3600 * GW_S;
    }
    set_timer(a);
}

static int submit(struct gw_agw *agw, struct gw_iq_req **req, gw_iq_reply_cb *on_reply, void *arg)
{
    struct local *a = of(agw);
    int err = gw_dispatch_submit(a->dispatch, req, on_reply, arg, gw_clock_us());

    set_timer(a);
    return err;
}

/* ---- life ---- */

static int make_workers(struct local *a, char *why, size_t why_size)
{
    struct gw_dispatch_worker d[GW_DISPATCH_WORKERS];
    int err = 0;

    for (unsigned i = 0; !err && i < (unsigned)a->conf->workers; i++) {
        err = gw_worker_new(a->conf, i, &a->ids, &a->workers[i], why, why_size);
        if (err)
            return err;
        a->nworkers++;
        d[i] = (struct gw_dispatch_worker){ a->workers[i]->orders, &a->workers[i]->load,
                                            (unsigned)a->conf->media_contexts };
    }
    return gw_dispatch_new(d, a->nworkers, &a->dispatch);
}

static void stop(struct gw_agw *agw)
{
    struct local *a = of(agw);

    for (unsigned i = 0; i < a->nworkers; i++)
        gw_worker_stop(a->workers[i]);
    gw_dispatch_free(a->dispatch);
    for (unsigned i = 0; i < a->nworkers; i++)
        gw_worker_free(a->workers[i]);
    gw_dtls_identity_unref(a->ids.current);
    pthread_mutex_destroy(&a->ids.lock);
    if (a->epoll_fd >= 0)
        close(a->epoll_fd);
    if (a->timer_fd >= 0)
        close(a->timer_fd);
    free(a);
}

static unsigned load_of(const struct local *a, unsigned worker)
{
    return atomic_load_explicit(&a->workers[worker]->load, memory_order_relaxed);
}

static unsigned contexts(const struct gw_agw *agw)
{
    const struct local *a = of(agw);
    unsigned n = 0;

    for (unsigned i = 0; i < a->nworkers; i++)
        n += load_of(a, i);
    return n;
}

/* One line: this process. */
static char *list_json(const struct gw_agw *agw)
{
    const struct local *a = of(agw);
    unsigned n = contexts(agw);
    json_t *j = json_pack("[{s:s, s:s, s:i, s:i, s:i}]", "agw", "this process", "state", "up", "contexts", (int)n,
                          "load", (int)n, "limit", (int)(a->nworkers * (unsigned)a->conf->media_contexts));
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

    json_decref(j);
    return text;
}

static const struct gw_agw_ops ops = { submit, get_fd, dispatch, contexts, list_json, stop };

int gw_agw_new(const struct gw_conf *conf, gw_agw_notify_cb *on_notify, void *arg, struct gw_agw **out, char *why,
               size_t why_size)
{
    struct local *a;
    int err;

    snprintf(why, why_size, "out of memory or descriptors");
    if (conf->workers > GW_DISPATCH_WORKERS)
        return GW_E_INVAL;
    a = calloc(1, sizeof(*a));
    if (!a)
        return GW_E_NOMEM;
    a->agw.ops = &ops;
    a->conf = conf;
    a->on_notify = on_notify;
    a->arg = arg;
    a->epoll_fd = a->timer_fd = -1;
    pthread_mutex_init(&a->ids.lock, NULL);
    err = rotate(a);
    if (err)
        snprintf(why, why_size, "srtp_profiles: %s", gw_err_text(err));
    if (!err)
        err = make_workers(a, why, why_size);
    if (!err)
        err = make_fd(a);
    if (err) {
        stop(&a->agw);
        return err;
    }
    set_timer(a);
    *out = &a->agw;
    return 0;
}

int gw_agw_start(struct gw_agw *agw)
{
    struct local *a = of(agw);

    for (unsigned i = 0; i < a->nworkers; i++) {
        int err = gw_worker_start(a->workers[i], gw_dispatch_inbox(a->dispatch));
        if (err)
            return err;
    }
    return 0;
}
