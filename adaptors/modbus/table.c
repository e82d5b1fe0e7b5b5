/* table.c - see table.h */
#include "modbus/table.h"

#include <pthread.h>
#include <string.h>

enum { SLOTS = 256 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct table *slots[SLOTS];

struct table *table_new(size_t n)
{
        struct arena *a = arena_new();
        struct table *t = arena_calloc(a, 1, sizeof(*t));

        t->refs = 1;
        t->arena = a;
        t->n = n;
        t->properties = arena_calloc(a, n + 1, sizeof(*t->properties));
        t->points = arena_calloc(a, n + 1, sizeof(*t->points));
        return t;
}

/* --- equal? */

static bool has_bytes(const struct dl_value *v)
{
        return v->type == DL_TEXT || v->type == DL_BYTES || v->type == DL_JSON;
}

/* Numbers by their bits: -0 is not 0, and not a number is itself. */
static bool same_value(const struct dl_value *a, const struct dl_value *b)
{
        if (a->type != b->type || a->len != b->len)
                return false;
        if (has_bytes(a))
                return a->len == 0 || memcmp(a->as.data, b->as.data, a->len) == 0;
        return a->as.u == b->as.u;
}

static bool same_point(const struct dl_point *a, const struct dl_point *b)
{
        return a->type == b->type && a->access == b->access && a->encoding == b->encoding &&
               a->interval_ns == b->interval_ns && strcmp(a->name, b->name) == 0 &&
               strcmp(a->members, b->members) == 0 && same_value(&a->desired, &b->desired);
}

static uint64_t bits_of(double v)
{
        uint64_t bits;

        memcpy(&bits, &v, sizeof(bits));
        return bits;
}

static bool same_ops(const struct property *a, const struct property *b)
{
        for (size_t i = 0; i < a->n_ops; i++) {
                if (a->ops[i].kind != b->ops[i].kind ||
                    bits_of(a->ops[i].operand) != bits_of(b->ops[i].operand))
                        return false;
        }
        return true;
}

static bool same_property(const struct property *a, const struct property *b)
{
        const struct shape *x = &a->shape, *y = &b->shape;

        return x->type == y->type && x->area == y->area && x->order == y->order &&
               x->address == y->address && x->quantity == y->quantity &&
               a->writable == b->writable && a->n_ops == b->n_ops && same_ops(a, b);
}

static bool same_table(const struct table *a, const struct table *b)
{
        if (a->hash != b->hash || a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                if (!same_property(&a->properties[i], &b->properties[i]) ||
                    !same_point(&a->points[i], &b->points[i]))
                        return false;
        }
        return true;
}

/* --- sharing */

static uint64_t mix(uint64_t h, uint64_t v)
{
        h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
        return h ^ (h >> 29);
}

static uint64_t hash_of(const struct table *t)
{
        uint64_t h = t->n;

        for (size_t i = 0; i < t->n; i++) {
                const struct shape *s = &t->properties[i].shape;

                h = mix(h, (uint64_t)s->type << 40 | (uint64_t)s->area << 32 |
                                   (uint64_t)s->address << 16 | s->quantity);
                for (const char *c = t->points[i].name; *c; c++)
                        h = mix(h, (unsigned char)*c);
        }
        return h;
}

static void table_free(struct table *t)
{
        arena_free(t->arena);
}

struct table *table_share(struct table *t)
{
        struct table **slot;

        t->hash = hash_of(t);
        slot = &slots[t->hash % SLOTS];
        (void)pthread_mutex_lock(&lock);
        struct table *known = *slot;
        while (known && !same_table(known, t))
                known = known->next;
        if (known) {
                known->refs++;
        } else {
                t->shared = true;
                t->next = *slot;
                *slot = t;
        }
        (void)pthread_mutex_unlock(&lock);
        if (!known)
                return t;
        table_free(t);
        return known;
}

void table_unref(struct table *t)
{
        if (!t)
                return;
        (void)pthread_mutex_lock(&lock);
        bool last = --t->refs == 0;
        if (last && t->shared) {
                struct table **at = &slots[t->hash % SLOTS];

                while (*at != t)
                        at = &(*at)->next;
                *at = t->next;
        }
        (void)pthread_mutex_unlock(&lock);
        if (last)
                table_free(t);
}
