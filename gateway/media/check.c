/* ICE of a termination: connectivity checks in, their answers and what they prove out. */
#include "gateway/base/log.h"
#include "gateway/ice/stun.h"
#include "gateway/media/media_priv.h"

static void count_refusal(int err)
{
    gw_stats_inc(err == GW_E_SYNTAX        ? GW_STAT_ICE_REFUSED_400
                 : err == GW_E_AUTH        ? GW_STAT_ICE_REFUSED_401
                 : err == GW_E_UNSUPPORTED ? GW_STAT_ICE_REFUSED_420
                 : err == GW_E_ROLE        ? GW_STAT_ICE_REFUSED_487
                 : err == GW_E_LIMIT       ? GW_STAT_ICE_REFUSED_RATE
                                           : GW_STAT_ICE_REFUSED_OTHER);
    gw_stats_inc(GW_STAT_MEDIA_DROPPED_STUN);
}

/* Anyone may ask; the answers to checks for nobody are few a second, so that we are no mirror. */
static void refuse(struct gw_worker *w, unsigned family, const struct gw_addr *src, const union gw_sockaddr *from,
                   struct gw_span msg)
{
    uint8_t out[GW_ICE_ANSWER];
    int err = GW_E_LIMIT;
    size_t len = 0;

    if (w->refuse_us < w->now_us)
        w->refuse_us = w->now_us;
    if (w->refuse_us - w->now_us < GW_S) {
        w->refuse_us += 10 * GW_MS;
        len = gw_ice_stun_refuse(w->stun, msg, src, out, &err);
    }
    count_refusal(err);
    if (len)
        gw_worker_send_copy(w, family, from, (struct gw_span){ out, len });
}

static void nominated(struct gw_termination *t, unsigned family, const union gw_sockaddr *from)
{
    char text[GW_ADDR_TEXT];
    bool is_first = !t->has_selected;

    t->selected = *from;
    t->family = (uint8_t)family;
    t->has_selected = true;
    t->dtls_to = *from;
    t->dtls_family = (uint8_t)family;
    gw_log(GW_LOG_INFO, "ice", t->cx->call, "term=%u selected %s", t->id, gw_addr_text(&t->ice.selected, text));
    if (is_first)
        gw_worker_notify(t->cx, GW_IQ_ICE_UP, t->id, 0, 0);
    gw_secure_begin(t);
}

void gw_check_input(struct gw_worker *w, unsigned family, const struct gw_addr *src, const union gw_sockaddr *from,
                    struct gw_pkt *p)
{
    struct gw_span msg = { p->buf, p->len };
    uint8_t out[GW_ICE_ANSWER];
    struct gw_termination *t = NULL;
    struct gw_ice_result r;
    struct gw_stun_peek peek;

    if (gw_stun_peek(msg, &peek) != 0) {
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_MALFORMED);
        return;
    }
    if (peek.local_ufrag.len == GW_ICE_UFRAG) {
        struct gw_addr key = gw_addr_table_ufrag_key(peek.local_ufrag.ptr);
        t = gw_addr_table_get(&w->ufrags, &key);
    }
    if (!t) {
        refuse(w, family, src, from, msg);
        return;
    }
    gw_ice_lite_input(w->stun, &t->ice, msg, src, w->now_us, out, &r);
    if (!r.err && r.is_new_addr && gw_addr_table_put(&w->addrs, src, t) != 0) {
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_STUN); /* out of memory: unanswered, so the peer asks again */
        return;
    }
    if (!r.err && !r.is_new_addr && gw_addr_table_get(&w->addrs, src) != t) /* another call had taken the address */
        r.err = gw_addr_table_put(&w->addrs, src, t) != 0 ? GW_E_LIMIT : 0;
    if (r.len)
        gw_worker_send_copy(w, family, from, (struct gw_span){ out, r.len });
    if (r.err) {
        count_refusal(r.err);
        if (r.err == GW_E_AUTH)
            gw_secure_log_once(t, GW_LOGGED_CHECK, "ice: check with a wrong password or ufrag refused");
        return;
    }
    gw_stats_inc(GW_STAT_MEDIA_HANDLED_STUN);
    t->is_consent_lost = false;
    if (r.has_evicted)
        gw_addr_table_remove(&w->addrs, &r.evicted, t);
    if (r.has_dropped_gen) {
        struct gw_addr key = gw_addr_table_ufrag_key(r.dropped_ufrag);
        gw_addr_table_remove(&w->ufrags, &key, t);
    }
    if (r.event == GW_ICE_NOMINATED)
        nominated(t, family, from);
}

static int put_ufrag(struct gw_termination *t)
{
    struct gw_addr key = gw_addr_table_ufrag_key(t->ice.gen[0].ufrag);

    return gw_addr_table_put(&t->cx->w->ufrags, &key, t);
}

int gw_check_init(struct gw_termination *t, const struct gw_iq_term *in)
{
    if (!in->has_ice)
        return 0;
    gw_ice_lite_init(&t->ice, in->ice_generation, (uint32_t)t->cx->w->conf->ice_checks_per_s);
    return put_ufrag(t);
}

void gw_check_apply(struct gw_termination *t, const struct gw_iq_term *in)
{
    char dropped[GW_ICE_UFRAG + 1];

    if (!t->has_ice)
        return;
    if (in->ice_generation != t->ice.gen[0].number) {
        gw_ice_lite_restart(&t->ice, in->ice_generation, dropped);
        if (dropped[0]) {
            struct gw_addr key = gw_addr_table_ufrag_key(dropped);
            gw_addr_table_remove(&t->cx->w->ufrags, &key, t);
        }
        if (put_ufrag(t) != 0)
            gw_log(GW_LOG_ERROR, "ice", t->cx->call, "term=%u no memory for a restart", t->id);
    }
    if (in->remote_ufrag[0])
        (void)gw_ice_lite_set_remote(&t->ice, in->remote_ufrag); /* its length was validated */
}

void gw_check_fini(struct gw_termination *t)
{
    struct gw_worker *w = t->cx->w;

    if (!t->has_ice)
        return;
    for (unsigned i = 0; i < GW_ICE_ADDRS; i++)
        if (t->ice.addrs[i].at_us)
            gw_addr_table_remove(&w->addrs, &t->ice.addrs[i].addr, t);
    for (unsigned i = 0; i < 2; i++) {
        struct gw_addr key = gw_addr_table_ufrag_key(t->ice.gen[i].ufrag);
        gw_addr_table_remove(&w->ufrags, &key, t);
    }
}
