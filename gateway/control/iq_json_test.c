#include "gateway/control/iq_json.h"

#include <stdlib.h>
#include <test.h>

#include "gateway/control/iq_json_priv.h"

static struct gw_iq_msg a, b;
static char why[128];

static int read_text(const char *text)
{
    return gw_iq_json_read(gw_span_str(text), &b, why, sizeof(why));
}

/* ---- values at random, by the table ---- */

static uint32_t seed = 1;

static uint32_t roll(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static void fill(const struct gw_iq_type *type, void *out, unsigned *nfields);

static void put(void *at, unsigned size, uint64_t v)
{
    memcpy(at, &v, size); /* little-endian machines alone */
}

static void fill_value(const struct gw_iq_field *f, void *base, void *at, unsigned *nfields)
{
    struct gw_addr *addr = at;
    unsigned n = 0;

    switch ((enum gw_iq_field_kind)f->kind) {
    case GW_IQ_F_NUMBER:
        put(at, f->size, roll(3) ? roll(1 << 24) : f->size == 8 ? INT64_MAX : UINT64_MAX);
        break;
    case GW_IQ_F_FLAG:
        *(bool *)at = roll(2);
        break;
    case GW_IQ_F_WORD:
        while (f->words[n].name)
            n++;
        put(at, f->size, (uint64_t)(int64_t)f->words[roll(n)].value);
        break;
    case GW_IQ_F_TEXT:
        n = roll(3) ? roll(f->size) : f->size - 1u;
        for (unsigned i = 0; i < n; i++)
            ((char *)at)[i] = (char)(1 + roll(126));
        break;
    case GW_IQ_F_OCTETS:
        n = roll(f->size + 1u);
        put((char *)base + f->count, f->count_size, n);
        for (unsigned i = 0; i < n; i++)
            ((uint8_t *)at)[i] = (uint8_t)roll(256);
        break;
    case GW_IQ_F_ADDRESS:
        n = roll(3);
        *addr = (struct gw_addr){ .family = n == 0 ? 0 : n == 1 ? 4 : 6 };
        for (unsigned i = 0; i < (n == 1 ? 4 : n == 2 ? 16 : 0); i++)
            addr->ip[i] = (uint8_t)(1 + roll(255));
        addr->port = n ? (uint16_t)roll(65536) : 0;
        break;
    case GW_IQ_F_OBJECT:
        fill(f->type, at, nfields);
        break;
    }
}

static void fill(const struct gw_iq_type *type, void *out, unsigned *nfields)
{
    for (const struct gw_iq_field *f = type->fields; f->name; f++) {
        unsigned n = f->max == 0 ? 1 : f->count == GW_IQ_F_ALL ? f->max : roll(f->max + 1u);
        ++*nfields;
        if (f->max && f->count != GW_IQ_F_ALL)
            put((char *)out + f->count, f->count_size, n);
        for (unsigned i = 0; i < n; i++)
            fill_value(f, out, (char *)out + f->offset + i * f->size, nfields);
    }
}

TEST(iq_json_gives_back_every_value_of_every_field)
{
    for (unsigned round = 0; round < 300; round++) {
        unsigned nfields = 0;
        char *text = NULL;
        size_t len = 0;
        memset(&a, 0, sizeof(a));
        memset(&b, 0xff, sizeof(b));
        a.type = (uint8_t)(round % (GW_IQ_CONTEXTS + 1));
        a.from = roll(1 << 20);
        a.to = INT64_MAX;
        a.seq = roll(2);
        fill(gw_iq_msg_types[a.type], &a.hello, &nfields);
        EQ(gw_iq_json_write(&a, &text, &len), 0);
        EQ(gw_iq_json_read((struct gw_span){ text, len }, &b, why, sizeof(why)), 0);
        MEM_EQ(&a, &b, sizeof(a));
        gw_iq_json_free(text, len);
    }
}

/* ---- the table and the structs ---- */

/* Octets that no field covers, but for padding, are a field that was forgotten. */
static unsigned uncovered(const struct gw_iq_type *type)
{
    uint8_t *seen = calloc(1, type->size);
    unsigned n = 0;

    for (const struct gw_iq_field *f = type->fields; f->name; f++) {
        unsigned len = f->size * (f->max ? f->max : 1u);
        memset(seen + f->offset, 1, len);
        if (f->kind == GW_IQ_F_OCTETS || (f->max && f->count != GW_IQ_F_ALL))
            memset(seen + f->count, 1, f->count_size);
    }
    for (size_t i = 0; i < type->size; i++)
        n += !seen[i];
    free(seen);
    return n;
}

static void check_type(const struct gw_iq_type *type)
{
    if (uncovered(type) > 7 + 3) /* what alignment may leave between and behind */
        gw_test_fail(__FILE__, __LINE__, "%s has %u octets that are no field", type->name, uncovered(type));
    for (const struct gw_iq_field *f = type->fields; f->name; f++)
        if (f->kind == GW_IQ_F_OBJECT)
            check_type(f->type);
}

TEST(iq_json_knows_every_field_of_every_struct)
{
    for (unsigned i = 0; i <= GW_IQ_CONTEXTS; i++)
        check_type(gw_iq_msg_types[i]);
}

/* ---- what it looks like, and what is refused ---- */

TEST(iq_json_of_a_request_is_short_and_legible)
{
    char *text = NULL;
    size_t len = 0;

    memset(&a, 0, sizeof(a));
    a.type = GW_IQ_REQUEST;
    a.from = 5;
    a.to = 6;
    a.request.txn = 7;
    a.request.nterms = 1;
    a.request.terms[0].id = 1;
    a.request.terms[0].realm = GW_IQ_CORE;
    a.request.terms[0].family = 4;
    EQ(gw_addr_parse("192.0.2.1:4000", &a.request.terms[0].remote_rtp), 0);
    EQ(gw_iq_json_write(&a, &text, &len), 0);
    STR_EQ(text,
           "{\"iq\":1,\"type\":\"request\",\"from\":5,\"to\":6,\"seq\":0,\"request\":{\"txn\":7,\"terms\":[{\"id\":1,"
           "\"realm\":\"core\",\"family\":4,\"remote_rtp\":\"192.0.2.1:4000\"}]}}");
    gw_iq_json_free(text, len);
}

TEST(iq_json_ignores_unknown_fields_and_defaults_missing_ones)
{
    EQ(read_text("{\"iq\":1,\"type\":\"request\",\"later\":[1],\"request\":{\"txn\":3,\"colour\":\"red\"}}"), 0);
    EQ(b.type, GW_IQ_REQUEST);
    EQ(b.request.txn, 3);
    EQ(b.request.op, GW_IQ_RESERVE);
    EQ(b.from, 0);
    EQ(read_text("{\"iq\":1,\"type\":\"hello\"}"), 0);
    EQ(b.type, GW_IQ_HELLO);
    EQ(b.hello.limit, 0);
}

TEST(iq_json_refuses_wrong_types_and_names_the_field)
{
    static const struct {
        const char *body, *why;
        int err;
    } rows[] = {
        { "{\"txn\":\"3\"}", "request.txn: not a whole number", GW_E_TYPE },
        { "{\"txn\":1.5}", "request.txn: not a whole number", GW_E_TYPE },
        { "{\"txn\":-1}", "request.txn: out of range", GW_E_RANGE },
        { "{\"op\":\"explode\"}", "request.op: no such word", GW_E_RANGE },
        { "{\"op\":1}", "request.op: not a string", GW_E_TYPE },
        { "{\"call\":\"0123456789012345678901234\"}", "request.call: too long", GW_E_RANGE },
        { "{\"is_emergency\":1}", "request.is_emergency: neither true nor false", GW_E_TYPE },
        { "{\"terms\":{}}", "request.terms: not a list", GW_E_TYPE },
        { "{\"terms\":[1]}", "request.terms: not an object", GW_E_TYPE },
        { "{\"terms\":[{\"id\":256}]}", "term.id: out of range", GW_E_RANGE },
        { "{\"terms\":[{\"remote_rtp\":\"nowhere\"}]}", "term.remote_rtp: not ADDRESS:PORT", GW_E_RANGE },
        { "{\"terms\":[{\"local\":{\"key\":\"0g\"}}]}", "crypto.key: not so many octets in hexadecimal digits",
          GW_E_RANGE },
        { "{\"terms\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}", "request.terms: too many", GW_E_RANGE },
        { "[]", "message.request: not an object", GW_E_TYPE },
    };
    char text[512];

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), "{\"iq\":1,\"type\":\"request\",\"request\":%s}", rows[i].body);
        memset(&b, 0x5a, sizeof(b));
        EQ(read_text(text), rows[i].err);
        STR_EQ(why, rows[i].why);
        EQ(b.type, 0x5a); /* nothing was written */
    }
    EQ(read_text("{\"iq\":2,\"type\":\"hello\"}"), GW_E_UNSUPPORTED);
    EQ(read_text("{\"type\":\"hello\"}"), GW_E_TYPE);
    EQ(read_text("{\"iq\":1,\"type\":\"goodbye\"}"), GW_E_RANGE);
    EQ(read_text("{\"iq\":1,\"type\":\"hello\",\"type\":\"hello\"}"), GW_E_SYNTAX);
    EQ(read_text("{\"iq\":1,\"type\":\"hello\",\"from\":-1}"), GW_E_TYPE);
    EQ(read_text("[]"), GW_E_TYPE);
    EQ(read_text(""), GW_E_SYNTAX);
}

TEST(iq_json_does_not_write_what_no_reader_would_take)
{
    char *text = NULL;
    size_t len = 0;

    memset(&a, 0, sizeof(a));
    a.type = GW_IQ_REQUEST;
    a.request.nterms = GW_IQ_TERMS + 1;
    EQ(gw_iq_json_write(&a, &text, &len), GW_E_INVAL);
    a.request.nterms = 1;
    a.request.terms[0].security = 9;
    EQ(gw_iq_json_write(&a, &text, &len), GW_E_INVAL);
    a.request.terms[0].security = 0;
    memcpy(a.request.call, "\xff", 2);
    EQ(gw_iq_json_write(&a, &text, &len), GW_E_INVAL);
    a.request.call[0] = 0;
    a.request.ctx = UINT64_MAX;
    EQ(gw_iq_json_write(&a, &text, &len), GW_E_INVAL);
    CHECK(text == NULL);
}
