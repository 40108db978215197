#include "datachannel/sctp/sctp_assoc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <usrsctp.h>

#include "gateway/base/crypto.h"

enum {
    TABLE = 4096, /* hash buckets of live associations */
    TICK_MS = 10,
    FREE_PACKETS = 64, /* kept per host */
    READ_BUFFER = 65536,
    MESSAGE_DEFAULT = 262144,
};

struct packet {
    struct packet *next;
    uint64_t id; /* of the association: it may be gone when the packet is taken */
    size_t len;
    uint8_t octets[GW_SCTP_PACKET];
};

struct gw_sctp_host {
    int fd;
    struct packet *first, **last; /* under the lock */
    struct packet *unused;
    unsigned nunused;
    struct gw_sctp_assoc *ready;           /* under the lock: those that have something to read, or room */
    _Alignas(8) uint8_t read[READ_BUFFER]; /* notifications are read in place */
};

struct gw_sctp_assoc {
    struct gw_sctp_assoc *hash_next;
    struct gw_sctp_host *host;
    uint64_t id;
    struct socket *s;
    const struct gw_sctp_events *ev;
    void *arg;
    uint32_t max_message;
    unsigned depth; /* calls inside callbacks */
    bool is_up, is_down, is_dead, is_paused, is_blocked;
    struct gw_sctp_assoc *ready_next, **ready_prev; /* under the lock; prev NULL: not among the ready ones */
    uint16_t part_stream;                           /* a message in parts */
    bool has_part, is_oversize;
    uint8_t *part;
    size_t part_len, part_size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static struct gw_sctp_assoc *table[TABLE];
static unsigned live;
static bool is_running;
static _Thread_local bool is_ticking;

/* ---- what usrsctp calls, always under the lock ---- */

/* Ids are random and looked up: a pointer would live on in callbacks after close, and would show in packets. */
static struct gw_sctp_assoc *find(uint64_t id)
{
    struct gw_sctp_assoc *a = table[id % TABLE];

    while (a && a->id != id)
        a = a->hash_next;
    return a;
}

static void signal_host(struct gw_sctp_host *h)
{
    uint64_t one = 1;

    if (is_ticking && write(h->fd, &one, sizeof(one)) < 0)
        return; /* already signalled to the brim */
}

static int on_output(void *addr, void *buf, size_t len, uint8_t tos, uint8_t set_df)
{
    struct gw_sctp_assoc *a = find((uint64_t)(uintptr_t)addr);
    struct gw_sctp_host *h;
    struct packet *p;

    (void)tos;
    (void)set_df;
    if (!a || len > GW_SCTP_PACKET)
        return 0;
    h = a->host;
    p = h->unused;
    if (p) {
        h->unused = p->next;
        h->nunused--;
    } else {
        p = malloc(sizeof(*p));
        if (!p)
            return ENOBUFS;
    }
    p->next = NULL;
    p->id = a->id;
    p->len = len;
    memcpy(p->octets, buf, len);
    *h->last = p;
    h->last = &p->next;
    signal_host(h);
    return 0;
}

static void on_upcall(struct socket *s, void *arg, int flags)
{
    struct gw_sctp_assoc *a = find((uint64_t)(uintptr_t)arg);

    (void)s;
    (void)flags;
    if (!a)
        return;
    if (!a->ready_prev) {
        a->ready_next = a->host->ready;
        a->ready_prev = &a->host->ready;
        if (a->ready_next)
            a->ready_next->ready_prev = &a->ready_next;
        a->host->ready = a;
    }
    signal_host(a->host);
}

static void unready(struct gw_sctp_assoc *a)
{
    if (!a->ready_prev)
        return;
    *a->ready_prev = a->ready_next;
    if (a->ready_next)
        a->ready_next->ready_prev = a->ready_prev;
    a->ready_prev = NULL;
}

/* ---- time ---- */

void gw_sctp_tick(uint32_t elapsed_ms)
{
    pthread_mutex_lock(&lock);
    is_ticking = true;
    usrsctp_handle_timers(elapsed_ms);
    is_ticking = false;
    pthread_mutex_unlock(&lock);
}

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void *run_ticker(void *arg)
{
    uint64_t before = now_ms();

    (void)arg;
    pthread_mutex_lock(&lock);
    for (;;) {
        struct timespec pause = { 0, TICK_MS * 1000000 };
        uint64_t now;

        if (live == 0) { /* nothing to time: sleep until there is */
            pthread_cond_wait(&wake, &lock);
            before = now_ms();
            continue;
        }
        pthread_mutex_unlock(&lock);
        nanosleep(&pause, NULL);
        now = now_ms();
        gw_sctp_tick((uint32_t)(now - before));
        before = now;
        pthread_mutex_lock(&lock);
    }
    return NULL;
}

int gw_sctp_init(bool has_ticker)
{
    pthread_t ticker;
    int err = 0;

    pthread_mutex_lock(&lock);
    if (is_running) {
        pthread_mutex_unlock(&lock);
        return 0;
    }
    usrsctp_init_nothreads(0, on_output, NULL);
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_pr_enable(1);
    usrsctp_sysctl_set_sctp_auto_asconf(0);
    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_sendspace(GW_SCTP_BUFFER);
    usrsctp_sysctl_set_sctp_recvspace(GW_SCTP_BUFFER);
    usrsctp_sysctl_set_sctp_delayed_sack_time_default(20);
    usrsctp_sysctl_set_sctp_rto_min_default(200);
    usrsctp_sysctl_set_sctp_rto_max_default(10000);
    usrsctp_sysctl_set_sctp_rto_initial_default(1000);
    usrsctp_sysctl_set_sctp_initial_cwnd(10);
    usrsctp_sysctl_set_sctp_nr_outgoing_streams_default(GW_SCTP_STREAMS);
    is_running = true;
    /* It lives as long as the process: usrsctp cannot be started anew, and its timers outlive the last association. */
    if (has_ticker && pthread_create(&ticker, NULL, run_ticker, NULL) == 0)
        pthread_detach(ticker);
    else if (has_ticker)
        err = GW_E_IO;
    pthread_mutex_unlock(&lock);
    return err;
}

unsigned gw_sctp_count(void)
{
    unsigned n;

    pthread_mutex_lock(&lock);
    n = live;
    pthread_mutex_unlock(&lock);
    return n;
}

/* ---- hosts ---- */

int gw_sctp_host_new(struct gw_sctp_host **out)
{
    struct gw_sctp_host *h = calloc(1, sizeof(*h));

    if (!h)
        return GW_E_NOMEM;
    h->last = &h->first;
    h->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (h->fd < 0) {
        free(h);
        return GW_E_IO;
    }
    *out = h;
    return 0;
}

static void free_packets(struct packet *p)
{
    while (p) {
        struct packet *next = p->next;
        free(p);
        p = next;
    }
}

void gw_sctp_host_free(struct gw_sctp_host *h)
{
    if (!h)
        return;
    free_packets(h->first);
    free_packets(h->unused);
    close(h->fd);
    free(h);
}

int gw_sctp_host_fd(const struct gw_sctp_host *h)
{
    return h->fd;
}

/* ---- the end of an association ---- */

static void destroy(struct gw_sctp_assoc *a)
{
    struct gw_sctp_assoc **at;

    pthread_mutex_lock(&lock);
    for (at = &table[a->id % TABLE]; *at != a; at = &(*at)->hash_next)
        ;
    if (a->s) {
        usrsctp_set_upcall(a->s, NULL, NULL);
        usrsctp_close(a->s); /* linger 0: ABORT, which on_output still queues */
    }
    *at = a->hash_next;
    unready(a);
    usrsctp_deregister_address((void *)(uintptr_t)a->id);
    live--;
    pthread_mutex_unlock(&lock);
    free(a->part);
    free(a);
}

static void leave(struct gw_sctp_assoc *a)
{
    if (--a->depth == 0 && a->is_dead)
        destroy(a);
}

/* Sends what usrsctp has put out for any association of the host. */
static void flush(struct gw_sctp_host *h)
{
    for (;;) {
        struct packet *list, *p;

        pthread_mutex_lock(&lock);
        list = h->first;
        h->first = NULL;
        h->last = &h->first;
        pthread_mutex_unlock(&lock);
        if (!list)
            return;
        for (p = list; p; p = p->next) {
            struct gw_sctp_assoc *a;
            pthread_mutex_lock(&lock);
            a = find(p->id);
            pthread_mutex_unlock(&lock);
            if (a) /* of this host, and ends on this thread alone */
                a->ev->send(a->arg, (struct gw_span){ p->octets, p->len });
        }
        pthread_mutex_lock(&lock);
        while ((p = list) && h->nunused < FREE_PACKETS) {
            list = p->next;
            p->next = h->unused;
            h->unused = p;
            h->nunused++;
        }
        pthread_mutex_unlock(&lock);
        free_packets(list);
    }
}

void gw_sctp_free(struct gw_sctp_assoc *a)
{
    struct gw_sctp_host *h;

    if (!a || a->is_dead)
        return;
    h = a->host;
    if (a->s && !a->is_down) { /* abort while the packets still find their association */
        pthread_mutex_lock(&lock);
        usrsctp_set_upcall(a->s, NULL, NULL);
        usrsctp_close(a->s);
        a->s = NULL;
        pthread_mutex_unlock(&lock);
        flush(h);
    }
    a->is_dead = true;
    if (a->depth == 0)
        destroy(a);
}

/* ---- the begin ---- */

static int set_option(struct socket *s, int level, int name, const void *value, size_t len)
{
    return usrsctp_setsockopt(s, level, name, value, (socklen_t)len) < 0 ? GW_E_IO : 0;
}

static int set_options(struct socket *s)
{
    static const uint16_t events[] = { SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT };
    struct linger linger = { 1, 0 };
    struct sctp_initmsg init = { .sinit_num_ostreams = GW_SCTP_STREAMS, .sinit_max_instreams = GW_SCTP_STREAMS };
    struct sctp_assoc_value reset = { SCTP_ALL_ASSOC, SCTP_ENABLE_RESET_STREAM_REQ | SCTP_ENABLE_CHANGE_ASSOC_REQ };
    struct sctp_paddrparams path = { .spp_flags = SPP_PMTUD_DISABLE | SPP_HB_ENABLE, .spp_pathmtu = GW_SCTP_MTU };
    int on = 1, off = 0, err;

    path.spp_address.ss_family = AF_CONN;
    err = set_option(s, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    err = err ? err : set_option(s, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on));
    err = err ? err : set_option(s, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof(on));
    err = err ? err : set_option(s, IPPROTO_SCTP, SCTP_FRAGMENT_INTERLEAVE, &off, sizeof(off));
    err = err ? err : set_option(s, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &reset, sizeof(reset));
    err = err ? err : set_option(s, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof(init));
    err = err ? err : set_option(s, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path));
    for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]) && !err; i++) {
        struct sctp_event ev = { .se_assoc_id = SCTP_ALL_ASSOC, .se_type = events[i], .se_on = 1 };
        err = set_option(s, IPPROTO_SCTP, SCTP_EVENT, &ev, sizeof(ev));
    }
    return err;
}

static int connect_both(struct gw_sctp_assoc *a, const struct gw_sctp_config *config)
{
    struct sockaddr_conn addr = { .sconn_family = AF_CONN,
                                  .sconn_port = htons(config->local_port),
                                  .sconn_addr = (void *)(uintptr_t)a->id };

    usrsctp_set_non_blocking(a->s, 1);
    usrsctp_set_upcall(a->s, on_upcall, (void *)(uintptr_t)a->id);
    if (set_options(a->s) != 0 || usrsctp_bind(a->s, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return GW_E_IO;
    addr.sconn_port = htons(config->remote_port);
    if (usrsctp_connect(a->s, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno != EINPROGRESS)
        return GW_E_IO;
    return 0;
}

int gw_sctp_new(struct gw_sctp_host *h, const struct gw_sctp_config *config, struct gw_sctp_assoc **out)
{
    struct gw_sctp_assoc *a = calloc(1, sizeof(*a));
    int err = 0;

    if (!a)
        return GW_E_NOMEM;
    a->host = h;
    a->ev = config->events;
    a->arg = config->arg;
    a->max_message = config->max_message ? config->max_message : MESSAGE_DEFAULT;
    pthread_mutex_lock(&lock);
    do
        a->id = gw_rand_u64();
    while (a->id == 0 || find(a->id));
    usrsctp_register_address((void *)(uintptr_t)a->id);
    a->hash_next = table[a->id % TABLE];
    table[a->id % TABLE] = a;
    if (live++ == 0)
        pthread_cond_signal(&wake);
    a->s = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    err = a->s ? connect_both(a, config) : GW_E_NOMEM;
    pthread_mutex_unlock(&lock);
    if (err) {
        destroy(a);
        return err;
    }
    *out = a;
    flush(h);
    return 0;
}

/* ---- reading ---- */

static void go_down(struct gw_sctp_assoc *a, int err)
{
    if (a->is_down)
        return;
    a->is_down = true;
    a->is_up = false;
    a->ev->on_down(a->arg, err);
}

static void on_change(struct gw_sctp_assoc *a, const struct sctp_assoc_change *c)
{
    switch (c->sac_state) {
    case SCTP_COMM_UP:
        a->is_up = true;
        a->ev->on_up(a->arg, c->sac_inbound_streams, c->sac_outbound_streams);
        break;
    case SCTP_COMM_LOST:
        go_down(a, c->sac_length > sizeof(*c) ? GW_E_CLOSED : GW_E_TIMEOUT); /* with the ABORT chunk, or by silence */
        break;
    case SCTP_RESTART:
        go_down(a, GW_E_STATE);
        break;
    case SCTP_SHUTDOWN_COMP:
        go_down(a, GW_E_CLOSED);
        break;
    default:
        go_down(a, GW_E_TIMEOUT);
        break;
    }
}

static void on_stream_reset(struct gw_sctp_assoc *a, const struct sctp_stream_reset_event *e, size_t len)
{
    size_t n = (len - sizeof(*e)) / sizeof(e->strreset_stream_list[0]);
    bool has_failed = e->strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED);

    for (size_t i = 0; i < n && !a->is_dead; i++) {
        uint16_t stream = e->strreset_stream_list[i];
        if (e->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN)
            a->ev->on_peer_reset(a->arg, stream);
        if (!a->is_dead && (has_failed || e->strreset_flags & SCTP_STREAM_RESET_OUTGOING_SSN))
            a->ev->on_own_reset(a->arg, stream, has_failed ? GW_E_AGAIN : 0);
    }
}

static void on_notification(struct gw_sctp_assoc *a, const union sctp_notification *n, size_t len)
{
    if (len < sizeof(n->sn_header) || n->sn_header.sn_length != len)
        return;
    if (n->sn_header.sn_type == SCTP_ASSOC_CHANGE && len >= sizeof(n->sn_assoc_change))
        on_change(a, &n->sn_assoc_change);
    else if (n->sn_header.sn_type == SCTP_STREAM_RESET_EVENT && len >= sizeof(n->sn_strreset_event))
        on_stream_reset(a, &n->sn_strreset_event, len);
}

/* A message in parts (no MSG_EOR yet): collected up to max_message. */
static void collect(struct gw_sctp_assoc *a, uint16_t stream, struct gw_span part)
{
    if (a->is_oversize)
        return;
    if (part.len > a->max_message - a->part_len) {
        a->is_oversize = true;
        a->ev->on_oversize(a->arg, stream);
        return;
    }
    if (a->part_len + part.len > a->part_size) {
        size_t size = a->part_len + part.len + READ_BUFFER;
        uint8_t *grown = realloc(a->part, size);
        if (!grown) {
            a->is_oversize = true;
            a->ev->on_oversize(a->arg, stream);
            return;
        }
        a->part = grown;
        a->part_size = size;
    }
    memcpy(a->part + a->part_len, part.ptr, part.len);
    a->part_len += part.len;
}

static void on_data(struct gw_sctp_assoc *a, const struct sctp_rcvinfo *info, struct gw_span data, bool is_end)
{
    if (is_end && !a->has_part && data.len <= a->max_message) {
        a->ev->on_message(a->arg, info->rcv_sid, ntohl(info->rcv_ppid), data);
        return;
    }
    a->has_part = true;
    collect(a, info->rcv_sid, data);
    if (!is_end || a->is_dead)
        return;
    if (!a->is_oversize)
        a->ev->on_message(a->arg, info->rcv_sid, ntohl(info->rcv_ppid), (struct gw_span){ a->part, a->part_len });
    if (a->depth == 1) { /* not while a nested call still reads it */
        free(a->part);
        a->part = NULL;
        a->part_size = 0;
    }
    a->has_part = a->is_oversize = false;
    a->part_len = 0;
}

/* Reads until nothing is left, or the owner paused. */
static void drain(struct gw_sctp_assoc *a)
{
    if (a->depth) /* a callback of this very drain: its loop goes on */
        return;
    a->depth++;
    while (!a->is_dead && !a->is_down && !a->is_paused) {
        struct sctp_rcvinfo info = { 0 };
        socklen_t info_len = sizeof(info), from_len = 0;
        unsigned info_type = 0;
        int flags = 0;
        ssize_t n;

        pthread_mutex_lock(&lock);
        unready(a);
        n = usrsctp_recvv(a->s, a->host->read, READ_BUFFER, NULL, &from_len, &info, &info_len, &info_type, &flags);
        pthread_mutex_unlock(&lock);
        if (n < 0 && (errno == EWOULDBLOCK || errno == EAGAIN || errno == ENOTCONN))
            break;
        if (n <= 0)
            go_down(a, GW_E_CLOSED);
        else if (flags & MSG_NOTIFICATION)
            on_notification(a, (const union sctp_notification *)(const void *)a->host->read, (size_t)n);
        else
            on_data(a, &info, (struct gw_span){ a->host->read, (size_t)n }, flags & MSG_EOR);
    }
    if (a->is_blocked && !a->is_dead && !a->is_down) {
        a->is_blocked = false; /* the next AGAIN sets it anew */
        a->ev->on_writable(a->arg);
    }
    leave(a);
}

void gw_sctp_input(struct gw_sctp_assoc *a, struct gw_span packet)
{
    struct gw_sctp_host *h = a->host;

    if (a->is_dead || a->is_down || !a->s)
        return;
    pthread_mutex_lock(&lock);
    usrsctp_conninput((void *)(uintptr_t)a->id, packet.ptr, packet.len, 0);
    pthread_mutex_unlock(&lock);
    drain(a);
    flush(h);
}

void gw_sctp_host_poll(struct gw_sctp_host *h)
{
    struct gw_sctp_assoc *a;
    uint64_t v;

    if (read(h->fd, &v, sizeof(v)) < 0 && errno != EAGAIN)
        return;
    for (;;) {
        pthread_mutex_lock(&lock);
        a = h->ready;
        if (a)
            unready(a);
        pthread_mutex_unlock(&lock);
        if (!a)
            break;
        drain(a);
    }
    flush(h);
}

/* ---- writing ---- */

int gw_sctp_send(struct gw_sctp_assoc *a, const struct gw_sctp_send *how, struct gw_span message)
{
    struct sctp_sendv_spa spa = { .sendv_flags = SCTP_SEND_SNDINFO_VALID };
    ssize_t n;
    int err = 0;

    if (!a->is_up || a->is_dead)
        return GW_E_STATE;
    if (message.len == 0)
        return GW_E_INVAL; /* SCTP has no empty message: PPID 56 and 57 carry one octet */
    if (message.len > GW_SCTP_BUFFER / 2)
        return GW_E_LIMIT;
    spa.sendv_sndinfo.snd_sid = how->stream;
    spa.sendv_sndinfo.snd_ppid = htonl(how->ppid);
    spa.sendv_sndinfo.snd_flags = how->is_unordered ? SCTP_UNORDERED : 0;
    if (how->max_retr >= 0 || how->max_time_ms >= 0) {
        spa.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        spa.sendv_prinfo.pr_policy = how->max_retr >= 0 ? SCTP_PR_SCTP_RTX : SCTP_PR_SCTP_TTL;
        spa.sendv_prinfo.pr_value = (uint32_t)(how->max_retr >= 0 ? how->max_retr : how->max_time_ms);
    }
    pthread_mutex_lock(&lock);
    n = usrsctp_sendv(a->s, message.ptr, message.len, NULL, 0, &spa, sizeof(spa), SCTP_SENDV_SPA, 0);
    if (n < 0)
        err = errno;
    pthread_mutex_unlock(&lock);
    flush(a->host);
    if (n >= 0)
        return 0;
    if (err == EWOULDBLOCK) {
        a->is_blocked = true;
        return GW_E_AGAIN;
    }
    return err == EINVAL ? GW_E_RANGE : err == EMSGSIZE ? GW_E_LIMIT : GW_E_STATE;
}

void gw_sctp_ask_writable(struct gw_sctp_assoc *a)
{
    a->is_blocked = true;
}

size_t gw_sctp_unsent(struct gw_sctp_assoc *a)
{
    struct sctp_status st = { 0 };
    socklen_t len = sizeof(st);
    int err;

    if (!a->is_up || a->is_dead)
        return 0;
    pthread_mutex_lock(&lock);
    err = usrsctp_getsockopt(a->s, IPPROTO_SCTP, SCTP_STATUS, &st, &len);
    pthread_mutex_unlock(&lock);
    /* usrsctp tells chunks, not octets */
    return err < 0 ? 0 : ((size_t)st.sstat_unackdata + st.sstat_penddata) * GW_SCTP_MTU;
}

void gw_sctp_pause(struct gw_sctp_assoc *a)
{
    a->is_paused = true;
}

void gw_sctp_resume(struct gw_sctp_assoc *a)
{
    struct gw_sctp_host *h = a->host;

    if (!a->is_paused)
        return;
    a->is_paused = false;
    drain(a);
    flush(h);
}

int gw_sctp_reset(struct gw_sctp_assoc *a, uint16_t stream)
{
    union {
        struct sctp_reset_streams r;
        uint8_t room[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)];
    } u = { 0 };
    int err;

    if (!a->is_up || a->is_dead)
        return GW_E_STATE;
    u.r.srs_assoc_id = SCTP_ALL_ASSOC;
    u.r.srs_flags = SCTP_STREAM_RESET_OUTGOING;
    u.r.srs_number_streams = 1;
    u.r.srs_stream_list[0] = stream;
    pthread_mutex_lock(&lock);
    err = usrsctp_setsockopt(a->s, IPPROTO_SCTP, SCTP_RESET_STREAMS, &u, sizeof(u)) < 0 ? errno : 0;
    pthread_mutex_unlock(&lock);
    flush(a->host);
    return err == 0 ? 0 : err == EINVAL ? GW_E_RANGE : err == EAGAIN || err == EALREADY ? GW_E_AGAIN : GW_E_STATE;
}
