/* A client's WebSocket, plain or over TLS, for many in one thread: octets are written at once, reading is driven by
 * epoll. */
#ifndef BENCH_WS_PEER_H
#define BENCH_WS_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_peer {
    int fd;       /* -1: none */
    SSL *ssl;     /* NULL: plain */
    bool is_open; /* the upgrade was answered 101 */
    bool is_lost;
    size_t len, size;
    char *in; /* not yet taken */
};

/* Connects to 127.0.0.1 and begins the upgrade. 0 or an error. */
int ws_peer_open(struct ws_peer *w, uint16_t port, SSL_CTX *tls);
/* After EPOLLIN or EPOLLOUT: reads what there is. */
void ws_peer_read(struct ws_peer *w);
/* The next text message: a pointer into the buffer, valid until the next call. NULL: none; pings are answered. */
char *ws_peer_take(struct ws_peer *w, size_t *len);
void ws_peer_send(struct ws_peer *w, const char *text, size_t len);
void ws_peer_close(struct ws_peer *w);

#endif
