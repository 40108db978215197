/* The gateway's media plane between text and fax sessions. */
#include <stdio.h>
#include <string.h>

#include "bench/child.h"
#include "bench/session.h"

static struct child gateway;
static uint64_t txn;
static char conf_text[] = "access_address = 127.0.0.1\naccess_port = 22800\ncore_address = 127.0.0.1\n"
                          "core_port_min = 1024\ncore_port_max = 32000\nmedia_contexts = 60000\nworkers = 1\n";

static int start(enum session_kind kind, unsigned n, int core)
{
    (void)kind;
    (void)n;
    return child_start(&gateway, core, agw_child_run, conf_text);
}

static void want_channel(const struct session *s, enum session_kind kind, struct gw_iq_req *req)
{
    (void)s;
    req->nchannels = 1;
    req->terms[0] = (struct gw_iq_term){ .id = 1,
                                         .realm = GW_IQ_ACCESS,
                                         .security = GW_IQ_DTLS,
                                         .family = 4,
                                         .has_ice = true,
                                         .has_rtcp_mux = true,
                                         .ice_generation = 1,
                                         .dtls_generation = 1,
                                         .setup = GW_IQ_SETUP_PASSIVE,
                                         .nfingerprints = 1,
                                         .has_sctp = true,
                                         .sctp_port = 5000,
                                         .remote_sctp_port = 5000 };
    req->terms[0].fingerprints[0] = *gw_dtls_identity_fingerprint(session_identity);
    strcpy(req->terms[0].remote_ufrag, "bench");
    strcpy(req->terms[0].remote_pwd, "benchbenchbenchbenchbench");
    req->channels[0] = (struct gw_iq_channel){ .id = 9,
                                               .protocol = kind == SESSION_TEXT ? GW_IQ_T140 : GW_IQ_T38,
                                               .access_term = 1,
                                               .core_term = 2,
                                               .to_core = true,
                                               .to_access = true,
                                               .stream = 2,
                                               .t140_pt = SESSION_T140_PT,
                                               .red_pt = SESSION_RED_PT,
                                               .generations = 2,
                                               .udptl = { .ec = GW_IQ_EC_REDUNDANCY } };
}

static void want_stream(const struct session *s, struct gw_iq_req *req)
{
    req->nstreams = 1;
    req->terms[0] = (struct gw_iq_term){ .id = 1,
                                         .realm = GW_IQ_ACCESS,
                                         .family = 4,
                                         .has_rtcp_mux = true,
                                         .has_remote = true,
                                         .remote_rtp = session_phone(SESSION_ACCESS, s->i) };
    req->streams[0] =
        (struct gw_iq_stream){ .id = 1,
                               .kind = GW_IQ_IMAGE,
                               .access_term = 1,
                               .core_term = 2,
                               .to_core = true,
                               .to_access = true,
                               .udptl = { { .ec = GW_IQ_EC_REDUNDANCY }, { .ec = GW_IQ_EC_REDUNDANCY } } };
}

static int join(enum session_kind kind, struct session *s)
{
    static struct gw_iq_req req;
    const struct gw_iq_reply *r;
    struct sockaddr_storage ss;

    req = (struct gw_iq_req){ .txn = ++txn, .op = GW_IQ_RESERVE_CONFIGURE, .call = "bench", .nterms = 2 };
    req.terms[1] = (struct gw_iq_term){ .id = 2,
                                        .realm = GW_IQ_CORE,
                                        .family = 4,
                                        .has_rtcp_mux = true,
                                        .has_remote = true,
                                        .remote_rtp = session_phone(SESSION_CORE, s->i) };
    if (kind == SESSION_UDPTL)
        want_stream(s, &req);
    else
        want_channel(s, kind, &req);
    r = agw_child_ask(&gateway, &req);
    if (!r)
        return GW_E_IO;
    s->to[SESSION_ACCESS] = r->locals[0].rtp;
    s->to[SESSION_CORE] = r->locals[1].rtp;
    if (kind == SESSION_UDPTL)
        return 0;
    gw_addr_to_sockaddr(&r->locals[0].candidates[0], &ss);
    memcpy(&s->end.peer, &ss, sizeof(s->end.peer));
    s->end.expected = r->locals[0].fingerprint;
    snprintf(s->end.user, sizeof(s->end.user), "%s:bench", r->locals[0].ufrag);
    snprintf(s->end.pwd, sizeof(s->end.pwd), "%s", r->locals[0].pwd);
    return 0;
}

static pid_t pid(void)
{
    return gateway.pid;
}

static void stop(void)
{
    child_end(&gateway);
}

const struct session_target session_imsgw = { "imsgw", { true, true, true }, start, join, pid, stop };
