#include "signaling/call/reliable.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"

void gw_reliable_init(struct gw_reliable *r, uint32_t first_rseq)
{
    /* the first is random in 1 to 2^31 - 1 (s. 3), so that there is room to count on */
    *r = (struct gw_reliable){ .rseq = first_rseq & 0x3fffffff, .next_us = GW_NEVER, .give_up_us = GW_NEVER };
}

uint32_t gw_reliable_send(struct gw_reliable *r, uint64_t now_us)
{
    r->is_waiting = true;
    r->interval_ms = GW_RELIABLE_T1_MS;
    r->next_us = now_us + GW_RELIABLE_T1_MS * GW_MS;
    r->give_up_us = now_us + 64 * GW_RELIABLE_T1_MS * GW_MS;
    return ++r->rseq;
}

enum gw_reliable_do gw_reliable_on_time(struct gw_reliable *r, uint64_t now_us)
{
    if (!r->is_waiting || now_us < r->next_us)
        return GW_RELIABLE_NOTHING;
    if (now_us >= r->give_up_us) {
        gw_reliable_stop(r);
        return GW_RELIABLE_GIVE_UP;
    }
    r->interval_ms *= 2; /* without a cap, unlike a 2xx (s. 3) */
    r->next_us = now_us + r->interval_ms * GW_MS;
    if (r->next_us > r->give_up_us)
        r->next_us = r->give_up_us;
    return GW_RELIABLE_RESEND;
}

bool gw_reliable_on_prack(struct gw_reliable *r, const char *rack, uint32_t invite_cseq)
{
    unsigned rseq, cseq;
    char method[16];

    if (!r->is_waiting || !rack || sscanf(rack, "%10u %10u %15s", &rseq, &cseq, method) != 3)
        return false;
    if (rseq != r->rseq || cseq != invite_cseq || strcmp(method, "INVITE") != 0)
        return false;
    gw_reliable_stop(r);
    return true;
}

void gw_reliable_stop(struct gw_reliable *r)
{
    r->is_waiting = false;
    r->next_us = r->give_up_us = GW_NEVER;
}
