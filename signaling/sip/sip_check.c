/* sofia's grammar over the header section: what it cannot read, its transactions towards the core could not carry. */
#include <sofia-sip/msg_parser.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>

#include <stdio.h>
#include <string.h>

#include "sip_priv.h"

void gw_sip_check_syntax(struct gw_span head, struct gw_sip_fault *fault)
{
    msg_t *msg = msg_make(sip_default_mclass(), MSG_DO_EXTRACT_COPY, head.ptr, (ssize_t)head.len);
    sip_t *sip = msg ? sip_object(msg) : NULL;

    if (!sip) {
        fault->status = 400;
        snprintf(fault->text, sizeof(fault->text), "Bad Request");
        msg_destroy(msg);
        return;
    }
    for (const msg_error_t *e = sip->sip_error; e; e = e->er_next) {
        /* An error of sofia's is a header of its own class if it read on after it, else an error with the name. */
        const msg_hclass_t *class = e->er_common->h_class;
        const char *name = class == sip_error_class ? e->er_name : class->hc_name;
        const struct gw_sip_name *row = name ? gw_sip_name_find(name, strlen(name)) : NULL;

        if (row && row->is_checked && !fault->status) {
            fault->status = 400;
            snprintf(fault->text, sizeof(fault->text), "Bad %s", row->name);
        }
    }
    if (!fault->status && (sip->sip_flags & MSG_FLG_ERROR)) {
        fault->status = 400;
        snprintf(fault->text, sizeof(fault->text), "Bad %s",
                 sip->sip_request || sip->sip_status ? "Header" : "Start Line");
    }
    msg_destroy(msg);
}
