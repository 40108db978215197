/* Checks across keys, which a row of conf.def cannot say: ranges that overlap, families that do not fit, certificates.
 */
#ifndef GW_CHECK_H
#define GW_CHECK_H

#include <stdio.h>

#include "gateway/base/conf.h"

/* Writes one line "FILE:LINE: KEY: what; accepted: range" per problem and returns how many there are. Opens the files
 * that are named, changes nothing, listens nowhere. */
unsigned gw_conf_check(const struct gw_conf *c, FILE *out);

#endif
