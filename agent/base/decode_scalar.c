#include "decode_walk.h"
#include "text.h"

#include <assert.h>
#include <string.h>

void decode_expected(struct walk *w, const struct field *fd, const struct tree *value)
{
        auto_of(buf) struct buf want = BUF(1024);
        char shown[SHOWN_MAX];

        say_expected(fd, &want);
        findings_add(w->f, FINDING_ERROR, value->line, buf_text(&w->path), "expected %s, got %s",
                     buf_text(&want), say_value(value, w->is_hidden, shown));
}

/* --- text --------------------------------------------------------------------------------- */

static const regex_t *pattern_of(struct walk *w, const char *pattern)
{
        for (size_t i = 0; i < w->n_patterns; i++) {
                if (w->patterns[i].text == pattern)
                        return &w->patterns[i].compiled;
        }
        if (w->n_patterns == PATTERNS_MAX) {
                w->n_patterns--;
                regfree(&w->patterns[w->n_patterns].compiled);
        }
        auto_free char *whole = xasprintf("^(%s)$", pattern);
        regex_t *re = &w->patterns[w->n_patterns].compiled;
        int bad = regcomp(re, whole, REG_EXTENDED | REG_NOSUB);
        assert(bad == 0);
        if (bad)
                return NULL;
        w->patterns[w->n_patterns++].text = pattern;
        return re;
}

void decode_patterns_done(struct walk *w)
{
        for (size_t i = 0; i < w->n_patterns; i++)
                regfree(&w->patterns[i].compiled);
        w->n_patterns = 0;
}

static bool matches(struct walk *w, const char *pattern, const char *text, size_t n)
{
        const regex_t *re = pattern_of(w, pattern);

        return n <= PATTERN_TEXT_MAX && re && regexec(re, text, 0, NULL, 0) == 0;
}

static int64_t characters(const char *s, size_t n)
{
        int64_t count = 0;

        for (size_t i = 0; i < n; i++)
                count += ((unsigned char)s[i] & 0xc0) != 0x80;
        return count;
}

/* bounds: for a list they are the list's, not its elements'. */
bool decode_text(struct walk *w, const struct field *fd, const struct tree *value, bool has_bounds,
                 const char **ret)
{
        const char *text = tree_text(value);

        if (!text) {
                const struct field plain = { .kind = FIELD_KIND_TEXT };
                bool is_scalar = value->type != TREE_LIST && value->type != TREE_MAP;
                char shown[SHOWN_MAX];
                auto_of(buf) struct buf want = BUF(1024);

                say_expected(has_bounds ? fd : &plain, &want);
                findings_add(w->f, FINDING_ERROR, value->line, buf_text(&w->path),
                             "expected %s, got %s%s", buf_text(&want),
                             say_value(value, w->is_hidden, shown),
                             is_scalar ? " (text needs quotes here)" : "");
                return false;
        }
        if (memchr(text, '\0', value->n)) {
                findings_add(w->f, FINDING_ERROR, value->line, buf_text(&w->path),
                             "expected text without U+0000");
                return false;
        }
        if (has_bounds && !field_in_range(fd, characters(text, value->n))) {
                auto_of(buf) struct buf want = BUF(1024);
                if (w->is_hidden || value->n == 0) {
                        decode_expected(w, fd, value);
                        return false;
                }
                say_expected(fd, &want);
                findings_add(w->f, FINDING_ERROR, value->line, buf_text(&w->path),
                             "expected %s, got %lld", buf_text(&want),
                             (long long)characters(text, value->n));
                return false;
        }
        if (fd->pattern && !matches(w, fd->pattern, text, value->n)) {
                const struct field element = { .kind = FIELD_KIND_TEXT,
                                               .pattern = fd->pattern,
                                               .pattern_says = fd->pattern_says };
                decode_expected(w, has_bounds ? fd : &element, value);
                return false;
        }
        *ret = text;
        return true;
}

/* --- scalars ------------------------------------------------------------------------------ */

static bool choose(const struct field *fd, const char *name, int *ret)
{
        for (const struct field_choice *c = fd->choices; c->name; c++) {
                if (strcmp(c->name, name) == 0) {
                        *ret = c->value;
                        return true;
                }
        }
        return false;
}

static bool take_choice(const struct field *fd, const struct tree *value, int *ret)
{
        char digits[24];

        if (value->type == TREE_INT) {
                (void)snprintf(digits, sizeof(digits), "%lld", (long long)value->as.i);
                return choose(fd, digits, ret);
        }
        return value->type == TREE_TEXT && strlen(value->as.text) == value->n &&
               choose(fd, value->as.text, ret);
}

static bool take_int(const struct field *fd, const struct tree *value, int64_t *ret)
{
        if (value->type != TREE_INT || !field_in_range(fd, value->as.i))
                return false;
        *ret = value->as.i;
        return true;
}

static bool take_real(const struct field *fd, const struct tree *value, double *ret)
{
        double v = 0;

        if (value->type == TREE_INT)
                v = (double)value->as.i;
        else if (value->type == TREE_UINT)
                v = (double)value->as.u;
        else if (value->type == TREE_REAL)
                v = value->as.r;
        else
                return false;
        if (field_is_bounded(fd) &&
            (v < (double)fd->min || (field_has_max(fd) && v > (double)fd->max)))
                return false;
        *ret = v;
        return true;
}

static bool take_duration(const struct field *fd, const struct tree *value, int64_t *ret)
{
        int64_t ns = 0;

        if (value->type != TREE_TEXT ||
            text_parse_duration(value->as.text, value->n, &ns, NULL) < 0 || !field_in_range(fd, ns))
                return false;
        *ret = ns;
        return true;
}

static bool take_bool(const struct tree *value, bool *ret)
{
        if (value->type != TREE_BOOL)
                return false;
        *ret = value->as.b;
        return true;
}

bool decode_scalar(const struct field *fd, const struct tree *value, void *slot)
{
        switch (fd->kind) {
        case FIELD_KIND_BOOL:
                return take_bool(value, slot);
        case FIELD_KIND_INT:
                return take_int(fd, value, slot);
        case FIELD_KIND_REAL:
                return take_real(fd, value, slot);
        case FIELD_KIND_DURATION:
                return take_duration(fd, value, slot);
        case FIELD_KIND_CHOICE:
                return take_choice(fd, value, slot);
        case FIELD_KIND_TEXT:
        case FIELD_KIND_OBJECT:
        case FIELD_KIND_POINTER:
        case FIELD_KIND_LIST:
        case FIELD_KIND_MAP:
        case FIELD_KIND_TREE:
        case FIELD_KIND_END:
                break;
        }
        return false;
}

/* A table's own default: what does not parse is a mistake of the program. */
void decode_fallback(const struct field *fd, void *slot)
{
        const char *text = fd->fallback;
        bool ok = true;

        if (!text)
                return;
        switch (fd->kind) {
        case FIELD_KIND_TEXT:
                *(const char **)slot = text;
                break;
        case FIELD_KIND_BOOL:
                *(bool *)slot = strcmp(text, "true") == 0;
                ok = *(bool *)slot || strcmp(text, "false") == 0;
                break;
        case FIELD_KIND_INT:
                ok = text_parse_int(text, strlen(text), INT64_MIN, INT64_MAX, slot, NULL) == 0;
                break;
        case FIELD_KIND_REAL:
                ok = text_parse_real(text, strlen(text), 64, slot, NULL) == 0;
                break;
        case FIELD_KIND_DURATION:
                ok = text_parse_duration(text, strlen(text), slot, NULL) == 0;
                break;
        case FIELD_KIND_CHOICE:
                ok = choose(fd, text, slot);
                break;
        case FIELD_KIND_OBJECT:
        case FIELD_KIND_POINTER:
        case FIELD_KIND_LIST:
        case FIELD_KIND_MAP:
        case FIELD_KIND_TREE:
        case FIELD_KIND_END:
                ok = false;
                break;
        }
        assert(ok);
        (void)ok;
}
