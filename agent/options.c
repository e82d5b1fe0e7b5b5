/* options.c - see options.h */
#include "options.h"

#include "verbs.h"

#include "base/mem.h"
#include "base/text.h"
#include "kube/names.h"

#include <stdio.h>
#include <string.h>

int options_error(const char *verb, const char *what, const char *value)
{
        (void)fprintf(stderr, "devicelink %s: %s%s%s%s\nTry 'devicelink %s --help'.\n", verb, what,
                      value ? " '" : "", value ? value : "", value ? "'" : "", verb);
        return EXIT_USAGE;
}

const char *options_level(const char *s, enum log_level *ret)
{
        static const struct {
                const char *name;
                enum log_level level;
        } levels[] = {
                { "error", LOG_ERROR },
                { "warning", LOG_WARNING },
                { "info", LOG_INFO },
                { "debug", LOG_DEBUG },
        };

        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
                if (strcmp(s, levels[i].name) == 0) {
                        *ret = levels[i].level;
                        return NULL;
                }
        }
        return "--log-level: expected error, warning, info or debug, got";
}

const char *options_format(const char *s, enum log_format *ret)
{
        if (strcmp(s, "json") == 0)
                *ret = LOG_FORMAT_JSON;
        else if (strcmp(s, "text") == 0)
                *ret = LOG_FORMAT_TEXT;
        else
                return "--log-format: expected text or json, got";
        return NULL;
}

const char *options_verbosity(const char *s, enum log_level *ret)
{
        int64_t v;

        if (text_parse_int(s, strlen(s), 0, 10, &v, NULL) < 0)
                return "--v: expected a number from 0 to 10, got";
        if (v >= 4)
                *ret = LOG_DEBUG;
        return NULL;
}

const char *options_duration(const char *s, int64_t *ret_ns)
{
        int64_t ns;

        if (text_parse_duration(s, strlen(s), &ns, NULL) < 0 || ns < 0)
                return "expected a duration like 5s or 1m30s, got";
        *ret_ns = ns;
        return NULL;
}

int options_check_namespace(const char *verb, const char *option, const char *value)
{
        if (!value || name_is_label(value))
                return -1;
        auto_free char *what = xasprintf("--%s: expected %s, got", option, names_label_says);
        return options_error(verb, what, value);
}
