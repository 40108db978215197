/* A fax machine on a telephone line: spandsp's modems as PCMA over RTP, behind somebody's T.38 gateway. */
#ifndef FAX_LINE_H
#define FAX_LINE_H

#include "tests/harness/fax_rig.h"

struct fax_line {
    fax_state_t *f;
    int fd;
    struct gw_addr to;
    uint16_t seq;
    uint32_t timestamp;
    bool is_over;
    int result;
};

/* The machine of the core in that case; fd and to are the caller's. */
void fax_line_init(struct fax_line *l, const struct fax_case *c, const char *tiff);
void fax_line_turn(struct fax_line *l); /* 20 ms, at their pace */

#endif
