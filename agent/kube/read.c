/* read.c - reading manifests once, for `validate`; declared in folder.h. */
#include "kube/folder.h"
#include "kube/maker.h"
#include "kube/manifest.h"
#include "kube/report.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct sets { /* kept until the desired set is made */
        struct object_set **list;
        size_t n;
        size_t cap;
};

static void keep(struct sets *s, struct object_set *set)
{
        if (!set)
                return;
        if (s->n == s->cap) {
                s->cap = s->cap ? s->cap * 2 : 16;
                s->list = xreallocarray(s->list, s->cap, sizeof(*s->list));
        }
        s->list[s->n++] = set;
}

static void read_file(struct sets *s, int dirfd, const char *name, const char *shown,
                      struct findings *f)
{
        struct findings one = { 0 };

        keep(s, manifest_read(dirfd, name, shown, OBJECTS_KEEP_SPECS, &one));
        report_all(f, &one);
        findings_done(&one);
}

static int read_dir(struct sets *s, const char *path, struct findings *f, struct err *e)
{
        struct manifest_names names = { 0 };
        auto_close int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        size_t n = strlen(path);

        if (dirfd < 0)
                return err_set(e, DL_CONFIG, "open directory: %m");
        f->file = path;
        int rc = manifest_list(dirfd, path, &names, f, e);
        if (rc == 0 && names.n == 0)
                findings_add(f, FINDING_WARNING, 0, "", "no *.yaml, *.yml or *.json in it");
        for (size_t i = 0; i < names.n; i++) {
                auto_free char *shown =
                        xasprintf("%s%s%s", path, path[n - 1] == '/' ? "" : "/", names.list[i]);

                read_file(s, dirfd, names.list[i], shown, f);
        }
        manifest_names_done(&names);
        return rc;
}

/* What may block: standard input, or a pipe that was named. */
static void read_stream(struct sets *s, int fd, const char *shown, struct findings *f)
{
        struct findings one = { 0 };

        keep(s, manifest_read_fd(fd, shown, OBJECTS_KEEP_SPECS, &one));
        report_all(f, &one);
        findings_done(&one);
}

static int read_path(struct sets *s, const char *path, struct findings *f, struct err *e)
{
        struct stat st;

        if (strcmp(path, "-") == 0) {
                read_stream(s, STDIN_FILENO, "<stdin>", f);
                return 0;
        }
        if (stat(path, &st) < 0)
                return err_set(e, DL_CONFIG, "open: %m");
        if (S_ISDIR(st.st_mode))
                return read_dir(s, path, f, e);

        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return err_set(e, DL_CONFIG, "open: %m");
        if (S_ISREG(st.st_mode))
                read_file(s, AT_FDCWD, path, path, f);
        else
                read_stream(s, fd, path, f);
        return 0;
}

static void make(const struct sets *s, const char *node, const char *host, struct desired *ret,
                 struct findings *f)
{
        struct object_index index = { 0 };
        struct maker *m = maker_new(node, host);

        for (size_t i = 0; i < s->n; i++)
                object_index_add(&index, s->list[i]);
        object_index_seal(&index, f);
        (void)maker_run(m, &index, f);
        const struct desired *d = maker_desired(m);
        for (size_t i = 0; i < d->n; i++)
                (void)desired_add(ret, link_spec_ref(d->links[i]), NULL);
        maker_free(m);
        object_index_done(&index);
}

int folder_read(const char *const *paths, size_t n, const char *node, const char *host,
                struct desired *ret, struct findings *f)
{
        struct sets sets = { 0 };
        struct desired desired = { 0 };
        int result = 0;

        for (size_t i = 0; i < n; i++) {
                struct err e = { 0 };
                int rc = read_path(&sets, paths[i], f, &e);

                f->file = paths[i];
                if (rc < 0)
                        findings_add(f, FINDING_ERROR, 0, "", "%s", e.text);
                f->file = NULL;
                result = rc < 0 ? rc : result;
        }
        make(&sets, node, host, &desired, f);
        for (size_t i = 0; i < sets.n; i++)
                object_set_free(sets.list[i]);
        free(sets.list);
        *ret = desired;
        return result;
}
