/* paths.h - where the program finds its parts. */
#ifndef PATHS_H
#define PATHS_H

/* The directory of adaptors when none is given: "adaptors" beside the executable (a build tree),
 * else that of the installation the executable is part of, wherever it was put, else where it was
 * to be put.  For free(). */
char *paths_adaptors(void);

/* The first of `dirs` ("DIR[:DIR]") that is no directory, with the reason: "'/x': No such file or
 * directory"; NULL when all are.  For free(). */
char *paths_missing(const char *dirs);

#endif
