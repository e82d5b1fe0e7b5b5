/* spec_of.h - a link with the MQTT section that a test writes down as YAML. */
#ifndef TEST_PUBLISH_SPEC_OF_H
#define TEST_PUBLISH_SPEC_OF_H

#include "model/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

/* yaml: the device's spec.  The link is default/test with the uid 835aea2e-... */
static inline struct link_spec *spec_of(const char *yaml)
{
        struct link_spec *s = link_spec_new();
        struct findings f = { 0 };
        const struct tree *documents;
        struct err e = { 0 };

        if (tree_parse_yaml(s->arena, yaml, strlen(yaml), &tree_limits_default, &f, &documents,
                            &e) < 0 ||
            documents->n != 1) {
                char text[512];
                fail_msg("the test's YAML is wrong: %s", findings_first(&f, text, sizeof(text)));
        }
        findings_done(&f);
        s->key = "default/test";
        s->space = "default";
        s->name = "test";
        s->uid = "835aea2e-5f80-4d14-88f5-40c4bda41aa3";
        s->node = s->adaptor = s->api_version = s->kind = "";
        s->spec = tree_first(documents);
        struct buf json = BUF(1 << 20);
        tree_json(s->spec, TREE_SORTED, &json);
        s->spec_json_len = json.len;
        s->spec_json = arena_strdup(s->arena, buf_text(&json));
        buf_done(&json);
        s->spec_path = "spec.template.spec";
        return s;
}

#endif
