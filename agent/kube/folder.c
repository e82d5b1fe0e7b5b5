#include "kube/folder.h"

#include "base/clock.h"
#include "base/text.h"
#include "kube/maker.h"
#include "kube/manifest.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SETTLE_NS (50 * NS_PER_MS)
#define SETTLE_MOST_NS                                                                             \
        (1 * NS_PER_S) /* from when something that never rests is read all the same */
/* Notices what the directory's watch does not tell: the target of a link that changes, a network
 * file system, another directory under the same name. */
#define LOOK_NS (5 * NS_PER_S)

struct file {
        char *name;
        char *shown;         /* "dir/name" */
        struct stamp stamp;  /* when last read */
        int64_t restless_ns; /* since when it changes without being read, monotonic; 0 = it rests */
        bool is_young;       /* read so soon after a change that another one could look the same */
        bool was_good;
        struct object_set *set; /* in use; NULL: none */
        struct findings findings;
};

struct files {
        struct file *list; /* sorted by name */
        size_t n;
};

struct folder {
        struct loop *loop;
        char *dir;
        void *ctx;
        void (*changed)(void *ctx, const struct desired *, const struct findings *);
        struct maker *maker;
        struct files files;
        struct findings dir_findings;
        struct findings told; /* with the last changed() */
        dev_t dev;            /* of the directory under watch */
        ino_t ino;
        struct loop_dir watch;
        struct loop_timer settle;
        struct loop_timer look;
        int64_t first_ns; /* of the changes that are settling; 0 = none */
};

/* --- findings */

static bool same_findings(const struct findings *a, const struct findings *b)
{
        if (a->n != b->n || a->errors != b->errors || a->warnings != b->warnings)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                const struct finding *x = &a->list[i];
                const struct finding *y = &b->list[i];

                if (x->severity != y->severity || x->line != y->line ||
                    !text_same(x->file, y->file) || !text_same(x->path, y->path) ||
                    !text_same(x->text, y->text))
                        return false;
        }
        return true;
}

/* --- files */

static void file_done(struct file *x)
{
        free(x->name);
        free(x->shown);
        object_set_free(x->set);
        findings_done(&x->findings);
}

static void files_done(struct files *l)
{
        for (size_t i = 0; i < l->n; i++)
                file_done(&l->list[i]);
        free(l->list);
        *l = (struct files){ 0 };
}

/* What it holds counts when it is right as a whole; until it was so once, what is right in it
 * counts. */
static void file_read(struct file *x, int dirfd)
{
        struct findings now = { 0 };
        struct object_set *set = manifest_read(dirfd, x->name, x->shown, 0, &now);

        if (now.errors == 0 || (!x->was_good && set)) {
                object_set_free(x->set);
                x->set = set;
                x->was_good = now.errors == 0;
        } else {
                object_set_free(set);
                if (x->set)
                        findings_add(&now, FINDING_WARNING, 0, "",
                                     "what this file last held counts until it is right again");
        }
        findings_done(&x->findings);
        x->findings = now;
}

enum look { LOOK_SAME, LOOK_READ, LOOK_AGAIN };

/* Read a file when it changed and has come to rest (or does not do so in time). */
static enum look file_look(struct file *x, int dirfd, bool wait)
{
        struct stamp now = stamp_of(dirfd, x->name);
        int64_t mono = clock_mono_ns();
        bool is_young = stamp_is_younger(&now, clock_wall_ns(), SETTLE_NS);

        if (stamp_equal(&now, &x->stamp) && !x->is_young) {
                x->restless_ns = 0;
                return LOOK_SAME;
        }
        if (x->restless_ns == 0)
                x->restless_ns = mono;
        if (wait && is_young && mono - x->restless_ns < SETTLE_MOST_NS)
                return LOOK_AGAIN;
        file_read(x, dirfd);
        x->restless_ns = 0;
        x->stamp = now;
        x->is_young = is_young;
        return is_young ? LOOK_AGAIN : LOOK_READ;
}

/* --- the folder as a whole */

struct scan {
        int dirfd;
        bool wait;    /* for files to come to rest */
        bool differs; /* a file was read or is gone, or other findings of the directory */
        bool again;   /* look again soon */
};

static bool is_gone(int dirfd, const char *name)
{
        struct stat st;

        return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0;
}

static void take_names(struct folder *f, const struct manifest_names *names, struct scan *s)
{
        struct files next = { .list = xcalloc(names->n + 1, sizeof(*next.list)) };
        size_t old = 0;

        for (size_t i = 0; i < names->n; i++) {
                struct file *x = &next.list[next.n];

                if (is_gone(s->dirfd, names->list[i]))
                        continue;
                for (; old < f->files.n && strcmp(f->files.list[old].name, names->list[i]) < 0;
                     old++) {
                        file_done(&f->files.list[old]);
                        s->differs = true;
                }
                if (old < f->files.n && strcmp(f->files.list[old].name, names->list[i]) == 0)
                        *x = f->files.list[old++];
                else
                        *x = (struct file){
                                .name = xstrdup(names->list[i]),
                                .shown = xasprintf("%s/%s", f->dir, names->list[i]),
                                .stamp = { .error = -1 }, /* like no other */
                        };
                next.n++;
                enum look look = file_look(x, s->dirfd, s->wait);
                s->differs |= look == LOOK_READ || (look == LOOK_AGAIN && x->restless_ns == 0);
                s->again |= look == LOOK_AGAIN;
        }
        for (; old < f->files.n; old++) {
                file_done(&f->files.list[old]);
                s->differs = true;
        }
        free(f->files.list);
        f->files = next;
}

static void on_dir(void *ctx);

/* Another directory may have come under the name. */
static void watch_dir(struct folder *f, int dirfd, struct findings *now)
{
        struct stat st;
        struct err e = { 0 };

        if (fstat(dirfd, &st) < 0 || (f->watch.impl && st.st_dev == f->dev && st.st_ino == f->ino))
                return;
        loop_dir_end(&f->watch);
        f->dev = st.st_dev;
        f->ino = st.st_ino;
        if (loop_dir_start(&f->watch, f->loop, f->dir, on_dir, f, &e) < 0)
                findings_add(now, FINDING_WARNING, 0, "", "changes are noticed after %d s only: %s",
                             (int)(LOOK_NS / NS_PER_S), e.text);
}

/* DL_CONFIG: the directory cannot be read; what was read before stays. */
static int scan_dir(struct folder *f, struct scan *s, struct findings *now, struct err *e)
{
        struct manifest_names names = { 0 };
        auto_close int dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (dirfd < 0)
                return err_set(e, DL_CONFIG, "open directory '%s': %m", f->dir);
        s->dirfd = dirfd;
        watch_dir(f, dirfd, now); /* before reading: nothing is missed in between */
        int rc = manifest_list(dirfd, f->dir, &names, now, e);
        if (rc < 0)
                return rc;
        take_names(f, &names, s);
        manifest_names_done(&names);
        return 0;
}

static void tell(struct folder *f, bool always)
{
        struct object_index index = { 0 };
        struct findings all = { 0 };

        report_all(&all, &f->dir_findings);
        for (size_t i = 0; i < f->files.n; i++) {
                report_all(&all, &f->files.list[i].findings);
                if (f->files.list[i].set)
                        object_index_add(&index, f->files.list[i].set);
        }
        object_index_seal(&index, &all);
        bool differs = maker_run(f->maker, &index, &all);
        object_index_done(&index);

        if (!always && !differs && same_findings(&all, &f->told)) {
                findings_done(&all);
                return;
        }
        findings_done(&f->told);
        f->told = all;
        f->changed(f->ctx, maker_desired(f->maker), &f->told);
}

static int scan(struct folder *f, bool first, struct err *e)
{
        struct scan s = { .wait = !first, .dirfd = -1 };
        struct findings now = { .file = f->dir };
        struct err problem = { 0 };
        int rc = scan_dir(f, &s, &now, &problem);

        if (rc < 0 && first) {
                findings_done(&now);
                return err_set(e, rc, "%s", problem.text);
        }
        if (rc < 0)
                findings_add(&now, FINDING_ERROR, 0, "",
                             "%s: what it last held counts until it can be read again",
                             problem.text);
        s.differs |= !same_findings(&now, &f->dir_findings);
        findings_done(&f->dir_findings);
        f->dir_findings = now;
        if (s.again)
                loop_timer_start(&f->settle, SETTLE_NS, 0);
        if (first || s.differs)
                tell(f, first);
        return 0;
}

static void on_dir(void *ctx)
{
        struct folder *f = ctx;
        int64_t now = clock_mono_ns();

        if (f->first_ns == 0)
                f->first_ns = now;
        if (now - f->first_ns < SETTLE_MOST_NS || !loop_timer_active(&f->settle))
                loop_timer_start(&f->settle, SETTLE_NS, 0);
}

static void on_settled(void *ctx)
{
        struct folder *f = ctx;

        f->first_ns = 0;
        (void)scan(f, false, NULL);
}

static void on_look(void *ctx)
{
        struct folder *f = ctx;

        loop_timer_start(&f->look, LOOK_NS, 0);
        if (!loop_timer_active(&f->settle))
                (void)scan(f, false, NULL);
}

int folder_open(const struct folder_config *config, struct folder **ret, struct err *e)
{
        struct folder *f = xcalloc(1, sizeof(*f));

        f->loop = config->loop;
        f->dir = xstrdup(config->dir);
        f->ctx = config->ctx;
        f->changed = config->changed;
        f->maker = maker_new(config->node, config->host);
        loop_timer_init(&f->settle, f->loop, on_settled, f);
        loop_timer_init(&f->look, f->loop, on_look, f);
        int rc = scan(f, true, e);
        if (rc < 0) {
                folder_close(f);
                return rc;
        }
        loop_timer_start(&f->look, LOOK_NS, 0);
        *ret = f;
        return 0;
}

void folder_close(struct folder *f)
{
        if (!f)
                return;
        loop_dir_end(&f->watch);
        loop_timer_end(&f->settle);
        loop_timer_end(&f->look);
        files_done(&f->files);
        maker_free(f->maker);
        findings_done(&f->dir_findings);
        findings_done(&f->told);
        free(f->dir);
        free(f);
}
