#include "link/sink.h"

#include "base/mem.h"

struct dl_sink *sink_new(const char *key, struct home *home, struct device *device)
{
        struct dl_sink *s = xcalloc(1, sizeof(*s));

        s->adaptor = device->adaptor;
        s->home = home;
        s->key = xstrdup(key);
        s->device = device_ref(device);
        s->spoken = device;
        (void)pthread_mutex_init(&s->lock, NULL);
        return s;
}

void sink_retire(struct dl_sink *s)
{
        device_unref(s->device);
        device_unref(s->adopted);
        device_unref(s->old);
        s->device = s->adopted = s->old = s->spoken = NULL;
        free(s->error);
        free(s->call);
        s->error = NULL;
        s->call = NULL;
}

void sink_free(struct dl_sink *s)
{
        if (!s)
                return;
        sink_retire(s);
        (void)pthread_mutex_destroy(&s->lock);
        free(s->key);
        free(s);
}
