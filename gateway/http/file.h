/* Static files of a page. What is outside the folder, hidden or not a plain file does not exist. Reads the disk, so it
 * may wait for that. */
#ifndef GW_HTTP_FILE_H
#define GW_HTTP_FILE_H

#include "gateway/http/http.h"

struct gw_http_file {
    char *data; /* heap, the caller's; NULL when is_seen */
    size_t len;
    const char *type; /* static */
    char etag[64];
    bool is_seen; /* the client has it (If-None-Match): 304 */
};

/* Any error: there is none to be had under `root` (empty: no folder). */
int gw_http_file(const char *root, const struct gw_http_req *r, struct gw_http_file *out);

#endif
