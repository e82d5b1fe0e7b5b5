/* items.c - the content of Secrets and ConfigMaps. */
#include "kube/items.h"

#include "base/text.h"
#include "kube/names.h"
#include "kube/report.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS_BYTES_MAX = 1024 * 1024 }; /* of one object, as in an API server */

static bool is_base64_digit(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '+' || c == '/';
}

/* Standard Base64 as an API server takes it: padded, line breaks anywhere.  text has room for it
 * without them. */
static bool read_base64_by(struct arena *a, const struct tree *t, char *text,
                           struct object_item *ret)
{
        size_t n = 0, pads = 0;

        for (size_t i = 0; i < t->n; i++) {
                char c = t->as.text[i];

                if (c == '\r' || c == '\n')
                        continue;
                if (c == '=')
                        pads++;
                else if (pads > 0 || !is_base64_digit(c))
                        return false;
                text[n++] = c;
        }
        if (n % 4 != 0 || pads > 2)
                return false;
        unsigned char *out = arena_alloc(a, n / 4 * 3 + 4);
        size_t len = 0;
        if (text_parse_base64(text, n, out, &len, NULL) < 0)
                return false;
        out[len] = '\0';
        ret->data = out;
        ret->len = len;
        return true;
}

static bool read_base64(struct arena *a, const struct tree *t, struct object_item *ret)
{
        auto_free char *text = xmalloc(t->n + 1);
        bool is_good = read_base64_by(a, t, text, ret);

        explicit_bzero(text, t->n + 1);
        return is_good;
}

static bool read_plain(struct arena *a, const struct tree *t, struct object_item *ret)
{
        ret->data = arena_strndup(a, t->as.text, t->n);
        ret->len = t->n;
        return true;
}

struct ranked_item {
        struct object_item item;
        unsigned rank; /* of equal keys the higher one wins */
};

struct item_list {
        struct ranked_item *list; /* has room for all */
        size_t n;
        size_t bytes;
};

static void read_map(struct arena *a, const struct object *o, const char *member,
                     const struct tree *map, bool base64, struct item_list *items,
                     struct findings *f)
{
        if (map && map->type != TREE_MAP)
                report_at(f, FINDING_ERROR, o->doc, o->path, member,
                          "expected a map of texts, got %s", tree_type_name(map));
        TREE_FOREACH (t, map && map->type == TREE_MAP ? map : NULL) {
                auto_free char *at = path_key(member, t->key);
                struct object_item item = { .data = "" };

                if (!name_is_item(t->key)) {
                        report_at(f, FINDING_ERROR, o->doc, o->path, at,
                                  "expected the key to be %s", names_item_says);
                        continue;
                }
                if (t->type != TREE_NULL && t->type != TREE_TEXT) {
                        report_at(f, FINDING_ERROR, o->doc, o->path, at,
                                  "expected a text, got %s (quotes make a text of it)",
                                  tree_type_name(t));
                        continue;
                }
                if (t->type == TREE_TEXT && !(base64 ? read_base64 : read_plain)(a, t, &item)) {
                        report_at(f, FINDING_ERROR, o->doc, o->path, at,
                                  "expected standard Base64 (stringData takes plain text)");
                        continue;
                }
                item.key = arena_strdup(a, t->key);
                items->bytes += item.len;
                items->list[items->n++] =
                        (struct ranked_item){ .item = item, .rank = base64 ? 0 : 1 };
        }
}

static int by_item(const void *a, const void *b)
{
        const struct ranked_item *x = a;
        const struct ranked_item *y = b;
        int order = strcmp(x->item.key, y->item.key);

        return order != 0 ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

static void keep(struct arena *a, struct object *o, struct item_list *from)
{
        struct object_item *items = arena_calloc(a, from->n + 1, sizeof(*items));
        size_t n = 0;

        if (from->n > 1)
                qsort(from->list, from->n, sizeof(*from->list), by_item);
        for (size_t i = 0; i < from->n; i++) {
                bool again = n > 0 && strcmp(items[n - 1].key, from->list[i].item.key) == 0;

                items[again ? n - 1 : n++] = from->list[i].item;
        }
        o->items = items;
        o->n_items = n;
}

void items_read(struct arena *a, struct object *o, const struct tree *data,
                const struct tree *string_data, struct findings *f)
{
        size_t most = (data ? data->n : 0) + (string_data ? string_data->n : 0);
        auto_free struct ranked_item *room = xreallocarray(NULL, most + 1, sizeof(*room));
        struct item_list items = { .list = room };

        read_map(a, o, "data", data, o->kind == OBJECT_SECRET, &items, f);
        read_map(a, o, "stringData", string_data, false, &items, f);
        if (items.bytes > ITEMS_BYTES_MAX)
                report_at(f, FINDING_ERROR, o->doc, o->path, "data",
                          "expected at most %d bytes in all, got %zu", ITEMS_BYTES_MAX,
                          items.bytes);
        keep(a, o, &items);
}
