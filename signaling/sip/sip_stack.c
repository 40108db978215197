/* The loop of the control thread: su_root with its timers and descriptors, and the stack's beginning and end. */
#include "stack_priv.h"

#include <sofia-sip/su_log.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "signaling/ws/ws_listener.h"

enum { MBOX_CAPACITY = 8192 };

/* ---- timers ---- */

struct gw_ctl_timer {
    su_timer_t *su;
    void (*cb)(void *arg);
    void *arg;
};

static void on_su_timer(su_root_magic_t *magic, su_timer_t *su, su_timer_arg_t *arg)
{
    struct gw_ctl_timer *t = (struct gw_ctl_timer *)arg;

    t->cb(t->arg); /* may free t */
}

uint64_t gw_ctl_now_us(struct gw_sip_stack *s)
{
    return gw_clock_us();
}

int gw_ctl_timer_new(struct gw_sip_stack *s, void (*cb)(void *arg), void *arg, struct gw_ctl_timer **out)
{
    struct gw_ctl_timer *t = calloc(1, sizeof(*t));

    if (!t)
        return GW_E_NOMEM;
    t->su = su_timer_create(su_root_task(s->root), 0);
    if (!t->su) {
        free(t);
        return GW_E_NOMEM;
    }
    t->cb = cb;
    t->arg = arg;
    *out = t;
    return 0;
}

void gw_ctl_timer_start(struct gw_ctl_timer *t, uint32_t in_ms)
{
    su_timer_reset(t->su);
    su_timer_set_interval(t->su, on_su_timer, (su_timer_arg_t *)t, in_ms ? in_ms : 1);
}

void gw_ctl_timer_stop(struct gw_ctl_timer *t)
{
    su_timer_reset(t->su);
}

void gw_ctl_timer_free(struct gw_ctl_timer *t)
{
    if (!t)
        return;
    su_timer_destroy(t->su);
    free(t);
}

/* ---- descriptors ---- */

struct watch {
    struct watch *next;
    int fd, index;
    void (*cb)(void *arg);
    void *arg;
};

static int on_su_wait(su_root_magic_t *magic, su_wait_t *w, su_wakeup_arg_t *arg)
{
    struct watch *v = (struct watch *)arg;

    v->cb(v->arg);
    return 0;
}

int gw_ctl_watch(struct gw_sip_stack *s, int fd, void (*cb)(void *arg), void *arg)
{
    struct watch *v = calloc(1, sizeof(*v));
    su_wait_t w = SU_WAIT_INIT;

    if (!v)
        return GW_E_NOMEM;
    *v = (struct watch){ .next = s->watches, .fd = fd, .cb = cb, .arg = arg };
    if (su_wait_create(&w, fd, SU_WAIT_IN) != 0 ||
        (v->index = su_root_register(s->root, &w, on_su_wait, (su_wakeup_arg_t *)v, 0)) < 0) {
        free(v);
        return GW_E_IO;
    }
    s->watches = v;
    return 0;
}

void gw_ctl_unwatch(struct gw_sip_stack *s, int fd)
{
    for (struct watch **p = &s->watches; *p; p = &(*p)->next) {
        struct watch *v = *p;

        if (v->fd != fd)
            continue;
        *p = v->next;
        su_root_deregister(s->root, v->index);
        free(v);
        return;
    }
}

/* ---- the stack ---- */

__attribute__((format(printf, 2, 0))) static void on_sofia_log(void *stream, const char *fmt, va_list ap)
{
    char line[512];
    int n;

    if (!gw_log_is_on(GW_LOG_DEBUG))
        return;
    n = vsnprintf(line, sizeof(line), fmt, ap);
    if (n > 0 && line[n < (int)sizeof(line) ? n - 1 : (int)sizeof(line) - 2] == '\n')
        line[n < (int)sizeof(line) ? n - 1 : (int)sizeof(line) - 2] = '\0';
    gw_log(GW_LOG_DEBUG, "sofia", NULL, "%s", line);
}

static void sofia_init(void)
{
    su_init();
    su_log_redirect(NULL, on_sofia_log, NULL);
}

static void on_stop(void *arg)
{
    struct gw_sip_stack *s = arg;
    uint64_t v;
    ssize_t n = read(s->stop_fd, &v, sizeof(v));

    (void)n;
    su_root_break(s->root);
}

int gw_sip_stack_new(const struct gw_conf *conf, const struct gw_sip_handler *handler, struct gw_sip_stack **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct gw_sip_stack *s = calloc(1, sizeof(*s));
    int err = GW_E_IO;

    if (!s)
        return GW_E_NOMEM;
    pthread_once(&once, sofia_init);
    s->conf = conf;
    s->handler = *handler;
    s->t1_ms = (uint32_t)conf->sip_t1;
    s->udp_fd = -1;
    s->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->root = su_root_create(NULL);
    if (s->stop_fd < 0 || !s->root)
        goto fail;
    su_root_threading(s->root, 0);
    err = gw_mbox_new(MBOX_CAPACITY, &s->mbox);
    if (!err)
        err = gw_ctl_watch(s, s->stop_fd, on_stop, s);
    if (!err)
        err = gw_ctl_watch(s, gw_mbox_fd(s->mbox), gw_sip_flows_on_mbox, s);
    if (!err)
        err = gw_sip_udp_new(s);
    if (!err)
        err = gw_sip_core_new(s);
    if (err)
        goto fail;
    *out = s;
    return 0;
fail:
    gw_sip_stack_free(s);
    return err;
}

void gw_sip_stack_set_ws_ops(struct gw_sip_stack *s, const struct gw_sip_ws_ops *ops, void *ws)
{
    s->ws_ops = ops;
    s->ws = ws;
}

struct gw_mbox *gw_sip_stack_ws_events(struct gw_sip_stack *s)
{
    return s->mbox;
}

void gw_sip_stack_run(struct gw_sip_stack *s)
{
    su_root_run(s->root);
}

void gw_sip_stack_step(struct gw_sip_stack *s, uint32_t at_most_ms)
{
    su_root_step(s->root, (su_duration_t)at_most_ms);
}

void gw_sip_stack_stop(struct gw_sip_stack *s)
{
    uint64_t one = 1;
    ssize_t n = write(s->stop_fd, &one, sizeof(one));

    (void)n; /* a full counter wakes just as well */
}

static void drop_event(void *item)
{
    gw_ws_event_free(item);
}

void gw_sip_stack_free(struct gw_sip_stack *s)
{
    if (!s)
        return;
    while (s->all_clients)
        gw_sip_client_free(s->all_clients);
    while (s->all_servers)
        gw_sip_server_free(s->all_servers);
    gw_sip_core_free(s);
    gw_sip_flows_fini(s);
    gw_sip_udp_free(s);
    gw_sip_table_fini(&s->ws_servers);
    gw_sip_table_fini(&s->ws_accepted);
    gw_sip_table_fini(&s->ws_clients);
    gw_sip_table_fini(&s->acks);
    while (s->watches)
        gw_ctl_unwatch(s, s->watches->fd);
    gw_mbox_free(s->mbox, drop_event);
    if (s->root)
        su_root_destroy(s->root);
    if (s->stop_fd >= 0)
        close(s->stop_fd);
    free(s);
}

const char *gw_sip_stack_params(const struct gw_sip_stack *s, bool is_access)
{
    static const char *const params[] = { "", ";transport=tcp", ";transport=tls" };

    return is_access ? "" : params[s->conf->core_transport.v];
}

const char *gw_sip_stack_host(const struct gw_sip_stack *s, bool is_access)
{
    return is_access ? s->conf->domain : s->core_host;
}
