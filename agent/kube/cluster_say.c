/* cluster_say.c - Events on links. */
#include "kube/cluster_impl.h"

void cluster_say(struct cluster_link *l, bool warning, const char *reason, const char *action,
                 const char *format, ...)
{
        struct event_about about = {
                .api_version = DEVICELINK_API_VERSION,
                .kind = DEVICELINK_KIND,
                .space = l->space,
                .name = l->name,
                .uid = l->uid,
        };
        va_list args;

        va_start(args, format);
        auto_free char *note = xvasprintf(format, args);
        va_end(args);
        events_say(l->c->events, &about, warning, reason, action, note);
}

void cluster_event(struct cluster *c, const struct link_spec *spec, bool warning,
                   const char *reason, const char *action, const char *note)
{
        struct cluster_link *l = cluster_link_find(c, spec->key);

        if (l)
                cluster_say(l, warning, reason, action, "%s", note);
}
