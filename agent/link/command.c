#include "link/impl.h"

#include "base/mem.h"

struct command {
        struct loop_message message; /* first */
        enum command_kind kind;
        struct dl_sink *sink;
        struct device *device;
        struct write_job *job;
        int64_t after_ns;
};

static void deliver(struct loop_message *m, bool cancelled)
{
        struct command *c = (struct command *)m;

        if (cancelled) {
                device_unref(c->device);
                write_job_free(c->job);
        } else {
                driver_command(c->sink, c->kind, c->device, c->job, c->after_ns);
        }
        free(c);
}

void command_post(struct dl_sink *s, enum command_kind kind, struct device *device,
                  struct write_job *job, int64_t after_ns)
{
        struct command *c = xcalloc(1, sizeof(*c));

        *c = (struct command){ .message.deliver = deliver,
                               .kind = kind,
                               .sink = s,
                               .device = device,
                               .job = job,
                               .after_ns = after_ns };
        loop_post(s->home->loop, &c->message);
}
