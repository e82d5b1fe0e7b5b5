#include "kube/reflector_json.h"

#include <string.h>

static const char *skip_space(const char *p, const char *end)
{
        while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
                p++;
        return p;
}

/* From a quote to behind the next that is not escaped; NULL: there is none. */
static const char *skip_text(const char *p, const char *end)
{
        for (p++; p < end; p++) {
                if (*p == '"')
                        return p + 1;
                if (*p == '\\' && ++p == end)
                        return NULL;
        }
        return NULL;
}

/* From a bracket to behind the one that closes it. */
static const char *skip_nest(const char *p, const char *end)
{
        size_t depth = 0;

        while (p && p < end) {
                char c = *p;

                if (c == '"') {
                        p = skip_text(p, end);
                        continue;
                }
                p++;
                if (c == '{' || c == '[')
                        depth++;
                else if ((c == '}' || c == ']') && --depth == 0)
                        return p;
        }
        return NULL;
}

static const char *skip_word(const char *p, const char *end)
{
        const char *from = p;

        while (p < end && !memchr(",:]} \t\r\n\"{[", *p, 12))
                p++;
        return p > from ? p : NULL;
}

static bool take_value(const char *p, const char *end, struct json_span *ret)
{
        const char *after = NULL;

        if (p >= end)
                return false;
        if (*p == '"')
                after = skip_text(p, end);
        else if (*p == '{' || *p == '[')
                after = skip_nest(p, end);
        else
                after = skip_word(p, end);
        if (!after)
                return false;
        *ret = (struct json_span){ .at = p, .n = (size_t)(after - p) };
        return true;
}

bool json_span_whole(const char *text, size_t n, struct json_span *ret)
{
        const char *end = text + n;
        struct json_span value;

        if (!take_value(skip_space(text, end), end, &value) ||
            skip_space(value.at + value.n, end) != end)
                return false;
        *ret = value;
        return true;
}

/* Behind the comma before the next element, or at the first one; NULL: there is no other. */
static const char *next_element(const char *p, const char *end, bool is_first)
{
        p = skip_space(p, end);
        if (!is_first) {
                if (p >= end || *p != ',')
                        return NULL;
                p = skip_space(p + 1, end);
        }
        return p < end ? p : NULL;
}

bool json_span_next_member(struct json_span object, size_t *cursor, struct json_span *ret_name,
                           struct json_span *ret)
{
        struct json_span name, value;

        if (object.n < 2 || object.at[0] != '{')
                return false;
        const char *end = object.at + object.n - 1; /* at the bracket */
        const char *p = next_element(object.at + (*cursor ? *cursor : 1), end, *cursor == 0);
        if (!p || *p != '"' || !take_value(p, end, &name))
                return false;
        p = skip_space(name.at + name.n, end);
        if (p >= end || *p != ':' || !take_value(skip_space(p + 1, end), end, &value))
                return false;
        *cursor = (size_t)(value.at - object.at) + value.n;
        *ret_name = name;
        *ret = value;
        return true;
}

bool json_span_member(struct json_span object, const char *name, struct json_span *ret)
{
        struct json_span found, value;
        size_t cursor = 0, len = strlen(name);

        while (json_span_next_member(object, &cursor, &found, &value)) {
                if (found.n == len + 2 && memcmp(found.at + 1, name, len) == 0) {
                        *ret = value;
                        return true;
                }
        }
        return false;
}

bool json_span_next(struct json_span list, size_t *cursor, struct json_span *ret)
{
        if (list.n < 2 || list.at[0] != '[')
                return false;
        const char *end = list.at + list.n - 1;
        const char *p = next_element(list.at + (*cursor ? *cursor : 1), end, *cursor == 0);
        if (!p || !take_value(p, end, ret))
                return false;
        *cursor = (size_t)(ret->at - list.at) + ret->n;
        return true;
}

bool json_span_is(struct json_span value, const char *text)
{
        return value.n == strlen(text) && memcmp(value.at, text, value.n) == 0;
}
