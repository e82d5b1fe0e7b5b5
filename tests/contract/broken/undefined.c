/* Loading fails: a function that nobody has. */
#include "parts.h"

/* Not in any library on purpose. */
void dl_test_nobody_has_this(void);

EXPORT const struct dl_adaptor *dl_adaptor_v1(const struct dl_host *host)
{
        parts_host = host;
        dl_test_nobody_has_this();
        return NULL;
}
