/* will.h - the message a broker publishes when a session ends without goodbye (octopus 4.2).
 *
 * QoS 1 and retained, always.  Pure; threads: none shared.
 */
#ifndef PUBLISH_WILL_H
#define PUBLISH_WILL_H

#include "publish/topic.h"

enum { WILL_MAX_BYTES = 65535 }; /* what MQTT has room for */

/* The topic: template's own, or, when that is NULL or "", `<message_topic>/$will`.  DL_CONFIG:
 * nothing that can be published to. */
int will_topic(const char *template, const char *message_topic, const struct topic_names *names,
               struct buf *ret, struct err *e);

/* The payload, from Base64 in either alphabet, with any padding; "" is an empty payload. */
int will_payload(const char *content, size_t n, struct buf *ret, struct err *e);

#endif
