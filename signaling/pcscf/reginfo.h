/* application/reginfo+xml (RFC 3680 s. 5): what a P-CSCF needs of it, the states. Not an XML parser: elements,
 * attributes and the text of <uri>, bounded, no entities but the five of XML, no DTD. Pure. */
#ifndef GW_PCSCF_REGINFO_H
#define GW_PCSCF_REGINFO_H

#include <stdbool.h>

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum { GW_REGINFO_ENTRIES = 64, GW_REGINFO_URI = 512 };

struct gw_reginfo_entry {
    bool is_contact; /* <contact>; else <registration> */
    bool is_terminated;
    char uri[GW_REGINFO_URI]; /* <uri> of the contact, or aor of the registration */
};

struct gw_reginfo {
    unsigned n;
    struct gw_reginfo_entry entries[GW_REGINFO_ENTRIES];
};

/* GW_E_SYNTAX: not well formed, or no <reginfo>. GW_E_LIMIT: more entries, or a longer URI, than are kept. */
int gw_reginfo_parse(struct gw_span xml, struct gw_reginfo *out);

#endif
