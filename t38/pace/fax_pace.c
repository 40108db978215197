#define SPANDSP_EXPOSE_INTERNAL_STRUCTURES /* whether it sends, and what it hears: nothing public tells */
#include "fax_pace.h"

#include <stdbool.h>

#define SAMPLES(ms) ((unsigned)(ms)*8)

enum {
    STEP_MS = 20,
    LISTEN_MS = 200,     /* in one go */
    QUIET_MS = 200,      /* within a burst; packets follow each other by 30 to 40 ms, the first is a second behind */
    PATIENCE_MS = 10000, /* then the burst has lost its end */
};

static bool is_sending(const t38_terminal_state_t *t)
{
    return t->t38_fe.timed_step != 0; /* T38_TIMED_STEP_NONE */
}

static bool is_in_burst(const t38_terminal_state_t *t)
{
    return t->t38_fe.t38.current_rx_indicator == T38_IND_V21_PREAMBLE;
}

void gw_fax_pace_heard(struct gw_fax_pace *p)
{
    p->quiet = 0;
}

static bool is_pause(struct gw_fax_pace *p, const t38_terminal_state_t *t, unsigned samples)
{
    if (!is_in_burst(t))
        p->quiet = 0;
    else if (p->quiet < SAMPLES(PATIENCE_MS))
        p->quiet += samples;
    else
        return false;
    return p->quiet > SAMPLES(QUIET_MS);
}

void gw_fax_pace_tick(struct gw_fax_pace *p, t38_terminal_state_t *t, unsigned samples)
{
    unsigned listened = 0;

    for (unsigned n; samples; samples -= n) {
        n = samples < SAMPLES(STEP_MS) ? samples : SAMPLES(STEP_MS);
        if (!is_sending(t)) {
            listened += n;
            if (listened > SAMPLES(LISTEN_MS))
                return;
            if (is_pause(p, t, n))
                continue;
        }
        t38_terminal_send_timeout(t, (int)n);
    }
}
