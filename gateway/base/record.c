#include "gateway/base/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/lines.h"

enum { QUEUE = 4096, CLOSE_WAIT_MS = 2000 };

static struct gw_lines *file; /* of the control thread */

int gw_call_record_open(const char *path)
{
    struct gw_lines *l = NULL;
    int fd, err;

    if (*path) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return GW_E_IO;
        err = gw_lines_new(fd, true, QUEUE, GW_STAT_CALL_RECORD_DROPPED, &l);
        if (err) {
            close(fd);
            return err;
        }
    }
    gw_call_record_close();
    file = l;
    return 0;
}

void gw_call_record_close(void)
{
    gw_lines_free(file, CLOSE_WAIT_MS);
    file = NULL;
}

void gw_call_record_write(const char *json)
{
    size_t len = strlen(json);
    char *line;

    if (!file)
        return;
    line = malloc(len + 1);
    if (!line) {
        gw_stats_inc(GW_STAT_CALL_RECORD_DROPPED);
        return;
    }
    memcpy(line, json, len);
    line[len] = '\n';
    gw_lines_put(file, line, len + 1);
    free(line);
    gw_stats_inc(GW_STAT_CALL_RECORD);
}
