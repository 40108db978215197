/* linphone's real-time text (mediastreamer2) as an independent peer: RTP text with redundancy, RFC 4103.
 *   ms_rtt PORT PEER-PORT T140 RED    payload types; RED 0: no redundancy
 * What comes on standard input is typed, character by character; what is received goes to standard output, both UTF-8.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bctoolbox/logging.h>
#include <mediastreamer2/mediastream.h>
#include <mediastreamer2/msrtt4103.h>

static volatile sig_atomic_t has_ended;

static void on_signal(int number)
{
    (void)number;
    has_ended = 1;
}

static void put(uint32_t c)
{
    static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
    unsigned n = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

    putchar((int)(lead[n] | c >> 6 * n));
    while (n--)
        putchar((int)(0x80 | (c >> 6 * n & 0x3f)));
    fflush(stdout);
}

static void on_character(void *arg, MSFilter *f, unsigned int event, void *data)
{
    (void)arg;
    (void)f;
    if (event == MS_RTT_4103_RECEIVED_CHAR)
        put(((RealtimeTextReceivedCharacter *)data)->character);
}

/* The next character of standard input, 0: none now. */
static uint32_t get(void)
{
    unsigned char c;
    uint32_t v;
    unsigned more;

    if (read(STDIN_FILENO, &c, 1) != 1)
        return 0;
    more = c < 0xc0 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    v = more ? c & (0x3fu >> more) : c;
    while (more && read(STDIN_FILENO, &c, 1) == 1) {
        v = v << 6 | (c & 0x3f);
        more--;
    }
    return v;
}

static void add(RtpProfile *profile, int pt, const PayloadType *type)
{
    PayloadType *t = payload_type_clone(type);

    payload_type_set_flag(t, PAYLOAD_TYPE_FLAG_CAN_SEND | PAYLOAD_TYPE_FLAG_CAN_RECV); /* else it is not found */
    rtp_profile_set_payload(profile, pt, t);
}

int main(int argc, char **argv)
{
    MSFactory *factory = ms_factory_new_with_voip();
    RtpProfile *profile = rtp_profile_new("text");
    int port = argc == 5 ? atoi(argv[1]) : 0, peer = argc == 5 ? atoi(argv[2]) : 0, red;
    TextStream *stream;

    if (!port) {
        fprintf(stderr, "usage: ms_rtt PORT PEER-PORT T140 RED\n");
        return 2;
    }
    red = atoi(argv[4]);
    bctbx_set_log_level(NULL, BCTBX_LOG_FATAL); /* it would go to standard output */
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    add(profile, atoi(argv[3]), &payload_type_t140);
    if (red)
        add(profile, red, &payload_type_t140_red);
    stream = text_stream_new2(factory, "127.0.0.1", port, port + 1);
    text_stream_start(stream, profile, "127.0.0.1", peer, "127.0.0.1", peer + 1, red ? red : atoi(argv[3]));
    ms_filter_add_notify_callback(stream->rttsink, on_character, NULL, TRUE);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    fprintf(stderr, "ready\n");
    while (!has_ended) {
        struct pollfd p = { STDIN_FILENO, POLLIN, 0 };
        uint32_t c;

        if (poll(&p, 1, 50) > 0) {
            while ((c = get()))
                text_stream_putchar32(stream, c);
            if (p.revents & POLLHUP)
                has_ended = 1;
        }
        text_stream_iterate(stream);
    }
    text_stream_stop(stream);
    rtp_profile_destroy(profile);
    ms_factory_destroy(factory);
    return 0;
}
