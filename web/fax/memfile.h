/* The files of the terminal: in memory, a few, named by number. libtiff reaches them by TIFFOpen. */
#ifndef MEMFILE_H
#define MEMFILE_H

#include <stddef.h>
#include <stdint.h>

enum { MEMFILES = 3, MEMFILE_MAX = 32 << 20 };

const char *memfile_name(int file);
size_t memfile_size(int file);
const uint8_t *memfile_octets(int file);
uint8_t *memfile_put(int file, size_t size); /* makes it that long; NULL: too long */

#endif
