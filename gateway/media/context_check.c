/* Whether a worker can do what an Iq request asks: every value within its range, every id known or new, and nothing
 * made into what it cannot become. Nothing is changed here. */
#include "gateway/media/data.h"

static bool is_text(const char *s, size_t size)
{
    return memchr(s, 0, size) != NULL;
}

/* By trial: the SRTP room knows which key lengths and flags go with which suite. */
static int check_crypto(const struct gw_iq_crypto *c)
{
    struct gw_srtp_session *s = NULL;
    int err = c->suite == GW_IQ_SUITE_NONE ? 0 : gw_srtp_session_new(GW_SRTP_RECV, c, GW_SRTP_FAST, &s);

    gw_srtp_session_free(s);
    return err;
}

static int check_term(const struct gw_worker *w, const struct gw_iq_term *t, const struct gw_termination *has,
                      bool may_make)
{
    unsigned f = t->family == 6;
    int err = 0;

    if (t->id == 0 || t->realm > GW_IQ_CORE || t->security > GW_IQ_TLS || t->setup > GW_IQ_SETUP_ACTIVE)
        return GW_E_INVAL;
    if ((t->family != 4 && t->family != 6) || t->nfingerprints > GW_IQ_FINGERPRINTS || t->dscp > 63)
        return GW_E_INVAL;
    if (!is_text(t->remote_ufrag, sizeof(t->remote_ufrag)) || !is_text(t->remote_pwd, sizeof(t->remote_pwd)))
        return GW_E_INVAL;
    if (t->has_ice && t->realm != GW_IQ_ACCESS)
        return GW_E_UNSUPPORTED;
    if (t->security == GW_IQ_SDES)
        err = check_crypto(&t->local);
    if (t->security == GW_IQ_SDES && !err)
        err = check_crypto(&t->remote);
    if (err)
        return err;
    if (t->transport > GW_IQ_TCP || t->tcp_setup > GW_IQ_SETUP_ACTIVE || (t->has_sctp && t->security != GW_IQ_DTLS))
        return GW_E_INVAL;
    if (t->security == GW_IQ_TLS && t->transport != GW_IQ_TCP)
        return GW_E_INVAL;
    if (t->transport == GW_IQ_TCP && (t->has_ice || (t->security != GW_IQ_PLAIN && t->security != GW_IQ_TLS)))
        return GW_E_UNSUPPORTED;
    if (has) /* what makes a termination what it is cannot change */
        return has->realm == t->realm &&
                       (has->security >= GW_IQ_DTLS ? has->security : GW_IQ_PLAIN) ==
                           (t->security >= GW_IQ_DTLS ? t->security : GW_IQ_PLAIN) &&
                       has->has_ice == t->has_ice && has->has_rtcp_mux == (t->has_rtcp_mux || t->has_ice) &&
                       has->conf.transport == t->transport
                   ? 0
                   : GW_E_STATE;
    if (!may_make)
        return GW_E_NOTFOUND;
    if (t->realm == GW_IQ_CORE ? !w->core_ip[f].family : w->shared[f].in.fd < 0)
        return GW_E_POLICY; /* no address of that family */
    return 0;
}

/* A termination that is there or is named in the same request. */
static int realm_of(const struct gw_context *cx, const struct gw_iq_req *req, uint8_t id)
{
    const struct gw_termination *t = gw_context_term(cx, id);

    if (t)
        return t->realm;
    for (unsigned i = 0; i < req->nterms; i++)
        if (req->terms[i].id == id)
            return req->terms[i].realm;
    return -1;
}

static enum gw_iq_security security_of(const struct gw_context *cx, const struct gw_iq_req *req, uint8_t id)
{
    for (unsigned i = 0; i < req->nterms; i++)
        if (req->terms[i].id == id)
            return (enum gw_iq_security)req->terms[i].security;
    return (enum gw_iq_security)gw_context_term(cx, id)->security;
}

static enum gw_iq_transport transport_of(const struct gw_context *cx, const struct gw_iq_req *req, uint8_t id)
{
    for (unsigned i = 0; i < req->nterms; i++)
        if (req->terms[i].id == id)
            return (enum gw_iq_transport)req->terms[i].transport;
    return (enum gw_iq_transport)gw_context_term(cx, id)->conf.transport;
}

static int check_stream(const struct gw_context *cx, const struct gw_iq_req *req, const struct gw_iq_stream *s)
{
    if (s->id == 0 || s->kind > GW_IQ_IMAGE || s->npts > GW_IQ_PTS || s->nexts > GW_IQ_EXTS)
        return GW_E_INVAL;
    if (!is_text(s->mid, sizeof(s->mid)))
        return GW_E_INVAL;
    if (s->udptl[0].ec > GW_IQ_EC_FEC || s->udptl[1].ec > GW_IQ_EC_FEC)
        return GW_E_INVAL;
    for (unsigned i = 0; i < s->npts; i++)
        if (s->pts[i].access > 127 || s->pts[i].core > 127)
            return GW_E_INVAL;
    if (realm_of(cx, req, s->access_term) != GW_IQ_ACCESS || realm_of(cx, req, s->core_term) != GW_IQ_CORE)
        return GW_E_NOTFOUND;
    if (s->is_opaque &&
        (security_of(cx, req, s->access_term) != GW_IQ_PLAIN || security_of(cx, req, s->core_term) != GW_IQ_PLAIN))
        return GW_E_INVAL;
    return 0;
}

static int check_channel(const struct gw_context *cx, const struct gw_iq_req *req, const struct gw_iq_channel *c)
{
    const struct gw_data *has = gw_context_data(cx, c->id);

    if (c->id == 0 || c->protocol > GW_IQ_T38 || c->udptl.ec > GW_IQ_EC_FEC || c->t140_pt > 127 ||
        (c->red_pt > 127 && c->red_pt != 0xff) || c->generations > 7)
        return GW_E_INVAL;
    if (!is_text(c->own_uri, sizeof(c->own_uri)) || !is_text(c->peer_uri, sizeof(c->peer_uri)) ||
        !is_text(c->core_uri, sizeof(c->core_uri)) || !is_text(c->core_path, sizeof(c->core_path)))
        return GW_E_INVAL;
    if (realm_of(cx, req, c->access_term) != GW_IQ_ACCESS || realm_of(cx, req, c->core_term) != GW_IQ_CORE)
        return GW_E_NOTFOUND;
    if (transport_of(cx, req, c->access_term) == GW_IQ_TCP &&
        (transport_of(cx, req, c->core_term) != GW_IQ_TCP || c->protocol > GW_IQ_BFCP))
        return GW_E_INVAL;
    return has && (has->conf.protocol != c->protocol || has->conf.stream != c->stream ||
                   has->conf.access_term != c->access_term || has->conf.core_term != c->core_term)
               ? GW_E_STATE
               : 0;
}

int gw_context_check(const struct gw_worker *w, const struct gw_context *cx, const struct gw_iq_req *req)
{
    bool may_make = req->op == GW_IQ_RESERVE || req->op == GW_IQ_RESERVE_CONFIGURE;
    unsigned nterms = cx ? cx->nterms : 0, nstreams = cx ? cx->nstreams : 0, ndatas = cx ? cx->ndatas : 0;
    int err = 0;

    if (!is_text(req->call, sizeof(req->call)))
        return GW_E_INVAL;
    for (unsigned i = 0; !err && i < req->nterms; i++) {
        const struct gw_termination *has = gw_context_term(cx, req->terms[i].id);
        err = check_term(w, &req->terms[i], has, may_make);
        nterms += !has;
        for (unsigned k = 0; k < i; k++)
            if (req->terms[k].id == req->terms[i].id)
                err = GW_E_INVAL;
    }
    for (unsigned i = 0; !err && i < req->nstreams; i++) {
        err = check_stream(cx, req, &req->streams[i]);
        nstreams += !gw_context_stream(cx, req->streams[i].id);
    }
    for (unsigned i = 0; !err && i < req->nchannels; i++) {
        err = check_channel(cx, req, &req->channels[i]);
        ndatas += !gw_context_data(cx, req->channels[i].id);
    }
    if (!err && (nterms > GW_IQ_TERMS || nstreams > GW_IQ_STREAMS || ndatas > GW_IQ_CHANNELS))
        err = GW_E_LIMIT;
    return err;
}
