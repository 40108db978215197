/* As much of SIP as a generator of load needs: headers of its own peers, looked up by name. */
#ifndef BENCH_SIP_TEXT_H
#define BENCH_SIP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Value of the nth header of that name, not terminated; NULL: none. */
const char *sip_header(const char *msg, const char *name, unsigned nth, size_t *len);
/* Appends "Name: value" of every such header of msg; `tag` is added to a To without one. */
void sip_copy(char *out, size_t size, const char *msg, const char *name, const char *tag);
void sip_append(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The text after `prefix` up to the end of its line or a blank. */
bool sip_find(const char *text, const char *prefix, char *out, size_t size);
const char *sip_body(const char *msg); /* "" if there is none */

#endif
