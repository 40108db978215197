/* ICE-lite for one component (RFC 8445 s. 2.5): it never sends a check, is always controlled, and answers every check
 * that the other side makes. Validation, integrity, role conflict and the answers are libnice's STUN library, whose
 * types stay in ice_lite.c. Pure: octets, source address and time in; octets and what happened out. Thread: the one
 * that owns it.
 *
 * During an ICE restart (s. 9) the old generation is answered until the new one is nominated. */
#ifndef GW_ICE_LITE_H
#define GW_ICE_LITE_H

#include "gateway/base/addr.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum {
    GW_ICE_UFRAG = 8, /* characters of our own; 47 bits (RFC 8839 s. 5.4 wants 24) */
    GW_ICE_PWD = 24,  /* 142 bits (wants 128) */
    GW_ICE_REMOTE_UFRAG = 256,
    GW_ICE_ADDRS = 8,    /* addresses with a valid check that are remembered per agent */
    GW_ICE_ANSWER = 640, /* an answer never needs more, even with a USERNAME of 513 octets echoed */
};

/* The STUN library's state, shared by all agents of one thread. */
struct gw_ice_stun;
int gw_ice_stun_new(struct gw_ice_stun **out);
void gw_ice_stun_free(struct gw_ice_stun *s);

struct gw_ice_gen {
    uint32_t number;
    char ufrag[GW_ICE_UFRAG + 1], pwd[GW_ICE_PWD + 1];
    char remote_ufrag[GW_ICE_REMOTE_UFRAG + 1]; /* empty: not known yet, any is accepted (early checks) */
};

struct gw_ice_lite {
    struct gw_ice_gen gen[2]; /* [0] current, [1] the one before while has_old */
    bool has_old, has_selected;
    struct gw_addr selected; /* of the newest nomination; media goes there and nowhere else */
    uint64_t checked_us;     /* last valid check */
    uint64_t bucket_us;      /* rate limit: theoretical arrival time of the next check */
    uint32_t rate;           /* checks answered a second, with bursts of 2 s */
    struct {
        struct gw_addr addr;
        uint64_t at_us; /* last valid check from there; 0: free */
    } addrs[GW_ICE_ADDRS];
};

enum gw_ice_event {
    GW_ICE_NOTHING,
    GW_ICE_CHECKED,   /* a valid check: `src` may talk DTLS with us */
    GW_ICE_NOMINATED, /* and it is now the selected address, which it was not before */
};

struct gw_ice_result {
    enum gw_ice_event event;
    size_t len; /* of the answer, to be sent to where the check came from; 0: none */
    int err; /* why a check was not valid: SYNTAX (400), AUTH (401), ROLE (487), UNSUPPORTED (420), LIMIT (rate), TYPE
                (not a request) */
    bool is_new_addr; /* CHECKED: src was not among addrs before */
    bool has_evicted; /* to make room this address was forgotten */
    struct gw_addr evicted;
    bool has_dropped_gen; /* the new generation was nominated; this ufrag is not answered any more */
    char dropped_ufrag[GW_ICE_UFRAG + 1];
};

void gw_ice_lite_init(struct gw_ice_lite *ice, uint32_t generation, uint32_t rate);
/* New ufrag and password; the selected address and the addresses stay (RFC 8445 s. 9: media flows on). The number of
 * the generation before, while that is still answered, takes the restart back. The ufrag that is not answered any more
 * is copied to dropped (GW_ICE_UFRAG + 1; empty: none). */
void gw_ice_lite_restart(struct gw_ice_lite *ice, uint32_t generation, char *dropped);
/* The peer's ufrag of the current generation. GW_E_LIMIT if too long. */
int gw_ice_lite_set_remote(struct gw_ice_lite *ice, const char *ufrag);

/* out: GW_ICE_ANSWER octets. */
void gw_ice_lite_input(struct gw_ice_stun *s, struct gw_ice_lite *ice, struct gw_span msg, const struct gw_addr *src,
                       uint64_t now_us, uint8_t *out, struct gw_ice_result *r);
/* The answer to a check whose USERNAME fits no agent: 401, or 400 without USERNAME, integrity or fingerprint. 0: none.
 */
size_t gw_ice_stun_refuse(struct gw_ice_stun *s, struct gw_span msg, const struct gw_addr *src, uint8_t *out, int *err);

#endif
