/* Fax machines at both ends of the access gateway: the T.30 and T.38 of spandsp, whose UDPTL goes over UDP or DTLS and
 * whose bare IFPs go over a data channel; pages drawn and compared. Single-threaded beside the gateway's workers. */
#ifndef FAX_RIG_H
#define FAX_RIG_H

#include <spandsp.h>

#include "bench/data_end.h"
#include "gateway/media/agw.h"
#include "t38/pace/fax_pace.h"
#include "t38/udptl/udptl.h"
#include "tests/harness/fax_pages.h"

enum fax_access { PLAIN, DTLS, DTLS_SERVER /* the phone waits for the gateway */, ICE, CHANNEL };
enum fax_weather { FAIR, BURSTS /* three are lost in a row */, MIXED /* one in ten repeated, one in ten late */ };

struct fax_case {
    const char *name;
    enum fax_access access;
    bool is_from_core; /* the core's machine sends */
    int modems;
    bool has_ecm;
    int compression;
    enum gw_iq_ec ec[2];
    unsigned loss[2];         /* per cent, each way, of the access side and of the core's */
    enum fax_weather weather; /* of both */
    unsigned versions[2];     /* T38FaxVersion of each side */
    int receiver_modems;      /* 0: the same */
};

#define V27 T30_SUPPORT_V27TER
#define V29 (T30_SUPPORT_V27TER | T30_SUPPORT_V29)
#define V17 (T30_SUPPORT_V27TER | T30_SUPPORT_V29 | T30_SUPPORT_V17)
#define MH T30_SUPPORT_T4_1D_COMPRESSION
#define MR (T30_SUPPORT_T4_1D_COMPRESSION | T30_SUPPORT_T4_2D_COMPRESSION)
#define MMR (MR | T30_SUPPORT_T6_COMPRESSION)

/* ---- machines ---- */

/* A fax terminal and the way of its packets. */
struct fax_machine {
    const struct fax_case *c;
    t38_terminal_state_t *t;
    struct gw_fax_pace pace;
    struct gw_udptl_tx tx;
    struct gw_udptl_rx rx;
    unsigned side;
    bool is_up, is_over;
    int result, pages;
    uint32_t dice;
    unsigned losing;    /* of a burst */
    uint8_t late[1500]; /* goes after the next one */
    size_t late_len;
    uint16_t seq; /* of IFPs of a channel */
    int fd;       /* UDPTL over UDP; -1: by `end` */
    struct gw_addr to;
    struct data_end end;
    void (*on_packet)(const struct fax_machine *m,
                      struct gw_span packet); /* sees each UDPTL packet that came; or NULL */
};

/* What a machine of either kind can do, and what it sends or receives. */
void fax_t30_set(t30_state_t *t30, const struct fax_case *c, bool is_sender, const char *tiff);
void fax_machine_init(struct fax_machine *m, const struct fax_case *c, unsigned side, const char *tiff);
void fax_machine_fini(struct fax_machine *m);
void fax_machine_put(struct fax_machine *m, struct gw_span packet);
/* Takes what came, then lives through 20 ms of fax. */
void fax_machine_turn(struct fax_machine *m);
void fax_machine_receive(struct fax_machine *m);
void fax_machine_on_record(struct data_end *e, struct gw_span record); /* of `end` */

/* ---- the gateway ---- */

struct fax_gateway {
    struct gw_conf *conf;
    struct gw_agw *agw;
    struct gw_iq_reply reply;
    struct gw_iq_notify last;
    struct gw_dtls_identity *identity, *expected; /* of the phones; the one that signalling names instead, or NULL */
    bool has_wrong_role;                          /* phones begin DTLS whatever was agreed */
    struct gw_sctp_host *host;
};
extern struct fax_gateway fax;

void fax_gateway_begin(void);
void fax_gateway_end(void);
int fax_udp(struct gw_addr *a);           /* a socket of 127.0.0.1 */
int fax_ask(const struct gw_iq_req *req); /* the reply is in fax.reply */
/* A call between a and b; without b, to an address that the last call gets by fax_core_is_at. The context; fax.reply
 * has the rest. */
uint64_t fax_call(struct fax_machine *a, struct fax_machine *b);
void fax_core_is_at(const struct gw_addr *core);
void fax_hang_up(uint64_t ctx);

#endif
