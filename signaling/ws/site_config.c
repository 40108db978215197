/* /config.json: what the page needs to know of its gateway. A file of that name under web_root goes first.
 * The credentials for the TURN servers are of the kind that servers check with a shared secret and a clock, without a
 * list of users: "A REST API For Access To TURN Services" (draft-uberti-behave-turn-rest s. 2.2), as coturn has it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/crypto.h"
#include "site_priv.h"

void gw_site_turn_credential(const char *secret, uint64_t until_s, char user[GW_SITE_TURN_USER],
                             char password[GW_SITE_TURN_PASSWORD])
{
    uint8_t mac[20];

    snprintf(user, GW_SITE_TURN_USER, "%llu:web", (unsigned long long)until_s);
    gw_hmac_sha1(gw_span_str(secret), gw_span_str(user), mac);
    (void)gw_base64_write((struct gw_span){ (const char *)mac, sizeof(mac) }, password, GW_SITE_TURN_PASSWORD);
}

static json_t *ice_server(const struct gw_conf *c, const char *uri, uint64_t now_s)
{
    char user[GW_SITE_TURN_USER], password[GW_SITE_TURN_PASSWORD];

    if (!*c->turn_secret || strncmp(uri, "stun", 4) == 0)
        return json_pack("{s:s}", "urls", uri);
    gw_site_turn_credential(c->turn_secret, now_s + (uint64_t)c->turn_lifetime, user, password);
    return json_pack("{s:s, s:s, s:s}", "urls", uri, "username", user, "credential", password);
}

char *gw_site_config_text(const struct gw_conf *c, uint64_t now_s)
{
    json_t *servers = json_array(), *whole = json_pack("{s:s, s:o}", "domain", c->domain, "iceServers", servers);
    char *text;

    for (unsigned i = 0; i < c->turn_uris.n; i++)
        (void)json_array_append_new(servers, ice_server(c, c->turn_uris.v[i], now_s));
    text = json_dumps(whole, JSON_COMPACT);
    json_decref(whole);
    return text;
}
