/* text_locale.h - the "C" locale for strtod_l() and strtof_l(), whatever a library has made of the
 * process's.  Private to base/text_*.c.  Threads: any. */
#ifndef BASE_TEXT_LOCALE_H
#define BASE_TEXT_LOCALE_H

#include <locale.h>

locale_t text_c_locale(void); /* made once, never freed */

#endif
