/* JSON as people read it: an object as lines of "key  value", a list of objects as a table, text as it is. For
 * imsgwctl. */
#ifndef GW_ADMIN_PRINT_H
#define GW_ADMIN_PRINT_H

#include <jansson.h>
#include <stdio.h>

void gw_admin_print(FILE *f, const json_t *data);

#endif
