/* The loop of the control thread: sofia's where there is SIP, else one of gateway/base (an access gateway alone). */
#include "gateway/base/log.h"
#include "gateway/boot/boot_priv.h"

static void on_fd(void *arg, uint32_t events)
{
    struct gw_boot_fd *f = arg;

    (void)events;
    f->cb(f->b);
}

int gw_boot_watch(struct gw_boot *b, int fd, void (*cb)(void *boot))
{
    if (b->stack)
        return gw_ctl_watch(b->stack, fd, cb, b);
    for (unsigned i = 0; i < GW_BOOT_FDS; i++) {
        struct gw_boot_fd *f = &b->fds[i];
        if (f->b)
            continue;
        *f = (struct gw_boot_fd){ .b = b, .cb = cb, .loop = { fd, on_fd, f } };
        return gw_loop_add_fd(b->loop, &f->loop, EPOLLIN);
    }
    return GW_E_FULL;
}

void gw_boot_unwatch(struct gw_boot *b, int fd)
{
    if (b->stack)
        gw_ctl_unwatch(b->stack, fd);
    for (unsigned i = 0; b->loop && i < GW_BOOT_FDS; i++)
        if (b->fds[i].b && b->fds[i].loop.fd == fd) {
            gw_loop_del_fd(b->loop, &b->fds[i].loop);
            b->fds[i].b = NULL;
        }
}

int gw_boot_timer_new(struct gw_boot *b, void (*cb)(void *boot))
{
    if (b->stack)
        return gw_ctl_timer_new(b->stack, cb, b, &b->timer);
    gw_timer_init(&b->loop_timer, cb, b);
    return 0;
}

void gw_boot_timer_start(struct gw_boot *b, uint32_t in_ms)
{
    if (b->stack)
        gw_ctl_timer_start(b->timer, in_ms);
    else if (gw_timer_start(b->loop, &b->loop_timer, gw_clock_us() + in_ms * GW_MS) != 0)
        gw_loop_stop(b->loop);
}

void gw_boot_run(struct gw_boot *b)
{
    gw_log(GW_LOG_INFO, "boot", NULL, "imsgw " GW_VERSION ", role %s, is ready",
           gw_conf_text(gw_boot_conf(b), GW_CONF_role));
    if (b->stack)
        gw_sip_stack_run(b->stack);
    else
        gw_loop_run(b->loop, NULL, NULL);
}

void gw_boot_stop(struct gw_boot *b)
{
    if (b->stack)
        gw_sip_stack_stop(b->stack);
    else
        gw_loop_stop(b->loop);
}

void gw_boot_loop_free(struct gw_boot *b)
{
    if (b->timer)
        gw_ctl_timer_free(b->timer);
    if (b->loop)
        gw_timer_stop(b->loop, &b->loop_timer);
    gw_loop_free(b->loop);
}
