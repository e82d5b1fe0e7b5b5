/* vectors.h - what the vector tests of this room share: a file of entries, members by name. */
#ifndef TEST_PUBLISH_VECTORS_H
#define TEST_PUBLISH_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <json-c/json.h>

static inline struct json_object *vectors_open(const char *name)
{
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/vectors/%s", TEST_DATA, name);
        struct json_object *list = json_object_from_file(path);
        if (!list)
                fail_msg("cannot read %s", path);
        return list;
}

static inline struct json_object *member(struct json_object *o, const char *key)
{
        struct json_object *ret = NULL;

        (void)json_object_object_get_ex(o, key, &ret);
        return ret;
}

/* NULL when absent or null. */
static inline const char *text(struct json_object *o, const char *key)
{
        struct json_object *m = member(o, key);

        return m ? json_object_get_string(m) : NULL;
}

#endif
