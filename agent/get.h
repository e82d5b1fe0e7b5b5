/* get.h - what the files of the verb `get` share: get.c asks the agent, get_print.c prints what it
 * says, get_row.c makes rows of it. */
#ifndef GET_H
#define GET_H

#include "base/tree.h"

enum get_form { GET_TABLE, GET_WIDE, GET_YAML, GET_JSON };

struct get_options {
        bool devices;
        const char *name;  /* NULL = all */
        const char *space; /* NULL = all */
        enum get_form form;
        bool watch;
        const char *state, *socket; /* one of them, or none */
};

/* --- get_row.c */

enum { GET_CELLS_MAX = 12 };

struct get_row {
        char *key;  /* "namespace/name" */
        char *said; /* the object less what changes all the time */
        char *cells[GET_CELLS_MAX];
};

/* Titles of the columns; returns how many. */
size_t get_titles(const struct get_options *o, const char *ret[GET_CELLS_MAX]);
/* wall_ns: now. */
struct get_row get_row_of(const struct get_options *o, const struct tree *object, int64_t wall_ns);
void get_row_done(struct get_row *r);
/* As kubectl tells ages: "5s", "2m30s", "3h", "12d". */
size_t get_age(int64_t ns, char out[32]);

/* --- get_print.c */

struct get_printer {
        const struct get_options *options;
        struct get_row *rows; /* as last printed, in order of their keys */
        size_t n;
        size_t widths[GET_CELLS_MAX];
        bool begun, titled;
};

/* One answer of the agent.  Returns 0, DL_CONFIG: it is none; DL_REFUSED: what was asked for by
 * name is not there.  Later ones: only what has changed is printed. */
int get_print(struct get_printer *p, const char *json, size_t len, struct err *e);
void get_printer_done(struct get_printer *p);

#endif
