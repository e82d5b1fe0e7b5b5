/* uid.h - a uid for objects that no API server gave one: the same after every restart.
 *
 * RFC 4122 name-based (version 5): SHA-1 over a fixed namespace of ours and host, kind, namespace
 * and name.  Pure; threads: any.
 */
#ifndef KUBE_UID_H
#define KUBE_UID_H

enum { UID_SIZE = 37 };

/* key: "namespace/name".  host may be NULL. */
void uid_make(const char *host, const char *kind, const char *key, char out[UID_SIZE]);

#endif
