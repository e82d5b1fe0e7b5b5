/* Whatever a kubeconfig says, it gives a way to a cluster or one clear error. */
/* libs: dl_kube */
#include "fuzz.h"
#include "kube/access_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { INPUT_MAX = 1 << 15 };

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void check_spec(const struct access_spec *s)
{
        size_t n = strlen(s->server);

        check(strncmp(s->server, "http", 4) == 0 && s->server[n - 1] != '/');
        check(s->space[0] && s->source[0]);
        check(!(s->ca.text && s->ca.path) && !(s->key.text && s->key.path));
        check(!s->ca.path || s->ca.path[0] == '/');
        check(!s->insecure || (!s->ca.text && !s->ca.path));
        check((s->token || s->token_path) + (s->user != NULL) + (s->exec != NULL) <= 1);
        check(!s->token || access_is_token(s->token, strlen(s->token)));
        check(!s->exec || (s->exec->argv[0] && s->exec->environ[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static int fd = -1;
        static char path[64];
        const char *const paths[] = { path, path };
        struct access_spec s = { 0 };
        struct err e = { 0 };

        if (fd < 0) {
                fd = memfd_create("kubeconfig", MFD_CLOEXEC);
                (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        }
        if (size > INPUT_MAX)
                return 0;
        check(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
        if (access_kubeconfig(paths, 1 + size % 2, false, &s, &e) == 0) {
                check_spec(&s);
                access_spec_done(&s);
        } else {
                check(e.rc == DL_CONFIG && e.text[0] && !s.server);
        }
        return 0;
}
