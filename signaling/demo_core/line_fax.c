/* Fax: T.38 over UDPTL (ITU-T T.38 annex D). What comes is laid into the tray; a call of ours sends a page. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "signaling/demo_core/fax.h"
#include "signaling/demo_core/media.h"

enum { TURN_MS = 20 };

struct fax {
    struct gw_demo_media *media;
    int fd;
    struct gw_addr remote;
    enum gw_sdp_t38_ec ec; /* as agreed; of our offers: redundancy */
    struct gw_ctl_timer *timer;
    struct gw_demo_fax *machine;
    char received[GW_DEMO_PATH];
};

static void on_out(void *arg, struct gw_span packet)
{
    struct fax *f = arg;
    struct sockaddr_storage ss;
    socklen_t n = gw_addr_to_sockaddr(&f->remote, &ss);

    if (f->remote.port)
        (void)!sendto(f->fd, packet.ptr, packet.len, MSG_DONTWAIT, (struct sockaddr *)&ss, n);
}

static void on_over(void *arg, bool is_good, int pages, const char *result)
{
    struct fax *f = arg;
    bool is_received = f->received[0] && pages > 0;

    gw_log(GW_LOG_INFO, "demo", f->media->call_id, "fax %s, %d pages: %s%s%s", is_good ? "done" : "failed", pages,
           result, is_received ? ", in " : "", is_received ? f->received : "");
    if (is_received && gw_demo_paper_show(f->received) < 0)
        gw_log(GW_LOG_WARNING, "demo", f->media->call_id, "no picture of %s", f->received);
    if (f->media->on_fax)
        f->media->on_fax(f->media->arg, is_good, f->received);
}

static void on_time(void *arg)
{
    struct fax *f = arg;

    gw_ctl_timer_start(f->timer, TURN_MS);
    if (f->remote.port) /* nothing begins before the other side is known */
        gw_demo_fax_tick(f->machine, gw_ctl_now_us(f->media->stack));
}

static void on_packet(void *arg)
{
    struct fax *f = arg;
    uint8_t packet[2048];
    struct gw_addr from;

    for (unsigned i = 0; i < 64; i++) { /* bounded: other calls share the loop */
        struct sockaddr_storage ss;
        socklen_t size = sizeof(ss);
        ssize_t len = recvfrom(f->fd, packet, sizeof(packet), 0, (struct sockaddr *)&ss, &size);

        if (len < 0)
            return;
        if (gw_addr_from_sockaddr((struct sockaddr *)&ss, &from) || !gw_addr_eq_ip(&from, &f->remote))
            continue;
        f->media->heard_us = gw_ctl_now_us(f->media->stack);
        gw_demo_fax_packet(f->machine, (struct gw_span){ packet, (size_t)len }, f->media->heard_us);
    }
}

static void fax_close(struct gw_demo_line *l)
{
    struct fax *f = l->state;

    if (f->fd >= 0) {
        gw_ctl_unwatch(f->media->stack, f->fd);
        close(f->fd);
    }
    gw_ctl_timer_free(f->timer);
    gw_demo_fax_free(f->machine);
    free(f);
}

static int fax_open(struct gw_demo_line *l)
{
    const struct gw_demo_fax_job *job = &l->media->fax;
    struct fax *f = calloc(1, sizeof(*f));
    struct gw_demo_fax_config c = {
        .is_caller = job->is_caller, .max_pages = GW_DEMO_PAGES, .out = on_out, .over = on_over
    };
    int err = f ? 0 : GW_E_NOMEM;

    if (err)
        return err;
    f->fd = -1;
    f->media = l->media;
    f->ec = GW_SDP_T38_REDUNDANCY;
    if (job->send[0]) {
        c.send = job->send;
    } else {
        gw_demo_tray_next(job->tray, f->received);
        c.receive = f->received;
    }
    c.arg = l->state = f;
    err = gw_demo_fax_new(&c, &f->machine);
    if (!err)
        err = gw_demo_open_ports(l->media, SOCK_DGRAM, &f->fd, 1, &l->port);
    if (!err)
        err = gw_ctl_timer_new(l->media->stack, on_time, f, &f->timer);
    if (!err)
        err = gw_ctl_watch(l->media->stack, f->fd, on_packet, f);
    if (err) {
        fax_close(l);
        return err;
    }
    gw_ctl_timer_start(f->timer, TURN_MS);
    return 0;
}

static bool fax_can_take(const struct gw_sdp_media *m)
{
    return gw_span_is(m->type, "image") && gw_span_is_nocase(m->proto, "udptl") && gw_span_is_nocase(m->fmts, "t38");
}

static int fax_apply(struct gw_demo_line *l, const struct gw_sdp *sdp, const struct gw_sdp_media *m, bool is_answer)
{
    static const enum gw_udptl_ec ec[] = { [GW_SDP_T38_EC_ABSENT] = GW_UDPTL_NO_EC,
                                           [GW_SDP_T38_NO_EC] = GW_UDPTL_NO_EC,
                                           [GW_SDP_T38_REDUNDANCY] = GW_UDPTL_REDUNDANCY,
                                           [GW_SDP_T38_FEC] = GW_UDPTL_FEC };
    struct fax *f = l->state;
    struct gw_sdp_t38 t38;
    int err = gw_sdp_address(sdp, m, &f->remote);

    if (err)
        return err;
    gw_sdp_parse_t38(&m->section, &t38);
    f->ec = t38.ec;
    gw_demo_fax_agree(f->machine, ec[t38.ec], t38.max_datagram);
    return 0;
}

static void fax_write(const struct gw_demo_line *l, const struct gw_sdp_media *offer, struct gw_sdp_buf *b)
{
    const struct fax *f = l->state;
    struct gw_sdp_t38 ours = { .has_version = true,
                               .bit_rate = GW_SDP_T38_BIT_RATE,
                               .rate = GW_SDP_T38_TRANSFERRED_TCF,
                               .max_buffer = 1024,
                               .max_datagram = 1200,
                               .ec = f->ec },
                      theirs;

    if (offer) { /* no more than was offered */
        gw_sdp_parse_t38(&offer->section, &theirs);
        if (theirs.bit_rate && theirs.bit_rate < ours.bit_rate)
            ours.bit_rate = theirs.bit_rate;
    }
    gw_demo_write_line(l, offer, "image", "udptl", "t38", b);
    gw_sdp_write_t38(b, "a=", &ours);
}

static bool fax_is_expecting(const struct gw_demo_line *l)
{
    return true;
}

const struct gw_demo_line_ops gw_demo_line_fax = { "fax",     fax_can_take, fax_open,        fax_close,
                                                   fax_apply, fax_write,    fax_is_expecting };
