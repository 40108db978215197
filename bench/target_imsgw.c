/* The gateway's media plane in this process: its worker is a thread of its own, and its CPU is counted apart. */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/target.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/media/agw.h"

static struct gw_conf *conf;
static struct gw_agw *agw;
static int worker_tid;
static struct gw_iq_reply last;
static bool has_reply;
static double control;

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    (void)arg;
    (void)n;
}

static void on_reply(void *arg, const struct gw_iq_reply *r)
{
    (void)arg;
    last = *r;
    has_reply = true;
}

static int ask(const struct gw_iq_req *req)
{
    struct gw_iq_req *copy = malloc(sizeof(*copy));
    uint64_t end = gw_clock_us() + 3 * GW_S;

    *copy = *req;
    has_reply = false;
    if (gw_agw_submit(agw, &copy, on_reply, NULL) != 0)
        return GW_E_FULL;
    while (!has_reply && gw_clock_us() < end) {
        struct pollfd p = { gw_agw_fd(agw), POLLIN, 0 };
        poll(&p, 1, 100);
        gw_agw_dispatch(agw);
    }
    return has_reply ? last.err : GW_E_TIMEOUT;
}

static int find_worker(void)
{
    DIR *d = opendir("/proc/self/task");
    struct dirent *e;
    int tid = 0;

    while (d && (e = readdir(d))) {
        char path[300], name[32] = "";
        FILE *f;
        snprintf(path, sizeof(path), "/proc/self/task/%.32s/comm", e->d_name);
        f = fopen(path, "r");
        if (f && fgets(name, sizeof(name), f) && strcmp(name, "media 0\n") == 0)
            tid = atoi(e->d_name);
        if (f)
            fclose(f);
    }
    if (d)
        closedir(d);
    return tid;
}

static int make_call(struct load *l, const struct load_conf *lc, unsigned i)
{
    struct load_local local;
    struct load_remote remote = { 0 };
    struct gw_iq_req req = { .op = GW_IQ_RESERVE_CONFIGURE, .nterms = 2, .nstreams = 1 };
    int err;

    load_local(l, i, &local);
    snprintf(req.call, sizeof(req.call), "b%u", i);
    req.terms[0] = (struct gw_iq_term){ .id = 1,
                                        .realm = GW_IQ_ACCESS,
                                        .security = GW_IQ_DTLS,
                                        .family = 4,
                                        .has_ice = true,
                                        .has_rtcp_mux = true,
                                        .ice_generation = 1,
                                        .dtls_generation = 1,
                                        .setup = GW_IQ_SETUP_PASSIVE,
                                        .nfingerprints = 1 };
    req.terms[0].fingerprints[0] = local.fingerprint;
    strcpy(req.terms[0].remote_ufrag, local.ufrag);
    strcpy(req.terms[0].remote_pwd, local.pwd);
    if (lc->has_sdes) {
        req.terms[0] = (struct gw_iq_term){ .id = 1,
                                            .realm = GW_IQ_ACCESS,
                                            .security = GW_IQ_SDES,
                                            .family = 4,
                                            .has_remote = true,
                                            .remote_rtp = local.browser };
        load_static_key(lc->suite, i, 0, &req.terms[0].remote);
        load_static_key(lc->suite, i, 1, &req.terms[0].local);
    }
    req.terms[1] =
        (struct gw_iq_term){ .id = 2, .realm = GW_IQ_CORE, .family = 4, .has_remote = true, .remote_rtp = local.phone };
    req.streams[0] = (struct gw_iq_stream){ .id = 1,
                                            .kind = GW_IQ_AUDIO,
                                            .access_term = 1,
                                            .core_term = 2,
                                            .to_core = true,
                                            .to_access = true,
                                            .npts = 1,
                                            .pts = { { lc->pt, lc->pt, 8000 } } };
    err = ask(&req);
    if (err)
        return err;
    strcpy(remote.ufrag, last.locals[0].ufrag);
    strcpy(remote.pwd, last.locals[0].pwd);
    remote.fingerprint = last.locals[0].fingerprint;
    remote.access = lc->has_sdes ? last.locals[0].rtp : last.locals[0].candidates[0];
    remote.core = last.locals[1].rtp;
    load_remote(l, i, &remote);
    return lc->has_sdes ? load_keys(l, i, &req.terms[0].remote, &req.terms[0].local) : 0;
}

static void stop(void)
{
    gw_agw_free(agw);
    gw_conf_free(conf);
    agw = NULL;
    conf = NULL;
}

static int start(struct load *l, const struct load_conf *lc, int core)
{
    static const char text[] =
        "access_address = 127.0.0.1\naccess_port = 22700\ncore_address = 127.0.0.1\n"
        "core_port_min = 40000\ncore_port_max = 62000\nmedia_contexts = 20000\ndata_channels = no\n";
    char why[300];
    int err;

    gw_log_set_level(getenv("BENCH_LOG") ? GW_LOG_DEBUG : GW_LOG_ERROR);
    err = gw_conf_parse("bench", text, strlen(text), &conf, why, sizeof(why));
    if (!err)
        err = gw_agw_new(conf, on_notify, NULL, &agw, why, sizeof(why));
    if (!err)
        err = gw_agw_start(agw);
    if (err) {
        fprintf(stderr, "imsgw: %s\n", why);
        return err;
    }
    for (int i = 0; i < 100 && !(worker_tid = find_worker()); i++)
        usleep(1000);
    task_pin(worker_tid, core);
    for (unsigned i = 0; i < lc->calls && !err; i++)
        err = make_call(l, lc, i);
    if (err) {
        fprintf(stderr, "imsgw: %s\n", gw_err_text(err));
        stop();
    } else {
        control = task_cpu_s(getpid(), worker_tid);
    }
    return err;
}

static double control_s(void) /* Iq alone: SDP is the other half of the gateway, which call_bench measures */
{
    return control;
}

static double cpu_s(void)
{
    return task_cpu_s(getpid(), worker_tid);
}

const struct target target_imsgw = { "imsgw", start, control_s, cpu_s, NULL, stop };
