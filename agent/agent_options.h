/* agent_options.h - the options of the verb `agent`. */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include "base/log.h"

#include <stdint.h>

struct agent_options {           /* all borrowed from argv and the environment */
        const char *manifests;   /* NULL = cluster */
        const char *kubeconfig;  /* NULL = as kube/access.h finds it */
        const char *node;        /* NULL = links of every node; never in a cluster */
        const char *space;       /* only links of this namespace; NULL = all */
        const char *lease_space; /* NULL = own namespace */
        const char *adaptors;    /* "DIR[:DIR]" */
        const char *state;       /* NULL = the default */
        const char *metrics;     /* address; NULL = the default of the mode */
        int64_t status_interval_ns, status_refresh_ns;
        int64_t cleanup_ns, keep_ns, start_jitter_ns;
        enum log_level level;
        enum log_format format;
};

/* The defaults of all that has one of its own; node, adaptors and state are the caller's. */
void agent_options_init(struct agent_options *o);
/* Fill in what is given.  -1: go on; else the exit code, and what is wrong, or the help, was
 * printed. */
int agent_options_parse(int argc, char **argv, struct agent_options *o);

#endif
