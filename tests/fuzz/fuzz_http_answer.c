/* However the lines and the body of an answer come, their bounds hold. */
/* libs: dl_loop */
#include "fuzz.h"
#include "loop/http_impl.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
        if (!holds)
                abort();
}

/* Lines until an empty one, as libcurl hands them on; then the body.  True: all was taken. */
static bool feed(struct http_call *c, char *bytes, size_t n)
{
        while (n) {
                char *end = memchr(bytes, '\n', n);
                size_t len = end ? (size_t)(end - bytes) + 1 : n;
                bool is_body = c->began;

                if (is_body)
                        len = n;
                if ((is_body ? http_on_body : http_on_header)(bytes, 1, len, c) != len)
                        return false;
                bytes += len;
                n -= len;
        }
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct http_pool pool = { 0 };
        struct http_call c = { .pool = &pool,
                               .type = BUF(256),
                               .warning = BUF(4096),
                               .retry_after_ns = -1,
                               .body_max = 1000 };
        char *bytes = malloc(size + 1);

        if (!bytes)
                abort();
        memcpy(bytes, data, size);
        bool all = feed(&c, bytes, size);
        http_verdict(&c, all ? CURLE_OK : CURLE_WRITE_ERROR);
        check(c.refused == DL_OK || http_text(&c)[0]);
        check(c.refused != DL_OK || (c.began && c.status >= 200));
        check(c.answer_len <= 1000);
        check(!c.answer || c.answer[c.answer_len] == '\0');
        check(c.type.len <= 256 && c.warning.len <= 4096);
        check(c.retry_after_ns >= -1);
        http_wipe_free(c.answer, c.answer_cap);
        buf_done(&c.type);
        buf_done(&c.warning);
        free(bytes);
        return 0;
}
