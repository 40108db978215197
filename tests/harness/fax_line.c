#include "tests/harness/fax_line.h"

#include <string.h>
#include <sys/socket.h>

enum { SAMPLES = 160, RTP = 12 };

static void on_phase_e(t30_state_t *t30, void *arg, int result)
{
    struct fax_line *l = arg;

    (void)t30;
    l->is_over = true;
    l->result = result;
}

void fax_line_init(struct fax_line *l, const struct fax_case *c, const char *tiff)
{
    t30_state_t *t30;

    l->f = fax_init(NULL, c->is_from_core);
    fax_set_transmit_on_idle(l->f, true);
    t30 = fax_get_t30_state(l->f);
    fax_t30_set(t30, c, c->is_from_core, tiff);
    t30_set_phase_e_handler(t30, on_phase_e, l);
}

void fax_line_turn(struct fax_line *l)
{
    uint8_t p[RTP + 4 * SAMPLES];
    int16_t sound[4 * SAMPLES];
    struct sockaddr_storage ss;
    ssize_t n;
    int k;

    while ((n = recv(l->fd, p, sizeof(p), MSG_DONTWAIT)) > RTP) {
        if ((p[1] & 0x7f) != 8)
            continue;
        for (k = 0; k < n - RTP; k++)
            sound[k] = alaw_to_linear(p[RTP + k]);
        fax_rx(l->f, sound, k);
    }
    k = fax_tx(l->f, sound, SAMPLES);
    memset(sound + k, 0, (size_t)(SAMPLES - k) * sizeof(sound[0]));
    memcpy(p, "\x80\x08\0\0\0\0\0\0line", RTP);
    p[2] = (uint8_t)(l->seq >> 8);
    p[3] = (uint8_t)l->seq++;
    for (int i = 0; i < 4; i++)
        p[4 + i] = (uint8_t)(l->timestamp >> (24 - 8 * i));
    l->timestamp += SAMPLES;
    for (int i = 0; i < SAMPLES; i++)
        p[RTP + i] = linear_to_alaw(sound[i]);
    n = gw_addr_to_sockaddr(&l->to, &ss);
    (void)!sendto(l->fd, p, sizeof(p) - 3 * SAMPLES, MSG_DONTWAIT, (struct sockaddr *)&ss, (socklen_t)n);
}
