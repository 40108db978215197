/* For the files of this room. */
#ifndef GW_CONSOLE_PRIV_H
#define GW_CONSOLE_PRIV_H

#include "gateway/admin/console.h"
#include "gateway/http/http.h"

/* What is behind the console. Octets in, octets out: sockets are those of console.c. */
struct gw_console_site {
    const struct gw_conf *conf;
    const struct gw_admin_verb *verbs;
    unsigned nverbs;
    void *ctx;
    bool is_draining;
};

struct gw_console_answer {
    int status;
    char *text; /* heap: head and body as on the wire; the connection ends behind it */
    size_t len;
};

/* Fills *out, unless memory is out. */
int gw_console_answer(const struct gw_console_site *s, const struct gw_http_req *r, const struct gw_addr *peer,
                      struct gw_console_answer *out);
/* The answer to a head that gw_http_parse refused with err. */
int gw_console_answer_bad(int err, struct gw_console_answer *out);

/* Closes connections whose time is over. */
void gw_console_tick(struct gw_console *k, uint64_t now_us);
/* The address it listens on. For tests, which let the kernel choose a port. */
int gw_console_addr(const struct gw_console *k, struct gw_addr *out);

#endif
