/* err.h - errors on the caller's stack.
 *
 * A function that can fail returns 0 or a negative enum dl_rc and takes a struct err *, last.  It
 * fills the struct only on failure; failing is one line: return err_set(e, DL_CONFIG, "...").
 * Every function here takes e == NULL.  The text is for the operator: path, value, expectation.
 * Limits: texts are cut, never overrun.  Threads: none shared.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <devicelink/adaptor.h> /* enum dl_rc */

struct err {
        int rc;         /* enum dl_rc */
        char path[192]; /* within the document in question, "spec.properties[3].type"; or "" */
        char text[512];
};

/* Both return rc.  %m is errno's text. */
int err_set(struct err *e, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));
int err_at(struct err *e, int rc, const char *path, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Put "prefix: " before the text.  Returns e->rc (DL_BUG when e is NULL). */
int err_wrap(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
