/* Any two documents after each other, a line each: only times change, and it fits. */
/* libs: dl_kube */
#include "base/clock.h"
#include "base/tree.h"
#include "fuzz.h"
#include "kube/report_times.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 16 };

static const char list[] = "{\"properties\":[";

static void check(bool holds)
{
        if (!holds)
                abort();
}

static bool is_json(const char *s, size_t n)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;

        return tree_parse_json(a, s, n, &tree_limits_default, &t, NULL) == 0;
}

static void render(struct report_times *t, const char *s, size_t n, int64_t now_s, size_t max)
{
        auto_of(buf) struct buf out = BUF(INPUT_MAX * 64);
        size_t cut = 0;

        report_times_render(t, s, n, now_s * NS_PER_S, 600 * NS_PER_S, max, &out, &cut);
        check(buf_ok(&out));
        check(out.len <= max || strcmp(buf_text(&out), "{}") == 0);
        if (n > 0 && s[0] == '{' && is_json(s, n)) {
                bool is_list = n > sizeof(list) && memcmp(s, list, sizeof(list) - 1) == 0;

                check(is_json(buf_text(&out), out.len));
                if (is_list && cut == 0 && out.len > 2)
                        check(report_digest(buf_text(&out), out.len) == report_digest(s, n));
        }
        report_times_written(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *s = (const char *)data;
        const char *line = size <= INPUT_MAX ? memchr(s, '\n', size) : NULL;
        struct report_times *t = NULL;

        if (!line)
                return 0;
        size_t first = (size_t)(line - s);
        size_t second = size - first - 1;
        t = report_times_new();
        render(t, s, first, 1704161045, SIZE_MAX / 8);
        render(t, line + 1, second, 1704161050, SIZE_MAX / 8);
        render(t, s, first, 1704161500, first - first / 3);
        render(t, line + 1, second, 1704161900, second / 2);
        render(t, s, first, 1704161950, SIZE_MAX / 8);
        report_times_free(t);
        return 0;
}
