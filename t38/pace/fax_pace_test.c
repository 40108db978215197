/* Two terminals of which one stands still for seconds, at each moment of a fax, and wakes up with the time that it
 * slept and with all that was said meanwhile. No clock. */
#include "fax_pace.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <unistd.h>

#include "test.h"
#include "tests/harness/fax_pages.h"

enum { TURN = 160, TURN_MS = 20, WAITING = 1000, LONGEST_MS = 120000 };

struct end {
    t38_terminal_state_t *t;
    struct gw_fax_pace pace;
    struct {
        uint8_t octets[200];
        int len;
    } waiting[WAITING]; /* for the other one */
    unsigned nwaiting, heard;
    bool is_over;
    int result;
};

static char folder[] = "/tmp/fax_pace_XXXXXX", sent[64], got[64];
static struct end ends[2];

static int on_tx(t38_core_state_t *core, void *arg, const uint8_t *ifp, int len, int count)
{
    struct end *e = arg;

    CHECK(e->nwaiting < WAITING && len <= (int)sizeof(e->waiting[0].octets));
    memcpy(e->waiting[e->nwaiting].octets, ifp, (size_t)len);
    e->waiting[e->nwaiting++].len = len;
    return 0;
}

static void on_end(t30_state_t *t30, void *arg, int result)
{
    struct end *e = arg;

    e->is_over = true;
    e->result = result;
}

static void begin(struct end *e, bool is_sender, bool has_ecm)
{
    t30_state_t *t30;

    memset(e, 0, sizeof(*e));
    e->t = t38_terminal_init(NULL, is_sender, on_tx, e);
    t30 = t38_terminal_get_t30_state(e->t);
    t38_set_data_transport_protocol(t38_terminal_get_t38_core_state(e->t), T38_TRANSPORT_UDPTL);
    t30_set_supported_modems(t30, T30_SUPPORT_V27TER | T30_SUPPORT_V29 | T30_SUPPORT_V17);
    t30_set_ecm_capability(t30, has_ecm);
    t30_set_supported_compressions(t30, T30_SUPPORT_T4_1D_COMPRESSION | T30_SUPPORT_T4_2D_COMPRESSION);
    t30_set_supported_image_sizes(t30, T30_SUPPORT_215MM_WIDTH | T30_SUPPORT_A4_LENGTH | T30_SUPPORT_UNLIMITED_LENGTH);
    t30_set_supported_resolutions(t30, T30_SUPPORT_STANDARD_RESOLUTION | T30_SUPPORT_FINE_RESOLUTION |
                                           T30_SUPPORT_R8_RESOLUTION);
    t30_set_tx_ident(t30, is_sender ? "111" : "222");
    t30_set_phase_e_handler(t30, on_end, e);
    if (is_sender)
        t30_set_tx_file(t30, sent, -1, -1);
    else
        t30_set_rx_file(t30, got, -1);
}

static void hear(struct end *e, struct end *from)
{
    for (unsigned i = 0; i < from->nwaiting; i++) {
        gw_fax_pace_heard(&e->pace);
        t38_core_rx_ifp_packet(t38_terminal_get_t38_core_state(e->t), from->waiting[i].octets, from->waiting[i].len,
                               (uint16_t)e->heard++);
    }
    from->nwaiting = 0;
}

/* One of them, `asleep`, stands still from `from` on. True: the page is there, and both say so. */
static bool fax(bool has_ecm, unsigned asleep, unsigned from, unsigned ms)
{
    unsigned now = 0, rows;

    remove(got);
    for (unsigned i = 0; i < 2; i++)
        begin(&ends[i], i == 0, has_ecm);
    for (; now < LONGEST_MS && !(ends[0].is_over && ends[1].is_over); now += TURN_MS)
        for (unsigned i = 0; i < 2; i++) {
            bool is_waking = i == asleep && now == from + ms;
            if (i == asleep && now >= from && now < from + ms)
                continue;
            if (is_waking)
                gw_fax_pace_tick(&ends[i].pace, ends[i].t, ms * 8);
            hear(&ends[i], &ends[1 - i]);
            gw_fax_pace_tick(&ends[i].pace, ends[i].t, TURN);
        }
    for (unsigned i = 0; i < 2; i++)
        t38_terminal_free(ends[i].t);
    rows = fax_compare(got, 1);
    if (rows || ends[0].result != T30_ERR_OK || ends[1].result != T30_ERR_OK)
        printf("     ECM %d, %u asleep %u ms at %u: %s, %s, %u rows differ, %u ms\n", has_ecm, asleep, ms, from,
               t30_completion_code_to_str(ends[0].result), t30_completion_code_to_str(ends[1].result), rows, now);
    return now < LONGEST_MS && !rows && ends[0].result == T30_ERR_OK && ends[1].result == T30_ERR_OK;
}

TEST(T38_011_a_terminal_that_stood_still_for_seconds_ends_its_fax)
{
    unsigned failed = 0;

    TIFFSetWarningHandler(NULL);
    CHECK(mkdtemp(folder) != NULL);
    snprintf(sent, sizeof(sent), "%s/sent.tif", folder);
    snprintf(got, sizeof(got), "%s/got.tif", folder);
    fax_draw(sent, 1);
    CHECK(fax(true, 2, 0, 0));
    for (unsigned i = 0; i < 4; i++)
        for (unsigned ms = 1000; ms <= 3000; ms += 1000) /* more, and the other one says it all again (T4) */
            for (unsigned from = 500; from < 20000; from += 500)
                failed += !fax(i & 1, i >> 1, from, ms);
    EQ(failed, 0);
    remove(sent);
    remove(got);
    rmdir(folder);
}
