/* metric.c - lines of the Prometheus text format. */
#include "serve/serve.h"

#include "base/text.h"

void metric_head(struct buf *out, const char *name, const char *type, const char *help)
{
        buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_escaped(struct buf *out, const char *s)
{
        for (; *s; s++) {
                if (*s == '\\' || *s == '"')
                        buf_addc(out, '\\');
                if (*s == '\n')
                        buf_adds(out, "\\n");
                else
                        buf_addc(out, *s);
        }
}

static void add_label(struct buf *out, char before, const char *name, const char *value)
{
        buf_addc(out, before);
        buf_adds(out, name);
        buf_adds(out, "=\"");
        add_escaped(out, value);
        buf_addc(out, '"');
}

/* le: NULL = none */
static void add_labels(struct buf *out, const struct metric_label *labels, size_t n, const char *le)
{
        for (size_t i = 0; i < n; i++)
                add_label(out, i == 0 ? '{' : ',', labels[i].name, labels[i].value);
        if (le)
                add_label(out, n == 0 ? '{' : ',', "le", le);
        if (n > 0 || le)
                buf_addc(out, '}');
}

static void add_value(struct buf *out, double value)
{
        char text[TEXT_REAL_MAX];

        buf_addc(out, ' ');
        buf_add(out, text, text_real(value, false, text));
        buf_addc(out, '\n');
}

void metric_value(struct buf *out, const char *name, const struct metric_label *labels, size_t n,
                  double value)
{
        buf_adds(out, name);
        add_labels(out, labels, n, NULL);
        add_value(out, value);
}

void metric_histogram(struct buf *out, const char *name, const struct metric_label *labels,
                      size_t n, const struct histogram *h)
{
        uint64_t total = 0;

        for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
                char le[TEXT_REAL_MAX] = "+Inf";

                if (i < HISTOGRAM_BOUNDS)
                        (void)text_real(histogram_bounds[i], false, le);
                total += h->buckets[i];
                buf_addf(out, "%s_bucket", name);
                add_labels(out, labels, n, le);
                add_value(out, (double)total);
        }
        buf_addf(out, "%s_sum", name);
        add_labels(out, labels, n, NULL);
        add_value(out, h->seconds);
        buf_addf(out, "%s_count", name);
        add_labels(out, labels, n, NULL);
        add_value(out, (double)total);
}
