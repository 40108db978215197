/* The time of a fax terminal of spandsp. The timers of T.30 are of a telephone line, where silence in the middle of a
 * signal means that it is over; between packets it means that a process, a page or the network stood still. So time
 * that was slept through is lived through only as far as there is something to send: what the other machine said
 * meanwhile may be on its way yet. And a pause within a burst of V.21 is no time of a line. Knows of no packets and no
 * clock. Thread: the terminal's. */
#ifndef GW_FAX_PACE_H
#define GW_FAX_PACE_H

#include <spandsp.h>

struct gw_fax_pace {
    unsigned quiet; /* samples without a packet, while a burst goes on */
};

/* The other side was heard, whatever it said. */
void gw_fax_pace_heard(struct gw_fax_pace *p);
/* So many of 8000 a second have passed. */
void gw_fax_pace_tick(struct gw_fax_pace *p, t38_terminal_state_t *t, unsigned samples);

#endif
