/* sofia reads a certificate only from a folder with fixed file names: agent.pem (chain and key) and cafile.pem. This
 * makes one, mode 0700, for as long as it takes to read it. */
#ifndef GW_SIP_TLS_DIR_H
#define GW_SIP_TLS_DIR_H

#include "gateway/base/conf.h"

/* From tls_cert, tls_key and sips_ca. GW_E_NOTFOUND if a file cannot be read, GW_E_IO if the folder cannot be made. */
int gw_sip_tls_dir_new(const struct gw_conf *conf, char **out);
void gw_sip_tls_dir_free(char *dir);

#endif
