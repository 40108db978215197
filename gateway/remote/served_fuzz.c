/* A controller that is trusted and says anything: each line is a message, an empty one is a second. In the end no
 * context is left. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/remote/served.h"

enum { CONTEXTS = 64 };

static uint64_t contexts[CONTEXTS];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int do_send(void *arg, unsigned conn, struct gw_span text)
{
    return 0;
}

static void do_drop(void *arg, unsigned conn)
{
    *(bool *)arg = true;
}

static int do_submit(void *arg, struct gw_iq_req **req, gw_iq_reply_cb *on_reply, void *reply_arg)
{
    static struct gw_iq_reply r;
    unsigned i = 0;

    memset(&r, 0, sizeof(r));
    r.ctx = (*req)->ctx;
    while (i < CONTEXTS && contexts[i] != r.ctx) /* of a new one: a free place */
        i++;
    if (i == CONTEXTS)
        r.err = r.ctx ? GW_E_NOTFOUND : GW_E_LIMIT;
    else if (!r.ctx)
        r.ctx = contexts[i] = i + 1;
    else if ((*req)->op == GW_IQ_RELEASE)
        contexts[i] = 0;
    free(*req);
    *req = NULL;
    on_reply(reply_arg, &r); /* at once, which is sooner than ever in earnest */
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static FILE *nowhere;
    bool is_dropped = false;
    struct gw_served_world world = { &is_dropped, do_send, do_drop, do_submit };
    struct gw_iq_notify n = { .event = GW_IQ_ICE_UP };
    struct gw_served *s;
    uint64_t now = GW_S;

    nowhere = nowhere ? nowhere : fopen("/dev/null", "w");
    gw_log_set_file(nowhere);
    memset(contexts, 0, sizeof(contexts));
    if (gw_served_new(&world, "node", 7, 100, GW_S, &s) != 0)
        return 0;
    gw_served_opened(s, 0, "peer", now);
    for (const uint8_t *p = data, *end = data + len, *next; p < end && !is_dropped; p = next + 1) {
        next = memchr(p, '\n', (size_t)(end - p));
        next = next ? next : end;
        if (next == p) {
            n.ctx = 1 + now / GW_S % CONTEXTS;
            gw_served_notify(s, &n, now);
            now += GW_S;
            gw_served_expire(s, now);
        } else {
            gw_served_input(s, 0, (struct gw_span){ p, (size_t)(next - p) }, now);
        }
    }
    if (!is_dropped)
        gw_served_closed(s, 0, now);
    for (int i = 0; i < 40; i++)
        gw_served_expire(s, now += GW_S);
    if (gw_served_contexts(s) != 0)
        abort();
    for (unsigned i = 0; i < CONTEXTS; i++)
        if (contexts[i])
            abort();
    gw_served_free(s);
    return 0;
}
