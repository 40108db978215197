#include "tls_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Appends the file to fd. */
static int append(int fd, const char *path)
{
    char buf[4096];
    FILE *f = fopen(path, "r");
    size_t n;
    int err = 0;

    if (!f)
        return GW_E_NOTFOUND;
    while (!err && (n = fread(buf, 1, sizeof(buf), f)) > 0)
        err = write(fd, buf, n) == (ssize_t)n ? 0 : GW_E_IO;
    fclose(f);
    return err;
}

static int join(const char *dir, const char *name, const char *a, const char *b)
{
    char path[128];
    int fd, err;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return GW_E_IO;
    err = append(fd, a);
    if (!err && b)
        err = append(fd, b);
    close(fd);
    return err;
}

int gw_sip_tls_dir_new(const struct gw_conf *conf, char **out)
{
    char *dir = strdup("/tmp/imsgw-tls-XXXXXX");
    int err;

    if (!dir)
        return GW_E_NOMEM;
    if (!mkdtemp(dir)) {
        free(dir);
        return GW_E_IO;
    }
    err = join(dir, "agent.pem", conf->tls_cert, *conf->tls_key ? conf->tls_key : NULL);
    if (!err)
        err = join(dir, "cafile.pem", *conf->sips_ca ? conf->sips_ca : conf->tls_cert, NULL);
    if (err)
        gw_sip_tls_dir_free(dir);
    else
        *out = dir;
    return err;
}

void gw_sip_tls_dir_free(char *dir)
{
    static const char *const names[] = { "agent.pem", "cafile.pem" };
    char path[128];

    if (!dir)
        return;
    for (unsigned i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
    free(dir);
}
