/* Pages of a fax as TIFF files, drawn by a rule, and compared with it pixel by pixel. */
#ifndef FAX_PAGES_H
#define FAX_PAGES_H

void fax_draw(const char *name, unsigned pages);
/* Rows that are not as they were drawn, in all pages; a page too few or too many counts as all of its rows. */
unsigned fax_compare(const char *name, unsigned pages);

#endif
