#include "signaling/pcscf/weblogin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"

enum { CHALLENGE = 1024, CONTACTS = 8 };

static int64_t wall_s(void)
{
    return (int64_t)(gw_clock_wall_us() / 1000000);
}

/* The token of a REGISTER into buf: its own, or without any credentials that of its connection. False: none. */
static bool find_token(struct gw_pcscf *p, const struct gw_sip_msg *req, gw_flow_id flow, char *buf, size_t size)
{
    struct gw_flow_info info;
    const char *v;
    unsigned i;

    for (i = 0; (v = gw_sip_msg_get(req, "Authorization", i)); i++)
        if (strncasecmp(v, "Bearer", 6) == 0 && strchr(" \t", v[6])) {
            snprintf(buf, size, "%s", v + 6 + strspn(v + 6, " \t")); /* one cut short has a wrong signature */
            return true;
        }
    if (i > 0 || gw_sip_flow_info(p->stack, flow, &info) != 0 || !info.token)
        return false;
    snprintf(buf, size, "%s", info.token);
    return true;
}

static void challenge(const struct gw_pcscf *p, const char *error, const char *why, char *buf, size_t size)
{
    const char *server = p->conf->token_authz_server;

    snprintf(buf, size, "Bearer realm=\"%s\"%s%s%s, scope=\"sip\"%s%s%s%s%s", p->conf->domain,
             *server ? ", authz_server=\"" : "", server, *server ? "\"" : "", error ? ", error=\"" : "",
             error ? error : "", error ? "\", error_description=\"" : "", error ? why : "", error ? "\"" : "");
}

enum gw_weblogin gw_weblogin_check(struct gw_pcscf *p, const struct gw_inbound *in, const char *aor_key,
                                   struct gw_jwt_claims *out)
{
    char token[GW_JWT_MAX + 2], key[GW_URI_KEY], text[CHALLENGE];
    const char *why = "";

    if (!p->jwt)
        return GW_WEBLOGIN_NONE;
    if (!find_token(p, in->req, in->flow_id, token, sizeof(token))) {
        if (!p->conf->token_required)
            return GW_WEBLOGIN_NONE;
        challenge(p, NULL, NULL, text, sizeof(text));
        gw_pcscf_refuse(p, in, GW_REFUSE_TOKEN_MISSING, text);
        return GW_WEBLOGIN_REFUSED;
    }
    if (gw_jwt_check(p->jwt, token, wall_s(), out, &why) != 0) {
        challenge(p, "invalid_token", why, text, sizeof(text));
        gw_pcscf_refuse(p, in, GW_REFUSE_TOKEN, text);
        return GW_WEBLOGIN_REFUSED;
    }
    if (gw_uri_key(out->impu, key, sizeof(key)) != 0 || strcmp(key, aor_key) != 0) {
        challenge(p, "insufficient_scope", "the token is another identity's", text, sizeof(text));
        gw_pcscf_refuse(p, in, GW_REFUSE_TOKEN_IDENTITY, text);
        return GW_WEBLOGIN_REFUSED;
    }
    gw_stats_inc(GW_STAT_REGISTER_TOKENS);
    return GW_WEBLOGIN_ACCEPTED;
}

uint64_t gw_weblogin_left_s(struct gw_pcscf *p, const struct gw_sip_msg *req, gw_flow_id flow)
{
    char token[GW_JWT_MAX + 2];
    struct gw_jwt_claims c;
    const char *why;
    int64_t now = wall_s();

    if (!p->jwt || !find_token(p, req, flow, token, sizeof(token)))
        return UINT64_MAX;
    return gw_jwt_check(p->jwt, token, now, &c, &why) == 0 ? (uint64_t)(c.expires_s - now) : 0;
}

/* ---- what goes on ---- */

/* A contact with its expires parameter lowered to `left`; the rest stays octet for octet. */
static int cap_contact(const char *v, unsigned long left, char *buf, size_t size)
{
    static const char name[] = ";expires=";
    bool in_quotes = false, in_angle = false;
    size_t n = 0;

    while (*v) {
        if (*v == '"')
            in_quotes = !in_quotes;
        else if (!in_quotes && (*v == '<' || *v == '>'))
            in_angle = *v == '<';
        if (!in_quotes && !in_angle && strncasecmp(v, name, sizeof(name) - 1) == 0) {
            unsigned long asked = strtoul(v + sizeof(name) - 1, NULL, 10);
            int wrote = snprintf(buf + n, size - n, "%s%lu", name, asked < left ? asked : left);
            n += (size_t)wrote;
            v += sizeof(name) - 1;
            v += strspn(v, "0123456789");
            if (n >= size)
                return GW_E_LIMIT;
            continue;
        }
        if (n + 1 >= size)
            return GW_E_LIMIT;
        buf[n++] = *v++;
    }
    buf[n] = 0;
    return 0;
}

static int cap_expiry(struct gw_sip_msg *m, unsigned long left)
{
    const char *v = gw_sip_msg_get(m, "Expires", 0);
    char text[32], fresh[CONTACTS][2048];
    unsigned n = 0;
    int err = 0;

    if (!v || strtoul(v, NULL, 10) > left) { /* none means the registrar's default, which may be longer */
        snprintf(text, sizeof(text), "%lu", left);
        err = gw_sip_msg_set(m, "Expires", text);
    }
    for (; !err && n < CONTACTS && (v = gw_sip_msg_get(m, "Contact", n)); n++)
        err = cap_contact(v, left, fresh[n], sizeof(fresh[n]));
    if (err || n == 0)
        return err;
    gw_sip_msg_remove(m, "Contact");
    for (unsigned i = 0; !err && i < n; i++)
        err = gw_sip_msg_add(m, "Contact", fresh[i]);
    return err;
}

int gw_weblogin_apply(struct gw_sip_msg *m, const struct gw_jwt_claims *claims)
{
    const char *uri = gw_sip_msg_uri(m);
    int64_t left = claims->expires_s - wall_s();
    struct gw_sip_uri u;
    char text[2048];
    int err = gw_sip_uri_parse(uri, &u);

    if (err)
        return err;
    snprintf(text, sizeof(text),
             "Digest username=\"%s\", realm=\"%s\", uri=\"%s\", nonce=\"\", response=\"\", "
             "integrity-protected=\"auth-done\"",
             claims->impi, u.host, uri);
    err = gw_sip_msg_set(m, "Authorization", text);
    return err ? err : cap_expiry(m, left > 0 ? (unsigned long)left : 0);
}

int gw_weblogin_offer(struct gw_pcscf *p, struct gw_sip_msg *resp)
{
    char text[CHALLENGE];

    if (!p->jwt)
        return 0;
    challenge(p, NULL, NULL, text, sizeof(text));
    /* before the digest: JsSIP and SIP.js know the last challenge alone, and can answer none but digest */
    return gw_sip_msg_push(resp, "WWW-Authenticate", text);
}
