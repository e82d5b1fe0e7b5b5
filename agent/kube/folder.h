/* folder.h - the desired set from a folder of YAML (or JSON), as a cluster would hold it.
 *
 * Every *.yaml, *.yml and *.json of the folder (not below it, not hidden ones; a link to a file
 * counts) is read: documents of kinds DeviceLink, Secret, ConfigMap, List, and device objects given
 * directly (apiVersion devices.edge.cattle.io/..., any kind).  Other kinds are a warning.  A file
 * that breaks keeps its own last good state and is reported; the others are not touched.  Editor
 * renames and the `..data` symlink swap of mounted ConfigMaps are followed; changes settle for 50
 * ms before they are read.
 * Limits: 3 MiB per file, 10,000 files, tree_limits_default per document.
 * Threads: the loop.
 */
#ifndef KUBE_FOLDER_H
#define KUBE_FOLDER_H

#include "base/finding.h"
#include "loop/loop.h"
#include "model/spec.h"

struct folder;

struct folder_config {
        struct loop *loop;
        const char *dir;
        const char *node; /* only links of this node; NULL = all */
        const char *host; /* goes into the made-up uid of objects without one */
        void *ctx;
        /* The whole set, after the first read and after each change that matters; the set lives for
         * the call (take references).  Findings: of all files, as of now. */
        void (*changed)(void *ctx, const struct desired *, const struct findings *);
};

/* DL_CONFIG: the directory does not exist or cannot be read.  Reads at once, calls changed() before
 * it returns. */
int folder_open(const struct folder_config *, struct folder **ret, struct err *e);
void folder_close(struct folder *f); /* NULL is fine */

/* The same reading without watching, for `validate`: files, directories, or "-" for stdin.
 * DL_CONFIG: a path cannot be read (reported in f too). */
int folder_read(const char *const *paths, size_t n, const char *node, const char *host,
                struct desired *ret, struct findings *f);

#endif
