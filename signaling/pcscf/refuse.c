/* Every refusal of this room: status, phrase and counter in one table; one log line each. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "signaling/pcscf/pcscf_priv.h"

static const struct {
    int status;
    const char *phrase, *header, *value;
    enum gw_stat stat;
} rows[] = {
    [GW_REFUSE_NOT_REGISTERED] = { 403, "Not Registered", NULL, NULL, GW_STAT_PCSCF_REFUSED_NOT_REGISTERED },
    [GW_REFUSE_OTHER_FLOW] = { 403, "Registered on Another Connection", NULL, NULL, GW_STAT_PCSCF_REFUSED_OTHER_FLOW },
    [GW_REFUSE_FORGED] = { 403, "Forged Flow Token", NULL, NULL, GW_STAT_PCSCF_REFUSED_FORGED },
    [GW_REFUSE_FLOW_GONE] = { 430, "Flow Failed", NULL, NULL, GW_STAT_PCSCF_REFUSED_FLOW_GONE },
    [GW_REFUSE_HOPS] = { 483, NULL, NULL, NULL, GW_STAT_PCSCF_REFUSED_HOPS },
    [GW_REFUSE_LOOP] = { 482, NULL, NULL, NULL, GW_STAT_PCSCF_REFUSED_LOOP },
    [GW_REFUSE_EXTENSION] = { 420, NULL, "Unsupported", NULL, GW_STAT_PCSCF_REFUSED_EXTENSION },
    [GW_REFUSE_SEC_AGREE] = { 494, "Security Agreement Required", "Security-Server", "tls;q=0.1",
                              GW_STAT_PCSCF_REFUSED_SEC_AGREE },
    [GW_REFUSE_LIMIT] = { 503, NULL, "Retry-After", "10", GW_STAT_PCSCF_REFUSED_LIMIT },
    [GW_REFUSE_DRAINING] = { 503, "Draining", "Retry-After", "10", GW_STAT_PCSCF_REFUSED_DRAINING },
    [GW_REFUSE_NO_DIALOG] = { 481, NULL, NULL, NULL, GW_STAT_PCSCF_REFUSED_NO_DIALOG },
    [GW_REFUSE_NOT_HERE] = { 404, NULL, NULL, NULL, GW_STAT_PCSCF_REFUSED_NOT_HERE },
    [GW_REFUSE_DOMAIN] = { 403, "Domain Not Served", NULL, NULL, GW_STAT_PCSCF_REFUSED_DOMAIN },
    [GW_REFUSE_TOKEN_MISSING] = { 401, NULL, "WWW-Authenticate", NULL, GW_STAT_PCSCF_REFUSED_TOKEN_MISSING },
    [GW_REFUSE_TOKEN] = { 401, NULL, "WWW-Authenticate", NULL, GW_STAT_PCSCF_REFUSED_TOKEN },
    [GW_REFUSE_TOKEN_IDENTITY] = { 403, "Token of Another Identity", "WWW-Authenticate", NULL,
                                   GW_STAT_PCSCF_REFUSED_TOKEN_IDENTITY },
    [GW_REFUSE_METHOD] = { 405, NULL, "Allow",
                           "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, MESSAGE, "
                           "PUBLISH",
                           GW_STAT_PCSCF_REFUSED_METHOD },
    [GW_REFUSE_MALFORMED] = { 400, NULL, NULL, NULL, GW_STAT_PCSCF_REFUSED_MALFORMED },
    [GW_REFUSE_UNREACHABLE] = { 503, NULL, NULL, NULL, GW_STAT_PCSCF_REFUSED_UNREACHABLE },
    [GW_REFUSE_INTERNAL] = { 500, NULL, NULL, NULL, GW_STAT_PCSCF_REFUSED_INTERNAL },
};

void gw_pcscf_refuse(struct gw_pcscf *p, const struct gw_inbound *in, enum gw_refusal why, const char *detail)
{
    const char *phrase = rows[why].phrase, *value = rows[why].value;

    if (rows[why].header && !value)
        value = detail;
    if (why == GW_REFUSE_MALFORMED)
        phrase = detail;
    gw_stats_inc(rows[why].stat);
    gw_log(GW_LOG_WARNING, "pcscf", gw_pcscf_call_id(in->req), "%s from %s flow=%llu refused: %d%s%s%s%s",
           gw_sip_msg_method_name(in->req), in->flow_id ? "access" : "core", (unsigned long long)in->flow_id,
           rows[why].status, phrase ? " " : "", phrase ? phrase : "", detail && detail != phrase ? ": " : "",
           detail && detail != phrase ? detail : "");
    if (gw_sip_server_reply(in->txn, in->req, rows[why].status, phrase, rows[why].header, value) != 0)
        gw_sip_server_drop(in->txn);
}
