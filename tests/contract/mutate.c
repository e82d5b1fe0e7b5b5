/* mutate.c - wrong specs. */
#include "contract/mutate.h"

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PLACES_MAX = 4096 };

struct place { /* a member or element */
        json_object *parent;
        const char *key; /* NULL: element */
        size_t index;
};

struct places {
        struct place list[PLACES_MAX];
        char paths[PLACES_MAX][96];
        size_t n;
};

static struct places places;

static uint64_t seed_state;

static uint32_t draw(uint32_t below)
{
        seed_state = seed_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return below ? (uint32_t)(seed_state >> 33) % below : 0;
}

static void collect(json_object *o, const char *path);

static void add(json_object *parent, const char *key, size_t index, const char *path,
                json_object *child)
{
        if (places.n == PLACES_MAX)
                return;
        char *own = places.paths[places.n];
        if (key)
                (void)snprintf(own, sizeof(places.paths[0]), "%s%s%s", path, path[0] ? "." : "",
                               key);
        else
                (void)snprintf(own, sizeof(places.paths[0]), "%s[%zu]", path, index);
        places.list[places.n++] = (struct place){ .parent = parent, .key = key, .index = index };
        collect(child, own);
}

static void collect(json_object *o, const char *path)
{
        if (json_object_is_type(o, json_type_object)) {
                json_object_object_foreach(o, key, value) add(o, key, 0, path, value);
        } else if (json_object_is_type(o, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        add(o, NULL, i, path, json_object_array_get_idx(o, i));
        }
}

static json_object *odd_value(void)
{
        static const char *const texts[] = {
                "null",
                "true",
                "0",
                "-1",
                "1",
                "255",
                "65536",
                "4294967296",
                "9223372036854775807",
                "18446744073709551615",
                "1e308",
                "0.1",
                "\"\"",
                "\"x\"",
                "\"-5s\"",
                "\"1h\"",
                "\"99999999h\"",
                "\"/\"",
                "\"\\u0001\\ud83d\\ude00\"",
                "\"%s%n%s\"",
                "\"127.0.0.1:1\"",
                "\"nobody.invalid:70000\"",
                "[]",
                "{}",
                "[[[[[[]]]]]]",
                "{\"a\":{\"b\":[1,\"2\",null]}}",
        };
        static char longest[20003];

        uint32_t i = draw(sizeof(texts) / sizeof(texts[0]) + 1);
        if (i < sizeof(texts) / sizeof(texts[0]))
                return json_tokener_parse(texts[i]);
        memset(longest, 'a', sizeof(longest) - 1);
        return json_object_new_string(longest);
}

static void put(const struct place *p, json_object *value)
{
        if (p->key)
                (void)json_object_object_add(p->parent, p->key, value);
        else
                (void)json_object_array_put_idx(p->parent, p->index, value);
}

static void change_member(const struct place *p)
{
        switch (draw(4)) {
        case 0: /* gone */
                if (p->key)
                        json_object_object_del(p->parent, p->key);
                else
                        (void)json_object_array_del_idx(p->parent, p->index, 1);
                break;
        case 1: /* twice */
                if (p->key)
                        (void)json_object_object_add(
                                p->parent, "surplus",
                                json_object_get(json_object_object_get(p->parent, p->key)));
                else
                        (void)json_object_array_add(
                                p->parent,
                                json_object_get(json_object_array_get_idx(p->parent, p->index)));
                break;
        default:
                put(p, odd_value());
                break;
        }
}

static void change_bytes(const char *spec, struct buf *out)
{
        size_t n = strlen(spec);
        size_t at = draw((uint32_t)n);
        size_t len = draw(20);

        if (at + len > n)
                len = n - at;
        switch (draw(4)) {
        case 0: /* other bytes */
                buf_adds(out, spec);
                for (size_t i = 0; i < len; i++)
                        out->data[at + i] = (char)draw(256);
                break;
        case 1: /* a piece gone */
                buf_add(out, spec, at);
                buf_adds(out, spec + at + len);
                break;
        case 2: /* a piece twice */
                buf_add(out, spec, at + len);
                buf_adds(out, spec + at);
                break;
        default: /* cut */
                buf_add(out, spec, at);
                break;
        }
}

static json_object *parse(const char *spec)
{
        json_object *o = json_tokener_parse(spec);

        places.n = 0;
        if (o)
                collect(o, "");
        return o;
}

static void print(json_object *o, struct buf *out)
{
        buf_adds(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
        (void)json_object_put(o);
}

void mutate(const char *spec, unsigned seed, struct buf *out)
{
        buf_clear(out);
        seed_state = seed;
        for (int i = 0; i < 4; i++)
                (void)draw(2);
        if (draw(3) == 0) {
                change_bytes(spec, out);
                return;
        }
        json_object *o = parse(spec);
        if (places.n)
                change_member(&places.list[draw((uint32_t)places.n)]);
        print(o, out);
}

bool mutate_type(const char *spec, size_t i, struct buf *out, struct buf *ret_path)
{
        json_object *o = parse(spec);

        buf_clear(out);
        buf_clear(ret_path);
        if (i >= places.n) {
                (void)json_object_put(o);
                return false;
        }
        buf_adds(ret_path, places.paths[i]);
        put(&places.list[i], json_tokener_parse("[[null,{}]]"));
        print(o, out);
        return true;
}
