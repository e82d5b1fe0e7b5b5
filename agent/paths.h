/* paths.h - where the program finds its parts. */
#ifndef PATHS_H
#define PATHS_H

/* The directories of adaptors when none are given: "adaptors" beside the executable (a build tree)
 * when it exists, else the installed one.  For free(). */
char *paths_adaptors(void);

/* The first of `dirs` ("DIR[:DIR]") that is no directory, with the reason: "'/x': No such file or
 * directory"; NULL when all are.  For free(). */
char *paths_missing(const char *dirs);

#endif
