#include "paper.h"

#include <errno.h>
#include <png.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tiffio.h>
#include <unistd.h>

enum { WIDTH = 1728, ROWS = 1143 /* of A4 at standard resolution: 204 by 98 to the inch */, TALLEST = 4400 };

/* ---- the tray ---- */

int gw_demo_tray_open(struct gw_demo_tray *t, const char *dir)
{
    *t = (struct gw_demo_tray){ .next = 1 };
    if (snprintf(t->dir, sizeof(t->dir), "%s", dir) >= (int)sizeof(t->dir))
        return GW_E_LIMIT;
    return mkdir(dir, 0700) == 0 || errno == EEXIST ? 0 : GW_E_IO;
}

void gw_demo_tray_next(struct gw_demo_tray *t, char path[GW_DEMO_PATH])
{
    unsigned n = t->next++;

    if (n > GW_DEMO_DOCUMENTS) {
        snprintf(path, GW_DEMO_PATH, "%s/fax-%u.tif", t->dir, n - GW_DEMO_DOCUMENTS);
        (void)!unlink(path);
        for (int page = 1; page <= GW_DEMO_PAGES; page++) {
            snprintf(path, GW_DEMO_PATH, "%s/fax-%u-%d.png", t->dir, n - GW_DEMO_DOCUMENTS, page);
            (void)!unlink(path);
        }
    }
    snprintf(path, GW_DEMO_PATH, "%s/fax-%u.tif", t->dir, n);
}

/* ---- pictures ---- */

/* Pages of standard resolution have pixels twice as high as wide: each row is written twice then. */
static int show_page(TIFF *f, const char *name)
{
    uint32_t width = 0, rows = 0;
    uint16_t light = PHOTOMETRIC_MINISWHITE;
    float dpi = 0;
    unsigned times;
    uint8_t *picture, *row;
    png_image png = { .version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_GRAY };
    int ok;

    TIFFGetField(f, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(f, TIFFTAG_IMAGELENGTH, &rows);
    TIFFGetField(f, TIFFTAG_PHOTOMETRIC, &light);
    TIFFGetField(f, TIFFTAG_YRESOLUTION, &dpi);
    times = dpi > 0 && dpi < 120 ? 2 : 1;
    if (!width || width > 4 * WIDTH || !rows || rows > TALLEST)
        return GW_E_IO;
    picture = malloc((size_t)width * rows * times);
    row = malloc((size_t)TIFFScanlineSize(f));
    ok = picture && row;
    for (uint32_t y = 0; ok && y < rows; y++) {
        uint8_t *to = picture + (size_t)y * times * width;
        ok = TIFFReadScanline(f, row, y, 0) == 1;
        for (uint32_t x = 0; x < width; x++)
            to[x] = (row[x / 8] >> (7 - x % 8) & 1) == (light == PHOTOMETRIC_MINISWHITE) ? 0 : 255;
        if (times == 2)
            memcpy(to + width, to, width);
    }
    png.width = width;
    png.height = rows * times;
    ok = ok && png_image_write_to_file(&png, name, 0, picture, 0, NULL);
    free(picture);
    free(row);
    return ok ? 0 : GW_E_IO;
}

int gw_demo_paper_show(const char *tiff)
{
    char name[GW_DEMO_PATH];
    size_t stem = strlen(tiff) - strlen(".tif");
    int page = 0, err = 0;
    TIFF *f;

    TIFFSetWarningHandler(NULL); /* spandsp writes tags that libtiff does not know */
    f = TIFFOpen(tiff, "r");
    if (!f)
        return GW_E_IO;
    do {
        snprintf(name, sizeof(name), "%.*s-%d.png", (int)stem, tiff, ++page);
        err = show_page(f, name);
    } while (!err && page < GW_DEMO_PAGES && TIFFReadDirectory(f));
    TIFFClose(f);
    return err ? err : page;
}

/* ---- the test page ---- */

/* Five columns of seven bits for each letter, from the top. */
static const struct {
    char letter;
    uint8_t columns[5];
} letters[] = {
    { 'A', { 0x7e, 0x09, 0x09, 0x09, 0x7e } }, { 'F', { 0x7f, 0x09, 0x09, 0x09, 0x01 } },
    { 'G', { 0x3e, 0x41, 0x49, 0x49, 0x3a } }, { 'I', { 0x00, 0x41, 0x7f, 0x41, 0x00 } },
    { 'M', { 0x7f, 0x02, 0x0c, 0x02, 0x7f } }, { 'S', { 0x26, 0x49, 0x49, 0x49, 0x32 } },
    { 'W', { 0x3f, 0x40, 0x38, 0x40, 0x3f } }, { 'X', { 0x63, 0x14, 0x08, 0x14, 0x63 } },
};

static bool is_letter(const char *text, unsigned x, unsigned y) /* in dots of the font */
{
    unsigned at = x / 6, column = x % 6;

    for (size_t i = 0; at < strlen(text) && column < 5 && y < 7 && i < sizeof(letters) / sizeof(letters[0]); i++)
        if (letters[i].letter == text[at])
            return letters[i].columns[column] >> y & 1;
    return false;
}

static bool is_black(unsigned x, unsigned y)
{
    static const uint8_t shades[4][4] = { { 0, 8, 2, 10 }, { 12, 4, 14, 6 }, { 3, 11, 1, 9 }, { 15, 7, 13, 5 } };

    if (x < 60 || x >= WIDTH - 60 || y < 30 || y >= ROWS - 30)
        return false;
    if (x < 66 || x >= WIDTH - 66 || y < 33 || y >= ROWS - 33)
        return true;
    if (y >= 120 && y < 120 + 7 * 16 && x >= 200)
        return is_letter("IMSGW FAX", (x - 200) / 24, (y - 120) / 16);
    if (y >= 350 && y < 450) /* white to black */
        return (x - 66) * 16 / (WIDTH - 132) > shades[y % 4][x / 2 % 4];
    if (y >= 520 && y < 620) /* lines, finer to the right */
        return x % (40 - (x - 60) / 48) < 2;
    if (y >= 700 && y < 1000) { /* rings */
        int dx = ((int)x - WIDTH / 2) / 2, dy = (int)y - 850;
        return dx * dx + dy * dy < 150 * 150 && (dx * dx + dy * dy) / 900 % 2;
    }
    return false;
}

int gw_demo_paper_draw(const char *tiff)
{
    TIFF *f = TIFFOpen(tiff, "w");
    bool ok = f != NULL;

    if (!f)
        return GW_E_IO;
    TIFFSetField(f, TIFFTAG_IMAGEWIDTH, WIDTH);
    TIFFSetField(f, TIFFTAG_IMAGELENGTH, ROWS);
    TIFFSetField(f, TIFFTAG_BITSPERSAMPLE, 1);
    TIFFSetField(f, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(f, TIFFTAG_COMPRESSION, COMPRESSION_CCITT_T6);
    TIFFSetField(f, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    TIFFSetField(f, TIFFTAG_FILLORDER, FILLORDER_LSB2MSB);
    TIFFSetField(f, TIFFTAG_ROWSPERSTRIP, (uint32_t)-1);
    TIFFSetField(f, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
    TIFFSetField(f, TIFFTAG_XRESOLUTION, 204.0);
    TIFFSetField(f, TIFFTAG_YRESOLUTION, 98.0);
    TIFFSetField(f, TIFFTAG_PAGENUMBER, 0, 1);
    for (unsigned y = 0; ok && y < ROWS; y++) {
        uint8_t row[WIDTH / 8] = { 0 };
        for (unsigned x = 0; x < WIDTH; x++)
            row[x / 8] |= (uint8_t)(is_black(x, y) ? 0x80 >> x % 8 : 0);
        ok = TIFFWriteScanline(f, row, y, 0) == 1;
    }
    TIFFClose(f);
    return ok ? 0 : GW_E_IO;
}
