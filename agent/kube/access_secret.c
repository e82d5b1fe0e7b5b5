/* access_secret.c - files with secrets: read within bounds, wiped when they go. */
#include "kube/access_impl.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void access_wipe(char *s)
{
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
}

/* Texts live in the arena, where they were copied to. */
void access_wipe_tree(const struct tree *t)
{
        if (t && t->type == TREE_TEXT)
                explicit_bzero((void *)(uintptr_t)t->as.text, t->n);
        TREE_FOREACH (child, t)
                access_wipe_tree(child);
}

bool access_is_token(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (s[i] <= ' ' || s[i] >= 0x7f)
                        return false;
        }
        return n > 0;
}

bool access_same(const char *a, const char *b)
{
        if (!a || !b)
                return a == b;
        return strcmp(a, b) == 0;
}

/* Up to max + 1 bytes: one more shows that it is too long. */
static ssize_t fill(int fd, char *out, size_t max)
{
        size_t n = 0;

        while (n <= max) {
                ssize_t got = read(fd, out + n, max + 1 - n);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -1;
                if (got == 0)
                        break;
                n += (size_t)got;
        }
        return (ssize_t)n;
}

/* A named pipe would stop the reader, and is not waited for. */
int access_read_file(const char *path, size_t max, char **ret, size_t *ret_len, struct err *e)
{
        struct stat st;
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_set(e, DL_CONFIG, "read '%s': %m", path);
        if (!S_ISREG(st.st_mode))
                return err_set(e, DL_CONFIG, "read '%s': expected a regular file", path);
        if (st.st_size > (off_t)max)
                return err_set(e, DL_CONFIG, "read '%s': expected at most %zu bytes", path, max);
        /* Of its size, and room for what is written meanwhile; not all of max. */
        size_t room = (size_t)st.st_size + 4096 < max ? (size_t)st.st_size + 4096 : max;
        char *text = xmalloc(room + 2);
        ssize_t n = fill(fd, text, room);
        if (n > 0 && (size_t)n <= room) {
                text[n] = '\0';
                *ret = text;
                *ret_len = (size_t)n;
                return 0;
        }
        int rc =
                n < 0 ? err_set(e, DL_CONFIG, "read '%s': %m", path)
                      : err_set(e, DL_CONFIG,
                                n ? "read '%s': it grows while it is read" : "'%s' is empty", path);
        explicit_bzero(text, room + 2);
        free(text);
        return rc;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int access_read_token(const char *path, char **ret, struct err *e)
{
        char *text = NULL;
        size_t n = 0;
        size_t begin = 0;
        int rc = access_read_file(path, ACCESS_TOKEN_MAX, &text, &n, e);

        if (!text)
                return rc;
        while (n && is_space(text[n - 1]))
                n--;
        while (begin < n && is_space(text[begin]))
                begin++;
        if (begin == n)
                rc = err_set(e, DL_CONFIG, "'%s' is empty", path);
        else if (!access_is_token(text + begin, n - begin))
                rc = err_set(e, DL_CONFIG, "'%s': expected a token, printable and without spaces",
                             path);
        if (rc == 0) {
                text[n] = '\0';
                *ret = xstrdup(text + begin);
        }
        explicit_bzero(text, n);
        free(text);
        return rc;
}
