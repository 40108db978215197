#include "tests/harness/fax_pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <tiffio.h>

enum { WIDTH = 1728, ROWS = 300 };

static bool is_black(unsigned page, unsigned x, unsigned y)
{
    unsigned dx = (x / 8) % 64, dy = (y + page * 10) % 64;

    return (dx - 32) * (dx - 32) + (dy - 32) * (dy - 32) < 150 + page * 100 || y % 97 == page;
}

void fax_draw(const char *name, unsigned pages)
{
    TIFF *f = TIFFOpen(name, "w");

    for (unsigned page = 0; page < pages; page++) {
        TIFFSetField(f, TIFFTAG_IMAGEWIDTH, WIDTH);
        TIFFSetField(f, TIFFTAG_IMAGELENGTH, ROWS);
        TIFFSetField(f, TIFFTAG_BITSPERSAMPLE, 1);
        TIFFSetField(f, TIFFTAG_SAMPLESPERPIXEL, 1);
        TIFFSetField(f, TIFFTAG_COMPRESSION, COMPRESSION_CCITT_T6);
        TIFFSetField(f, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
        TIFFSetField(f, TIFFTAG_FILLORDER, FILLORDER_LSB2MSB);
        TIFFSetField(f, TIFFTAG_ROWSPERSTRIP, -1L);
        TIFFSetField(f, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
        TIFFSetField(f, TIFFTAG_XRESOLUTION, 204.0);
        TIFFSetField(f, TIFFTAG_YRESOLUTION, 98.0);
        TIFFSetField(f, TIFFTAG_PAGENUMBER, page, pages);
        for (unsigned y = 0; y < ROWS; y++) {
            uint8_t row[WIDTH / 8] = { 0 };
            for (unsigned x = 0; x < WIDTH; x++)
                row[x / 8] |= (uint8_t)(is_black(page, x, y) ? 0x80 >> x % 8 : 0);
            TIFFWriteScanline(f, row, y, 0);
        }
        TIFFWriteDirectory(f);
    }
    TIFFClose(f);
}

unsigned fax_compare(const char *name, unsigned pages)
{
    TIFF *f;
    unsigned wrong = 0, page = 0;

    TIFFSetWarningHandler(NULL); /* spandsp writes tags that libtiff does not know */
    f = TIFFOpen(name, "r");
    if (!f)
        return pages * ROWS;
    do {
        uint32_t width = 0, rows = 0;
        uint16_t light = PHOTOMETRIC_MINISWHITE;
        TIFFGetField(f, TIFFTAG_IMAGEWIDTH, &width);
        TIFFGetField(f, TIFFTAG_IMAGELENGTH, &rows);
        TIFFGetField(f, TIFFTAG_PHOTOMETRIC, &light);
        if (width != WIDTH || page >= pages) {
            wrong += ROWS;
            continue;
        }
        wrong += rows > ROWS ? rows - ROWS : ROWS - rows;
        for (unsigned y = 0; y < rows && y < ROWS; y++) {
            uint8_t row[WIDTH / 8];
            bool is_right = TIFFReadScanline(f, row, y, 0) == 1;
            for (unsigned x = 0; x < WIDTH; x++)
                is_right &=
                    ((row[x / 8] >> (7 - x % 8) & 1) == (light == PHOTOMETRIC_MINISWHITE)) == is_black(page, x, y);
            wrong += !is_right;
        }
        page++;
    } while (TIFFReadDirectory(f));
    TIFFClose(f);
    return wrong + (page < pages ? (pages - page) * ROWS : 0);
}
