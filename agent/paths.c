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
        char exe[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

        if (n > 0) {
                exe[n] = '\0';
                char *slash = strrchr(exe, '/');
                int dir_len = slash ? (int)(slash - exe) : 0;
                auto_free char *beside = xasprintf("%.*s/adaptors", dir_len, exe);
                if (is_directory(beside))
                        return steal(&beside);
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
