/* rig_file.c - a device that is a file with three numbers, or a pipe in its place. */
#include "contract/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
        char dir[64];
        char path[96];
        char next[96];
        enum rig_mode mode;
        int hole; /* the pipe, held open so that it never ends; -1 */
} device = { .hole = -1 };

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "file device: %s: %s\n", what, strerror(errno));
        _exit(1);
}

static void start(char *address, size_t size)
{
        (void)snprintf(device.dir, sizeof(device.dir), "/tmp/dl-contract-XXXXXX");
        must(mkdtemp(device.dir) != NULL, "directory");
        (void)snprintf(device.path, sizeof(device.path), "%s/numbers", device.dir);
        (void)snprintf(device.next, sizeof(device.next), "%s/next", device.dir);
        (void)snprintf(address, size, "%s", device.path);
}

static void put_file(const char *text)
{
        int fd = open(device.next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        must(fd >= 0, "file");
        must(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "file");
        (void)close(fd);
        must(rename(device.next, device.path) == 0, "file");
}

static void set(enum rig_mode mode)
{
        if (device.hole >= 0)
                (void)close(device.hole);
        device.hole = -1;
        device.mode = mode;
        if (mode == RIG_HEALTHY) {
                put_file("1\n2.5\n-3e2\n");
                return;
        }
        if (mode == RIG_SAYS_NO) {
                put_file("1\nno number\n-3e2\n");
                return;
        }
        (void)unlink(device.path);
        if (mode == RIG_REFUSING)
                return;
        must(mkfifo(device.next, 0600) == 0, "pipe");
        must(rename(device.next, device.path) == 0, "pipe");
        if (mode == RIG_BLACK_HOLE)
                device.hole = open(device.path, O_RDWR | O_CLOEXEC);
}

static size_t fds(struct pollfd list[RIG_FDS_MAX])
{
        (void)list;
        return 0;
}

static void ready(const struct pollfd *one)
{
        (void)one;
}

/* A pipe can be opened for writing once somebody reads. */
static void tick(void)
{
        const struct timespec slow = { .tv_nsec = RIG_SLOW_MS * 1000000L };
        const char *text = device.mode == RIG_HALF ? "1\n2" : "1\n2.5\n-3e2\n";

        if (device.mode != RIG_HALF && device.mode != RIG_SLOW)
                return;
        int fd = open(device.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return;
        if (device.mode == RIG_SLOW)
                (void)nanosleep(&slow, NULL);
        (void)!write(fd, text, strlen(text));
        (void)close(fd);
}

static unsigned contacts(void)
{
        return 0;
}

static void stop(void)
{
        if (device.hole >= 0)
                (void)close(device.hole);
        (void)unlink(device.path);
        (void)unlink(device.next);
        (void)rmdir(device.dir);
}

const struct rig_kind rig_file = {
        .name = "file",
        .modes = 1U << RIG_HEALTHY | 1U << RIG_REFUSING | 1U << RIG_BLACK_HOLE | 1U << RIG_HALF |
                 1U << RIG_SLOW | 1U << RIG_SAYS_NO,
        .start = start,
        .set = set,
        .fds = fds,
        .ready = ready,
        .tick = tick,
        .contacts = contacts,
        .stop = stop,
};
