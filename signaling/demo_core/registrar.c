#include "registrar.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/crypto.h"
#include "signaling/pcscf/auth.h"

enum { EXPIRES_S = 3600, NONCE_S = 300, NONCE_TEXT = 16 + 32 + 1 };

void gw_registrar_init(struct gw_registrar *r, const char *domain, const char *password)
{
    *r = (struct gw_registrar){ .domain = domain, .password = password };
    gw_rand_bytes(r->secret, sizeof(r->secret));
}

static void binding_free(struct gw_demo_binding *b)
{
    for (unsigned i = 0; i < b->npaths; i++)
        free(b->paths[i]);
    free(b->contact);
    free(b->uri);
    free(b->key);
    free(b);
}

static void remove_at(struct gw_registrar *r, struct gw_demo_binding **at)
{
    struct gw_demo_binding *b = *at;

    *at = b->next;
    r->n--;
    binding_free(b);
}

void gw_registrar_fini(struct gw_registrar *r)
{
    while (r->first)
        remove_at(r, &r->first);
}

static void expire(struct gw_registrar *r, uint64_t now_us)
{
    for (struct gw_demo_binding **at = &r->first; *at;) {
        if ((*at)->expires_us <= now_us)
            remove_at(r, at);
        else
            at = &(*at)->next;
    }
}

const struct gw_demo_binding *gw_registrar_find(struct gw_registrar *r, const char *user, uint64_t now_us)
{
    expire(r, now_us);
    for (struct gw_demo_binding *b = r->first; b; b = b->next)
        if (strcmp(b->user, user) == 0)
            return b;
    return NULL;
}

/* ---- nonces: the time and a keyed digest of it, so that nothing is stored ---- */

static void nonce_write(const struct gw_registrar *r, uint64_t at_us, char out[NONCE_TEXT])
{
    uint8_t mac[32];

    snprintf(out, 17, "%016llx", (unsigned long long)at_us);
    gw_hmac_sha256(GW_SPAN(r->secret), (struct gw_span){ out, 16 }, mac);
    for (unsigned i = 0; i < 16; i++)
        snprintf(out + 16 + 2 * i, 3, "%02x", mac[i]);
}

static bool nonce_is_fresh(const struct gw_registrar *r, const char *nonce, uint64_t now_us)
{
    char good[NONCE_TEXT];
    uint64_t at_us = 0;

    if (strlen(nonce) != NONCE_TEXT - 1)
        return false;
    for (unsigned i = 0; i < 16; i++) {
        if (!isxdigit((unsigned char)nonce[i]))
            return false;
        at_us =
            at_us << 4 | (uint64_t)(isdigit((unsigned char)nonce[i]) ? nonce[i] - '0' : (nonce[i] | 0x20) - 'a' + 10);
    }
    nonce_write(r, at_us, good);
    return gw_crypto_eq(good, nonce, NONCE_TEXT - 1) && at_us <= now_us && now_us - at_us < NONCE_S * 1000000ull;
}

enum verdict { GOOD, CHALLENGE, STALE, WRONG };

static enum verdict check(const struct gw_registrar *r, const struct gw_sip_msg *req, const char *user, uint64_t now_us)
{
    const char *credentials = gw_sip_msg_get(req, "Authorization", 0);
    char name[256], realm[256], nonce[128], uri[512], response[64], qop[16] = "", nc[16] = "", cnonce[128] = "",
                                                                    good[33];

    /* a P-CSCF that checked the user itself says so (TS 24.229 s. 5.2.2.3); whoever reaches this core is in its trust
     * domain */
    if (credentials && gw_auth_param(credentials, "integrity-protected", qop, sizeof(qop)) == 0 &&
        strcmp(qop, "auth-done") == 0)
        return GOOD;
    qop[0] = '\0';
    if (!credentials || gw_auth_param(credentials, "response", response, sizeof(response)) || !*response)
        return CHALLENGE; /* an IMS client announces itself with an empty response (TS 24.229 s. 5.1.1.2.1) */
    if (gw_auth_param(credentials, "username", name, sizeof(name)) ||
        gw_auth_param(credentials, "realm", realm, sizeof(realm)) ||
        gw_auth_param(credentials, "nonce", nonce, sizeof(nonce)) ||
        gw_auth_param(credentials, "uri", uri, sizeof(uri)))
        return WRONG;
    if (gw_auth_param(credentials, "qop", qop, sizeof(qop)) == 0 &&
        (gw_auth_param(credentials, "nc", nc, sizeof(nc)) ||
         gw_auth_param(credentials, "cnonce", cnonce, sizeof(cnonce))))
        return WRONG;
    gw_digest_response(name, realm, r->password, "REGISTER", uri, nonce, qop, nc, cnonce, good);
    if (strcmp(realm, r->domain) != 0 || strlen(response) != 32 || !gw_crypto_eq(good, response, 32))
        return WRONG;
    name[strcspn(name, "@")] = '\0';
    if (strcmp(name, user) != 0)
        return WRONG;
    return nonce_is_fresh(r, nonce, now_us) ? GOOD : STALE;
}

static int challenge(const struct gw_registrar *r, struct gw_sip_msg *resp, uint64_t now_us, bool is_stale)
{
    char nonce[NONCE_TEXT], value[512];

    nonce_write(r, now_us, nonce);
    snprintf(value, sizeof(value), "Digest realm=\"%s\", nonce=\"%s\", algorithm=MD5, qop=\"auth\"%s", r->domain, nonce,
             is_stale ? ", stale=true" : "");
    return gw_sip_msg_set(resp, "WWW-Authenticate", value);
}

/* ---- bindings ---- */

/* A Contact without its expires parameter: what is given back, so that a client finds its own (REG-015). */
static char *without_expires(const char *value)
{
    char *copy = strdup(value), *p;

    if (!copy)
        return NULL;
    p = strrchr(copy, '>');
    for (p = p ? p : copy; (p = strchr(p, ';'));) {
        size_t n = 1 + strcspn(p + 1, ";");

        if (strncasecmp(p, ";expires=", 9) == 0)
            memmove(p, p + n, strlen(p + n) + 1);
        else
            p += n;
    }
    return copy;
}

static uint32_t expires_of(const struct gw_sip_msg *req, const char *contact)
{
    char text[16];
    const char *header = gw_sip_msg_get(req, "Expires", 0);
    unsigned long s = EXPIRES_S;

    if (gw_sip_param(contact, "expires", text, sizeof(text)) == 0)
        s = strtoul(text, NULL, 10);
    else if (header)
        s = strtoul(header, NULL, 10);
    return s < EXPIRES_S ? (uint32_t)s : EXPIRES_S;
}

static void drop_key(struct gw_registrar *r, const char *user, const char *key) /* key NULL: all of the user */
{
    for (struct gw_demo_binding **at = &r->first; *at;) {
        if (strcmp((*at)->user, user) == 0 && (!key || strcmp((*at)->key, key) == 0))
            remove_at(r, at);
        else
            at = &(*at)->next;
    }
}

static int put(struct gw_registrar *r, const struct gw_sip_msg *req, const char *user, const char *contact,
               uint64_t now_us)
{
    char uri[512], instance[128], reg_id[16], key[600];
    uint32_t expires_s = expires_of(req, contact);
    struct gw_demo_binding *b;
    const char *path;

    if (gw_sip_uri_of(contact, uri, sizeof(uri)))
        return GW_E_SYNTAX;
    if (gw_sip_param(contact, "+sip.instance", instance, sizeof(instance)) == 0 &&
        gw_sip_param(contact, "reg-id", reg_id, sizeof(reg_id)) == 0)
        snprintf(key, sizeof(key), "%s %s", instance, reg_id);
    else
        snprintf(key, sizeof(key), "%s", uri);
    drop_key(r, user, key);
    if (!expires_s)
        return 0;
    if (r->n == GW_REGISTRAR_BINDINGS)
        return GW_E_LIMIT;
    b = calloc(1, sizeof(*b));
    if (!b)
        return GW_E_NOMEM;
    snprintf(b->user, sizeof(b->user), "%s", user);
    b->contact = without_expires(contact);
    b->uri = strdup(uri);
    b->key = strdup(key);
    b->expires_us = now_us + expires_s * 1000000ull;
    while (b->npaths < GW_REGISTRAR_PATHS && (path = gw_sip_msg_get(req, "Path", b->npaths)) &&
           (b->paths[b->npaths] = strdup(path)))
        b->npaths++;
    if (!b->contact || !b->uri || !b->key ||
        (b->npaths < GW_REGISTRAR_PATHS && gw_sip_msg_get(req, "Path", b->npaths))) {
        binding_free(b);
        return GW_E_NOMEM;
    }
    b->next = r->first;
    r->first = b;
    r->n++;
    return 0;
}

static int write_bindings(struct gw_registrar *r, struct gw_sip_msg *resp, const struct gw_sip_msg *req,
                          const char *user, const char *host, uint64_t now_us)
{
    char value[2048];
    const char *path;
    int err = 0;

    for (struct gw_demo_binding *b = r->first; b && !err; b = b->next) {
        if (strcmp(b->user, user) != 0)
            continue;
        snprintf(value, sizeof(value), "%s;expires=%llu", b->contact,
                 (unsigned long long)((b->expires_us - now_us) / 1000000));
        err = gw_sip_msg_add(resp, "Contact", value);
    }
    for (unsigned i = 0; !err && (path = gw_sip_msg_get(req, "Path", i)); i++)
        err = gw_sip_msg_add(resp, "Path", path);
    snprintf(value, sizeof(value), "<sip:orig@%s;lr>", host);
    if (!err)
        err = gw_sip_msg_set(resp, "Service-Route", value);
    snprintf(value, sizeof(value), "<sip:%s@%s>", user, r->domain);
    if (!err)
        err = gw_sip_msg_set(resp, "P-Associated-URI", value);
    return err;
}

int gw_registrar_on_register(struct gw_registrar *r, const struct gw_sip_msg *req, const char *host, uint64_t now_us,
                             struct gw_sip_msg **out)
{
    const char *to = gw_sip_msg_get(req, "To", 0), *contact;
    struct gw_sip_uri aor;
    struct gw_sip_msg *resp;
    char text[512], tag[11];
    enum verdict v = WRONG;
    int status = 404, err = 0;

    expire(r, now_us);
    gw_rand_token(tag, 10);
    if (to && gw_sip_uri_of(to, text, sizeof(text)) == 0 && gw_sip_uri_parse(text, &aor) == 0 && *aor.user &&
        strlen(aor.user) < GW_REGISTRAR_USER && strcasecmp(aor.host, r->domain) == 0) {
        v = check(r, req, aor.user, now_us);
        status = v == GOOD ? 200 : v == WRONG ? 403 : 401;
    }
    for (unsigned i = 0; status == 200 && (contact = gw_sip_msg_get(req, "Contact", i)); i++) {
        if (strcmp(contact, "*") == 0)
            drop_key(r, aor.user, NULL);
        else
            err = put(r, req, aor.user, contact, now_us);
        if (err)
            status = err == GW_E_SYNTAX ? 400 : 503;
    }
    resp = gw_sip_msg_response(req, status, NULL, tag);
    if (!resp)
        return GW_E_NOMEM;
    if (status == 401)
        err = challenge(r, resp, now_us, v == STALE);
    else
        err = status == 200 ? write_bindings(r, resp, req, aor.user, host, now_us) : 0;
    if (err) {
        gw_sip_msg_free(resp);
        return err;
    }
    *out = resp;
    return 0;
}
