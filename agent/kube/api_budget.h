/* api_budget.h - a token bucket: so many requests a second, so many at once after a pause.
 *
 * Pure; threads: none shared.
 */
#ifndef KUBE_API_BUDGET_H
#define KUBE_API_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
        double rate;  /* tokens a second */
        double burst; /* most there can be */
        double tokens;
        int64_t at_ns; /* when that many were there */
};

void budget_init(struct budget *b, double rate, double burst, int64_t now_ns); /* full */
bool budget_take(struct budget *b, int64_t now_ns);
int64_t budget_wait_ns(const struct budget *b, int64_t now_ns); /* until there is one; 0 = now */

#endif
