/* paths.c - see paths.h */
#include "paths.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static bool is_directory(const char *path)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return false;
        if (S_ISDIR(st.st_mode))
                return true;
        errno = ENOTDIR;
        return false;
}

char *paths_adaptors(void)
{
        static const char *const places[] = { "adaptors", DEVICELINK_ADAPTORS_FROM_BIN };
        char exe[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

        exe[n > 0 ? n : 0] = '\0';
        char *slash = strrchr(exe, '/');
        for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
                auto_free char *dir = xasprintf("%.*s/%s", (int)(slash - exe), exe, places[i]);
                auto_free char *tidy = realpath(dir, NULL);
                if (tidy && is_directory(tidy))
                        return steal(&tidy);
        }
        return xstrdup(DEVICELINK_ADAPTOR_DIR);
}

char *paths_missing(const char *dirs)
{
        const char *p = dirs;

        for (;;) {
                size_t n = strcspn(p, ":");
                auto_free char *dir = xasprintf("%.*s", (int)n, p);
                if (n > 0 && !is_directory(dir))
                        return xasprintf("'%s': %m", dir);
                if (p[n] == '\0')
                        return NULL;
                p += n + 1;
        }
}
