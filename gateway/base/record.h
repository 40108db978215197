/* Call records: one JSON object in one line for each call that ended, appended to the file of `call_record_file`.
 * Thread: control, all of it. */
#ifndef GW_RECORD_H
#define GW_RECORD_H

#include "gateway/base/err.h"

/* Opens the file (made with mode 0600), or opens it anew after it was rotated away. Empty path: no records. On error
 * the file open until now stays. */
int gw_call_record_open(const char *path);
void gw_call_record_close(void);
/* `json`: the object, without newline; borrowed. Never blocks on the disk. */
void gw_call_record_write(const char *json);

#endif
