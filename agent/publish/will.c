/* will.c - topic and payload of a will. */
#include "publish/will.h"

#include "base/mem.h"
#include "base/text.h"

int will_topic(const char *template, const char *message_topic, const struct topic_names *names,
               struct buf *ret, struct err *e)
{
        auto_of(buf) struct buf made = BUF(TOPIC_MAX_BYTES);

        if (!template || !*template) {
                topic_will_default(message_topic, &made);
                if (!buf_ok(&made))
                        return topic_check(&made, e);
                template = buf_text(&made);
        }
        topic_render(template, names, ret);
        return topic_check(ret, e);
}

int will_payload(const char *content, size_t n, struct buf *ret, struct err *e)
{
        auto_free char *bytes = xmalloc(n / 4 * 3 + 3);
        size_t len;

        int rc = text_parse_base64(content, n, bytes, &len, e);
        if (rc < 0)
                return rc;
        if (len > WILL_MAX_BYTES)
                return err_set(e, DL_CONFIG, "expected at most %d bytes, got %zu", WILL_MAX_BYTES,
                               len);
        buf_add(ret, bytes, len);
        return 0;
}
