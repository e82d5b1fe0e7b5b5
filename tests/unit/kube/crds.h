/* crds.h - the files of crds/ as trees, for tests. */
#ifndef TEST_CRDS_H
#define TEST_CRDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/tree.h"

static const char *const crd_names[] = { "devicelinks", "dummyprotocoldevices",
                                         "dummyspecialdevices", "modbusdevices" };
enum { CRDS = sizeof(crd_names) / sizeof(crd_names[0]), CRD_BYTES = 1 << 20 };

__attribute__((unused)) static const struct tree *crd_read(struct arena *a, const char *plural)
{
        char *text = arena_alloc(a, CRD_BYTES);
        struct findings f = { 0 };
        struct err e = { 0 };
        const struct tree *docs = NULL;
        char path[512];

        (void)snprintf(path, sizeof(path), TEST_SOURCE "/crds/%s.yaml", plural);
        FILE *file = fopen(path, "re");
        if (!file)
                fail_msg("%s is missing", path);
        size_t n = fread(text, 1, CRD_BYTES, file);
        (void)fclose(file);
        if (tree_parse_yaml(a, text, n, &tree_limits_default, &f, &docs, &e) < 0 || f.n > 0 ||
            docs->n != 1)
                fail_msg("%s: %s", path, f.n > 0 ? f.list[0].text : e.text);
        findings_done(&f);
        return tree_at(docs, 0);
}

__attribute__((unused)) static const struct tree *crd_version(const struct tree *crd)
{
        return tree_find(crd, "spec.versions[0]");
}

/* Of spec or status. */
__attribute__((unused)) static const struct tree *crd_schema(const struct tree *crd,
                                                             const char *part)
{
        const struct tree *all = tree_find(crd_version(crd), "schema.openAPIV3Schema");

        return tree_get(tree_get(all, "properties"), part);
}

#endif
