/* Debian's Kamailio with its WebSocket and rtpengine modules, one worker each, and rtpengine with one media thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/stack.h"

enum { MAX = 64 };

static pid_t kamailio, rtpengine, children[MAX];
static unsigned nchildren;

static const char script[] =
    "debug=0\nlog_stderror=yes\nfork=yes\nchildren=1\ntcp_children=1\ntcp_max_connections=60000\ntcp_connection_"
    "lifetime=3700\n"
    "tcp_accept_no_cl=yes\nmpath=\"/usr/lib/x86_64-linux-gnu/kamailio/modules/\"\n"
    "loadmodule \"tm.so\"\nloadmodule \"sl.so\"\nloadmodule \"rr.so\"\nloadmodule \"pv.so\"\nloadmodule \"maxfwd.so\"\n"
    "loadmodule \"textops.so\"\nloadmodule \"siputils.so\"\nloadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n"
    "loadmodule \"nathelper.so\"\nloadmodule \"xhttp.so\"\nloadmodule \"websocket.so\"\nloadmodule \"rtpengine.so\"\n"
    "modparam(\"rtpengine\", \"rtpengine_sock\", \"udp:127.0.0.1:22680\")\n"
    "modparam(\"nathelper|registrar\", \"received_avp\", \"$avp(received)\")\n"
    "modparam(\"websocket\", \"keepalive_mechanism\", 0)\n"
    "request_route {\n"
    "  if (!mf_process_maxfwd_header(\"10\")) { sl_send_reply(\"483\", \"Too Many Hops\"); exit; }\n"
    "  force_rport();\n"
    "  if (has_totag()) {\n"
    "    loose_route();\n"
    "    if (is_method(\"BYE\")) rtpengine_delete();\n"
    "    t_relay(); exit;\n"
    "  }\n"
    "  if (is_method(\"REGISTER\")) { fix_nated_register(); save(\"location\"); exit; }\n"
    "  if (is_method(\"INVITE\")) {\n"
    "    record_route();\n"
    "    rtpengine_offer(\"replace-origin ICE=remove RTP/AVP rtcp-mux-demux\");\n"
    "    t_on_reply(\"ANSWER\");\n"
    "    $du = \"sip:127.0.0.1:CORE\";\n"
    "    t_relay(); exit;\n"
    "  }\n"
    "  sl_send_reply(\"405\", \"Method Not Allowed\");\n"
    "}\n"
    "onreply_route[ANSWER] {\n"
    "  if (t_check_status(\"(183)|(2[0-9][0-9])\") && has_body(\"application/sdp\"))\n"
    "    rtpengine_answer(\"replace-origin ICE=force UDP/TLS/RTP/SAVPF DTLS=passive\");\n"
    "}\n"
    "event_route[xhttp:request] {\n"
    "  if ($hdr(Upgrade) =~ \"websocket\" && ws_handle_handshake()) exit;\n"
    "  xhttp_reply(\"404\", \"Not Found\", \"\", \"\");\n"
    "}\n";

static int write_files(const struct stack_conf *c)
{
    char path[300], core[16];
    const char *at = strstr(script, "CORE");
    FILE *f;

    snprintf(path, sizeof(path), "%s/kamailio.cfg", c->dir);
    f = fopen(path, "w");
    if (!f)
        return -1;
    snprintf(core, sizeof(core), "%u", c->core_port);
    fprintf(f, "listen=%s:127.0.0.1:%u\nlisten=udp:127.0.0.1:%u\n", c->has_tls ? "tls" : "tcp", c->ws_port,
            c->core_port + 1);
    if (c->has_tls)
        fprintf(
            f,
            "enable_tls=yes\nloadmodule \"/usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so\"\n"
            "modparam(\"tls\", \"certificate\", \"%s/tls.pem\")\nmodparam(\"tls\", \"private_key\", \"%s/tls.pem\")\n"
            "modparam(\"tls\", \"tls_method\", \"TLSv1.2+\")\n",
            c->dir, c->dir);
    fprintf(f, "%.*s%s%s", (int)(at - script), script, core, at + 4);
    fclose(f);
    if (c->has_tls) {
        char text[1000];
        snprintf(
            text, sizeof(text),
            "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench "
            "-keyout key.pem -out cert.pem 2>/dev/null && cat cert.pem key.pem > tls.pem",
            c->dir);
        return system(text);
    }
    return 0;
}

static void find_children(void)
{
    char path[64];
    int pid;
    FILE *f;

    nchildren = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", kamailio, kamailio);
    f = fopen(path, "r");
    while (f && nchildren < MAX && fscanf(f, "%d", &pid) == 1)
        children[nchildren++] = pid;
    if (f)
        fclose(f);
}

static void stop(void)
{
    stack_kill(kamailio);
    stack_kill(rtpengine);
    kamailio = rtpengine = 0;
    nchildren = 0;
}

static int start(const struct stack_conf *c)
{
    char path[300], log[300], run[300], pid[320];

    if (write_files(c) != 0)
        return -1;
    snprintf(log, sizeof(log), "%s/rtpengine.log", c->dir);
    rtpengine = stack_spawn(c->core, log,
                            (char *[]){ "rtpengine", "--config-file=none", "--table=-1", "--interface=127.0.0.1",
                                        "--listen-ng=127.0.0.1:22680", "--num-threads=1", "--port-min=40000",
                                        "--port-max=62000", "--foreground", "--log-stderr", "--log-level=1",
                                        "--delete-delay=0", "--timeout=3600", "--silent-timeout=3600", NULL });
    usleep(500000); /* Kamailio asks it at its start */
    snprintf(path, sizeof(path), "%s/kamailio.cfg", c->dir);
    snprintf(log, sizeof(log), "%s/kamailio.log", c->dir);
    snprintf(run, sizeof(run), "%s/run", c->dir);
    snprintf(pid, sizeof(pid), "%s/pid", c->dir);
    unlink(pid);
    mkdir(run, 0700);
    kamailio = stack_spawn(
        c->core, log,
        (char *[]){ "kamailio", "-DD", "-E", "-f", path, "-m", "4000", "-M", "64", "-Y", run, "-P", pid, NULL });
    if (rtpengine <= 0 || kamailio <= 0 || !stack_listens(c->ws_port, 8000)) {
        stop();
        return -1;
    }
    return 0;
}

static pid_t pids(unsigned i)
{
    if (i == 0)
        find_children(); /* they come one after the other */
    return i == 0 ? rtpengine : i == 1 ? kamailio : i - 2 < nchildren ? children[i - 2] : 0;
}

const struct stack stack_kamailio = { "Kamailio + rtpengine", start, pids, stop };
