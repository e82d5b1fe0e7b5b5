/* options.h - what the command lines of all verbs share. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/log.h"

#include <stdint.h>

/* "devicelink VERB: WHAT 'VALUE'" and where help is, to standard error; value NULL = none.  Returns
 * EXIT_USAGE. */
int options_error(const char *verb, const char *what, const char *value);

/* Each returns NULL, or what was expected, for options_error(); *ret is untouched then. */
const char *options_level(const char *s, enum log_level *ret);     /* --log-level */
const char *options_format(const char *s, enum log_format *ret);   /* --log-format */
const char *options_verbosity(const char *s, enum log_level *ret); /* --v N, as octopus 2.4 */
/* A duration of at least 0: "5s". */
const char *options_duration(const char *s, int64_t *ret_ns);

/* --OPTION takes a namespace.  -1: value is one, or NULL; else EXIT_USAGE, and it was said. */
int options_check_namespace(const char *verb, const char *option, const char *value);

#endif
