/* plan.c - which requests read a set of points, and what refusals teach about it. */
#include "modbus/plan.h"

#include "base/mem.h"
#include "modbus/codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum cut { CUT_NONE = 0, CUT_TRIED, CUT_KEPT };

struct point {
        struct plan_span span;
        uint32_t rank; /* in the order of function and address */
        bool wanted;
        bool alone; /* was refused by itself: not joined with others */
};

struct root { /* a block of the plan as it was before refusals */
        size_t first, n;
        size_t open; /* parts without an outcome */
        bool split;
        bool found; /* a single point at fault */
};

struct block {
        uint8_t function;
        uint16_t address;
        uint32_t quantity;
        size_t first, n, root;
};

struct blocks {
        struct block *list;
        size_t n, cap;
};

struct plan {
        /* These arrays live behind the struct. */
        struct point *points;
        size_t n_points;
        uint32_t *order; /* rank -> point */
        uint8_t *cuts;   /* enum cut, by rank: no block reaches from below this rank to it */
        /* of the current set: */
        uint32_t *asked; /* as given to plan_begin() */
        size_t n_asked;
        uint32_t *items; /* the same points in the order of blocks */
        size_t n_items;
        struct blocks planned; /* for items, refusals aside */
        struct root *roots;    /* one for each of planned */
        bool stale;            /* planned does not hold what was learnt since */
        /* of the current reading: */
        struct blocks queue;
        size_t next;
};

/* --- all points, in order */

static int compare_spans(const void *a, const void *b, void *ctx)
{
        const struct point *points = ctx;
        uint32_t ia = *(const uint32_t *)a;
        uint32_t ib = *(const uint32_t *)b;
        const struct plan_span *x = &points[ia].span;
        const struct plan_span *y = &points[ib].span;

        if (x->function != y->function)
                return x->function < y->function ? -1 : 1;
        if (x->address != y->address)
                return x->address < y->address ? -1 : 1;
        if (x->quantity != y->quantity)
                return x->quantity < y->quantity ? -1 : 1;
        return ia < ib ? -1 : 1;
}

struct plan *plan_new(const struct plan_span *spans, size_t n)
{
        struct plan *p = xcalloc(1, sizeof(*p) + n * (sizeof(*p->points) + 3 * sizeof(*p->order) +
                                                      sizeof(*p->cuts)));

        p->n_points = n;
        p->points = (struct point *)(void *)(p + 1);
        p->order = (uint32_t *)(void *)(p->points + n);
        p->asked = p->order + n;
        p->items = p->asked + n;
        p->cuts = (uint8_t *)(p->items + n);
        p->stale = true;
        for (size_t i = 0; i < n; i++) {
                p->points[i].span = spans[i];
                p->order[i] = (uint32_t)i;
        }
        qsort_r(p->order, n, sizeof(*p->order), compare_spans, p->points);
        for (size_t rank = 0; rank < n; rank++)
                p->points[p->order[rank]].rank = (uint32_t)rank;
        return p;
}

void plan_free(struct plan *p)
{
        if (!p)
                return;
        free(p->planned.list);
        free(p->roots);
        free(p->queue.list);
        free(p);
}

/* --- joining */

static void blocks_add(struct blocks *b, const struct block *block)
{
        if (b->n == b->cap) {
                b->cap = b->cap ? b->cap * 2 : 1;
                b->list = xreallocarray(b->list, b->cap, sizeof(*b->list));
        }
        b->list[b->n++] = *block;
}

static bool cut_between(const struct plan *p, uint32_t from, uint32_t to)
{
        for (uint32_t rank = from + 1; rank <= to; rank++)
                if (p->cuts[rank] != CUT_NONE)
                        return true;
        return false;
}

/* Would item `i` go into the block that ends with the item before it? */
static bool joins(const struct plan *p, const struct block *b, size_t i)
{
        const struct point *before = &p->points[p->items[i - 1]];
        const struct point *point = &p->points[p->items[i]];
        const struct plan_span *s = &point->span;
        uint32_t max = codec_is_bits(s->function) ? READ_BITS_MAX : READ_REGISTERS_MAX;
        uint32_t end = (uint32_t)s->address + s->quantity;

        return !point->alone && !before->alone && s->function == b->function &&
               s->address <= b->address + b->quantity && end - b->address <= max &&
               !cut_between(p, before->rank, point->rank);
}

static void join(const struct plan *p, size_t first, size_t n, size_t root, struct blocks *out)
{
        struct block b = { 0 };

        for (size_t i = first; i < first + n; i++) {
                const struct plan_span *s = &p->points[p->items[i]].span;
                uint32_t end = (uint32_t)s->address + s->quantity;

                if (b.n > 0 && joins(p, &b, i)) {
                        if (end - b.address > b.quantity)
                                b.quantity = end - b.address;
                        b.n++;
                        continue;
                }
                if (b.n > 0)
                        blocks_add(out, &b);
                b = (struct block){
                        .function = s->function,
                        .address = s->address,
                        .quantity = s->quantity,
                        .first = i,
                        .n = 1,
                        .root = root,
                };
        }
        if (b.n > 0)
                blocks_add(out, &b);
}

/* --- a reading */

/* What was tried in the last reading becomes knowledge: a cut stays unless a point at fault was
 * found, which explains the refusal better, or the reading ended early. */
static void settle(struct plan *p)
{
        for (size_t i = 0; i < p->planned.n; i++) {
                struct root *r = &p->roots[i];
                if (!r->split)
                        continue;
                uint32_t from = p->points[p->items[r->first]].rank;
                uint32_t to = p->points[p->items[r->first + r->n - 1]].rank;
                for (uint32_t rank = from; rank <= to; rank++)
                        if (p->cuts[rank] == CUT_TRIED)
                                p->cuts[rank] = r->found || r->open ? CUT_NONE : CUT_KEPT;
                p->stale = true;
        }
}

static void sort_items(struct plan *p, const uint32_t *points, size_t n)
{
        for (size_t i = 0; i < n; i++)
                p->points[points[i]].wanted = true;
        p->n_items = 0;
        for (int alone = 0; alone <= 1; alone++) {
                for (size_t rank = 0; rank < p->n_points; rank++) {
                        struct point *point = &p->points[p->order[rank]];
                        if (point->wanted && point->alone == (alone != 0)) {
                                p->items[p->n_items++] = p->order[rank];
                                point->wanted = false;
                        }
                }
        }
}

static bool same_set(const struct plan *p, const uint32_t *points, size_t n)
{
        return !p->stale && n == p->n_asked &&
               (n == 0 || memcmp(p->asked, points, n * sizeof(*points)) == 0);
}

void plan_begin(struct plan *p, const uint32_t *points, size_t n)
{
        settle(p);
        if (!same_set(p, points, n)) {
                assert(n <= p->n_points);
                p->n_asked = n;
                if (n > 0)
                        memcpy(p->asked, points, n * sizeof(*points));
                sort_items(p, points, n);
                p->planned.n = 0;
                join(p, 0, p->n_items, 0, &p->planned);
                p->roots = xreallocarray(p->roots, p->planned.n + 1, sizeof(*p->roots));
                p->stale = false;
        }

        p->queue.n = 0;
        p->next = 0;
        for (size_t i = 0; i < p->planned.n; i++) {
                struct block *b = &p->planned.list[i];
                b->root = i;
                p->roots[i] = (struct root){ .first = b->first, .n = b->n, .open = 1 };
                blocks_add(&p->queue, b);
        }
}

bool plan_next(struct plan *p, struct plan_block *ret)
{
        if (p->next == p->queue.n)
                return false;

        const struct block *b = &p->queue.list[p->next++];
        *ret = (struct plan_block){
                .function = b->function,
                .address = b->address,
                .quantity = (uint16_t)b->quantity,
                .points = p->items + b->first,
                .n = b->n,
                .first = b->first,
                .root = b->root,
        };
        return true;
}

static void set_alone(struct plan *p, uint32_t point, bool alone)
{
        if (p->points[point].alone != alone) {
                p->points[point].alone = alone;
                p->stale = true;
        }
}

void plan_accepted(struct plan *p, const struct plan_block *b)
{
        p->roots[b->root].open--;
        if (b->n == 1)
                set_alone(p, b->points[0], false);
}

bool plan_refused(struct plan *p, const struct plan_block *b)
{
        struct root *root = &p->roots[b->root];

        if (b->n == 1) {
                root->open--;
                root->found = true;
                set_alone(p, b->points[0], true);
                return false;
        }
        root->split = true;
        p->cuts[p->points[b->points[b->n / 2]].rank] = CUT_TRIED;

        size_t before = p->queue.n;
        join(p, b->first, b->n, b->root, &p->queue);
        root->open += p->queue.n - before - 1;
        return true;
}
