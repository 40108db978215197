/* For the files of this room. */
#ifndef GW_BOOT_PRIV_H
#define GW_BOOT_PRIV_H

#include <stdbool.h>
#include <sys/epoll.h>

#include "gateway/admin/admin.h"
#include "gateway/admin/console.h"
#include "gateway/base/loop.h"
#include "gateway/boot/boot.h"
#include "gateway/media/agw.h"
#include "gateway/remote/remote.h"
#include "signaling/call/call.h"
#include "signaling/pcscf/pcscf.h"
#include "signaling/sip/sip.h"
#include "signaling/ws/ws_listener.h"

enum gw_boot_state { GW_BOOT_RUNNING, GW_BOOT_DRAINING, GW_BOOT_ENDING };

enum {
    GW_BOOT_CONFS = 64, /* reloads that change something, in the life of a process */
    GW_BOOT_FDS = 8,
};

struct gw_boot_fd {
    struct gw_loop_fd loop;
    void (*cb)(void *boot);
    struct gw_boot *b; /* NULL: unused */
};

struct gw_boot {
    struct gw_conf *conf[GW_BOOT_CONFS]; /* [nconf - 1] is in force; rooms may still borrow the older ones */
    unsigned nconf;
    const char *path;
    enum gw_boot_state state;
    uint64_t started_us, drain_until_us;
    int signal_fd;
    enum gw_role role;
    struct gw_agw *agw;       /* in this process, or on other machines (role pcscf) */
    struct gw_listen *listen; /* role agw; without the four below */
    struct gw_pcscf *pcscf;
    struct gw_sip_stack *stack;
    struct gw_calls *calls;
    struct gw_ws *ws;
    struct gw_admin *admin;
    struct gw_console *console; /* NULL: none */
    struct gw_ctl_timer *timer; /* draining: looks whether calls are left; ending: the last deadline */
    struct gw_loop *loop;       /* role agw, instead of the stack's */
    struct gw_timer loop_timer; /* likewise */
    struct gw_boot_fd fds[GW_BOOT_FDS];
};

static inline const struct gw_conf *gw_boot_conf(const struct gw_boot *b)
{
    return b->conf[b->nconf - 1];
}

/* boot_loop.c */
int gw_boot_watch(struct gw_boot *b, int fd, void (*cb)(void *boot));
void gw_boot_unwatch(struct gw_boot *b, int fd);
int gw_boot_timer_new(struct gw_boot *b, void (*cb)(void *boot));
void gw_boot_timer_start(struct gw_boot *b, uint32_t in_ms);
void gw_boot_stop(struct gw_boot *b);
void gw_boot_loop_free(struct gw_boot *b); /* of an access gateway alone */

/* What keeps the process from ending: calls, or contexts of controllers. */
unsigned gw_boot_left(const struct gw_boot *b);
void gw_boot_drain(struct gw_boot *b);
void gw_boot_end(struct gw_boot *b, const char *because);
/* 0, or why nothing changed; the log says more. */
int gw_boot_reload(struct gw_boot *b);
void gw_boot_apply_log(const struct gw_conf *c);

extern const struct gw_admin_verb gw_boot_verbs[];
extern const unsigned gw_boot_nverbs;

#endif
