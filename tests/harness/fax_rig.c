#include "tests/harness/fax_rig.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"

struct fax_gateway fax;

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    (void)arg;
    fax.last = *n;
}

static bool has_reply;

static void on_reply(void *arg, const struct gw_iq_reply *r)
{
    (void)arg;
    fax.reply = *r;
    has_reply = true;
}

int fax_ask(const struct gw_iq_req *req)
{
    struct gw_iq_req *copy = malloc(sizeof(*copy));

    *copy = *req;
    has_reply = false;
    EQ(gw_agw_submit(fax.agw, &copy, on_reply, NULL), 0);
    while (!has_reply) {
        struct pollfd p = { gw_agw_fd(fax.agw), POLLIN, 0 };
        poll(&p, 1, 100);
        gw_agw_dispatch(fax.agw);
    }
    return fax.reply.err;
}

int fax_udp(struct gw_addr *a)
{
    struct sockaddr_storage ss;
    socklen_t len;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    EQ(gw_addr_parse_ip("127.0.0.1", 0, a), 0);
    len = gw_addr_to_sockaddr(a, &ss);
    EQ(bind(fd, (struct sockaddr *)&ss, len), 0);
    len = sizeof(ss);
    getsockname(fd, (struct sockaddr *)&ss, &len);
    EQ(gw_addr_from_sockaddr((struct sockaddr *)&ss, a), 0);
    return fd;
}

enum { BLOCKS = 9, CORE_PORTS = 400 /* of each */ };

void fax_gateway_begin(void)
{
    static const uint16_t profile = GW_IQ_AEAD_AES_128_GCM;
    char text[300], why[256] = "";
    int err = GW_E_IO;

    gw_log_set_level(GW_LOG_ERROR);
    fax = (struct fax_gateway){ 0 };
    for (int block = 0; err && block < BLOCKS; block++) {
        gw_conf_free(fax.conf);
        fax.conf = NULL;
        snprintf(text, sizeof(text),
                 "access_address = 127.0.0.1\naccess_port = %d\ncore_address = 127.0.0.1\ncore_port_min = "
                 "%d\ncore_port_max = %d\n",
                 24100 + block, 10000 + block * CORE_PORTS, 10000 + block * CORE_PORTS + CORE_PORTS - 1);
        EQ(gw_conf_parse("test", text, strlen(text), &fax.conf, why, sizeof(why)), 0);
        err = gw_agw_new(fax.conf, on_notify, NULL, &fax.agw, why, sizeof(why));
    }
    if (err) {
        fprintf(stderr, "no free port for the gateway: %s\n", why);
        exit(1);
    }
    EQ(gw_agw_start(fax.agw), 0);
    EQ(gw_dtls_identity_new(&profile, 1, &fax.identity), 0);
    EQ(gw_sctp_init(true), 0);
    EQ(gw_sctp_host_new(&fax.host), 0);
}

static void want_access(struct gw_iq_term *t, const struct fax_case *c, struct fax_machine *m)
{
    bool is_dtls = c->access == DTLS || c->access == DTLS_SERVER;
    struct gw_addr a;

    *t = (struct gw_iq_term){ .id = 1, .realm = GW_IQ_ACCESS, .family = 4, .has_rtcp_mux = true };
    if (c->access == PLAIN) {
        m->fd = fax_udp(&t->remote_rtp);
        t->has_remote = true;
        return;
    }
    EQ(data_end_init(&m->end, fax.has_wrong_role || c->access != DTLS_SERVER, fax.identity, fax.host), 0);
    m->end.arg = m;
    if (c->access == CHANNEL)
        m->end.on_message = fax_machine_on_record;
    else
        m->end.on_record = fax_machine_on_record;
    t->security = GW_IQ_DTLS;
    t->setup = c->access == DTLS_SERVER ? GW_IQ_SETUP_ACTIVE : GW_IQ_SETUP_PASSIVE;
    t->dtls_generation = 1;
    t->nfingerprints = 1;
    t->fingerprints[0] = *gw_dtls_identity_fingerprint(fax.expected ? fax.expected : fax.identity);
    t->has_ice = !is_dtls;
    if (is_dtls) {
        EQ(gw_addr_parse_ip("127.0.0.1", data_end_port(&m->end), &a), 0);
        t->has_remote = true;
        t->remote_rtp = a;
        return;
    }
    t->ice_generation = 1;
    strcpy(t->remote_ufrag, "faxfax");
    strcpy(t->remote_pwd, "faxfaxfaxfaxfaxfaxfaxfax");
    t->has_sctp = c->access == CHANNEL;
    t->sctp_port = t->remote_sctp_port = t->has_sctp ? 5000 : 0;
}

static struct gw_iq_req req; /* of the last call */

uint64_t fax_call(struct fax_machine *a, struct fax_machine *b)
{
    const struct fax_case *c = a->c;
    bool is_dtls = c->access == DTLS || c->access == DTLS_SERVER;
    struct gw_iq_udptl side[2];
    struct sockaddr_storage ss;

    for (unsigned k = 0; k < 2; k++)
        side[k] = (struct gw_iq_udptl){ .ec = (uint8_t)c->ec[k],
                                        .ifp_version = (uint8_t)c->versions[k],
                                        .max_datagram = 400 };
    req = (struct gw_iq_req){ .op = GW_IQ_RESERVE_CONFIGURE, .call = "fax", .nterms = 2 };
    want_access(&req.terms[0], c, a);
    req.terms[1] =
        (struct gw_iq_term){ .id = 2, .realm = GW_IQ_CORE, .family = 4, .has_rtcp_mux = true, .has_remote = b != NULL };
    if (b)
        b->fd = fax_udp(&req.terms[1].remote_rtp);
    if (c->access == CHANNEL) {
        req.nchannels = 1;
        req.channels[0] = (struct gw_iq_channel){ .id = 9,
                                                  .protocol = GW_IQ_T38,
                                                  .access_term = 1,
                                                  .core_term = 2,
                                                  .to_core = true,
                                                  .to_access = true,
                                                  .stream = 2,
                                                  .udptl = side[1] };
    } else {
        req.nstreams = 1;
        req.streams[0] = (struct gw_iq_stream){ .id = 1,
                                                .kind = GW_IQ_IMAGE,
                                                .access_term = 1,
                                                .core_term = 2,
                                                .to_core = true,
                                                .to_access = true,
                                                .udptl = { side[0], side[1] } };
    }
    EQ(fax_ask(&req), 0);
    if (b) {
        b->to = fax.reply.locals[1].rtp;
        b->is_up = true;
    }
    a->to = fax.reply.locals[0].rtp;
    a->is_up = c->access == PLAIN;
    if (c->access == PLAIN)
        return fax.reply.ctx;
    gw_addr_to_sockaddr(is_dtls ? &fax.reply.locals[0].rtp : &fax.reply.locals[0].candidates[0], &ss);
    memcpy(&a->end.peer, &ss, sizeof(a->end.peer));
    a->end.expected = fax.reply.locals[0].fingerprint;
    if (!is_dtls)
        snprintf(a->end.user, sizeof(a->end.user), "%s:faxfax", fax.reply.locals[0].ufrag);
    strcpy(a->end.pwd, fax.reply.locals[0].pwd);
    return fax.reply.ctx;
}

void fax_core_is_at(const struct gw_addr *core)
{
    struct gw_iq_term *t = &req.terms[1];

    req.op = GW_IQ_CONFIGURE;
    req.ctx = fax.reply.ctx;
    req.nstreams = req.nchannels = 0;
    t->has_remote = true;
    t->remote_rtp = *core;
    req.terms[0] = *t;
    req.nterms = 1;
    EQ(fax_ask(&req), 0);
}

void fax_hang_up(uint64_t ctx)
{
    struct gw_iq_req release = { .op = GW_IQ_RELEASE, .ctx = ctx };

    EQ(fax_ask(&release), 0);
}

void fax_gateway_end(void)
{
    EQ(gw_stats_read(GW_STAT_CONTEXTS), 0);
    gw_agw_free(fax.agw);
    gw_conf_free(fax.conf);
    gw_sctp_host_free(fax.host);
    gw_dtls_identity_unref(fax.identity);
}
