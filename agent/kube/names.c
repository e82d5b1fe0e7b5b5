#include "kube/names.h"

#include <stddef.h>
#include <string.h>

enum { LABEL_MAX = 63, SUBDOMAIN_MAX = 253 };

const char names_label_says[] = "lower-case letters, digits and '-', first and last a letter or "
                                "digit, at most 63 characters";
const char names_subdomain_says[] = "lower-case letters, digits, '-' and '.', each part between "
                                    "dots beginning and ending with a letter or digit, at most "
                                    "253 characters";
const char names_qualified_says[] = "[prefix/]name: a DNS name, a slash, then at most 63 letters, "
                                    "digits, '-', '_' and '.', first and last a letter or digit";
const char names_value_says[] = "at most 63 letters, digits, '-', '_' and '.', first and last a "
                                "letter or digit";
const char names_item_says[] = "letters, digits, '-', '_' and '.', at most 253 characters, not "
                               "beginning with '..'";

/* Not isalnum(): the locale has no say here. */
static bool is_lower_or_digit(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
        return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool is_inner(char c)
{
        return is_alnum(c) || c == '-' || c == '_' || c == '.';
}

static bool label_span(const char *s, size_t n)
{
        if (n == 0 || !is_lower_or_digit(s[0]) || !is_lower_or_digit(s[n - 1]))
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!is_lower_or_digit(s[i]) && s[i] != '-')
                        return false;
        }
        return true;
}

static bool subdomain_span(const char *s, size_t n)
{
        if (n == 0 || n > SUBDOMAIN_MAX)
                return false;
        for (;;) {
                const char *dot = memchr(s, '.', n);
                size_t part = dot ? (size_t)(dot - s) : n;

                if (!label_span(s, part))
                        return false;
                if (!dot)
                        return true;
                s += part + 1;
                n -= part + 1;
        }
}

bool name_is_label(const char *s)
{
        size_t n = strlen(s);

        return n <= LABEL_MAX && label_span(s, n);
}

bool name_is_subdomain(const char *s)
{
        return subdomain_span(s, strlen(s));
}

bool name_is_label_value(const char *s)
{
        size_t n = strlen(s);

        if (n == 0)
                return true;
        if (n > LABEL_MAX || !is_alnum(s[0]) || !is_alnum(s[n - 1]))
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!is_inner(s[i]))
                        return false;
        }
        return true;
}

bool name_is_qualified(const char *s)
{
        const char *slash = strchr(s, '/');

        if (slash && !subdomain_span(s, (size_t)(slash - s)))
                return false;
        s = slash ? slash + 1 : s;
        return s[0] != '\0' && name_is_label_value(s);
}

bool name_is_item(const char *s)
{
        size_t n = strlen(s);

        if (n == 0 || n > SUBDOMAIN_MAX || strcmp(s, ".") == 0 || strncmp(s, "..", 2) == 0)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!is_inner(s[i]))
                        return false;
        }
        return true;
}
