/* replay.c - feed a corpus to a fuzz target without libFuzzer: every file, and its beginnings.
 *
 * usage: <target> FILE|DIR...   Fails when there is nothing to feed.  Inputs lie in memory of just
 * their length, so that AddressSanitizer sees the first byte read past the end.
 */
#include "fuzz.h"

#include "base/auto.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
        MAX_BYTES = 1 << 20, /* of one file */
        MAX_CUTS = 512,      /* beginnings per file, evenly spread when it is longer */
};

static size_t fed;

static void feed(const uint8_t *data, size_t len)
{
        auto_free uint8_t *exact = malloc(len ? len : 1);

        if (!exact)
                abort();
        if (len)
                memcpy(exact, data, len);
        (void)LLVMFuzzerTestOneInput(exact, len);
        fed++;
}

static int feed_file(const char *path)
{
        auto_fclose FILE *f = fopen(path, "re");
        auto_free uint8_t *data = malloc(MAX_BYTES);

        if (!f || !data) {
                (void)fprintf(stderr, "replay: %s: %m\n", path);
                return -1;
        }
        size_t len = fread(data, 1, MAX_BYTES, f);
        if (ferror(f)) {
                (void)fprintf(stderr, "replay: read %s: %m\n", path);
                return -1;
        }
        size_t step = len / MAX_CUTS + 1;
        for (size_t cut = 0; cut < len; cut += step)
                feed(data, cut);
        feed(data, len);
        return 0;
}

static int feed_dir(const char *path)
{
        DIR *dir = opendir(path);
        int rc = 0;

        if (!dir) {
                (void)fprintf(stderr, "replay: %s: %m\n", path);
                return -1;
        }
        for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
                auto_free char *file = NULL;
                if (entry->d_name[0] == '.')
                        continue;
                if (asprintf(&file, "%s/%s", path, entry->d_name) < 0)
                        abort();
                rc = feed_file(file);
        }
        (void)closedir(dir);
        return rc;
}

int main(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                struct stat st;
                if (stat(argv[i], &st) < 0) {
                        (void)fprintf(stderr, "replay: %s: %m\n", argv[i]);
                        return 1;
                }
                int rc = S_ISDIR(st.st_mode) ? feed_dir(argv[i]) : feed_file(argv[i]);
                if (rc < 0)
                        return 1;
        }
        if (!fed) {
                (void)fputs("replay: nothing to feed\n", stderr);
                return 1;
        }
        (void)printf("%zu inputs\n", fed);
        return 0;
}
