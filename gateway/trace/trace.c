#include "gateway/trace/trace.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/trace/hep.h"
#include "gateway/trace/trace_priv.h"

enum { HEP_MAX = 60 * 1024 };

static struct {
    pthread_mutex_t lock;
    bool is_on;
    unsigned size, next; /* of the ring */
    struct gw_trace_call **ring;
    int hep_fd; /* connected; -1: none */
    uint32_t agent_id;
    char password[256];
} t = { .lock = PTHREAD_MUTEX_INITIALIZER, .hep_fd = -1 };

/* ---- the ring ---- */

static void call_free(struct gw_trace_call *c)
{
    for (unsigned i = 0; c && i < c->nevents; i++)
        free(c->events[i].text);
    free(c);
}

static struct gw_trace_call *find(const char *id, size_t len)
{
    for (unsigned i = 0; len && i < t.size; i++) {
        struct gw_trace_call *c = t.ring[i];
        const char *names[3] = { c ? c->id : "", c ? c->call_id[0] : "", c ? c->call_id[1] : "" };
        for (unsigned k = 0; k < 3; k++)
            if (strlen(names[k]) == len && memcmp(names[k], id, len) == 0)
                return c;
    }
    return NULL;
}

static struct gw_trace_call *begin(void)
{
    struct gw_trace_call *c = t.size ? calloc(1, sizeof(*c)) : NULL;

    if (!c)
        return NULL;
    call_free(t.ring[t.next]);
    t.ring[t.next] = c;
    t.next = (t.next + 1) % t.size;
    c->begun_us = gw_clock_wall_us();
    return c;
}

/* A place for an event with a copy of its text; NULL: the call has had its share. */
static struct gw_trace_event *add(struct gw_trace_call *c, enum gw_trace_kind kind, struct gw_span text)
{
    struct gw_trace_event *e = &c->events[c->nevents];

    if (c->nevents == GW_TRACE_EVENTS || c->octets + text.len > GW_TRACE_OCTETS || !(e->text = malloc(text.len + 1))) {
        c->left_out++;
        return NULL;
    }
    memcpy(e->text, text.ptr, text.len);
    e->text[text.len] = 0;
    e->len = text.len;
    e->kind = (uint8_t)kind;
    e->wall_us = gw_clock_wall_us();
    c->octets += text.len;
    c->nevents++;
    return e;
}

/* ---- what is told ---- */

/* The URI of From or To; cut off when it is long. */
static void read_address(struct gw_span header, char *buf, size_t size)
{
    const char *p = header.ptr, *end = p + header.len, *open = header.len ? memchr(p, '<', header.len) : NULL;
    size_t n = 0;

    for (p = open ? open + 1 : p; p < end && *p != '>' && *p != ';' && n + 1 < size; p++)
        buf[n++] = *p;
    buf[n] = 0;
}

static struct gw_trace_call *begin_with(const struct gw_trace_message *m, const struct gw_trace_facts *f)
{
    struct gw_trace_call *c = f->call_id.len < sizeof(c->call_id[0]) ? begin() : NULL;

    if (!c)
        return NULL;
    c->from_access = m->is_access;
    (void)gw_span_copy(f->call_id, c->call_id[!m->is_access], sizeof(c->call_id[0]));
    read_address(f->from, c->caller, sizeof(c->caller));
    read_address(f->to, c->callee, sizeof(c->callee));
    return c;
}

/* How it goes, also when it has had its share of events. A challenge is no end when the caller answers it. */
static void follow(struct gw_trace_call *c, const struct gw_trace_message *m, const struct gw_trace_facts *f)
{
    bool is_invite = gw_span_is(f->cseq, "INVITE"), is_caller = m->is_access == c->from_access;

    if (is_invite && !f->is_response && is_caller && (c->status == 401 || c->status == 407))
        c->status = c->ended_us = 0;
    if (is_invite && f->status >= 200 && is_caller && m->is_out && !c->status)
        c->status = f->status;
    if (gw_span_is(f->cseq, "BYE") || (is_invite && f->status >= 300))
        c->ended_us = gw_clock_wall_us();
}

static void keep(const struct gw_trace_message *m, const struct gw_trace_facts *f)
{
    struct gw_trace_call *c = find(f->call_id.ptr, f->call_id.len);
    struct gw_trace_event *e;

    if (!c && !f->is_response && gw_span_is(f->cseq, "INVITE"))
        c = begin_with(m, f);
    if (!c)
        return;
    follow(c, m, f);
    e = add(c, GW_TRACE_SIP, m->text);
    if (!e)
        return;
    e->is_access = m->is_access;
    e->is_out = m->is_out;
    e->is_sdp = f->is_sdp && f->body.len;
    e->status = (uint16_t)f->status;
    e->transport = m->transport;
    e->start = f->start.len;
    e->body = (size_t)((const char *)f->body.ptr - (const char *)m->text.ptr);
    gw_addr_text(&m->peer, e->peer);
}

static void send_hep(const struct gw_trace_message *m, const char *correlation)
{
    static uint8_t buf[HEP_MAX]; /* under the lock */
    struct gw_hep h = { t.agent_id, t.password, correlation, gw_clock_wall_us() };
    int n = gw_hep_write(&h, m, buf, sizeof(buf));

    if (n > 0 && send(t.hep_fd, buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n)
        gw_stats_inc(GW_STAT_HEP_SENT);
    else
        gw_stats_inc(GW_STAT_HEP_DROPPED);
}

void gw_trace_sip(const struct gw_trace_message *given)
{
    struct gw_trace_message m = *given;
    struct gw_trace_facts f;
    struct gw_trace_call *c;
    char *text;

    if (!t.is_on)
        return;
    if (m.text.len > GW_TRACE_MESSAGE)
        m.text.len = GW_TRACE_MESSAGE;
    text = malloc(m.text.len + 1);
    if (!text)
        return;
    memcpy(text, m.text.ptr, m.text.len);
    text[m.text.len] = 0;
    gw_trace_mask(text, m.text.len, &f);
    m.text.ptr = text;
    pthread_mutex_lock(&t.lock);
    keep(&m, &f);
    if (t.hep_fd >= 0) {
        c = find(f.call_id.ptr, f.call_id.len);
        send_hep(&m, c ? c->id : NULL);
    }
    pthread_mutex_unlock(&t.lock);
    free(text);
}

void gw_trace_leg(const char *call, const char *call_id, bool is_access)
{
    struct gw_trace_call *c;

    if (!t.is_on || !call_id)
        return;
    pthread_mutex_lock(&t.lock);
    c = find(call, strlen(call));
    if (!c)
        c = find(call_id, strlen(call_id));
    if (c) {
        snprintf(c->id, sizeof(c->id), "%s", call);
        snprintf(c->call_id[!is_access], sizeof(c->call_id[0]), "%s", call_id);
    }
    pthread_mutex_unlock(&t.lock);
}

static void add_line(const char *call, enum gw_trace_kind kind, bool is_good, const char *line)
{
    struct gw_trace_call *c;
    struct gw_trace_event *e;

    pthread_mutex_lock(&t.lock);
    c = find(call, strlen(call));
    e = c ? add(c, kind, gw_span_str(line)) : NULL;
    if (e)
        e->is_good = is_good;
    pthread_mutex_unlock(&t.lock);
}

void gw_trace_step(const char *call, const char *step, bool is_good, const char *outcome)
{
    char line[256];

    if (!t.is_on)
        return;
    snprintf(line, sizeof(line), "%s: %s", step, outcome);
    add_line(call, GW_TRACE_STEP, is_good, line);
}

static void on_log(enum gw_log_level level, const char *room, const char *call, const char *text)
{
    char line[1100];

    snprintf(line, sizeof(line), "%s: %s", room, text);
    add_line(call, GW_TRACE_NOTE, level > GW_LOG_WARNING, line);
}

/* ---- life ---- */

static int hep_open(const struct gw_conf *c)
{
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(&c->hep_address, &ss);
    int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&ss, len) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int gw_trace_start(const struct gw_conf *c)
{
    t.size = (unsigned)c->trace_calls;
    t.next = 0;
    t.ring = t.size ? calloc(t.size, sizeof(struct gw_trace_call *)) : NULL;
    if (t.size && !t.ring)
        return GW_E_NOMEM;
    t.agent_id = (uint32_t)c->hep_agent_id;
    snprintf(t.password, sizeof(t.password), "%s", c->hep_password);
    if (c->hep_address.port && (t.hep_fd = hep_open(c)) < 0) {
        gw_trace_stop();
        return GW_E_IO;
    }
    t.is_on = t.size || t.hep_fd >= 0;
    if (t.size)
        gw_log_set_observer(on_log);
    return 0;
}

void gw_trace_stop(void)
{
    gw_log_set_observer(NULL);
    t.is_on = false;
    pthread_mutex_lock(&t.lock);
    for (unsigned i = 0; i < t.size; i++)
        call_free(t.ring[i]);
    free(t.ring);
    t.ring = NULL;
    t.size = 0;
    if (t.hep_fd >= 0)
        close(t.hep_fd);
    t.hep_fd = -1;
    pthread_mutex_unlock(&t.lock);
}

bool gw_trace_is_on(void)
{
    return t.is_on;
}

/* ---- what is asked ---- */

bool gw_trace_with(const char *id, void (*f)(const struct gw_trace_call *c, void *arg), void *arg)
{
    struct gw_trace_call *c;

    pthread_mutex_lock(&t.lock);
    c = find(id, strlen(id));
    if (c)
        f(c, arg);
    pthread_mutex_unlock(&t.lock);
    return c != NULL;
}

static void count(void *arg, const char *sentence)
{
    ++*(unsigned *)arg;
}

/* Not UTF-8: said so rather than left out. */
static json_t *text(const char *s)
{
    json_t *j = json_string(s);

    return j ? j : json_string("(not text)");
}

static json_t *summary(const struct gw_trace_call *c)
{
    char verdict[64];
    unsigned troubles = 0;

    gw_trace_verdict(c, verdict, sizeof(verdict));
    gw_trace_troubles(c, count, &troubles);
    return json_pack("{s:s, s:s, s:I, s:I, s:s, s:o, s:o, s:i, s:s, s:i}", "call", c->id, "call_id",
                     c->call_id[0][0] ? c->call_id[0] : c->call_id[1], "begun_ms", (json_int_t)(c->begun_us / 1000),
                     "ended_ms", (json_int_t)(c->ended_us / 1000), "from", c->from_access ? "access" : "core", "caller",
                     text(c->caller), "callee", text(c->callee), "status", (int)c->status, "verdict", verdict,
                     "troubles", (int)troubles);
}

char *gw_trace_list_json(void)
{
    json_t *list = json_array();
    char *text;

    pthread_mutex_lock(&t.lock);
    for (unsigned i = 0; i < t.size && i < GW_TRACE_LIST; i++) {
        const struct gw_trace_call *c = t.ring[(t.next + t.size - 1 - i) % t.size];
        if (c)
            json_array_append_new(list, summary(c));
    }
    pthread_mutex_unlock(&t.lock);
    text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}
