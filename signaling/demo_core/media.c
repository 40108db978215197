#include "media.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/crypto.h"

static const struct gw_demo_line_ops *const kinds[] = { &gw_demo_line_audio, &gw_demo_line_video, &gw_demo_line_chat,
                                                        &gw_demo_line_text,  &gw_demo_line_floor, &gw_demo_line_fax };

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static int open_port(const struct gw_addr *ip, int type, uint16_t port)
{
    struct sockaddr_storage ss;
    struct gw_addr a = *ip;
    int fd = socket(ip->family == 6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

    a.port = port;
    if (fd >= 0 && (type != SOCK_STREAM || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0) &&
        bind(fd, (struct sockaddr *)&ss, gw_addr_to_sockaddr(&a, &ss)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

int gw_demo_open_ports(struct gw_demo_media *m, int type, int fds[], unsigned n, uint16_t *out)
{
    for (unsigned tries = (unsigned)(m->ports.max - m->ports.min) / 2 + 1; tries; tries--) {
        uint16_t port = *m->ports.next;
        unsigned i = 0;

        *m->ports.next = (uint16_t)(port + 3 > m->ports.max ? m->ports.min : port + 2);
        while (i < n && (fds[i] = open_port(&m->addr, type, (uint16_t)(port + i))) >= 0)
            i++;
        if (i == n) {
            *out = port;
            return 0;
        }
        while (i)
            close(fds[--i]);
    }
    for (unsigned i = 0; i < n; i++)
        fds[i] = -1;
    return GW_E_FULL;
}

static void line_close(struct gw_demo_line *l)
{
    if (l->ops)
        l->ops->close(l);
    l->ops = NULL;
    l->state = NULL;
    l->port = 0;
}

static int line_open(struct gw_demo_line *l, const struct gw_demo_line_ops *ops)
{
    int err = ops->open(l);

    if (!err)
        l->ops = ops;
    return err;
}

void gw_demo_media_fini(struct gw_demo_media *m)
{
    for (unsigned i = 0; i < m->nlines; i++)
        line_close(&m->lines[i]);
    line_close(&m->spare);
    m->nlines = 0;
}

static struct gw_demo_line *line_add(struct gw_demo_media *m)
{
    struct gw_demo_line *l = &m->lines[m->nlines++];

    *l = (struct gw_demo_line){ .media = m };
    return l;
}

static const struct gw_demo_line_ops *kind_of(const struct gw_sdp_media *o)
{
    for (unsigned i = 0; o->port && i < KINDS; i++)
        if (kinds[i]->can_take(o))
            return kinds[i];
    return NULL;
}

/* What a line was called, for offers of ours after it is gone. */
static void keep_names(struct gw_demo_line *l, const struct gw_sdp_media *o)
{
    snprintf(l->type, sizeof(l->type), "%.*s", GW_SDP_ARG(o->type));
    snprintf(l->proto, sizeof(l->proto), "%.*s", GW_SDP_ARG(o->proto));
}

static void write_session(struct gw_demo_media *m, struct gw_sdp_buf *b)
{
    char ip[GW_ADDR_TEXT];

    if (!m->id)
        m->id = gw_rand_u32();
    gw_sdp_printf(b, "v=0\r\no=- %llu %llu IN IP%u %s\r\ns=-\r\nc=IN IP%u %s\r\nt=0 0\r\n", (unsigned long long)m->id,
                  (unsigned long long)++m->version, m->addr.family, gw_addr_ip_text(&m->addr, ip), m->addr.family, ip);
}

void gw_demo_write_line(const struct gw_demo_line *l, const struct gw_sdp_media *offer, const char *type,
                        const char *proto, const char *fmts, struct gw_sdp_buf *b)
{
    if (offer)
        gw_sdp_printf(b, "m=%.*s %u %.*s %.*s\r\n", GW_SDP_ARG(offer->type), l->port, GW_SDP_ARG(offer->proto),
                      GW_SDP_ARG(offer->fmts));
    else
        gw_sdp_printf(b, "m=%s %u %s %s\r\n", type, l->port, proto, fmts);
}

static int answer(struct gw_demo_media *m, const struct gw_sdp *offer, struct gw_sdp_buf *b)
{
    unsigned taken = 0;
    int err = 0;

    if (offer->nmedia > GW_DEMO_LINES)
        return GW_E_LIMIT;
    write_session(m, b);
    for (unsigned i = 0; i < offer->nmedia && !err; i++) {
        const struct gw_sdp_media *o = &offer->media[i];
        struct gw_demo_line *l = i < m->nlines ? &m->lines[i] : line_add(m);
        const struct gw_demo_line_ops *ops = kind_of(o);

        if (l->ops != ops)
            line_close(l);
        keep_names(l, o);
        if (ops && !l->ops)
            err = line_open(l, ops);
        if (!err && ops)
            err = ops->apply(l, offer, o, false);
        if (!err && ops)
            ops->write(l, o, b);
        else if (!err)
            gw_demo_write_line(l, o, NULL, NULL, NULL, b);
        taken += ops != NULL;
    }
    if (!err && !taken)
        err = GW_E_UNSUPPORTED;
    return err ? err : b->err;
}

int gw_demo_media_answer(struct gw_demo_media *m, struct gw_span offer, struct gw_sdp_buf *out)
{
    struct gw_sdp_error why;
    struct gw_sdp *sdp;
    int err = gw_sdp_parse(offer, &sdp, &why);

    if (err)
        return err;
    m->heard_us = gw_ctl_now_us(m->stack);
    err = answer(m, sdp, out);
    gw_sdp_free(sdp);
    return err;
}

static int add_word(struct gw_demo_media *m, struct gw_span word)
{
    for (unsigned i = 0; i < KINDS; i++) {
        if (!gw_span_is_nocase(word, kinds[i]->word))
            continue;
        return m->nlines < GW_DEMO_LINES ? line_open(line_add(m), kinds[i]) : GW_E_LIMIT;
    }
    return GW_E_NOTFOUND;
}

int gw_demo_media_drop(struct gw_demo_media *m, const char *words)
{
    struct gw_span rest = gw_span_str(words), word;
    int err = GW_E_NOTFOUND;

    while ((word = gw_sdp_token(&rest)).len) {
        for (unsigned i = 0; i < m->nlines; i++) {
            if (!m->lines[i].ops || !gw_span_is_nocase(word, m->lines[i].ops->word))
                continue;
            line_close(&m->lines[i]);
            err = 0;
        }
    }
    return err;
}

static struct gw_demo_line *find(const struct gw_demo_media *m, const char *word)
{
    for (unsigned i = 0; i < m->nlines; i++)
        if (m->lines[i].ops && strcmp(m->lines[i].ops->word, word) == 0)
            return (struct gw_demo_line *)(uintptr_t)&m->lines[i];
    return NULL;
}

bool gw_demo_media_has(const struct gw_demo_media *m, const char *word)
{
    return find(m, word) != NULL;
}

int gw_demo_media_switch(struct gw_demo_media *m, const char *word)
{
    struct gw_demo_line *l = find(m, "audio");
    int err = !l ? GW_E_NOTFOUND : find(m, word) || m->spare.ops ? GW_E_STATE : 0;

    if (err)
        return err;
    m->spare = *l;
    m->spare_at = (unsigned)(l - m->lines);
    *l = (struct gw_demo_line){ .media = m };
    err = GW_E_NOTFOUND;
    for (unsigned i = 0; i < KINDS; i++)
        if (strcmp(kinds[i]->word, word) == 0)
            err = line_open(l, kinds[i]);
    if (err) {
        *l = m->spare;
        m->spare.ops = NULL;
    }
    return err;
}

void gw_demo_media_withdraw(struct gw_demo_media *m, unsigned from)
{
    if (m->spare.ops) {
        line_close(&m->lines[m->spare_at]);
        m->lines[m->spare_at] = m->spare;
        m->spare.ops = NULL;
    }
    for (unsigned i = from; i < m->nlines; i++)
        line_close(&m->lines[i]);
    m->nlines = from < m->nlines ? from : m->nlines;
}

int gw_demo_media_offer(struct gw_demo_media *m, const char *words, struct gw_sdp_buf *b)
{
    struct gw_span rest = gw_span_str(words), word;
    int err = 0;

    while (!err && (word = gw_sdp_token(&rest)).len)
        err = add_word(m, word);
    if (err || m->nlines == 0)
        return err ? err : GW_E_NOTFOUND;
    m->heard_us = gw_ctl_now_us(m->stack);
    write_session(m, b);
    for (unsigned i = 0; i < m->nlines; i++) {
        const struct gw_demo_line *l = &m->lines[i];

        if (l->ops)
            l->ops->write(l, NULL, b);
        else
            gw_sdp_printf(b, "m=%s 0 %s 0\r\n", l->type, l->proto);
    }
    return b->err;
}

int gw_demo_media_on_answer(struct gw_demo_media *m, struct gw_span answer_text)
{
    struct gw_sdp_error why;
    struct gw_sdp *sdp;
    int err = gw_sdp_parse(answer_text, &sdp, &why);

    if (err)
        return err;
    if (sdp->nmedia != m->nlines)
        err = GW_E_SYNTAX;
    for (unsigned i = 0; i < m->nlines && !err; i++) {
        struct gw_demo_line *l = &m->lines[i];

        keep_names(l, &sdp->media[i]);
        if (l->ops && sdp->media[i].port == 0)
            line_close(l);
        else if (l->ops)
            err = l->ops->apply(l, sdp, &sdp->media[i], true);
    }
    line_close(&m->spare);
    m->heard_us = gw_ctl_now_us(m->stack);
    gw_sdp_free(sdp);
    return err;
}

bool gw_demo_media_is_sending(const struct gw_demo_media *m)
{
    for (unsigned i = 0; i < m->nlines; i++)
        if (m->lines[i].ops && m->lines[i].ops->is_expecting(&m->lines[i]))
            return true;
    return false;
}
