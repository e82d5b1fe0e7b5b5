/* validate.c - the verb `validate`: the agent's own checks, offline. */
#include "options.h"
#include "paths.h"
#include "verbs.h"

#include "base/buf.h"
#include "base/text.h"
#include "kube/folder.h"
#include "link/adaptors.h"
#include "publish/publish.h"

#include <getopt.h>
#include <string.h>

enum { OUTPUT_MAX = 16 * 1024 * 1024, CANDIDATES_MAX = 256 };

struct options {
        const char *adaptors;
        const char *node; /* NULL = links of every node */
        bool json;
};

/* --- checks of one link */

/* Path of `sub` in the document of a spec, which may be an item of a List. */
static char *document_path(const struct link_spec *s, const char *sub)
{
        static const char end[] = "spec.template.spec";
        size_t n = strlen(s->spec_path), m = strlen(end);
        bool is_link = n >= m && strcmp(s->spec_path + n - m, end) == 0;
        size_t prefix = n - (is_link ? m : strlen("spec"));

        return xasprintf("%.*s%s", (int)prefix, s->spec_path, sub);
}

/* "expected a, b or c", with the one that was probably meant. */
static void say_expected(const char *got, const char *const *names, size_t n, struct buf *out)
{
        const char *near = text_nearest(got, names, n);

        buf_adds(out, "expected ");
        for (size_t i = 0; i < n; i++)
                buf_addf(out, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", names[i]);
        buf_addf(out, "%s, got '%.80s'", n == 0 ? "an adaptor, of which none is loaded" : "", got);
        if (near)
                buf_addf(out, ", did you mean %s?", near);
}

static void unknown_adaptor(const struct adaptors *a, const struct link_spec *s, struct findings *f)
{
        const char *names[CANDIDATES_MAX];
        auto_of(buf) struct buf text = BUF(64 * 1024);
        auto_free char *path = document_path(s, "spec.adaptor.name");
        size_t n = 0;

        for (size_t i = 0; i < adaptors_count(a) && n < CANDIDATES_MAX; i++)
                names[n++] = adaptors_at(a, i)->name;
        say_expected(s->adaptor, names, n, &text);
        findings_add(f, FINDING_ERROR, s->adaptor_line, path, "%s", buf_text(&text));
}

/* only: the adaptor whose kinds are meant, NULL = all. */
static void unknown_kind(const struct adaptors *a, const struct dl_adaptor *only,
                         const struct link_spec *s, struct findings *f)
{
        const char *names[CANDIDATES_MAX];
        auto_of(buf) struct buf text = BUF(64 * 1024);
        auto_free char *path = document_path(s, s->adaptor[0] ? "spec.model.kind" : "kind");
        size_t n = 0;

        for (size_t i = 0; i < adaptors_count(a); i++) {
                const struct dl_adaptor *one = adaptors_at(a, i);

                for (size_t k = 0; (!only || only == one) && one->kinds[k]; k++) {
                        if (n < CANDIDATES_MAX)
                                names[n++] = one->kinds[k];
                }
        }
        say_expected(s->kind, names, n, &text);
        findings_add(f, FINDING_ERROR, s->kind_line, path, "%s", buf_text(&text));
}

static bool drives(const struct dl_adaptor *a, const char *kind)
{
        for (size_t i = 0; a->kinds[i]; i++) {
                if (strcmp(a->kinds[i], kind) == 0)
                        return true;
        }
        return false;
}

static void check_link(const struct adaptors *a, const struct link_spec *s, struct findings *f)
{
        const struct dl_adaptor *adaptor = adaptors_find(a, s->adaptor, s->kind);
        struct device *device = NULL;

        f->file = s->file;
        if (!adaptor && s->adaptor[0] != '\0')
                unknown_adaptor(a, s, f);
        else if (!adaptor || !drives(adaptor, s->kind))
                unknown_kind(a, adaptor, s, f);
        else if (device_compile(adaptor, s, f, &device, NULL) == 0)
                device_unref(device);
        f->file = s->file;
        (void)publish_check(s, f);
        f->file = NULL;
}

/* --- output */

struct line { /* a finding on its way to be printed */
        const struct finding *f;
        size_t rank;
};

static int by_place(const void *a, const void *b)
{
        const struct line *x = a;
        const struct line *y = b;
        int order = strcmp(x->f->file ? x->f->file : "", y->f->file ? y->f->file : "");

        if (order == 0)
                order = (x->f->line > y->f->line) - (x->f->line < y->f->line);
        return order != 0 ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

/* Manifests must not talk to the terminal. */
static void add_clean(struct buf *out, const char *s)
{
        for (; *s; s++) {
                unsigned char c = (unsigned char)*s;

                if (c < 0x20 || c == 0x7f)
                        buf_addf(out, "\\x%02x", c);
                else
                        buf_addc(out, *s);
        }
}

static const char *severity_name(const struct finding *f)
{
        return f->severity == FINDING_ERROR ? "error" : "warning";
}

static void add_text(struct buf *out, const struct finding *f)
{
        add_clean(out, f->file ? f->file : "-");
        if (f->line > 0)
                buf_addf(out, ":%d", f->line);
        buf_addf(out, ": %s: ", severity_name(f));
        add_clean(out, f->path);
        if (f->path[0] != '\0')
                buf_adds(out, ": ");
        add_clean(out, f->text);
        buf_addc(out, '\n');
}

static void add_member(struct buf *out, const char *name, const char *value)
{
        buf_addf(out, "\"%s\":", name);
        buf_add_json(out, value, strlen(value));
}

static void add_json(struct buf *out, const struct finding *f, bool first)
{
        buf_adds(out, first ? "\n{" : ",\n{");
        add_member(out, "file", f->file ? f->file : "");
        buf_addf(out, ",\"line\":%d,", f->line);
        add_member(out, "severity", severity_name(f));
        buf_addc(out, ',');
        add_member(out, "path", f->path);
        buf_addc(out, ',');
        add_member(out, "text", f->text);
        buf_addc(out, '}');
}

static void add_summary(struct buf *out, const struct findings *f, size_t links)
{
        buf_addf(out, "%zu device%s, %zu error%s, %zu warning%s", links, links == 1 ? "" : "s",
                 f->errors, f->errors == 1 ? "" : "s", f->warnings, f->warnings == 1 ? "" : "s");
        buf_addc(out, '\n');
}

/* Returns whether all was written. */
static bool print_findings(const struct findings *f, size_t links, bool json)
{
        auto_of(buf) struct buf out = BUF(OUTPUT_MAX);
        auto_free struct line *lines = xcalloc(f->n + 1, sizeof(*lines));

        for (size_t i = 0; i < f->n; i++)
                lines[i] = (struct line){ .f = &f->list[i], .rank = i };
        if (f->n > 1)
                qsort(lines, f->n, sizeof(*lines), by_place);
        if (json)
                buf_addc(&out, '[');
        for (size_t i = 0; i < f->n; i++) {
                if (json)
                        add_json(&out, lines[i].f, i == 0);
                else
                        add_text(&out, lines[i].f);
        }
        if (f->errors + f->warnings > f->n)
                (void)fprintf(stderr, "devicelink validate: %zu more are not shown\n",
                              f->errors + f->warnings - f->n);
        if (json)
                buf_adds(&out, f->n > 0 ? "\n]\n" : "]\n");
        else
                add_summary(&out, f, links);
        return buf_ok(&out) && fwrite(buf_text(&out), 1, out.len, stdout) == out.len &&
               fflush(stdout) == 0;
}

/* --- options */

static const char usage[] =
        "usage: devicelink validate [OPTION...] FILE|DIR|-...\n\n"
        "Checks manifests as the agent would, without talking to anything: files, folders (their\n"
        "*.yaml, *.yml and *.json) and, by -, the standard input.  References are looked up in "
        "what "
        "is\n"
        "given.\n\n"
        "  --format FORM       text (FILE:LINE: error: PATH: TEXT) or json (default: text)\n"
        "  --adaptors DIRS     where adaptors are, DIR[:DIR] (default: those of this "
        "installation)\n"
        "  --node-name NAME    only links of this node (default: all links)\n"
        "  --help              this text\n\n"
        "Exit code: 0 no errors, 1 errors, 2 usage, or something given cannot be read.\n";

/* -1: go on; else the exit code. */
static int parse_options(int argc, char **argv, struct options *o)
{
        static const struct option longs[] = {
                { "format", required_argument, NULL, 'f' },
                { "adaptors", required_argument, NULL, 'a' },
                { "node-name", required_argument, NULL, 'n' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };

        /* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread is there yet */
        for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
                if (c == 'h') {
                        (void)fputs(usage, stdout);
                        return EXIT_OK;
                }
                if (c == 'f' && strcmp(optarg, "json") != 0 && strcmp(optarg, "text") != 0)
                        return options_error("validate", "--format: expected text or json, got",
                                             optarg);
                if (c == 'f')
                        o->json = strcmp(optarg, "json") == 0;
                else if (c == 'a')
                        o->adaptors = optarg;
                else if (c == 'n')
                        o->node = optarg;
                else
                        return options_error("validate", "unknown option or missing value", NULL);
        }
        if (o->node && o->node[0] == '\0')
                return options_error("validate", "--node-name is empty", NULL);
        if (optind >= argc)
                return options_error("validate", "a FILE, a DIR or - is missing", NULL);
        return -1;
}

static struct adaptors *load_adaptors(const char *dirs)
{
        struct findings f = { 0 };
        struct adaptors *a = adaptors_load(dirs, &f);

        for (size_t i = 0; i < f.n; i++)
                (void)fprintf(stderr, "devicelink validate: %s: %s\n",
                              f.list[i].file ? f.list[i].file : "adaptors", f.list[i].text);
        findings_done(&f);
        return a;
}

int verb_validate(int argc, char **argv)
{
        struct options o = { 0 };
        struct desired desired = { 0 };
        struct findings findings = { 0 };
        auto_free char *adaptor_dirs = paths_adaptors();

        o.adaptors = adaptor_dirs;
        int code = parse_options(argc, argv, &o);
        if (code >= 0)
                return code;
        auto_free char *missing = paths_missing(o.adaptors);
        if (missing) {
                (void)fprintf(stderr, "devicelink validate: adaptor directory %s\n", missing);
                return EXIT_USAGE;
        }

        const char *const *paths = (const char *const *)argv + optind;
        int rc = folder_read(paths, (size_t)(argc - optind), o.node, NULL, &desired, &findings);
        struct adaptors *adaptors = load_adaptors(o.adaptors);
        for (size_t i = 0; i < desired.n; i++)
                check_link(adaptors, desired.links[i], &findings);

        bool written = print_findings(&findings, desired.n, o.json);
        code = rc < 0 ? EXIT_USAGE : findings.errors > 0 || !written ? EXIT_FAILED : EXIT_OK;
        desired_done(&desired);
        findings_done(&findings);
        adaptors_free(adaptors);
        return code;
}
