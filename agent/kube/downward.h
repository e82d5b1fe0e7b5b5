/* downward.h - the downward API: fields of a link as text (octopus 1.4).
 *
 * Paths: metadata.name, .namespace, .uid, .labels, .annotations, metadata.labels['k'],
 * metadata.annotations['k'], status.nodeName, .nodeHostName, .nodeInternalIP, .nodeInternalDNS,
 * .nodeExternalIP, .nodeExternalDNS.  Everything else is an error, a missing key is an empty text.
 * Pure; threads: any.
 */
#ifndef KUBE_DOWNWARD_H
#define KUBE_DOWNWARD_H

#include "base/buf.h"
#include "base/err.h"
#include "kube/devicelink.h"

/* Adds the text to out.  DL_CONFIG: e says what is expected; e->path stays empty. */
int downward_text(const struct devicelink *link, const char *path, struct buf *out, struct err *e);

#endif
