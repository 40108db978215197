/* Reliable provisional responses, RFC 3262, of one INVITE server transaction: one at a time, sent again until its PRACK
 * comes. Pure: `now` in, what to do out. (PRACK towards a peer that sends them to us is made in invite.c.) */
#ifndef GW_RELIABLE_H
#define GW_RELIABLE_H

#include <stdbool.h>
#include <stdint.h>

enum { GW_RELIABLE_T1_MS = 500 };

enum gw_reliable_do { GW_RELIABLE_NOTHING, GW_RELIABLE_RESEND, GW_RELIABLE_GIVE_UP };

struct gw_reliable {
    uint32_t rseq;   /* of the last response sent; 0: none yet */
    bool is_waiting; /* for its PRACK */
    uint32_t interval_ms;
    uint64_t next_us; /* GW_NEVER: nothing to do */
    uint64_t give_up_us;
};

void gw_reliable_init(struct gw_reliable *r, uint32_t first_rseq);
/* A response is sent: its RSeq. Only when none waits (s. 3). */
uint32_t gw_reliable_send(struct gw_reliable *r, uint64_t now_us);
enum gw_reliable_do gw_reliable_on_time(struct gw_reliable *r, uint64_t now_us);
/* RAck: "rseq cseq method". False: it matches nothing that waits (481). */
bool gw_reliable_on_prack(struct gw_reliable *r, const char *rack, uint32_t invite_cseq);
/* A final response was sent: no more retransmissions (s. 3). */
void gw_reliable_stop(struct gw_reliable *r);

#endif
