/* For the files of this room only. */
#ifndef GW_WS_SITE_PRIV_H
#define GW_WS_SITE_PRIV_H

#include "site.h"

/* headers: whole lines, may be NULL. */
int gw_site_write(struct gw_site_answer *out, int status, bool is_head, const char *headers, const char *type,
                  struct gw_span body);

/* ---- /config.json ---- */

enum { GW_SITE_TURN_USER = 32, GW_SITE_TURN_PASSWORD = 32 };

/* User and password for TURN that a server with that secret takes until then. */
void gw_site_turn_credential(const char *secret, uint64_t until_s, char user[GW_SITE_TURN_USER],
                             char password[GW_SITE_TURN_PASSWORD]);
/* { "domain", "iceServers": [...] }; heap, NULL: no memory. */
char *gw_site_config_text(const struct gw_conf *c, uint64_t now_s);

#endif
