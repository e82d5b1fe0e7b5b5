/* adaptors.h - finding, loading and checking plugins.
 *
 * Every *.so of a list of directories is loaded (RTLD_NOW | RTLD_LOCAL) in order; the first of a
 * name wins.  What is missing, of a wrong version, half filled, failing or doubled is reported
 * through `f` and harms nobody else.  Optional slots get defaults and short structs are completed
 * once, here.
 * Threads: the loop, before links run.  Loaded plugins stay until adaptors_free().
 */
#ifndef LINK_ADAPTORS_H
#define LINK_ADAPTORS_H

#include "base/finding.h"
#include "model/spec.h"
#include "model/state.h"

struct adaptors;

/* dirs: "DIR[:DIR]" */
struct adaptors *adaptors_load(const char *dirs, struct findings *f);
void adaptors_free(struct adaptors *a); /* NULL is fine */
size_t adaptors_count(const struct adaptors *a);
const struct dl_adaptor *adaptors_at(const struct adaptors *a, size_t i); /* complete */

bool adaptor_drives(const struct dl_adaptor *a, const char *kind);
/* By name, or when the name is "" the one that lists the kind.  NULL: there is none. */
const struct dl_adaptor *adaptors_find(const struct adaptors *a, const char *name,
                                       const char *kind);

/* A compiled device: the plugin's object and its completed info, counted. */
struct device {
        unsigned refs; /* atomic */
        const struct dl_adaptor *adaptor;
        struct dl_device *object;
        const struct dl_info *info; /* completed copy, points included, for the host to use */
};

/* Compile a link's spec.  Findings get paths below spec->spec_path and lines from spec->spec.
 * DL_CONFIG: the spec is wrong (f says where), DL_BUG: the plugin broke the contract. */
int device_compile(const struct dl_adaptor *a, const struct link_spec *spec, struct findings *f,
                   struct device **ret, struct err *e);
struct device *device_ref(struct device *d);
void device_unref(struct device *d); /* NULL is fine; any thread */
/* The status document: the plugin's status() or the layout. */
void device_status(const struct device *d, const struct states *states, struct buf *out);

#endif
