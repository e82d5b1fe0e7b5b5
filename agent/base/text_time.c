#include "text.h"

#include "clock.h"
#include "text_quote.h"

#include <stdio.h>

/* Calendar arithmetic of our own: gmtime() is neither reentrant nor does it take a fraction, and
 * mktime() knows the local zone only. */

enum { DAYS_PER_ERA = 146097, YEARS_PER_ERA = 400, DAYS_TO_1970 = 719468 /* from 0000-03-01 */ };

static int64_t floor_div(int64_t a, int64_t b)
{
        return a / b - (a % b < 0);
}

/* Years are counted from March, so that the leap day is the last of its year. */
static int64_t days_from_date(int64_t year, int month, int day)
{
        int64_t y = month <= 2 ? year - 1 : year;
        int64_t era = floor_div(y, YEARS_PER_ERA);
        int64_t of_era = y - era * YEARS_PER_ERA;
        int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

        return era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
               DAYS_TO_1970;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
        int64_t d = days + DAYS_TO_1970;
        int64_t era = floor_div(d, DAYS_PER_ERA);
        int64_t of_era = d - era * DAYS_PER_ERA;
        int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
        int64_t m = (5 * of_year + 2) / 153;

        *day = (int)(of_year - (153 * m + 2) / 5 + 1);
        *month = (int)(m < 10 ? m + 3 : m - 9);
        *year = (int)(era * YEARS_PER_ERA + y + (*month <= 2));
}

size_t text_time(int64_t wall_ns, char out[TEXT_TIME_MAX])
{
        int64_t s = floor_div(wall_ns, NS_PER_S);
        int64_t days = floor_div(s, 86400);
        int of_day = (int)(s - days * 86400);
        int year = 0;
        int month = 0;
        int day = 0;

        date_from_days(days, &year, &month, &day);
        return (size_t)snprintf(out, TEXT_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month,
                                day, of_day / 3600, of_day / 60 % 60, of_day % 60);
}

struct cursor {
        const char *p;
        const char *end;
};

/* Exactly `digits` digits; -1 when they are not there. */
static int number(struct cursor *c, int digits)
{
        int v = 0;

        for (; digits > 0; digits--, c->p++) {
                if (c->p == c->end || *c->p < '0' || *c->p > '9')
                        return -1;
                v = v * 10 + (*c->p - '0');
        }
        return v;
}

static bool passed(struct cursor *c, char ch)
{
        if (c->p == c->end || *c->p != ch)
                return false;
        c->p++;
        return true;
}

static int days_in(int year, int month)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

        return days[month - 1] + (month == 2 && leap);
}

static bool read_date(struct cursor *c, int64_t *ret_s)
{
        int year = number(c, 4);
        int month = passed(c, '-') ? number(c, 2) : -1;
        int day = passed(c, '-') ? number(c, 2) : -1;

        if (year < 0 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
                return false;
        *ret_s = days_from_date(year, month, day) * 86400;
        return true;
}

static bool read_clock(struct cursor *c, int64_t *ret_s, int64_t *ret_ns)
{
        int hour = number(c, 2);
        int minute = passed(c, ':') ? number(c, 2) : -1;
        int second = passed(c, ':') ? number(c, 2) : -1;
        int64_t ns = 0;

        if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
                return false;
        if (passed(c, '.')) {
                if (number(c, 1) < 0)
                        return false;
                c->p--;
                for (int64_t unit = NS_PER_S / 10; c->p < c->end; unit /= 10, c->p++) {
                        if (*c->p < '0' || *c->p > '9')
                                break;
                        ns += unit * (*c->p - '0');
                }
        }
        *ret_s = hour * 3600 + minute * 60 + second;
        *ret_ns = ns;
        return true;
}

static bool read_zone(struct cursor *c, int64_t *ret_s)
{
        if (passed(c, 'Z')) {
                *ret_s = 0;
                return true;
        }
        bool west = c->p < c->end && *c->p == '-';
        if (!west && (c->p == c->end || *c->p != '+'))
                return false;
        c->p++;
        int hour = number(c, 2);
        int minute = passed(c, ':') ? number(c, 2) : -1;
        if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
                return false;
        int offset = hour * 3600 + minute * 60;
        *ret_s = west ? -offset : offset;
        return true;
}

int text_parse_time(const char *s, size_t n, int64_t *ret_wall_ns, struct err *e)
{
        char quoted[TEXT_QUOTE_MAX];
        struct cursor c = { .p = s, .end = s + n };
        int64_t date = 0;
        int64_t clock = 0;
        int64_t zone = 0;
        int64_t ns = 0;

        if (!read_date(&c, &date) || !passed(&c, 'T') || !read_clock(&c, &clock, &ns) ||
            !read_zone(&c, &zone) || c.p != c.end)
                return err_set(e, DL_CONFIG,
                               "expected a time as \"2024-01-02T02:04:05Z\", got '%s'",
                               text_quote(s, n, quoted));

        /* Nanoseconds reach from 1677 to 2262; the sum is made where it cannot overflow. */
        __int128 r = (__int128)(date + clock - zone) * NS_PER_S + ns;
        if (r < INT64_MIN || r > INT64_MAX)
                return err_set(e, DL_CONFIG, "expected a time from 1678 to 2261, got '%s'",
                               text_quote(s, n, quoted));
        *ret_wall_ns = (int64_t)r;
        return 0;
}
