/* The rig with a data channel beside its audio: over ICE and DTLS of the client, SCTP by usrsctp at both ends; on the
 * core side TCP sockets, plain or with TLS by OpenSSL. */
#ifndef DATA_RIG_H
#define DATA_RIG_H

#include "datachannel/sctp/sctp_assoc.h"
#include "tests/harness/agw_rig.h"
#include "tests/harness/bad_link.h"

enum { RIG_CORE_DATA = 3, RIG_CHANNEL = 9, RIG_SCTP_STREAM = 2 };

#define CH_OWN "msrps://gw.example:9/s2;dc"
#define CH_PEER "msrps://browser.invalid:9/b1;dc"
#define CORE_OWN "msrp://127.0.0.1:21000/s1;tcp"
#define CORE_PEER "msrp://127.0.0.1:31000/z;tcp"

/* The browser's end of the association. */
struct browser {
    struct rig *g;
    struct gw_sctp_host *host;
    struct gw_sctp_assoc *a;
    bool is_up, is_reset, is_down;
    unsigned messages, acks; /* acks: of DCEP */
    uint64_t octets;
    uint16_t stream; /* of the last message */
    uint32_t ppid;
    char last[20000];
    size_t last_len;
    bool answers;                                          /* MSRP: 200 to every SEND */
    void (*on_message)(uint16_t stream, struct gw_span m); /* instead of all that; may be NULL */
    void (*on_writable)(void);
    char text[4000];
};
extern struct browser b;
extern const struct bad_link_odds *data_bad_link; /* NULL: the client's path is a good one */

/* Asks for the call of the rig with this channel too, and waits for its association. `remote` is where the core
 * listens; family 0: it will connect. `change` may alter what is asked for. */
typedef void data_change(struct rig *g, struct gw_iq_term *t, struct gw_iq_channel *c);
void data_start(struct rig *g, enum gw_iq_protocol protocol, const struct gw_addr *remote, data_change *change);
void data_end(struct rig *g);
struct gw_sctp_assoc *data_associate(uint16_t own, uint16_t peer); /* the client's; with its callbacks */
extern bool data_refused;           /* data_start expects no DTLS and waits for nothing */
void data_ask_again(struct rig *g); /* what is wanted, after a change of it */

/* Lets both ends run until *count >= n or the time is over. */
bool run_until(const unsigned *count, unsigned n, unsigned ms);
void run_for(unsigned ms);
void send_message(uint32_t ppid, const void *p, size_t len);
void send_on(uint16_t stream, uint32_t ppid, const void *p, size_t len);

/* The core's sockets. */
int tcp_listener(struct gw_addr *a);
int tcp_connect(const struct gw_addr *to);
/* Reads exactly n octets of the core connection while the rest of the rig goes on; NUL behind them. */
size_t core_read(int fd, char *buf, size_t n, unsigned ms);
bool core_is_closed(int fd, unsigned ms);

/* A peer of the core that speaks TLS over a socket, by OpenSSL alone. */
struct tls_peer {
    struct gw_iq_fingerprint fingerprint;
    struct tls_peer_inner *in;
};
void tls_peer_new(struct tls_peer *p);
void tls_peer_free(struct tls_peer *p);
/* The handshake over a connected socket, and the fingerprint of the other side. */
bool tls_peer_shake(struct tls_peer *p, int fd, bool is_client, struct gw_iq_fingerprint *seen);
bool tls_peer_write(struct tls_peer *p, const void *octets, size_t n);
size_t tls_peer_read(struct tls_peer *p, char *buf, size_t n, unsigned ms);

#endif
