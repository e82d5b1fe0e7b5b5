/* Topics from any template and names: bounded, clean, and never rendered twice. */
/* libs: dl_publish */
#include "fuzz.h"

#include "base/mem.h"
#include "publish/topic.h"

#include <stdlib.h>
#include <string.h>

/* The input's lines: template, namespace, name, uid, path, operator. */
static char *next_line(char **at)
{
        char *line = *at;
        char *end = strchr(*at, '\n');

        if (end) {
                *end = '\0';
                *at = end + 1;
        } else {
                *at += strlen(*at);
        }
        return line;
}

static void check(const struct buf *topic)
{
        const char *t = buf_text(topic);

        if (!buf_ok(topic))
                return;
        if (topic->len != strlen(t) || strstr(t, "//") || strstr(t, "/./"))
                abort();
        if (topic->len > 1 && t[topic->len - 1] == '/')
                abort();
        if (*t == '/' && (strncmp(t, "/../", 4) == 0 || strcmp(t, "/..") == 0))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size > 65536)
                return 0;
        auto_free char *text = xmalloc(size + 1);
        if (size)
                memcpy(text, data, size);
        text[size] = '\0';

        char *at = text;
        const char *template = next_line(&at);
        struct topic_names names = { .space = next_line(&at) };
        names.name = next_line(&at);
        names.uid = next_line(&at);
        names.path = next_line(&at);
        names.operation = next_line(&at);

        auto_of(buf) struct buf topic = BUF(TOPIC_MAX_BYTES);
        auto_of(buf) struct buf will = BUF(TOPIC_MAX_BYTES);
        auto_of(buf) struct buf will_at = BUF(TOPIC_MAX_BYTES);
        topic_render(template, &names, &topic);
        check(&topic);
        topic_will_default(template, &will);
        check(&will);
        topic_render(buf_text(&will), &names, &will_at);
        check(&will_at);
        (void)topic_check(&topic, NULL);
        return 0;
}
