/* The message: a start line, header elements in order, a body. Every line that came is kept as it came, known or not,
 * so that what the gateway does not change leaves it unchanged (RFC 3261 s. 16.6 item 1). Content-Length alone is not
 * in the list: it is what the body is, and written last. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sip_priv.h"

/* Strings of a message live until the message does: a changed value leaves its old text behind, so a borrowed one stays
 * readable a little longer than promised. */
struct gw_sip_chunk {
    struct gw_sip_chunk *next;
    size_t used, size;
    char text[];
};

static const char *const method_names[] = {
    [GW_SIP_INVITE] = "INVITE",   [GW_SIP_ACK] = "ACK",           [GW_SIP_BYE] = "BYE",
    [GW_SIP_CANCEL] = "CANCEL",   [GW_SIP_REGISTER] = "REGISTER", [GW_SIP_OPTIONS] = "OPTIONS",
    [GW_SIP_PRACK] = "PRACK",     [GW_SIP_UPDATE] = "UPDATE",     [GW_SIP_INFO] = "INFO",
    [GW_SIP_REFER] = "REFER",     [GW_SIP_NOTIFY] = "NOTIFY",     [GW_SIP_SUBSCRIBE] = "SUBSCRIBE",
    [GW_SIP_MESSAGE] = "MESSAGE", [GW_SIP_PUBLISH] = "PUBLISH",
};

const char *gw_sip_msg_strndup(struct gw_sip_msg *m, const char *s, size_t n)
{
    struct gw_sip_chunk *c = m->chunks;
    char *p;

    if (!c || c->size - c->used < n + 1) {
        size_t size = n + 1 > 2048 ? n + 1 : 2048;

        c = malloc(sizeof(*c) + size);
        if (!c)
            return NULL;
        *c = (struct gw_sip_chunk){ .next = m->chunks, .size = size };
        m->chunks = c;
    }
    p = c->text + c->used;
    if (n)
        memcpy(p, s, n);
    p[n] = '\0';
    c->used += n + 1;
    return p;
}

void gw_sip_msg_free(struct gw_sip_msg *m)
{
    if (!m)
        return;
    for (struct gw_sip_chunk *c = m->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(m->elements);
    free(m);
}

int gw_sip_msg_set_method(struct gw_sip_msg *m, const char *name, size_t len)
{
    /* Method names are case-sensitive (RFC 3261 s. 7.1). */
    for (unsigned i = 0; i < GW_SIP_OTHER; i++) {
        if (strlen(method_names[i]) == len && memcmp(method_names[i], name, len) == 0) {
            m->method = (enum gw_sip_method)i;
            m->method_name = method_names[i];
            return 0;
        }
    }
    m->method = GW_SIP_OTHER;
    m->method_name = gw_sip_msg_strndup(m, name, len);
    return m->method_name ? 0 : GW_E_NOMEM;
}

/* ---- elements ---- */

static bool element_is(const struct gw_sip_element *e, const struct gw_sip_name *row, const char *name)
{
    return row ? e->row == row : !e->row && strcasecmp(e->name, name) == 0;
}

static int insert_one(struct gw_sip_msg *m, unsigned at, const struct gw_sip_element *e)
{
    if (m->nelements == GW_SIP_HEADERS_MAX)
        return GW_E_LIMIT;
    if (m->nelements == m->capacity) {
        unsigned capacity = m->capacity ? 2 * m->capacity : 32;
        struct gw_sip_element *p = realloc(m->elements, capacity * sizeof(*p));

        if (!p)
            return GW_E_NOMEM;
        m->elements = p;
        m->capacity = capacity;
    }
    memmove(m->elements + at + 1, m->elements + at, (m->nelements - at) * sizeof(*e));
    m->elements[at] = *e;
    m->nelements++;
    return 0;
}

int gw_sip_msg_insert(struct gw_sip_msg *m, unsigned at, const char *name, size_t name_len, const char *value,
                      size_t value_len)
{
    const struct gw_sip_name *row = gw_sip_name_find(name, name_len);
    const char *p = value, *end = value + value_len;
    struct gw_sip_element e = { .row = row };
    unsigned first = at;

    e.name = row ? row->name : gw_sip_msg_strndup(m, name, name_len);
    if (!e.name)
        return GW_E_NOMEM;
    for (;;) {
        const char *stop = row && row->is_list ? gw_sip_element_end(p, end) : end, *a = p, *b = stop;
        int err;

        gw_sip_trim(&a, &b);
        if (a < b ||
            (p == value && stop == end)) { /* an empty element between commas says nothing; an empty header does */
            e.value = gw_sip_msg_strndup(m, a, (size_t)(b - a));
            err = e.value ? insert_one(m, at, &e) : GW_E_NOMEM;
            if (err) { /* all of the line or nothing */
                if (at > first)
                    memmove(m->elements + first, m->elements + at, (m->nelements - at) * sizeof(e));
                m->nelements -= at - first;
                return err;
            }
            at++;
            e.is_continued = true;
        }
        if (stop == end)
            return 0;
        p = stop + 1;
    }
}

const char *gw_sip_msg_get(const struct gw_sip_msg *m, const char *name, unsigned index)
{
    const struct gw_sip_name *row = gw_sip_name_find(name, strlen(name));

    for (unsigned i = 0; i < m->nelements; i++)
        if (element_is(&m->elements[i], row, name) && index-- == 0)
            return m->elements[i].value;
    return NULL;
}

unsigned gw_sip_msg_count(const struct gw_sip_msg *m, const char *name)
{
    const struct gw_sip_name *row = gw_sip_name_find(name, strlen(name));
    unsigned n = 0;

    for (unsigned i = 0; i < m->nelements; i++)
        n += element_is(&m->elements[i], row, name);
    return n;
}

/* CR, LF and NUL in a value would be a second header or a second message. */
static bool is_safe(const char *s)
{
    return strpbrk(s, "\r\n") == NULL;
}

static bool is_computed(const char *name)
{
    const struct gw_sip_name *row = gw_sip_name_find(name, strlen(name));

    return row && strcmp(row->name, "Content-Length") == 0;
}

static int put(struct gw_sip_msg *m, unsigned at, const char *name, const char *value)
{
    if (!gw_sip_is_token(name, strlen(name)) || !is_safe(value))
        return GW_E_INVAL;
    if (is_computed(name))
        return 0;
    return gw_sip_msg_insert(m, at, name, strlen(name), value, strlen(value));
}

int gw_sip_msg_add(struct gw_sip_msg *m, const char *name, const char *value)
{
    const struct gw_sip_name *row = gw_sip_name_find(name, strlen(name));
    unsigned at = m->nelements;

    for (unsigned i = 0; i < m->nelements; i++)
        if (element_is(&m->elements[i], row, name))
            at = i + 1;
    return put(m, at, name, value);
}

int gw_sip_msg_push(struct gw_sip_msg *m, const char *name, const char *value)
{
    const struct gw_sip_name *row = gw_sip_name_find(name, strlen(name));

    for (unsigned i = 0; i < m->nelements; i++)
        if (element_is(&m->elements[i], row, name))
            return put(m, i, name, value);
    return put(m, 0, name, value); /* Via, Route and Record-Route belong near the top (RFC 3261 s. 7.3.1) */
}

int gw_sip_msg_set(struct gw_sip_msg *m, const char *name, const char *value)
{
    const struct gw_sip_name *row = gw_sip_name_find(name, strlen(name));
    char *copy = strdup(value); /* it may be one of those about to go */
    unsigned at = 0, old = m->nelements;
    int err;

    if (!copy)
        return GW_E_NOMEM;
    while (at < m->nelements && !element_is(&m->elements[at], row, name))
        at++;
    err = put(m, at, name, copy);
    if (!err) {
        unsigned keep = at + (m->nelements - old), to = keep;

        for (unsigned i = keep; i < m->nelements; i++)
            if (!element_is(&m->elements[i], row, name))
                m->elements[to++] = m->elements[i];
        m->nelements = to;
    }
    free(copy);
    return err;
}

void gw_sip_msg_remove(struct gw_sip_msg *m, const char *name)
{
    const struct gw_sip_name *row = gw_sip_name_find(name, strlen(name));
    unsigned to = 0;

    for (unsigned i = 0; i < m->nelements; i++)
        if (!element_is(&m->elements[i], row, name))
            m->elements[to++] = m->elements[i];
    m->nelements = to;
}

void gw_sip_msg_remove_at(struct gw_sip_msg *m, const char *name, unsigned index)
{
    const struct gw_sip_name *row = gw_sip_name_find(name, strlen(name));

    for (unsigned i = 0; i < m->nelements; i++) {
        if (!element_is(&m->elements[i], row, name) || index-- != 0)
            continue;
        /* what shared its line goes on without it */
        if (i + 1 < m->nelements && m->elements[i + 1].is_continued)
            m->elements[i + 1].is_continued = m->elements[i].is_continued;
        memmove(m->elements + i, m->elements + i + 1, (m->nelements - i - 1) * sizeof(m->elements[0]));
        m->nelements--;
        return;
    }
}

/* Elements i to the returned index (exclusive) stand on one line. */
static unsigned line_end(const struct gw_sip_msg *m, unsigned i)
{
    const struct gw_sip_element *e = &m->elements[i++];

    while (i < m->nelements && m->elements[i].is_continued && m->elements[i].row == e->row)
        i++;
    return i;
}

void gw_sip_msg_each(const struct gw_sip_msg *m, void (*cb)(void *arg, const char *name, const char *value), void *arg)
{
    for (unsigned i = 0, end; i < m->nelements; i = end) {
        char *line = NULL;
        size_t len;
        FILE *f;

        end = line_end(m, i);
        if (end == i + 1) {
            cb(arg, m->elements[i].name, m->elements[i].value);
            continue;
        }
        f = open_memstream(&line, &len);
        if (!f)
            return;
        for (unsigned k = i; k < end; k++)
            fprintf(f, "%s%s", k == i ? "" : ", ", m->elements[k].value);
        if (fclose(f) == 0)
            cb(arg, m->elements[i].name, line);
        free(line);
    }
}

bool gw_sip_msg_has_token(const struct gw_sip_msg *m, const char *name, const char *token)
{
    const char *v;

    for (unsigned i = 0; (v = gw_sip_msg_get(m, name, i)); i++) {
        size_t n = strcspn(v, "; \t");

        if (n == strlen(token) && strncasecmp(v, token, n) == 0)
            return true;
    }
    return false;
}

/* ---- whole messages ---- */

char *gw_sip_msg_write(const struct gw_sip_msg *m, size_t *len)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    if (!f)
        return NULL;
    if (m->is_request)
        fprintf(f, "%s %s SIP/2.0\r\n", m->method_name, m->uri);
    else
        fprintf(f, "SIP/2.0 %03d %s\r\n", m->status, m->phrase);
    for (unsigned i = 0, end; i < m->nelements; i = end) {
        end = line_end(m, i);
        fprintf(f, "%s:", m->elements[i].name);
        for (unsigned k = i; k < end; k++)
            fprintf(f, "%s%s", k == i ? " " : ", ", m->elements[k].value);
        fputs("\r\n", f);
    }
    fprintf(f, "Content-Length: %zu\r\n\r\n", m->body_len);
    if (m->body_len)
        fwrite(m->body, 1, m->body_len, f);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    if (len)
        *len = n;
    return text;
}

struct gw_sip_msg *gw_sip_msg_request(const char *method, const char *uri)
{
    struct gw_sip_msg *m;

    if (!gw_sip_is_token(method, strlen(method)))
        return NULL;
    m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->is_request = true;
    if (gw_sip_msg_set_method(m, method, strlen(method)) || gw_sip_msg_set_uri(m, uri)) {
        gw_sip_msg_free(m);
        return NULL;
    }
    return m;
}

struct gw_sip_msg *gw_sip_msg_dup(const struct gw_sip_msg *m)
{
    struct gw_sip_msg *d = calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    d->is_request = m->is_request;
    d->status = m->status;
    if (m->method_name && gw_sip_msg_set_method(d, m->method_name, strlen(m->method_name)))
        goto fail;
    if (m->uri && !(d->uri = gw_sip_msg_strndup(d, m->uri, strlen(m->uri))))
        goto fail;
    if (m->phrase && !(d->phrase = gw_sip_msg_strndup(d, m->phrase, strlen(m->phrase))))
        goto fail;
    if (m->body && !(d->body = gw_sip_msg_strndup(d, m->body, m->body_len)))
        goto fail;
    d->body_len = m->body_len;
    for (unsigned i = 0; i < m->nelements; i++) {
        struct gw_sip_element e = m->elements[i];

        if (!e.row)
            e.name = gw_sip_msg_strndup(d, e.name, strlen(e.name));
        e.value = gw_sip_msg_strndup(d, e.value, strlen(e.value));
        if (!e.name || !e.value || insert_one(d, i, &e))
            goto fail;
    }
    return d;
fail:
    gw_sip_msg_free(d);
    return NULL;
}

static int copy_all(struct gw_sip_msg *to, const struct gw_sip_msg *from, const char *name)
{
    const struct gw_sip_name *row = gw_sip_name_find(name, strlen(name));

    for (unsigned i = 0; i < from->nelements; i++) {
        struct gw_sip_element e = from->elements[i];
        int err;

        if (!element_is(&e, row, name))
            continue;
        e.name = row ? row->name : gw_sip_msg_strndup(to, e.name, strlen(e.name));
        e.value = gw_sip_msg_strndup(to, e.value, strlen(e.value));
        err = e.name && e.value ? insert_one(to, to->nelements, &e) : GW_E_NOMEM;
        if (err)
            return err;
    }
    return 0;
}

struct gw_sip_msg *gw_sip_msg_response(const struct gw_sip_msg *req, int status, const char *phrase, const char *to_tag)
{
    struct gw_sip_msg *m = calloc(1, sizeof(*m));
    const char *to;
    char tag[8], *with_tag;
    int err;

    if (!m)
        return NULL;
    if (!phrase || !is_safe(phrase))
        phrase = gw_sip_status_phrase(status);
    m->status = status;
    m->phrase = gw_sip_msg_strndup(m, phrase, strlen(phrase));
    err = m->phrase ? gw_sip_msg_set_method(m, req->method_name, strlen(req->method_name)) : GW_E_NOMEM;
    if (!err)
        err = copy_all(m, req, "Via");
    if (!err && status > 100 && status < 300)
        err = copy_all(m, req, "Record-Route"); /* s. 12.1.1 */
    if (!err)
        err = copy_all(m, req, "From");
    if (!err)
        err = copy_all(m, req, "To");
    if (!err)
        err = copy_all(m, req, "Call-ID");
    if (!err)
        err = copy_all(m, req, "CSeq");
    if (!err && status == 100)
        err = copy_all(m, req, "Timestamp");
    to = gw_sip_msg_get(m, "To", 0);
    if (!err && to_tag && status > 100 && to && gw_sip_param(to, "tag", tag, sizeof(tag)) == GW_E_NOTFOUND) {
        err = asprintf(&with_tag, "%s;tag=%s", to, to_tag) < 0 ? GW_E_NOMEM : 0;
        if (!err) {
            err = gw_sip_msg_set(m, "To", with_tag);
            free(with_tag);
        }
    }
    if (err) {
        gw_sip_msg_free(m);
        return NULL;
    }
    return m;
}

/* ---- start line ---- */

bool gw_sip_msg_is_request(const struct gw_sip_msg *m)
{
    return m->is_request;
}

enum gw_sip_method gw_sip_msg_method(const struct gw_sip_msg *m)
{
    return m->method;
}

const char *gw_sip_msg_method_name(const struct gw_sip_msg *m)
{
    return m->method_name;
}

const char *gw_sip_msg_uri(const struct gw_sip_msg *m)
{
    return m->uri;
}

int gw_sip_msg_set_uri(struct gw_sip_msg *m, const char *uri)
{
    const char *copy;

    if (!*uri || strpbrk(uri, " \t\r\n<>\""))
        return GW_E_SYNTAX;
    copy = gw_sip_msg_strndup(m, uri, strlen(uri));
    if (!copy)
        return GW_E_NOMEM;
    m->uri = copy;
    return 0;
}

int gw_sip_msg_status(const struct gw_sip_msg *m)
{
    return m->status;
}

const char *gw_sip_msg_phrase(const struct gw_sip_msg *m)
{
    return m->phrase;
}
