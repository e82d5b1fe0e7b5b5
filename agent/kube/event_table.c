#include "kube/event_table.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

enum { FIRST = 16 };

static const int64_t refill_ns = 300 * NS_PER_S;

void event_table_done(struct event_table *t)
{
        free(t->said);
        free(t->quotas);
        *t = (struct event_table){ 0 };
}

/* Both tables begin with their 64 bits: the place of the first that is not below the key. */
static size_t place(const void *list, size_t n, size_t size, uint64_t key)
{
        size_t low = 0;

        while (n > 0) {
                uint64_t middle = 0;

                memcpy(&middle, (const char *)list + (low + n / 2) * size, sizeof(middle));
                if (middle < key) {
                        low += n / 2 + 1;
                        n -= n / 2 + 1;
                } else {
                        n /= 2;
                }
        }
        return low;
}

/* Room for one at `at`. */
static void *open_gap(void *list, size_t n, size_t *cap, size_t size, size_t at)
{
        if (n == *cap) {
                *cap = *cap ? *cap * 2 : FIRST;
                list = xreallocarray(list, *cap, size);
        }
        char *p = (char *)list + at * size;
        memmove(p + size, p, (n - at) * size);
        return list;
}

/* --- said */

static size_t said_place(const struct event_table *t, uint64_t key)
{
        return place(t->said, t->n_said, sizeof(*t->said), key);
}

struct said *event_table_find(const struct event_table *t, uint64_t key)
{
        size_t at = said_place(t, key);

        return at < t->n_said && t->said[at].key == key ? &t->said[at] : NULL;
}

static void forget_oldest(struct event_table *t)
{
        const struct said *oldest = NULL;

        for (size_t i = 0; i < t->n_said; i++) {
                const struct said *s = &t->said[i];

                if (!s->is_busy && (!oldest || s->said_ns < oldest->said_ns))
                        oldest = s;
        }
        if (oldest)
                event_table_remove(t, oldest->key);
}

struct said *event_table_add(struct event_table *t, const struct said *new)
{
        if (t->n_said >= EVENT_TABLE_MAX)
                forget_oldest(t);
        size_t at = said_place(t, new->key);
        t->said = open_gap(t->said, t->n_said++, &t->cap_said, sizeof(*t->said), at);
        t->said[at] = *new;
        return &t->said[at];
}

void event_table_remove(struct event_table *t, uint64_t key)
{
        struct said *s = event_table_find(t, key);

        if (!s)
                return;
        size_t at = (size_t)(s - t->said);
        t->n_said--;
        memmove(s, s + 1, (t->n_said - at) * sizeof(*s));
}

/* --- quotas: an object whose burst is whole needs no entry */

static void drop_whole_quotas(struct event_table *t, int64_t now_ns)
{
        size_t n = 0;

        for (size_t i = 0; i < t->n_quotas; i++) {
                if (t->quotas[i].free_ns > now_ns)
                        t->quotas[n++] = t->quotas[i];
        }
        t->n_quotas = n;
}

bool event_table_spend(struct event_table *t, uint64_t object, int64_t now_ns)
{
        size_t at = place(t->quotas, t->n_quotas, sizeof(*t->quotas), object);

        if (at == t->n_quotas || t->quotas[at].object != object) {
                if (t->n_quotas >= EVENT_TABLE_MAX)
                        drop_whole_quotas(t, now_ns);
                if (t->n_quotas >= EVENT_TABLE_MAX)
                        return false;
                at = place(t->quotas, t->n_quotas, sizeof(*t->quotas), object);
                t->quotas =
                        open_gap(t->quotas, t->n_quotas++, &t->cap_quotas, sizeof(*t->quotas), at);
                t->quotas[at] = (struct event_quota){ .object = object, .free_ns = now_ns };
        }
        struct event_quota *q = &t->quotas[at];
        int64_t from_ns = q->free_ns > now_ns ? q->free_ns : now_ns;
        if (from_ns - now_ns > (EVENT_BURST - 1) * refill_ns)
                return false;
        q->free_ns = from_ns + refill_ns;
        return true;
}
