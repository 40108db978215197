/* Controllers and access gateways over links that lose, repeat and disorder, with cuts and restarts on both sides: in
 * the end they agree, and nothing leaks. Both ends are the real ones; what stands behind the access gateway is a set of
 * numbers. */
#include <stdlib.h>
#include <test.h>

#include "gateway/base/clock.h"
#include "gateway/base/stats.h"
#include "gateway/remote/pool.h"
#include "gateway/remote/served.h"

enum { CTLS = 2, AGWS = 2, CALLS = 12, MEDIA = 400, FLIGHT = 4000, JOBS = 200, STEP_MS = 10 };

static uint32_t seed;
static uint64_t now;
static unsigned loss, again, jitter_ms; /* per cent, per cent, most */

static uint32_t roll(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

/* ---- what is on its way ---- */

static struct packet {
    bool is_used, to_agw;
    unsigned ctl, agw;
    uint64_t at, epoch;
    char *text;
    size_t len;
} flight[FLIGHT];
static unsigned flying; /* places that were ever used since begin() */

static struct {
    bool is_up;
    uint64_t epoch, up_at;
} links[CTLS][AGWS];

/* ---- the access gateways: contexts, and requests at work ---- */

static struct media {
    struct gw_served *served;
    uint64_t serial, ctx[MEDIA];
    struct job {
        bool is_used;
        uint64_t at;
        struct gw_iq_req *req; /* owned */
        gw_iq_reply_cb *cb;
        void *arg;
    } jobs[JOBS];
} agws[AGWS];

/* ---- the controllers and their calls ---- */

static struct ctl {
    struct gw_pool *pool;
    bool is_dead;
    struct call {
        struct ctl *ctl;
        enum { IDLE, ASKING, UP, CHANGING, ENDING } state;
        uint64_t ctx;
        unsigned tries, life; /* life: answers to calls before a restart are not of this one */
    } calls[CALLS];
} ctls[CTLS];

static uint64_t incarnations = 1, asked, reserves, answered, notified;

static int put(bool to_agw, unsigned ctl, unsigned agw, struct gw_span text)
{
    unsigned copies = roll(100) < loss ? 0 : roll(100) < again ? 2 : 1;

    for (unsigned i = 0; i < FLIGHT && copies && links[ctl][agw].is_up; i++)
        if (!flight[i].is_used) {
            flight[i] = (struct packet){
                true,    to_agw, ctl, agw, now + roll(jitter_ms + 1) * GW_MS, links[ctl][agw].epoch, malloc(text.len),
                text.len
            };
            memcpy(flight[i].text, text.ptr, text.len);
            flying = i < flying ? flying : i + 1;
            copies--;
        }
    return 0;
}

static int ctl_send(void *arg, unsigned agw, struct gw_span text)
{
    struct ctl *c = arg;

    return c->is_dead ? 0 : put(true, (unsigned)(c - ctls), agw, text);
}

static int agw_send(void *arg, unsigned conn, struct gw_span text)
{
    return put(false, conn, (unsigned)((struct media *)arg - agws), text);
}

static void cut(unsigned ctl, unsigned agw, unsigned for_ms)
{
    links[ctl][agw].is_up = false;
    links[ctl][agw].epoch++;
    links[ctl][agw].up_at = now + for_ms * GW_MS;
}

static void ctl_drop(void *arg, unsigned agw)
{
    unsigned ctl = (unsigned)((struct ctl *)arg - ctls);

    if (links[ctl][agw].is_up) {
        cut(ctl, agw, 100);
        gw_served_closed(agws[agw].served, ctl, now);
    }
}

static void agw_drop(void *arg, unsigned conn)
{
    unsigned agw = (unsigned)((struct media *)arg - agws);

    if (links[conn][agw].is_up) {
        cut(conn, agw, 100);
        gw_pool_closed(ctls[conn].pool, agw, now);
    }
}

/* ---- the access gateway's work ---- */

static int agw_submit(void *arg, struct gw_iq_req **req, gw_iq_reply_cb *cb, void *reply_arg)
{
    struct media *m = arg;

    for (unsigned i = 0; i < JOBS; i++)
        if (!m->jobs[i].is_used) {
            m->jobs[i] = (struct job){ true, now + roll(50) * GW_MS, *req, cb, reply_arg };
            *req = NULL;
            return 0;
        }
    return GW_E_FULL;
}

static void work(struct media *m, struct job *j)
{
    static struct gw_iq_reply r;
    unsigned i = 0;

    memset(&r, 0, sizeof(r));
    j->is_used = false;
    r.ctx = j->req->ctx;
    while (i < MEDIA && m->ctx[i] != j->req->ctx)
        i++; /* of a new one: a free place */
    if (i == MEDIA)
        r.err = j->req->ctx ? GW_E_NOTFOUND : GW_E_LIMIT;
    else if (j->req->ctx == 0)
        r.ctx = m->ctx[i] = ++m->serial;
    else if (j->req->op == GW_IQ_RELEASE)
        m->ctx[i] = 0;
    free(j->req);
    j->cb(j->arg, &r);
}

static unsigned contexts(const struct media *m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MEDIA; i++)
        n += m->ctx[i] != 0;
    return n;
}

/* ---- the calls, as signaling/call does it ---- */

static void on_reply(void *arg, const struct gw_iq_reply *r);

static void ask(struct call *c, uint8_t op)
{
    struct gw_iq_req *req = calloc(1, sizeof(*req));

    req->op = op;
    req->ctx = c->ctx;
    snprintf(req->call, sizeof(req->call), "c%u", (unsigned)(c - c->ctl->calls));
    if (gw_pool_submit(c->ctl->pool, &req, on_reply, c, now) == 0)
        asked++, reserves += op == GW_IQ_RESERVE;
    else if (c->state != ENDING)
        c->state = c->ctx ? UP : IDLE;
    free(req);
}

static void on_reply(void *arg, const struct gw_iq_reply *r)
{
    struct call *c = arg;

    answered++;
    if (c->ctl->is_dead)
        return;
    if (c->state == ASKING) {
        c->state = r->err ? IDLE : UP;
        c->ctx = r->err ? 0 : r->ctx;
    } else if (c->state == ENDING && r->err == GW_E_TIMEOUT && c->tries++ < 3) {
        ask(c, GW_IQ_RELEASE);
    } else if (c->state == ENDING || r->err == GW_E_NOTFOUND) {
        c->state = IDLE;
        c->ctx = 0;
    } else {
        c->state = c->ctx ? UP : IDLE;
    }
}

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    struct ctl *ctl = arg;

    notified++;
    for (unsigned i = 0; i < CALLS; i++)
        if (ctl->calls[i].ctx == n->ctx && n->event == GW_IQ_OUT_OF_SERVICE) {
            ctl->calls[i].ctx = 0;
            if (ctl->calls[i].state == UP)
                ctl->calls[i].state = IDLE;
        }
}

static void act(struct call *c)
{
    if (c->state == IDLE) {
        c->state = ASKING;
        ask(c, GW_IQ_RESERVE);
    } else if (c->state == UP && roll(2)) {
        c->state = CHANGING;
        ask(c, GW_IQ_CONFIGURE);
    } else if (c->state == UP) {
        c->state = ENDING;
        c->tries = 0;
        ask(c, GW_IQ_RELEASE);
    }
}

/* ---- starts and restarts ---- */

static void start_ctl(struct ctl *c)
{
    static char *names[AGWS] = { "agw0", "agw1" };
    struct gw_pool_world w = { c, ctl_send, ctl_drop, on_notify, c };

    memset(c->calls, 0, sizeof(c->calls));
    for (unsigned i = 0; i < CALLS; i++)
        c->calls[i].ctl = c;
    c->is_dead = false;
    EQ(gw_pool_new(&w, names, AGWS, "host", ++incarnations, 10 * GW_S, &c->pool), 0);
}

static void start_agw(struct media *m)
{
    struct gw_served_world w = { m, agw_send, agw_drop, agw_submit };

    memset(m, 0, sizeof(*m)); /* its contexts die with it, and ids begin anew */
    EQ(gw_served_new(&w, "host", ++incarnations, MEDIA, 10 * GW_S, &m->served), 0);
}

static void restart_ctl(unsigned ctl)
{
    for (unsigned a = 0; a < AGWS; a++)
        if (links[ctl][a].is_up) {
            cut(ctl, a, roll(3000));
            gw_served_closed(agws[a].served, ctl, now);
        }
    ctls[ctl].is_dead = true;
    gw_pool_free(ctls[ctl].pool);
    start_ctl(&ctls[ctl]);
}

static void end_agw(struct media *m)
{
    static const struct gw_iq_reply closed = { .err = GW_E_CLOSED };

    for (unsigned i = 0; i < JOBS; i++)
        if (m->jobs[i].is_used) {
            free(m->jobs[i].req);
            m->jobs[i].cb(m->jobs[i].arg, &closed);
        }
    gw_served_free(m->served);
}

static void restart_agw(unsigned agw)
{
    for (unsigned c = 0; c < CTLS; c++)
        if (links[c][agw].is_up) {
            cut(c, agw, roll(3000));
            gw_pool_closed(ctls[c].pool, agw, now);
        }
    end_agw(&agws[agw]);
    start_agw(&agws[agw]);
}

static void cut_both(unsigned ctl, unsigned agw, unsigned for_ms)
{
    if (!links[ctl][agw].is_up)
        return;
    cut(ctl, agw, for_ms);
    gw_served_closed(agws[agw].served, ctl, now);
    gw_pool_closed(ctls[ctl].pool, agw, now);
}

/* ---- time ---- */

static void deliver(void)
{
    for (unsigned i = 0; i < flying; i++) {
        if (!flight[i].is_used || flight[i].at > now)
            continue;
        struct packet p = flight[i];
        flight[i].is_used = false;
        if (!links[p.ctl][p.agw].is_up || links[p.ctl][p.agw].epoch != p.epoch)
            ;
        else if (p.to_agw)
            gw_served_input(agws[p.agw].served, p.ctl, (struct gw_span){ p.text, p.len }, now);
        else
            gw_pool_input(ctls[p.ctl].pool, p.agw, (struct gw_span){ p.text, p.len }, now);
        free(p.text);
    }
}

static void connect_links(void)
{
    for (unsigned c = 0; c < CTLS; c++)
        for (unsigned a = 0; a < AGWS; a++)
            if (!links[c][a].is_up && now >= links[c][a].up_at) {
                links[c][a].is_up = true;
                gw_served_opened(agws[a].served, c, c ? "ctl1.example" : "ctl0.example", now);
                gw_pool_opened(ctls[c].pool, a, now);
            }
}

static void step(void)
{
    now += STEP_MS * GW_MS;
    connect_links();
    deliver();
    for (unsigned a = 0; a < AGWS; a++) {
        for (unsigned i = 0; i < JOBS; i++)
            if (agws[a].jobs[i].is_used && agws[a].jobs[i].at <= now)
                work(&agws[a], &agws[a].jobs[i]);
        gw_served_expire(agws[a].served, now);
    }
    for (unsigned c = 0; c < CTLS; c++)
        if (gw_pool_deadline_us(ctls[c].pool) <= now)
            gw_pool_expire(ctls[c].pool, now);
}

static void begin(uint32_t with)
{
    seed = with;
    now = 1000 * GW_S;
    loss = again = jitter_ms = 0;
    asked = reserves = answered = notified = 0;
    memset(links, 0, sizeof(links));
    for (unsigned c = 0; c < CTLS; c++)
        start_ctl(&ctls[c]);
    for (unsigned a = 0; a < AGWS; a++)
        start_agw(&agws[a]);
}

static void run(unsigned ms)
{
    for (unsigned t = 0; t < ms; t += STEP_MS)
        step();
}

static void end(void)
{
    for (unsigned c = 0; c < CTLS; c++) {
        ctls[c].is_dead = true;
        gw_pool_free(ctls[c].pool);
    }
    for (unsigned a = 0; a < AGWS; a++)
        end_agw(&agws[a]);
    for (unsigned i = 0; i < FLIGHT; i++)
        if (flight[i].is_used)
            free(flight[i].text);
    memset(flight, 0, sizeof(flight));
    flying = 0;
    EQ(asked, answered); /* every request was answered, once */
    EQ(gw_stats_read(GW_STAT_IQ_CONTEXTS), 0);
}

static void check_agreement(void)
{
    unsigned calls = 0, known = 0, held = 0, media = 0;

    for (unsigned c = 0; c < CTLS; c++) {
        for (unsigned i = 0; i < CALLS; i++)
            calls += ctls[c].calls[i].ctx != 0;
        known += gw_pool_contexts(ctls[c].pool);
    }
    for (unsigned a = 0; a < AGWS; a++) {
        held += gw_served_contexts(agws[a].served);
        media += contexts(&agws[a]);
    }
    EQ(known, calls);
    EQ(held, calls);
    EQ(media, calls);
}

static void chaos(unsigned ms, bool breaks)
{
    for (unsigned t = 0; t < ms; t += STEP_MS) {
        step();
        if (roll(10) == 0)
            act(&ctls[roll(CTLS)].calls[roll(CALLS)]);
        if (breaks && roll(1000) == 0)
            cut_both(roll(CTLS), roll(AGWS), roll(15000));
        if (breaks && roll(3000) == 0)
            restart_ctl(roll(CTLS));
        if (breaks && roll(3000) == 0)
            restart_agw(roll(AGWS));
    }
}

TEST(iq_both_ends_agree_after_losses_repetitions_disorder_cuts_and_restarts)
{
    for (uint32_t s = 1; s <= 8; s++) {
        begin(s);
        run(2000);
        loss = 15;
        again = 15;
        jitter_ms = 300;
        chaos(120000, true);
        loss = again = 0;
        jitter_ms = 20;
        run(150000); /* two audits */
        check_agreement();
        for (unsigned c = 0; c < CTLS; c++)
            for (unsigned i = 0; i < CALLS; i++)
                if (ctls[c].calls[i].state == UP) {
                    ctls[c].calls[i].state = ENDING;
                    ask(&ctls[c].calls[i], GW_IQ_RELEASE);
                }
        run(5000);
        check_agreement();
        EQ(contexts(&agws[0]) + contexts(&agws[1]), 0);
        end();
    }
}

TEST(iq_a_bad_link_alone_ends_no_call_and_nothing_is_carried_out_twice)
{
    for (uint32_t s = 1; s <= 8; s++) {
        begin(s);
        run(2000);
        loss = 15;
        again = 50;
        jitter_ms = 600;
        chaos(200000, false);
        EQ(notified, 0);
        CHECK(agws[0].serial + agws[1].serial <= reserves);
        CHECK(reserves > 200);
        end();
    }
}

static unsigned make_calls(struct ctl *c, unsigned n)
{
    unsigned up = 0;

    for (unsigned i = 0; i < n; i++)
        if (c->calls[i].state == IDLE)
            act(&c->calls[i]);
    run(1000);
    for (unsigned i = 0; i < n; i++)
        up += c->calls[i].state == UP;
    return up;
}

TEST(iq_new_contexts_go_to_the_access_gateway_with_more_room)
{
    begin(1);
    run(1000);
    EQ(make_calls(&ctls[0], CALLS), CALLS);
    EQ(contexts(&agws[0]), CALLS / 2);
    EQ(contexts(&agws[1]), CALLS / 2);
    gw_served_drain(agws[0].served, now); /* no new ones there */
    run(1000);
    EQ(make_calls(&ctls[1], 4), 4);
    EQ(contexts(&agws[0]), CALLS / 2);
    end();
}

TEST(iq_a_lost_access_gateway_ends_its_calls_and_new_ones_go_to_the_others)
{
    begin(1);
    run(1000);
    EQ(make_calls(&ctls[0], 8), 8);
    cut_both(0, 0, 1000000);
    run(9000);
    EQ(notified, 0); /* it may come back */
    EQ(gw_pool_contexts(ctls[0].pool), 8);
    run(2000);
    EQ(notified, 4);
    EQ(gw_pool_contexts(ctls[0].pool), 4);
    EQ(contexts(&agws[0]), 0); /* it gave them up as well */
    EQ(make_calls(&ctls[0], 8), 8);
    EQ(contexts(&agws[1]), 8);
    cut_both(0, 1, 1000000);
    act(&ctls[0].calls[9]); /* nobody is left: refused, later */
    EQ(ctls[0].calls[9].state, ASKING);
    run(20);
    EQ(ctls[0].calls[9].state, IDLE);
    end();
}

TEST(iq_a_cut_shorter_than_the_grace_ends_no_call)
{
    begin(1);
    run(1000);
    EQ(make_calls(&ctls[0], 8), 8);
    cut_both(0, 0, 5000);
    run(20000);
    EQ(notified, 0);
    check_agreement();
    EQ(contexts(&agws[0]), 4);
    end();
}

TEST(iq_a_connection_that_carries_nothing_is_closed_by_both_ends)
{
    begin(1);
    run(1000);
    loss = 100;
    run(4200);
    loss = 0;
    CHECK(links[0][0].epoch > 0 && links[0][1].epoch > 0);
    run(2000);
    EQ(make_calls(&ctls[0], 2), 2); /* connected anew */
    end();
}

TEST(iq_a_controller_started_anew_leaves_no_context_and_an_access_gateway_started_anew_ends_the_calls)
{
    begin(1);
    run(1000);
    EQ(make_calls(&ctls[0], 8), 8);
    EQ(make_calls(&ctls[1], 2), 2);
    restart_ctl(0);
    run(4000);
    EQ(contexts(&agws[0]) + contexts(&agws[1]), 2); /* the other controller's live on */
    EQ(make_calls(&ctls[0], 8), 8);
    restart_agw(0);
    run(4000);
    EQ(notified, 5);
    check_agreement();
    end();
}

TEST(iq_a_notification_comes_once_however_often_it_is_repeated_and_after_a_cut)
{
    struct gw_iq_notify n = { .event = GW_IQ_MEDIA_INACTIVE };

    begin(3);
    run(1000);
    EQ(make_calls(&ctls[0], 1), 1);
    n.ctx = 1;
    loss = 60;
    again = 60;
    for (unsigned i = 0; i < 20; i++)
        gw_served_notify(agws[0].served, &n, now);
    run(3000);
    cut_both(0, 0, 1000);
    gw_served_notify(agws[0].served, &n, now);
    run(2000);
    loss = again = 0;
    run(2000);
    EQ(notified, 21);
    end();
}

TEST(iq_a_controller_sees_its_own_contexts_alone)
{
    begin(1);
    run(1000);
    EQ(make_calls(&ctls[0], 1), 1);
    EQ(make_calls(&ctls[1], 2), 2);
    gw_served_drain(agws[0].served, now);
    run(1200);
    restart_ctl(1);
    run(4000);
    EQ(contexts(&agws[0]), 1);
    EQ(gw_pool_contexts(ctls[0].pool), 1);
    end();
}
