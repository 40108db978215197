/* In place of libtiff's tif_unix.c. */
#include "memfile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <tiffiop.h>

static const char *const names[MEMFILES] = { "sent", "received", "given" };

static struct file {
    uint8_t *octets;
    size_t len, size;
} files[MEMFILES];

struct handle {
    struct file *file;
    size_t at;
};

const char *memfile_name(int file)
{
    return names[file];
}

size_t memfile_size(int file)
{
    return files[file].len;
}

const uint8_t *memfile_octets(int file)
{
    return files[file].octets;
}

static int grow(struct file *f, size_t len)
{
    size_t size = f->size ? f->size : 65536;
    uint8_t *more;

    if (len <= f->size)
        return 0;
    if (len > MEMFILE_MAX)
        return -1;
    while (size < len)
        size *= 2;
    more = realloc(f->octets, size);
    if (!more)
        return -1;
    memset(more + f->size, 0, size - f->size);
    f->octets = more;
    f->size = size;
    return 0;
}

uint8_t *memfile_put(int file, size_t size)
{
    if (grow(&files[file], size) != 0)
        return NULL;
    files[file].len = size;
    return files[file].octets;
}

static tsize_t on_read(thandle_t arg, tdata_t buf, tsize_t n)
{
    struct handle *h = (struct handle *)arg;
    size_t left = h->at < h->file->len ? h->file->len - h->at : 0, k = (size_t)n < left ? (size_t)n : left;

    memcpy(buf, h->file->octets + h->at, k);
    h->at += k;
    return (tsize_t)k;
}

static tsize_t on_write(thandle_t arg, tdata_t buf, tsize_t n)
{
    struct handle *h = (struct handle *)arg;

    if (grow(h->file, h->at + (size_t)n) != 0)
        return 0;
    memcpy(h->file->octets + h->at, buf, (size_t)n);
    h->at += (size_t)n;
    if (h->at > h->file->len)
        h->file->len = h->at;
    return n;
}

static toff_t on_seek(thandle_t arg, toff_t to, int whence)
{
    struct handle *h = (struct handle *)arg;

    h->at = (size_t)(whence == SEEK_SET ? to : whence == SEEK_CUR ? h->at + to : h->file->len + to);
    return h->at;
}

static int on_close(thandle_t arg)
{
    free(arg);
    return 0;
}

static toff_t on_size(thandle_t arg)
{
    return ((struct handle *)arg)->file->len;
}

static int on_map(thandle_t arg, tdata_t *base, toff_t *size)
{
    return 0;
}

static void on_unmap(thandle_t arg, tdata_t base, toff_t size)
{
}

TIFF *TIFFOpen(const char *name, const char *mode)
{
    struct handle *h = calloc(1, sizeof(*h));
    TIFF *t;

    for (int i = 0; h && i < MEMFILES; i++)
        if (strcmp(name, names[i]) == 0)
            h->file = &files[i];
    if (!h || !h->file) {
        free(h);
        return NULL;
    }
    if (mode[0] == 'w')
        h->file->len = 0;
    t = TIFFClientOpen(name, mode, (thandle_t)h, on_read, on_write, on_seek, on_close, on_size, on_map, on_unmap);
    if (!t)
        free(h);
    return t;
}

/* ---- what else libtiff asks of a system ---- */

void *_TIFFmalloc(tmsize_t n)
{
    return n ? malloc((size_t)n) : NULL;
}

void *_TIFFcalloc(tmsize_t n, tmsize_t size)
{
    return n && size ? calloc((size_t)n, (size_t)size) : NULL;
}

void _TIFFfree(void *p)
{
    free(p);
}

void *_TIFFrealloc(void *p, tmsize_t n)
{
    return realloc(p, (size_t)n);
}

void _TIFFmemset(void *p, int c, tmsize_t n)
{
    memset(p, c, (size_t)n);
}

void _TIFFmemcpy(void *to, const void *from, tmsize_t n)
{
    memcpy(to, from, (size_t)n);
}

int _TIFFmemcmp(const void *a, const void *b, tmsize_t n)
{
    return memcmp(a, b, (size_t)n);
}

TIFFErrorHandler _TIFFwarningHandler; /* nobody listens */
TIFFErrorHandler _TIFFerrorHandler;

/* spandsp writes it into the TIFF. */
int gethostname(char *name, size_t size)
{
    snprintf(name, size, "imsgw");
    return 0;
}
