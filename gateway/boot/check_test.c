#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "gateway/boot/check.h"

static void finds(const char *text, const char *problems)
{
    struct gw_conf *c = NULL;
    char why[512] = "", *out = NULL;
    size_t len;
    FILE *f = open_memstream(&out, &len);

    EQ(gw_conf_parse("gw.conf", text, strlen(text), &c, why, sizeof(why)), 0);
    STR_EQ(why, "");
    if (c)
        EQ(gw_conf_check(c, f) == 0, *problems == 0);
    fclose(f);
    STR_EQ(out, problems);
    gw_conf_free(c);
    free(out);
}

#define IPS "; accepted: at most 16 values separated by blanks or commas\n"
#define ADDR "; accepted: ADDRESS:PORT or [IPV6]:PORT, port 0 to 65535\n"
#define TEXT "; accepted: text of at most 2047 octets\n"

TEST(the_defaults_have_no_problem)
{
    finds("", "");
}

TEST(media_addresses_are_literals_one_per_family)
{
    finds("access_address = 192.0.2.1 2001:db8::1\ncore_address = 10.0.0.1", "");
    finds("core_address = ::\ncore_advertise = 2001:db8::7", "");
    finds("core_address = 10.0.0.1\ncore_advertise = 2001:db8::7",
          "gw.conf:2: core_advertise: \"2001:db8::7\" is not of the family of \"10.0.0.1\" in core_address" IPS);
    finds("access_address = gw.example", "gw.conf:1: access_address: \"gw.example\" is not an IP address" IPS);
    finds("core_address = 10.0.0.1 10.0.0.2",
          "gw.conf:1: core_address: \"10.0.0.2\" is a second address of its family" IPS);
    finds("core_address =", "gw.conf:1: core_address: empty: media needs an address" IPS);
    finds("core_address = ::",
          "gw.conf:1: core_address: \"::\" cannot be written into SDP; name it in core_advertise" IPS);
    finds("core_networks =", "gw.conf:1: core_networks: empty: no call could have media; accepted: at most 16 networks "
                             "ADDRESS/BITS separated by blanks or commas\n");
}

TEST(advertised_addresses_match_the_own_ones)
{
    finds("access_address = 0.0.0.0\naccess_advertise = 192.0.2.1\ncore_address = 10.0.0.1\ncore_port_max = 39998", "");
    finds("access_address = 10.0.0.5\naccess_advertise = 2001:db8::1",
          "gw.conf:2: access_advertise: \"2001:db8::1\" is not of the family of \"10.0.0.5\" in access_address" IPS);
    finds("access_address = 10.0.0.5 fd00::1\naccess_advertise = 192.0.2.1",
          "gw.conf:2: access_advertise: 1 addresses for the 2 of access_address" IPS);
    finds("access_address = 0.0.0.0",
          "gw.conf:1: access_address: \"0.0.0.0\" cannot be written into SDP; name it in access_advertise" IPS);
}

TEST(port_ranges_do_not_overlap_on_one_address)
{
    finds("core_port_min = 30000\ncore_port_max = 30000", "gw.conf:2: core_port_max: below core_port_min 30000 + 1: no "
                                                          "room for RTP and RTCP; accepted: 1025 to 65535 port\n");
    finds("workers = 4\naccess_port = 39998", "gw.conf:2: access_port: 39998 to 40001 overlaps core_port_min 20000 to "
                                              "core_port_max 39999 on the same address; accepted: 1 to 65535 port\n");
    finds("workers = 4\naccess_port = 39998\naccess_address = 192.0.2.1\ncore_address = 10.0.0.1", "");
    finds("workers = 4\naccess_port = 65533",
          "gw.conf:2: access_port: 4 workers need the ports up to 65536, past 65535; accepted: 1 to 65535 port\n");
    finds("sip_listen = 127.0.0.1:30000",
          "gw.conf:1: sip_listen: port lies in core_port_min 20000 to core_port_max 39999 on the same address" ADDR);
    finds("sip_listen = [::]:40000",
          "gw.conf:1: sip_listen: port is among the ports of the workers, 40000 to 40000, on the "
          "same address" ADDR);
}

TEST(listeners_do_not_share_a_port)
{
    finds("wss_listen = 0.0.0.0:5060", "gw.conf:1: wss_listen: the same address and port as sip_listen" ADDR);
    finds("wss_listen = 127.0.0.1:443\nws_listen = 127.0.0.1:443",
          "gw.conf:2: ws_listen: the same address and port as wss_listen" ADDR);
    finds("wss_listen = 127.0.0.1:443\nws_listen = 127.0.0.2:443", "");
    finds("wss_listen = 127.0.0.1:443\nadmin_listen = 127.0.0.1:443",
          "gw.conf:2: admin_listen: the same address and port as wss_listen" ADDR);
    finds("admin_token = short", "gw.conf:1: admin_token: shorter than 16 characters" TEXT);
    finds("console_root = /nonexistent", "gw.conf:1: console_root: /nonexistent: No such file or directory" TEXT);
    finds("wss_listen = 0.0.0.0:443\nwss_listen_more = [::]:443", "");
    finds("wss_listen = 0.0.0.0:443\nwss_listen_more = 10.0.0.1:443",
          "gw.conf:2: wss_listen_more: the same address and port as wss_listen" IPS);
    finds("wss_listen = 0.0.0.0:0", "gw.conf:1: wss_listen: port 0 as in ws_listen: no browser could connect" ADDR);
}

TEST(names_are_names)
{
    finds("domain = a b", "gw.conf:1: domain: \"a b\" is not a host name" TEXT);
    finds("core_route = sip:icscf.example.org;lr", "");
    finds("core_route = icscf.example.org", "gw.conf:1: core_route: \"icscf.example.org\" is not a SIP URI such as "
                                            "sip:icscf.example.org:5060;lr" TEXT);
}

TEST(all_problems_are_told_at_once)
{
    finds("domain =\ncore_address =\n", "gw.conf:1: domain: \"\" is not a host name" TEXT
                                        "gw.conf:2: core_address: empty: media needs an address" IPS);
}

TEST(certificate_and_key_come_together_and_are_read)
{
    char text[256], want[512], path[] = "/tmp/check_test.XXXXXX";
    int fd = mkstemp(path);

    finds("tls_key = /nonexistent.pem", "default: tls_cert: empty, but tls_key is not" TEXT);
    finds("tls_cert = /nonexistent.pem", "gw.conf:1: tls_cert: /nonexistent.pem: No such file or directory" TEXT);
    finds("tls_cert = /nonexistent.pem\ntls_key = /x.pem",
          "gw.conf:1: tls_cert: /nonexistent.pem: No such file or directory" TEXT);
    snprintf(text, sizeof(text), "tls_cert = %s\ntls_key = %s", path, path);
    finds(text, "gw.conf:1: tls_cert: no PEM certificate in the file" TEXT);
    close(fd);
    unlink(path);
    snprintf(want, sizeof(want), "gw.conf:1: call_record_file: /nonexistent/x: No such file or directory" TEXT);
    finds("call_record_file = /nonexistent/x", want);
}

TEST(suites_are_known_ones)
{
    finds("core_crypto = AES_256_CM_HMAC_SHA1_80", "");
    finds("srtp_profiles = AES_256_CM_HMAC_SHA1_80",
          "gw.conf:1: srtp_profiles: \"AES_256_CM_HMAC_SHA1_80\" is not a suite known here" IPS);
    finds("mediasec = sdes-srtp@IEEE-802.11@DSL dtls-srtp", "");
    finds("mediasec = sdes", "gw.conf:1: mediasec: \"sdes\" is not a kind of media security known here" IPS);
    finds("core_crypto = NULL", "gw.conf:1: core_crypto: \"NULL\" is not a suite known here" IPS);
    finds("srtp_profiles =", "gw.conf:1: srtp_profiles: empty: no media could be protected" IPS);
}

TEST(sip_over_tls_needs_a_certificate)
{
    finds("sips_listen = 10.0.0.1:5061", "gw.conf:1: sips_listen: needs tls_cert" ADDR);
    finds("sip_listen_more = 2001:db8::1", "gw.conf:1: sip_listen_more: \"2001:db8::1\" is not ADDRESS:PORT" IPS);
}

TEST(iq_roles_apart_need_certificates_and_each_other)
{
    finds("role = pcscf\niq_agws = agw.example\niq_ca = /nowhere",
          "gw.conf:2: iq_agws: \"agw.example\" is not ADDRESS:PORT" IPS "default: iq_cert: empty: both sides prove who "
          "they are" TEXT "gw.conf:3: iq_ca: /nowhere: No such file or directory" TEXT);
    finds("role = agw\niq_cert = /dev/null\niq_ca = /dev/null",
          "default: iq_listen: port 0, but role is agw: nobody could tell it what to do" ADDR
          "gw.conf:2: iq_cert: no PEM certificate in the file" TEXT);
    finds("role = pcscf\niq_cert = /dev/null\niq_ca = /dev/null",
          "default: iq_agws: empty, but role is pcscf: no call could have media" IPS
          "gw.conf:2: iq_cert: no PEM certificate in the file" TEXT);
}
