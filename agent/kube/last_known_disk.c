/* last_known_disk.c - the directory of kept links: written whole, read with suspicion. */
#include "kube/last_known_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int last_known_dir(const char *path, struct err *e)
{
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return err_set(e, DL_RETRY, "make '%s': %m", path), -1;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                (void)err_set(e, errno == ENOTDIR ? DL_CONFIG : DL_RETRY, "open '%s': %m", path);
        return fd;
}

/* --- writing */

static int write_all(int fd, const char *text, size_t n)
{
        while (n) {
                ssize_t put = write(fd, text, n);

                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        return -1;
                text += put;
                n -= (size_t)put;
        }
        return 0;
}

/* After a start without the API server's news, what is there is often what is to be there. */
static bool is_there(int dir, const char *name, const char *text, size_t len)
{
        auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != (off_t)len)
                return false;
        auto_free char *old = xmalloc(len);
        return read(fd, old, len) == (ssize_t)len && memcmp(old, text, len) == 0;
}

static int replace(int dir, const struct last_known_change *c, struct err *e)
{
        auto_free char *name = xasprintf("%s.json", c->uid);
        auto_free char *tmp = xasprintf(".%s.new", c->uid);

        if (is_there(dir, name, c->text, c->len))
                return 0;
        auto_close int fd =
                openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return err_set(e, DL_RETRY, "create '%s': %m", tmp);
        if (write_all(fd, c->text, c->len) < 0 || fsync(fd) < 0 ||
            renameat(dir, tmp, dir, name) < 0) {
                int rc = err_set(e, DL_RETRY, "write '%s': %m", name);

                (void)unlinkat(dir, tmp, 0);
                return rc;
        }
        return 0;
}

static int apply(int dir, const struct last_known_change *c, struct err *e)
{
        if (c->text)
                return replace(dir, c, e);
        auto_free char *name = xasprintf("%s.json", c->uid);
        if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
                return err_set(e, DL_RETRY, "remove '%s': %m", name);
        return 0;
}

int last_known_write(const char *path, struct last_known_change *list, size_t n,
                     const _Atomic int64_t *deadline_ns, struct err *e)
{
        auto_close int dir = last_known_dir(path, e);
        int rc = dir < 0 ? DL_RETRY : 0;

        for (size_t i = 0; i < n; i++) {
                bool late = clock_mono_ns() >= atomic_load(deadline_ns);

                list[i].failed = dir < 0 || late || apply(dir, &list[i], rc ? NULL : e) < 0;
                if (list[i].failed && rc == 0)
                        rc = late ? err_set(e, DL_RETRY, "there was no time to write all")
                                  : DL_RETRY;
        }
        if (dir >= 0 && fsync(dir) < 0 && rc == 0)
                rc = err_set(e, DL_RETRY, "sync '%s': %m", path);
        return rc;
}

/* --- reading */

enum { SAID = 10 }; /* each; the rest is counted */

struct scan {
        int dir;
        const char *path;
        const char *node;
        size_t bad;   /* kept */
        size_t wrong; /* of this reading */
};

static bool ends_with(const char *s, const char *end)
{
        size_t n = strlen(s);
        size_t m = strlen(end);

        return n > m && strcmp(s + n - m, end) == 0;
}

/* Kept to be looked at, as long as there are few. */
static void put_aside(struct scan *s, const char *name, const struct err *e)
{
        auto_free char *file = xasprintf("%s/%s", s->path, name);
        auto_free char *aside = xasprintf("%.*s.bad", (int)(strlen(name) - strlen(".json")), name);

        if (s->wrong++ < SAID)
                LOG(WARNING, "kube.last_known", "a kept link is not used", LOG_STR("file", file),
                    LOG_STR("error", e->text));
        if (e->rc != DL_REFUSED && s->bad++ < LAST_KNOWN_BAD)
                (void)renameat(s->dir, name, s->dir, aside);
        else
                (void)unlinkat(s->dir, name, 0);
}

static int slurp(int dir, const char *name, char **ret, size_t *ret_len, struct err *e)
{
        auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_set(e, DL_CONFIG, "%m");
        if (!S_ISREG(st.st_mode) || st.st_size > LAST_KNOWN_BYTES)
                return err_set(e, DL_CONFIG, "expected a file of at most %d bytes",
                               LAST_KNOWN_BYTES);
        size_t size = (size_t)st.st_size;
        auto_free char *text = xmalloc(size + 1);
        for (size_t n = 0; n < size;) {
                ssize_t got = read(fd, text + n, size - n);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return err_set(e, DL_CONFIG, "%m");
                if (got == 0)
                        return err_set(e, DL_CONFIG, "it shrank while it was read");
                n += (size_t)got;
        }
        text[size] = '\0';
        *ret = steal(&text);
        *ret_len = size;
        return 0;
}

static DIR *open_list(int dir)
{
        int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);

        if (!d && fd >= 0)
                (void)close(fd);
        return d;
}

/* Names first: what is put aside is not to come by again. */
static char **list_names(struct scan *s, size_t *ret_n)
{
        DIR *d = open_list(s->dir);
        char **names = NULL;
        size_t cap = 0;
        size_t n = 0;

        while (d) {
                const struct dirent *entry = readdir(d); /* NOLINT(concurrency-mt-unsafe): own d */

                if (!entry)
                        break;
                s->bad += ends_with(entry->d_name, ".bad");
                if (entry->d_name[0] == '.' && ends_with(entry->d_name, ".new"))
                        (void)unlinkat(s->dir, entry->d_name, 0); /* of a crash */
                if (entry->d_name[0] == '.' || !ends_with(entry->d_name, ".json"))
                        continue;
                if (n == LAST_KNOWN_FILES) {
                        LOG(WARNING, "kube.last_known", "too many kept links, the rest is not read",
                            LOG_STR("path", s->path), LOG_INT("most", LAST_KNOWN_FILES));
                        break;
                }
                if (n == cap) {
                        cap = cap ? 2 * cap : 64;
                        names = xreallocarray(names, cap, sizeof(*names));
                }
                names[n++] = xstrdup(entry->d_name);
        }
        if (d)
                (void)closedir(d);
        *ret_n = n;
        return names;
}

void last_known_scan(const char *path, const char *node,
                     void (*each)(void *ctx, const char *uid, const char *text, size_t len,
                                  const struct tree *object, const struct instance_seen *,
                                  struct arena *owned),
                     void *ctx)
{
        struct err e = { 0 };
        auto_close int dir = last_known_dir(path, &e);
        struct scan s = { .dir = dir, .path = path, .node = node };
        size_t n = 0;

        if (dir < 0) {
                LOG(WARNING, "kube.last_known", "kept links cannot be read",
                    LOG_STR("error", e.text));
                return;
        }
        char **names = list_names(&s, &n);
        for (size_t i = 0; i < n; i++) {
                auto_free char *uid =
                        xasprintf("%.*s", (int)(strlen(names[i]) - strlen(".json")), names[i]);
                auto_of(arena) struct arena *a = arena_new();
                auto_free char *text = NULL;
                const struct tree *object = NULL;
                struct instance_seen seen = { 0 };
                size_t len = 0;

                e = (struct err){ 0 };
                if (slurp(dir, names[i], &text, &len, &e) < 0 ||
                    last_known_parse(text, len, node, uid, a, &object, &seen, &e) < 0)
                        put_aside(&s, names[i], &e);
                else
                        each(ctx, uid, text, len, object, &seen, steal(&a));
                free(names[i]);
        }
        if (s.wrong > SAID)
                LOG(WARNING, "kube.last_known", "more kept links are not used",
                    LOG_STR("path", path), LOG_INT("files", s.wrong - SAID));
        free(names);
}
