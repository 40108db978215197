#include "agw_fake.h"
#include "sip_fake.h"

#pragma weak fake_tested_depth /* there when the fake of the SIP stack is */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXTS = 512 };

struct pending {
    struct gw_iq_req *req;
    gw_iq_reply_cb *cb;
    void *arg;
    struct pending *next;
};

struct gw_agw {
    struct pending *first, **last;
    struct gw_iq_req latest;
    uint64_t contexts[CONTEXTS], next_ctx;
    unsigned ncontexts, requests, bad_releases, fail_submits, fail_nth_submit, fail_nth_reply;
    int fail_err;
    uint16_t next_port;
    unsigned ncounters;
    struct gw_iq_counters counters[4];
};

static const struct gw_iq_counters voice = { .id = 1,
                                             .dir = { { .packets = 50, .octets = 8000 },
                                                      { .packets = 49, .octets = 7840, .lost = 1 } },
                                             .rtt_us = 12000,
                                             .security = "DTLS-SRTP AEAD_AES_128_GCM",
                                             .core_security = "SDES AES_CM_128_HMAC_SHA1_80" };

struct gw_agw *gw_agw_fake_new(void)
{
    struct gw_agw *a = calloc(1, sizeof(*a));
    if (!a)
        abort();
    a->last = &a->first;
    a->next_ctx = 1000;
    a->next_port = 20000;
    gw_agw_fake_count(a, &voice, 1);
    return a;
}

void gw_agw_fake_count(struct gw_agw *a, const struct gw_iq_counters *counters, unsigned n)
{
    memcpy(a->counters, counters, n * sizeof(*counters));
    a->ncounters = n;
}

int gw_agw_submit(struct gw_agw *a, struct gw_iq_req **req, gw_iq_reply_cb *on_reply, void *arg)
{
    if (a->fail_submits) {
        a->fail_submits--;
        return GW_E_FULL;
    }
    if (a->fail_nth_submit && --a->fail_nth_submit == 0)
        return GW_E_FULL;
    struct pending *p = calloc(1, sizeof(*p));
    if (!p)
        return GW_E_FULL;
    *p = (struct pending){ .req = *req, .cb = on_reply, .arg = arg };
    a->latest = **req;
    *req = NULL;
    *a->last = p;
    a->last = &p->next;
    a->requests++;
    return 0;
}

static bool has_context(const struct gw_agw *a, uint64_t ctx, unsigned *index)
{
    for (unsigned i = 0; i < a->ncontexts; i++) {
        if (a->contexts[i] == ctx) {
            *index = i;
            return true;
        }
    }
    return false;
}

static struct pending *take(struct gw_agw *a)
{
    struct pending *p = a->first;
    if (p) {
        a->first = p->next;
        if (!a->first)
            a->last = &a->first;
    }
    return p;
}

/* One local end per termination named: a port each, ICE and a fingerprint as a worker would give. */
static void fill_locals(struct gw_agw *a, const struct gw_iq_req *q, struct gw_iq_reply *r)
{
    for (unsigned i = 0; i < q->nterms; i++) {
        struct gw_iq_local *l = &r->locals[r->nlocals++];
        bool is_access = q->terms[i].realm == GW_IQ_ACCESS;
        l->id = q->terms[i].id;
        gw_addr_parse_ip(is_access ? "198.51.100.5" : "10.0.0.5", is_access ? 40000 : a->next_port, &l->rtp);
        l->rtcp = l->rtp;
        if (!is_access) {
            l->rtcp.port++;
            a->next_port += 2;
        }
        l->ncandidates = is_access;
        l->candidates[0] = l->rtp;
        snprintf(l->ufrag, sizeof(l->ufrag), "gwU%u", q->terms[i].ice_generation);
        snprintf(l->pwd, sizeof(l->pwd), "gwgwgwgwgwgwgwgwgwgwg%u", q->terms[i].ice_generation);
        l->fingerprint = (struct gw_iq_fingerprint){ .hash = GW_IQ_SHA256, .len = 32, .value = { 0xcd, 0xef } };
    }
}

static void reply(struct gw_agw *a, struct pending *p, int err)
{
    const struct gw_iq_req *q = p->req;
    struct gw_iq_reply *r = calloc(1, sizeof(*r));
    unsigned at;

    if (!r)
        abort();
    if (!err && q->op != GW_IQ_RELEASE && a->fail_nth_reply && --a->fail_nth_reply == 0)
        err = a->fail_err;
    r->txn = q->txn;
    r->ctx = q->ctx;
    r->err = err;
    if (!err && (q->op == GW_IQ_RESERVE || q->op == GW_IQ_RESERVE_CONFIGURE) && !q->ctx) {
        if (a->ncontexts == CONTEXTS)
            abort();
        r->ctx = a->contexts[a->ncontexts++] = a->next_ctx++;
    } else if (!err && !has_context(a, q->ctx, &at)) {
        r->err = GW_E_NOTFOUND;
        a->bad_releases += q->op == GW_IQ_RELEASE;
    } else if (!err && q->op == GW_IQ_RELEASE && q->nterms == 0 && q->nchannels == 0) {
        a->contexts[at] = a->contexts[--a->ncontexts];
        r->ncounters = (uint8_t)a->ncounters;
        memcpy(r->counters, a->counters, a->ncounters * sizeof(a->counters[0]));
    }
    if (!r->err)
        fill_locals(a, q, r);
    if (&fake_tested_depth)
        fake_tested_depth++;
    p->cb(p->arg, r);
    if (&fake_tested_depth)
        fake_tested_depth--;
    free(r);
    free(p->req);
    free(p);
}

const struct gw_iq_req *gw_agw_fake_pending(const struct gw_agw *a)
{
    return a->first ? a->first->req : NULL;
}

unsigned gw_agw_fake_reply_all(struct gw_agw *a)
{
    unsigned n = 0;

    for (struct pending *p = take(a); p; p = take(a), n++)
        reply(a, p, 0);
    return n;
}

void gw_agw_fake_reply_error(struct gw_agw *a, int err)
{
    struct pending *p = take(a);
    if (p)
        reply(a, p, err);
}

void gw_agw_fake_fail_nth_submit(struct gw_agw *a, unsigned n)
{
    a->fail_nth_submit = n;
}

void gw_agw_fake_fail_nth_reply(struct gw_agw *a, unsigned n, int err)
{
    a->fail_nth_reply = n;
    a->fail_err = err;
}

void gw_agw_fake_fail_submits(struct gw_agw *a, unsigned n)
{
    a->fail_submits = n;
}

void gw_agw_fake_forget(struct gw_agw *a)
{
    a->ncontexts = 0;
}

unsigned gw_agw_fake_contexts(const struct gw_agw *a)
{
    return a->ncontexts;
}

unsigned gw_agw_fake_requests(const struct gw_agw *a)
{
    return a->requests;
}

unsigned gw_agw_fake_bad_releases(const struct gw_agw *a)
{
    return a->bad_releases;
}

const struct gw_iq_req *gw_agw_fake_last(const struct gw_agw *a)
{
    return &a->latest;
}

unsigned gw_agw_fake_free(struct gw_agw *a)
{
    unsigned left = a->ncontexts;

    for (struct pending *p = take(a); p; p = take(a), left++) {
        free(p->req);
        free(p);
    }
    free(a);
    return left;
}
