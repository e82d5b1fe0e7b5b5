/* kube.h - what the tests of this room share: objects from YAML text, findings looked up. */
#ifndef TEST_KUBE_H
#define TEST_KUBE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kube/objects.h"

__attribute__((unused)) static struct object_set *objects_from(const char *yaml, const char *file,
                                                               struct findings *f)
{
        struct arena *a = arena_new();
        const struct tree *docs = NULL;
        struct err e = { 0 };

        f->file = file;
        if (tree_parse_yaml(a, yaml, strlen(yaml), &tree_limits_default, f, &docs, &e) < 0)
                fail_msg("YAML: %s", e.text);
        struct object_set *s = object_set_new(a, docs, file, OBJECTS_KEEP_SPECS, f);
        f->file = NULL;
        return s;
}

/* The finding at that path whose text holds `part`; NULL: none. */
__attribute__((unused)) static const struct finding *finding_at(const struct findings *f,
                                                                const char *path, const char *part)
{
        for (size_t i = 0; i < f->n; i++) {
                if (strcmp(f->list[i].path, path) == 0 && strstr(f->list[i].text, part))
                        return &f->list[i];
        }
        return NULL;
}

__attribute__((unused)) static void print_findings(const struct findings *f)
{
        for (size_t i = 0; i < f->n; i++)
                print_message("%s:%d: %s: %s\n", f->list[i].file ? f->list[i].file : "-",
                              f->list[i].line, f->list[i].path, f->list[i].text);
}

#define assert_finding(f, severity_, line_, path_, part_)                                          \
        do {                                                                                       \
                const struct finding *found_ = finding_at((f), (path_), (part_));                  \
                if (!found_)                                                                       \
                        print_findings(f);                                                         \
                assert_non_null(found_);                                                           \
                assert_int_equal(found_->severity, (severity_));                                   \
                assert_int_equal(found_->line, (line_));                                           \
        } while (0)

#define assert_clean(f)                                                                            \
        do {                                                                                       \
                if ((f)->n > 0)                                                                    \
                        print_findings(f);                                                         \
                assert_int_equal((f)->n, 0);                                                       \
        } while (0)

#endif
