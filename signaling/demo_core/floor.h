/* A floor control server (RFC 8855 s. 13) with one conference and one floor: granted at once when it is free, else in
 * the order of the requests. Pure: messages in, messages out. Thread: that of the demo core. */
#ifndef GW_DEMO_FLOOR_H
#define GW_DEMO_FLOOR_H

#include "datachannel/bfcp/bfcp_msg.h"

enum {
    GW_FLOOR_CONFERENCE = 1,
    GW_FLOOR_ID = 1,
    GW_FLOOR_REQUESTS = 64,     /* of all users */
    GW_FLOOR_USER_REQUESTS = 4, /* of one; past it Error 8 */
    GW_FLOOR_MESSAGE = 2048,
};

struct gw_floor_user {
    struct gw_floor_user *next;
    uint16_t id;      /* userid of the SDP */
    bool is_watching; /* asked for the state of the floor: is told of each change */
    void (*send)(void *arg, struct gw_span message);
    void *arg;
};

struct gw_floor {
    struct gw_floor_user *users;
    uint16_t last_user, last_request;
    unsigned n; /* requests, oldest first; the first is granted, the others wait */
    struct {
        uint16_t id;
        const struct gw_floor_user *user;
    } requests[GW_FLOOR_REQUESTS];
};

/* `u` is the caller's, with send and arg filled in; it gets its id. */
void gw_floor_enter(struct gw_floor *f, struct gw_floor_user *u);
/* Its requests go with it. */
void gw_floor_leave(struct gw_floor *f, struct gw_floor_user *u);
/* A whole message of version 1. What it does to others is sent from within. */
void gw_floor_message(struct gw_floor *f, struct gw_floor_user *u, struct gw_span message);

#endif
