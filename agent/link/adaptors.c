/* adaptors.c - plugins are found, loaded and checked once; a bad one harms nobody else. */
#include "link/adaptors.h"

#include "link/host.h"

#include "base/mem.h"
#include "base/text.h"

#include <dirent.h>
#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>

struct loaded {
        struct dl_adaptor table; /* complete: what the author did not know of has its default */
        char *path;
        void *handle;
};

struct adaptors {
        struct loaded **list; /* tables keep their address */
        size_t n;
};

/* --- defaults of optional slots */

static int default_update(struct dl_link *link, const struct dl_device *device, struct dl_error *e)
{
        (void)link;
        (void)device;
        (void)e;
        return DL_CONFIG; /* the agent closes and opens */
}

static const char read_only[] = "the adaptor cannot write";

static int default_write(struct dl_link *link, const struct dl_write *writes, size_t n,
                         struct dl_error *e)
{
        (void)link;
        (void)writes;
        (void)n;
        memcpy(e->text, read_only, sizeof(read_only));
        return DL_REFUSED;
}

static void default_begin_write(struct dl_link *link, struct dl_ticket *ticket,
                                const struct dl_write *writes, size_t n)
{
        struct dl_error e = { .path = "" };

        host_table.done(ticket, default_write(link, writes, n, &e), &e);
}

static int default_check(const struct dl_device *device, uint32_t point,
                         const struct dl_value *value, struct dl_error *e)
{
        (void)device;
        (void)point;
        (void)value;
        (void)e;
        return DL_OK;
}

static void complete(struct dl_adaptor *t)
{
        if (!t->version)
                t->version = "";
        if (!t->update)
                t->update = default_update;
        if (!t->check)
                t->check = default_check;
        if (t->read && !t->write)
                t->write = default_write;
        if (t->begin_read && !t->begin_write)
                t->begin_write = default_begin_write;
        t->size = sizeof(*t);
}

/* --- the check of a table */

enum { TABLE_SIZE_MIN = offsetof(struct dl_adaptor, check) };

static const char *missing_slot(const struct dl_adaptor *t)
{
        if (!t->compile)
                return "compile";
        if (!t->describe)
                return "describe";
        if (!t->discard)
                return "discard";
        if (!t->open)
                return "open";
        return t->close ? NULL : "close";
}

static int check_model(const struct dl_adaptor *t, struct err *e)
{
        bool blocking = t->read || t->write;
        bool event_driven = t->begin_read || t->begin_write;

        if (blocking && event_driven)
                return err_set(e, DL_BUG,
                               "adaptor '%s' is both blocking (read, write) and event-driven "
                               "(begin_read, begin_write): expected one",
                               t->name);
        if (!blocking && !event_driven)
                return err_set(e, DL_BUG, "adaptor '%s' has neither read() nor begin_read()",
                               t->name);
        if (blocking && !t->read)
                return err_set(e, DL_BUG, "adaptor '%s' has write() but no read()", t->name);
        if (event_driven && !t->begin_read)
                return err_set(e, DL_BUG, "adaptor '%s' has begin_write() but no begin_read()",
                               t->name);
        if (blocking && !t->interrupt)
                return err_set(e, DL_BUG, "adaptor '%s' is blocking but has no interrupt()",
                               t->name);
        return 0;
}

static int check_table(const struct dl_adaptor *t, struct err *e)
{
        if (!t->name || t->name[0] == '\0' || !text_is_utf8(t->name, strlen(t->name)))
                return err_set(e, DL_BUG, "the adaptor has no name");

        const char *missing = missing_slot(t);
        if (missing)
                return err_set(e, DL_BUG, "adaptor '%s' has no %s()", t->name, missing);
        if (!t->kinds || !t->kinds[0])
                return err_set(e, DL_BUG, "adaptor '%s' lists no kinds", t->name);
        return check_model(t, e);
}

/* --- loading */

typedef const struct dl_adaptor *entry_fn(const struct dl_host *);

static int take_table(void *handle, struct dl_adaptor *ret, struct err *e)
{
        void *symbol = dlsym(handle, "dl_adaptor_v1");
        entry_fn *entry;

        if (!symbol)
                return err_set(e, DL_CONFIG,
                               "does not export dl_adaptor_v1(): no adaptor, or one of another "
                               "version of the contract");
        memcpy(&entry, &symbol, sizeof(entry)); /* ISO C has no cast from object to function */

        const struct dl_adaptor *table = entry(&host_table);
        if (!table)
                return err_set(e, DL_CONFIG, "this agent is too old for the adaptor");
        if (table->size < TABLE_SIZE_MIN)
                return err_set(e, DL_BUG, "the adaptor's table has %u bytes: expected at least %d",
                               table->size, TABLE_SIZE_MIN);
        struct dl_adaptor copy = { 0 };
        memcpy(&copy, table, table->size < sizeof(copy) ? table->size : sizeof(copy));
        int rc = check_table(&copy, e);
        if (rc < 0)
                return rc;
        complete(&copy);
        *ret = copy;
        return 0;
}

static const struct loaded *named(const struct adaptors *a, const char *name)
{
        for (size_t i = 0; i < a->n; i++) {
                if (strcmp(a->list[i]->table.name, name) == 0)
                        return a->list[i];
        }
        return NULL;
}

/* The code stays mapped after dlclose(): a call that never returned may still be in it. */
static int load_file(struct adaptors *a, const char *path, struct err *e)
{
        struct dl_adaptor table = { 0 };
        struct stat st;

        if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* a fifo would be waited for */
                return err_set(e, DL_CONFIG, "cannot be loaded: expected a regular file");
        void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

        if (!handle) {
                const char *why = dlerror(); /* NOLINT(concurrency-mt-unsafe): per thread */
                return err_set(e, DL_CONFIG, "cannot be loaded: %s", why);
        }
        int rc = take_table(handle, &table, e);
        if (rc < 0) {
                (void)dlclose(handle);
                return rc;
        }
        const struct loaded *first = named(a, table.name);
        if (first) {
                rc = err_set(e, DL_CONFIG, "adaptor '%s' is left out: %s has that name already",
                             table.name, first->path);
                (void)dlclose(handle);
                return rc;
        }

        struct loaded *l = xcalloc(1, sizeof(*l));
        l->table = table;
        l->path = xstrdup(path);
        l->handle = handle;
        a->list = xreallocarray(a->list, a->n + 1, sizeof(struct loaded *));
        a->list[a->n++] = l;
        return 0;
}

static int is_plugin(const struct dirent *d)
{
        size_t n = strlen(d->d_name);

        return d->d_name[0] != '.' && n > 3 && strcmp(d->d_name + n - 3, ".so") == 0;
}

static void load_dir(struct adaptors *a, const char *dir, struct findings *f)
{
        struct dirent **files = NULL;
        int n = scandir(dir, &files, is_plugin, alphasort);

        f->file = dir;
        if (n < 0) {
                struct err e = { 0 };

                (void)err_set(&e, DL_CONFIG, "directory of adaptors: %m");
                findings_add(f, FINDING_ERROR, 0, "", "%s", e.text);
        }
        for (int i = 0; i < n; i++) {
                auto_free char *path = xasprintf("%s/%s", dir, files[i]->d_name);
                struct err e = { 0 };

                f->file = path;
                if (load_file(a, path, &e) < 0)
                        findings_add(f, FINDING_ERROR, 0, "", "%s", e.text);
                f->file = NULL;
                free(files[i]);
        }
        f->file = NULL;
        free(files);
}

struct adaptors *adaptors_load(const char *dirs, struct findings *f)
{
        struct adaptors *a = xcalloc(1, sizeof(*a));

        while (*dirs != '\0') {
                size_t n = strcspn(dirs, ":");

                if (n > 0) {
                        auto_free char *dir = xasprintf("%.*s", (int)n, dirs);
                        load_dir(a, dir, f);
                }
                dirs += n + (dirs[n] == ':' ? 1 : 0);
        }
        return a;
}

void adaptors_free(struct adaptors *a)
{
        if (!a)
                return;
        for (size_t i = 0; i < a->n; i++) {
                (void)dlclose(a->list[i]->handle);
                free(a->list[i]->path);
                free(a->list[i]);
        }
        free(a->list);
        free(a);
}

size_t adaptors_count(const struct adaptors *a)
{
        return a->n;
}

const struct dl_adaptor *adaptors_at(const struct adaptors *a, size_t i)
{
        return &a->list[i]->table;
}

bool adaptor_drives(const struct dl_adaptor *t, const char *kind)
{
        for (size_t i = 0; t->kinds[i]; i++) {
                if (strcmp(t->kinds[i], kind) == 0)
                        return true;
        }
        return false;
}

const struct dl_adaptor *adaptors_find(const struct adaptors *a, const char *name, const char *kind)
{
        if (name[0] != '\0') {
                const struct loaded *l = named(a, name);
                return l ? &l->table : NULL;
        }
        for (size_t i = 0; i < a->n; i++) {
                if (adaptor_drives(&a->list[i]->table, kind))
                        return &a->list[i]->table;
        }
        return NULL;
}
