/* For the files of this room only. */
#ifndef GW_WS_SITE_PRIV_H
#define GW_WS_SITE_PRIV_H

#include "site.h"

/* headers: whole lines, may be NULL. */
int gw_site_write(struct gw_site_answer *out, int status, bool is_head, const char *headers, const char *type,
                  struct gw_span body);
/* A file under root. Any error: there is none to be had. */
int gw_site_file(const char *root, const struct gw_http_req *r, bool is_head, struct gw_site_answer *out);

#endif
