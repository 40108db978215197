/* The core side: sofia's nta has the transactions, RFC 3263, and the UDP, TCP and TLS transports. It runs as a user
 * agent (NTATAG_UA), not as a proxy: a proxy's nta forgets an INVITE on TCP as soon as it is cancelled, and leaves 2xx
 * and their ACKs to others. Dialogs (nta legs) are not used, and nua neither: its automatic answers to OPTIONS leak. */
#include "stack_priv.h"

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_parser.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/tport_tag.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "tls_dir.h"

enum {
    QUEUE_MAX = 1000, /* messages that wait on one connection of the core, sofia's most; more are 503 */
    /* sofia measures all that waits in a TCP socket against the size of a message, and drops the connection with all
     * its transactions when it is more: a busy core would be cut off. The size of one message is judged by our own
     * parser. */
    READ_MAX = 32 * 1024 * 1024,
};

struct gw_sip_msg *gw_sip_core_from_msg(msg_t *msg, struct gw_sip_fault *fault)
{
    struct gw_sip_msg *m = NULL;
    struct gw_sip_fault f;
    size_t len;
    char *text = msg_as_string(msg_home(msg), msg, NULL, 0, &len);

    if (!text)
        return NULL;
    if (gw_sip_msg_parse_loose((struct gw_span){ text, len }, &m, &f))
        m = NULL;
    else if (fault)
        *fault = f;
    su_free(msg_home(msg), text);
    return m;
}

msg_t *gw_sip_core_to_msg(const struct gw_sip_msg *m)
{
    size_t len;
    char *text = gw_sip_msg_write(m, &len);
    msg_t *msg;

    if (!text)
        return NULL;
    msg = msg_make(sip_default_mclass(), 0, text, (ssize_t)len);
    free(text);
    if (msg && (!sip_object(msg) || (sip_object(msg)->sip_flags & MSG_FLG_ERROR))) {
        msg_destroy(msg);
        return NULL;
    }
    return msg;
}

const struct gw_addr *gw_sip_core_peer(msg_t *msg, struct gw_addr *out)
{
    su_sockaddr_t *su = msg_addr(msg);

    if (gw_addr_from_sockaddr(&su->su_sa, out))
        memset(out, 0, sizeof(*out));
    return out;
}

static void on_core_request(struct gw_sip_stack *s, nta_agent_t *agent, msg_t *msg, sip_t *sip)
{
    struct gw_sip_fault fault = { 0 };
    struct gw_sip_msg *m = gw_sip_core_from_msg(msg, &fault);
    char text[GW_ADDR_TEXT];
    nta_incoming_t *irq;
    struct gw_addr peer;
    int status;

    gw_sip_core_peer(msg, &peer);
    if (!m) {
        msg_destroy(msg);
        return;
    }
    gw_sip_trace_core(s, false, &peer, m, NULL);
    status = fault.status ? fault.status : gw_sip_admit(m);
    if (m->method == GW_SIP_ACK) {
        if (!status && s->handler.on_ack)
            s->handler.on_ack(s->handler.arg, 0, m);
        msg_destroy(msg);
    } else if (status) {
        if (fault.status)
            gw_sip_log_bad(gw_addr_text(&peer, text), "refused", fault.text);
        else
            gw_sip_log_refused(&peer, m, status);
        nta_msg_treply(agent, msg, status, fault.status ? fault.text : gw_sip_status_phrase(status), TAG_END());
    } else if (m->method == GW_SIP_CANCEL) {
        gw_sip_log_refused(&peer, m, 481);
        nta_msg_treply(agent, msg, SIP_481_NO_TRANSACTION, TAG_END());
    } else {
        irq = nta_incoming_create(agent, NULL, msg, sip, TAG_END());
        if (irq) {
            gw_sip_server_start(s, 0, &peer, irq, m);
            return;
        }
    }
    gw_sip_msg_free(m);
}

/* What belongs to no transaction of nta's. Takes msg. */
static int on_core_message(struct gw_sip_stack *s, nta_agent_t *agent, msg_t *msg, sip_t *sip)
{
    struct gw_sip_msg *m;

    gw_stats_inc(GW_STAT_SIP_IN_CORE);
    if (sip && sip->sip_request) {
        on_core_request(s, agent, msg, sip);
        return 0;
    }
    gw_stats_inc(GW_STAT_SIP_STRAY);
    if (sip && sip->sip_status && sip->sip_status->st_status / 100 == 2 && sip->sip_cseq &&
        sip->sip_cseq->cs_method == sip_method_invite && s->handler.on_stray_2xx) {
        m = gw_sip_core_from_msg(msg, NULL);
        if (m)
            s->handler.on_stray_2xx(s->handler.arg, 0, m);
        gw_sip_msg_free(m);
    }
    msg_destroy(msg);
    return 0;
}

/* "sip:192.0.2.1:5060", "sip:[::]:*" */
static void bind_url(char *buf, size_t size, const char *scheme, const struct gw_addr *a)
{
    char ip[GW_ADDR_TEXT], port[8] = "*";

    if (a->port)
        snprintf(port, sizeof(port), "%u", a->port);
    gw_addr_ip_text(a, ip);
    snprintf(buf, size, a->family == 6 ? "%s:[%s]:%s" : "%s:%s:%s", scheme, ip, port);
}

static int add_listener(struct gw_sip_stack *s, const char *scheme, const struct gw_addr *a, const char *tls_dir)
{
    char url[GW_ADDR_TEXT + 16];

    bind_url(url, sizeof(url), scheme, a);
    if (nta_agent_add_tport(
            s->agent, URL_STRING_MAKE(url), TPTAG_REUSE(1),
            TPTAG_QUEUESIZE(QUEUE_MAX), /* sofia's 64 are not enough for a burst while a connection is being made */
            TPTAG_IDENT(a->family == 6 ? GW_SIP_IP6 : GW_SIP_IP4), TAG_IF(tls_dir, TPTAG_CERTIFICATE(tls_dir)),
            TAG_IF(tls_dir, TPTAG_TLS_VERSION(0)),
            TAG_IF(tls_dir && *s->conf->sips_ca, TPTAG_TLS_VERIFY_POLICY(TPTLS_VERIFY_ALL)), TAG_END()) < 0) {
        gw_log(GW_LOG_ERROR, "sip", NULL, "cannot listen on %s", url);
        return GW_E_IO;
    }
    return 0;
}

static int add_listeners(struct gw_sip_stack *s)
{
    const struct gw_conf *c = s->conf;
    struct gw_addr a;
    char *dir = NULL;
    int err = add_listener(s, "sip", &c->sip_listen, NULL);

    for (unsigned i = 0; !err && i < c->sip_listen_more.n; i++) {
        err = gw_addr_parse(c->sip_listen_more.v[i], &a);
        if (!err)
            err = add_listener(s, "sip", &a, NULL);
    }
    if (!err && c->sips_listen.port) {
        err = gw_sip_tls_dir_new(c, &dir);
        if (err)
            gw_log(GW_LOG_ERROR, "sip", NULL, "sips_listen needs tls_cert and tls_key that can be read");
        else
            err = add_listener(s, "sips", &c->sips_listen, dir);
        gw_sip_tls_dir_free(dir); /* read once, at binding */
    }
    return err;
}

static void find_host(struct gw_sip_stack *s)
{
    const sip_contact_t *m = nta_agent_contact(s->agent);

    if (*s->conf->sip_advertise)
        snprintf(s->core_host, sizeof(s->core_host), "%s", s->conf->sip_advertise);
    else if (*gw_sip_stack_params(s, false) && s->conf->sips_listen.port &&
             strstr(gw_sip_stack_params(s, false), "tls") && m)
        snprintf(s->core_host, sizeof(s->core_host), "%s:%u", m->m_url->url_host, (unsigned)s->conf->sips_listen.port);
    else if (m && m->m_url->url_port && *m->m_url->url_port)
        snprintf(s->core_host, sizeof(s->core_host), "%s:%s", m->m_url->url_host, m->m_url->url_port);
    else if (m)
        snprintf(s->core_host, sizeof(s->core_host), "%s", m->m_url->url_host);
}

int gw_sip_core_new(struct gw_sip_stack *s)
{
    uint32_t t1 = s->t1_ms;
    int err;

    s->agent = nta_agent_create(s->root, (url_string_t *)-1, on_core_message, s, NTATAG_UA(1), NTATAG_MERGE_482(1),
                                NTATAG_CANCEL_487(0), NTATAG_SERVER_RPORT(1), NTATAG_CLIENT_RPORT(1), NTATAG_SIP_T1(t1),
                                NTATAG_SIP_T1X64(64 * t1), NTATAG_SIP_T2(8 * t1), NTATAG_SIP_T4(10 * t1),
                                NTATAG_TIMER_C((unsigned)s->conf->sip_timer_c * 1000), NTATAG_UDP_MTU(1300),
                                NTATAG_MAXSIZE(READ_MAX), NTATAG_GRAYLIST(0), TAG_END());
    if (!s->agent)
        return GW_E_NOMEM;
    err = add_listeners(s);
    if (!err)
        find_host(s);
    return err;
}

void gw_sip_core_free(struct gw_sip_stack *s)
{
    if (s->agent)
        nta_agent_destroy(s->agent);
    s->agent = NULL;
}
