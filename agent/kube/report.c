#include "kube/report.h"

#include "base/mem.h"

#include <string.h>

char *path_join(const char *path, const char *sub)
{
        bool dot = path[0] != '\0' && sub[0] != '\0' && sub[0] != '[';

        return xasprintf("%s%s%s", path, dot ? "." : "", sub);
}

char *path_key(const char *path, const char *key)
{
        auto_of(buf) struct buf b = BUF(2 * (strlen(path) + strlen(key)) + 8);

        buf_adds(&b, path);
        tree_path_key(&b, key);
        return buf_take(&b, NULL);
}

void report_at(struct findings *f, enum finding_severity severity, const struct tree *doc,
               const char *path, const char *sub, const char *format, ...)
{
        const struct tree *node = doc ? tree_find_nearest(doc, sub) : NULL;
        auto_free char *where = path_join(path, sub);
        va_list args;

        va_start(args, format);
        auto_free char *text = xvasprintf(format, args);
        va_end(args);
        findings_add(f, severity, node ? node->line : 0, where, "%s", text);
}

void report_all(struct findings *to, const struct findings *from)
{
        const char *file = to->file;
        size_t errors = to->errors + from->errors, warnings = to->warnings + from->warnings;

        for (size_t i = 0; i < from->n; i++) {
                const struct finding *one = &from->list[i];

                to->file = one->file;
                findings_add(to, one->severity, one->line, one->path, "%s", one->text);
        }
        to->file = file;
        to->errors = errors; /* with those that were not kept */
        to->warnings = warnings;
}
