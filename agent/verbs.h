/* verbs.h - the verbs of the program.  Each takes argv from its own name on and returns the exit
 * code: 0 all is well, 1 what the verb reports as failed, 2 usage. */
#ifndef VERBS_H
#define VERBS_H

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int verb_agent(int argc, char **argv);
int verb_get(int argc, char **argv);
int verb_operator(int argc, char **argv);
int verb_validate(int argc, char **argv);

#endif
