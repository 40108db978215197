/* The call record and the operator's views. */
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "call_world.h"
#include "gateway/base/record.h"

static json_t *object(char *text)
{
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;

    free(text);
    CHECK(j != NULL);
    return j;
}

static const char *str(json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));
    return s ? s : "";
}

TEST(a_live_call_can_be_looked_at)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    json_t *list = object(gw_calls_list_json(calls));
    EQ(json_array_size(list), 1);
    json_t *call = json_array_get(list, 0);
    STR_EQ(str(call, "state"), "up");
    STR_EQ(str(call, "caller"), "<sip:ann@ims.example>");
    STR_EQ(str(call, "callee"), "<sip:bob@ims.example>");
    STR_EQ(str(call, "icid"), "icid-1");
    STR_EQ(str(json_object_get(call, "access"), "call_id"), header_of(fake_server_request(a), "Call-ID"));
    STR_EQ(str(json_object_get(call, "core"), "call_id"), header_of(fake_client_request(b), "Call-ID"));
    STR_EQ(str(json_object_get(call, "core"), "state"), "confirmed");
    json_t *one = object(gw_calls_show_json(calls, str(call, "call")));
    CHECK(json_equal(one, call));
    json_decref(one);
    json_decref(list);
    CHECK(gw_calls_show_json(calls, "nobody") == NULL);
    hang_up(a);
    world_close();
}

TEST(each_call_leaves_one_record)
{
    char path[] = "/tmp/call-record-XXXXXX", line[8192];
    int fd = mkstemp(path);
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    EQ(gw_call_record_open(path), 0);
    world_open();
    call_up(&a, &b);
    EQ(fake_status(from_caller(a, "BYE", 8, "Reason: Q.850;cause=16\n", NULL)), 200);
    media(); /* the counters come with the release */
    fake_answer(last_sent("BYE"), 200, "bob", NULL, NULL);
    media();
    struct gw_sip_server *refused = browser_invite("bad", NULL);
    EQ(fake_status(refused), 488);
    world_close();
    gw_call_record_close();

    FILE *f = fdopen(fd, "r");
    CHECK(fgets(line, sizeof(line), f) != NULL);
    json_t *r = json_loads(line, 0, NULL);
    STR_EQ(str(r, "why"), "BYE");
    STR_EQ(str(r, "ended_by"), "access");
    EQ(json_integer_value(json_object_get(r, "cause")), 200);
    CHECK(json_is_string(json_object_get(r, "answered")));
    CHECK(strcmp(str(json_object_get(r, "access"), "call_id"), str(json_object_get(r, "core"), "call_id")) != 0);
    json_t *stream = json_array_get(json_object_get(r, "streams"), 0);
    STR_EQ(str(stream, "security"), "DTLS-SRTP AEAD_AES_128_GCM");
    STR_EQ(str(stream, "core_security"), "SDES AES_CM_128_HMAC_SHA1_80");
    EQ(json_integer_value(json_object_get(json_object_get(stream, "to_access"), "lost")), 1);
    EQ(json_integer_value(json_object_get(json_object_get(stream, "to_core"), "packets")), 50);
    CHECK(json_real_value(json_object_get(stream, "rtt_ms")) == 12.0);
    json_decref(r);
    CHECK(fgets(line, sizeof(line), f) != NULL);
    r = json_loads(line, 0, NULL);
    EQ(json_integer_value(json_object_get(r, "cause")), 488);
    CHECK(json_is_null(json_object_get(r, "answered")));
    json_decref(r);
    CHECK(fgets(line, sizeof(line), f) == NULL);
    fclose(f);
    unlink(path);
}

TEST(a_record_says_what_a_fax_was_worth)
{
    static const struct gw_iq_counters fax[2] = {
        { .id = 2,
          .kind = GW_IQ_IMAGE,
          .dir = { { .packets = 700, .octets = 31000, .recovered = 41, .lost = 2, .dropped = 1, .duration_ms = 42500 },
                   { .packets = 12 } } },
        { .id = 9,
          .is_channel = true,
          .protocol = GW_IQ_T38,
          .dir = { { .packets = 3 }, { .packets = 4, .lost = 5 } } },
    };
    char path[] = "/tmp/call-record-XXXXXX", line[8192];
    int fd = mkstemp(path);
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    EQ(gw_call_record_open(path), 0);
    world_open();
    gw_agw_fake_count(agw, fax, 2);
    call_up(&a, &b);
    EQ(fake_status(from_caller(a, "BYE", 8, "Reason: Q.850;cause=16\n", NULL)), 200);
    media();
    fake_answer(last_sent("BYE"), 200, "bob", NULL, NULL);
    media();
    world_close();
    gw_call_record_close();

    FILE *f = fdopen(fd, "r");
    CHECK(fgets(line, sizeof(line), f) != NULL);
    json_t *r = json_loads(line, 0, NULL), *stream = json_array_get(json_object_get(r, "streams"), 0),
           *channel = json_array_get(json_object_get(r, "channels"), 0), *to_core = json_object_get(stream, "to_core");
    STR_EQ(str(stream, "media"), "fax");
    EQ(json_integer_value(json_object_get(to_core, "ifps")), 700);
    EQ(json_integer_value(json_object_get(to_core, "recovered")), 41);
    EQ(json_integer_value(json_object_get(to_core, "lost")), 2);
    CHECK(json_real_value(json_object_get(to_core, "duration_s")) == 42.5);
    STR_EQ(str(channel, "protocol"), "t38");
    EQ(json_integer_value(json_object_get(json_object_get(channel, "to_access"), "lost")), 5);
    json_decref(r);
    fclose(f);
    unlink(path);
}
