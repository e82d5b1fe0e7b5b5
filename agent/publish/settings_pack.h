/* settings_pack.h - within the room: settings from parts that live elsewhere. */
#ifndef PUBLISH_SETTINGS_PACK_H
#define PUBLISH_SETTINGS_PACK_H

#include "publish/settings.h"

/* Copies what `loose` points to; one reference. */
struct settings *settings_pack(const struct settings *loose);

#endif
