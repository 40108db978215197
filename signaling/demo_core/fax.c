#include "fax.h"

#include <spandsp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t38/pace/fax_pace.h"

enum { DEPTH = 3, DATAGRAM = 1200, SAMPLES_PER_S = 8000, MOST_SAMPLES = 10 * SAMPLES_PER_S };

struct gw_demo_fax {
    struct gw_demo_fax_config c;
    t38_terminal_state_t *t;
    struct gw_udptl_tx tx;
    struct gw_udptl_rx rx;
    struct gw_fax_pace pace;
    uint64_t told_us; /* up to here the terminal has lived */
    bool is_over, is_told, is_good;
    int pages;
    const char *result;
};

static int on_ifp_out(t38_core_state_t *core, void *arg, const uint8_t *ifp, int len, int count)
{
    struct gw_demo_fax *f = arg;
    uint8_t packet[DATAGRAM];
    int n = gw_udptl_tx_send(&f->tx, (struct gw_span){ ifp, (size_t)len }, packet, sizeof(packet));

    (void)core;
    for (int i = 0; n > 0 && i < count; i++)
        f->c.out(f->c.arg, (struct gw_span){ packet, (size_t)n });
    return 0;
}

static void on_ifp_in(void *arg, struct gw_span ifp, unsigned lost)
{
    struct gw_demo_fax *f = arg;

    (void)lost; /* spandsp sees the hole by the number */
    if (ifp.len)
        t38_core_rx_ifp_packet(t38_terminal_get_t38_core_state(f->t), ifp.ptr, (int)ifp.len,
                               (uint16_t)(f->rx.next_seq - 1));
}

static void on_end(t30_state_t *t30, void *arg, int result)
{
    struct gw_demo_fax *f = arg;
    t30_stats_t stats;

    t30_get_transfer_statistics(t30, &stats);
    f->pages = f->c.send ? stats.pages_tx : stats.pages_rx;
    f->is_good = result == T30_ERR_OK && f->pages > 0;
    f->result = t30_completion_code_to_str(result);
    f->is_over = true;
}

static void set_up(struct gw_demo_fax *f)
{
    t30_state_t *t30 = t38_terminal_get_t30_state(f->t);

    t30_set_tx_ident(t30, "imsgw demo");
    t30_set_supported_modems(t30, T30_SUPPORT_V27TER | T30_SUPPORT_V29 | T30_SUPPORT_V17);
    t30_set_ecm_capability(t30, true);
    t30_set_supported_compressions(t30, T30_SUPPORT_T4_1D_COMPRESSION | T30_SUPPORT_T4_2D_COMPRESSION |
                                            T30_SUPPORT_T6_COMPRESSION);
    t30_set_supported_image_sizes(t30, T30_SUPPORT_215MM_WIDTH | T30_SUPPORT_A4_LENGTH | T30_SUPPORT_US_LETTER_LENGTH |
                                           T30_SUPPORT_US_LEGAL_LENGTH | T30_SUPPORT_UNLIMITED_LENGTH);
    t30_set_supported_resolutions(t30, T30_SUPPORT_STANDARD_RESOLUTION | T30_SUPPORT_FINE_RESOLUTION |
                                           T30_SUPPORT_SUPERFINE_RESOLUTION | T30_SUPPORT_R8_RESOLUTION);
    t30_set_phase_e_handler(t30, on_end, f);
    if (f->c.send)
        t30_set_tx_file(t30, f->c.send, -1, -1);
    else
        t30_set_rx_file(t30, f->c.receive, f->c.max_pages - 1);
    t38_set_data_transport_protocol(t38_terminal_get_t38_core_state(f->t), T38_TRANSPORT_UDPTL);
}

int gw_demo_fax_new(const struct gw_demo_fax_config *config, struct gw_demo_fax **out)
{
    struct gw_demo_fax *f;

    if (config->send && access(config->send, R_OK) != 0)
        return GW_E_IO;
    f = calloc(1, sizeof(*f));
    if (!f)
        return GW_E_NOMEM;
    f->c = *config;
    f->c.send = config->send ? strdup(config->send) : NULL;
    f->c.receive = config->receive ? strdup(config->receive) : NULL;
    gw_udptl_rx_init(&f->rx);
    gw_demo_fax_agree(f, GW_UDPTL_REDUNDANCY, 0);
    f->t = t38_terminal_init(NULL, config->is_caller, on_ifp_out, f);
    if (!f->t || (config->send && !f->c.send) || (config->receive && !f->c.receive)) {
        gw_demo_fax_free(f);
        return GW_E_NOMEM;
    }
    set_up(f);
    *out = f;
    return 0;
}

void gw_demo_fax_free(struct gw_demo_fax *f)
{
    if (!f)
        return;
    if (f->t) {
        t30_set_phase_e_handler(t38_terminal_get_t30_state(f->t), NULL, NULL);
        t38_terminal_free(f->t); /* closes its file */
    }
    free((char *)(uintptr_t)f->c.send);
    free((char *)(uintptr_t)f->c.receive);
    free(f);
}

void gw_demo_fax_agree(struct gw_demo_fax *f, enum gw_udptl_ec ec, unsigned max_datagram)
{
    uint16_t next = f->tx.next_seq;

    gw_udptl_tx_init(&f->tx, ec, DEPTH, DEPTH, max_datagram && max_datagram < DATAGRAM ? max_datagram : DATAGRAM);
    f->tx.next_seq = next;
}

void gw_demo_fax_packet(struct gw_demo_fax *f, struct gw_span packet, uint64_t now_us)
{
    gw_fax_pace_heard(&f->pace);
    (void)!gw_udptl_rx_packet(&f->rx, packet, now_us, on_ifp_in, f); /* what is none is as good as lost */
}

void gw_demo_fax_tick(struct gw_demo_fax *f, uint64_t now_us)
{
    uint64_t samples = f->told_us ? (now_us - f->told_us) * SAMPLES_PER_S / GW_S : 0;

    gw_udptl_rx_tick(&f->rx, now_us, on_ifp_in, f);
    if (!f->told_us)
        f->told_us = now_us;
    f->told_us += samples * GW_S / SAMPLES_PER_S;
    if (!f->is_over)
        gw_fax_pace_tick(&f->pace, f->t, samples < MOST_SAMPLES ? (unsigned)samples : MOST_SAMPLES);
    if (!f->is_over || f->is_told)
        return;
    f->is_told = true;
    f->c.over(f->c.arg, f->is_good, f->pages, f->result); /* it may free f */
}
