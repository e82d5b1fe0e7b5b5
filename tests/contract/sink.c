/* sink.c - what the plugin tells of a link, checked and kept. */
#include "contract/host_impl.h"

#include <string.h>

static bool type_fits(uint32_t got, uint32_t told)
{
        return told == DL_NONE || got == told;
}

static void check_sample(const struct dl_sink *k, const struct dl_sample *s)
{
        struct dl_value copy = { 0 };
        struct err e = { 0 };

        if (s->quality > DL_BAD)
                violation("point %u: quality %u", s->point, s->quality);
        if (s->quality != DL_GOOD && (!s->error || !s->error[0]))
                violation("point %u: not good, and no reason given", s->point);
        if (s->quality == DL_GOOD && s->error)
                violation("point %u: good with an error", s->point);
        if (s->quality == DL_BAD)
                return;
        if (!type_fits(s->value.type, k->info->points[s->point].type))
                violation("point %u: type %u, described as %u", s->point, s->value.type,
                          k->info->points[s->point].type);
        if (value_copy(&s->value, &copy, &e) < 0)
                violation("point %u: %s", s->point, e.text);
        else
                value_done(&copy);
        if (s->value.type == DL_NONE)
                violation("point %u: a sample without a value", s->point);
}

static void record(struct dl_sink *k, const struct dl_sample *s)
{
        struct point_record *p = &k->points[s->point];

        p->samples++;
        p->quality = s->quality;
        p->has_error = s->error != NULL;
        if (s->quality == DL_BAD)
                return;
        value_done(&p->value);
        (void)value_copy(&s->value, &p->value, NULL);
}

void sink_emit(struct dl_sink *k, const struct dl_sample *list, size_t n)
{
        const char *at = (const char *)list;

        if (k->closed) {
                violation("emit() after close()");
                return;
        }
        (void)pthread_mutex_lock(&k->lock);
        for (size_t i = 0; i < n; i++) {
                struct dl_sample s = { 0 };
                uint32_t size = list->size;

                if (size < offsetof(struct dl_sample, value) + sizeof(s.value)) {
                        violation("a sample of %u bytes", size);
                        break;
                }
                memcpy(&s, at + i * size, size < sizeof(s) ? size : sizeof(s));
                if (s.size != size)
                        violation("samples of different sizes in one call");
                if (s.point >= k->n_points) {
                        violation("emit() for point %u of %zu", s.point, k->n_points);
                        continue;
                }
                check_sample(k, &s);
                record(k, &s);
        }
        (void)pthread_mutex_unlock(&k->lock);
}

void sink_wrote(struct dl_sink *k, uint32_t point, int rc, uint32_t code, const char *text)
{
        (void)code;
        if (k->closed || point >= k->n_points) {
                violation("wrote() for point %u of %zu%s", point, k->n_points,
                          k->closed ? " after close()" : "");
                return;
        }
        if (rc > 0 || rc < DL_BUG || (rc < 0 && (!text || !text[0])))
                violation("wrote() with %d and %s", rc, text ? text : "no text");
        (void)pthread_mutex_lock(&k->lock);
        k->points[point].wrote++;
        k->points[point].wrote_rc = rc;
        (void)pthread_mutex_unlock(&k->lock);
}
