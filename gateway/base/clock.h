/* Time. Protocol cores take `now_us` as an argument; only loops call these. */
#ifndef GW_CLOCK_H
#define GW_CLOCK_H

#include <stdint.h>

#define GW_MS UINT64_C(1000)
#define GW_S UINT64_C(1000000)
#define GW_NEVER UINT64_MAX /* "no deadline" */

uint64_t gw_clock_us(void);      /* monotonic, microseconds */
uint64_t gw_clock_wall_us(void); /* since 1970, for logs, records and the expiry of tokens */

#endif
