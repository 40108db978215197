/* A session led by the input: an octet for the settings, then steps, each a letter and a text up to a NUL:
 *   A, C offer of the access side, of the core (a, c: and no port is left)     n answer in these words
 *   y    the answer of a willing peer, made from our offer                     r rollback
 *   o, O an offer of our own to the access side, to the core                   e answer of another fork
 *   f    what is over is given back                                            b, B a channel in band, and its offer */
#include "signaling/call/interwork_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void step(struct walk *w, char op, struct gw_span text, unsigned n)
{
    static const struct walk_choice willing[] = { { false, 0xff, "sendrecv" }, { false, 0x05, "sendonly" } };
    char *answer;

    switch (op) {
    case 'A':
    case 'a':
        walk_offer(w, GW_LEG_ACCESS, text, op == 'a');
        break;
    case 'C':
    case 'c':
        walk_offer(w, GW_LEG_CORE, text, op == 'c');
        break;
    case 'n':
        walk_answer(w, text);
        break;
    case 'y':
        if (!walk_is_open(w))
            break;
        answer = walk_make_answer(w, willing, 2, n);
        walk_answer(w, gw_span_str(answer));
        free(answer);
        break;
    case 'r':
        walk_rollback(w);
        break;
    case 'o':
    case 'O':
        walk_reoffer(w, op == 'o' ? GW_LEG_ACCESS : GW_LEG_CORE);
        break;
    case 'e':
        walk_reanswer(w, text);
        break;
    case 'f':
        w->nsteps++;
        while (gw_ms_release(w->ms, &w->req))
            ;
        break;
    case 'b':
        w->nsteps++;
        gw_ms_channel_opened(w->ms, &(struct gw_iq_notify){ .term = (uint8_t)(text.len % 4),
                                                            .protocol = (uint8_t)(n % 4),
                                                            .sctp_stream = (uint16_t)(2 * n) });
        break;
    case 'B':
        walk_offer_own(w, text.len != 0);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const settings[] = { "", "core_proto = avpf\n", "core_proto = savp\n", "core_proto = savpf\n" };
    static struct gw_conf *confs[4]; /* once for all runs */
    const uint8_t *p = data + 1, *end = data + len;
    struct walk w;

    if (len < 2)
        return 0;
    if (!confs[data[0] & 3])
        confs[data[0] & 3] = walk_conf(settings[data[0] & 3]);
    walk_open(&w, confs[data[0] & 3], data[0] & 4 ? GW_CLIENT_UE : GW_CLIENT_WIC);
    while (p < end && w.nsteps < 16) {
        const uint8_t *nul = memchr(p, 0, (size_t)(end - p)), *stop = nul ? nul : end;

        step(&w, (char)*p, (struct gw_span){ p + 1, stop > p ? (size_t)(stop - p) - 1 : 0 }, w.nsteps + 1);
        p = stop + 1;
    }
    walk_close(&w);
    return 0;
}
