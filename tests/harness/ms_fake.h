/* SDP interworking without SDP, for unit tests of the calls: each body is a name. An offer "audio" of the core comes
 * out towards the browser as "offer:audio", an answer likewise as "answer:..."; so a test sees what went where. It
 * refuses bodies that start with "bad", takes the answer "none" for one that declines all, and keeps the order of steps
 * that interwork.h asks for: a step out of order is a failed check. Link the object library gw_ms_fake. */
#ifndef GW_MS_FAKE_H
#define GW_MS_FAKE_H

#include "signaling/call/interwork.h"

/* The next gw_ms_reanswer says that the access leg needs a new offer. */
void gw_ms_fake_need_reoffer(void);
unsigned gw_ms_fake_live(void); /* sessions not freed */

#endif
