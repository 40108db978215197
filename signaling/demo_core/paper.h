/* The paper of the fax machine: a test page, and a tray of received documents as TIFF and PNG. Thread: the demo core's.
 */
#ifndef GW_DEMO_PAPER_H
#define GW_DEMO_PAPER_H

#include <stddef.h>

#include "gateway/base/err.h"

enum { GW_DEMO_DOCUMENTS = 50, GW_DEMO_PAGES = 20, GW_DEMO_PATH = 512 };

struct gw_demo_tray {
    char dir[GW_DEMO_PATH - 64];
    unsigned next; /* number of the next document */
};

/* The directory is made, readable by its owner alone. IO. */
int gw_demo_tray_open(struct gw_demo_tray *t, const char *dir);
/* Name of the next document, and room for it: the oldest one goes when there are GW_DEMO_DOCUMENTS. */
void gw_demo_tray_next(struct gw_demo_tray *t, char path[GW_DEMO_PATH]);
/* A PNG beside the TIFF for each page, "fax-7.tif" becomes "fax-7-1.png" ...; pages written, or IO. */
int gw_demo_paper_show(const char *tiff);
/* A page to be sent: letters, lines and shades. IO. */
int gw_demo_paper_draw(const char *tiff);

#endif
