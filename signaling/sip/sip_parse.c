/* Text to message (RFC 3261 s. 7). The lines are split here, so that unknown ones survive; the grammar of the known
 * ones is sofia's (sip_check.c). What breaks a rule but can be answered becomes a fault: the reason phrase of the
 * answer. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sip_priv.h"

void gw_sip_trim(const char **p, const char **end)
{
    while (*p < *end && strchr(" \t\r\n", **p) && **p)
        (*p)++;
    while (*p < *end && strchr(" \t\r\n", (*end)[-1]) && (*end)[-1])
        (*end)--;
}

bool gw_sip_is_token(const char *p, size_t len)
{
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr("-.!%*_+`'~", c))))
            return false;
    }
    return true;
}

const char *gw_sip_element_end(const char *p, const char *end)
{
    bool in_quotes = false, in_angle = false;

    for (; p < end; p++) {
        if (in_quotes) {
            if (*p == '\\' && p + 1 < end)
                p++;
            else if (*p == '"')
                in_quotes = false;
        } else if (*p == '"') {
            in_quotes = true;
        } else if (*p == '<') {
            in_angle = true;
        } else if (*p == '>') {
            in_angle = false;
        } else if (*p == ',' && !in_angle) {
            return p;
        }
    }
    return end;
}

int gw_sip_cseq_parse(const char *value, uint32_t *number, char *method, size_t size)
{
    uint64_t n = 0;
    size_t len;
    const char *p = value;

    for (; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (uint64_t)(*p - '0');
        if (n > INT32_MAX)
            return GW_E_SYNTAX;
    }
    if (p == value || (*p != ' ' && *p != '\t'))
        return GW_E_SYNTAX;
    p += strspn(p, " \t");
    len = strlen(p);
    if (!gw_sip_is_token(p, len) || len >= size)
        return GW_E_SYNTAX;
    if (number)
        *number = (uint32_t)n;
    memcpy(method, p, len + 1);
    return 0;
}

/* Only the first fault is told. */
__attribute__((format(printf, 3, 4))) static void blame(struct gw_sip_fault *f, int status, const char *fmt, ...)
{
    va_list ap;

    if (f->status)
        return;
    f->status = status;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
}

/* The end of the line at p (its CR or LF), and where the next one begins. A bare LF ends a line too, as sofia has it.
 */
static const char *line_end(const char *p, const char *end, const char **next)
{
    const char *lf = memchr(p, '\n', (size_t)(end - p));

    if (!lf) {
        *next = end;
        return end;
    }
    *next = lf + 1;
    return lf > p && lf[-1] == '\r' ? lf - 1 : lf;
}

static bool has_control(const char *p, const char *end)
{
    for (; p < end; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return true;
    return false;
}

static int parse_status_line(struct gw_sip_msg *m, const char *p, const char *end)
{
    const char *code = p + 8; /* "SIP/2.0 " */

    if (end - code < 3 || code[0] < '1' || code[0] > '6')
        return GW_E_SYNTAX;
    for (int i = 0; i < 3; i++) {
        if (code[i] < '0' || code[i] > '9')
            return GW_E_SYNTAX;
        m->status = m->status * 10 + code[i] - '0';
    }
    if (end - code > 3 && code[3] != ' ')
        return GW_E_SYNTAX;
    p = end - code > 4 ? code + 4 : end;
    m->phrase = gw_sip_msg_strndup(m, p, (size_t)(end - p));
    return m->phrase ? 0 : GW_E_NOMEM;
}

/* method SP Request-URI SP SIP-Version: single spaces, nothing in <> (s. 7.1; RFC 4475 s. 3.1.2.8 to 3.1.2.10) */
static int parse_request_line(struct gw_sip_msg *m, const char *p, const char *end, struct gw_sip_fault *fault)
{
    const char *sp1 = memchr(p, ' ', (size_t)(end - p)), *sp2 = memrchr(p, ' ', (size_t)(end - p));
    const char *uri, *version;
    int err;

    while (sp2 && sp2 == end - 1) { /* blanks at the end: a fault, but the version can still be found */
        blame(fault, 400, "Bad Request-Line");
        end = sp2;
        sp2 = memrchr(p, ' ', (size_t)(end - p));
    }
    if (!sp1 || !sp2 || sp1 >= sp2 || !gw_sip_is_token(p, (size_t)(sp1 - p)))
        return GW_E_SYNTAX;
    version = sp2 + 1;
    if (end - version < 4 || strncasecmp(version, "SIP/", 4) != 0)
        return GW_E_SYNTAX;
    if (end - version != 7 || strncasecmp(version, "SIP/2.0", 7) != 0)
        blame(fault, 505, "Version Not Supported");
    m->is_request = true;
    err = gw_sip_msg_set_method(m, p, (size_t)(sp1 - p));
    if (err)
        return err;
    uri = gw_sip_msg_strndup(m, sp1 + 1, (size_t)(sp2 - sp1 - 1));
    if (!uri)
        return GW_E_NOMEM;
    m->uri = uri;
    if (!*uri || strpbrk(uri, " \t<>\"") || !strchr(uri, ':'))
        blame(fault, 400, "Bad Request-URI");
    return 0;
}

static int parse_start_line(struct gw_sip_msg *m, const char *p, const char *end, struct gw_sip_fault *fault)
{
    if (has_control(p, end))
        return GW_E_SYNTAX;
    if (end - p > 8 && strncasecmp(p, "SIP/2.0 ", 8) == 0)
        return parse_status_line(m, p, end);
    return parse_request_line(m, p, end, fault);
}

/* One logical line, folds joined to single blanks (s. 7.3.1) in a copy. */
static int parse_header(struct gw_sip_msg *m, const char *p, const char *end, const char **length,
                        struct gw_sip_fault *fault)
{
    const char *colon = memchr(p, ':', (size_t)(end - p)), *name_end = colon, *value;
    const struct gw_sip_name *row;
    char *copy;
    size_t n = 0;
    int err;

    while (name_end && name_end > p && (name_end[-1] == ' ' || name_end[-1] == '\t'))
        name_end--;
    if (!colon || !gw_sip_is_token(p, (size_t)(name_end - p))) {
        blame(fault, 400, "Bad Header Line");
        return 0;
    }
    row = gw_sip_name_find(p, (size_t)(name_end - p));
    copy = malloc((size_t)(end - colon) + 1);
    if (!copy)
        return GW_E_NOMEM;
    for (value = colon + 1; value < end; value++) {
        /* a fold: the line end and the blanks after it; a CR elsewhere is no line end here, but would be one to others
         */
        if (*value == '\n' || (*value == '\r' && value + 1 < end && value[1] == '\n')) {
            while (value + 1 < end && value[1] && strchr(" \t\r\n", value[1]))
                value++;
            copy[n++] = ' ';
        } else {
            copy[n++] = *value;
        }
    }
    copy[n] = '\0';
    if (has_control(copy, copy + n)) {
        blame(fault, 400, "Bad %.*s", (int)(name_end - p), p);
        free(copy);
        return 0;
    }
    if (row && strcmp(row->name, "Content-Length") == 0) {
        const char *a = copy, *b = copy + n;

        gw_sip_trim(&a, &b);
        if (*length && (strlen(*length) != (size_t)(b - a) || memcmp(*length, a, (size_t)(b - a)) != 0))
            blame(fault, 400, "Bad Content-Length");
        *length = gw_sip_msg_strndup(m, a, (size_t)(b - a));
        err = *length ? 0 : GW_E_NOMEM;
    } else {
        err = gw_sip_msg_insert(m, m->nelements, p, (size_t)(name_end - p), copy, n);
        if (err == GW_E_LIMIT) {
            blame(fault, 513, "Too Many Headers");
            err = 0;
        }
    }
    free(copy);
    return err;
}

/* RFC 7118 s. 5: absent, the body is the rest of the WebSocket message. Longer than the rest: refused; shorter: cut. */
static int parse_body(struct gw_sip_msg *m, const char *p, const char *end, const char *length,
                      struct gw_sip_fault *fault)
{
    size_t rest = (size_t)(end - p), n = rest;

    if (length) {
        n = 0;
        for (const char *d = length; *d || d == length; d++) {
            if (*d < '0' || *d > '9' || n > GW_SIP_TEXT_MAX) {
                blame(fault, 400, "Bad Content-Length");
                n = 0;
                break;
            }
            n = n * 10 + (size_t)(*d - '0');
        }
        if (n > rest) {
            blame(fault, 400, "Content-Length Beyond Message");
            n = rest;
        }
    }
    if (n > GW_SIP_TEXT_MAX) {
        blame(fault, 513, "Message Too Large");
        n = 0;
    }
    if (n == 0)
        return 0;
    if (!gw_sip_msg_get(m, "Content-Type", 0))
        blame(fault, 400, "Missing Content-Type"); /* s. 20.15: required with a body */
    m->body = gw_sip_msg_strndup(m, p, n);
    m->body_len = m->body ? n : 0;
    return m->body ? 0 : GW_E_NOMEM;
}

bool gw_sip_msg_is_answerable(const struct gw_sip_msg *m)
{
    static const char *const needed[] = { "Via", "From", "To", "Call-ID", "CSeq" };

    for (unsigned i = 0; i < 5; i++) {
        const char *v = gw_sip_msg_get(m, needed[i], 0);

        if (!v || !*v)
            return false;
    }
    return true;
}

static int check_message(struct gw_sip_msg *m, struct gw_sip_fault *fault)
{
    static const char *const needed[] = { "Via", "From", "To", "Call-ID", "CSeq" };
    const char *cseq = gw_sip_msg_get(m, "CSeq", 0), *hops = gw_sip_msg_get(m, "Max-Forwards", 0);
    char method[64];

    for (unsigned i = 0; i < 5; i++)
        if (!gw_sip_msg_get(m, needed[i], 0))
            blame(fault, 400, "Missing %s", needed[i]);
    for (unsigned i = 0; i < m->nelements; i++) {
        const struct gw_sip_name *row = m->elements[i].row;

        if (row && row->is_once && gw_sip_msg_count(m, row->name) > 1)
            blame(fault, 400, "More Than One %s", row->name);
    }
    if (cseq && gw_sip_cseq_parse(cseq, NULL, method, sizeof(method)))
        blame(fault, 400, "Bad CSeq");
    else if (cseq && m->is_request && strcmp(method, m->method_name) != 0)
        blame(fault, 400, "CSeq Method Does Not Match");
    else if (cseq && !m->is_request)
        return gw_sip_msg_set_method(m, method, strlen(method));
    if (hops && (strspn(hops, "0123456789") != strlen(hops) || strlen(hops) > 3 || !*hops || atoi(hops) > 255))
        blame(fault, 400, "Bad Max-Forwards");
    return 0;
}

int gw_sip_msg_parse_loose(struct gw_span text, struct gw_sip_msg **out, struct gw_sip_fault *fault)
{
    const char *p = text.ptr, *end = p + text.len, *next, *stop, *head, *length = NULL;
    struct gw_sip_fault f = { 0 };
    struct gw_sip_msg *m;
    bool is_complete = false;
    int err;

    if (!p)
        return GW_E_SYNTAX;
    while (p < end && (*p == '\r' || *p == '\n')) /* s. 7.5 */
        p++;
    if (p == end)
        return GW_E_SYNTAX;
    m = calloc(1, sizeof(*m));
    if (!m)
        return GW_E_NOMEM;
    if ((size_t)(end - p) > 2 * GW_SIP_TEXT_MAX) /* answerable by its head */
        end = p + 2 * GW_SIP_TEXT_MAX;
    head = p;
    stop = line_end(p, end, &next);
    err = parse_start_line(m, p, stop, &f);
    for (p = next; !err && p < end; p = next) {
        stop = line_end(p, end, &next);
        if (stop == p) {
            is_complete = true;
            break;
        }
        while (next < end && (*next == ' ' || *next == '\t'))
            stop = line_end(next, end, &next);
        err = parse_header(m, p, stop, &length, &f);
    }
    if (!err && !is_complete)
        blame(&f, 400, "Message Ends Within Headers");
    if (!err)
        err = check_message(m, &f);
    if (!err && is_complete)
        err = parse_body(m, next, end, length, &f);
    if (!err && !f.status)
        gw_sip_check_syntax((struct gw_span){ head, (size_t)(next - head) }, &f);
    if (!err && !m->method_name)
        err = gw_sip_msg_set_method(m, "", 0); /* a response without CSeq: no method, but never NULL */
    if (err) {
        gw_sip_msg_free(m);
        return err;
    }
    *out = m;
    *fault = f;
    return 0;
}

int gw_sip_msg_parse(struct gw_span text, struct gw_sip_msg **out, char *why, size_t why_size)
{
    struct gw_sip_fault fault = { 0 };
    struct gw_sip_msg *m = NULL;
    int err = gw_sip_msg_parse_loose(text, &m, &fault);

    if (err)
        snprintf(fault.text, sizeof(fault.text), "%s", err == GW_E_NOMEM ? "Out Of Memory" : "Bad Start Line");
    else if (fault.status)
        err = fault.status == 505 ? GW_E_UNSUPPORTED : fault.status == 513 ? GW_E_LIMIT : GW_E_SYNTAX;
    if (err) {
        gw_sip_msg_free(m);
        if (why && why_size)
            snprintf(why, why_size, "%s", fault.text);
        return err;
    }
    *out = m;
    return 0;
}
