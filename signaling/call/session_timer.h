/* The session timer of one leg (RFC 4028), pure: headers and `now` in, deadlines out. Each leg of a call has its own,
 * so that each side gets what it can do and a side that vanishes is noticed (CAL-001). */
#ifndef GW_SESSION_TIMER_H
#define GW_SESSION_TIMER_H

#include "signaling/sip/sip.h"

enum { GW_SESSION_MIN_SE = 90 }; /* seconds; the smallest interval there may be (RFC 4028 s. 5) */

struct gw_session_timer {
    uint32_t interval_s;    /* 0: no timer */
    uint32_t min_se;        /* seconds, ours or what a 422 asked for */
    bool is_refresher;      /* we refresh */
    uint64_t refresh_at_us; /* GW_NEVER unless we refresh */
    uint64_t expire_at_us;  /* BYE then; GW_NEVER without a timer */
};

void gw_session_timer_init(struct gw_session_timer *t);

/* What a request that may refresh a session asks for, and what we answer. */
struct gw_session_ask {
    uint32_t interval_s; /* Session-Expires, 0: none */
    uint32_t min_se;     /* Min-SE, 0: none */
    char refresher[8];   /* "uac", "uas" or empty */
    bool has_timer;      /* Supported or Require: timer */
};
void gw_session_ask_read(const struct gw_sip_msg *m, struct gw_session_ask *out);

/* A request came: 0, or RANGE if its interval is under Min-SE (422; never towards a browser, whose client would drop
 * the call: `is_lenient`). `default_s`: what to ask for when the peer asked for nothing; 0: no timer then. */
int gw_session_timer_on_request(struct gw_session_timer *t, const struct gw_session_ask *ask, uint32_t default_s,
                                bool is_lenient, uint64_t now_us);
/* Headers of our 2xx to it. */
int gw_session_timer_write_response(const struct gw_session_timer *t, struct gw_sip_msg *resp, bool peer_has_timer);

/* Headers of a request of ours; interval_s the one wished for. */
int gw_session_timer_write_request(const struct gw_session_timer *t, struct gw_sip_msg *req, uint32_t interval_s);
/* Its 2xx came. A peer without timers is refreshed by us, if `asked_s` is not 0 (s. 7.2). */
void gw_session_timer_on_response(struct gw_session_timer *t, const struct gw_sip_msg *resp, uint32_t asked_s,
                                  uint64_t now_us);
/* A 422 came: the interval to ask for now; 0: give up. */
uint32_t gw_session_timer_on_422(struct gw_session_timer *t, const struct gw_sip_msg *resp);

uint64_t gw_session_timer_next_us(const struct gw_session_timer *t);

#endif
