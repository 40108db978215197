#include "bench/ws_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10, FRAME_MAX = 65536 };

static ssize_t put(struct ws_peer *w, const char *p, size_t n)
{
    return w->ssl ? SSL_write(w->ssl, p, (int)n) : send(w->fd, p, n, MSG_NOSIGNAL);
}

static void write_all(struct ws_peer *w, const char *p, size_t n)
{
    while (n && !w->is_lost) {
        ssize_t k = put(w, p, n);
        struct pollfd wait = { w->fd, POLLOUT | POLLIN, 0 };
        if (k > 0) {
            p += k;
            n -= (size_t)k;
        } else if (w->ssl ? SSL_get_error(w->ssl, (int)k) == SSL_ERROR_WANT_READ : errno == EAGAIN) {
            poll(&wait, 1, 100);
        } else {
            w->is_lost = true;
        }
    }
}

int ws_peer_open(struct ws_peer *w, uint16_t port, SSL_CTX *tls)
{
    static const char request[] =
        "GET /sip HTTP/1.1\r\nHost: bench.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: sip\r\n\r\n";
    struct sockaddr_in sin = { .sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1;

    memset(w, 0, sizeof(*w));
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->fd < 0 || connect(w->fd, (struct sockaddr *)&sin, sizeof(sin)) != 0)
        return -1;
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (tls) { /* blocking: the other side is on the other core */
        w->ssl = SSL_new(tls);
        if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1 || SSL_connect(w->ssl) != 1)
            return -1;
    }
    fcntl(w->fd, F_SETFL, O_NONBLOCK);
    write_all(w, request, sizeof(request) - 1);
    return w->is_lost ? -1 : 0;
}

void ws_peer_read(struct ws_peer *w)
{
    for (;;) {
        ssize_t n;
        if (w->size - w->len < 4096) {
            w->size += 8192;
            w->in = realloc(w->in, w->size);
            if (!w->in || w->size > 16 * FRAME_MAX)
                abort();
        }
        n = w->ssl ? SSL_read(w->ssl, w->in + w->len, (int)(w->size - w->len - 1))
                   : recv(w->fd, w->in + w->len, w->size - w->len - 1, 0);
        if (n > 0) {
            w->len += (size_t)n;
            continue;
        }
        w->is_lost =
            w->is_lost || (w->ssl ? SSL_get_error(w->ssl, (int)n) != SSL_ERROR_WANT_READ : n == 0 || errno != EAGAIN);
        return;
    }
}

static void take(struct ws_peer *w, size_t n)
{
    memmove(w->in, w->in + n, w->len - n);
    w->len -= n;
}

static void frame(struct ws_peer *w, int opcode, const char *text, size_t len)
{
    static char buf[FRAME_MAX + 14];
    size_t head = 2;

    if (len > FRAME_MAX)
        abort();
    buf[0] = (char)(0x80 | opcode);
    if (len < 126) {
        buf[1] = (char)(0x80 | len);
    } else {
        buf[1] = (char)(0x80 | 126);
        buf[2] = (char)(len >> 8);
        buf[3] = (char)len;
        head = 4;
    }
    memset(buf + head, 0, 4); /* the mask of zero */
    memcpy(buf + head + 4, text, len);
    write_all(w, buf, head + 4 + len);
}

char *ws_peer_take(struct ws_peer *w, size_t *len)
{
    static char message[FRAME_MAX + 1];

    if (!w->is_open) {
        char *end = w->len ? memmem(w->in, w->len, "\r\n\r\n", 4) : NULL;
        if (!end)
            return NULL;
        if (w->len < 12 || memcmp(w->in, "HTTP/1.1 101", 12) != 0) {
            w->is_lost = true;
            return NULL;
        }
        w->is_open = true;
        take(w, (size_t)(end - w->in) + 4);
    }
    while (w->len >= 2) {
        const uint8_t *p = (uint8_t *)w->in;
        size_t head = 2, n = p[1] & 0x7f;
        int opcode = p[0] & 15;
        if (n == 126 && w->len >= 4) {
            head = 4;
            n = (size_t)p[2] << 8 | p[3];
        }
        if (n == 127 || n > FRAME_MAX || w->len < head + n)
            return NULL;
        memcpy(message, w->in + head, n);
        message[n] = 0;
        take(w, head + n);
        *len = n;
        if (opcode == TEXT && n > 4)
            return message;
        if (opcode == PING)
            frame(w, PONG, message, n);
        if (opcode == CLOSE)
            w->is_lost = true;
    }
    return NULL;
}

void ws_peer_send(struct ws_peer *w, const char *text, size_t len)
{
    frame(w, TEXT, text, len);
}

void ws_peer_close(struct ws_peer *w)
{
    SSL_free(w->ssl);
    if (w->fd >= 0)
        close(w->fd);
    free(w->in);
    *w = (struct ws_peer){ .fd = -1 };
}
