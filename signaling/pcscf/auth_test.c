#include "signaling/pcscf/auth.h"

#include "test.h"

/* REG-004: only we say how the access was protected. */
TEST(received_integrity_protected_is_replaced_by_ours)
{
    char buf[256];

    EQ(gw_auth_protect("Digest username=\"a\", integrity-protected=yes, realm=\"r, x\"", "tls-yes", buf, sizeof(buf)),
       0);
    STR_EQ(buf, "Digest username=\"a\", realm=\"r, x\", integrity-protected=\"tls-yes\"");
    EQ(gw_auth_protect("digest  Integrity-Protected = \"auth-done\" ,nonce=\"\"", NULL, buf, sizeof(buf)), 0);
    STR_EQ(buf, "Digest nonce=\"\"");
}

TEST(other_parameters_stay_octet_for_octet)
{
    char buf[512];
    const char *v = "Digest username=\"a\\\"b,c\", uri=\"sip:ims.example\", response=\"00ff\", qop=auth, nc=00000001";

    EQ(gw_auth_protect(v, NULL, buf, sizeof(buf)), 0);
    STR_EQ(buf, v);
}

TEST(a_name_inside_a_value_is_not_a_parameter)
{
    char buf[256];
    const char *v = "Digest username=\"x, integrity-protected=yes\", realm=\"r\"";

    EQ(gw_auth_protect(v, NULL, buf, sizeof(buf)), 0);
    STR_EQ(buf, v);
}

TEST(credentials_of_another_scheme_are_refused)
{
    char buf[256];

    EQ(gw_auth_protect("Bearer abc", "tls-yes", buf, sizeof(buf)), GW_E_SYNTAX);
    EQ(gw_auth_protect("DigestX a=b", "tls-yes", buf, sizeof(buf)), GW_E_SYNTAX);
    EQ(gw_auth_protect("Digest a=\"b", "tls-yes", buf, sizeof(buf)), GW_E_SYNTAX);
    EQ(gw_auth_protect("", "tls-yes", buf, sizeof(buf)), GW_E_SYNTAX);
}

TEST(what_does_not_fit_is_refused_whole)
{
    char buf[64];
    const char *v = "Digest username=\"a\"";

    for (size_t n = 0; n <= strlen(v); n++)
        EQ(gw_auth_protect(v, NULL, buf, n), GW_E_LIMIT);
    EQ(gw_auth_protect(v, NULL, buf, strlen(v) + 1), 0);
}

TEST(a_parameter_is_read_without_its_quotes)
{
    char buf[32];

    EQ(gw_auth_param("Digest realm=\"r\", username=\"a\\\"b\"", "username", buf, sizeof(buf)), 0);
    STR_EQ(buf, "a\"b");
    EQ(gw_auth_param("Digest qop=auth , nc=1", "qop", buf, sizeof(buf)), 0);
    STR_EQ(buf, "auth");
    EQ(gw_auth_param("Digest nc=1", "nc", buf, 1), GW_E_LIMIT);
    EQ(gw_auth_param("Digest nc=1", "n", buf, sizeof(buf)), GW_E_NOTFOUND);
    EQ(gw_auth_param("Bearer x", "n", buf, sizeof(buf)), GW_E_NOTFOUND);
}
