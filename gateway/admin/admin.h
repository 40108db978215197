/* The admin socket: a unix socket (mode 0600) that speaks JSON lines, one request and one reply at a time.
 *   {"verb":"call","arg":"7f3a"}      ->   {"ok":true,"data":{...}}   or   {"ok":false,"error":"not found"}
 * What each verb does is the caller's: a table of (verb, handler, sentence). `help` lists the table by itself.
 *
 * Thread: control, for everything here. Nothing blocks: clients, lines and what is waiting to be sent are bounded, and
 * a client that does not read its reply is not asked for the next request. */
#ifndef GW_ADMIN_H
#define GW_ADMIN_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/err.h"

enum {
    GW_ADMIN_CLIENTS = 8,    /* at a time; further ones are told so and closed */
    GW_ADMIN_REQUEST = 4096, /* octets of a request line */
};

struct gw_admin;

struct gw_admin_verb {
    const char *name;
    const char *arg; /* "": takes none; else its name, and it must be given */
    bool changes;    /* more than looks: the console asks for its token */
    const char *sentence;
    /* 0 with *json a heap text that the caller frees (NULL: nothing to say), or an error, told to the client in words.
     */
    int (*run)(void *ctx, const char *arg, char **json);
};

/* Listens on `path`. A socket left behind by a process that died is replaced; one that answers is GW_E_EXISTS. `verbs`
 * and ctx are borrowed for life. */
int gw_admin_new(const char *path, const struct gw_admin_verb *verbs, unsigned nverbs, void *ctx, struct gw_admin **out,
                 char *why, size_t why_size);
/* Closes every client and removes the socket. NULL is fine. */
void gw_admin_free(struct gw_admin *a);

/* Readable whenever gw_admin_dispatch has something to do. Stays the same for life. */
int gw_admin_fd(const struct gw_admin *a);
void gw_admin_dispatch(struct gw_admin *a);

/* NULL: there is none of that name. */
const struct gw_admin_verb *gw_admin_find(const struct gw_admin_verb *verbs, unsigned nverbs, const char *name);
/* The reply of a verb, "help" among them, as on the socket; *err says why it is a refusal (0: none). */
char *gw_admin_run(const struct gw_admin_verb *verbs, unsigned nverbs, void *ctx, const char *verb, const char *arg,
                   int *err);
/* The reply to one request line, a heap text with its newline; NULL without memory. For admin.c and its tests. */
char *gw_admin_answer(const struct gw_admin_verb *verbs, unsigned nverbs, void *ctx, const char *line, size_t len);

#endif
