/* HEPv3, the encapsulation that Homer's collectors take (its specification: "HEP3 Network Protocol"). Pure. */
#ifndef GW_TRACE_HEP_H
#define GW_TRACE_HEP_H

#include "gateway/trace/trace.h"

struct gw_hep {
    uint32_t agent_id;
    const char *password;    /* empty: none */
    const char *correlation; /* id that joins the legs of a call; NULL: none */
    uint64_t wall_us;
};

/* One packet for a SIP message. The length, or GW_E_LIMIT. */
int gw_hep_write(const struct gw_hep *h, const struct gw_trace_message *m, uint8_t *buf, size_t size);

#endif
