/* operator_options.h - the options of the verb `operator`. */
#ifndef OPERATOR_OPTIONS_H
#define OPERATOR_OPTIONS_H

#include "base/log.h"

struct operator_options {        /* all borrowed from argv and the environment */
        const char *kubeconfig;  /* NULL = as kube/access.h finds it */
        const char *metrics;     /* address */
        const char *lease_space; /* NULL = own namespace */
        const char *identity;    /* NULL = made */
        bool elect;
        int64_t grace_ns;
        enum log_level level;
        enum log_format format;
};

/* With the defaults where nothing is given.  -1: go on; else the exit code, and what is wrong, or
 * the help, was printed. */
int operator_options_parse(int argc, char **argv, struct operator_options *o);

#endif
