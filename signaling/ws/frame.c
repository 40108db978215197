#include "frame.h"

#include <stdlib.h>

#include "gateway/base/utf8.h"

void gw_ws_rx_fini(struct gw_ws_rx *rx)
{
    free(rx->message);
    *rx = (struct gw_ws_rx){ 0 };
}

/* Octets of the head that belong to it, as far as is known. */
static unsigned head_len(const struct gw_ws_rx *rx)
{
    unsigned n = 2;

    if (rx->nhead < 2)
        return n;
    if ((rx->head[1] & 0x7f) == 126)
        n += 2;
    else if ((rx->head[1] & 0x7f) == 127)
        n += 8;
    return n + 4; /* the mask: its absence is refused at the second octet */
}

static uint64_t payload_len(const struct gw_ws_rx *rx)
{
    uint64_t n = rx->head[1] & 0x7f;

    if (n == 126)
        return (uint64_t)rx->head[2] << 8 | rx->head[3];
    if (n < 126)
        return n;
    n = 0;
    for (int i = 2; i < 10; i++)
        n = n << 8 | rx->head[i];
    return n;
}

/* The first two octets: all that is against the rules already. */
static int check_start(const struct gw_ws_rx *rx)
{
    uint8_t opcode = rx->head[0] & 0x0f;
    bool is_final = rx->head[0] & 0x80, is_control = opcode & 8;

    if (rx->head[0] & 0x70) /* no extension was negotiated (s. 5.2) */
        return GW_WS_PROTOCOL;
    if (!(rx->head[1] & 0x80)) /* a client masks (s. 5.1) */
        return GW_WS_PROTOCOL;
    if (is_control) /* s. 5.5 */
        return opcode > GW_WS_PONG || !is_final || (rx->head[1] & 0x7f) > 125 ? GW_WS_PROTOCOL : 0;
    if (opcode > GW_WS_BINARY)
        return GW_WS_PROTOCOL;
    if ((opcode == GW_WS_CONT) != (rx->opcode != 0)) /* s. 5.4 */
        return GW_WS_PROTOCOL;
    return 0;
}

static int check_length(const struct gw_ws_rx *rx)
{
    uint8_t form = rx->head[1] & 0x7f;

    if ((form == 126 && rx->left < 126) || (form == 127 && (rx->left < 65536 || rx->left >> 63)))
        return GW_WS_PROTOCOL; /* the shortest form shall be used (s. 5.2) */
    if (!(rx->head[0] & 8) && rx->left > GW_WS_MESSAGE_MAX - rx->len)
        return GW_WS_TOO_BIG;
    return 0;
}

static int reserve(struct gw_ws_rx *rx)
{
    size_t need = rx->len + rx->left + 1;
    uint8_t *p;

    if (need <= rx->capacity)
        return 0;
    p = realloc(rx->message, need);
    if (!p)
        return GW_WS_OVERLOAD;
    rx->message = p;
    rx->capacity = need;
    return 0;
}

static int take_head(struct gw_ws_rx *rx, const uint8_t **p, const uint8_t *end)
{
    int code = 0;

    while (*p < end && rx->nhead < head_len(rx) && !code) {
        rx->head[rx->nhead++] = *(*p)++;
        if (rx->nhead == 2)
            code = check_start(rx);
    }
    if (code || rx->nhead < head_len(rx))
        return code;
    rx->left = payload_len(rx);
    code = check_length(rx);
    if (!code && !(rx->head[0] & 8)) {
        if (rx->head[0] & 0x0f)
            rx->opcode = rx->head[0] & 0x0f;
        code = reserve(rx);
    }
    rx->is_in_payload = true;
    rx->mask_at = 0;
    rx->ncontrol = 0;
    return code;
}

static void take_payload(struct gw_ws_rx *rx, const uint8_t **p, const uint8_t *end)
{
    const uint8_t *mask = rx->head + rx->nhead - 4;
    size_t n = (size_t)(end - *p) < rx->left ? (size_t)(end - *p) : (size_t)rx->left;
    bool is_control = rx->head[0] & 8;
    uint8_t *to = is_control ? rx->control + rx->ncontrol : rx->message + rx->len;

    for (size_t i = 0; i < n; i++)
        to[i] = (*p)[i] ^ mask[rx->mask_at++ & 3];
    if (is_control)
        rx->ncontrol += (unsigned)n;
    else
        rx->len += n;
    rx->left -= n;
    *p += n;
}

/* Codes that may stand in a Close frame (s. 7.4.1, s. 7.4.2). */
static bool is_close_code(uint16_t code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code < 5000);
}

/* The frame is whole. 0: an event; AGAIN: none yet. */
static int finish_frame(struct gw_ws_rx *rx, struct gw_ws_rx_event *ev, uint16_t *code)
{
    uint8_t opcode = rx->head[0] & 0x0f;
    bool is_final = rx->head[0] & 0x80;

    rx->nhead = 0;
    rx->is_in_payload = false;
    if (opcode & 8) {
        *ev =
            (struct gw_ws_rx_event){ .opcode = opcode, .data = { rx->control, rx->ncontrol }, .code = GW_WS_NO_STATUS };
        if (opcode != GW_WS_CLOSE || rx->ncontrol == 0)
            return 0;
        ev->code = (uint16_t)(rx->control[0] << 8 | rx->control[1]);
        ev->data = (struct gw_span){ rx->control + 2, rx->ncontrol - 2 };
        *code = GW_WS_PROTOCOL;
        if (rx->ncontrol == 1 || !is_close_code(ev->code))
            return GW_E_SYNTAX;
        *code = GW_WS_NOT_UTF8;
        return gw_utf8_is_valid(ev->data) ? 0 : GW_E_SYNTAX;
    }
    if (!is_final)
        return GW_E_AGAIN;
    *ev = (struct gw_ws_rx_event){ .opcode = rx->opcode, .data = { rx->message, rx->len } };
    rx->opcode = 0;
    rx->len = 0; /* the buffer stays for the next */
    *code = GW_WS_NOT_UTF8;
    return ev->opcode == GW_WS_TEXT && !gw_utf8_is_valid(ev->data) ? GW_E_SYNTAX : 0;
}

int gw_ws_rx_next(struct gw_ws_rx *rx, struct gw_span *in, struct gw_ws_rx_event *ev, uint16_t *code)
{
    const uint8_t *p = in->ptr, *end = p + in->len;
    int err = GW_E_AGAIN;

    while (err == GW_E_AGAIN && (p < end || (rx->is_in_payload && rx->left == 0))) {
        if (!rx->is_in_payload) {
            int bad = take_head(rx, &p, end);

            if (bad) {
                *code = (uint16_t)bad;
                err = bad == GW_WS_TOO_BIG ? GW_E_LIMIT : GW_E_SYNTAX;
                break;
            }
        }
        if (!rx->is_in_payload)
            continue;
        take_payload(rx, &p, end);
        if (rx->left == 0)
            err = finish_frame(rx, ev, code);
    }
    *in = (struct gw_span){ p, (size_t)(end - p) };
    return err;
}

size_t gw_ws_frame_head(uint8_t *buf, enum gw_ws_opcode opcode, size_t len)
{
    buf[0] = (uint8_t)(0x80 | opcode);
    if (len < 126) {
        buf[1] = (uint8_t)len;
        return 2;
    }
    if (len < 65536) {
        buf[1] = 126;
        buf[2] = (uint8_t)(len >> 8);
        buf[3] = (uint8_t)len;
        return 4;
    }
    buf[1] = 127;
    for (int i = 0; i < 8; i++)
        buf[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    return 10;
}
