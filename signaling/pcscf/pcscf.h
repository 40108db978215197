/* The eP-CSCF: who may do what, and where a request goes next (TS 24.229 s. 5.2, TS 24.371, RFC 5626). Registrations,
 * identities, a stateful proxy for everything but calls, and the admission of calls. Thread: control. */
#ifndef GW_PCSCF_H
#define GW_PCSCF_H

#include "signaling/call/call.h"
#include "signaling/sip/sip.h"

struct gw_pcscf;

int gw_pcscf_new(const struct gw_conf *conf, struct gw_pcscf **out);
/* Wires it: the stack it answers through and the calls it hands INVITE dialogs to. Both borrowed. */
void gw_pcscf_start(struct gw_pcscf *p, struct gw_sip_stack *stack, struct gw_calls *calls);
void gw_pcscf_free(struct gw_pcscf *p);

/* Fills the handler of gw_sip_stack_new; every event goes through the P-CSCF. */
void gw_pcscf_handler(struct gw_pcscf *p, struct gw_sip_handler *out);
/* A reloaded configuration, for what begins from now on. Both it and the one before are borrowed for life. */
void gw_pcscf_reload(struct gw_pcscf *p, const struct gw_conf *conf);
/* Draining: new calls and registrations get 503 with Retry-After; what lives goes on. */
void gw_pcscf_drain(struct gw_pcscf *p);

char *gw_pcscf_registrations_json(struct gw_pcscf *p); /* caller frees */
unsigned gw_pcscf_registrations(const struct gw_pcscf *p);

#endif
