#include "kube/api_budget.h"

#include "base/clock.h"

void budget_init(struct budget *b, double rate, double burst, int64_t now_ns)
{
        *b = (struct budget){ .rate = rate, .burst = burst, .tokens = burst, .at_ns = now_ns };
}

static double tokens_at(const struct budget *b, int64_t now_ns)
{
        double passed = now_ns > b->at_ns ? (double)(now_ns - b->at_ns) / (double)NS_PER_S : 0;
        double tokens = b->tokens + passed * b->rate;

        return tokens < b->burst ? tokens : b->burst;
}

bool budget_take(struct budget *b, int64_t now_ns)
{
        double tokens = tokens_at(b, now_ns);

        if (tokens < 1)
                return false;
        b->tokens = tokens - 1;
        b->at_ns = now_ns;
        return true;
}

int64_t budget_wait_ns(const struct budget *b, int64_t now_ns)
{
        double missing = 1 - tokens_at(b, now_ns);

        if (missing <= 0)
                return 0;
        return (int64_t)(missing / b->rate * (double)NS_PER_S) + 1;
}
