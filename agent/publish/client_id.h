/* client_id.h - MQTT client ids, as Octopus makes them (octopus 4.1), and those of shared sessions.
 *
 * Pure; threads: none shared.
 */
#ifndef PUBLISH_CLIENT_ID_H
#define PUBLISH_CLIENT_ID_H

#include "base/buf.h"

/* "octopus-" and the UID without dashes; for MQTT 3.1 (version 3), whose ids have 23 bytes at most,
 * a UID of the usual form is thinned out to 15 characters. */
void client_id(const char *uid, int version, struct buf *out);

/* "devicelink-<node>-<16 digits>", or for MQTT 3.1 "devicelink-<12 digits>"; the digits are a
 * fingerprint of `identity` (and of the node), which must hold no secret. */
void client_id_shared(const char *node, const char *identity, int version, struct buf *out);

#endif
