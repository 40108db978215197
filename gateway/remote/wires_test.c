/* Two ends over loopback, each with a certificate made here. */
#include "gateway/remote/wires.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <test.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/control/iq_json.h"

enum { SERVER, CLIENT };

static char dir[] = "/tmp/wires-test-XXXXXX";
static struct end {
    struct gw_tls_trust *trust;
    struct gw_wires *wires;
    unsigned ups, downs, messages, wire;
    bool is_deaf; /* closes on the first message */
    size_t octets;
    char peer[GW_TLS_NAME + 1], why[80], last[64];
} ends[2];
static struct gw_addr at;
static uint64_t now;

/* ---- certificates ---- */

static const char *path(const char *name)
{
    static char paths[4][128];
    static unsigned n;
    char *p = paths[n++ % 4];

    snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
    return p;
}

/* by NULL: an authority. A file has the certificate and its key. */
static void certificate(const char *name, const char *by, long from_s, long to_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *signer = key;
    X509 *x = X509_new(), *issuer = x;
    FILE *f;

    if (by) {
        f = fopen(path(by), "r");
        issuer = PEM_read_X509(f, NULL, NULL, NULL);
        signer = PEM_read_PrivateKey(f, NULL, NULL, NULL);
        fclose(f);
    }
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), random());
    X509_gmtime_adj(X509_getm_notBefore(x), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x), to_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    X509_set_pubkey(x, key);
    if (!by) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
    }
    X509_sign(x, signer, EVP_sha256());
    f = fopen(path(name), "w");
    PEM_write_X509(f, x);
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    if (by) {
        X509_free(issuer);
        EVP_PKEY_free(signer);
    }
    X509_free(x);
    EVP_PKEY_free(key);
}

__attribute__((constructor)) static void make_certificates(void)
{
    if (!mkdtemp(dir))
        abort();
    certificate("ca", NULL, -60, 3600);
    certificate("foreign", NULL, -60, 3600);
    certificate("agw.test", "ca", -60, 3600);
    certificate("pcscf.test", "ca", -60, 3600);
    certificate("stranger.test", "ca", -60, 3600);
    certificate("forged.test", "foreign", -60, 3600);
    certificate("old.test", "ca", -7200, -3600);
}

__attribute__((destructor)) static void remove_certificates(void)
{
    static const char *const names[] = { "ca",          "foreign", "agw.test", "pcscf.test", "stranger.test",
                                         "forged.test", "old.test" };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(path(names[i]));
    rmdir(dir);
}

/* ---- two ends ---- */

static void on_up(void *arg, unsigned wire, const char *peer_name)
{
    struct end *e = arg;

    e->ups++;
    e->wire = wire;
    snprintf(e->peer, sizeof(e->peer), "%s", peer_name);
}

static void on_message(void *arg, unsigned wire, struct gw_span text)
{
    struct end *e = arg;

    e->messages++;
    e->octets += text.len;
    snprintf(e->last, sizeof(e->last), "%.*s", (int)text.len, (const char *)text.ptr);
    if (e->is_deaf)
        gw_wires_close(e->wires, wire);
}

static void on_down(void *arg, unsigned wire, bool was_up, const char *why)
{
    struct end *e = arg;

    e->downs++;
    snprintf(e->why, sizeof(e->why), "%s", why);
}

static void open_end(struct end *e, const char *cert, char **names, unsigned n)
{
    struct gw_wire_events events = { on_up, on_message, on_down, e };
    char why[256], file[128];

    memset(e, 0, sizeof(*e));
    snprintf(file, sizeof(file), "%s", path(cert));
    EQ(gw_tls_trust_new(file, file, path("ca"), names, n, &e->trust, why, sizeof(why)), 0);
    EQ(gw_wires_new(e->trust, &events, &e->wires), 0);
}

/* Of loopback, from the kernel. */
static void lend_port(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    EQ(bind(fd, (struct sockaddr *)&in, len), 0);
    EQ(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    EQ(gw_addr_from_sockaddr((struct sockaddr *)&in, &at), 0);
    close(fd);
}

static void begin(const char *server_cert, const char *client_cert)
{
    static char *server_names[] = { "agw.test" }, *client_names[] = { "pcscf.test", "old.test", "forged.test" };

    now = gw_clock_us();
    open_end(&ends[SERVER], server_cert, client_names, 3);
    open_end(&ends[CLIENT], client_cert, server_names, 1);
    for (unsigned tries = 0; tries < 20; tries++) {
        lend_port();
        if (gw_wires_listen(ends[SERVER].wires, &at) == 0)
            return;
        gw_wires_free(ends[SERVER].wires); /* somebody was faster */
        gw_tls_trust_free(ends[SERVER].trust);
        open_end(&ends[SERVER], server_cert, client_names, 3);
    }
    CHECK(!"no port");
}

static void end(void)
{
    for (int i = 0; i < 2; i++) {
        gw_wires_free(ends[i].wires);
        gw_tls_trust_free(ends[i].trust);
    }
}

/* Until nothing happens any more. */
static void run(void)
{
    for (unsigned idle = 0; idle < 3;) {
        struct pollfd p[2] = { { gw_wires_fd(ends[0].wires), POLLIN, 0 }, { gw_wires_fd(ends[1].wires), POLLIN, 0 } };
        idle = poll(p, 2, 30) ? 0 : idle + 1;
        for (int i = 0; i < 2; i++)
            gw_wires_dispatch(ends[i].wires, now);
    }
}

TEST(iq_messages_of_every_size_pass_whole_both_ways)
{
    static char text[GW_IQ_JSON_MAX];
    size_t sum = 0;
    unsigned n = 0;

    begin("agw.test", "pcscf.test");
    EQ(gw_wires_connect(ends[CLIENT].wires, 3, &at, now), 0);
    EQ(gw_wires_send(ends[CLIENT].wires, 3, gw_span_str("too early")), GW_E_STATE);
    run();
    EQ(ends[CLIENT].ups, 1);
    EQ(ends[CLIENT].wire, 3);
    STR_EQ(ends[CLIENT].peer, "agw.test");
    STR_EQ(ends[SERVER].peer, "pcscf.test");
    memset(text, 'x', sizeof(text));
    for (size_t len = 1; len <= sizeof(text);
         len = len < sizeof(text) && len * 3 > sizeof(text) ? sizeof(text) : len * 3) {
        EQ(gw_wires_send(ends[CLIENT].wires, 3, (struct gw_span){ text, len }), 0);
        EQ(gw_wires_send(ends[SERVER].wires, ends[SERVER].wire, (struct gw_span){ text, len }), 0);
        sum += len;
        n++;
    }
    run();
    for (int i = 0; i < 2; i++) {
        EQ(ends[i].messages, n);
        EQ(ends[i].octets, sum);
        EQ(ends[i].downs, 0);
    }
    end();
}

TEST(iq_certificates_that_are_not_to_be_trusted_end_the_connection)
{
    static const struct {
        const char *server, *client;
        bool client_is_up; /* TLS 1.3: it may be up before the server has seen its certificate */
    } rows[] = {
        { "stranger.test", "pcscf.test", false }, { "forged.test", "pcscf.test", false },
        { "old.test", "pcscf.test", false },      { "agw.test", "stranger.test", true },
        { "agw.test", "forged.test", true },      { "agw.test", "old.test", true },
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(rows[i].server, rows[i].client);
        EQ(gw_wires_connect(ends[CLIENT].wires, 0, &at, now), 0);
        run();
        EQ(ends[SERVER].ups, 0);
        EQ(ends[CLIENT].ups, rows[i].client_is_up);
        EQ(ends[SERVER].downs, 1);
        EQ(ends[CLIENT].downs, 1);
        STR_EQ(ends[rows[i].client_is_up ? SERVER : CLIENT].why, "the peer's certificate is not one to be trusted");
        end();
    }
}

TEST(iq_what_is_no_tls_is_closed_and_who_says_nothing_is_closed_in_time)
{
    struct sockaddr_storage ss;
    int fd[2];

    begin("agw.test", "pcscf.test");
    for (int i = 0; i < 2; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
        EQ(connect(fd[i], (struct sockaddr *)&ss, gw_addr_to_sockaddr(&at, &ss)), 0);
    }
    EQ(write(fd[0], "GET / HTTP/1.1\r\n\r\n", 18), 18);
    run();
    EQ(ends[SERVER].downs, 1);
    now += GW_WIRE_HANDSHAKE_S * GW_S;
    run();
    EQ(ends[SERVER].downs, 2);
    STR_EQ(ends[SERVER].why, "no handshake in time");
    close(fd[0]);
    close(fd[1]);
    end();
}

TEST(iq_nobody_listening_is_told_later)
{
    begin("agw.test", "pcscf.test");
    at.port = 1;
    EQ(gw_wires_connect(ends[CLIENT].wires, 0, &at, now), 0);
    run();
    EQ(ends[CLIENT].downs, 1);
    STR_EQ(ends[CLIENT].why, "Connection refused");
    end();
}

TEST(iq_a_callback_may_close_its_connection_and_the_rest_of_what_came_is_dropped)
{
    begin("agw.test", "pcscf.test");
    EQ(gw_wires_connect(ends[CLIENT].wires, 0, &at, now), 0);
    run();
    ends[SERVER].is_deaf = true;
    for (int i = 0; i < 5; i++)
        EQ(gw_wires_send(ends[CLIENT].wires, 0, gw_span_str("one")), 0);
    run();
    EQ(ends[SERVER].messages, 1);
    EQ(ends[SERVER].downs, 0); /* it knows */
    EQ(ends[CLIENT].downs, 1);
    end();
}

TEST(iq_whoever_does_not_read_fills_a_bounded_queue_and_loses_nothing)
{
    static char text[60000];
    unsigned n = 0;

    begin("agw.test", "pcscf.test");
    EQ(gw_wires_connect(ends[CLIENT].wires, 0, &at, now), 0);
    run();
    memset(text, 'x', sizeof(text));
    while (n < 1000 && gw_wires_send(ends[CLIENT].wires, 0, GW_SPAN(text)) == 0)
        n++;
    CHECK(n >= GW_WIRE_QUEUE / sizeof(text) && n < 1000);
    EQ(gw_wires_send(ends[CLIENT].wires, 0, GW_SPAN(text)), GW_E_FULL);
    run();
    EQ(ends[SERVER].messages, n);
    EQ(gw_wires_send(ends[CLIENT].wires, 0, gw_span_str("last")), 0);
    run();
    STR_EQ(ends[SERVER].last, "last");
    end();
}
