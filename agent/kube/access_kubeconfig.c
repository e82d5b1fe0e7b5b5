/* access_kubeconfig.c - kubeconfig files, merged, and what their current context means. */
#include "kube/access_impl.h"
#include "kube/access_tables.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

enum { FILES_MAX = 64 };

struct merged {
        struct arena *arena;
        const struct tree *docs[FILES_MAX]; /* to be wiped */
        struct kc_source list[FILES_MAX];
        size_t n;
};

/* --- reading */

static void merged_done(struct merged *m)
{
        for (size_t i = 0; i < m->n; i++)
                access_wipe_tree(m->docs[i]);
        arena_free(m->arena);
}

AUTO_DEFINE(merged, struct merged, merged_done)

/* What is said of a user could quote a secret. */
static int say_finding(const struct findings *f, const char *path, struct err *e)
{
        for (size_t i = 0; i < f->n; i++) {
                const struct finding *x = &f->list[i];
                bool may_quote = strncmp(x->path, "users", 5) == 0;

                if (x->severity == FINDING_ERROR)
                        return err_set(e, DL_CONFIG, "kubeconfig '%s' line %d: %s%s%s", path,
                                       x->line, x->path, x->path[0] ? ": " : "",
                                       may_quote ? "not understood" : x->text);
        }
        return err_set(e, DL_CONFIG, "kubeconfig '%s': not understood", path);
}

static bool is_json(const char *text)
{
        return text[strspn(text, " \t\r\n")] == '{';
}

static int parse(struct arena *a, const char *path, const char *text, size_t n,
                 const struct tree **ret, struct err *e)
{
        struct findings f = { 0 };
        const struct tree *docs = NULL;
        int rc;

        if (is_json(text)) {
                rc = tree_parse_json(a, text, n, &tree_limits_default, ret, e);
                return rc < 0 ? err_wrap(e, "kubeconfig '%s'", path) : 0;
        }
        rc = tree_parse_yaml(a, text, n, &tree_limits_default, &f, &docs, e);
        if (rc < 0)
                rc = err_wrap(e, "kubeconfig '%s'", path);
        else if (f.errors)
                rc = say_finding(&f, path, e);
        else
                *ret = tree_first(docs); /* NULL: an empty file, which is fine */
        findings_done(&f);
        return rc;
}

static int decode_file(struct arena *a, const char *path, const struct tree *doc,
                       struct kc_file *ret, struct err *e)
{
        struct findings f = { 0 };
        char text[sizeof(e->text)];
        int rc = decode(doc, kc_file_fields, ret, sizeof(*ret), a, "", &f);

        if (rc < 0)
                rc = err_set(e, DL_CONFIG, "kubeconfig '%s': %s", path,
                             findings_first(&f, text, sizeof(text)));
        findings_done(&f);
        return rc;
}

static const char *absolute(struct arena *a, const char *dir, const char *path)
{
        return path[0] == '/' ? arena_strdup(a, path) : arena_printf(a, "%s/%s", dir, path);
}

static int add_file(struct merged *m, const char *cwd, const char *path, bool skip_missing,
                    struct err *e)
{
        struct kc_source *s = &m->list[m->n];
        const char *end;
        char *text = NULL;
        size_t n = 0;

        s->path = absolute(m->arena, cwd, path);
        end = strrchr(s->path, '/');
        s->dir = end == s->path ? "" : arena_strndup(m->arena, s->path, (size_t)(end - s->path));
        if (skip_missing && access(s->path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
                return 0;
        int rc = access_read_file(s->path, tree_limits_default.bytes, &text, &n, e);
        if (rc < 0)
                return err_wrap(e, "kubeconfig");
        rc = parse(m->arena, path, text, n, &m->docs[m->n], e);
        explicit_bzero(text, n);
        free(text);
        if (rc == 0)
                rc = decode_file(m->arena, path, m->docs[m->n], &s->file, e);
        m->n++;
        return rc;
}

/* --- merging: the first file to have a name or a value wins, with all that belongs to it */

static const struct kc_named *find(const struct merged *m, enum kc_list which, const char *name,
                                   const struct kc_source **ret)
{
        for (size_t i = 0; i < m->n; i++) {
                const struct decoded_list *l = &m->list[i].file.lists[which];
                const struct kc_named *items = l->items;

                for (size_t k = 0; k < l->n; k++) {
                        if (strcmp(items[k].name, name) == 0) {
                                *ret = &m->list[i];
                                return &items[k];
                        }
                }
        }
        return NULL;
}

static const char *current_context(const struct merged *m)
{
        for (size_t i = 0; i < m->n; i++) {
                if (m->list[i].file.current && m->list[i].file.current[0])
                        return m->list[i].file.current;
        }
        return NULL;
}

static const char *names_of(const struct merged *m)
{
        struct buf names = BUF(300);

        for (size_t i = 0; i < m->n; i++)
                buf_addf(&names, "%s%s", i ? ":" : "", m->list[i].path);
        const char *copy = arena_strdup(m->arena, buf_text(&names));
        buf_done(&names);
        return copy;
}

static int choose(const struct merged *m, struct kc_chosen *c, struct err *e)
{
        static const struct kc_context none = { 0 };
        const char *files = names_of(m);
        const char *current = current_context(m);
        const struct kc_source *from = NULL;

        if (!current)
                return err_set(e, DL_CONFIG, "kubeconfig '%s': current-context is not set", files);
        const struct kc_named *named = find(m, KC_CONTEXTS, current, &from);
        if (!named)
                return err_set(e, DL_CONFIG, "kubeconfig '%s': there is no context '%s'", files,
                               current);
        const struct kc_context *context = named->value ? named->value : &none;
        c->space = context->space;
        c->cluster =
                context->cluster ? find(m, KC_CLUSTERS, context->cluster, &c->cluster_of) : NULL;
        if (!c->cluster)
                return err_set(e, DL_CONFIG,
                               "kubeconfig '%s': context '%s': there is no cluster '%s'", files,
                               current, context->cluster ? context->cluster : "");
        if (!context->user || !context->user[0])
                return 0;
        c->user = find(m, KC_USERS, context->user, &c->user_of);
        if (!c->user)
                return err_set(e, DL_CONFIG, "kubeconfig '%s': context '%s': there is no user '%s'",
                               files, current, context->user);
        return 0;
}

int access_kubeconfig(const char *const *paths, size_t n, bool skip_missing,
                      struct access_spec *ret, struct err *e)
{
        auto_of(merged) struct merged m = { .arena = arena_new() };
        auto_free char *cwd = getcwd(NULL, 0);
        struct kc_chosen chosen = { 0 };
        struct access_spec spec = { 0 };
        int rc = 0;

        if (n > FILES_MAX)
                return err_set(e, DL_CONFIG, "kubeconfig: expected at most %d files", FILES_MAX);
        for (size_t i = 0; i < n && rc == 0; i++)
                rc = add_file(&m, cwd ? cwd : "", paths[i], skip_missing, e);
        if (rc < 0)
                return rc;
        if (m.n == 0)
                return err_set(e, DL_CONFIG, "kubeconfig: no file of %s is there", "$KUBECONFIG");
        rc = choose(&m, &chosen, e);
        if (rc < 0)
                return rc;
        rc = access_spec_of(&chosen, &spec, e);
        if (rc < 0) {
                access_spec_done(&spec);
                return err_wrap(e, "kubeconfig '%s'", names_of(&m));
        }
        spec.source = xstrdup(names_of(&m));
        *ret = spec;
        return 0;
}
