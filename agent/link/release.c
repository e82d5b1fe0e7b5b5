/* release.c - who is told that a link is over: nobody desires it, and nothing of it runs.
 *
 * Links with a device are over when its sink is closed; the others when links_apply() has returned.
 */
#include "link/impl.h"

#include "base/mem.h"

#include <string.h>

void release_closed(struct links *l, const char *key)
{
        const struct links_hooks *h = &l->config.hooks;

        if (h->released && !links_find(l, key) && !links_closing(l, key, true))
                h->released(h->ctx, key);
}

static bool is_dropped(const struct links *l, const char *key)
{
        for (size_t i = 0; i < l->n_dropped; i++) {
                if (strcmp(l->dropped[i], key) == 0)
                        return true;
        }
        return false;
}

void release_later(struct links *l, const char *key)
{
        if (links_closing(l, key, true) || is_dropped(l, key))
                return;
        l->dropped = xreallocarray(l->dropped, l->n_dropped + 1, sizeof(char *));
        l->dropped[l->n_dropped++] = xstrdup(key);
}

/* What is told may apply another set, which may drop others. */
void release_dropped(struct links *l)
{
        char **list = l->dropped;
        size_t n = l->n_dropped;

        l->dropped = NULL;
        l->n_dropped = 0;
        for (size_t i = 0; i < n; i++) {
                release_closed(l, list[i]);
                free(list[i]);
        }
        free(list);
}

void release_done(struct links *l)
{
        for (size_t i = 0; i < l->n_dropped; i++)
                free(l->dropped[i]);
        free(l->dropped);
}
