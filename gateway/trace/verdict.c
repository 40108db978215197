/* How a call went, told in a line, and what went wrong with it. */
#include <stdio.h>
#include <string.h>

#include "gateway/trace/trace_priv.h"

void gw_trace_verdict(const struct gw_trace_call *c, char *buf, size_t size)
{
    if (c->status == 0)
        snprintf(buf, size, "not answered%s", c->ended_us ? "" : " yet");
    else
        snprintf(buf, size, "%s with %u%s", c->status < 300 ? "answered" : "refused", c->status,
                 c->status < 300 && !c->ended_us ? ", goes on" : "");
}

static bool is_trouble(const struct gw_trace_event *e)
{
    if (e->kind == GW_TRACE_SIP) /* what came; a challenge is none */
        return e->status >= 400 && !e->is_out && e->status != 401 && e->status != 407;
    return !e->is_good;
}

static bool has_step(const struct gw_trace_call *c, const char *step)
{
    for (unsigned i = 0; i < c->nevents; i++)
        if (c->events[i].kind == GW_TRACE_STEP && strncmp(c->events[i].text, step, strlen(step)) == 0)
            return true;
    return false;
}

/* SDP of the access leg says so. */
static bool has_line(const struct gw_trace_call *c, const char *line)
{
    for (unsigned i = 0; i < c->nevents; i++) {
        const struct gw_trace_event *e = &c->events[i];
        if (e->kind == GW_TRACE_SIP && e->is_access && e->is_sdp && memmem(e->text, e->len, line, strlen(line)))
            return true;
    }
    return false;
}

/* What did not happen is in no event: an answered call that has ended without its media. */
static const char *missing(const struct gw_trace_call *c)
{
    if (c->status < 200 || c->status >= 300 || !c->ended_us || has_step(c, "DTLS:")) /* it goes over what ICE found */
        return NULL;
    if (has_line(c, "\na=ice-ufrag:") && !has_step(c, "ICE:"))
        return "ICE: no valid connectivity check of the browser came: is the port of access_address open, and is what "
               "access_advertise says the way to it?";
    if (has_line(c, "\na=fingerprint:"))
        return "DTLS: ICE was up, but no handshake was completed";
    return NULL;
}

void gw_trace_troubles(const struct gw_trace_call *c, void (*f)(void *arg, const char *sentence), void *arg)
{
    const char *more = missing(c);
    char line[1200];

    for (unsigned i = 0; i < c->nevents; i++) {
        const struct gw_trace_event *e = &c->events[i];
        const char *who = e->kind != GW_TRACE_SIP ? "" : e->is_access ? "the browser said " : "the core said ";
        if (!is_trouble(e))
            continue;
        snprintf(line, sizeof(line), "%s%.*s", who, (int)(e->kind == GW_TRACE_SIP ? e->start : e->len), e->text);
        f(arg, line);
    }
    if (more)
        f(arg, more);
}
