/* vectors.h - recorded inputs and outputs (tests/data/vectors) for the tests of base. */
#ifndef TEST_BASE_VECTORS_H
#define TEST_BASE_VECTORS_H

#include <json-c/json.h>
#include <stddef.h>

static inline struct json_object *vectors_open(const char *name)
{
        char path[512];

        (void)snprintf(path, sizeof(path), TEST_DATA "/vectors/%s", name);
        struct json_object *all = json_object_from_file(path);
        assert_non_null(all);
        return all;
}

/* The text of a member, or NULL when it is absent. */
static inline const char *vector_text(const struct json_object *entry, const char *key)
{
        struct json_object *member = NULL;

        return json_object_object_get_ex(entry, key, &member) ? json_object_get_string(member)
                                                              : NULL;
}

#endif
