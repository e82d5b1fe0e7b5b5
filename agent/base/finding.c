#include "finding.h"

#include "mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { FINDINGS_KEPT = 200 };

static void finding_done(struct finding *f)
{
        free(f->file);
        free(f->path);
        free(f->text);
}

void findings_clear(struct findings *f)
{
        for (size_t i = 0; i < f->n; i++)
                finding_done(&f->list[i]);
        f->n = 0;
        f->errors = 0;
        f->warnings = 0;
}

void findings_done(struct findings *f)
{
        findings_clear(f);
        free(f->list);
        *f = (struct findings){ 0 };
}

/* An error is worth more than a warning: the newest warning makes room for it. */
static bool make_room(struct findings *f, enum finding_severity severity)
{
        if (f->n < FINDINGS_KEPT)
                return true;
        if (severity != FINDING_ERROR)
                return false;
        for (size_t i = f->n; i-- > 0;) {
                if (f->list[i].severity != FINDING_WARNING)
                        continue;
                finding_done(&f->list[i]);
                memmove(&f->list[i], &f->list[i + 1], (f->n - i - 1) * sizeof(f->list[0]));
                f->n--;
                return true;
        }
        return false;
}

void findings_add(struct findings *f, enum finding_severity severity, int line, const char *path,
                  const char *format, ...)
{
        va_list args;

        if (!f)
                return;
        if (severity == FINDING_ERROR)
                f->errors++;
        else
                f->warnings++;
        if (!make_room(f, severity))
                return;

        va_start(args, format);
        char *text = xvasprintf(format, args); /* first: %m needs errno as it came */
        va_end(args);
        if (f->n == f->cap) {
                f->cap = f->cap ? f->cap * 2 : 8;
                f->list = xreallocarray(f->list, f->cap, sizeof(f->list[0]));
        }
        f->list[f->n++] = (struct finding){
                .severity = severity,
                .line = line,
                .file = f->file ? xstrdup(f->file) : NULL,
                .path = xstrdup(path),
                .text = text,
        };
}

const char *findings_first(const struct findings *f, char *out, size_t size)
{
        if (size == 0)
                return "";
        out[0] = '\0';
        for (size_t i = 0; f && i < f->n; i++) {
                const struct finding *one = &f->list[i];
                if (one->severity != FINDING_ERROR)
                        continue;
                (void)snprintf(out, size, "%s%s%s", one->path, one->path[0] ? ": " : "", one->text);
                break;
        }
        return out;
}
