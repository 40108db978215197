/* rtpengine between fax sessions: it passes UDPTL on as it is. It has no data channels. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/ng.h"
#include "bench/session.h"

static int start(enum session_kind kind, unsigned n, int core)
{
    (void)kind;
    (void)n;
    return ng_start(core);
}

static int exchange(const char *what, const char *tags, const struct session *s, unsigned side, struct gw_addr *out)
{
    struct gw_addr phone = session_phone(side, s->i);
    char sdp[600], ip[GW_ADDR_TEXT], port[16];
    int n;

    gw_addr_ip_text(&phone, ip);
    n = snprintf(sdp, sizeof(sdp),
                 "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=image %u udptl t38\r\n"
                 "a=T38FaxVersion:0\r\na=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxDatagram:400\r\n"
                 "a=T38FaxUdpEC:t38UDPRedundancy\r\n",
                 ip, ip, phone.port);
    if (ng_command("d7:command%s7:call-id13:bench%08u%s3:ICE6:remove3:sdp%d:%se", what, s->i, tags, n, sdp) != 0 ||
        !ng_find("m=image ", port, sizeof(port))) {
        fprintf(stderr, "rtpengine: %.600s\n", ng_answer());
        return GW_E_IO;
    }
    return gw_addr_parse_ip("127.0.0.1", (uint16_t)atoi(port), out);
}

static int join(enum session_kind kind, struct session *s)
{
    int err;

    (void)kind;
    err = exchange("5:offer", "8:from-tag1:a", s, SESSION_ACCESS, &s->to[SESSION_CORE]);
    if (!err)
        err = exchange("6:answer", "8:from-tag1:a6:to-tag1:b", s, SESSION_CORE, &s->to[SESSION_ACCESS]);
    return err;
}

const struct session_target session_rtpengine = { "rtpengine", { false, false, true }, start, join, ng_pid, ng_stop };
