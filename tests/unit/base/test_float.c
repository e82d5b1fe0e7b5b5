/* Reals as text: the shortest digits that read back the same, and six exact decimals. */
#include "base/mem.h"
#include "base/text.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/base/vectors.h"

static uint64_t bits_of(double v)
{
        uint64_t bits = 0;

        memcpy(&bits, &v, sizeof(bits));
        return bits;
}

static double from_bits(uint64_t bits, bool is_float)
{
        uint32_t low = (uint32_t)bits;
        float f = 0;
        double d = 0;

        if (is_float) {
                memcpy(&f, &low, sizeof(f));
                return (double)f;
        }
        memcpy(&d, &bits, sizeof(d));
        return d;
}

static const char *real(double v, bool is_float)
{
        static char text[TEXT_REAL_MAX];
        size_t n = text_real(v, is_float, text);

        assert_int_equal(n, strlen(text));
        return text;
}

static const char *fixed6(double v)
{
        static char text[TEXT_FIXED_MAX];
        size_t n = text_fixed6(v, text);

        assert_int_equal(n, strlen(text));
        return text;
}

static void every_recorded_text_is_reproduced(void **state)
{
        struct json_object *all = vectors_open("float_text.json");

        (void)state;
        assert_int_equal(json_object_array_length(all), 229);
        for (size_t i = 0; i < json_object_array_length(all); i++) {
                struct json_object *entry = json_object_array_get_idx(all, i);
                bool is_float = strcmp(vector_text(entry, "width"), "32") == 0;
                uint64_t bits = strtoull(vector_text(entry, "bits"), NULL, 16);
                assert_string_equal(real(from_bits(bits, is_float), is_float),
                                    vector_text(entry, "text"));
        }
        json_object_put(all);
}

static void the_form_is_the_contracts(void **state)
{
        (void)state;
        assert_string_equal(real(123456, false), "123456");
        assert_string_equal(real(1234567, false), "1.234567e+06");
        assert_string_equal(real(1e6, false), "1e+06");
        assert_string_equal(real(100000, false), "100000");
        assert_string_equal(real(16777216, true), "1.6777216e+07");
        assert_string_equal(real(0.0001, false), "0.0001");
        assert_string_equal(real(0.00001, false), "1e-05");
        assert_string_equal(real((double)296.65F, true), "296.65");
        assert_string_equal(real((double)1e20F, true), "1e+20");
        assert_string_equal(real(0, false), "0");
        assert_string_equal(real(-0.0, false), "-0");
        assert_string_equal(real(-0.0, true), "-0");
        assert_string_equal(real((double)NAN, false), "NaN");
        assert_string_equal(real(-(double)NAN, true), "NaN");
        assert_string_equal(real(HUGE_VAL, false), "+Inf");
        assert_string_equal(real(-HUGE_VAL, true), "-Inf");
        assert_string_equal(real(1e300, true), "+Inf"); /* no float holds it */
        assert_string_equal(real(0x1p-44, false), "5.684341886080802e-14");
        assert_string_equal(real(5e-324, false), "5e-324");
        assert_string_equal(real(0x1.fffffffffffffp1023, false), "1.7976931348623157e+308");
        assert_string_equal(real(2097152.25, true), "2.0971522e+06"); /* a tie: to even */
}

/* The slow and obvious way: more and more digits, at every number the neighbours too. */
static void reference(double v, bool is_float, uint64_t *ret_digits, int *ret_exp)
{
        for (int n = 1;; n++) {
                char text[48];
                (void)snprintf(text, sizeof(text), "%.*e", n - 1, v);
                char *e = strchr(text, 'e');
                uint64_t digits = (uint64_t)(text[0] - '0');
                for (char *p = text + 2; n > 1 && p < e; p++)
                        digits = digits * 10 + (uint64_t)(*p - '0');
                int exp = (int)strtol(e + 1, NULL, 10) - (n - 1);
                for (int nudge = 0; nudge < 2; nudge++, digits++) {
                        (void)snprintf(text, sizeof(text), "%llue%d", (unsigned long long)digits,
                                       exp);
                        double back = is_float ? (double)strtof(text, NULL) : strtod(text, NULL);
                        if (bits_of(back) == bits_of(v)) {
                                *ret_digits = digits;
                                *ret_exp = exp;
                                return;
                        }
                }
                assert_true(n < 18);
        }
}

/* Digits and exponent of what text_real() wrote. */
static void take_apart(const char *text, uint64_t *ret_digits, int *ret_exp)
{
        uint64_t digits = 0;
        int exp = 0;
        bool point = false;

        for (; *text && *text != 'e'; text++) {
                if (*text == '.') {
                        point = true;
                        continue;
                }
                digits = digits * 10 + (uint64_t)(*text - '0');
                exp -= point;
        }
        if (*text)
                exp += (int)strtol(text + 1, NULL, 10);
        for (; digits % 10 == 0; digits /= 10)
                exp++;
        *ret_digits = digits;
        *ret_exp = exp;
}

static void assert_shortest(double v, bool is_float)
{
        uint64_t got = 0;
        uint64_t want = 0;
        int got_exp = 0;
        int want_exp = 0;

        reference(v, is_float, &want, &want_exp);
        take_apart(real(v, is_float), &got, &got_exp);
        if (got != want || got_exp != want_exp)
                fail_msg("%a: got %s, want %llue%d", v, real(v, is_float), (unsigned long long)want,
                         want_exp);
}

static uint64_t next_random(uint64_t *state)
{
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return *state >> 11 ^ *state << 21;
}

static void powers_of_two_and_their_neighbours_are_shortest(void **state)
{
        (void)state;
        for (uint64_t e = 0; e < 255; e++) {
                for (uint64_t k = 0; k < 3; k++) {
                        uint64_t bits = (e << 23) + k - 1;
                        if (bits > 0 && bits < 0x7f800000)
                                assert_shortest(from_bits(bits, true), true);
                }
        }
        for (uint64_t e = 0; e < 2047; e++) {
                for (uint64_t k = 0; k < 3; k++) {
                        uint64_t bits = (e << 52) + k - 1;
                        if (bits > 0 && bits >> 52 < 2047)
                                assert_shortest(from_bits(bits, false), false);
                }
        }
}

static void random_numbers_of_every_size_are_shortest(void **state)
{
        uint64_t seed = 20261121;

        (void)state;
        for (int i = 0; i < 30000; i++) {
                uint64_t bits = next_random(&seed) & 0x7fffffff;
                if (bits > 0 && bits < 0x7f800000)
                        assert_shortest(from_bits(bits, true), true);
                bits = next_random(&seed) & INT64_MAX;
                if (bits > 0 && bits >> 52 < 2047)
                        assert_shortest(from_bits(bits, false), false);
                assert_shortest((double)(1 + next_random(&seed) % 100000) / 100, false);
                assert_shortest((double)((float)(1 + next_random(&seed) % 100000) / 100), true);
        }
}

static void six_decimals_are_exact(void **state)
{
        (void)state;
        assert_string_equal(fixed6((double)23.499994F), "23.499994");
        assert_string_equal(fixed6(100000002004087734272.0), "100000002004087734272.000000");
        assert_string_equal(fixed6(-0.0), "-0.000000");
        assert_string_equal(fixed6(-1e-9), "-0.000000");
        assert_string_equal(fixed6(0), "0.000000");
        assert_string_equal(fixed6((double)NAN), "NaN");
        assert_string_equal(fixed6(HUGE_VAL), "+Inf");
        assert_string_equal(fixed6(-HUGE_VAL), "-Inf");
        assert_string_equal(fixed6(0.0000005), "0.000000"); /* just below the half */
        assert_string_equal(fixed6(0x1p-7), "0.007812");    /* 0.0078125: to even */
        assert_string_equal(fixed6(3 * 0x1p-7), "0.023438");
        assert_string_equal(fixed6(0.9999996), "1.000000");
        assert_string_equal(fixed6(5e-324), "0.000000");
        assert_string_equal(fixed6(-0x1.fffffffffffffp1023) + 300, "4124858368.000000");
        assert_int_equal(strlen(fixed6(-0x1.fffffffffffffp1023)), 317);
}

static void six_decimals_agree_with_the_c_library(void **state)
{
        uint64_t seed = 7;

        (void)state;
        for (int i = 0; i < 60000; i++) {
                char want[TEXT_FIXED_MAX];
                uint64_t r = next_random(&seed);
                int scale = (int)(next_random(&seed) % 140) - 90;
                double v = ldexp((double)(r >> (r & 31)), scale);
                if (i % 4 == 0)
                        v = from_bits(r & INT64_MAX, false);
                if (!isfinite(v))
                        continue;
                (void)snprintf(want, sizeof(want), "%.6f", v);
                assert_string_equal(fixed6(v), want);
        }
}

static int parse(const char *s, int bits, double *ret)
{
        return text_parse_real(s, strlen(s), bits, ret, NULL);
}

static void assert_parses(const char *s, int bits, double want)
{
        double got = 99;

        if (parse(s, bits, &got) != 0)
                fail_msg("'%s' was refused", s);
        if (bits_of(got) != bits_of(want))
                fail_msg("'%s': got %a, want %a", s, got, want);
}

static void the_forms_of_the_contract_are_read(void **state)
{
        (void)state;
        assert_parses("+1.5", 64, 1.5);
        assert_parses(".5", 64, .5);
        assert_parses("5.", 64, 5);
        assert_parses("-0", 64, -0.0);
        assert_parses("007", 64, 7);
        assert_parses("1e3", 64, 1000);
        assert_parses("1E+3", 64, 1000);
        assert_parses("12.5e-1", 64, 1.25);
        assert_parses("0x10p0", 64, 16);
        assert_parses("0x1p4", 32, 16);
        assert_parses("-0X.8P+1", 64, -1);
        assert_parses("0xA.8p0", 64, 10.5);
        assert_parses("1_0", 64, 10);
        assert_parses("1_0", 32, 10);
        assert_parses("1_23.50_0_0e+1_2", 64, 1.235e14);
        assert_parses("0x_1_2.3_4_5p+1_2", 64, 74565);
        assert_parses("inf", 64, HUGE_VAL);
        assert_parses("+Inf", 64, HUGE_VAL);
        assert_parses("-iNFINITY", 32, -HUGE_VAL);
        assert_parses("0.1", 64, 0.1);
        assert_parses("0.1", 32, (double)0.1F);
        assert_parses("16777217", 32, 16777216);
        assert_parses("3.4028234e38", 32, 0x1.fffffep127);
        assert_parses("1e-400", 64, 0);
        assert_parses("-1e-400", 64, -0.0);
        assert_parses("1e-60", 32, 0);
        assert_parses("0e999999999999", 64, 0);
        assert_parses("1.7976931348623157e308", 64, 0x1.fffffffffffffp1023);
        double v = 0;
        assert_int_equal(parse("NaN", 64, &v), 0);
        assert_true(isnan(v));
        assert_int_equal(parse("nan", 32, &v), 0);
        assert_true(isnan(v));
}

static void a_float_is_rounded_once(void **state)
{
        (void)state;
        /* Just above the middle of two floats, but the nearest double is the middle itself. */
        assert_parses("1.00000005960464477540", 32, (double)0x1.000002p0F);
        assert_parses("1.000000059604644775390625", 32, 1);
        assert_parses("0x1.00000100000000000001p0", 32, (double)0x1.000002p0F);
}

static void other_texts_are_refused_and_the_result_is_left_alone(void **state)
{
        static const char *const wrong[] = {
                "",      " ",       " 1",     "1 ",     "1,5",   "abc",    "+",        "-",
                ".",     "+.",      "e5",     ".e5",    "1e",    "1e+",    "1e5.5",    "--1",
                "+-1",   "1.2.3",   "0x",     "0x10",   "0xp1",  "0x.p1",  "0x1p",     "0x1.8",
                "0x1e4", "0b1",     "0o7",    "1f",     "1d",    "1p4",    "_1",       "1_",
                "1__0",  "1_.5",    "1._5",   "1.5_",   "1e_5",  "1_e5",   "1e5_",     "1e+_5",
                "+_1",   "0x__1p1", "0x1_p1", "0_x1p1", "in",    "infi",   "infinit",  "infinityy",
                "+nan",  "-nan",    "nan(1)", "nano",   "1e400", "-1e309", "0x1p1024", "1\n",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                double v = 42;
                struct err e = { 0 };
                if (text_parse_real(wrong[i], strlen(wrong[i]), 64, &v, &e) != DL_CONFIG)
                        fail_msg("'%s' was taken", wrong[i]);
                assert_true(v > 41 && v < 43);
                assert_true(e.text[0] != '\0');
        }
        double v = 42;
        assert_int_equal(parse("1e39", 32, &v), DL_CONFIG);
        assert_int_equal(parse("1e309", 64, &v), DL_CONFIG);
        assert_int_equal(text_parse_real("1\0002", 3, 64, &v, NULL), DL_CONFIG);
}

static void a_refusal_names_the_text_in_short(void **state)
{
        struct err e = { 0 };
        double v = 0;
        char text[500];

        (void)state;
        (void)text_parse_real("1,5", 3, 64, &v, &e);
        assert_string_equal(e.text, "expected a number, got '1,5'");
        (void)text_parse_real("a\x1b\xff", 3, 64, &v, &e);
        assert_string_equal(e.text, "expected a number, got 'a?"
                                    "?'");
        (void)text_parse_real("1e39", 4, 32, &v, &e);
        assert_string_equal(e.text, "1e39 does not fit a 32-bit float");
        memset(text, 'x', sizeof(text));
        (void)text_parse_real(text, sizeof(text), 64, &v, &e);
        assert_in_range(strlen(e.text), 60, 100);
}

static void long_numbers_are_read_to_their_last_digit(void **state)
{
        size_t n = 5000;
        auto_free char *text = xmalloc(n + 1);
        double v = 0;

        (void)state;
        memset(text, '0', n);
        memcpy(text, "1.", 2);
        text[n] = '\0';
        assert_int_equal(text_parse_real(text, n, 64, &v, NULL), 0);
        assert_true(v >= 1 && v <= 1);
        /* the middle of 1 and its upper neighbour, and a crumb more */
        static const char middle[] = "1.00000000000000011102230246251565404236316680908203125";
        memcpy(text, middle, strlen(middle));
        assert_int_equal(text_parse_real(text, n, 64, &v, NULL), 0);
        assert_true(v <= 1);
        text[n - 1] = '1';
        assert_int_equal(text_parse_real(text, n, 64, &v, NULL), 0);
        assert_true(v > 1);
}

static void text_and_number_agree_both_ways(void **state)
{
        uint64_t seed = 99;

        (void)state;
        for (int i = 0; i < 20000; i++) {
                uint64_t r = next_random(&seed) << 1 ^ next_random(&seed);
                bool is_float = i % 2 == 0;
                double v = from_bits(is_float ? r & UINT32_MAX : r, is_float);
                if (isfinite(v))
                        assert_parses(real(v, is_float), is_float ? 32 : 64, v);
        }
}

/* NOLINTBEGIN(concurrency-mt-unsafe): one thread */

/* Make a locale with a decimal comma for this test; false where its sources are not installed. */
static bool set_comma_locale(void)
{
        static char dir[] = TEST_BUILD "/locale-XXXXXX";
        char path[sizeof(dir) + 16];
        int status = 0;
        pid_t pid = -1;

        if (!mkdtemp(dir))
                return false;
        (void)snprintf(path, sizeof(path), "%s/de_DE.UTF-8", dir);
        char *argv[] = { (char[]){ "localedef" },
                         (char[]){ "-i" },
                         (char[]){ "de_DE" },
                         (char[]){ "-f" },
                         (char[]){ "UTF-8" },
                         path,
                         NULL };
        if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0)
                (void)waitpid(pid, &status, 0);
        (void)setenv("LOCPATH", dir, 1);
        bool made = setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
        char *rm[] = { (char[]){ "rm" }, (char[]){ "-rf" }, dir, NULL };
        if (posix_spawnp(&pid, rm[0], NULL, NULL, rm, environ) == 0)
                (void)waitpid(pid, &status, 0);
        return made && strcmp(localeconv()->decimal_point, ",") == 0;
}

static void the_locale_of_the_process_changes_nothing(void **state)
{
        (void)state;
        if (!set_comma_locale())
                skip();
        assert_parses("1.5", 64, 1.5);
        assert_parses("1.5", 32, 1.5);
        assert_string_equal(real(1.5, false), "1.5");
        assert_string_equal(real(1.25e-200, false), "1.25e-200");
        assert_string_equal(fixed6(1.5), "1.500000");
        assert_string_equal(fixed6(0x1p60), "1152921504606846976.000000");
        (void)setlocale(LC_ALL, "C");
}

/* NOLINTEND(concurrency-mt-unsafe) */

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_recorded_text_is_reproduced),
                cmocka_unit_test(the_form_is_the_contracts),
                cmocka_unit_test(powers_of_two_and_their_neighbours_are_shortest),
                cmocka_unit_test(random_numbers_of_every_size_are_shortest),
                cmocka_unit_test(six_decimals_are_exact),
                cmocka_unit_test(six_decimals_agree_with_the_c_library),
                cmocka_unit_test(the_forms_of_the_contract_are_read),
                cmocka_unit_test(a_float_is_rounded_once),
                cmocka_unit_test(other_texts_are_refused_and_the_result_is_left_alone),
                cmocka_unit_test(a_refusal_names_the_text_in_short),
                cmocka_unit_test(long_numbers_are_read_to_their_last_digit),
                cmocka_unit_test(text_and_number_agree_both_ways),
                cmocka_unit_test(the_locale_of_the_process_changes_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
