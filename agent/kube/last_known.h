/* last_known.h - the links this agent last knew, on disk: a start without API server drives them.
 *
 * STATE/links/<uid>.json: {"version":1,"node":...,"seen":{...},"crc":...,"object":{DeviceLink}},
 * mode 0600, replaced by rename after fsync, the directory synced once a batch.  No Secret content;
 * the object without managedFields and last-applied-configuration.  A file that cannot be read
 * or fails its CRC (CRC-32 of the object's text, zlib's polynomial) is renamed to *.bad (at most
 * 100, then it is removed), said, and not used.  A file of another node is removed.
 * Limits: 10,000 files, 3 MiB each.  A full or read-only disk is said once, stops nobody, and is
 * tried again every minute while something waits.
 * Threads: calls on the loop; files are written by one worker thread.
 */
#ifndef KUBE_LAST_KNOWN_H
#define KUBE_LAST_KNOWN_H

#include "kube/instance.h"
#include "loop/loop.h"

struct last_known;

int last_known_open(struct loop *l, const char *state_dir, const char *node,
                    struct last_known **ret, struct err *e);
/* All that is there: the tree lives in the arena, which the callee owns. */
void last_known_read(struct last_known *k,
                     void (*each)(void *ctx, const struct tree *object,
                                  const struct instance_seen *, struct arena *owned),
                     void *ctx);
/* Copied; written soon; equal content is not written. */
void last_known_put(struct last_known *k, const char *uid, const struct tree *object,
                    const struct instance_seen *);
void last_known_remove(struct last_known *k, const char *uid);
/* Writes what waits (a file is not begun after 2 s), then frees.  NULL is fine. */
void last_known_close(struct last_known *k);

#endif
