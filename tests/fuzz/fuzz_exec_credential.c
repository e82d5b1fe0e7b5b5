/* Whatever a credential plugin prints, it gives a credential that a header takes, or one error. */
/* libs: dl_kube */
#include "fuzz.h"
#include "kube/access_impl.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
        if (!holds)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char version[] = "client.authentication.k8s.io/v1";
        const struct access_exec x = { .api_version = version };
        struct access_grant g = { 0 };
        struct err e = { 0 };

        if (access_exec_parse(&x, (const char *)data, size, &g, &e) == 0) {
                check(g.token || g.certificate);
                check(!g.certificate == !g.key);
                check(!g.token || access_is_token(g.token, strlen(g.token)));
                access_grant_done(&g);
        } else {
                check(e.rc == DL_CONFIG && e.text[0] && !g.token && !g.key);
        }
        return 0;
}
