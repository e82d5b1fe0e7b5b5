/* post.c - messages from other threads: a list without a lock, taken whole.
 *
 * Only who finds the list empty wakes the loop: whoever comes later is taken along. */
#include "loop/impl.h"

void loop_post(struct loop *l, struct loop_message *m)
{
        struct loop_message *old = atomic_load_explicit(&l->mail, memory_order_relaxed);

        do
                m->next = old;
        while (!atomic_compare_exchange_weak_explicit(&l->mail, &old, m, memory_order_release,
                                                      memory_order_relaxed));
        if (!old)
                (void)uv_async_send(&l->wake);
}

static struct loop_message *oldest_first(struct loop_message *m)
{
        struct loop_message *list = NULL;

        while (m) {
                struct loop_message *next = m->next;

                m->next = list;
                list = m;
                m = next;
        }
        return list;
}

static struct loop_message *take_all(struct loop *l)
{
        return oldest_first(atomic_exchange_explicit(&l->mail, NULL, memory_order_acquire));
}

void loop_mail_take(struct loop *l, bool cancelled)
{
        struct loop_message *m = take_all(l);

        while (m) {
                struct loop_message *next = m->next;

                m->deliver(m, cancelled);
                /* A loop that ends also releases what its last messages post. */
                m = next || !cancelled ? next : take_all(l);
        }
}
