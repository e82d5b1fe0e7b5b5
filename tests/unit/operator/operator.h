/* operator.h - what the tests of this room share: links, Nodes and instances from YAML text. */
#ifndef TEST_OPERATOR_H
#define TEST_OPERATOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "operator/decide.h"

__attribute__((unused)) static const struct tree *object_from(struct arena *a, const char *yaml)
{
        const struct tree *docs = NULL;
        struct findings f = { 0 };
        struct err e = { 0 };

        if (tree_parse_yaml(a, yaml, strlen(yaml), &tree_limits_default, &f, &docs, &e) < 0)
                fail_msg("YAML: %s", e.text);
        assert_int_equal(f.errors, 0);
        return tree_at(docs, 0);
}

__attribute__((unused)) static struct link_view *view_from(const char *yaml)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *object = object_from(a, yaml);
        struct object_meta m;

        object_meta_read(object, a, &m);
        return link_view_new(object, &m);
}

/* "NodeExisted True Found '' 10 0|..." */
__attribute__((unused)) static const char *shown(const struct conditions *c)
{
        static char text[2048];
        size_t n = 0;

        text[0] = '\0';
        for (size_t i = 0; i < c->n; i++) {
                const struct condition *x = &c->list[i];
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s %s '%s' %d %d",
                                      i > 0 ? "|" : "", condition_type_name(x->type),
                                      condition_status_name(x->status), condition_reason_of(x),
                                      x->message, (int)(x->updated_ns / NS_PER_S),
                                      (int)(x->transitioned_ns / NS_PER_S));
        }
        return text;
}

#endif
