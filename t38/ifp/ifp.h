/* Internet Fax Packets (ITU-T T.38 annex A, aligned PER), pure. Two forms exist that differ in the field octets only:
 * that of 1998 (version 0) and that of 2002 (version 2 and later). A wrong guess corrupts silently, so the form is
 * given. */
#ifndef GW_IFP_H
#define GW_IFP_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum { GW_IFP_FIELDS = 32 };

enum gw_ifp_form { GW_IFP_1998, GW_IFP_2002 };

enum gw_ifp_field_type {
    GW_IFP_HDLC_DATA,
    GW_IFP_HDLC_SIG_END,
    GW_IFP_HDLC_FCS_OK,
    GW_IFP_HDLC_FCS_BAD,
    GW_IFP_HDLC_FCS_OK_SIG_END,
    GW_IFP_HDLC_FCS_BAD_SIG_END,
    GW_IFP_T4_NON_ECM,
    GW_IFP_T4_NON_ECM_SIG_END, /* the 1998 form ends here */
    GW_IFP_CM,
    GW_IFP_JM,
    GW_IFP_CI,
    GW_IFP_V34RATE,
};

struct gw_ifp_field {
    uint8_t type;        /* enum gw_ifp_field_type */
    struct gw_span data; /* empty: none */
};

struct gw_ifp {
    bool is_data;  /* else an indicator */
    uint8_t value; /* indicator 0..22, or data type 0..14 */
    uint8_t nfields;
    struct gw_ifp_field fields[GW_IFP_FIELDS];
};

/* SHORT, TRAILING, TYPE (an indicator with fields, a value outside T.38), RANGE (more fields than we read). Data
 * borrows. */
GW_MUST_CHECK int gw_ifp_parse(struct gw_span packet, enum gw_ifp_form form, struct gw_ifp *out);
/* Octets, or LIMIT, or UNSUPPORTED: a value or field type that the form has not. */
int gw_ifp_write(const struct gw_ifp *ifp, enum gw_ifp_form form, void *buf, size_t size);

/* The form of a negotiated T38FaxVersion: 0 is 1998; 2 and later 2002. Version 1 is disputed: the form that fits this
 * packet, 2002 if both do. */
enum gw_ifp_form gw_ifp_form_of(unsigned version, struct gw_span packet);

/* Spoils the frame check of a packet: fcs-OK fields become fcs-BAD (after a hole inside an HDLC frame, towards a leg
 * that cannot see holes). In place of the parsed value. */
void gw_ifp_spoil_fcs(struct gw_ifp *ifp);

#endif
