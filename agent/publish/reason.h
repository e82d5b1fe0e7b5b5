/* reason.h - why a broker refused or ended a connection, in words.  Pure. */
#ifndef PUBLISH_REASON_H
#define PUBLISH_REASON_H

#include <stdbool.h>

/* code: 1..5 of MQTT 3.1 and 3.1.1, or 128.. of MQTT 5. Never NULL. */
const char *reason_text(int code);
/* Trying again soon may help: the broker is busy or going down, not refusing this client. */
bool reason_is_passing(int code);

#endif
