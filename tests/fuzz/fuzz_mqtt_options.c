/* MQTT sections from any YAML: compiled or refused with a reason, and equal to themselves. */
/* libs: dl_publish */
#include "fuzz.h"

#include "publish/settings.h"

#include <stdlib.h>
#include <string.h>

static const struct dl_reference references[] = {
        { .name = "broker", .item = "user", .data = "ru", .len = 2 },
        { .name = "broker", .item = "password", .data = "r\0p", .len = 3 },
};

static struct link_spec *spec_of(const uint8_t *data, size_t size)
{
        struct link_spec *s = link_spec_new();
        struct findings f = { 0 };
        const struct tree *documents = NULL;

        int rc = tree_parse_yaml(s->arena, (const char *)data, size, &tree_limits_default, &f,
                                 &documents, NULL);
        findings_done(&f);
        if (rc < 0 || !tree_first(documents)) {
                link_spec_unref(s);
                return NULL;
        }
        s->key = "default/test";
        s->space = "default";
        s->name = "test";
        s->uid = "835aea2e-5f80-4d14-88f5-40c4bda41aa3";
        s->spec = tree_first(documents);
        s->spec_path = "spec";
        s->has_references = true;
        s->references = references;
        s->n_references = sizeof(references) / sizeof(references[0]);
        return s;
}

static void check(const struct publication *p)
{
        if (!p->settings)
                return;
        if (!settings_equal(p->settings, p->settings) || p->depth == 0 || p->qos < 0 || p->qos > 2)
                abort();
        if (!*p->topic || strpbrk(p->topic, "+#") || p->settings->port == 0)
                abort();
        if (p->settings->keep_alive_s > 65535 || strchr(p->settings->server, '@'))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct link_spec *s = size > 65536 ? NULL : spec_of(data, size);
        struct publication p = { 0 };
        struct findings f = { 0 };

        if (!s)
                return 0;
        if (settings_compile(s, "node", &f, &p) == 0)
                check(&p);
        else if (f.errors == 0)
                abort();
        publication_done(&p);
        findings_done(&f);
        link_spec_unref(s);
        return 0;
}
