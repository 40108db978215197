/* Bindings and digest of the demo core (RFC 3261 s. 10.3, RFC 3327, RFC 7616 with MD5, as browsers' libraries do). Any
 * user may register with the one password. No I/O; time is an argument. */
#ifndef GW_DEMO_REGISTRAR_H
#define GW_DEMO_REGISTRAR_H

#include "signaling/sip/sip.h"

enum { GW_REGISTRAR_BINDINGS = 1000, GW_REGISTRAR_PATHS = 4, GW_REGISTRAR_USER = 64 };

struct gw_demo_binding {
    struct gw_demo_binding *next; /* newest first */
    char user[GW_REGISTRAR_USER];
    char *contact; /* header value as it came, without expires */
    char *uri;     /* its URI */
    char *key;     /* "+sip.instance reg-id", or the URI: what a renewal has in common */
    unsigned npaths;
    char *paths[GW_REGISTRAR_PATHS]; /* Path values, topmost first */
    uint64_t expires_us;
};

struct gw_registrar {
    const char *domain, *password; /* borrowed */
    uint8_t secret[32];            /* of nonces */
    struct gw_demo_binding *first;
    unsigned n;
};

void gw_registrar_init(struct gw_registrar *r, const char *domain, const char *password);
void gw_registrar_fini(struct gw_registrar *r);

/* The answer to a REGISTER: 401 with a challenge, 200 with the bindings, or a refusal. *out is the caller's. */
int gw_registrar_on_register(struct gw_registrar *r, const struct gw_sip_msg *req, const char *host, uint64_t now_us,
                             struct gw_sip_msg **out);
/* The newest live binding of a user, or NULL. */
const struct gw_demo_binding *gw_registrar_find(struct gw_registrar *r, const char *user, uint64_t now_us);

/* response= of RFC 7616 s. 3.4.1 with MD5; qop NULL or empty: the form of RFC 2069. `out` is 33 octets. */
void gw_digest_response(const char *user, const char *realm, const char *password, const char *method, const char *uri,
                        const char *nonce, const char *qop, const char *nc, const char *cnonce, char out[33]);

#endif
