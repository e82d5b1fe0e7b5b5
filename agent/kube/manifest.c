#include "kube/manifest.h"

#include "base/clock.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
        return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
               a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns &&
               a->error == b->error;
}

/* Years that nanoseconds do not reach (about 1678..2262) only have to differ from each other. */
static int64_t stamp_time(const struct timespec *t)
{
        int64_t ns;

        if (__builtin_mul_overflow(t->tv_sec, NS_PER_S, &ns) ||
            __builtin_add_overflow(ns, t->tv_nsec, &ns))
                return -t->tv_sec;
        return ns;
}

static struct stamp stamp_from(const struct stat *st)
{
        return (struct stamp){
                .dev = st->st_dev,
                .ino = st->st_ino,
                .size = st->st_size,
                .modified_ns = stamp_time(&st->st_mtim),
                .changed_ns = stamp_time(&st->st_ctim),
        };
}

struct stamp stamp_of(int dirfd, const char *name)
{
        struct stat st;

        if (fstatat(dirfd, name, &st, 0) < 0)
                return (struct stamp){ .error = errno };
        return stamp_from(&st);
}

bool stamp_is_younger(const struct stamp *s, int64_t now_ns, int64_t age_ns)
{
        int64_t last = s->modified_ns > s->changed_ns ? s->modified_ns : s->changed_ns;

        return s->error == 0 && last <= now_ns && now_ns - last < age_ns;
}

/* --- names */

static bool is_manifest(const char *name)
{
        static const char *const ends[] = { ".yaml", ".yml", ".json" };
        size_t n = strlen(name);

        if (name[0] == '.')
                return false;
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                size_t m = strlen(ends[i]);

                if (n > m && strcmp(name + n - m, ends[i]) == 0)
                        return true;
        }
        return false;
}

static int by_name(const void *a, const void *b)
{
        const char *const *x = a;
        const char *const *y = b;

        return strcmp(*x, *y);
}

void manifest_names_done(struct manifest_names *n)
{
        for (size_t i = 0; i < n->n; i++)
                free(n->list[i]);
        free(n->list);
        *n = (struct manifest_names){ 0 };
}

static int collect(DIR *d, struct manifest_names *names)
{
        size_t cap = 0;

        for (;;) {
                errno = 0;
                const struct dirent *entry = readdir(d); /* NOLINT(concurrency-mt-unsafe): own d */

                if (!entry)
                        return errno ? -1 : 0;
                if (!is_manifest(entry->d_name))
                        continue;
                if (names->n == cap) {
                        cap = cap ? cap * 2 : 16;
                        names->list = xreallocarray(names->list, cap, sizeof(*names->list));
                }
                names->list[names->n++] = xstrdup(entry->d_name);
        }
}

int manifest_list(int dirfd, const char *dir, struct manifest_names *ret, struct findings *f,
                  struct err *e)
{
        struct manifest_names names = { 0 };
        auto_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);

        if (!d)
                return err_set(e, DL_CONFIG, "read directory '%s': %m", dir);
        (void)steal_fd(&fd);
        int rc = collect(d, &names);
        if (rc < 0)
                rc = err_set(e, DL_CONFIG, "read directory '%s': %m", dir);
        (void)closedir(d);
        if (rc < 0) {
                manifest_names_done(&names);
                return rc;
        }
        if (names.n > 1)
                qsort(names.list, names.n, sizeof(*names.list), by_name);
        if (names.n > MANIFESTS_MAX)
                findings_add(f, FINDING_ERROR, 0, "",
                             "expected at most %d files, got %zu: those from '%s' on are not read",
                             MANIFESTS_MAX, names.n, names.list[MANIFESTS_MAX]);
        while (names.n > MANIFESTS_MAX)
                free(names.list[--names.n]);
        *ret = names;
        return 0;
}

/* --- content */

/* Bytes of a descriptor, at most MANIFEST_MAX. */
static int read_bytes(int fd, struct buf *out, struct err *e)
{
        char chunk[16384];

        for (;;) {
                ssize_t n = read(fd, chunk, sizeof(chunk));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_set(e, DL_RETRY, "read: %m");
                if (n == 0)
                        return 0;
                buf_add(out, chunk, (size_t)n);
                if (!buf_ok(out))
                        return err_set(e, DL_CONFIG, "expected at most %d bytes, got more",
                                       MANIFEST_MAX);
        }
}

/* A descriptor of a regular file.  Looked at before it is opened, as opening a fifo or a terminal
 * has effects, and after, as it may be another one by then. */
static int open_regular(int dirfd, const char *name, int *ret_fd, struct err *e)
{
        struct stat st;

        if (fstatat(dirfd, name, &st, 0) < 0)
                return err_set(e, DL_RETRY, "open: %m");
        if (S_ISDIR(st.st_mode))
                return err_set(e, DL_CONFIG, "expected a file, got a directory");
        if (!S_ISREG(st.st_mode))
                return err_set(e, DL_CONFIG, "expected a regular file, got something else");

        auto_close int fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_set(e, DL_RETRY, "open: %m");
        if (!S_ISREG(st.st_mode))
                return err_set(e, DL_CONFIG, "expected a regular file, got something else");
        if (st.st_size > MANIFEST_MAX)
                return err_set(e, DL_CONFIG, "expected at most %d bytes, got %lld", MANIFEST_MAX,
                               (long long)st.st_size);
        *ret_fd = steal_fd(&fd);
        return 0;
}

/* The same document with lines: JSON is YAML, but for details in which the JSON reader is right. */
static const struct tree *with_lines(struct arena *a, const struct buf *bytes,
                                     const struct tree *doc)
{
        struct findings f = { 0 };
        const struct tree *docs = NULL;
        int rc = tree_parse_yaml(a, buf_text(bytes), bytes->len, &tree_limits_default, &f, &docs,
                                 NULL);

        findings_done(&f);
        return rc == 0 && docs->n == 1 && tree_equal(docs->as.first, doc) ? docs->as.first : doc;
}

static int parse_json(struct arena *a, const struct buf *bytes, const struct tree **ret,
                      struct err *e)
{
        const struct tree *doc = NULL;
        int rc = tree_parse_json(a, buf_text(bytes), bytes->len, &tree_limits_default, &doc, e);

        if (rc < 0)
                return rc;
        struct tree *docs = tree_new(a, TREE_LIST);
        struct tree *first = arena_memdup(a, with_lines(a, bytes, doc), sizeof(*doc));
        tree_append(docs, NULL, first);
        *ret = docs;
        return 0;
}

/* "line 3 column 7: ..." -> 3 */
static int line_of(const char *text)
{
        static const char word[] = "line ";
        int64_t line = 0;
        size_t n = sizeof(word) - 1;

        if (strncmp(text, word, n) == 0)
                (void)text_parse_int(text + n, strspn(text + n, "0123456789"), 0, INT_MAX, &line,
                                     NULL);
        return (int)line;
}

static struct object_set *parse(const struct buf *bytes, bool is_json, const char *shown,
                                unsigned flags, struct findings *f)
{
        struct arena *a = arena_new();
        const struct tree *docs = NULL;
        struct err e = { 0 };
        int rc = is_json ? parse_json(a, bytes, &docs, &e)
                         : tree_parse_yaml(a, buf_text(bytes), bytes->len, &tree_limits_default, f,
                                           &docs, &e);

        if (rc < 0) {
                findings_add(f, FINDING_ERROR, line_of(e.text), e.path, "%s", e.text);
                arena_free(a);
                return NULL;
        }
        return object_set_new(a, docs, shown, flags, f);
}

static bool ends_with(const char *s, const char *end)
{
        size_t n = strlen(s), m = strlen(end);

        return n >= m && strcmp(s + n - m, end) == 0;
}

struct object_set *manifest_read(int dirfd, const char *name, const char *shown, unsigned flags,
                                 struct findings *f)
{
        auto_of(buf) struct buf bytes = BUF(MANIFEST_MAX);
        auto_close int fd = -1;
        struct err e = { 0 };

        f->file = shown;
        if (open_regular(dirfd, name, &fd, &e) < 0 || read_bytes(fd, &bytes, &e) < 0) {
                findings_add(f, FINDING_ERROR, 0, "", "%s", e.text);
                return NULL;
        }
        return parse(&bytes, ends_with(name, ".json"), shown, flags, f);
}

struct object_set *manifest_read_fd(int fd, const char *shown, unsigned flags, struct findings *f)
{
        auto_of(buf) struct buf bytes = BUF(MANIFEST_MAX);
        struct err e = { 0 };

        f->file = shown;
        if (read_bytes(fd, &bytes, &e) < 0) {
                findings_add(f, FINDING_ERROR, 0, "", "%s", e.text);
                return NULL;
        }
        /* JSON, too, is YAML but for its tabs. */
        return parse(&bytes, false, shown, flags, f);
}
