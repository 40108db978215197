/* Shared by the files of this room. */
#ifndef GW_MSRP_PRIV_H
#define GW_MSRP_PRIV_H

#include "datachannel/msrp/msrp_session.h"

enum { URGENT = 16, AWAITED = 64 };

/* A chunk of the core that is owed one answer. */
struct chunk {
    bool is_used, is_complete, is_answered; /* complete: its last piece has been made */
    bool wants_ok, wants_error;
    unsigned pieces; /* unanswered */
    uint8_t tid_len;
    char tid[GW_MSRP_TID_MAX];
    uint16_t to_len, from_len;
    char to[GW_MSRP_URI_MAX], from[GW_MSRP_URI_MAX]; /* of the request: swapped in the answer */
};

struct piece {
    bool is_used;
    uint8_t chunk, tid_len;
    char tid[GW_MSRP_TID_MAX];
    uint64_t deadline_us;
};

/* A SEND of the channel whose answer the core owes. */
struct awaited {
    uint8_t tid_len;
    char tid[GW_MSRP_TID_MAX];
    uint64_t deadline_us;
};

enum reading { READ_HEAD, READ_BODY, READ_CARRY }; /* CARRY: the chunk is read, its last piece waits */

struct gw_msrp_session {
    struct gw_msrp_config c;
    struct gw_msrp_counts n;
    char channel_own[GW_MSRP_URI_MAX + 1], channel_peer[GW_MSRP_URI_MAX + 1], core_own[GW_MSRP_URI_MAX + 1];
    char core_peer[GW_MSRP_PATH];
    size_t piece_max;
    unsigned bad_in_a_row;
    bool is_core_lost;

    uint8_t *core_queue; /* octets for the connection, from core_at to core_len */
    size_t core_at, core_len, core_size;
    bool core_is_full;

    struct {
        size_t len;
        char text[GW_MSRP_PATH + 1024];
    } urgent[URGENT];
    unsigned nurgent;

    /* core -> channel */
    enum reading reading;
    bool is_unread; /* its head was wrong: up to the end-line nothing is looked at */
    unsigned unread_in_a_row;
    bool is_skipping; /* the rest of this chunk is thrown away: it has been answered with an error */
    size_t head_len;
    char head[GW_MSRP_HEADERS_MAX];
    struct gw_msrp_head h; /* borrows from head */
    struct gw_msrp_scan scan;
    int chunk;       /* index in chunks, -1: no answer is owed */
    uint64_t offset; /* octets of the chunk's body put into pieces so far */
    bool is_first_piece, has_piece;
    size_t piece_head, piece_len, piece_room;
    uint64_t piece_body;
    char piece_tid[GW_MSRP_TID_MAX + 1];
    uint8_t piece_tid_len;
    uint8_t piece[GW_MSRP_PIECE];
    bool is_piece_ready;                             /* complete, but the channel was full */
    uint8_t ncarry, carry[2 * GW_MSRP_END_LINE_MAX]; /* body octets behind a full piece, of the next one */
    char end_flag;                                   /* READ_CARRY: of the chunk */

    struct chunk chunks[GW_MSRP_OPEN_CHUNKS];
    struct piece pieces[GW_MSRP_OPEN_PIECES];
    unsigned npieces;
    struct awaited awaited[AWAITED];
    unsigned nawaited;
};

void gw_msrp_answer_core(struct gw_msrp_session *s, struct gw_span text);
void gw_msrp_answer_channel(struct gw_msrp_session *s, struct gw_span text);
bool gw_msrp_flush_urgent(struct gw_msrp_session *s);
void gw_msrp_await_core(struct gw_msrp_session *s, struct gw_span tid, uint64_t now_us);
void gw_msrp_core_answered(struct gw_msrp_session *s, struct gw_span tid);
/* Ends the piece at hand and sends it, or keeps it while the channel is full. */
void gw_msrp_piece_end(struct gw_msrp_session *s, char flag, uint64_t now_us);
/* The channel answered a piece: the chunk's one answer follows from all of them. */
void gw_msrp_piece_answered(struct gw_msrp_session *s, struct gw_span tid, int status, struct gw_span comment);
int gw_msrp_chunk_open(struct gw_msrp_session *s, const struct gw_msrp_head *h); /* index, or -1: no place */
void gw_msrp_chunk_answer(struct gw_msrp_session *s, int chunk, int status, const char *comment);
void gw_msrp_chunk_settle(struct gw_msrp_session *s, int chunk);

#endif
