/* A link's spec is immutable, counted, and compared by what makes a difference. */

#include "model/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static const struct dl_reference references[] = {
        { "login", "user", "admin", 5 },
        { "login", "empty", "", 0 },
        { "ca", "user", "other", 5 },
};

static struct link_spec *link_named(const char *key)
{
        struct link_spec *s = link_spec_new();

        s->key = arena_strdup(s->arena, key);
        s->space = s->name = s->uid = s->node = "";
        s->adaptor = "adaptors.edge.cattle.io/modbus";
        s->api_version = "devices.edge.cattle.io/v1alpha1";
        s->kind = "ModbusDevice";
        s->spec_json = "{}";
        s->spec_json_len = 2;
        s->references = references;
        s->n_references = 3;
        return s;
}

static void references_are_found_by_name_and_item_and_blank_is_none(void **state)
{
        struct link_spec *s = link_named("default/a");

        (void)state;
        assert_ptr_equal(link_spec_reference(s, "login", "user"), &references[0]);
        assert_ptr_equal(link_spec_reference(s, "ca", "user"), &references[2]);
        assert_null(link_spec_reference(s, "login", "empty"));
        assert_null(link_spec_reference(s, "login", "nothing"));
        assert_null(link_spec_reference(s, "nobody", "user"));
        link_spec_unref(s);
        link_spec_unref(NULL);
}

static void the_set_is_sorted_and_its_keys_are_unique(void **state)
{
        static const char *const keys[] = { "b/2", "a/1", "c/3", "a/0", "b/1" };
        struct desired d = { 0 };
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(desired_add(&d, link_named(keys[i]), &e), 0);
        for (size_t i = 1; i < d.n; i++)
                assert_true(strcmp(d.links[i - 1]->key, d.links[i]->key) < 0);

        struct link_spec *twice = link_named("c/3");
        assert_int_equal(desired_add(&d, twice, &e), DL_CONFIG);
        assert_non_null(strstr(e.text, "c/3"));
        link_spec_unref(twice);
        assert_int_equal(d.n, 5);

        struct link_spec *kept = link_spec_ref(d.links[0]);
        desired_done(&d);
        assert_string_equal(kept->key, "a/0");
        link_spec_unref(kept);
}

static void links_differ_when_anything_that_matters_differs(void **state)
{
        static const struct dl_reference other = { "login", "user", "Admin", 5 };
        struct link_spec *a = link_named("default/a"), *b = link_named("default/a");

        (void)state;
        assert_true(link_spec_equal(a, b));
        b->file = "somewhere.yaml";
        b->spec_path = "spec";
        assert_true(link_spec_equal(a, b));

        const char **texts[] = { &b->key,  &b->uid,         &b->node,           &b->adaptor,
                                 &b->kind, &b->api_version, &b->reference_error };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                const char *was = *texts[i];

                *texts[i] = "changed";
                assert_false(link_spec_equal(a, b));
                *texts[i] = was;
        }
        b->spec_json = "[]";
        assert_false(link_spec_equal(a, b));
        b->spec_json = a->spec_json;
        b->references = &other;
        b->n_references = a->n_references = 1;
        assert_false(link_spec_equal(a, b));
        link_spec_unref(a);
        link_spec_unref(b);
}

static void a_reference_field_needs_name_and_item(void **state)
{
        struct arena *arena = arena_new();
        struct findings f = { 0 };
        struct reference_pick pick;

        (void)state;
        assert_int_equal(decode(NULL, reference_pick_fields, &pick, sizeof(pick), arena, "ref", &f),
                         DL_CONFIG);
        assert_int_equal(f.errors, 2);
        findings_done(&f);
        arena_free(arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(references_are_found_by_name_and_item_and_blank_is_none),
                cmocka_unit_test(the_set_is_sorted_and_its_keys_are_unique),
                cmocka_unit_test(links_differ_when_anything_that_matters_differs),
                cmocka_unit_test(a_reference_field_needs_name_and_item),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
