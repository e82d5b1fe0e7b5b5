#include "link/channel.h"

#include "base/mem.h"

#include <stdio.h>

static struct tenant *tenant_of(struct channels *c, const struct dl_adaptor *a)
{
        struct tenant *t = c->tenants;

        while (t && t->adaptor != a)
                t = t->next;
        if (t)
                return t;
        t = xcalloc(1, sizeof(*t));
        t->adaptor = a;
        t->next = c->tenants;
        c->tenants = t;
        return t;
}

void channels_enter(struct channels *c, struct dl_sink *s, const char *name)
{
        auto_free char *key = xasprintf("%s\n%s", s->adaptor->name, name);
        size_t len = strlen(key);
        struct channel *ch = NULL;

        HASH_FIND(hh, c->table, key, len, ch);
        if (!ch) {
                ch = xcalloc(1, sizeof(*ch) + len + 1);
                memcpy(ch->name, key, len + 1);
                ch->tenant = tenant_of(c, s->adaptor);
                HASH_ADD_KEYPTR(hh, c->table, ch->name, len, ch);
        }
        ch->n_sinks++;
        ch->tenant->n_sinks++;
        s->channel = ch;
}

static void unlink_tenant(struct channels *c, const struct tenant *t)
{
        struct tenant **at = &c->tenants;

        while (*at != t)
                at = &(*at)->next;
        *at = t->next;
}

struct tenant *channels_leave(struct channels *c, struct dl_sink *s)
{
        struct channel *ch = s->channel;
        struct tenant *t = ch->tenant;

        s->channel = NULL;
        if (--ch->n_sinks == 0) {
                HASH_DELETE(hh, c->table, ch);
                free(ch);
        }
        if (--t->n_sinks > 0)
                return NULL;
        unlink_tenant(c, t);
        return t;
}

void tenant_free(struct tenant *t)
{
        free(t);
}
