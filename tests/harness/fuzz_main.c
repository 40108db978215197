/* Runs a fuzz target over the files of the folders given, so that seeds are ordinary tests without libFuzzer. Every
 * seed is also run cut at each of its first 512 lengths: truncation is the commonest bad input. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    static uint8_t buf[1 << 20];
    size_t n;

    if (!f)
        return 0;
    n = fread(buf, 1, sizeof(buf), f);
    fclose(f);
    for (size_t cut = 0; cut <= n; cut += cut < 512 ? 1 : n - cut ? n - cut : 1) {
        uint8_t *copy = malloc(cut ? cut : 1); /* exact size: a sanitizer sees one octet too far */
        memcpy(copy, buf, cut);
        LLVMFuzzerTestOneInput(copy, cut);
        free(copy);
    }
    return 1;
}

int main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++) {
        DIR *d = opendir(argv[i]);
        struct dirent *e;

        while (d && (e = readdir(d))) {
            char path[4096];
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
            files += run_file(path);
        }
        if (d)
            closedir(d);
    }
    printf("%d seeds\n", files);
    return files == 0; /* a target without seeds is not tested */
}
