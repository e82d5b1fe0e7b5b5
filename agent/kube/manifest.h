/* manifest.h - one file of manifests: its bytes, and the objects in it.
 *
 * Limits: MANIFEST_MAX bytes a file, MANIFESTS_MAX files a directory, tree_limits_default a
 * document.  Nothing here blocks on what is not a regular file.  Threads: none shared.
 */
#ifndef KUBE_MANIFEST_H
#define KUBE_MANIFEST_H

#include "kube/objects.h"

#include <sys/types.h>

enum { MANIFEST_MAX = 3 * 1024 * 1024, MANIFESTS_MAX = 10000 };

struct stamp { /* equal = the same content, unless it was written to within a clock tick */
        dev_t dev;
        ino_t ino;
        off_t size;
        int64_t modified_ns;
        int64_t changed_ns;
        int error; /* errno of looking at it, 0 = none; the rest is zero then */
};

bool stamp_equal(const struct stamp *a, const struct stamp *b);
struct stamp stamp_of(int dirfd, const char *name);
/* Written to less than `age` before `now` (wall). */
bool stamp_is_younger(const struct stamp *s, int64_t now_ns, int64_t age_ns);

/* Names of the manifests of a directory, sorted by byte; for manifest_names_done().  Too many: the
 * first MANIFESTS_MAX, and an error in f.  DL_CONFIG: not readable. */
struct manifest_names {
        char **list;
        size_t n;
};
int manifest_list(int dirfd, const char *dir, struct manifest_names *ret, struct findings *f,
                  struct err *e);
void manifest_names_done(struct manifest_names *n);

/* Objects of a file.  What is wrong goes into f.  NULL: nothing could be read (reported).  shown:
 * the file's name in findings. */
struct object_set *manifest_read(int dirfd, const char *name, const char *shown, unsigned flags,
                                 struct findings *f);
/* The same from a descriptor that may block: YAML, or JSON that is YAML, too. */
struct object_set *manifest_read_fd(int fd, const char *shown, unsigned flags, struct findings *f);

#endif
