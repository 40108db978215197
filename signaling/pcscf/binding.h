/* What is registered through us: bindings (RFC 3261 s. 10, RFC 5626) of connections to contacts and public identities,
 * with the Service-Route that requests of theirs take. No I/O; time is an argument. Thread: control. */
#ifndef GW_PCSCF_BINDING_H
#define GW_PCSCF_BINDING_H

#include <stdbool.h>

#include "signaling/pcscf/table.h"
#include "signaling/sip/sip.h"

enum {
    GW_BINDING_IMPUS = 16, /* identities of one registration that are kept; more are counted and left out */
    GW_BINDING_ROUTES = 8, /* hops of a Service-Route */
    GW_URI_KEY = 600,      /* octets of a comparable form of a URI */
};

struct gw_impu {
    char *value; /* <uri>, to be written into P-Asserted-Identity */
    char *key;   /* comparable form */
    struct gw_table_node node;
    struct gw_binding *binding;
};

/* A connection of the access side. */
struct gw_pflow {
    struct gw_table_node node;
    gw_flow_id id;
    bool is_ws; /* a browser: SIP over WebSocket */
    bool is_tls;
    struct gw_binding *bindings; /* its own, by ->next_of_flow */
    unsigned nbindings, nrelays;
};

struct gw_binding {
    struct gw_table_node by_aor, by_contact;
    struct gw_binding *next, **link; /* all of the store */
    struct gw_binding *next_of_flow;
    struct gw_pflow *flow;       /* NULL: the connection is gone, the binding waits for its expiry or its client */
    gw_flow_id flow_id;          /* also after the connection is gone */
    char *aor, *aor_key;         /* To of the REGISTER */
    char *contact, *contact_key; /* URI */
    char *instance;              /* +sip.instance, or empty */
    char *username;              /* of the digest credentials (IMPI), or empty */
    uint32_t reg_id;             /* 0: none */
    uint64_t expires_us;
    unsigned mediasec; /* enum gw_mediasec: registered by both sides */
    unsigned nimpus, nroutes;
    struct gw_impu impus[GW_BINDING_IMPUS]; /* the first is the default identity */
    char *routes[GW_BINDING_ROUTES];
    uint64_t serial;            /* never reused: for what outlives a pointer */
    struct gw_pdialog *dialogs; /* relayed dialogs of its client (pdialog.h); must be gone before it goes */
    struct gw_regsub *regsub;   /* our subscription to its registration state, or NULL (regevent.h) */
};

struct gw_bindings {
    struct gw_table flows, aors, contacts, impus;
    struct gw_binding *first;
    uint64_t last_serial;
    unsigned n;
};

int gw_bindings_init(struct gw_bindings *s, unsigned expected);
void gw_bindings_fini(struct gw_bindings *s);

/* user@host[:port] without parameters and with the host in lower case; tel: digits without separators. Two URIs with
 * one key are one identity, or one contact. GW_E_SYNTAX. */
int gw_uri_key(const char *uri, char *buf, size_t size);

struct gw_pflow *gw_flow_add(struct gw_bindings *s, gw_flow_id id, bool is_ws, bool is_tls); /* NULL: no memory */
struct gw_pflow *gw_flow_find(const struct gw_bindings *s, gw_flow_id id);
/* Its bindings stay, without a connection. */
void gw_flow_remove(struct gw_bindings *s, struct gw_pflow *f);

/* One contact of one registration, as the 200 to REGISTER says it. */
struct gw_binding_facts {
    const char *aor, *contact, *instance, *username;
    uint32_t reg_id;
    uint64_t expires_us;
    bool has_mediasec; /* a new list; else the one before stays */
    unsigned mediasec;
    unsigned nimpus, nroutes;
    const char *impus[GW_BINDING_IMPUS], *routes[GW_BINDING_ROUTES];
};

/* The binding that these facts would renew or replace: same AOR with the same instance and reg-id, or the same contact
 * (RFC 5626 s. 6). NULL: none. */
struct gw_binding *gw_binding_match(const struct gw_bindings *s, const struct gw_binding_facts *facts);
/* Makes or renews a binding on that connection. On error nothing changed. */
int gw_binding_put(struct gw_bindings *s, struct gw_pflow *f, const struct gw_binding_facts *facts,
                   struct gw_binding **out);
void gw_binding_remove(struct gw_bindings *s, struct gw_binding *b);

/* By connection and serial: NULL if it is gone since. */
struct gw_binding *gw_binding_by_serial(const struct gw_bindings *s, gw_flow_id flow, uint64_t serial);
struct gw_binding *gw_binding_by_contact(const struct gw_bindings *s, const char *uri);
/* Next binding of an AOR after `prev` (NULL: the first). */
struct gw_binding *gw_binding_of_aor(const struct gw_bindings *s, const char *aor_key, const struct gw_binding *prev);
/* Any binding that holds this identity. */
struct gw_binding *gw_binding_by_impu(const struct gw_bindings *s, const char *key);
const struct gw_impu *gw_binding_impu(const struct gw_binding *b, const char *key); /* NULL: not among its identities */

#endif
