/* What the table of fields says, and who reads it. */
#ifndef GW_IQ_JSON_PRIV_H
#define GW_IQ_JSON_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gw_iq_field_kind {
    GW_IQ_F_NUMBER,  /* unsigned, of `size` octets */
    GW_IQ_F_FLAG,    /* bool */
    GW_IQ_F_WORD,    /* a number (of `size` octets; int if 4) that has a name */
    GW_IQ_F_TEXT,    /* char[size], NUL-terminated */
    GW_IQ_F_OCTETS,  /* uint8_t[size], the length in the field at `count` */
    GW_IQ_F_ADDRESS, /* struct gw_addr */
    GW_IQ_F_OBJECT,
};

struct gw_iq_word {
    int value;
    const char *name;
};

struct gw_iq_type;

struct gw_iq_field {
    const char *name;
    uint8_t kind;
    uint16_t offset, size; /* of one element, if it is a list */
    uint16_t max;          /* elements of a list; 0: no list */
    uint16_t count;        /* offset of their number (uint8_t or uint16_t, count_size); GW_IQ_F_ALL: always `max` */
    uint8_t count_size;
    const struct gw_iq_word *words; /* ended by a name of NULL */
    const struct gw_iq_type *type;
};

enum { GW_IQ_F_ALL = 0xffff };

struct gw_iq_type {
    const char *name;
    size_t size;
    const struct gw_iq_field *fields; /* ended by a name of NULL */
};

extern const struct gw_iq_word gw_iq_msg_words[];
/* By enum gw_iq_msg_type; `name` is the key of the body. */
extern const struct gw_iq_type *const gw_iq_msg_types[];

#endif
