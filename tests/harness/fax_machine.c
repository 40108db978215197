#include "tests/harness/fax_rig.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"

/* ---- the way of the packets ---- */

static unsigned roll(struct fax_machine *m)
{
    m->dice = m->dice * 1103515245u + 12345u;
    return (m->dice >> 16) % 100;
}

static bool is_lost(struct fax_machine *m)
{
    if (m->losing) {
        m->losing--;
        return true;
    }
    if (roll(m) >= m->c->loss[m->side])
        return false;
    m->losing = m->c->weather == BURSTS ? 2 : 0;
    return true;
}

static void transmit(struct fax_machine *m, struct gw_span p)
{
    struct sockaddr_storage ss;
    socklen_t len;

    if (m->fd < 0) {
        (void)!data_end_send(&m->end, p);
        return;
    }
    len = gw_addr_to_sockaddr(&m->to, &ss);
    (void)!sendto(m->fd, p.ptr, p.len, MSG_DONTWAIT, (struct sockaddr *)&ss, len);
}

static bool is_channel(const struct fax_machine *m)
{
    return m->c->access == CHANNEL && m->side == 0;
}

void fax_machine_put(struct fax_machine *m, struct gw_span p)
{
    bool is_mixed = m->c->weather == MIXED && !is_channel(m);

    if (is_lost(m))
        return;
    if (is_mixed && !m->late_len && p.len <= sizeof(m->late) && roll(m) < 10) {
        memcpy(m->late, p.ptr, p.len);
        m->late_len = p.len;
        return;
    }
    transmit(m, p);
    if (is_mixed && roll(m) < 10)
        transmit(m, p);
    if (m->late_len)
        transmit(m, (struct gw_span){ m->late, m->late_len });
    m->late_len = 0;
}

static int on_tx(t38_core_state_t *core, void *arg, const uint8_t *ifp, int len, int count)
{
    struct fax_machine *m = arg;
    uint8_t p[1400];
    int n = 0;

    (void)core;
    if (is_channel(m)) {
        fax_machine_put(m, (struct gw_span){ ifp, (size_t)len });
        return 0;
    }
    n = gw_udptl_tx_send(&m->tx, (struct gw_span){ ifp, (size_t)len }, p, sizeof(p));
    for (int i = 0; n > 0 && i < count; i++)
        fax_machine_put(m, (struct gw_span){ p, (size_t)n });
    return 0;
}

static void on_ifp(void *arg, struct gw_span ifp, unsigned lost)
{
    struct fax_machine *m = arg;

    (void)lost;
    if (ifp.len)
        t38_core_rx_ifp_packet(t38_terminal_get_t38_core_state(m->t), ifp.ptr, (int)ifp.len,
                               (uint16_t)(m->rx.next_seq - 1));
}

static void take(struct fax_machine *m, struct gw_span p)
{
    gw_fax_pace_heard(&m->pace);
    if (m->on_packet && !is_channel(m))
        m->on_packet(m, p);
    if (is_lost(m))
        return;
    if (is_channel(m))
        t38_core_rx_ifp_packet(t38_terminal_get_t38_core_state(m->t), p.ptr, (int)p.len, m->seq++);
    else
        (void)!gw_udptl_rx_packet(&m->rx, p, gw_clock_us(), on_ifp, m);
}

void fax_machine_on_record(struct data_end *e, struct gw_span p)
{
    take(e->arg, p);
}

static void on_phase_e(t30_state_t *t30, void *arg, int result)
{
    struct fax_machine *m = arg;
    t30_stats_t stats;

    t30_get_transfer_statistics(t30, &stats);
    m->is_over = true;
    m->result = result;
    m->pages = stats.pages_tx + stats.pages_rx;
}

void fax_t30_set(t30_state_t *t30, const struct fax_case *c, bool is_sender, const char *tiff)
{
    t30_set_tx_ident(t30, is_sender ? "111" : "222");
    t30_set_supported_modems(t30, !is_sender && c->receiver_modems ? c->receiver_modems : c->modems);
    t30_set_ecm_capability(t30, c->has_ecm);
    t30_set_supported_compressions(t30, c->compression);
    t30_set_supported_image_sizes(t30, T30_SUPPORT_215MM_WIDTH | T30_SUPPORT_A4_LENGTH | T30_SUPPORT_UNLIMITED_LENGTH);
    t30_set_supported_resolutions(t30, T30_SUPPORT_STANDARD_RESOLUTION | T30_SUPPORT_FINE_RESOLUTION |
                                           T30_SUPPORT_R8_RESOLUTION);
    if (is_sender)
        t30_set_tx_file(t30, tiff, -1, -1);
    else
        t30_set_rx_file(t30, tiff, -1);
}

void fax_machine_init(struct fax_machine *m, const struct fax_case *c, unsigned side, const char *tiff)
{
    static const enum gw_udptl_ec ec[] = { GW_UDPTL_NO_EC, GW_UDPTL_REDUNDANCY, GW_UDPTL_FEC };
    bool is_sender = (side == 1) == c->is_from_core;
    t38_core_state_t *core;
    t30_state_t *t30;

    *m = (struct fax_machine){ .c = c, .side = side, .fd = -1, .dice = m->dice + side };
    gw_udptl_tx_init(&m->tx, ec[c->ec[side]], 3, 3, 1100);
    gw_udptl_rx_init(&m->rx);
    m->t = t38_terminal_init(NULL, is_sender, on_tx, m);
    core = t38_terminal_get_t38_core_state(m->t);
    t30 = t38_terminal_get_t30_state(m->t);
    t38_set_t38_version(core, (int)c->versions[side]);
    t38_set_data_transport_protocol(core, T38_TRANSPORT_UDPTL);
    fax_t30_set(t30, c, is_sender, tiff);
    t30_set_phase_e_handler(t30, on_phase_e, m);
}

void fax_machine_fini(struct fax_machine *m)
{
    t38_terminal_free(m->t);
    if (m->fd >= 0)
        close(m->fd);
    else
        data_end_fini(&m->end);
}

void fax_machine_receive(struct fax_machine *m)
{
    uint8_t p[2000];
    ssize_t n;

    if (m->fd < 0) {
        data_end_turn(&m->end);
        m->is_up = m->c->access == CHANNEL ? m->end.is_up : m->end.is_dtls_up;
        return;
    }
    while ((n = recv(m->fd, p, sizeof(p), MSG_DONTWAIT)) > 0)
        take(m, (struct gw_span){ p, (size_t)n });
    gw_udptl_rx_tick(&m->rx, gw_clock_us(), on_ifp, m);
}

void fax_machine_turn(struct fax_machine *m)
{
    fax_machine_receive(m);
    if (m->is_up && !m->is_over)
        gw_fax_pace_tick(&m->pace, m->t, 160);
}
