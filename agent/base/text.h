/* text.h - numbers, durations, times and Base64 as text, both ways; independent of the locale.
 *
 * The forms are those of the Octopus contract (Go's): reals in the 'g' form with the shortest
 * digits that read back the same, exponent form as octopus 3.1 says (vectors float_text.json);
 * durations as octopus 3 (vectors duration.json).
 * Parsers take the whole text or refuse it; `ret` is untouched on failure.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT_REAL_MAX = 32, TEXT_FIXED_MAX = 328, TEXT_TIME_MAX = 40 };

bool text_same(const char *a, const char *b); /* NULL is "" */

/* Shortest form of a double, or of a float given as a double.  Returns the length. */
size_t text_real(double v, bool is_float, char out[TEXT_REAL_MAX]);
/* Six decimals: "23.499994", "+Inf", "-0.000000", "NaN". */
size_t text_fixed6(double v, char out[TEXT_FIXED_MAX]);
/* "2024-01-02T02:04:05Z": UTC, whole seconds (RFC 3339). */
size_t text_time(int64_t wall_ns, char out[TEXT_TIME_MAX]);

/* Decimal with optional sign where the type has one; leading zeros are fine. DL_CONFIG: syntax or
 * out of min..max. */
int text_parse_int(const char *s, size_t n, int64_t min, int64_t max, int64_t *ret, struct err *e);
int text_parse_uint(const char *s, size_t n, uint64_t max, uint64_t *ret, struct err *e);
/* As Go's ParseFloat: decimal, hexadecimal with p exponent, underscores only where Go takes them
 * (octopus 3.1), inf, nan; too large is an error, too small is 0.  bits: 32 or 64. */
int text_parse_real(const char *s, size_t n, int bits, double *ret, struct err *e);
/* Go's duration strings: "1m30s", "250us", ".5s", "0", negative too. */
int text_parse_duration(const char *s, size_t n, int64_t *ret_ns, struct err *e);
size_t text_duration(int64_t ns, char out[TEXT_REAL_MAX]);                         /* "1m30s" */
int text_parse_time(const char *s, size_t n, int64_t *ret_wall_ns, struct err *e); /* RFC 3339 */

/* Standard or URL alphabet, mixed, any number of trailing '=' (octopus 4.2).  out has room for
 * n / 4 * 3 + 3 bytes. */
int text_parse_base64(const char *s, size_t n, void *out, size_t *ret_len, struct err *e);
int text_parse_hex(const char *s, size_t n, void *out, size_t *ret_len, struct err *e);

bool text_is_utf8(const void *p, size_t n); /* well-formed, no NUL */
/* The candidate nearest to `word` when it is near enough to be a slip of the pen, else NULL. */
const char *text_nearest(const char *word, const char *const *candidates, size_t n);

#endif
