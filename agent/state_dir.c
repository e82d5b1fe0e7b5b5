/* state_dir.c - see state_dir.h */
#include "state_dir.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

char *state_dir_default(void)
{
        const char *dir = secure_getenv("STATE_DIRECTORY");

        if (dir && dir[0] != '\0')
                return xasprintf("%.*s", (int)strcspn(dir, ":"), dir);
        if (geteuid() == 0)
                return xstrdup("/var/lib/devicelink");
        dir = secure_getenv("XDG_STATE_HOME");
        if (dir && dir[0] == '/')
                return xasprintf("%s/devicelink", dir);
        const char *home = secure_getenv("HOME");
        auto_free char *local = xasprintf("%s/.local", home ? home : "");
        auto_free char *state = xasprintf("%s/state", local);
        /* These two belong to no program; where they cannot be made, the lock says so. */
        (void)mkdir(local, 0700);
        (void)mkdir(state, 0700);
        return xasprintf("%s/devicelink", state);
}

static int refuse_second(int fd, const char *dir, struct err *e)
{
        char pid[16] = "";
        ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

        if (n > 0)
                pid[strspn(pid, "0123456789")] = '\0';
        return err_set(e, DL_REFUSED,
                       "state directory '%s': in use by another agent (pid %s); "
                       "give each agent its own with --state",
                       dir, pid[0] ? pid : "unknown");
}

int state_dir_lock(const char *dir, int *ret_fd, struct err *e)
{
        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
                return err_set(e, DL_CONFIG, "state directory '%s': %m (choose one with --state)",
                               dir);

        auto_free char *path = xasprintf("%s/lock", dir);
        auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return err_set(e, DL_CONFIG, "state directory: open '%s': %m", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno == EWOULDBLOCK)
                        return refuse_second(fd, dir, e);
                return err_set(e, DL_CONFIG, "state directory: lock '%s': %m", path);
        }

        auto_free char *pid = xasprintf("%ld\n", (long)getpid());
        if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0)
                return err_set(e, DL_CONFIG, "state directory: write '%s': %m", path);
        *ret_fd = steal_fd(&fd);
        return 0;
}
