#include "signaling/pcscf/reginfo.h"

#include "test.h"

/* The shape of RFC 3680 s. 5.3.1 and of TS 24.229: two identities, a contact that the network ended. */
static const char doc[] = "<?xml version=\"1.0\"?>\n"
                          "<!-- network initiated -->\n"
                          "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"1\" state=\"partial\">\n"
                          " <registration aor=\"sip:ann@ims.example\" id=\"a7\" state=\"active\">\n"
                          "  <contact id=\"76\" state=\"terminated\" event=\"deactivated\">\n"
                          "   <uri> sip:u8@k3f9.invalid;transport=ws&amp;x </uri>\n"
                          "  </contact>\n"
                          " </registration>\n"
                          " <registration aor='tel:+4930' id=\"a8\" state=\"terminated\"/>\n"
                          "</reginfo>\n";

TEST(states_of_registrations_and_contacts_are_read)
{
    struct gw_reginfo r;

    EQ(gw_reginfo_parse(gw_span_str(doc), &r), 0);
    EQ(r.n, 3);
    CHECK(!r.entries[0].is_contact && !r.entries[0].is_terminated);
    STR_EQ(r.entries[0].uri, "sip:ann@ims.example");
    CHECK(r.entries[1].is_contact && r.entries[1].is_terminated);
    STR_EQ(r.entries[1].uri, "sip:u8@k3f9.invalid;transport=ws&x");
    CHECK(!r.entries[2].is_contact && r.entries[2].is_terminated);
    STR_EQ(r.entries[2].uri, "tel:+4930");
}

TEST(a_namespace_prefix_changes_nothing)
{
    struct gw_reginfo r;

    EQ(gw_reginfo_parse(gw_span_str("<r:reginfo xmlns:r='x'><r:registration aor='sip:a@b' state='init'/></r:reginfo>"),
                        &r),
       0);
    EQ(r.n, 1);
}

TEST(every_truncation_is_refused)
{
    struct gw_reginfo r;
    size_t whole = strlen(doc) - 1; /* the last line feed is not needed */

    for (size_t n = 0; n < whole; n++)
        CHECK(gw_reginfo_parse((struct gw_span){ doc, n }, &r) != 0);
    EQ(gw_reginfo_parse((struct gw_span){ doc, whole }, &r), 0);
}

TEST(what_is_not_reginfo_is_refused)
{
    struct gw_reginfo r;

    EQ(gw_reginfo_parse(gw_span_str(""), &r), GW_E_SYNTAX);
    EQ(gw_reginfo_parse(gw_span_str("<html></html>"), &r), GW_E_SYNTAX);
    EQ(gw_reginfo_parse(gw_span_str("<reginfo></registration>"), &r), GW_E_SYNTAX);
    EQ(gw_reginfo_parse(gw_span_str("<!DOCTYPE x [<!ENTITY a 'b'>]><reginfo/>"), &r), GW_E_SYNTAX);
    EQ(gw_reginfo_parse(gw_span_str("<reginfo><registration aor='&x;' state='active'/></reginfo>"), &r), GW_E_SYNTAX);
}

TEST(entries_and_depth_are_bounded)
{
    char text[8192] = "<reginfo>";
    struct gw_reginfo r;

    for (int i = 0; i <= GW_REGINFO_ENTRIES; i++)
        strcat(text, "<registration aor='sip:a@b' state='active'/>");
    strcat(text, "</reginfo>");
    EQ(gw_reginfo_parse(gw_span_str(text), &r), GW_E_LIMIT);
    strcpy(text, "<reginfo>");
    for (int i = 0; i < 40; i++)
        strcat(text, "<a>");
    EQ(gw_reginfo_parse(gw_span_str(text), &r), GW_E_LIMIT);
}
