/* agent_options.h - the options of the verb `agent`. */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include "base/log.h"

struct agent_options { /* all borrowed from argv and the environment */
        const char *manifests;
        const char *node;     /* NULL = links of every node */
        const char *adaptors; /* "DIR[:DIR]" */
        const char *state;    /* NULL = the default */
        enum log_level level;
        enum log_format format;
};

/* Fill in what is given; the defaults are there before.  -1: go on; else the exit code, and what is
 * wrong, or the help, was printed. */
int agent_options_parse(int argc, char **argv, struct agent_options *o);

#endif
