/* last_known_impl.h - what the files behind last_known.h share.  Not for others. */
#ifndef KUBE_LAST_KNOWN_IMPL_H
#define KUBE_LAST_KNOWN_IMPL_H

#include "base/tree.h"
#include "kube/last_known.h"

#include <stdatomic.h>

enum {
        LAST_KNOWN_FILES = 10000,
        LAST_KNOWN_BYTES = 3 << 20, /* of a file */
        LAST_KNOWN_BAD = 100,       /* kept to be looked at */
        LAST_KNOWN_UID = 100,       /* characters */
};

bool last_known_is_uid(const char *s); /* what is safe as a file's name */

/* --- last_known_file.c: one file's text */

/* "{...}\n", or NULL: larger than a file may be.  For free(). */
char *last_known_text(const char *node, const struct tree *object, const struct instance_seen *seen,
                      size_t *ret_len);
/* *ret lives in the arena.  DL_CONFIG: not whole, not right; DL_REFUSED: of another node. */
int last_known_parse(const char *text, size_t n, const char *node, const char *uid, struct arena *a,
                     const struct tree **ret, struct instance_seen *ret_seen, struct err *e);

/* --- last_known_disk.c: the directory; any thread */

struct last_known_change {
        char *uid;
        char *text; /* NULL: remove */
        size_t len;
        bool failed;
};

/* The directory, made where it is missing; -1 and e. */
int last_known_dir(const char *path, struct err *e);
/* Works the list off until *deadline_ns (monotonic); the first failure is in e. */
int last_known_write(const char *path, struct last_known_change *list, size_t n,
                     const _Atomic int64_t *deadline_ns, struct err *e);
/* Each whole file of this node; the others are put aside. */
void last_known_scan(const char *path, const char *node,
                     void (*each)(void *ctx, const char *uid, const char *text, size_t len,
                                  const struct tree *object, const struct instance_seen *,
                                  struct arena *owned),
                     void *ctx);

#endif
