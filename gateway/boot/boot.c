#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/record.h"
#include "gateway/base/tls_profile.h"
#include "gateway/boot/boot_priv.h"
#include "gateway/trace/trace.h"

enum {
    DRAIN_LOOK_MS = 250, /* between looks whether a draining process has calls left */
    END_WAIT_MS = 3000,  /* for the BYEs of gw_calls_release_all to be answered */
    END_TOLD_MS = 100,   /* for controllers to hear of it */
};

static void signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

void gw_boot_prepare(void)
{
    struct rlimit files;
    sigset_t set;

    gw_tls_profile_impose();
    signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGTERM, SIG_DFL); /* a shell starts background jobs with SIGINT ignored: a signalfd would never see it */
    signal(SIGINT, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGPIPE, SIG_IGN); /* a peer that closes is an error of a write, not the end of the process */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* ---- the end ---- */

static void on_all_released(void *arg)
{
    gw_boot_stop(arg);
}

unsigned gw_boot_left(const struct gw_boot *b)
{
    return b->calls ? gw_calls_count(b->calls) : gw_agw_contexts(b->agw);
}

static void refuse_new(struct gw_boot *b)
{
    gw_console_drain(b->console);
    if (b->listen) {
        gw_listen_drain(b->listen);
        return;
    }
    gw_ws_drain(b->ws);
    gw_pcscf_drain(b->pcscf);
}

void gw_boot_end(struct gw_boot *b, const char *because)
{
    if (b->state == GW_BOOT_ENDING) {
        gw_boot_stop(b); /* told again: the BYEs under way are not waited for */
        return;
    }
    gw_log(GW_LOG_INFO, "boot", NULL, "ending, %s, %u calls left", because, gw_boot_left(b));
    b->state = GW_BOOT_ENDING;
    refuse_new(b);
    gw_boot_timer_start(b, b->listen ? END_TOLD_MS : END_WAIT_MS);
    if (b->listen)
        gw_listen_end(b->listen);
    else
        gw_calls_release_all(b->calls, on_all_released, b);
}

void gw_boot_drain(struct gw_boot *b)
{
    uint64_t timeout_s = (uint64_t)gw_boot_conf(b)->drain_timeout;

    if (b->state != GW_BOOT_RUNNING)
        return;
    gw_log(GW_LOG_INFO, "boot", NULL, "draining, %u calls left, at most %llu s", gw_boot_left(b),
           (unsigned long long)timeout_s);
    b->state = GW_BOOT_DRAINING;
    b->drain_until_us = gw_clock_us() + timeout_s * GW_S;
    refuse_new(b);
    gw_boot_timer_start(b, 1);
}

static void on_timer(void *arg)
{
    struct gw_boot *b = arg;

    if (b->state == GW_BOOT_ENDING)
        gw_boot_stop(b);
    else if (gw_boot_left(b) == 0)
        gw_boot_end(b, "drained");
    else if (gw_clock_us() >= b->drain_until_us)
        gw_boot_end(b, "drain_timeout is over");
    else
        gw_boot_timer_start(b, DRAIN_LOOK_MS);
}

static void on_signal(void *arg)
{
    struct gw_boot *b = arg;
    struct signalfd_siginfo si;

    while (read(b->signal_fd, &si, sizeof(si)) == sizeof(si)) {
        if (si.ssi_signo == SIGHUP)
            gw_boot_reload(b);
        else if (si.ssi_signo == SIGTERM && b->state == GW_BOOT_RUNNING)
            gw_boot_drain(b);
        else
            gw_boot_end(b, si.ssi_signo == SIGINT ? "interrupted" : "told twice");
    }
}

/* ---- the beginning ---- */

static void on_agw(void *arg)
{
    gw_agw_dispatch(((struct gw_boot *)arg)->agw);
}

static void on_admin(void *arg)
{
    gw_admin_dispatch(((struct gw_boot *)arg)->admin);
}

static void on_console(void *arg)
{
    gw_console_dispatch(((struct gw_boot *)arg)->console);
}

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    struct gw_boot *b = arg;

    if (b->calls)
        gw_calls_on_notify(b->calls, n);
    if (b->listen)
        gw_listen_notify(b->listen, n);
}

static void on_listen(void *arg)
{
    gw_listen_dispatch(((struct gw_boot *)arg)->listen);
}

static int start_media(struct gw_boot *b, char *why, size_t why_size)
{
    const struct gw_conf *c = gw_boot_conf(b);
    int err;

    if (b->role == GW_ROLE_PCSCF)
        return gw_remote_new(c, on_notify, b, &b->agw, why, why_size);
    err = gw_agw_new(c, on_notify, b, &b->agw, why, why_size);
    if (err)
        return err;
    if (b->role == GW_ROLE_AGW)
        err = gw_listen_new(c, b->agw, &b->listen, why, why_size);
    return err ? err : gw_agw_start(b->agw);
}

/* An access gateway alone: no SIP, so the loop is another. */
static int start_listening(struct gw_boot *b)
{
    int err = gw_loop_new(&b->loop);

    if (!err)
        err = gw_boot_watch(b, gw_listen_fd(b->listen), on_listen);
    if (!err)
        err = gw_boot_watch(b, gw_agw_fd(b->agw), on_agw);
    return err ? err : gw_boot_timer_new(b, on_timer);
}

static int start_signaling(struct gw_boot *b, char *why, size_t why_size)
{
    const struct gw_conf *c = gw_boot_conf(b);
    struct gw_sip_handler handler;
    char addr[GW_ADDR_TEXT];
    int err = gw_pcscf_new(c, &b->pcscf);

    if (err)
        return err;
    gw_pcscf_handler(b->pcscf, &handler);
    snprintf(why, why_size, "sip_listen %s: cannot listen there", gw_addr_text(&c->sip_listen, addr));
    err = gw_sip_stack_new(c, &handler, &b->stack);
    if (err)
        return err;
    *why = 0;
    err = gw_calls_new(c, b->stack, b->agw, &b->calls);
    if (err)
        return err;
    gw_pcscf_start(b->pcscf, b->stack, b->calls);
    err = gw_boot_watch(b, gw_agw_fd(b->agw), on_agw);
    return err ? err : gw_boot_timer_new(b, on_timer);
}

static int start_signals(struct gw_boot *b)
{
    sigset_t set;

    signals(&set);
    b->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return b->signal_fd < 0 ? GW_E_IO : gw_boot_watch(b, b->signal_fd, on_signal);
}

static int start_admin(struct gw_boot *b, char *why, size_t why_size)
{
    const struct gw_conf *c = gw_boot_conf(b);
    char problem[256] = "";
    int err;

    if (!*c->admin_socket)
        return 0;
    err = gw_admin_new(c->admin_socket, gw_boot_verbs, gw_boot_nverbs, b, &b->admin, problem, sizeof(problem));
    if (err)
        return gw_conf_refuse(c, GW_CONF_admin_socket, err, why, why_size, "%s", problem);
    return gw_boot_watch(b, gw_admin_fd(b->admin), on_admin);
}

static int start_console(struct gw_boot *b, char *why, size_t why_size)
{
    const struct gw_conf *c = gw_boot_conf(b);
    char problem[256] = "";
    int err = gw_console_new(c, gw_boot_verbs, gw_boot_nverbs, b, &b->console, problem, sizeof(problem));

    if (err)
        return gw_conf_refuse(c, GW_CONF_admin_listen, err, why, why_size, "%s", problem);
    return b->console ? gw_boot_watch(b, gw_console_fd(b->console), on_console) : 0;
}

/* The last: the first browser may come before the call returns. */
static int start_front(struct gw_boot *b, char *why, size_t why_size)
{
    int err = gw_ws_new(gw_boot_conf(b), gw_sip_stack_ws_events(b->stack), &b->ws, why, why_size);

    if (!err)
        gw_sip_stack_set_ws(b->stack, b->ws);
    return err;
}

static int start_records(struct gw_boot *b, char *why, size_t why_size)
{
    const struct gw_conf *c = gw_boot_conf(b);
    int err = gw_call_record_open(c->call_record_file);

    return err ? gw_conf_refuse(c, GW_CONF_call_record_file, err, why, why_size, "cannot be opened: %s",
                                strerror(errno))
               : 0;
}

int gw_boot_new(struct gw_conf **conf, const char *path, struct gw_boot **out, char *why, size_t why_size)
{
    struct gw_boot *b = calloc(1, sizeof(*b));
    int err;

    if (!b)
        return GW_E_NOMEM;
    b->signal_fd = -1;
    b->path = path;
    b->conf[b->nconf++] = *conf;
    b->role = (enum gw_role)(*conf)->role.v;
    b->started_us = gw_clock_us();
    *why = 0;
    gw_boot_apply_log(*conf);
    err = start_records(b, why, why_size);
    if (!err && gw_trace_start(*conf) != 0)
        err = gw_conf_refuse(*conf, GW_CONF_hep_address, GW_E_IO, why, why_size, "%s", strerror(errno));
    if (!err)
        err = start_media(b, why, why_size);
    if (!err)
        err = b->role == GW_ROLE_AGW ? start_listening(b) : start_signaling(b, why, why_size);
    if (!err)
        err = start_signals(b);
    if (!err)
        err = start_admin(b, why, why_size);
    if (!err)
        err = start_console(b, why, why_size);
    if (!err && b->role != GW_ROLE_AGW)
        err = start_front(b, why, why_size);
    if (err) {
        if (!*why)
            snprintf(why, why_size, "%s", gw_err_text(err));
        b->nconf = 0; /* stays the caller's */
        gw_boot_free(b);
        return err;
    }
    *conf = NULL;
    *out = b;
    return 0;
}

/* The front first; then the workers, which answer what still waits for them, so that a call is not freed with a request
 * under way; then the calls and what they stand on. */
void gw_boot_free(struct gw_boot *b)
{
    if (!b)
        return;
    if (b->admin)
        gw_boot_unwatch(b, gw_admin_fd(b->admin));
    gw_admin_free(b->admin);
    if (b->console)
        gw_boot_unwatch(b, gw_console_fd(b->console));
    gw_console_free(b->console);
    if (b->signal_fd >= 0) {
        gw_boot_unwatch(b, b->signal_fd);
        close(b->signal_fd);
    }
    if (b->stack)
        gw_sip_stack_set_ws(b->stack, NULL);
    gw_ws_free(b->ws);
    if (b->agw)
        gw_boot_unwatch(b, gw_agw_fd(b->agw));
    if (b->listen)
        gw_boot_unwatch(b, gw_listen_fd(b->listen));
    gw_agw_free(b->agw);
    gw_listen_free(b->listen);
    gw_calls_free(b->calls);
    gw_boot_loop_free(b);
    gw_pcscf_free(b->pcscf);
    gw_sip_stack_free(b->stack);
    gw_trace_stop();
    gw_call_record_close();
    for (unsigned i = 0; i < b->nconf; i++)
        gw_conf_free(b->conf[i]);
    free(b);
}
