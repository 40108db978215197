/* An access gateway without media, for unit tests of what submits Iq requests. Replies wait until the test asks for
 * them, so a test can put any event between a request and its reply. Contexts and terminations are counted, so that a
 * leak or a second release shows. Link the object library gw_agw_fake. */
#ifndef GW_AGW_FAKE_H
#define GW_AGW_FAKE_H

#include "gateway/control/iq.h"

struct gw_agw *gw_agw_fake_new(void);
/* Frees; returns contexts never released plus requests never replied to. */
unsigned gw_agw_fake_free(struct gw_agw *a);

/* The oldest request without a reply; NULL: none. */
const struct gw_iq_req *gw_agw_fake_pending(const struct gw_agw *a);
/* Replies to all pending ones, also those that the replies bring about. Returns how many. */
unsigned gw_agw_fake_reply_all(struct gw_agw *a);
/* Replies to the oldest with err; a context is then neither made nor released. */
void gw_agw_fake_reply_error(struct gw_agw *a, int err);
/* Of those from now on, the nth submit returns GW_E_FULL, or the nth reply other than to a release has the error err.
 */
void gw_agw_fake_fail_nth_submit(struct gw_agw *a, unsigned n);
void gw_agw_fake_fail_nth_reply(struct gw_agw *a, unsigned n, int err);
/* The next n submits return GW_E_FULL. */
void gw_agw_fake_fail_submits(struct gw_agw *a, unsigned n);

/* The counters of the releases from now on. */
void gw_agw_fake_count(struct gw_agw *a, const struct gw_iq_counters *counters, unsigned n);

/* The contexts there are went with their worker. */
void gw_agw_fake_forget(struct gw_agw *a);

unsigned gw_agw_fake_contexts(const struct gw_agw *a);            /* live */
unsigned gw_agw_fake_requests(const struct gw_agw *a);            /* ever submitted */
unsigned gw_agw_fake_bad_releases(const struct gw_agw *a);        /* of contexts that are not there */
const struct gw_iq_req *gw_agw_fake_last(const struct gw_agw *a); /* the request last submitted, valid until the next */

#endif
