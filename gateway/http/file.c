#include "gateway/http/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_OCTETS = 32 * 1024 * 1024 };

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        { ".html", "text/html; charset=utf-8" },
        { ".js", "text/javascript; charset=utf-8" },
        { ".mjs", "text/javascript; charset=utf-8" },
        { ".css", "text/css; charset=utf-8" },
        { ".json", "application/json" },
        { ".map", "application/json" },
        { ".svg", "image/svg+xml" },
        { ".png", "image/png" },
        { ".jpg", "image/jpeg" },
        { ".ico", "image/x-icon" },
        { ".webp", "image/webp" },
        { ".woff2", "font/woff2" },
        { ".wasm", "application/wasm" },
        { ".wav", "audio/wav" },
        { ".mp3", "audio/mpeg" },
        { ".ogg", "audio/ogg" },
        { ".txt", "text/plain; charset=utf-8" },
        { ".pdf", "application/pdf" },
        { ".webmanifest", "application/manifest+json" },
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

/* root/path, with everything resolved, must still be below root. */
static int open_below(const char *root, const char *path, char *full, size_t size)
{
    char wanted[PATH_MAX], base[PATH_MAX], real[PATH_MAX];
    struct stat st;
    size_t n;

    if (strstr(path, "/.") || strchr(path, '\\') || !realpath(root, base))
        return -1;
    if ((size_t)snprintf(wanted, sizeof(wanted), "%s%s", base, path) >= sizeof(wanted) || !realpath(wanted, real))
        return -1;
    if (stat(real, &st) == 0 && S_ISDIR(st.st_mode)) {
        if ((size_t)snprintf(wanted, sizeof(wanted), "%s/index.html", real) >= sizeof(wanted) ||
            !realpath(wanted, real))
            return -1;
    }
    n = strlen(base);
    if (strncmp(real, base, n) != 0 || real[n] != '/' || strlen(real) >= size)
        return -1;
    strcpy(full, real);
    return open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static int read_all(int fd, size_t len, char **out)
{
    char *buf = malloc(len + 1);
    size_t at = 0;

    if (!buf)
        return GW_E_NOMEM;
    while (at < len) {
        ssize_t n = read(fd, buf + at, len - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            free(buf);
            return GW_E_IO;
        }
        at += (size_t)n;
    }
    *out = buf;
    return 0;
}

int gw_http_file(const char *root, const struct gw_http_req *r, struct gw_http_file *out)
{
    char path[1024], full[PATH_MAX];
    struct gw_http_file f = { 0 };
    struct gw_span seen;
    struct stat st;
    int fd, err;

    if (!*root)
        return GW_E_NOTFOUND;
    err = gw_http_unescape(r->path, path, sizeof(path));
    if (err)
        return err;
    fd = open_below(root, path, full, sizeof(full));
    if (fd < 0)
        return GW_E_NOTFOUND;
    err = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX_OCTETS ? 0 : GW_E_NOTFOUND;
    if (!err) {
        snprintf(f.etag, sizeof(f.etag), "\"%llx-%llx-%lx\"", (unsigned long long)st.st_size,
                 (unsigned long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
        f.is_seen = gw_http_get(r, "If-None-Match", &seen) && memmem(seen.ptr, seen.len, f.etag, strlen(f.etag));
        f.type = type_of(full);
        f.len = (size_t)st.st_size;
        if (!f.is_seen)
            err = read_all(fd, f.len, &f.data);
    }
    close(fd);
    if (!err)
        *out = f;
    return err;
}
