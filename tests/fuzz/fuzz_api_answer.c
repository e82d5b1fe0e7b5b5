/* Any bytes as an answer of an API server, or of what stands before it: there is a class, and a
 * text that can be shown.  The first byte picks the status, the second the content type. */
/* libs: dl_kube */
#include "base/text.h"
#include "fuzz.h"
#include "kube/api_answer.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 16 };

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void check_text(const char *s)
{
        check(s && strlen(s) <= ANSWER_MESSAGE_MAX && text_is_utf8(s, strlen(s)));
        for (; *s; s++)
                check((unsigned char)*s >= ' ' && *s != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const long statuses[] = { 200, 201, 204, 301, 400, 401, 403, 404, 409, 410,
                                         413, 415, 422, 429, 500, 502, 503, 504, 999 };
        static const char *const types[] = { "application/json", "application/json;charset=utf-8",
                                             "text/plain; charset=utf-8", "text/html", "" };
        struct kube_answer r;

        if (size < 2 || size > INPUT_MAX)
                return 0;
        struct answer_in in = {
                .status = statuses[data[0] % (sizeof(statuses) / sizeof(statuses[0]))],
                .content_type = types[data[1] % (sizeof(types) / sizeof(types[0]))],
                .body = (const char *)data + 2,
                .len = size - 2,
                .raw = data[0] & 0x80,
        };

        answer_read(&in, &r);
        check(r.status == in.status && r.arena);
        check_text(r.reason);
        if (r.class == KUBE_OK)
                check(r.message[0] == '\0' && (r.object || r.body || in.len == 0));
        else
                check_text(r.message);
        check(r.class == KUBE_OK || (r.message[0] != '\0' && !r.body));
        check(!r.no_resource || r.class == KUBE_MISSING);
        answer_done(&r, true);
        check(!r.arena);
        return 0;
}
