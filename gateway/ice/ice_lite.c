#include "gateway/ice/ice_lite.h"

#include <stdlib.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#include "gateway/base/crypto.h"
#include "gateway/ice/stun.h"

struct gw_ice_stun {
    StunAgent agent;
};

/* Comprehension-required attributes that a check may carry; any other is answered 420 (RFC 8489 s. 6.3.1). */
static const uint16_t known[] = {
    STUN_ATTRIBUTE_USERNAME,
    STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
    STUN_ATTRIBUTE_PRIORITY,
    STUN_ATTRIBUTE_USE_CANDIDATE,
    STUN_ATTRIBUTE_REALM,
    STUN_ATTRIBUTE_NONCE,
    0,
};

int gw_ice_stun_new(struct gw_ice_stun **out)
{
    struct gw_ice_stun *s = calloc(1, sizeof(*s));

    if (!s)
        return GW_E_NOMEM;
    stun_agent_init(&s->agent, known, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT |
                        STUN_AGENT_USAGE_FORCE_VALIDATER);
    *out = s;
    return 0;
}

void gw_ice_stun_free(struct gw_ice_stun *s)
{
    free(s);
}

static void gen_init(struct gw_ice_gen *g, uint32_t number)
{
    memset(g, 0, sizeof(*g));
    g->number = number;
    gw_rand_token(g->ufrag, GW_ICE_UFRAG);
    gw_rand_token(g->pwd, GW_ICE_PWD);
}

void gw_ice_lite_init(struct gw_ice_lite *ice, uint32_t generation, uint32_t rate)
{
    memset(ice, 0, sizeof(*ice));
    gen_init(&ice->gen[0], generation);
    ice->rate = rate ? rate : 1;
}

void gw_ice_lite_restart(struct gw_ice_lite *ice, uint32_t generation, char *dropped)
{
    dropped[0] = 0;
    if (ice->has_old && ice->gen[1].number == generation) { /* the offer that wanted the restart was refused */
        memcpy(dropped, ice->gen[0].ufrag, sizeof(ice->gen[0].ufrag));
        ice->gen[0] = ice->gen[1];
        ice->has_old = false;
        return;
    }
    if (ice->has_old)
        memcpy(dropped, ice->gen[1].ufrag, sizeof(ice->gen[1].ufrag));
    ice->gen[1] = ice->gen[0];
    ice->has_old = true;
    gen_init(&ice->gen[0], generation);
}

int gw_ice_lite_set_remote(struct gw_ice_lite *ice, const char *ufrag)
{
    size_t n = strlen(ufrag);

    if (n > GW_ICE_REMOTE_UFRAG)
        return GW_E_LIMIT;
    memcpy(ice->gen[0].remote_ufrag, ufrag, n + 1);
    return 0;
}

/* What one validation needs to know and finds out. */
struct check {
    const struct gw_ice_lite *ice;
    int gen; /* whose password fits the USERNAME; -1: none */
};

static bool username_fits(const struct gw_ice_gen *g, const char *name, size_t len)
{
    size_t local = GW_ICE_UFRAG, remote = strlen(g->remote_ufrag);

    if (len < local + 1 || memcmp(name, g->ufrag, local) != 0 || name[local] != ':')
        return false;
    return remote == 0 || (len == local + 1 + remote && memcmp(name + local + 1, g->remote_ufrag, remote) == 0);
}

static bool find_password(StunAgent *agent, StunMessage *msg, uint8_t *name, uint16_t len, uint8_t **password,
                          size_t *password_len, void *arg)
{
    struct check *c = arg;

    (void)agent, (void)msg;
    for (int i = 0; c->ice && i <= c->ice->has_old; i++)
        if (username_fits(&c->ice->gen[i], (const char *)name, len)) {
            c->gen = i;
            *password = (uint8_t *)c->ice->gen[i].pwd;
            *password_len = GW_ICE_PWD;
            return true;
        }
    return false;
}

/* Generic cell rate: a burst of two seconds' worth, then `rate` a second. */
static bool over_rate(struct gw_ice_lite *ice, uint64_t now_us)
{
    uint64_t step = GW_S / ice->rate;

    if (ice->bucket_us < now_us)
        ice->bucket_us = now_us;
    if (ice->bucket_us - now_us > 2 * GW_S)
        return true;
    ice->bucket_us += step;
    return false;
}

/* The error answer that RFC 8489 s. 9.1.3 asks for; unauthenticated, as the sender could not be. */
static size_t refuse(struct gw_ice_stun *s, StunMessage *req, StunValidationStatus status, uint8_t *out, int *err)
{
    StunMessage answer;
    StunError code = STUN_ERROR_BAD_REQUEST;

    switch (status) {
    case STUN_VALIDATION_UNAUTHORIZED:
        code = STUN_ERROR_UNAUTHORIZED;
        *err = GW_E_AUTH;
        break;
    case STUN_VALIDATION_BAD_REQUEST:
    case STUN_VALIDATION_UNAUTHORIZED_BAD_REQUEST:
        *err = GW_E_SYNTAX;
        break;
    case STUN_VALIDATION_UNKNOWN_REQUEST_ATTRIBUTE:
        *err = GW_E_UNSUPPORTED;
        return stun_agent_build_unknown_attributes_error(&s->agent, &answer, out, GW_ICE_ANSWER, req);
    default: /* not STUN at all, indications and answers of the wrong kind */
        *err = GW_E_TYPE;
        return 0;
    }
    if (!stun_agent_init_error(&s->agent, &answer, out, GW_ICE_ANSWER, req, code))
        return 0;
    return stun_agent_finish_message(&s->agent, &answer, NULL, 0);
}

size_t gw_ice_stun_refuse(struct gw_ice_stun *s, struct gw_span msg, const struct gw_addr *src, uint8_t *out, int *err)
{
    struct check c = { NULL, -1 };
    StunMessage req;
    StunValidationStatus status;
    struct gw_stun_peek peek;

    (void)src;
    *err = GW_E_TYPE;
    if (gw_stun_peek(msg, &peek) != 0 || peek.class != GW_STUN_REQUEST)
        return 0;
    status = stun_agent_validate(&s->agent, &req, msg.ptr, msg.len, find_password, &c);
    return refuse(s, &req, status, out, err);
}

static void remember(struct gw_ice_lite *ice, const struct gw_addr *src, uint64_t now_us, struct gw_ice_result *r)
{
    unsigned oldest = GW_ICE_ADDRS;

    for (unsigned i = 0; i < GW_ICE_ADDRS; i++) {
        if (ice->addrs[i].at_us && gw_addr_eq(&ice->addrs[i].addr, src)) {
            ice->addrs[i].at_us = now_us;
            return;
        }
        if (ice->has_selected && gw_addr_eq(&ice->addrs[i].addr, &ice->selected))
            continue; /* never the one that media uses */
        if (oldest == GW_ICE_ADDRS || ice->addrs[i].at_us < ice->addrs[oldest].at_us)
            oldest = i;
    }
    if (ice->addrs[oldest].at_us) {
        r->has_evicted = true;
        r->evicted = ice->addrs[oldest].addr;
    }
    ice->addrs[oldest].addr = *src;
    ice->addrs[oldest].at_us = now_us ? now_us : 1;
    r->is_new_addr = true;
}

static void accept_check(struct gw_ice_lite *ice, int gen, bool use_candidate, const struct gw_addr *src,
                         uint64_t now_us, struct gw_ice_result *r)
{
    ice->checked_us = now_us;
    remember(ice, src, now_us, r);
    r->event = GW_ICE_CHECKED;
    if (!use_candidate)
        return;
    /* The newest nomination wins (RFC 8445 s. 8.1.2; RFC 5245's aggressive peers settle on the pair they keep
     * checking). */
    if (!ice->has_selected || !gw_addr_eq(&ice->selected, src)) {
        ice->selected = *src;
        ice->has_selected = true;
        r->event = GW_ICE_NOMINATED;
    }
    if (gen == 0 && ice->has_old) {
        ice->has_old = false;
        r->has_dropped_gen = true;
        memcpy(r->dropped_ufrag, ice->gen[1].ufrag, sizeof(r->dropped_ufrag));
    }
}

void gw_ice_lite_input(struct gw_ice_stun *s, struct gw_ice_lite *ice, struct gw_span msg, const struct gw_addr *src,
                       uint64_t now_us, uint8_t *out, struct gw_ice_result *r)
{
    struct check c = { ice, -1 };
    struct gw_stun_peek peek;
    struct sockaddr_storage ss;
    socklen_t ss_len = gw_addr_to_sockaddr(src, &ss);
    StunMessage req, answer;
    StunValidationStatus status;
    bool is_controlling = false;
    StunUsageIceReturn done;

    memset(r, 0, sizeof(*r));
    r->err = GW_E_TYPE;
    if (gw_stun_peek(msg, &peek) != 0 || peek.class != GW_STUN_REQUEST)
        return; /* a lite agent asks nothing, so no response is for it; indications only keep a NAT open */
    r->err = GW_E_LIMIT;
    if (over_rate(ice, now_us))
        return;
    status = stun_agent_validate(&s->agent, &req, msg.ptr, msg.len, find_password, &c);
    if (status != STUN_VALIDATION_SUCCESS) {
        r->len = refuse(s, &req, status, out, &r->err);
        return;
    }
    /* Tie breaker 0: a peer that says it is controlled always loses and gets 487, as a lite agent cannot control a full
     * one (RFC 8445 s. 6.1.1, s. 7.3.1.1). */
    r->len = GW_ICE_ANSWER;
    done = stun_usage_ice_conncheck_create_reply(&s->agent, &req, &answer, out, &r->len, &ss, ss_len, &is_controlling,
                                                 0, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
    if (done != STUN_USAGE_ICE_RETURN_SUCCESS) {
        r->err = done == STUN_USAGE_ICE_RETURN_INVALID_METHOD ? GW_E_SYNTAX : GW_E_ROLE;
        return;
    }
    r->err = 0;
    accept_check(ice, c.gen, stun_usage_ice_conncheck_use_candidate(&req), src, now_us, r);
}
