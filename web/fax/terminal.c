/* A fax terminal for a browser: T.30 and T.38 of spandsp, the pages in memory. Compiled to WebAssembly by web/fax/build; a
 * module serves one call. Everything that JavaScript calls is below under EXPORT; what it is called back for is
 * imported from "host". Pages are 1 bit a pixel, rows of (width + 7) / 8 octets, the leftmost pixel in the highest bit, 1
 * is black. */
#include <spandsp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#include "memfile.h"
#include "t38/pace/fax_pace.h"

#define EXPORT(name) __attribute__((export_name(#name))) name
#define IMPORT(name) __attribute__((import_module("host"), import_name(#name))) name

extern void IMPORT(on_ifp)(const uint8_t *ifp, int len); /* for the other side */
extern void IMPORT(on_phase)(int phase);                 /* 'B' agreed on how to send, 'D' a page is over, 'E' the end */

enum { SENT, RECEIVED, GIVEN }; /* files: to be sent, received, and a TIFF of the user's */

static t38_terminal_state_t *t38;
static t30_state_t *t30;
static struct gw_fax_pace pace;
static uint16_t seq;
static int result = -1;

static int on_tx(t38_core_state_t *core, void *arg, const uint8_t *ifp, int len, int count)
{
    on_ifp(ifp, len); /* once: a data channel loses nothing */
    return 0;
}

static int on_b(t30_state_t *s, void *arg, int what)
{
    on_phase('B');
    return T30_ERR_OK;
}

static int on_d(t30_state_t *s, void *arg, int what)
{
    on_phase('D');
    return T30_ERR_OK;
}

static void on_e(t30_state_t *s, void *arg, int code)
{
    result = code;
    on_phase('E');
}

/* ident: up to 20 characters, in memory of alloc(). rate: 14400, 9600, 4800. */
int EXPORT(term_new)(int is_sender, int has_ecm, int rate, const char *ident)
{
    int modems = T30_SUPPORT_V27TER | (rate > 4800 ? T30_SUPPORT_V29 : 0) | (rate > 9600 ? T30_SUPPORT_V17 : 0);

    t38 = t38_terminal_init(NULL, is_sender, on_tx, NULL);
    if (!t38)
        return -1;
    t30 = t38_terminal_get_t30_state(t38);
    /* reliable and in order, nothing is sent twice; at the pace of a line, as there may be one behind the gateway */
    t38_set_data_transport_protocol(t38_terminal_get_t38_core_state(t38), T38_TRANSPORT_UDPTL);
    t38_set_t38_version(t38_terminal_get_t38_core_state(t38), 0);
    t30_set_tx_ident(t30, ident);
    t30_set_supported_modems(t30, modems);
    t30_set_ecm_capability(t30, has_ecm);
    t30_set_supported_compressions(t30, T30_SUPPORT_T4_1D_COMPRESSION | T30_SUPPORT_T4_2D_COMPRESSION |
                                            T30_SUPPORT_T6_COMPRESSION);
    t30_set_supported_image_sizes(t30, T30_SUPPORT_215MM_WIDTH | T30_SUPPORT_A4_LENGTH | T30_SUPPORT_US_LETTER_LENGTH |
                                           T30_SUPPORT_US_LEGAL_LENGTH | T30_SUPPORT_UNLIMITED_LENGTH);
    t30_set_supported_resolutions(t30, T30_SUPPORT_STANDARD_RESOLUTION | T30_SUPPORT_FINE_RESOLUTION |
                                           T30_SUPPORT_SUPERFINE_RESOLUTION | T30_SUPPORT_R8_RESOLUTION);
    t30_set_phase_b_handler(t30, on_b, NULL);
    t30_set_phase_d_handler(t30, on_d, NULL);
    t30_set_phase_e_handler(t30, on_e, NULL);
    if (is_sender)
        t30_set_tx_file(t30, memfile_name(SENT), -1, -1);
    else
        t30_set_rx_file(t30, memfile_name(RECEIVED), -1);
    return 0;
}

void EXPORT(term_tick)(int samples) /* of 8000 a second; as many as have passed */
{
    gw_fax_pace_tick(&pace, t38, (unsigned)samples);
}

void EXPORT(term_ifp)(const uint8_t *ifp, int len)
{
    gw_fax_pace_heard(&pace);
    t38_core_rx_ifp_packet(t38_terminal_get_t38_core_state(t38), ifp, len, seq++);
}

void EXPORT(term_hang_up)(void)
{
    t30_terminate(t30);
}

/* ---- how it goes ---- */

enum { BIT_RATE, ECM, PAGES_SENT, PAGES_RECEIVED, OCTETS, BAD_ROWS, RESULT, STATUS };

int EXPORT(term_stat)(int which)
{
    t30_stats_t s;

    if (which == RESULT)
        return result;
    t30_get_transfer_statistics(t30, &s);
    switch (which) {
    case BIT_RATE:
        return s.bit_rate;
    case ECM:
        return s.error_correcting_mode;
    case PAGES_SENT:
        return s.pages_tx;
    case PAGES_RECEIVED:
        return s.pages_rx;
    case OCTETS:
        return s.image_size;
    case BAD_ROWS:
        return s.bad_rows;
    default:
        return s.current_status;
    }
}

const char *EXPORT(term_result_text)(int code)
{
    return t30_completion_code_to_str(code);
}

const char *EXPORT(term_remote)(void)
{
    const char *ident = t30_get_rx_ident(t30);

    return ident ? ident : "";
}

/* ---- pages ---- */

void *EXPORT(term_alloc)(int size)
{
    return malloc((size_t)size);
}

void EXPORT(term_free)(void *p)
{
    free(p);
}

/* A page to be sent, behind those that are there. Resolution in pixels to the inch. Returns its octets as sent with MMR. */
int EXPORT(term_page_add)(const uint8_t *rows, int width, int height, int x_dpi, int y_dpi)
{
    size_t octets = (size_t)(width + 7) / 8, before = memfile_size(SENT);
    TIFF *f = TIFFOpen(memfile_name(SENT), before ? "a" : "w");
    int ok = f != NULL;

    if (!f)
        return -1;
    TIFFSetField(f, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(f, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(f, TIFFTAG_BITSPERSAMPLE, 1);
    TIFFSetField(f, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(f, TIFFTAG_COMPRESSION, COMPRESSION_CCITT_T6);
    TIFFSetField(f, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    TIFFSetField(f, TIFFTAG_FILLORDER, FILLORDER_LSB2MSB);
    TIFFSetField(f, TIFFTAG_ROWSPERSTRIP, (uint32_t)-1);
    TIFFSetField(f, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
    TIFFSetField(f, TIFFTAG_XRESOLUTION, (double)x_dpi);
    TIFFSetField(f, TIFFTAG_YRESOLUTION, (double)y_dpi);
    for (int y = 0; ok && y < height; y++)
        ok = TIFFWriteScanline(f, (void *)(rows + octets * (size_t)y), (uint32_t)y, 0) == 1;
    if (ok)
        ok = TIFFWriteDirectory(f) == 1;
    TIFFClose(f);
    return ok ? (int)(memfile_size(SENT) - before) : -1;
}

static TIFF *open_page(int file, int page)
{
    TIFF *f = TIFFOpen(memfile_name(file), "r");

    if (f && TIFFSetDirectory(f, (tdir_t)page) != 1) {
        TIFFClose(f);
        f = NULL;
    }
    return f;
}

enum { WIDTH, HEIGHT, X_DPI, Y_DPI, BITS };

/* Of a received page, or of one of a TIFF that the user gave; -1: there is no such page. */
int EXPORT(term_page_stat)(int file, int page, int which)
{
    uint32_t width = 0, height = 0;
    uint16_t bits = 1, unit = RESUNIT_INCH;
    float x = 204, y = 196;
    TIFF *f = open_page(file, page);

    if (!f)
        return -1;
    TIFFGetField(f, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(f, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetField(f, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetField(f, TIFFTAG_XRESOLUTION, &x);
    TIFFGetField(f, TIFFTAG_YRESOLUTION, &y);
    TIFFGetFieldDefaulted(f, TIFFTAG_RESOLUTIONUNIT, &unit);
    TIFFClose(f);
    if (unit == RESUNIT_CENTIMETER) {
        x *= 2.54f;
        y *= 2.54f;
    }
    switch (which) {
    case WIDTH:
        return (int)width;
    case HEIGHT:
        return (int)height;
    case X_DPI:
        return (int)(x + 0.5f);
    case Y_DPI:
        return (int)(y + 0.5f);
    default:
        return bits;
    }
}

/* Rows of a page of 1 bit; 0, or -1. */
int EXPORT(term_page_rows)(int file, int page, uint8_t *rows)
{
    uint16_t light = PHOTOMETRIC_MINISWHITE;
    uint32_t height = 0;
    size_t octets;
    TIFF *f = open_page(file, page);
    int ok = f != NULL;

    if (!f)
        return -1;
    TIFFGetField(f, TIFFTAG_PHOTOMETRIC, &light);
    TIFFGetField(f, TIFFTAG_IMAGELENGTH, &height);
    octets = (size_t)TIFFScanlineSize(f);
    for (uint32_t y = 0; ok && y < height; y++) {
        uint8_t *row = rows + octets * y;
        ok = TIFFReadScanline(f, row, y, 0) == 1;
        for (size_t i = 0; light != PHOTOMETRIC_MINISWHITE && i < octets; i++)
            row[i] = (uint8_t)~row[i];
    }
    TIFFClose(f);
    return ok ? 0 : -1;
}

/* Any page of a TIFF as RGBA, the uppermost row first; 0, or -1. */
int EXPORT(term_page_rgba)(int file, int page, uint32_t *pixels)
{
    TIFF *f = open_page(file, page);
    uint32_t width = 0, height = 0;
    int ok;

    if (!f)
        return -1;
    TIFFGetField(f, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(f, TIFFTAG_IMAGELENGTH, &height);
    ok = TIFFReadRGBAImageOriented(f, width, height, pixels, ORIENTATION_TOPLEFT, 1);
    TIFFClose(f);
    return ok ? 0 : -1;
}

/* Room for the user's TIFF. */
uint8_t *EXPORT(term_file_put)(int size)
{
    return memfile_put(GIVEN, (size_t)size);
}

/* A file as octets: the TIFF that was received. */
const uint8_t *EXPORT(term_file)(int file)
{
    return memfile_octets(file);
}

int EXPORT(term_file_size)(int file)
{
    return (int)memfile_size(file);
}
