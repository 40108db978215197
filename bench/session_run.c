/* The ends of the sessions: browsers (ICE, DTLS, SCTP) and phones (RTP, UDPTL), in one thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/phones.h"
#include "bench/session.h"
#include "bench/target.h"
#include "datachannel/t140/t140_red.h"
#include "gateway/base/clock.h"
#include "gateway/base/wire.h"
#include "t38/ifp/ifp.h"
#include "t38/udptl/udptl.h"

enum {
    KEY_US = 200000,  /* five characters a second: sixty words a minute */
    TEXT_US = 300000, /* a phone sends what was typed meanwhile (RFC 4103 s. 5.1) */
    FAX_US = 30000,   /* V.17 at 14400 bit/s, as terminals cut it */
    FAX_OCTETS = 54,
    TURN_US = 1000000, /* each browser looks after its timers so often */
    PARALLEL = 20,
    UDPTL_SECONDARIES = 3,
    EVENTS = 256,
};

#define CONNECT_LIMIT_US (240 * GW_S)

struct run {
    enum session_kind kind;
    bool is_idle;
    unsigned n;
    struct session *sessions;
    struct gw_sctp_host *host;
    struct phones phones[2];
    int epoll;
    uint8_t ifp[FAX_OCTETS + 8];
    size_t ifp_len;
    uint64_t sent, received; /* characters, or fax packets */
};

static const struct phones places[2] = { { -1, 0x7f010001u, 22600 }, { -1, 0x7f020001u, 22601 } };
struct gw_dtls_identity *session_identity;

struct gw_addr session_phone(unsigned side, unsigned i)
{
    return phones_addr(&places[side], i);
}

/* ---- what arrives ---- */

static void on_browser_message(struct data_end *e, struct gw_span m)
{
    struct run *r = e->arg;

    r->received += r->kind == SESSION_TEXT ? m.len : 1;
}

static void on_text(struct run *r, struct gw_span p)
{
    const uint8_t *octets = p.ptr;
    struct gw_t140_red red = { 0 };

    if (p.len < 12)
        return;
    red.primary = (struct gw_span){ octets + 12, p.len - 12 };
    if ((octets[1] & 0x7f) == SESSION_RED_PT && gw_t140_red_parse(red.primary, SESSION_T140_PT, &red) != 0)
        return;
    for (size_t k = 0; k < red.primary.len; k++) /* a byte order mark is no character */
        r->received += ((const uint8_t *)red.primary.ptr)[k] < 0x80;
}

static void on_fax(struct run *r, struct session *s, unsigned side, struct gw_span p)
{
    uint16_t seq;

    if (p.len < 3)
        return;
    seq = (uint16_t)(((const uint8_t *)p.ptr)[0] << 8 | ((const uint8_t *)p.ptr)[1]);
    if (!s->has_seq[side] || seq != s->last_seq[side]) /* the last one before a pause comes again */
        r->received++;
    s->has_seq[side] = true;
    s->last_seq[side] = seq;
}

static void on_core(void *arg, unsigned i, struct gw_span p)
{
    struct run *r = arg;

    if (i >= r->n)
        return;
    if (r->kind == SESSION_TEXT)
        on_text(r, p);
    else
        on_fax(r, &r->sessions[i], SESSION_CORE, p);
}

static void on_access(void *arg, unsigned i, struct gw_span p)
{
    struct run *r = arg;

    if (i < r->n)
        on_fax(r, &r->sessions[i], SESSION_ACCESS, p);
}

static void receive(struct run *r, int wait_ms)
{
    struct epoll_event ev[EVENTS];
    int n = epoll_wait(r->epoll, ev, EVENTS, wait_ms);

    for (int k = 0; k < n; k++) {
        if (ev[k].data.ptr == &r->phones[SESSION_CORE])
            phones_receive(&r->phones[SESSION_CORE], on_core, r);
        else if (ev[k].data.ptr == &r->phones[SESSION_ACCESS])
            phones_receive(&r->phones[SESSION_ACCESS], on_access, r);
        else if (ev[k].data.ptr == r)
            gw_sctp_host_poll(r->host);
        else
            data_end_turn(&((struct session *)ev[k].data.ptr)->end);
    }
}

static int watch(struct run *r, int fd, void *what)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = what };

    return epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : GW_E_IO;
}

/* ---- what is sent ---- */

static void type_key(struct run *r, struct session *s)
{
    char c = (char)('a' + s->i % 26);

    r->sent++;
    (void)!data_end_send(&s->end, (struct gw_span){ &c, 1 });
}

/* The text of TEXT_US, one character or two, with that of the two packets before. */
static void send_text(struct run *r, struct session *s)
{
    static const char text[] = "xy";
    struct gw_t140_red red = { .n = 2 };
    uint8_t p[100];
    struct gw_writer w = gw_writer(p, sizeof(p));
    int n;

    red.primary = (struct gw_span){ text, 1 + s->seq % 2u };
    red.old[0].offset = 2 * TEXT_US / 1000;
    red.old[0].text = red.primary;
    red.old[1].offset = TEXT_US / 1000;
    red.old[1].text = (struct gw_span){ text, 2 - s->seq % 2u };
    gw_write_u16(&w, (uint16_t)(0x8000 | SESSION_RED_PT));
    gw_write_u16(&w, s->seq++);
    gw_write_u32(&w, s->ts += TEXT_US / 1000);
    gw_write_u32(&w, s->i + 1);
    n = gw_t140_red_write(&red, SESSION_T140_PT, p + 12, sizeof(p) - 12);
    if (n < 0)
        return;
    r->sent += red.primary.len;
    phones_send(&r->phones[SESSION_CORE], s->i, &s->to[SESSION_CORE], (struct gw_span){ p, 12 + (size_t)n });
}

/* A page goes one way: from the access side of even sessions, from the core side of odd ones. */
static void send_fax(struct run *r, struct session *s)
{
    unsigned side = s->i % 2 ? SESSION_CORE : SESSION_ACCESS;
    struct gw_span ifp = { r->ifp, r->ifp_len };
    struct gw_udptl_packet p = { .seq = s->seq++, .primary = ifp, .ec = GW_UDPTL_REDUNDANCY };
    uint8_t buf[500];
    int n;

    r->sent++;
    if (side == SESSION_ACCESS && r->kind == SESSION_FAX) {
        (void)!data_end_send(&s->end, ifp);
        return;
    }
    for (p.nentries = 0; p.nentries < UDPTL_SECONDARIES; p.nentries++)
        p.entries[p.nentries] = ifp;
    n = gw_udptl_write(&p, buf, sizeof(buf));
    if (n > 0)
        phones_send(&r->phones[side], s->i, &s->to[side], (struct gw_span){ buf, (size_t)n });
}

static void turn(struct run *r, struct session *s)
{
    if (r->kind != SESSION_UDPTL)
        data_end_turn(&s->end);
}

struct timetable {
    uint64_t interval_us, done;
    void (*act)(struct run *r, struct session *s);
};

static void run_for(struct run *r, double seconds, struct timetable *acts, unsigned nacts)
{
    uint64_t begin = gw_clock_us(), end = begin + (uint64_t)(seconds * 1e6), now;

    for (unsigned a = 0; a < nacts; a++)
        acts[a].done = 0;
    while ((now = gw_clock_us()) < end) {
        for (unsigned a = 0; a < nacts; a++) {
            uint64_t due = (now - begin) * r->n / acts[a].interval_us;
            for (unsigned k = 0; acts[a].done < due && k < EVENTS; k++)
                acts[a].act(r, &r->sessions[acts[a].done++ % r->n]);
        }
        receive(r, 1);
    }
}

/* ---- making them ---- */

static int join(struct run *r, const struct session_target *t, struct session *s)
{
    int err;

    if (r->kind == SESSION_UDPTL)
        return t->join(r->kind, s);
    err = data_end_init(&s->end, true, session_identity, r->host);
    s->end.on_message = on_browser_message;
    s->end.arg = r;
    if (!err)
        err = t->join(r->kind, s);
    if (!err)
        err = watch(r, s->end.fd, s);
    return err;
}

static int connect_all(struct run *r, const struct session_target *t)
{
    uint64_t end = gw_clock_us() + CONNECT_LIMIT_US;
    unsigned first = 0, next = 0; /* those between are on their way */

    while (first < r->n) {
        while (next < r->n && next < first + PARALLEL) {
            int err = join(r, t, &r->sessions[next++]);
            if (err) {
                fprintf(stderr, "%s: session %u: %s\n", t->name, next - 1, gw_err_text(err));
                return err;
            }
        }
        if (r->kind != SESSION_UDPTL)
            receive(r, 1);
        for (unsigned i = first; i < next; i++)
            turn(r, &r->sessions[i]);
        while (first < next && (r->kind == SESSION_UDPTL || r->sessions[first].end.is_up))
            first++;
        if (gw_clock_us() > end) {
            fprintf(stderr, "%s: session %u did not come up\n", t->name, first);
            return GW_E_TIMEOUT;
        }
    }
    return 0;
}

static int prepare(struct run *r)
{
    struct gw_ifp page = { .is_data = true, .value = 8 /* V.17 14400 */, .nfields = 1 };
    uint8_t lines[FAX_OCTETS];
    int n, err = 0;

    memset(lines, 0x35, sizeof(lines));
    page.fields[0].type = GW_IFP_T4_NON_ECM;
    page.fields[0].data = GW_SPAN(lines);
    n = gw_ifp_write(&page, GW_IFP_1998, r->ifp, sizeof(r->ifp));
    r->ifp_len = n > 0 ? (size_t)n : 0;
    r->sessions = calloc(r->n, sizeof(*r->sessions));
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!r->sessions || r->epoll < 0 || n < 0)
        return GW_E_NOMEM;
    for (unsigned i = 0; i < r->n; i++)
        r->sessions[i].i = i;
    for (unsigned side = 0; side < 2 && !err; side++) {
        err = phones_open(&r->phones[side], places[side].base, places[side].port);
        if (!err)
            err = watch(r, r->phones[side].fd, &r->phones[side]);
    }
    if (r->kind == SESSION_UDPTL || err)
        return err;
    err = gw_sctp_init(true);
    if (!err)
        err = gw_sctp_host_new(&r->host);
    return err ? err : watch(r, gw_sctp_host_fd(r->host), r);
}

static double part_lost(const struct run *r)
{
    return r->received < r->sent ? 100.0 * (double)(r->sent - r->received) / (double)r->sent : 0;
}

static void measure(struct run *r, const struct session_target *t, double seconds, struct session_figures *out)
{
    struct timetable text[] = { { KEY_US, 0, type_key }, { TEXT_US, 0, send_text }, { TURN_US, 0, turn } };
    struct timetable fax[] = { { FAX_US, 0, send_fax }, { TURN_US, 0, turn } };
    struct timetable quiet = { TURN_US, 0, turn };
    struct timetable *acts = r->is_idle ? &quiet : r->kind == SESSION_TEXT ? text : fax;
    unsigned nacts = r->is_idle ? 1 : r->kind == SESSION_TEXT ? 3 : 2;
    double cpu, own;

    run_for(r, seconds < 1 ? seconds : 1, acts, nacts); /* warm */
    cpu = task_cpu_s(t->pid(), 0);
    own = task_cpu_s(getpid(), 0);
    run_for(r, seconds, acts, nacts);
    out->core = (task_cpu_s(t->pid(), 0) - cpu) / seconds;
    out->generator = (task_cpu_s(getpid(), 0) - own) / seconds;
    out->us = out->core * 1e6 / r->n;
    run_for(r, r->kind == SESSION_TEXT ? 1.5 : 0.5, &quiet,
            1); /* what is on its way, and text that waits for its turn */
    out->lost = part_lost(r);
}

/* The process that calls this ends with it, and everything it has. */
int session_run(const struct session_target *t, enum session_kind kind, unsigned n, bool is_idle, double seconds,
                int core, struct session_figures *out)
{
    struct run r = { .kind = kind, .is_idle = is_idle, .n = n };
    double before;
    long kb;
    int err = t->start(kind, n, core);

    if (err)
        return err;
    kb = task_pss_kb(t->pid());
    before = task_cpu_s(t->pid(), 0);
    err = prepare(&r);
    if (!err)
        err = connect_all(&r, t);
    if (!err) {
        out->setup_us = (task_cpu_s(t->pid(), 0) - before) * 1e6 / n;
        measure(&r, t, seconds, out);
        out->kb = (double)(task_pss_kb(t->pid()) - kb) / n;
    }
    t->stop();
    return err;
}
