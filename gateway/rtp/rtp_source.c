/* Sequence numbers, loss and jitter of one source (RFC 3550 A.1, A.3, A.8). */
#include "gateway/rtp/rtp.h"

enum {
    MAX_DROPOUT = 3000, /* a jump forward that is still loss, A.1 */
    MAX_MISORDER = 100,
    JITTER_MAX = 0x07ffffff,
};
#define SEQ_MOD 0x10000u

void gw_rtp_source_init(struct gw_rtp_source *s, uint32_t ssrc, uint32_t clock_hz)
{
    *s = (struct gw_rtp_source){ .ssrc = ssrc, .clock_hz = clock_hz };
}

static uint32_t extended_max(const struct gw_rtp_source *s)
{
    return s->cycles + s->max_seq;
}

/* Expected in this run of sequence numbers, less what was received of it, is the loss of the run. */
static uint64_t run_lost(const struct gw_rtp_source *s, uint64_t received)
{
    uint64_t expected = s->has_seq ? (uint64_t)(uint32_t)(extended_max(s) - s->base_seq) + 1 : 0;

    return expected > received ? expected - received : 0;
}

static void restart(struct gw_rtp_source *s, uint16_t seq)
{
    s->lost_before = gw_rtp_source_lost(s);
    s->base_seq = s->max_seq = seq;
    s->cycles = 0;
    s->bad_seq = SEQ_MOD + 1; /* no 16-bit number equals it */
    s->received = 0;
    s->received_prior = 0;
    s->expected_prior = 0;
    s->has_seq = true;
    s->has_transit = false;
}

static void jitter(struct gw_rtp_source *s, uint32_t ts, uint64_t now_us)
{
    uint32_t arrival, transit, d;

    if (s->clock_hz == 0)
        return;
    /* Seconds and the rest apart: microseconds times the clock would leave 64 bits after some years of uptime. */
    arrival = (uint32_t)(now_us / 1000000 * s->clock_hz + now_us % 1000000 * s->clock_hz / 1000000);
    transit = arrival - ts;
    if (s->has_transit) {
        d = transit - s->transit;
        if ((int32_t)d < 0)
            d = 0 - d;
        if (d > JITTER_MAX)
            d = JITTER_MAX; /* a time stamp from nowhere must not overflow the sum of sixteen */
        /* Unsigned arithmetic of A.8: the rounding keeps it from drifting below zero. */
        s->jitter_x16 += d - ((s->jitter_x16 + 8) >> 4);
    }
    s->transit = transit;
    s->has_transit = true;
}

void gw_rtp_source_on_packet(struct gw_rtp_source *s, uint16_t seq, uint32_t ts, uint64_t now_us)
{
    uint16_t delta = (uint16_t)(seq - s->max_seq);

    if (!s->has_seq) {
        restart(s, seq);
    } else if (delta < MAX_DROPOUT) {
        if (seq < s->max_seq)
            s->cycles += SEQ_MOD;
        s->max_seq = seq;
    } else if (delta <= SEQ_MOD - MAX_MISORDER) {
        if (seq != s->bad_seq) {
            s->bad_seq = (seq + 1u) & (SEQ_MOD - 1);
            return; /* one stray packet: not counted until the next confirms it */
        }
        restart(s, seq);
    } /* else late or twice: counted as received, as A.3 has it */
    s->received++;
    jitter(s, ts, now_us);
}

uint64_t gw_rtp_source_lost(const struct gw_rtp_source *s)
{
    return s->lost_before + run_lost(s, s->received);
}

uint32_t gw_rtp_source_jitter_us(const struct gw_rtp_source *s)
{
    return s->clock_hz ? (uint32_t)((uint64_t)(s->jitter_x16 >> 4) * 1000000 / s->clock_hz) : 0;
}

void gw_rtp_source_report(struct gw_rtp_source *s, struct gw_rtp_report *out)
{
    uint32_t expected = s->has_seq ? extended_max(s) - s->base_seq + 1 : 0;
    uint32_t expected_interval = expected - s->expected_prior;
    uint64_t received_interval = s->received - s->received_prior;
    /* A.3: duplicates may make it negative */
    int64_t lost = (int64_t)expected - (int64_t)s->received + (int64_t)s->lost_before;

    s->expected_prior = expected;
    s->received_prior = s->received;
    *out = (struct gw_rtp_report){
        .lost = (int32_t)(lost > 0x7fffff    ? 0x7fffff
                          : lost < -0x800000 ? -0x800000
                                             : lost),
        .max_seq = extended_max(s),
        .jitter = s->jitter_x16 >> 4,
    };
    if (expected_interval > received_interval)
        out->fraction_lost = (uint8_t)(((uint64_t)(expected_interval - received_interval) << 8) / expected_interval);
}
